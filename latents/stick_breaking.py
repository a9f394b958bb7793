"""Weights that sum to one, broken off a stick: the Kumaraswamy posterior and the GEM prior of stick-breaking models."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints, register_kl

from .bessel import double
from .distributions import VectorDistribution

_LEAST_WEIGHT = 1e-30  # in float32 the smallest number of full precision is 1e-38
_EULER = 0.5772156649015329
_NODES = 48  # of the rule for E[log(1 - v)]


class StickBreaking(VectorDistribution):
    r"""Weights pi_k = v_k prod_{j<k} (1 - v_j), sticks v_k ~ Kumaraswamy(a_k, b_k); the last weight is what is left.

    Kumaraswamy(v; a, b) = a b v^(a-1) (1 - v^a)^(b-1), whose distribution function 1 - (1 - v^a)^b is inverted. The
    density is one of the weights but the last, whose sum with the others is fixed: that of the sticks times
    prod_k 1 / (1 - pi_1 - ... - pi_{k-1}).

    References: Nalisnick and Smyth, "Stick-breaking variational autoencoders", ICLR 2017; Kumaraswamy, "A generalized
    probability density function for double-bounded random processes", 1980.

    Args:
        a, b: `[..., K - 1]`, positive.
    """

    arg_constraints: ClassVar = {}
    support = constraints.simplex

    def __init__(self, a: Tensor, b: Tensor):
        self.a, self.b = a, b
        super().__init__(a.shape[:-1], a.shape[-1] + 1)

    def __getitem__(self, index: Any) -> StickBreaking:
        return StickBreaking(self.a[index], self.b[index])

    def detach(self) -> StickBreaking:
        return StickBreaking(self.a.detach(), self.b.detach())

    def expand(self, batch_shape, _instance=None) -> StickBreaking:
        shape = (*batch_shape, self.a.shape[-1])
        return StickBreaking(self.a.expand(shape), self.b.expand(shape))

    @property
    def mean(self) -> Tensor:
        """E[pi_k] = E[v_k] prod_{j<k} E[1 - v_j], `[..., K]`: sticks are independent."""
        moment = self._moment(1)
        return _broken(moment, 1 - moment)

    @property
    def stddev(self) -> Tensor:
        first, second = self._moment(1), self._moment(2)
        square = _broken(second, 1 - 2 * first + second)
        return (square - _broken(first, 1 - first).square()).clamp_min(0).sqrt()

    def _moment(self, n: int) -> Tensor:
        """E[v^n] = b B(1 + n / a, b), `[..., K - 1]`."""
        b = double(self.b)  # in float32 the difference loses four digits
        top = 1 + n / double(self.a)
        return torch.exp(b.log() + torch.lgamma(top) + torch.lgamma(b) - torch.lgamma(top + b)).to(self.a)

    def rsample(self, sample_shape=()) -> Tensor:
        shape = torch.Size(sample_shape) + self.a.shape
        noise = torch.empty(shape, dtype=self.a.dtype, device=self.a.device).exponential_()
        log_stick = _log_one_minus_exp(-noise / self.b) / self.a  # v = (1 - u^(1/b))^(1/a), noise = -log u
        log_left = _log_one_minus_exp(log_stick).cumsum(-1)
        start = torch.zeros_like(log_left[..., :1])
        logs = torch.cat([log_stick, start], -1) + torch.cat([start, log_left], -1)
        return logs.exp().clamp_min(_LEAST_WEIGHT)

    def log_prob(self, value: Tensor) -> Tensor:
        log_stick, log_left = _sticks(value)
        each = (self.a * self.b).log() + (self.a - 1) * log_stick
        each = each + (self.b - 1) * _log_one_minus_exp(self.a * log_stick)
        return (each - log_left).sum(-1)


class GEM(StickBreaking):
    """Sticks v_k ~ Beta(1, alpha), the truncated GEM distribution: Kumaraswamy(1, alpha) is Beta(1, alpha).

    Args:
        alpha: the concentration; the larger, the more weights matter, about alpha + 1 of them.
        weights: K.
        like: a tensor that gives dtype and device.
    """

    def __init__(self, alpha: float, weights: int, like: Tensor):
        self.alpha = alpha
        super().__init__(like.new_ones(weights - 1), like.new_full((weights - 1,), alpha))


@register_kl(StickBreaking, GEM)
def _kl_to_gem(q: StickBreaking, p: GEM) -> Tensor:
    r"""Stick by stick, KL(Kumaraswamy(a, b) || Beta(1, alpha)).

    log(a b / alpha) - (a - 1) / a (gamma + psi(b + 1)) - (b - 1) / b - (alpha - 1) E[log(1 - v)]: closed for
    alpha = 1, else with one integral in one dimension.
    """
    a, b = q.a, q.b
    kl = (a * b / p.alpha).log() - (1 - 1 / a) * (_EULER + torch.digamma(b + 1)) - (b - 1) / b
    if p.alpha != 1:
        kl = kl - (p.alpha - 1) * mean_log_rest(a, b)
    return kl.sum(-1)


def mean_log_rest(a: Tensor, b: Tensor) -> Tensor:
    r"""E[log(1 - v)], v ~ Kumaraswamy(a, b), to nine digits.

    With x ~ Exp(1), v = (1 - exp(-x / b))^(1/a): int_0^inf e^-x log(1 - v(x)) dx by the double-exponential rule
    x = exp(t - exp(-t)) (Takahasi and Mori, 1974). The Taylor series of the paper has not settled after thousands of
    terms where b is small.
    """
    wide_a, wide_b = double(a).unsqueeze(-1), double(b).unsqueeze(-1)
    places, weights = (tensor.to(wide_a) for tensor in _rule())
    log_rest = _log_one_minus_exp(_log_one_minus_exp(-places / wide_b) / wide_a)
    return (log_rest @ weights).to(a)


@cache
def _rule() -> tuple[Tensor, Tensor]:
    """Places x and weights of int_0^inf e^-x f(x) dx, float64."""
    step = 8.6 / _NODES
    t = torch.arange(_NODES, dtype=torch.float64) * step - 4.3
    x = torch.exp(t - torch.exp(-t))
    return x, step * x * (1 + torch.exp(-t)) * torch.exp(-x)


def _broken(part: Tensor, rest: Tensor) -> Tensor:
    """part_k prod_{j<k} rest_j, and the last product of all: `[..., K - 1]` to `[..., K]`."""
    one = torch.ones_like(part[..., :1])
    return torch.cat([part, one], -1) * torch.cat([one, rest.cumprod(-1)], -1)


def _sticks(weights: Tensor) -> tuple[Tensor, Tensor]:
    """log v_k, and log of what the weights before k leave, each `[..., K - 1]`.

    What is left is summed from the last weight backwards: no difference, so that no digits are lost.
    """
    weights = weights.clamp_min(_LEAST_WEIGHT)
    log_left = weights.flip(-1).cumsum(-1).flip(-1).log()
    before = log_left[..., :-1]
    log_rest = (log_left[..., 1:] - before).clamp_max(-_LEAST_WEIGHT)  # log(1 - v)
    log_stick = weights[..., :-1].log() - before
    small = log_rest > -math.log(2)
    return torch.where(small, log_stick, _log_one_minus_exp(log_rest)), before - log_left[..., :1]


def _log_one_minus_exp(x: Tensor) -> Tensor:
    """log(1 - e^x) of negative x, with all its digits on both sides of log 2."""
    least = torch.finfo(x.dtype).tiny
    x = x.clamp_max(-least)
    near = x > -math.log(2)
    # Each side sees only numbers for which it and its gradient are finite.
    return torch.where(
        near,
        torch.log(-torch.expm1(torch.where(near, x, -1.0))),
        torch.log1p(-torch.exp(torch.where(near, -1.0, x))),
    )
