"""Planar maps: z pushed along one direction, by how far it lies along another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .base import Transform

_MARGIN = 1e-3  # kept between w^T u and -1
_SQUARE = 1e-12  # the least |w|^2 that is divided by


def constrained(u: Tensor, w: Tensor) -> Tensor:
    r"""u moved along w until w^T u > -1: what makes the map invertible. `[..., d]` each.

    u' = u + (m(w^T u) - w^T u) w / |w|^2 with m(a) = -1 + e + (1 - e) softplus(a + log(exp(1) - 1)), e = 0.001.
    Rezende and Mohamed (2015, appendix A) have m(a) = -1 + softplus(a), for which u = 0 is not the identity and u'
    grows without bound as w vanishes; here m(0) = 0, which mends both.
    """
    along = (w * u).sum(-1, keepdim=True)
    wanted = _MARGIN - 1 + (1 - _MARGIN) * functional.softplus(along + math.log(math.e - 1))
    return u + (wanted - along) * w / w.square().sum(-1, keepdim=True).clamp_min(_SQUARE)


@dataclass(frozen=True, eq=False)
class Planar(Transform):
    r"""f(z) = z + u tanh(w^T z + b); det = 1 + (1 - tanh^2) w^T u.

    Reference: Rezende and Mohamed, "Variational inference with normalizing flows", 2015, equations 10-12.

    Args:
        u: `[..., d]`, with w^T u > -1 (see `constrained`).
        w: `[..., d]`.
        b: `[...]`.
    """

    u: Tensor
    w: Tensor
    b: Tensor

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh((z * self.w).sum(-1) + self.b)
        slope = (1 - h.square()) * (self.w * self.u).sum(-1)
        return z + h.unsqueeze(-1) * self.u, torch.log1p(slope.clamp_min(1e-6 - 1))
