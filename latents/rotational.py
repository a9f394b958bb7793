r"""Distributions on a sphere that look the same all around a mean direction.

In m coordinates, on S^(m-1), `z = w mu + sqrt(1 - w^2) v` with v uniform on the directions at right angles to mu:
everything is said by the density of the cosine `w = mu . z`, `f(w) ~ (1 - w^2)^((m - 3) / 2) exp(kappa T(w))`.
Instead of w the code keeps the gap `1 - w`, which holds its digits in float32 however narrow the distribution is.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.distributions import constraints

from .bessel import double
from .distributions import VectorDistribution

LEAST_CONCENTRATION, MOST_CONCENTRATION = 1e-3, 1e5

_LEAST_LOG = -30.0  # below, what is small for the integral turns into subnormal numbers, which are slow
_ROWS = 1 << 12  # draws whose nodes exist at a time: what stays in a processor's cache


def log_area(coordinates: int) -> float:
    """log of the surface of the unit sphere in so many coordinates: 2 pi^(m/2) / Gamma(m/2)."""
    return math.log(2) + 0.5 * coordinates * math.log(math.pi) - math.lgamma(0.5 * coordinates)


class Rotational(VectorDistribution):
    r"""q(z) = exp(kappa T(mu . z)) / Z(kappa) on the unit sphere, with draws that carry an exact gradient.

    Of a draw with cosine w, the gradient follows the sphere itself: with mu, the draw turns as mu does; with kappa,
    it moves along its great circle through mu by

        dz / dkappa = h (mu - w z),    (1 - w^2) h = dw / dkappa = -(dF(w) / dkappa) / f(w)

    (F the distribution function of w): the implicit reparameterisation of Figurnov et al., "Implicit
    reparameterization gradients", 2018. It is the gradient of the distribution, whichever way the draw was found,
    so that a rejection step needs no correction of it.

    Args:
        mean_direction: mu, unit vectors `[..., m]`.
        concentration: kappa, `[...]`, kept in [1e-3, 1e5].
    """

    arg_constraints: ClassVar = {"mean_direction": constraints.real_vector, "concentration": constraints.positive}
    support = constraints.real_vector
    _cluster: ClassVar[int] = 1  # of the gradient's nodes near p = 0, where T may be singular

    def __init__(self, mean_direction: Tensor, concentration: Tensor):
        self.mean_direction = mean_direction
        self.concentration = concentration.clamp(LEAST_CONCENTRATION, MOST_CONCENTRATION)
        super().__init__(mean_direction.shape[:-1], mean_direction.shape[-1])

    @property
    def coordinates(self) -> int:
        return self.mean_direction.shape[-1]

    def __getitem__(self, index: Any) -> Rotational:
        return type(self)(self.mean_direction[index], self.concentration[index])

    def detach(self) -> Rotational:
        return type(self)(self.mean_direction.detach(), self.concentration.detach())

    def expand(self, batch_shape, _instance=None) -> Rotational:
        batch = torch.Size(batch_shape)
        return type(self)(self.mean_direction.expand(batch + self.event_shape), self.concentration.expand(batch))

    # -- the density --

    def log_prob(self, value: Tensor) -> Tensor:
        return self._score(0.5 * (value - self.mean_direction).square().sum(-1))

    def table(self, z: Tensor) -> Tensor:
        """log density of every point under each of a batch of K: `[..., m]` to `[..., K]`, by one matrix product.

        In float64, since float32 loses the gap of a narrow distribution.
        """
        wide, mean = (tensor if tensor.device.type == "mps" else tensor.double() for tensor in (z, self.mean_direction))
        halves = 0.5 * wide.square().sum(-1, keepdim=True) + 0.5 * mean.square().sum(-1)
        return self._score((halves - wide @ mean.mT).clamp_min(0).to(z.dtype))

    def entropy(self) -> Tensor:
        raise NotImplementedError

    def _score(self, gap: Tensor) -> Tensor:
        """The log density at these gaps 1 - mu . z."""
        raise NotImplementedError

    # -- draws --

    def rsample(self, sample_shape=()) -> Tensor:
        return _Draw.apply(self.mean_direction, self.concentration, self, torch.Size(sample_shape))

    def _draw_gap(self, along: Tensor, across: Tensor) -> Tensor:
        """Gaps 1 - w, float64, given (and free to use) a normal vector's part along mu and its squared part across."""
        raise NotImplementedError

    # -- their gradient --

    def _statistic(self, gap: Tensor) -> Tensor:
        """T, which rises with w, at these gaps 1 - w."""
        raise NotImplementedError

    def _mean_statistic(self) -> Tensor:
        """E[T], `[...]`, float64, without a gradient."""
        raise NotImplementedError

    def speed(self, gap: Tensor) -> Tensor:
        r"""h, such that dw / dkappa = (1 - w^2) h, at the gaps 1 - w: `[..., *batch]`, in their dtype.

        dw / dkappa = 1 / f(w) int_w^1 (T(s) - E T) f(s) ds, or minus the integral from -1: that tail is taken in which
        T - E T keeps its sign, so that nothing cancels. By half angles, with u = tan(theta / 2) where w = cos(theta)
        (or its inverse, in the other tail) and s at the angle whose half has the tangent u p,

            h = int_0^1 |T(s) - E T| p^(m-2) R^(m-1) exp(kappa (T(s) - T(w))) dp,    R = (1 + u^2) / (1 + u^2 p^2),

        a smooth integrand over a fixed interval for every kappa, by a Gauss-Legendre rule. Its 16 nodes in
        float32 err by up to 2e-4 of h where kappa is at least 1, and 2e-5 in the mean; 32 in float64 by 3e-8.
        """
        given = gap, self.concentration.detach().to(gap), self._mean_statistic().to(gap)
        rows = [tensor.expand_as(gap).reshape(-1).split(_ROWS) for tensor in given]
        return torch.cat([self._tail(*each) for each in zip(*rows, strict=True)]).view_as(gap)

    def _tail(self, gap: Tensor, concentration: Tensor, mean: Tensor) -> Tensor:
        """That integral, `[n]`."""
        squares, weights = _rule(self.coordinates, self._cluster, gap.dtype, gap.device)
        statistic, other, rest = self._statistic(gap), 2 - gap, self.coordinates - 1
        above = statistic > mean
        square = torch.where(above, gap / other, other / gap)  # u^2
        constant = rest * square.log1p() - concentration * statistic
        each = squares * square  # u^2 p^2, `[nodes, n]`
        inverse = (1 + each).reciprocal_()
        twice = 2 * above.to(gap)
        there = self._statistic(each.mul_(twice).add_(2 - twice).mul_(inverse))  # T(s)
        log = torch.addcmul(constant, there, concentration).add_(inverse.log_(), alpha=rest)
        density = log.clamp_min_(_LEAST_LOG).exp_()
        return (weights @ there.sub_(mean).mul_(density)).abs()


@cache
def _rule(coordinates: int, cluster: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """p^2 at the nodes of a Gauss-Legendre rule, `[nodes, 1]`, and its weights times p^(m-2), `[nodes]`.

    It covers what is above 1e-9 of the integrand: in the logarithm of p that falls off as 1 / cosh^(m-2) does. Near 0
    its nodes lie as those of the `cluster`-th root of p would.
    """
    least = math.exp(-math.acosh(10 ** (9 / (coordinates - 2)))) if coordinates > 3 else 0.0
    places, weights = np.polynomial.legendre.leggauss(32 if dtype == torch.float64 else 16)
    root = (1 + places) / 2
    p = least + (1 - least) * root**cluster
    weights = (1 - least) * cluster * root ** (cluster - 1) * weights / 2 * p ** (coordinates - 2)
    return torch.from_numpy(p**2).to(device, dtype).unsqueeze(-1), torch.from_numpy(weights).to(device, dtype)


class _Draw(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mean: Tensor, concentration: Tensor, q: Rotational, shape: torch.Size):
        z = torch.randn(shape + mean.shape, dtype=mean.dtype, device=mean.device)
        along = _take_along(z, mean)
        across = _dot(z, z)
        gap = q._draw_gap(double(along), double(across))
        side = (gap * (2 - gap)).clamp_min_(0).sqrt_().to(mean).div_(across.sqrt_())
        gap = gap.to(mean)
        z.mul_(side.unsqueeze(-1)).addcmul_((1 - gap).unsqueeze(-1), mean)
        ctx.q = q
        ctx.save_for_backward(mean, z, gap)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        mean, z, gap = ctx.saved_tensors
        cosine, along = 1 - gap, _dot(gradient, mean)
        of_mean = of_concentration = None
        if ctx.needs_input_grad[1]:
            moved = along - cosine * _dot(gradient, z)
            of_concentration = ctx.q.speed(gap).mul_(moved).sum_to_size(mean.shape[:-1])
        if ctx.needs_input_grad[0]:  # w g - (g . mu) (z - w mu)
            of_mean = torch.addcmul(gradient * cosine.unsqueeze(-1), along.unsqueeze(-1), z, value=-1)
            of_mean = of_mean.addcmul_((along * cosine).unsqueeze(-1), mean).sum_to_size(mean.shape)
        return of_mean, of_concentration, None, None


def _take_along(noise: Tensor, mean: Tensor) -> Tensor:
    """The part of `noise` along `mean`, `[...]`, which is taken off it in place."""
    along = _dot(noise, mean)
    if mean.shape[-1] == 2:  # exact where they are nearly parallel, which in a plane they often are
        turned = torch.stack([-mean[..., 1], mean[..., 0]], -1)
        noise.copy_(_dot(noise, turned).unsqueeze(-1) * turned)
        return along
    noise.addcmul_(along.unsqueeze(-1), mean, value=-1)
    if mean.shape[-1] == 3:
        noise.addcmul_(_dot(noise, mean).unsqueeze(-1), mean, value=-1)
    return along


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """a . b over the last dimension; with few coordinates twice as fast as a sum."""
    return (a * b) @ a.new_ones(a.shape[-1])
