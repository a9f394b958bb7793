"""Densities on the sphere: integrals against closed forms, shares of mass against draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from latents.distributions import Mixture
from latents.power_spherical import PowerSpherical
from latents.sphere_density import MASSES, aggregated_log_prob, aggregated_on, disagreement, grid, step, thresholds
from latents.von_mises_fisher import VonMisesFisher


def some(kind=VonMisesFisher, n: int = 30, low: float = 5.0, high: float = 400.0):
    generator = torch.Generator().manual_seed(0)
    mean = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    return kind(mean, torch.rand(n, generator=generator) * (high - low) + low)


def test_the_grid_integrates_over_the_sphere():
    """The area, and the second and fourth moments of a coordinate: 4 pi / 3 and 4 pi / 5."""
    on = grid(2)
    z = on.directions()
    assert on.integral(np.ones(z.shape[:2])) == pytest.approx(4 * np.pi, rel=1e-12)
    for axis in range(3):
        assert on.integral(z[..., axis] ** 2) == pytest.approx(4 * np.pi / 3, rel=1e-3)
        assert on.integral(z[..., axis] ** 4) == pytest.approx(4 * np.pi / 5, rel=1e-3)


@pytest.mark.parametrize("kind", [VonMisesFisher, PowerSpherical])
def test_the_aggregated_posterior_integrates_to_one_and_is_the_mixture(kind):
    q, on = some(kind), grid(2)
    log_q = aggregated_log_prob(q, torch.from_numpy(on.directions()).float())
    assert on.integral(log_q.exp().numpy()) == pytest.approx(1, abs=2e-3)
    directions = torch.from_numpy(on.directions()[::9, ::9]).double()
    exact = Mixture(kind(q.mean_direction.double(), q.concentration.double()), torch.full((30,), -np.log(30)))
    torch.testing.assert_close(log_q[::9, ::9].double(), exact.log_prob(directions), atol=2e-3, rtol=1e-4)


def test_contours_enclose_their_shares_of_draws():
    q, on = some(), grid(2)
    log_q = aggregated_log_prob(q, torch.from_numpy(on.directions()).float()).numpy()
    levels = thresholds(on, log_q)
    assert (np.diff(levels) > 0).all()
    torch.manual_seed(0)
    draws = Mixture(q, torch.full((30,), -np.log(30))).sample((20_000,))
    at = aggregated_log_prob(q, draws).numpy()
    for level, share in zip(levels, sorted(MASSES, reverse=True), strict=True):
        assert (at >= level).mean() == pytest.approx(share, abs=0.015)


def test_a_degree_is_fine_enough_for_narrow_posteriors():
    """Posteriors as narrow as MNIST's; what is left out far from them is negligible."""
    q = some(n=200, low=1200, high=3900)
    assert step(q.concentration.numpy()) == 1
    on = grid(1)
    log_q = aggregated_on(q, on)
    assert on.integral(np.exp(log_q)) == pytest.approx(1, abs=5e-3)
    whole = aggregated_log_prob(q, torch.from_numpy(on.directions()[::7, ::7]).float()).numpy()
    np.testing.assert_allclose(np.exp(log_q[::7, ::7]), np.exp(whole), rtol=2e-3, atol=1e-6)
    assert step(np.array([40.0, 80.0])) == 2


def test_a_prior_that_agrees_has_a_hundredth_in_holes_and_a_uniform_one_the_area_that_is_empty():
    on = grid(2)
    cap = VonMisesFisher(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([50.0]))
    log_q = aggregated_log_prob(cap, torch.from_numpy(on.directions()).float()).numpy()
    many = aggregated_on(some(), on)
    assert disagreement(on, many, many).share == pytest.approx(0.01, abs=1e-3)
    uniform = np.full_like(log_q, -np.log(4 * np.pi))
    outside = 1 + np.log(0.01) / 50  # cos of the angle of the cap that holds 99 %: 1 + log(1 - p) / kappa
    assert disagreement(on, uniform, log_q).share == pytest.approx((1 + outside) / 2, abs=0.01)
