"""Sylvester maps: planar ones with a bottleneck of M units instead of one, whose determinant is still cheap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .base import Batched, Transform
from .householder import Householder

_MARGIN = 1e-3  # kept between r_ii r~_ii and -1


@dataclass(frozen=True, eq=False)
class Columns(Batched):
    """Q given as its M orthonormal columns, `[..., d, M]`."""

    q: Tensor

    def into(self, z: Tensor) -> Tensor:
        """Q^T z: `[..., d]` to `[..., M]`."""
        return torch.einsum("...dm,...d->...m", self.q, z)

    def out(self, y: Tensor) -> Tensor:
        """Q y: `[..., M]` to `[..., d]`."""
        return torch.einsum("...dm,...m->...d", self.q, y)


@dataclass(frozen=True, eq=False)
class Reflected(Batched):
    """Q as a product of Householder reflections, M = d: applied to vectors, never built."""

    by: Householder

    def into(self, z: Tensor) -> Tensor:
        return self.by.rotate_back(z)

    def out(self, y: Tensor) -> Tensor:
        return self.by.rotate(y)


@dataclass(frozen=True, eq=False)
class Ordered(Batched):
    """Q as the identity, or as the permutation that turns the order of the d units round; M = d."""

    reverse: bool

    def into(self, z: Tensor) -> Tensor:
        return z.flip(-1) if self.reverse else z

    def out(self, y: Tensor) -> Tensor:
        return self.into(y)


def triangles(square: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """Two upper triangular matrices R and R~ of which r_ii r~_ii > -1, `[..., M, M]` each.

    `square [..., M, M]` gives both: its upper half R, its lower half, transposed, R~; its diagonal that of R, and
    `diagonal [..., M]` that of R~, both through tanh.
    """
    near = (1 - _MARGIN) ** 0.5
    r = torch.triu(square, 1) + torch.diag_embed(near * torch.tanh(square.diagonal(dim1=-2, dim2=-1)))
    return r, torch.triu(square.mT, 1) + torch.diag_embed(near * torch.tanh(diagonal))


@dataclass(frozen=True, eq=False)
class Sylvester(Transform):
    r"""f(z) = z + Q R tanh(R~ Q^T z + b); det = prod_i (1 + (1 - tanh_i^2) r_ii r~_ii), over M units.

    Reference: van den Berg et al., "Sylvester normalizing flows for variational inference", UAI 2018, equations 8-13.

    Args:
        basis: Q, with M orthonormal columns: `Columns`, `Reflected` or `Ordered`.
        r: upper triangular, `[..., M, M]`.
        r_tilde: upper triangular, `[..., M, M]`, with r_ii r~_ii > -1, which makes the map invertible.
        b: `[..., M]`.
    """

    basis: Columns | Reflected | Ordered
    r: Tensor
    r_tilde: Tensor
    b: Tensor

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(torch.einsum("...ij,...j->...i", self.r_tilde, self.basis.into(z)) + self.b)
        diagonal = self.r.diagonal(dim1=-2, dim2=-1) * self.r_tilde.diagonal(dim1=-2, dim2=-1)
        log_det = torch.log1p((1 - h.square()) * diagonal).sum(-1)
        return z + self.basis.out(torch.einsum("...ij,...j->...i", self.r, h)), log_det
