"""A diagonal Gaussian sent through invertible maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import constraints

from ..distributions import DiagonalGaussian, VectorDistribution
from .base import Transform


class TransformedGaussian(VectorDistribution):
    r"""z = f_T(... f_1(z_0)), z_0 ~ N(mu, diag(sigma^2)); log q(z) = log N(z_0) - sum_t log |det df_t/dz_{t-1}|.

    A draw and its density come in one pass forward. The density at any other z needs the maps' inverses; where one
    has none, `log_prob` raises NotImplementedError. There is no mean in closed form.

    Reference: Rezende and Mohamed, "Variational inference with normalizing flows", 2015, equation 12.

    Args:
        base: the Gaussians, batch `[..., N]` of vectors `[d]`.
        transforms: f_1, ..., f_T, of the same batch.
    """

    arg_constraints: ClassVar = {}
    support = constraints.real_vector

    def __init__(self, base: DiagonalGaussian, transforms: Sequence[Transform]):
        self.base, self.transforms = base, tuple(transforms)
        super().__init__(base.batch_shape, base.event_shape[0])

    def __getitem__(self, index: Any) -> Self:
        return type(self)(self.base[index], [f[index] for f in self.transforms])

    def detach(self) -> Self:
        return type(self)(self.base.detach(), [f.detach() for f in self.transforms])

    def rsample(self, sample_shape=()) -> Tensor:
        return self.rsample_and_log_prob(tuple(sample_shape))[0]

    def rsample_and_log_prob(self, shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        z, log_q = self.base.rsample_and_log_prob(shape)
        for f in self.transforms:
            z, log_det = f.forward(z)
            log_q = log_q - log_det
        return z, log_q

    def average(self, samples: int = 64) -> Tensor:
        """An estimate of the mean, `[..., N, d]`: draws in pairs whose noise is each other's opposite.

        What maps do linearly cancels exactly. Independent draws of a unit that follows the prior would have a mean of
        variance 1 / samples, which for 64 is above the threshold of an active unit.
        """
        half = self.base.rsample(((samples + 1) // 2,))
        z = torch.cat([half, 2 * self.base.mean - half])
        for f in self.transforms:
            z, _ = f.forward(z)
        return z.mean(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """`[..., N, d]` to `[..., N]`. Raises NotImplementedError where a map has no inverse."""
        z, total = value, torch.zeros((), dtype=value.dtype, device=value.device)
        for f in reversed(self.transforms):
            z, log_det = f.inverse(z)
            total = total + log_det
        return self.base.log_prob(z) - total
