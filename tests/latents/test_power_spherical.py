"""The power spherical distribution against quadrature, SciPy's beta distribution and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import beta, kstest
from torch import Tensor
from torch.distributions import kl_divergence
from torch.nn import functional
from torch.testing import assert_close

from latents.power_spherical import PowerSpherical
from latents.rotational import log_area
from latents.von_mises_fisher import UniformSphere, VonMisesFisher


def distribution(m: int, *kappa: float, batch: int | None = None, dtype=torch.float64) -> PowerSpherical:
    generator = torch.Generator().manual_seed(m)
    mean = functional.normalize(torch.randn(len(kappa), m, generator=generator, dtype=dtype), dim=-1)
    q = PowerSpherical(mean, torch.tensor(kappa, dtype=dtype))
    return q if batch is None else q[torch.zeros(batch, dtype=torch.long)]


class TestDensity:
    @pytest.mark.parametrize("m", [2, 3, 4, 11])
    @pytest.mark.parametrize("kappa", [1e-3, 1.0, 20.0, 500.0])
    def test_integrates_to_one(self, m, kappa):
        """Over the angle to mu: circles of circumference area(m - 1) sin^(m-2)."""
        q = distribution(m, kappa)
        mean = q.mean_direction[0]
        axis = functional.one_hot(mean.abs().argmin(), m).double()
        axis = functional.normalize(axis - (axis @ mean) * mean, dim=0)
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(400))
        angle = (nodes + 1) * (math.pi / 2)
        density = q.log_prob(angle.cos().unsqueeze(-1) * mean + angle.sin().unsqueeze(-1) * axis).exp()
        circumference = 2.0 if m == 2 else math.exp(log_area(m - 1))
        whole = (density * angle.sin() ** (m - 2)) @ weights * (math.pi / 2) * circumference
        assert_close(whole.item(), 1.0, rtol=1e-8, atol=0)

    @pytest.mark.parametrize("kappa", [0.5, 1e5])
    def test_float32(self, kappa):
        q = distribution(5, kappa)
        z = q.rsample((50,)).float()
        single = PowerSpherical(q.mean_direction.float(), q.concentration.float())
        assert_close(single.log_prob(z), q.log_prob(z.double()).float(), rtol=0, atol=2e-3)

    def test_opposite_to_the_mean_it_ends_but_stays_finite(self):
        mean = functional.normalize(torch.ones(1, 4), dim=-1).requires_grad_()
        log_q = PowerSpherical(mean, torch.tensor([100.0])).log_prob(-mean.detach())
        log_q.sum().backward()
        assert -4000 < log_q.item() < -1000
        assert mean.grad.isfinite().all()

    def test_narrow_it_is_the_von_mises_fisher(self):
        """(1 + w)^kappa tends to exp(kappa w / 2): of half the concentration."""
        q = distribution(4, 9e4)
        other = VonMisesFisher(q.mean_direction, q.concentration / 2)
        z = q.rsample((50,))
        assert_close(q.log_prob(z), other.log_prob(z), rtol=0, atol=2e-3)


@pytest.mark.parametrize("m", [2, 3, 10, 41])
@pytest.mark.parametrize("kappa", [1e-3, 2.0, 50.0, 1e5])
class TestDraws:
    def test_cosines_are_beta(self, m, kappa):
        q = distribution(m, kappa, batch=20_000, dtype=torch.float32)
        gap = 0.5 * (q.rsample() - q.mean_direction).square().sum(-1).double().numpy()
        assert kstest(gap / 2, beta((m - 1) / 2, (m - 1) / 2 + kappa).cdf).pvalue > 0.005

    def test_moments(self, m, kappa):
        q = distribution(m, kappa, batch=20_000)
        z = q.rsample()
        assert ((z.mean(0) - q.mean[0]).abs() < 5 * q.stddev[0] / 20_000**0.5).all()
        assert_close(z.std(0), q.stddev[0], rtol=0.06, atol=0)

    def test_kl_and_entropy_against_monte_carlo(self, m, kappa):
        q = distribution(m, kappa, batch=20_000)
        p = UniformSphere(q.mean_direction)
        z, log_q = q.rsample_and_log_prob()
        difference = log_q - p.log_prob(z)
        error = 4.5 * difference.std() / 20_000**0.5 + 1e-8
        assert abs(difference.mean() - kl_divergence(q, p)[0]) < error
        assert abs(-log_q.mean() - q.entropy()[0]) < error


class TestGradient:
    @pytest.mark.parametrize("m", [2, 3, 4, 10, 41])
    @pytest.mark.parametrize("kappa", [0.01, 1.0, 20.0, 1000.0])
    def test_of_a_cosine_is_the_implicit_one(self, m, kappa):
        """dw / dkappa = -(dF / dkappa) / f with F by adaptive quadrature."""
        q = distribution(m, kappa)
        gap = 0.5 * (q.rsample((6,)) - q.mean_direction).square().sum(-1)
        half = (m - 1) / 2
        mean = digamma(half + kappa) - digamma(2 * half + kappa)

        def density(angle):
            return math.sin(angle) ** (m - 2) * math.cos(angle / 2) ** (2 * kappa)

        for g, h in zip(gap.flatten().tolist(), q.speed(gap).flatten().tolist(), strict=True):
            angle = 2 * math.asin(math.sqrt(g / 2))
            tail, _ = quad(
                lambda s: (2 * math.log(math.cos(s / 2)) - mean) * density(s), 0, angle, epsabs=0, epsrel=1e-10
            )
            assert_close(h, tail / (density(angle) * math.sin(angle)), rtol=2e-5, atol=1e-9)

    @pytest.mark.parametrize(("m", "kappa"), [(2, 1.0), (3, 10.0), (10, 11.0), (40, 100.0)])
    def test_of_expected_values(self, m, kappa):
        """E[a . z] = kappa / (kappa + m - 1) a . mu: its gradient in mu and kappa, against that of draws."""
        count, a = 20_000, torch.linspace(-1, 1, m, dtype=torch.float64)
        q = distribution(m, kappa)
        raw, concentration = 2 * q.mean_direction[0], q.concentration[0]

        def parameters(*shape: int) -> tuple[Tensor, Tensor]:
            return raw.expand(*shape, m).clone().requires_grad_(), concentration.expand(shape).clone().requires_grad_()

        one = parameters()
        exact = torch.autograd.grad(one[1] / (one[1] + m - 1) * (functional.normalize(one[0], dim=-1) @ a), one)
        each = parameters(count)
        value = PowerSpherical(functional.normalize(each[0], dim=-1), each[1]).rsample() @ a
        for found, expected in zip(torch.autograd.grad(value.sum(), each), exact, strict=True):
            assert ((found.mean(0) - expected).abs() < 5 * found.std(0) / count**0.5 + 1e-9).all()

    @pytest.mark.parametrize("m", [2, 3, 101])
    def test_is_finite_at_the_extremes(self, m):
        kappa = torch.tensor([1.01e-3, 1.0, 9.9e4], requires_grad=True)
        raw = torch.randn(3, m, requires_grad=True)
        q = PowerSpherical(functional.normalize(raw, dim=-1), kappa)
        z, log_q = q.rsample_and_log_prob((500,))
        (z.sum() + log_q.sum() + kl_divergence(q, UniformSphere(raw)).sum()).backward()
        assert raw.grad.isfinite().all()
        assert kappa.grad.isfinite().all()
        assert (kappa.grad != 0).all()


@given(
    d=st.integers(1, 30),
    n=st.integers(1, 4),
    samples=st.lists(st.integers(1, 3), max_size=2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_shapes(d, n, samples, dtype):
    q = distribution(d + 1, *[2.0] * n, dtype=dtype)
    z, log_q = q.rsample_and_log_prob(tuple(samples))
    assert z.shape == (*samples, n, d + 1)
    assert z.dtype == log_q.dtype == dtype
    assert_close(z.norm(dim=-1), torch.ones(*samples, n, dtype=dtype), rtol=0, atol=2e-6)
    assert_close(log_q, q.log_prob(z))
    assert_close(q.table(z), q.log_prob(z.unsqueeze(-2)), rtol=1e-4, atol=1e-4)
    assert type(q[:1]) is type(q.detach()) is PowerSpherical
    assert q.stddev.shape == (n, d + 1)
