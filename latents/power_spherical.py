"""The power spherical distribution: much like the von Mises-Fisher, with every formula in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Gamma, register_kl

from .bessel import double
from .rotational import Rotational, log_area
from .von_mises_fisher import UniformSphere


class PowerSpherical(Rotational):
    r"""q(z) = C (1 + mu . z)^kappa on the unit sphere in m coordinates.

    With beta = (m - 1) / 2, alpha = beta + kappa: 1 / C = 2^(alpha + beta) pi^beta Gamma(alpha) / Gamma(alpha + beta),
    and (1 + mu . z) / 2 ~ Beta(alpha, beta), so that a draw is a ratio of gamma variables: nothing is rejected.

    Reference: De Cao and Aziz, "The power spherical distribution", 2020.
    """

    _cluster = 2

    @property
    def resultant_length(self) -> Tensor:
        """E[mu . z] = (alpha - beta) / (alpha + beta), `[...]`."""
        return self.concentration / (self.concentration + (self.coordinates - 1))

    @property
    def mean(self) -> Tensor:
        """E[z]: a point inside of the sphere."""
        return self.resultant_length.unsqueeze(-1) * self.mean_direction

    @property
    def stddev(self) -> Tensor:
        """Of each coordinate, `[..., m]`, from the variance along mu and that across."""
        shape = self._shape()
        total = shape.alpha + shape.beta
        along = 4 * shape.alpha * shape.beta / (total.square() * (total + 1))
        square = along + ((shape.alpha - shape.beta) / total).square()
        across = (1 - square) / (self.coordinates - 1)
        share = double(self.mean_direction).square()
        return torch.lerp(across.unsqueeze(-1), along.unsqueeze(-1), share).sqrt().to(self.mean_direction)

    def entropy(self) -> Tensor:
        """log(1 / C) - kappa E[log(1 + mu . z)], `[...]`."""
        shape = self._shape()
        return (shape.log_total - double(self.concentration) * shape.mean_log).to(self.concentration)

    def kl_to_uniform(self) -> Tensor:
        return log_area(self.coordinates) - self.entropy()

    def _shape(self) -> _Shape:
        beta = 0.5 * (self.coordinates - 1)
        alpha = double(self.concentration) + beta
        log_total = beta * math.log(math.pi) + beta * math.log(4) + torch.lgamma(alpha) - torch.lgamma(alpha + beta)
        return _Shape(alpha, beta, log_total, torch.digamma(alpha) - torch.digamma(alpha + beta))

    def _score(self, gap: Tensor) -> Tensor:
        half = (0.5 * gap).clamp_max(1 - 0.5 * torch.finfo(gap.dtype).eps)
        return self.concentration * torch.log1p(-half) - self._shape().log_total.to(gap)

    def _draw_gap(self, along: Tensor, across: Tensor) -> Tensor:
        gamma = Gamma(self._shape().alpha.expand_as(across), across.new_ones(()), validate_args=False).sample()
        return across / (0.5 * across + gamma)  # across / 2 ~ Gamma(beta)

    def _statistic(self, gap: Tensor) -> Tensor:
        return torch.log1p(-0.5 * gap.clamp_max(2 - 4 * torch.finfo(gap.dtype).eps))  # ends opposite to mu

    def _mean_statistic(self) -> Tensor:
        return self._shape().mean_log.detach()


class _Shape(NamedTuple):
    """alpha, beta, the logarithm of 1 / (C 2^kappa), and E[log((1 + mu . z) / 2)]."""

    alpha: Tensor
    beta: float
    log_total: Tensor
    mean_log: Tensor


@register_kl(PowerSpherical, UniformSphere)
def _kl_to_uniform(q: PowerSpherical, p: UniformSphere) -> Tensor:
    return q.kl_to_uniform()
