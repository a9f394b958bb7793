"""The autoregressive prior: its density against autograd, its mass, its order, its draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from latents.errors import RecipeError
from latents.models import build
from latents.priors.autoregressive import Autoregressive


def make(latent=2, dtype=torch.float64, by=0.7, **settings) -> Autoregressive:
    """A prior far from the standard normal."""
    prior = Autoregressive(Autoregressive.Settings(**{"hidden": (12,), **settings}), latent, (1, 2, 2)).to(dtype)
    with torch.no_grad():
        for weight in prior.parameters():
            weight.add_(by * torch.randn_like(weight) / weight.shape[-1] ** 0.5)
    return prior


def to_noise(prior, z):
    """e of the points `z [M, d]`."""
    for f in reversed(prior().transforms):
        z = f.inverse(z)[0]
    return z


class TestDensity:
    @given(d=st.integers(1, 5), steps=st.integers(1, 4))
    def test_it_is_the_change_of_variables(self, d, steps):
        prior, z = make(d, steps=steps), torch.randn(3, d, dtype=torch.float64)
        log_p = prior().log_prob(z)
        for place, point in enumerate(z):
            matrix = jacobian(lambda one: to_noise(prior, one[None])[0], point)
            normal = MultivariateNormal(torch.zeros_like(point), torch.eye(d, dtype=point.dtype))
            expected = normal.log_prob(to_noise(prior, point[None])[0]) + torch.linalg.slogdet(matrix).logabsdet
            assert_close(log_p[place], expected, rtol=1e-8, atol=1e-8)

    def test_it_integrates_to_one(self):
        prior = make(by=0.4)
        with torch.no_grad():
            z = prior().sample((4000,))
            low, high = z.amin(0) - 8, z.amax(0) + 8
            lines = [
                torch.linspace(float(a), float(b), 401, dtype=torch.float64) for a, b in zip(low, high, strict=True)
            ]
            cell = float((lines[0][1] - lines[0][0]) * (lines[1][1] - lines[1][0]))
            mass = prior().log_prob(torch.cartesian_prod(*lines)).exp().sum() * cell
        assert float(mass) == pytest.approx(1, abs=1e-3)

    def test_draws_follow_it(self):
        """Counts of draws in cells of the plane, against the density's mass there."""
        prior, count = make(by=0.4), 20_000
        with torch.no_grad():
            z = prior().sample((count,))
            low, high = np.quantile(z.numpy(), [0.001, 0.999], axis=0)
            edges = [np.linspace(a, b, 7) for a, b in zip(low, high, strict=True)]
            seen = np.histogram2d(*z.numpy().T, bins=edges)[0]
            fine = [torch.as_tensor((e[:-1, None] + (np.arange(60) + 0.5) / 60 * (e[1] - e[0])).ravel()) for e in edges]
            density = prior().log_prob(torch.cartesian_prod(*fine)).exp().reshape(6, 60, 6, 60).sum((1, 3)).numpy()
        expected = count * density * (edges[0][1] - edges[0][0]) * (edges[1][1] - edges[1][0]) / 3600
        often = expected > 10
        rest = [count - seen[often].sum()], [count - expected[often].sum()]
        assert often.sum() > 12
        observed, wanted = np.append(seen[often], rest[0]), np.append(expected[often], rest[1])
        assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 0.01

    def test_draws_come_with_their_density(self):
        prior = make(4)
        z, log_p = prior().rsample_and_log_prob((6,))
        assert (z.shape, log_p.shape) == ((6, 4), (6,))
        assert_close(prior().log_prob(z), log_p)
        assert prior().sample((2, 3)).shape == (2, 3, 4)
        assert prior().log_prob(torch.randn(5, 6, 4).double()).shape == (5, 6)
        assert not prior().sample((2,)).requires_grad


class TestOrder:
    @pytest.mark.parametrize("steps", [1, 2])
    def test_each_unit_sees_those_before_it(self, steps):
        """One map is triangular; the second has the order turned round, so that two of them together are full."""
        prior = make(4, steps=steps)
        matrix = jacobian(lambda z: to_noise(prior, z[None])[0], torch.randn(4, dtype=torch.float64))
        if steps == 1:
            assert (matrix.triu(1) == 0).all()
            assert (matrix.tril() != 0)[torch.ones(4, 4).tril().bool()].all()
        else:
            assert (matrix != 0).all()

    def test_every_second_map_has_the_order_turned_round(self):
        prior, z = make(4, steps=2), torch.randn(4, dtype=torch.float64)
        second = prior().transforms[0]  # the first one of a draw is the last one of a density
        matrix = jacobian(lambda one: second.inverse(one[None])[0][0], z)
        assert (matrix.tril(-1) == 0).all()
        assert (matrix.triu(1) != 0).any()


class TestInAModel:
    def test_gradients_reach_prior_and_encoder(self, tiny):
        model = build(tiny(model__prior__kind="autoregressive", model__latent=3), (1, 4, 5)).train()
        elbo = model.elbo(torch.rand(6, 1, 4, 5).round())
        elbo.value.sum().backward()
        parts = [*model.latent_prior.parameters(), *model.encoder.parameters(), *model.posterior.parameters()]
        assert all((weight.grad != 0).any() for weight in parts)

    def test_nothing_but_weights_is_saved(self):
        prior = make(3, dtype=torch.float32)
        assert set(prior.state_dict()) == {name for name, _ in prior.named_parameters()}
        other = make(3, dtype=torch.float32)
        other.load_state_dict({name: value.half() for name, value in prior.state_dict().items()})
        prior.half().float()
        z = torch.randn(5, 3)
        assert_close(other().log_prob(z), prior().log_prob(z))

    def test_wide_z_has_wide_layers(self):
        """A masked layer needs a feature for each unit, else some units would see nothing."""
        prior = make(20, hidden=(4,), steps=1)
        matrix = jacobian(lambda z: to_noise(prior, z[None])[0], torch.randn(20, dtype=torch.float64))
        below = torch.ones(20, 20).tril(-1).bool()
        assert (matrix[below] != 0).double().mean() > 0.95

    def test_it_can_be_the_standard_normal(self):
        prior = make(3)
        with torch.no_grad():
            for weight in prior.parameters():
                weight.zero_()
        z = torch.randn(5, 3, dtype=torch.float64)
        assert_close(prior().log_prob(z), -0.5 * (z.square().sum(-1) + 3 * math.log(2 * math.pi)))

    def test_its_fields_have_bounds(self, tiny):
        with pytest.raises(RecipeError, match=r"model.prior.steps.*greater than or equal to 1, but 0"):
            tiny(model__prior__kind="autoregressive", model__prior__steps="0")
