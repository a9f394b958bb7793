"""p(x|z): the decoder's last layer, from features to a distribution over images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn import functional

from .networks import he_linear
from .parts import Part


@dataclass(frozen=True)
class Measure:
    """What a likelihood is a likelihood of. Two numbers compare only when their measures are equal.

    Args:
        kind: probabilities of discrete images, or densities.
        binarisation: how the images became binary: the draw decides what is being modelled.
    """

    kind: Literal["discrete", "density"]
    binarisation: str

    def __str__(self) -> str:
        return f"{self.kind}, binarisation: {self.binarisation}"


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


class Likelihood(Part, nn.Module):
    """The head of a decoder: `forward(features [..., f])` returns p(x|z) with event shape (C, H, W)."""

    socket: ClassVar[str] = "likelihood"
    binary: ClassVar[bool]
    measure_kind: ClassVar[Literal["discrete", "density"]]

    def forward(self, features: Tensor) -> Distribution:
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Binary pixels, one logit each."""

    kind = "bernoulli"
    binary = True
    measure_kind = "discrete"

    def __init__(self, settings, features: int, shape: tuple[int, int, int]):
        super().__init__()
        self.shape = shape
        self.logits = he_linear(features, math.prod(shape))

    def forward(self, features: Tensor) -> BernoulliImage:
        return BernoulliImage(self.logits(features).unflatten(-1, self.shape))
