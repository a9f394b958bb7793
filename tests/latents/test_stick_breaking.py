"""Stick-breaking weights against quadrature, SciPy and torch's beta distribution."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest
from torch import Tensor
from torch.distributions import Beta, kl_divergence
from torch.testing import assert_close

from latents.distributions import Mixture
from latents.stick_breaking import GEM, StickBreaking, mean_log_rest

SHAPES = (0.1, 0.5, 1.0, 2.0, 10.0, 100.0)
ZERO = torch.zeros((), dtype=torch.float64)


def distribution(k: int, *batch: int, dtype=torch.float64) -> StickBreaking:
    """K weights of random sticks, whose a and b lie in [0.5, 4]."""
    generator = torch.Generator().manual_seed(k)
    a, b = (torch.rand(*batch, k - 1, generator=generator, dtype=dtype) * 3.5 + 0.5 for _ in range(2))
    return StickBreaking(a, b)


def broken(sticks: Tensor) -> Tensor:
    """The weights but the last, stick by stick."""
    weights, left = [], torch.ones_like(sticks[..., 0])
    for stick in sticks.unbind(-1):
        weights.append(stick * left)
        left = left * (1 - stick)
    return torch.stack(weights, -1)


def log_density(v: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """log Kumaraswamy(v; a, b)."""
    return (a * b).log() + (a - 1) * v.log() + (b - 1) * torch.log1p(-(v**a))


class TestDensity:
    def test_integrates_to_one(self):
        """Over the triangle of two free weights, for sticks whose density vanishes at its edges."""
        q = StickBreaking(torch.tensor([2.0, 1.5], dtype=torch.float64), torch.tensor([3.0, 2.5], dtype=torch.float64))
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(120))
        first = ((nodes + 1) / 2).view(-1, 1)
        second = (1 - first) * ((nodes + 1) / 2)
        both = first.expand_as(second)
        z = torch.stack([both, second, 1 - both - second], -1)
        whole = (q.log_prob(z).exp() * (1 - both)) @ weights @ weights / 4
        assert_close(whole.item(), 1.0, rtol=1e-5, atol=0)

    def test_change_of_variables(self):
        """log density of the sticks minus log |det| of the Jacobian, by autograd."""
        q = distribution(5)
        v = torch.rand(4, dtype=torch.float64) * 0.8 + 0.1
        jacobian = torch.autograd.functional.jacobian(broken, v)
        z = broken(v)
        z = torch.cat([z, 1 - z.sum(-1, keepdim=True)])
        assert_close(q.log_prob(z), log_density(v, q.a, q.b).sum() - torch.linalg.slogdet(jacobian)[1])

    @pytest.mark.parametrize(("a", "b"), [(0.1, 0.1), (0.1, 50.0), (50.0, 0.1), (3.0, 2.0)])
    def test_float32_keeps_its_digits_near_the_corners(self, a, b):
        q = StickBreaking(torch.full((500, 4), a), torch.full((500, 4), b))
        z = q.rsample()
        exact = StickBreaking(q.a.double(), q.b.double()).log_prob(z.double())
        assert_close(q.log_prob(z), exact.float(), rtol=1e-4, atol=2e-2)

    def test_gem_is_beta(self):
        """v_k ~ Beta(1, alpha)."""
        p = GEM(3.0, 5, ZERO)
        v = torch.rand(6, 4, dtype=torch.float64) * 0.8 + 0.1
        z = broken(v)
        left = torch.cat([torch.ones(6, 1, dtype=torch.float64), 1 - z.cumsum(-1)[:, :-1]], -1)
        z = torch.cat([z, 1 - z.sum(-1, keepdim=True)], -1)
        assert_close(p.log_prob(z), (Beta(1.0, 3.0).log_prob(v) - left.log()).sum(-1), rtol=1e-6, atol=1e-6)

    def test_a_mixture_evaluates_any_point_under_each(self):
        q = distribution(4, 3)
        p = Mixture(q, torch.full((3,), 1 / 3, dtype=torch.float64).log())
        z = p.sample((10,))
        expected = torch.stack([q[k].log_prob(z) for k in range(3)], -1)
        assert_close(q.table(z), expected)
        assert_close(p.log_prob(z), expected.logsumexp(-1) - np.log(3))


class TestDraws:
    @pytest.mark.parametrize(("a", "b"), [(0.5, 2.0), (2.0, 0.5), (1.0, 5.0), (20.0, 30.0)])
    def test_sticks_have_the_distribution_function(self, a, b):
        shapes = torch.full((2,), a), torch.full((2,), b)
        z = StickBreaking(*shapes).rsample((20_000,)).double()
        for stick in (z[:, 0], z[:, 1] / z[:, 1:].sum(-1)):
            assert kstest(stick.numpy(), lambda v: 1 - (1 - v**a) ** b).pvalue > 0.005

    def test_mean_and_standard_deviation(self):
        q = distribution(6)
        z = q.rsample((40_000,))
        assert ((z.mean(0) - q.mean).abs() < 4.5 * q.stddev / 40_000**0.5).all()
        assert_close(z.std(0), q.stddev, rtol=0.03, atol=0)
        assert_close(q.mean.sum().item(), 1.0)

    def test_mean_keeps_its_digits_in_float32(self):
        a, b = torch.tensor([2.5]), torch.tensor([900.0])
        assert_close(StickBreaking(a, b).mean, StickBreaking(a.double(), b.double()).mean.float(), rtol=1e-6, atol=0)

    @pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
    def test_gem(self, alpha):
        """E[pi_k] = (alpha / (1 + alpha))^(k-1) / (1 + alpha)."""
        p = GEM(alpha, 6, ZERO)
        ratio = alpha / (1 + alpha)
        expected = torch.tensor([ratio**k / (1 + alpha) for k in range(5)] + [ratio**5], dtype=torch.float64)
        assert_close(p.mean, expected)
        z = p.sample((20_000,))
        assert ((z.mean(0) - expected).abs() < 4.5 * z.std(0) / 20_000**0.5).all()

    @pytest.mark.parametrize(("a", "b"), [(0.1, 0.1), (0.1, 1000.0), (1000.0, 0.1), (1000.0, 1000.0)])
    def test_extremes_are_finite(self, a, b):
        a, b = torch.full((200, 19), a, requires_grad=True), torch.full((200, 19), b, requires_grad=True)
        q = StickBreaking(a, b)
        z, log_q = q.rsample_and_log_prob()
        (z[:, 0].sum() + log_q.sum() + kl_divergence(q, GEM(5.0, 20, torch.zeros(()))).sum()).backward()
        for found in (z, log_q, a.grad, b.grad, q.mean, q.stddev):
            assert found.isfinite().all()
        assert (z > 0).all()


class TestKL:
    @pytest.mark.parametrize("a", SHAPES)
    @pytest.mark.parametrize("b", SHAPES)
    def test_mean_log_rest(self, a, b):
        """Against adaptive quadrature over x ~ Exp(1), v = (1 - e^(-x / b))^(1 / a)."""

        def integrand(x):
            log_v = np.log(-np.expm1(-x / b)) / a if x / b < 0.7 else np.log1p(-np.exp(-x / b)) / a
            return np.exp(-x) * (np.log(-np.expm1(log_v)) if log_v > -0.7 else np.log1p(-np.exp(log_v)))

        points = [1e-9, 1e-6, 1e-3, 0.03, 0.3, 3, 10, 40, 70]
        parts = [quad(integrand, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in pairwise(points)]
        found = mean_log_rest(*(torch.tensor(value, dtype=torch.float64) for value in (a, b)))
        assert_close(found.item(), sum(parts), rtol=1e-7, atol=1e-7)

    @pytest.mark.parametrize(("a", "b"), [(1.5, 2.0), (4.0, 3.0), (1.2, 20.0)])
    @pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
    def test_against_numerical_integration(self, a, b, alpha):
        q = StickBreaking(*(torch.tensor([value], dtype=torch.float64) for value in (a, b)))

        def integrand(v):
            log_q = float(log_density(torch.tensor(v, dtype=torch.float64), q.a[0], q.b[0]))
            return np.exp(log_q) * (log_q - np.log(alpha) - (alpha - 1) * np.log1p(-v))

        expected, _ = quad(integrand, 0, 1, epsabs=1e-9, limit=100)
        assert_close(kl_divergence(q, GEM(alpha, 2, ZERO)).item(), expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
    def test_against_monte_carlo(self, alpha):
        q, p = distribution(8), GEM(alpha, 8, ZERO)
        z, log_q = q.rsample_and_log_prob((20_000,))
        difference = log_q - p.log_prob(z)
        assert abs(difference.mean() - kl_divergence(q, p)) < 4.5 * difference.std() / 20_000**0.5

    def test_of_the_prior_to_itself_is_zero(self):
        for alpha in (0.3, 1.0, 7.0):
            p = GEM(alpha, 5, ZERO)
            assert_close(kl_divergence(p, p).item(), 0.0, rtol=0, atol=1e-9)


def test_gradient_of_the_mean():
    """Of draws, against that of the closed form."""
    count, scale = 40_000, torch.linspace(-1, 2, 5, dtype=torch.float64)
    q = distribution(5)
    one = q.a.clone().requires_grad_(), q.b.clone().requires_grad_()
    exact = torch.autograd.grad(StickBreaking(*one).mean @ scale, one)
    each = [tensor.detach().expand(count, -1).clone().requires_grad_() for tensor in one]
    for found, expected in zip(
        torch.autograd.grad((StickBreaking(*each).rsample() @ scale).sum(), each), exact, strict=True
    ):
        assert ((found.mean(0) - expected).abs() < 4.5 * found.std(0) / count**0.5).all()


@given(
    k=st.integers(2, 40),
    n=st.integers(1, 4),
    samples=st.lists(st.integers(1, 3), max_size=2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_shapes(k, n, samples, dtype):
    q = distribution(k, n, dtype=dtype)
    z, log_q = q.rsample_and_log_prob(tuple(samples))
    assert z.shape == (*samples, n, k)
    assert log_q.shape == (*samples, n)
    assert z.dtype == log_q.dtype == dtype
    assert_close(z.sum(-1), torch.ones(*samples, n, dtype=dtype))
    assert_close(log_q, q.log_prob(z))
    assert_close(q[:1].log_prob(z[..., :1, :]), log_q[..., :1])
    assert q.table(z).shape == (*samples, n, n)
    assert q.expand((2, n)).rsample().shape == (2, n, k)
    p = GEM(2.0, k, torch.zeros((), dtype=dtype))
    assert kl_divergence(q, p).shape == (n,)
    assert (kl_divergence(q, p) > 0).all()
    assert not StickBreaking(q.a.requires_grad_(), q.b).detach().rsample().requires_grad
