"""Bessel functions against SciPy's, over all that a von Mises-Fisher distribution asks of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ive
from torch.testing import assert_close

from latents.bessel import double, log_bessel_and_ratio

ORDERS = (0, 0.5, 1, 1.5, 2, 4.5, 9, 13.5, 15.9, 16, 19, 19.5, 30, 49.5, 50)
PLACES = np.logspace(-3, 5, 49)


def by_scipy(order: float, x: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    value, above = ive(order, x), ive(order + 1, x)
    return torch.from_numpy(np.log(value) - order * np.log(x)), torch.from_numpy(above / value)


@pytest.mark.parametrize("order", ORDERS)
class TestAgainstSciPy:
    def test_logarithm_and_ratio(self, order):
        log, ratio = log_bessel_and_ratio(order, torch.from_numpy(PLACES))
        their_log, their_ratio = by_scipy(order, PLACES)
        assert_close(log, their_log, rtol=0, atol=5e-9)
        assert_close(ratio, their_ratio, rtol=5e-9, atol=0)

    def test_slopes(self, order):
        """The ratio's slope is the variance of a cosine: small and positive, where its own formula has cancelled."""
        x = torch.from_numpy(PLACES).requires_grad_()
        log, ratio = log_bessel_and_ratio(order, x)
        (of_log,) = torch.autograd.grad(log.sum(), x, retain_graph=True)
        (of_ratio,) = torch.autograd.grad(ratio.sum(), x)
        assert_close(of_log, ratio.detach() - 1)
        assert (of_ratio > 0).all()
        step = 1e-4 * x.detach()
        high, low = (log_bessel_and_ratio(order, x.detach() + sign * step)[1] for sign in (1, -1))
        near = x.detach() < 100
        assert_close(of_ratio[near], ((high - low) / (2 * step))[near], rtol=1e-4, atol=0)
        expected = (order + 0.5) / x.detach() ** 2 - (order**2 - 0.25) / x.detach() ** 3
        far = x.detach() > 1000 * max(1.0, order)
        assert_close(of_ratio[far], expected[far], rtol=1e-3, atol=0)

    def test_float32_is_float64_rounded(self, order):
        x = torch.from_numpy(PLACES).float()
        for single, exact in zip(log_bessel_and_ratio(order, x), log_bessel_and_ratio(order, x.double()), strict=True):
            assert single.dtype == torch.float32
            assert torch.equal(single, exact.float())


def test_at_zero():
    for order in (0.0, 0.5, 1.0, 20.0):
        x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        log, ratio = log_bessel_and_ratio(order, x)
        assert_close(log.item(), -order * math.log(2) - math.lgamma(order + 1), rtol=0, atol=5e-9)
        assert ratio.item() == 0
        ratio.backward()
        assert_close(x.grad.item(), 1 / (2 * order + 2), rtol=1e-7, atol=0)


def test_elementary_order():
    x = torch.logspace(-3, 2, 30, dtype=torch.float64)
    log, ratio = log_bessel_and_ratio(0.5, x)
    assert_close(log, torch.log(torch.sinh(x) / x) + 0.5 * math.log(2 / math.pi) - x)
    assert_close(ratio, 1 / torch.tanh(x) - 1 / x, rtol=1e-8, atol=0)


def test_far_beyond_the_stated_range():
    log, ratio = log_bessel_and_ratio(500.0, torch.tensor([1e-6, 1.0, 1e3, 1e8], dtype=torch.float64))
    assert log.isfinite().all()
    assert (ratio.diff() > 0).all()
    assert ratio[-1] < 1


@given(
    order=st.floats(0, 50),
    shape=st.lists(st.integers(1, 3), max_size=3),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_shapes_and_recurrence(order, shape, dtype):
    """1 / ratio_v = 2 (v + 1) / x + ratio_{v + 1}, whatever the order."""
    x = torch.rand(shape, dtype=dtype) * 50 + 0.1
    log, ratio = log_bessel_and_ratio(order, x)
    assert log.shape == ratio.shape == x.shape
    _, following = log_bessel_and_ratio(order + 1, x)
    assert_close(1 / ratio, 2 * (order + 1) / x + following, rtol=1e-5 if dtype == torch.float32 else 1e-7, atol=0)


def test_double():
    assert double(torch.ones(2)).dtype == torch.float64
