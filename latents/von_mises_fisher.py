"""The von Mises-Fisher distribution, and the uniform one that it is measured against."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import register_kl

from .bessel import double, log_bessel_and_ratio
from .distributions import LOG_TWO_PI, VectorDistribution
from .rotational import Rotational, log_area

_PROPOSALS = 1024  # at least so many are drawn at a time for those that wait


class VonMisesFisher(Rotational):
    r"""q(z) = C_m(kappa) exp(kappa mu . z) on the unit sphere in m coordinates.

    C_m(kappa) = kappa^(m/2 - 1) / ((2 pi)^(m/2) I_{m/2 - 1}(kappa)).

    Draws are exact. In three coordinates the cosine's distribution function is inverted. In others a uniform point is
    carried towards mu by the Moebius map `w = (x + c) / (1 + x c)` and kept with probability
    `exp((m - 1) (y / (1 + y) - log(1 + y)))`, y = x c: the envelope of Wood (1994), in a form that is stable for every
    kappa and accepts at least 0.65 of the draws; only those not kept are drawn again.

    References: Wood, "Simulation of the von Mises Fisher distribution", 1994; Davidson et al., "Hyperspherical
    variational auto-encoders", UAI 2018; Ulrich, "Computer generation of distributions on the m-sphere", 1984.
    """

    @cached_property
    def _bessel(self) -> tuple[Tensor, Tensor]:
        """log(kappa^-v e^-kappa I_v(kappa)) and the mean resultant length, float64."""
        with torch.enable_grad():  # whoever asks first
            return log_bessel_and_ratio(0.5 * self.coordinates - 1, double(self.concentration))

    @property
    def resultant_length(self) -> Tensor:
        """A = E[mu . z] = I_{m/2}(kappa) / I_{m/2 - 1}(kappa), `[...]`."""
        return self._bessel[1].to(self.concentration)

    @property
    def mean(self) -> Tensor:
        """E[z] = A mu: a point inside of the sphere."""
        return self.resultant_length.unsqueeze(-1) * self.mean_direction

    @property
    def stddev(self) -> Tensor:
        """Of each coordinate, `[..., m]`: the covariance is A / kappa (I - mu mu^T) + A' mu mu^T."""
        kappa, length = double(self.concentration), self._bessel[1]
        across = length / kappa
        along = (1 - length.square() - (self.coordinates - 1) * across).clamp_min(0)
        share = double(self.mean_direction).square()
        return torch.lerp(across.unsqueeze(-1), along.unsqueeze(-1), share).sqrt().to(self.mean_direction)

    def entropy(self) -> Tensor:
        return log_area(self.coordinates) - self.kl_to_uniform()

    def kl_to_uniform(self) -> Tensor:
        """kappa A + log C_m(kappa) + log area of the sphere, `[...]`."""
        log, length = self._bessel
        constant = log_area(self.coordinates) - 0.5 * self.coordinates * LOG_TWO_PI
        return (double(self.concentration) * (length - 1) - log + constant).to(self.concentration)

    def _score(self, gap: Tensor) -> Tensor:
        constant = -self._bessel[0] - 0.5 * self.coordinates * LOG_TWO_PI
        return constant.to(gap) - self.concentration * gap

    def _draw_gap(self, along: Tensor, across: Tensor) -> Tensor:
        cosine = along / torch.sqrt(along.square() + across)  # of a uniform point
        if self.coordinates == 3:
            kappa = double(self.concentration)
            return torch.log1p((1 - cosine) * (0.5 * torch.expm1(-2 * kappa))).div_(-kappa)
        tilt = self.tilt().expand_as(cosine).reshape(-1)
        shape, cosine = cosine.shape, cosine.reshape(-1)
        waiting = (~self._kept(cosine, tilt)).nonzero().squeeze(-1)
        while len(waiting):
            fresh = self._proposals(max(1, _PROPOSALS // len(waiting)), waiting)
            kept = self._kept(fresh, tilt[waiting])
            cosine[waiting] = fresh.gather(0, kept.byte().argmax(0, keepdim=True)).squeeze(0)  # the first that is kept
            waiting = waiting[~kept.any(0)]
        return ((1 - tilt) * (1 - cosine)).div_(torch.addcmul(tilt.new_ones(()), tilt, cosine)).view(shape)

    def _proposals(self, tries: int, waiting: Tensor) -> Tensor:
        """Cosines of uniform points, `[tries, waiting]`: a normal number among m of them."""
        half = torch.full((tries, len(waiting)), 0.5 * (self.coordinates - 1), device=waiting.device)
        normal = torch.randn_like(half).double()
        return normal / torch.sqrt(normal.square() + 2 * torch._standard_gamma(half))

    def _kept(self, cosine: Tensor, tilt: Tensor) -> Tensor:
        one_more = torch.addcmul(tilt.new_ones(()), tilt, cosine)  # 1 + y
        log_ratio = (1 - one_more.reciprocal()).sub_(one_more.log_()).mul_(self.coordinates - 1)
        chance = torch.rand(cosine.shape, device=cosine.device)
        return chance.log_() <= log_ratio  # not where it is no number: c = -1 under a tilt of 1

    def tilt(self) -> Tensor:
        """x = 2 kappa / (m - 1 + sqrt(4 kappa^2 + (m - 1)^2)), where the density over the envelope is largest."""
        kappa, rest = double(self.concentration), self.coordinates - 1
        return 2 * kappa / (rest + torch.sqrt(4 * kappa.square() + rest**2))

    def _statistic(self, gap: Tensor) -> Tensor:
        return -gap

    def _mean_statistic(self) -> Tensor:
        return self._bessel[1].detach() - 1

    def speed(self, gap: Tensor) -> Tensor:
        if self.coordinates != 3:
            return super().speed(gap)
        gap, kappa = double(gap), double(self.concentration.detach())
        part = torch.exp((gap - 2) * kappa) * torch.expm1(-kappa * gap) / torch.expm1(-2 * kappa)
        found = (gap - 2 * part) / (kappa * (gap * (2 - gap)).clamp_min_(1e-300))
        return found.to(self.concentration)


class UniformSphere(VectorDistribution):
    """p(z) = 1 / area of the unit sphere in m coordinates, area = 2 pi^(m/2) / Gamma(m/2).

    Args:
        like: a tensor `[..., m]` that gives shape, dtype and device.
    """

    def __init__(self, like: Tensor):
        self.like = like
        super().__init__(like.shape[:-1], like.shape[-1])

    def __getitem__(self, index: Any) -> UniformSphere:
        return UniformSphere(self.like[index])

    def detach(self) -> UniformSphere:
        return UniformSphere(self.like.detach())

    def expand(self, batch_shape, _instance=None) -> UniformSphere:
        return UniformSphere(self.like.expand(torch.Size(batch_shape) + self.event_shape))

    @property
    def mean(self) -> Tensor:
        return torch.zeros_like(self.like)

    @property
    def stddev(self) -> Tensor:
        return torch.full_like(self.like, 1 / math.sqrt(self.like.shape[-1]))

    def entropy(self) -> Tensor:
        return self.like.new_full(self.batch_shape, log_area(self.like.shape[-1]))

    def log_prob(self, value: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        return value.new_full(shape, -log_area(self.like.shape[-1]))

    def rsample(self, sample_shape=()) -> Tensor:
        noise = torch.randn(torch.Size(sample_shape) + self.like.shape, dtype=self.like.dtype, device=self.like.device)
        return torch.nn.functional.normalize(noise, dim=-1)


@register_kl(VonMisesFisher, UniformSphere)
def _kl_to_uniform(q: VonMisesFisher, p: UniformSphere) -> Tensor:
    return q.kl_to_uniform()
