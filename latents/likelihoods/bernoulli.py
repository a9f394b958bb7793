"""Binary pixels."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional

from .base import Likelihood, Shape, image_head


class BernoulliImage(Distribution):
    r"""Independent Bernoulli pixels, log p(x) = sum_i x_i l_i - softplus(l_i), on logits l.

    Args:
        logits: `[..., C, H, W]`.
    """

    arg_constraints: ClassVar = {"logits": constraints.independent(constraints.real, 3)}
    support = constraints.independent(constraints.boolean, 3)

    def __init__(self, logits: Tensor):
        self.logits = logits
        super().__init__(logits.shape[:-3], logits.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """Images `[..., C, H, W]`, binary, broadcast against the batch; returns `[...]`, nats."""
        logits = self.logits.flatten(-3)
        # Below -25, softplus is nothing beside a nat, but its own arithmetic underflows: five times slower.
        normaliser = functional.softplus(functional.threshold(logits, -25, -25))
        return -torch.addcmul(normaliser, value.flatten(-3), logits, value=-1).sum(-1)

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        with torch.no_grad():
            return torch.bernoulli(self.mean.expand(self._extended_shape(sample_shape)))


class Bernoulli(Likelihood):
    """Independent binary pixels, one logit each: p(x|z) = prod_i Bernoulli(x_i; sigmoid(l_i(z)))."""

    kind = "bernoulli"
    binary = True
    measure_kind = "discrete"

    def __init__(self, settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__(settings, features, shape, spatial)
        self.logits = image_head(features, 1, shape, spatial)

    def forward(self, features: Tensor) -> BernoulliImage:
        return BernoulliImage(self.logits(features).squeeze(-4))
