r"""Modified Bessel functions of the first kind, for the normaliser of a von Mises-Fisher distribution.

What is wanted are `log I_v(x)` and the ratio `I_{v+1}(x) / I_v(x)` of one order v and many x, on any device, from
x = 0 to where `I_v` itself has long overflowed. Both come from `p_j = x^-j e^-x I_j(x)`, which has no singularity:

- at an order of at least 16 from Debye's expansions, uniform in x (DLMF 10.41.3 and 10.41.5), up to u_5;
- from there down to v by the recurrence `p_{j-1} = 2 j p_j + x^2 p_{j+1}` (DLMF 10.29.1), stable in this direction.

For orders in [0, 50] and x in [1e-3, 1e5] the logarithm errs by at most 3e-9, the ratio by 2e-10 of itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_TERMS = 5
_LEAST_ORDER = 16  # for the expansion
_SERIES_TERMS = 6
_SERIES_FROM = 500.0  # and 20 per order: beyond, the slope of the ratio is read off its asymptotic series


def log_bessel_and_ratio(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""log(x^-v e^-x I_v(x)) and I_{v+1}(x) / I_v(x), both in the shape and dtype of `x`.

    The first has the derivative `ratio - 1`, the second `1 - ratio^2 - (2 v + 1) ratio / x`.

    Args:
        order: v >= 0.
        x: not negative, any shape.
    """
    found = _Bessel.apply(x, order)
    return found[0], found[1]


def double(x: Tensor) -> Tensor:
    """`x` in float64: on its own device, or on the processor where the device has no float64."""
    return x.cpu().double() if x.device.type == "mps" else x.double()


class _Bessel(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, order: float):
        wide = double(x)
        log, share = _evaluate(order, wide)
        ctx.order = order
        ctx.save_for_backward(wide, share)
        return log.to(x), (wide * share).to(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, of_log: Tensor, of_ratio: Tensor):
        wide, share = ctx.saved_tensors
        slopes = (wide * share - 1).to(of_log), _slope(ctx.order, wide, share).to(of_ratio)
        return torch.addcmul(of_log * slopes[0], of_ratio, slopes[1]), None


def _evaluate(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """log p_v and p_{v+1} / p_v, float64."""
    if order == 0.5:
        return _elementary(x)
    steps = max(0, math.ceil(_LEAST_ORDER - order))
    top = order + steps
    log, above = _debye(top, x)
    here, square = torch.ones_like(x), x.square()
    for step in range(steps):
        here, above = torch.addcmul(here * (2 * (top - step)), square, above), here
    return (log + here.log(), above / here) if steps else (log, above)


def _elementary(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same at order 1/2, which the sphere in three dimensions has: I_{1/2}(x) = sqrt(2 / (pi x)) sinh x."""
    x = x.clamp_min(1e-300)
    decayed = torch.expm1(-2 * x)
    square = x.square()
    near = 1 / 3 - square * (1 / 45 - square * (2 / 945))
    share = torch.where(x < 0.05, near, (-(2 + decayed) / decayed - 1 / x) / x)
    return torch.log(decayed / (-2 * x)) + 0.5 * math.log(2 / math.pi), share


def _debye(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """log p_j and p_{j+1} / p_j of one large order j. The second is that of I_j' / I_j, without its part j / x."""
    root = torch.sqrt(x.square() + order**2)
    inverse = 1 / root
    square = (order * inverse).square_()
    of_value, of_slope = torch.zeros_like(root), torch.zeros_like(root)
    for k, coefficients in reversed(list(enumerate(_debye_polynomials()))):
        of_value.mul_(inverse).add_(_polynomial(coefficients, square))
        weighted = [(k + 2 * i + 0.5) * coefficient for i, coefficient in enumerate(coefficients)]
        of_slope.add_(_polynomial(weighted, square)).mul_(inverse)
    above = 1 / (root + order) - of_slope.div_(of_value).mul_(inverse)
    scale = order**2 / (x + root) - 0.5 * math.log(2 * math.pi)
    return scale - order * torch.log(root + order) + of_value.square_().mul_(inverse).log_().mul_(0.5), above


def _polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor | float:
    """sum_i c_i x^i."""
    if len(coefficients) == 1:
        return coefficients[0]
    total = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        total.add_(coefficient).mul_(x)
    return total.add_(coefficients[0])


@cache
def _debye_polynomials() -> tuple[tuple[float, ...], ...]:
    """u_k(t) / t^k as a polynomial in t^2, k = 0, 1, ...: DLMF 10.41.9, in exact fractions."""
    found = [[Fraction(1)]]  # the power of t in u_k of coefficient i is k + 2 i
    for k in range(_TERMS):
        following = [Fraction(0)] * (k + 2)
        for i, coefficient in enumerate(found[-1]):
            power = k + 2 * i
            following[i] += coefficient * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            following[i + 1] -= coefficient * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
        found.append(following)
    return tuple(tuple(map(float, polynomial)) for polynomial in found)


def _slope(order: float, x: Tensor, share: Tensor) -> Tensor:
    """The derivative of the ratio `x share`; for large x, where the difference cancels, from its series in 1 / x."""
    difference = 1 - (x * share).square() - (2 * order + 1) * share
    series, inverse = torch.zeros_like(x), 1 / x.clamp_min(1)
    for n, coefficient in reversed(list(enumerate(_ratio_series(order)))):
        series.mul_(inverse).sub_(n * coefficient)
    return torch.where(x > _SERIES_FROM + 20 * order, series * inverse, difference)


@cache
def _ratio_series(order: float) -> tuple[float, ...]:
    """a_n in I_{v+1}(x) / I_v(x) ~ sum_n a_n x^-n, from the ratio's differential equation."""
    a = [1.0]
    for n in range(1, _SERIES_TERMS):
        products = sum(a[i] * a[n - i] for i in range(1, n))
        a.append(((n - 2 - 2 * order) * a[n - 1] - products) / 2)
    return tuple(a)
