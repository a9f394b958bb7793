"""Gaussians and mixtures against torch's own, against quadrature and against histograms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence
from torch.testing import assert_close

from latents import distributions
from latents.distributions import DiagonalGaussian, GaussianMixture, log_sum_exp


def gaussian(*batch: int, d: int, seed: int = 0, dtype=torch.float32, spread: float = 2.0) -> DiagonalGaussian:
    """Gaussians with log-variances all over the posterior's bounds, [-6, 2]."""
    generator = torch.Generator().manual_seed(seed)
    mean = spread * torch.randn(*batch, d, generator=generator, dtype=dtype)
    return DiagonalGaussian(mean, torch.rand(*batch, d, generator=generator, dtype=dtype) * 8 - 6)


def log_weights(k: int, seed: int = 1, dtype=torch.float32) -> torch.Tensor:
    return torch.randn(k, generator=torch.Generator().manual_seed(seed), dtype=dtype).log_softmax(0)


def oracle(components: DiagonalGaussian, weights: torch.Tensor) -> MixtureSameFamily:
    """The same mixture of vectors by torch, in float64, with K x d tables and no expansion of the square."""
    mean, variance = components.mean.double(), components.log_variance.double().exp()
    return MixtureSameFamily(Categorical(logits=weights.double()), Independent(Normal(mean, variance.sqrt()), 1))


class TestDiagonalGaussian:
    def test_log_prob_is_that_of_independent_normals(self):
        q = gaussian(4, d=3, dtype=torch.float64)
        z = torch.randn(7, 4, 3, dtype=torch.float64)
        by_hand = -0.5 * ((z - q.mean) ** 2 / q.log_variance.exp() + q.log_variance + math.log(2 * math.pi))
        assert_close(q.log_prob(z), by_hand.sum(-1))
        assert_close(q.stddev**2, q.log_variance.exp())

    @pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
    def test_a_draw_and_its_log_density_belong_together(self, shape):
        q = gaussian(4, d=3, dtype=torch.float64)
        z, log_q = q.rsample_and_log_prob(shape)
        assert z.shape == (*shape, 4, 3)
        assert log_q.shape == (*shape, 4)
        assert_close(log_q, q.log_prob(z))

    def test_draws_have_the_mean_and_the_standard_deviation(self):
        q = DiagonalGaussian(torch.tensor([1.0, -2.0]), torch.tensor([-4.0, 1.5]))
        torch.manual_seed(0)
        z, _ = q.rsample_and_log_prob((20_000,))
        for unit in range(2):
            assert kstest(z[:, unit].numpy(), "norm", (q.mean[unit].item(), q.stddev[unit].item())).pvalue > 0.01

    def test_gradients_flow_through_the_draw_and_its_density(self):
        mean = torch.zeros(3, 2, requires_grad=True)
        log_variance = torch.zeros(3, 2, requires_grad=True)
        z, log_q = DiagonalGaussian(mean, log_variance).rsample_and_log_prob()
        (z.sum() + log_q.sum()).backward()
        assert_close(mean.grad, torch.ones(3, 2))
        # dz / dlog_variance = noise / 2, dlog_q / dlog_variance = -1 / 2
        assert_close(log_variance.grad, 0.5 * z.detach() - 0.5)

    def test_indexing_and_expanding(self):
        q = gaussian(6, d=2)
        assert_close(q[2:4].mean, q.mean[2:4])
        assert_close(q[torch.tensor([5, 5, 0])].stddev, q.stddev[[5, 5, 0]])
        wide = q[0].expand((3,))
        assert isinstance(wide, DiagonalGaussian)
        assert_close(wide.log_prob(q.mean[:3]), q[0].log_prob(q.mean[:3]))

    def test_marginals_sum_to_the_joint(self):
        q = gaussian(4, d=3)
        z = torch.randn(4, 3)
        assert_close(q.marginals().log_prob(z).sum(-1), q.log_prob(z))

    @given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
    def test_kl_against_monte_carlo(self, d, batch, seed):
        q, p = gaussian(batch, d=d, seed=seed, spread=0.5), gaussian(d=d, seed=seed + 1, spread=0.5)
        torch.manual_seed(seed)
        z, log_q = q.rsample_and_log_prob((4000,))
        estimates = log_q - p.log_prob(z)
        error = estimates.std(0) / math.sqrt(4000)
        assert ((estimates.mean(0) - kl_divergence(q, p)).abs() < 5 * error + 1e-4).all()

    def test_kl_to_the_standard_normal_in_the_paper_s_form(self):
        q, p = gaussian(5, d=4), DiagonalGaussian(torch.zeros(4), torch.zeros(4))
        # Kingma and Welling 2014, appendix B, with its sign
        formula = -0.5 * (1 + q.log_variance - q.mean**2 - q.log_variance.exp()).sum(-1)
        assert_close(kl_divergence(q, p), formula)
        assert (kl_divergence(q, p) > 0).all()

    def test_density_integrates_to_one(self):
        assert grid_integral(gaussian(d=2, seed=3)) == pytest.approx(1, abs=1e-3)


def grid_integral(p, reach: float = 15.0, steps: int = 1201) -> float:
    """The integral of a 2-D density by the midpoint rule."""
    line = torch.linspace(-reach, reach, steps, dtype=torch.float64)
    plane = torch.cartesian_prod(line, line)
    return float(p.log_prob(plane).exp().sum() * (line[1] - line[0]) ** 2)


class TestGaussianMixture:
    @given(st.integers(1, 40), st.integers(1, 45), st.integers(1, 20), st.integers(0, 1000))
    def test_exact_log_prob(self, k, d, n, seed):
        components, weights = gaussian(k, d=d, seed=seed), log_weights(k, seed)
        z = gaussian(n, d=d, seed=seed + 1).mean
        expected = oracle(components, weights).log_prob(z.double())
        found = GaussianMixture(components, weights).log_prob(z)
        assert found.dtype == torch.float32
        assert ((found - expected).abs() <= 1e-5 + 1e-6 * expected.abs()).all()

    @given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 1000))
    def test_fast_log_prob(self, k, d, seed):
        """Where training is: points that were drawn from one of the components, at the smallest variances."""
        generator = torch.Generator().manual_seed(seed)
        mean = 3 * torch.randn(k, d, generator=generator)
        components = DiagonalGaussian(mean, torch.full((k, d), -6.0))
        z = mean + components.stddev * torch.randn(k, d, generator=generator)
        weights = log_weights(k, seed)
        found = GaussianMixture(components, weights, exact=False).log_prob(z)
        assert ((found - oracle(components, weights).log_prob(z.double())).abs() < 5e-2).all()

    def test_fast_is_not_exact(self):
        """The two forms do differ: a test that could not see it would be worth nothing."""
        components, weights = DiagonalGaussian(3 * torch.randn(20, 40), torch.full((20, 40), -6.0)), log_weights(20)
        z = components.sample()
        fast, exact = (GaussianMixture(components, weights, exact=exact).log_prob(z) for exact in (False, True))
        assert (fast - exact).abs().max() > 1e-4

    @pytest.mark.parametrize("exact", [True, False])
    def test_in_float64_both_are_exact(self, exact):
        components, weights = gaussian(9, d=5, dtype=torch.float64), log_weights(9, dtype=torch.float64)
        z = torch.randn(4, 3, 5, dtype=torch.float64)
        found = GaussianMixture(components, weights, exact=exact).log_prob(z)
        assert found.dtype == torch.float64
        assert_close(found, oracle(components, weights).log_prob(z), rtol=1e-9, atol=1e-9)

    def test_a_mixture_of_vectors_is_not_a_product_of_one_dimensional_mixtures(self):
        """The mistake of PAPERS: log-sum-exp by dimension, then summed, puts mass where no component is."""
        components = DiagonalGaussian(torch.tensor([[-3.0, -3.0], [3.0, 3.0]]), torch.zeros(2, 2))
        p = GaussianMixture(components, torch.full((2,), -math.log(2)))
        nowhere = torch.tensor([-3.0, 3.0])
        product = p.marginals().log_prob(nowhere).sum()
        assert p.log_prob(nowhere) < -15
        assert product == pytest.approx(2 * math.log(0.5 / math.sqrt(2 * math.pi)), abs=1e-4)

    def test_a_large_table_is_cut_without_a_seam(self, monkeypatch):
        components, weights = gaussian(7, d=3), log_weights(7)
        z = torch.randn(5, 11, 3)
        whole = GaussianMixture(components, weights).log_prob(z)
        monkeypatch.setattr(distributions, "_TABLE", 20)  # two points at a time; 55 is odd
        assert_close(GaussianMixture(components, weights).log_prob(z), whole)

    @pytest.mark.parametrize("d", [2, 40])
    def test_no_points_x_components_x_d_tensor_is_made(self, d):
        """The cost in memory of `log_prob` and its gradient does not grow with d."""
        points, k = 500, 300
        largest = LargestTensor()
        mean = torch.randn(k, d, requires_grad=True)
        components = DiagonalGaussian(mean, torch.zeros(k, d))
        z = torch.randn(points, d, requires_grad=True)
        with largest:
            GaussianMixture(components, log_weights(k), exact=False).log_prob(z).sum().backward()
        assert points * k <= largest.numel < 2 * points * k

    def test_joint_is_each_component_s_share(self):
        components, weights = gaussian(6, d=3), log_weights(6)
        z = torch.randn(2, 4, 3)
        table = GaussianMixture(components, weights).joint(z)
        assert table.shape == (2, 4, 6)
        each = oracle(components, weights).component_distribution.log_prob(z.double().unsqueeze(-2))
        assert_close(table, weights.double() + each, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("exact", [True, False])
    def test_gradients(self, exact):
        """Of the mean, the log-variance, the weights and the point, against torch's mixture."""
        values = [
            gaussian(6, d=3, dtype=torch.float64).mean,
            torch.rand(6, 3, dtype=torch.float64) - 1,
            log_weights(6, dtype=torch.float64),
            torch.randn(8, 3, dtype=torch.float64),
        ]
        found = []
        for build in (lambda c, w: GaussianMixture(c, w, exact=exact), oracle):
            inputs = [value.clone().requires_grad_() for value in values]
            p = build(DiagonalGaussian(*inputs[:2]), inputs[2])
            found.append(torch.autograd.grad(p.log_prob(inputs[3]).sum(), inputs))
        mean, log_variance, weights, points = zip(*found, strict=True)
        assert_close(*mean)
        assert_close(*log_variance)
        assert_close(*points)
        # torch normalises the logits, ours are normalised already: the same up to the part along (1, ..., 1)
        share = values[2].exp()
        assert_close(weights[0] - share * weights[0].sum(), weights[1] - share * weights[1].sum())

    def test_far_away_nothing_is_lost(self):
        """All the exponentials underflow there; the log density does not."""
        components, weights = gaussian(5, d=3), log_weights(5)
        z = torch.full((1, 3), 60.0)
        expected = oracle(components, weights).log_prob(z.double())
        assert expected < -1000
        assert_close(GaussianMixture(components, weights).log_prob(z), expected.float())

    @pytest.mark.parametrize("exact", [True, False])
    def test_density_integrates_to_one(self, exact):
        components = DiagonalGaussian(torch.randn(9, 2), torch.zeros(9, 2) - 2)
        assert grid_integral(GaussianMixture(components, log_weights(9), exact=exact)) == pytest.approx(1, abs=1e-3)

    def test_samples_use_the_components_by_their_weights(self):
        """Components that do not overlap: the nearest mean tells which one was drawn. K is not n."""
        k, n = 13, 20_000
        mean = torch.stack([torch.arange(k) * 10.0, torch.zeros(k)], -1)
        weights = log_weights(k, 5)
        torch.manual_seed(3)
        z = GaussianMixture(DiagonalGaussian(mean, torch.zeros(k, 2) - 1), weights).sample((n,))
        assert z.shape == (n, 2)
        counts = np.bincount((z[:, 0] / 10).round().long().numpy(), minlength=k)
        assert chisquare(counts, n * weights.exp().double().numpy() / weights.exp().double().sum().item()).pvalue > 0.01
        within = (z[:, 0] - 10 * (z[:, 0] / 10).round()).numpy()
        assert kstest(within, "norm", (0, math.exp(-0.5))).pvalue > 0.01

    def test_one_sample(self):
        assert GaussianMixture(gaussian(3, d=2), log_weights(3)).sample().shape == (2,)

    def test_samples_carry_no_gradient(self):
        mean = torch.zeros(3, 2, requires_grad=True)
        assert not GaussianMixture(DiagonalGaussian(mean, torch.zeros(3, 2)), log_weights(3)).sample((4,)).requires_grad

    def test_marginals(self):
        """Each unit's density is the joint's, integrated over the other unit."""
        components = DiagonalGaussian(torch.randn(4, 2), torch.zeros(4, 2) - 1)
        p = GaussianMixture(components, log_weights(4))
        line = torch.linspace(-10, 10, 2001)
        for unit in range(2):
            plane = torch.zeros(len(line), 2)
            plane[:, 1 - unit], plane[:, unit] = line, 0.7
            integral = p.log_prob(plane).exp().sum() * 0.01
            assert_close(p.marginals().log_prob(torch.tensor([0.7, 0.7]))[unit].exp(), integral, rtol=1e-4, atol=1e-6)

    def test_mean_and_variance(self):
        components, weights = gaussian(5, d=3), log_weights(5)
        p, expected = GaussianMixture(components, weights), oracle(components, weights)
        assert_close(p.mean.double(), expected.mean, rtol=1e-5, atol=1e-5)
        assert_close(p.variance.double(), expected.variance, rtol=1e-5, atol=1e-5)

    def test_it_is_one_density(self):
        p = GaussianMixture(gaussian(3, d=2), log_weights(3))
        assert p.expand(()) is p
        with pytest.raises(ValueError, match="cannot expand"):
            p.expand((4,))


class LargestTensor(torch.utils._python_dispatch.TorchDispatchMode):
    """The number of elements of the largest tensor that any operation makes, in its memory and not as a view."""

    numel = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        made = operation(*arguments, **(options or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


class TestLogSumExp:
    @given(st.integers(1, 30), st.integers(0, 1000), st.floats(0.1, 200))
    def test_value(self, k, seed, spread):
        table = spread * torch.randn(7, k, generator=torch.Generator().manual_seed(seed))
        assert_close(log_sum_exp(table), torch.logsumexp(table.double(), -1).float(), rtol=1e-6, atol=1e-6)

    def test_gradient_is_the_softmax_without_subnormals(self):
        table = torch.tensor([[0.0, -5.0, -95.0], [-3.0, -200.0, -4.0]], requires_grad=True)
        log_sum_exp(table).sum().backward()
        assert_close(table.grad, torch.softmax(table.detach(), -1))
        smallest = torch.finfo(torch.float32).tiny
        assert ((table.grad == 0) | (table.grad >= smallest)).all()
