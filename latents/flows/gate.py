"""The gated update of an inverse autoregressive flow."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Transform, constraints
from torch.nn import functional

_FLOOR = 1e-2  # of the gate, so that going back amplifies rounding errors by at most 100


class Gate(Transform):
    r"""y = s x + (1 - s) m with s = 0.01 + 0.99 sigmoid(a + 2): near the identity when a and m are near zero.

    Reference: Kingma et al., "Improving variational inference with inverse autoregressive flow", 2016, equations
    13-14 (without the floor under s, which bounds the inverse).

    Args:
        m: where a closed gate moves x to, `[...]`.
        a: how far the gate is open, before the sigmoid, `[...]`.
    """

    domain = constraints.real
    codomain = constraints.real
    bijective = True
    sign = +1

    def __init__(self, m: Tensor, a: Tensor):
        super().__init__()
        self.m = m
        opened = functional.logsigmoid(a + 2) + math.log1p(-_FLOOR)
        self.log_s = torch.logaddexp(opened, torch.full_like(opened, math.log(_FLOOR)))
        self.s = self.log_s.exp()

    def _call(self, x: Tensor) -> Tensor:
        return torch.lerp(self.m, x, self.s)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.m + (y - self.m) / self.s

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.log_s.expand(x.shape)
