"""The KL of each unit, against closed forms and numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import Distribution, kl_divergence
from torch.testing import assert_close

from latents.distributions import DiagonalGaussian, GaussianMixture
from latents.models import units
from latents.models.units import kl_of_units


def by_integration(loc: float, scale: float, means, scales, weights) -> float:
    """KL(N(loc, scale^2) || sum_k w_k N(mean_k, scale_k^2)) by adaptive quadrature."""
    q = norm(loc, scale)

    def integrand(z):
        p = np.log(np.sum(weights * norm.pdf(z, means, scales)))
        return q.pdf(z) * (q.logpdf(z) - p)

    return quad(integrand, loc - 9 * scale, loc + 9 * scale, limit=300, points=[loc])[0]


class TestKLOfUnits:
    def test_between_gaussians_it_is_the_closed_form_and_sums_to_the_kl(self):
        q = DiagonalGaussian(torch.randn(6, 4), torch.randn(6, 4))
        p = DiagonalGaussian(torch.zeros(4), torch.zeros(4))
        kl = kl_of_units(q, p)
        assert kl.shape == (6, 4)
        assert_close(kl, 0.5 * (q.mean**2 + q.variance - 1 - q.log_variance))
        assert_close(kl.sum(-1), kl_divergence(q, p))

    @pytest.mark.parametrize(("variance", "error"), [(-6.0, 1e-4), (-2.0, 1e-3), (0.0, 2e-2)])
    def test_against_numerical_integration(self, variance, error):
        """Twenty components, each unit with its own marginal: the narrower q is, the better the rule."""
        components = DiagonalGaussian(1.5 * torch.randn(20, 3), torch.rand(20, 3) * 2 - 2)
        weights = torch.randn(20).log_softmax(0)
        q = DiagonalGaussian(torch.randn(4, 3), torch.full((4, 3), variance))
        found = kl_of_units(q, GaussianMixture(components, weights))
        for image in range(4):
            for unit in range(3):
                expected = by_integration(
                    q.mean[image, unit].item(),
                    q.stddev[image, unit].item(),
                    components.mean[:, unit].double().numpy(),
                    components.stddev[:, unit].double().numpy(),
                    weights.double().exp().numpy(),
                )
                assert found[image, unit].item() == pytest.approx(expected, abs=error)

    def test_a_mixture_of_one_is_a_gaussian(self):
        q = DiagonalGaussian(torch.randn(6, 4), torch.randn(6, 4))
        component = DiagonalGaussian(torch.randn(1, 4), torch.randn(1, 4))
        mixture = GaussianMixture(component, torch.zeros(1))
        assert_close(kl_of_units(q, mixture), kl_of_units(q, component[0]), rtol=1e-3, atol=1e-3)

    def test_where_q_is_the_mixture_there_is_none(self):
        component = DiagonalGaussian(torch.randn(1, 4), torch.randn(1, 4))
        pair = DiagonalGaussian(component.mean.expand(2, 4), component.log_variance.expand(2, 4))
        kl = kl_of_units(component, GaussianMixture(pair, torch.full((2,), -math.log(2))))
        assert kl.abs().max() < 1e-3

    def test_a_large_table_is_cut_without_a_seam(self, monkeypatch):
        q = DiagonalGaussian(torch.randn(7, 3), torch.randn(7, 3))
        p = GaussianMixture(DiagonalGaussian(torch.randn(5, 3), torch.zeros(5, 3)), torch.full((5,), -math.log(5)))
        whole = kl_of_units(q, p)
        monkeypatch.setattr(units, "_TABLE", 2 * 12 * 15)  # two images at a time; 7 is odd
        assert_close(kl_of_units(q, p), whole)

    def test_none_without_marginals(self):
        q = DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3))
        assert kl_of_units(Distribution(validate_args=False), q) is None
        assert kl_of_units(q, Distribution(validate_args=False)) is None

    def test_it_is_the_same_each_time(self):
        """A quadrature, not a draw: curves over epochs do not jitter."""
        q = DiagonalGaussian(torch.randn(7, 3), torch.randn(7, 3))
        p = GaussianMixture(DiagonalGaussian(torch.randn(5, 3), torch.zeros(5, 3)), torch.full((5,), -math.log(5)))
        assert torch.equal(kl_of_units(q, p), kl_of_units(q, p))
