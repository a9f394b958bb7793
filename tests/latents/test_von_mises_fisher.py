"""The von Mises-Fisher distribution against quadrature, closed forms, and the distribution functions of its draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ive
from scipy.stats import kstest, norm
from torch import Tensor
from torch.distributions import kl_divergence
from torch.nn import functional
from torch.testing import assert_close

from latents.distributions import Mixture
from latents.rotational import Rotational, log_area
from latents.von_mises_fisher import UniformSphere, VonMisesFisher

CONCENTRATIONS = (1e-3, 0.1, 1.0, 11.0, 100.0, 1e5)
# (d, kappa) where a known public sampler is biased, read as dimensions of the sphere and as coordinates.
GRID = [(d + more, kappa) for d, kappa in ((40, 11.0), (20, 15.0), (10, 11.0)) for more in (1, 0)]
GRID += [(2, 3.0), (2, 1e4), (3, 0.5), (3, 1e5), (4, 2.0), (6, 50.0), (11, 1e-3), (41, 1e5), (101, 40.0)]


def distribution(m: int, *kappa: float, batch: int | None = None, dtype=torch.float64) -> VonMisesFisher:
    """Around random directions, one for each concentration."""
    generator = torch.Generator().manual_seed(m)
    mean = functional.normalize(torch.randn(len(kappa), m, generator=generator, dtype=dtype), dim=-1)
    q = VonMisesFisher(mean, torch.tensor(kappa, dtype=dtype))
    return q if batch is None else q[torch.zeros(batch, dtype=torch.long)]


def resultant_length(m: int, kappa: float) -> float:
    return ive(m / 2, kappa) / ive(m / 2 - 1, kappa)


def sphere_rule(nodes: int = 400) -> tuple[Tensor, Tensor]:
    """Points of S^2 and weights, that integrate over it."""
    height, weight = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(nodes))
    angle = torch.arange(nodes, dtype=torch.float64) * (2 * math.pi / nodes)
    side = (1 - height**2).sqrt().unsqueeze(-1)
    points = torch.stack([side * angle.cos(), side * angle.sin(), height.unsqueeze(-1).expand(-1, nodes)], -1)
    return points.flatten(0, 1), (weight * (2 * math.pi / nodes)).repeat_interleave(nodes)


class TestDensity:
    @pytest.mark.parametrize("kappa", [1e-3, 1.0, 30.0, 3000.0])
    def test_integrates_to_one_on_the_circle(self, kappa):
        angle = torch.arange(4096, dtype=torch.float64) * (2 * math.pi / 4096)
        density = distribution(2, kappa).log_prob(torch.stack([angle.cos(), angle.sin()], -1)).exp()
        assert_close(density.mean().item() * 2 * math.pi, 1.0, rtol=1e-8, atol=0)

    @pytest.mark.parametrize("kappa", [1e-3, 1.0, 30.0, 300.0])
    def test_integrates_to_one_on_the_sphere(self, kappa):
        points, weights = sphere_rule()
        density = distribution(3, kappa).log_prob(points).exp()
        assert_close((density @ weights).item(), 1.0, rtol=1e-8, atol=0)

    @pytest.mark.parametrize("m", [2, 3, 6, 20, 101])
    @pytest.mark.parametrize("kappa", CONCENTRATIONS)
    def test_is_the_formula(self, m, kappa):
        q, z = distribution(m, kappa), functional.normalize(torch.randn(5, m, dtype=torch.float64), dim=-1)
        log_constant = (m / 2 - 1) * math.log(kappa) - m / 2 * math.log(2 * math.pi) - math.log(ive(m / 2 - 1, kappa))
        expected = log_constant + kappa * ((z @ q.mean_direction[0]) - 1)
        assert_close(q.log_prob(z), expected, rtol=1e-9, atol=1e-8)

    @pytest.mark.parametrize("m", [2, 3, 40])
    def test_float32_holds_in_narrow_distributions(self, m):
        """1 - mu . z in float32 would be off by kappa 1e-7: hundredths of a nat."""
        q = distribution(m, 1e5)
        z = q.rsample((100,))
        single = VonMisesFisher(q.mean_direction.float(), q.concentration.float())
        assert_close(single.log_prob(z.float()), q.log_prob(z.float().double()).float(), rtol=0, atol=2e-3)
        assert_close(single.table(z.float())[:, 0], single.log_prob(z.float()), rtol=0, atol=2e-3)

    def test_tends_to_the_uniform_and_to_a_gaussian(self):
        q = distribution(5, 1e-3)
        z = functional.normalize(torch.randn(9, 5, dtype=torch.float64), dim=-1)
        assert_close(
            q.log_prob(z), torch.full((9, 1), -log_area(5), dtype=torch.float64).squeeze(-1), rtol=0, atol=2e-3
        )
        q = distribution(5, 1e5)
        across = torch.randn(9, 5, dtype=torch.float64)
        across -= (across @ q.mean_direction.T) * q.mean_direction
        z = functional.normalize(q.mean_direction + across / 1e5**0.5, dim=-1)
        gaussian = -0.5 * across.square().sum(-1) + 2 * math.log(1e5 / (2 * math.pi))
        assert_close(q.log_prob(z), gaussian, rtol=0, atol=2e-3)

    def test_mixtures_are_densities(self):
        """What a VampPrior makes of it: a mixture of vectors, all components in one product."""
        q = distribution(3, 2.0, 40.0, 0.5)
        p = Mixture(q, torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log())
        points, weights = sphere_rule(100)
        assert_close((p.log_prob(points).exp() @ weights).item(), 1.0, rtol=1e-8, atol=0)
        expected = torch.stack([q[k].log_prob(points) for k in range(3)], -1)
        assert_close(q.table(points), expected)
        assert p.sample((7,)).shape == (7, 3)


class TestMoments:
    @pytest.mark.parametrize("m", [2, 3, 7, 41])
    def test_mean_and_standard_deviation(self, m):
        q = distribution(m, 5.0, batch=20_000)
        z = q.rsample()
        assert_close(q.mean[0], resultant_length(m, 5.0) * q.mean_direction[0], rtol=1e-7, atol=0)
        error = q.stddev[0] / 20_000**0.5
        assert ((z.mean(0) - q.mean[0]).abs() < 5 * error).all()
        assert_close(z.std(0), q.stddev[0], rtol=0.05, atol=0)

    @pytest.mark.parametrize(("m", "kappa"), GRID)
    def test_mean_resultant_length_of_draws(self, m, kappa):
        q = distribution(m, kappa, batch=20_000, dtype=torch.float32)
        gap = 0.5 * (q.rsample() - q.mean_direction).square().sum(-1).double()
        # from the series where the difference would cancel
        expected = 1 - resultant_length(m, kappa) if kappa < 1e4 else (m - 1) / (2 * kappa)
        assert abs(gap.mean().item() - expected) < 4.5 * gap.std().item() / 20_000**0.5


class TestKL:
    @pytest.mark.parametrize("m", [2, 3, 6, 41])
    @pytest.mark.parametrize("kappa", [0.1, 3.0, 50.0, 1e4])
    def test_against_monte_carlo(self, m, kappa):
        q = distribution(m, kappa, batch=20_000)
        p = UniformSphere(q.mean_direction)
        z, log_q = q.rsample_and_log_prob()
        difference = log_q - p.log_prob(z)
        assert abs(difference.mean() - kl_divergence(q, p)[0]) < 4.5 * difference.std() / 20_000**0.5 + 1e-8

    @pytest.mark.parametrize("kappa", [0.01, 1.0, 100.0])
    def test_on_the_sphere_in_closed_form(self, kappa):
        expected = kappa / math.tanh(kappa) - 1 + math.log(kappa / math.sinh(kappa))
        q = distribution(3, kappa)
        assert_close(kl_divergence(q, UniformSphere(q.mean_direction)).item(), expected, rtol=1e-9, atol=1e-12)
        assert_close(q.entropy().item(), log_area(3) - expected)

    @pytest.mark.parametrize("m", [2, 3, 11, 101])
    def test_gradient_is_kappa_times_the_slope_of_the_length(self, m):
        kappa = torch.tensor([2e-3, 1.0, 30.0, 1e3, 9e4], dtype=torch.float64, requires_grad=True)
        mean = distribution(m, *[1.0] * 5).mean_direction
        kl = kl_divergence(VonMisesFisher(mean, kappa), UniformSphere(mean))
        (found,) = torch.autograd.grad(kl.sum(), kappa)
        x = kappa.detach()
        ratio = torch.tensor([resultant_length(m, k) for k in x.tolist()], dtype=torch.float64)
        slope = 1 - ratio**2 - (m - 1) * ratio / x
        assert_close(found[:3], (x * slope)[:3], rtol=1e-5, atol=1e-9)
        assert_close(found[4:], (m - 1) / (2 * x[4:]), rtol=1e-3 * m, atol=0)


class TestDraws:
    @pytest.mark.parametrize("kappa", CONCENTRATIONS)
    def test_cosines_on_the_sphere(self, kappa):
        """Against the distribution function itself, in the gap 1 - w: (1 - e^(-kappa gap)) / (1 - e^(-2 kappa))."""
        q = distribution(3, kappa, batch=20_000, dtype=torch.float32)
        gap = 0.5 * (q.rsample() - q.mean_direction).square().sum(-1).double().numpy()
        assert kstest(gap, lambda g: np.expm1(-kappa * g) / np.expm1(-2 * kappa)).pvalue > 0.005

    @pytest.mark.parametrize(("m", "kappa"), [(2, 0.5), (2, 500.0), (4, 20.0), (10, 11.0), (41, 11.0), (101, 1e4)])
    def test_cosines_elsewhere(self, m, kappa):
        q = distribution(m, kappa, batch=20_000, dtype=torch.float32)
        gap = 0.5 * (q.rsample() - q.mean_direction).square().sum(-1).double().numpy()
        angle = np.linspace(0, math.pi, 200_001)
        density = np.exp((m - 2) * np.log(np.sin(angle[1:-1])) + kappa * (np.cos(angle[1:-1]) - 1))
        whole = np.concatenate([[0], np.cumsum(density), [0]])
        whole[-1] = whole[-2]
        assert kstest(gap, lambda g: np.interp(2 * np.arcsin(np.sqrt(g / 2)), angle, whole / whole[-1])).pvalue > 0.005

    @pytest.mark.parametrize("m", [2, 3, 5])
    def test_no_direction_across_is_preferred(self, m):
        q = distribution(m, 4.0, batch=20_000)
        z = q.rsample()
        across = z - (z * q.mean_direction).sum(-1, keepdim=True) * q.mean_direction
        axis = functional.one_hot(q.mean_direction[0].abs().argmin(), m).double()
        axis = functional.normalize(axis - (axis @ q.mean_direction[0]) * q.mean_direction[0], dim=0)
        cosine = functional.normalize(across, dim=-1) @ axis
        if m == 2:
            assert abs((cosine > 0).double().mean() - 0.5) < 4.5 * 0.5 / 20_000**0.5
        else:  # a uniform point's cosine in m - 1 coordinates
            exact = (lambda c: 1 - np.arccos(c) / math.pi) if m == 3 else (lambda c: _cap(c, m - 1))
            assert kstest(cosine.clamp(-1, 1).numpy(), exact).pvalue > 0.005

    def test_narrow_draws_are_gaussian(self):
        q = distribution(4, 1e5, batch=20_000, dtype=torch.float32)
        across = (q.rsample() - q.mean_direction).double() * 1e5**0.5
        axis = functional.one_hot(q.mean_direction[0].abs().argmin(), 4).double()
        axis = axis - (axis @ q.mean_direction[0].double()) * q.mean_direction[0].double()
        assert kstest((across @ functional.normalize(axis, dim=0)).numpy(), norm.cdf).pvalue > 0.005


def _cap(cosine: np.ndarray, m: int) -> np.ndarray:
    """The distribution function of a uniform point's cosine, m = 4: density (2 / pi) sqrt(1 - c^2)."""
    assert m == 4
    return 0.5 + (cosine * np.sqrt(1 - cosine**2) + np.arcsin(cosine)) / math.pi


class TestGradient:
    @pytest.mark.parametrize("m", [2, 3, 4, 6, 10, 41])
    @pytest.mark.parametrize("kappa", [0.01, 1.0, 11.0, 300.0])
    def test_of_a_cosine_is_the_implicit_one(self, m, kappa):
        """dw / dkappa = -(dF / dkappa) / f, with F by adaptive quadrature; finite differences are too coarse."""
        q = distribution(m, kappa)
        gap = 0.5 * (q.rsample((6,)) - q.mean_direction).square().sum(-1)
        length = resultant_length(m, kappa)

        def density(angle):  # of the angle, up to its constant
            return math.sin(angle) ** (m - 2) * math.exp(kappa * (math.cos(angle) - 1))

        for g, h in zip(gap.flatten().tolist(), q.speed(gap).flatten().tolist(), strict=True):
            angle = 2 * math.asin(math.sqrt(g / 2))
            tail, _ = quad(lambda s: (math.cos(s) - length) * density(s), 0, angle, epsabs=0, epsrel=1e-10, limit=200)
            expected = tail / (density(angle) * math.sin(angle))  # dw / dkappa over 1 - w^2
            assert_close(h, expected, rtol=2e-5, atol=1e-9)

    @pytest.mark.parametrize("m", [2, 3, 4, 11, 40])
    @pytest.mark.parametrize("kappa", [1.0, 11.0])
    def test_of_expected_values(self, m, kappa):
        """E[exp(a . z)] = C(kappa) / C(|kappa mu + a|): its exact gradient in mu and kappa, against that of draws."""
        count = 20_000
        raw = torch.randn(m, dtype=torch.float64, generator=torch.Generator().manual_seed(m)).requires_grad_()
        concentration = torch.tensor(kappa, dtype=torch.float64, requires_grad=True)
        a = torch.linspace(-1, 1, m, dtype=torch.float64)
        mean = functional.normalize(raw, dim=0)
        exact = torch.autograd.grad(
            (_log_constant(m, concentration) - _log_constant(m, (concentration * mean + a).norm())).exp(),
            (raw, concentration),
        )
        each_raw, each_kappa = raw.detach().expand(count, m).clone(), concentration.detach().expand(count).clone()
        each = functional.normalize(each_raw.requires_grad_(), dim=-1), each_kappa.requires_grad_()
        value = torch.exp(VonMisesFisher(*each).rsample() @ a).sum()
        for found, expected in zip(torch.autograd.grad(value, (each_raw, each_kappa)), exact, strict=True):
            error = found.std(0) / count**0.5
            assert ((found.mean(0) - expected).abs() < 5 * error + 1e-9).all()

    @pytest.mark.parametrize(("m", "kappa"), [(2, 1.0), (6, 5.0), (11, 11.0), (3, 2.0)])
    def test_of_the_mean_cosine_is_the_slope_of_the_length(self, m, kappa):
        """Through Wood's accepted proposal alone, uncorrected, the first three are 44, 14 and 7 percent too small."""
        concentration = torch.full((20_000,), kappa, requires_grad=True)
        q = VonMisesFisher(distribution(m, 1.0, batch=20_000, dtype=torch.float32).mean_direction, concentration)
        (found,) = torch.autograd.grad((q.rsample() * q.mean_direction).sum(), concentration)
        length = resultant_length(m, kappa)
        expected = 1 - length**2 - (m - 1) * length / kappa
        assert abs(found.mean() - expected) < 4.5 * found.std() / 20_000**0.5
        assert found.std() / 20_000**0.5 < 0.01 * expected

    @pytest.mark.parametrize("m", [2, 3, 6, 101])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_is_finite_at_the_extremes(self, m, dtype):
        kappa = torch.tensor([1.01e-3, 1.0, 9.9e4], dtype=dtype, requires_grad=True)
        raw = torch.randn(3, m, dtype=dtype, requires_grad=True)
        q = VonMisesFisher(functional.normalize(raw, dim=-1), kappa)
        z, log_q = q.rsample_and_log_prob((500,))
        (z.sum() + log_q.sum() + kl_divergence(q, UniformSphere(raw)).sum()).backward()
        for gradient in (raw.grad, kappa.grad):
            assert gradient.isfinite().all()
            assert (gradient != 0).all()

    def test_many_draws_go_in_parts(self):
        """The same numbers row by row as in one piece."""
        q = distribution(6, 3.0, 30.0)
        gap = torch.rand(5000, 2, dtype=torch.float64) * 2
        assert_close(q.speed(gap)[-3:], q.speed(gap[-3:]))

    def test_two_rules_for_the_sphere_agree(self):
        q = distribution(3, 0.01, 5.0, 500.0)
        gap = torch.rand(40, 3, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.01], dtype=torch.float64)
        assert_close(q.speed(gap), Rotational.speed(q, gap), rtol=1e-7, atol=0)

    def test_evaluating_first_without_gradients_changes_nothing(self):
        kappa = torch.tensor([3.0], requires_grad=True)
        q = VonMisesFisher(functional.normalize(torch.ones(1, 4), dim=-1), kappa)
        with torch.no_grad():
            q.log_prob(q.sample())
        kl_divergence(q, UniformSphere(torch.zeros(4))).sum().backward()
        assert kappa.grad > 0


def _log_constant(m: int, kappa: Tensor) -> Tensor:
    """log C_m, up to what does not depend on kappa, by the power series of the Bessel function."""
    terms = torch.arange(200, dtype=torch.float64)
    return -torch.logsumexp(
        2 * terms * (kappa / 2).log() - torch.lgamma(terms + 1) - torch.lgamma(terms + m / 2), dim=0
    )


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
    assert log_q.shape == (*samples, n)
    assert z.dtype == log_q.dtype == dtype
    assert_close(z.norm(dim=-1), torch.ones(*samples, n, dtype=dtype), rtol=0, atol=2e-6)
    assert_close(log_q, q.log_prob(z))
    assert_close(q.table(z), q.log_prob(z.unsqueeze(-2)), rtol=1e-4, atol=1e-4)
    assert_close(q[:1].log_prob(z[..., :1, :]), log_q[..., :1])
    assert kl_divergence(q, UniformSphere(torch.zeros(d + 1, dtype=dtype))).shape == (n,)
    assert q.expand((2, n)).log_prob(z[..., None, :, :]).shape == (*samples, 2, n)


def test_detached_parameters_get_no_gradient():
    kappa = torch.tensor([3.0], requires_grad=True)
    q = VonMisesFisher(functional.normalize(torch.ones(1, 4), dim=-1), kappa).detach()
    assert not q.rsample().requires_grad
    assert not q.log_prob(q.sample()).requires_grad


class TestUniform:
    def test_density_and_draws(self):
        p = UniformSphere(torch.zeros(3))
        z, log_p = p.rsample_and_log_prob((20_000,))
        assert_close(log_p, torch.full((20_000,), -math.log(4 * math.pi)))
        assert_close(p.entropy().item(), math.log(4 * math.pi))
        for axis in range(3):  # Archimedes: heights are uniform
            assert kstest(z[:, axis].numpy(), "uniform", (-1, 2)).pvalue > 0.005
        assert_close(z.std(0), p.stddev, rtol=0.03, atol=0)
        assert torch.equal(p.mean, torch.zeros(3))

    def test_areas(self):
        assert_close(log_area(2), math.log(2 * math.pi))
        assert_close(log_area(4), math.log(2 * math.pi**2))
