"""Priors: densities that integrate to one, samples in proportion, and the VampPrior as the aggregated posterior."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal
from torch.testing import assert_close

from latents.distributions import DiagonalGaussian, GaussianMixture
from latents.errors import RecipeError
from latents.models import build
from latents.priors import Mixture, Standard, VampPrior
from latents.recipe import Recipe

PRIORS = {
    "standard": {},
    "mixture": {"components": 7, "weights": "learnt", "spread": 1.5},
    "vampprior": {"components": 7},
}


@pytest.fixture(params=PRIORS)
def model(request, fresh):
    """A model of 2-D latents, one for each prior, with weights that are all different."""
    model = fresh(request.param, **PRIORS[request.param])
    with torch.no_grad():
        for parameter in model.latent_prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        if request.param == "vampprior":  # far apart: the encoder of a fresh model puts all of them in one place
            model.latent_prior.pixels.uniform_()
            model.posterior.mean.weight.mul_(4)
    return model


class TestEveryPrior:
    def test_density_integrates_to_one(self, model):
        line = torch.linspace(-25, 25, 1601)
        plane = torch.cartesian_prod(line, line)
        with torch.no_grad():
            mass = model.prior().log_prob(plane).double().exp().sum() * (line[1] - line[0]) ** 2
        assert float(mass) == pytest.approx(1, abs=2e-3)

    def test_shapes(self, model):
        p = model.prior()
        assert p.sample((6,)).shape == (6, 2)
        assert p.sample().shape == (2,)
        assert p.log_prob(torch.randn(5, 6, 2)).shape == (5, 6)
        assert p.log_prob(torch.randn(2)).shape == ()

    def test_samples_follow_the_density(self, model):
        """Along each unit, against the marginal's distribution function."""
        with torch.no_grad():
            p = model.prior()
            z = p.sample((4000,))
            for unit in range(2):
                column = z[:, unit].numpy()

                def share_below(value, unit=unit):
                    points = torch.as_tensor(np.asarray(value), dtype=torch.float32).reshape(-1, 1)
                    return p.marginals().cdf(points.expand(-1, 2))[:, unit].numpy()

                assert kstest(column, share_below).pvalue > 0.01

    def test_settings_come_back_from_json(self, model):
        recipe = model.recipe
        assert Recipe.parse(recipe.model_dump(mode="json")) == recipe


def test_standard_is_the_standard_normal():
    p = Standard(Standard.Settings(), 3, (1, 2, 2))(None)
    z = torch.randn(5, 3)
    assert_close(p.log_prob(z), MultivariateNormal(torch.zeros(3), torch.eye(3)).log_prob(z))


class TestMixture:
    def make(self, **settings) -> Mixture:
        return Mixture(Mixture.Settings(**settings), 3, (1, 2, 2))

    @given(st.integers(1, 30), st.sampled_from(["equal", "learnt"]))
    def test_it_is_torch_s_mixture(self, k, weights):
        prior = self.make(components=k, weights=weights)
        with torch.no_grad():
            for parameter in prior.parameters():
                parameter.copy_(torch.randn_like(parameter))
        parts = Independent(Normal(prior.mean.double(), (0.5 * prior.log_variance.double()).exp()), 1)
        z = torch.randn(9, 3)
        oracle = MixtureSameFamily(Categorical(logits=prior.logits.double()), parts).log_prob(z.double())
        assert_close(prior.eval()().log_prob(z).double(), oracle, rtol=1e-6, atol=1e-5)
        assert_close(prior.train()().log_prob(z).double(), oracle, rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize(("weights", "learnt"), [("equal", False), ("learnt", True)])
    def test_what_is_learnt(self, weights, learnt):
        prior = self.make(components=4, weights=weights)
        prior().log_prob(torch.randn(8, 3)).sum().backward()
        assert prior.mean.grad is not None
        assert prior.log_variance.grad is not None
        assert (prior.logits.grad is not None) == learnt
        assert_close(prior().log_weights.exp(), torch.full((4,), 0.25))

    def test_first_means_are_spread_as_asked(self):
        mean = self.make(components=3000, spread=2.5).mean.detach()
        assert kstest(mean.flatten().numpy(), "norm", (0, 2.5)).pvalue > 0.01


class TestVampPrior:
    def test_pseudo_inputs_equal_to_the_data_give_the_aggregated_posterior(self, fresh, digits):
        x = digits.train.images[:50]
        model = fresh("vampprior", shape=digits.shape, components=len(x), initialisation="data", latent=3)
        with torch.no_grad():
            model.latent_prior.pixels.copy_(x)
            z = 2 * torch.randn(20, 3)
            q = model.encode(x)
            aggregated = torch.logsumexp(q.log_prob(z.unsqueeze(1)).double(), 1) - math.log(len(x))
            assert_close(model.prior().log_prob(z).double(), aggregated, rtol=1e-5, atol=1e-5)
            assert_close(model.pseudo_inputs, x)

    @pytest.mark.parametrize(("k", "n"), [(13, 4000), (31, 17)])
    def test_samples_use_all_components_in_proportion(self, fresh, k, n):
        """Not the first n pseudo-inputs, and not N(0, I): the mistakes of PAPERS."""
        model = fresh("vampprior", shape=(1, 1, k), components=k)
        with torch.no_grad():
            model.latent_prior.pixels.copy_(torch.eye(k).reshape(k, 1, 1, k))
            p = model.prior()
            # Components far apart, so that the nearest one is the one that was drawn.
            apart = DiagonalGaussian(50.0 * torch.arange(k).unsqueeze(-1).expand(k, 2), p.components.log_variance)
            mixture = model.latent_prior(apart)
            nearest = (mixture.sample((n,))[:, 0] / 50).round().long()
        assert isinstance(p, GaussianMixture)
        assert_close(p.log_weights, torch.full((k,), -math.log(k)))
        counts = np.bincount(nearest.numpy(), minlength=k)
        assert len(counts) == k
        if n > 5 * k:
            assert chisquare(counts).pvalue > 0.01
        else:
            assert nearest.max() >= n  # components after the n-th are drawn too
        assert (nearest[1:] < nearest[:-1]).any()  # and not in their order

    def test_components_are_the_encoder_s_posteriors(self, fresh):
        model = fresh("vampprior", components=5)
        with torch.no_grad():
            q, components = model.encode(model.pseudo_inputs), model.prior().components
        assert_close(components.mean, q.mean)
        assert_close(components.stddev, q.stddev)

    def test_pixels_stay_in_range(self, fresh):
        model = fresh("vampprior", components=5)
        with torch.no_grad():
            model.latent_prior.pixels.copy_(torch.linspace(-2, 3, 100).reshape(5, 1, 4, 5))
        assert model.pseudo_inputs.min() == 0
        assert model.pseudo_inputs.max() == 1
        assert not model.pseudo_inputs.requires_grad

    def test_gradient_reaches_encoder_and_pixels(self, fresh):
        model = fresh("vampprior", components=5, level=0.5, noise=0.1).train()
        (-model.prior().log_prob(torch.randn(8, 2)).sum()).backward()
        for parameter in (model.latent_prior.pixels, *model.encoder.parameters(), *model.posterior.parameters()):
            assert parameter.grad.abs().sum() > 0

    def test_random_start(self):
        settings = VampPrior.Settings(components=400, level=0.3, noise=0.05)
        pixels = VampPrior(settings, 2, (1, 3, 4)).pixels.detach()
        assert pixels.shape == (400, 1, 3, 4)
        assert kstest(pixels.flatten().numpy(), "norm", (0.3, 0.05)).pvalue > 0.01

    def test_start_from_data_takes_different_images_by_the_seed(self, digits):
        images = digits.train.images
        prior = VampPrior(VampPrior.Settings(components=20, initialisation="data"), 2, digits.shape)
        prior.initialise(images, torch.Generator().manual_seed(1))
        first = prior.pixels.detach().clone()
        places = [int(torch.where(((images - picture).abs() < 2e-3).flatten(1).all(1))[0][0]) for picture in first]
        assert len(set(places)) == 20
        assert places != sorted(places)
        prior.inputs().sum().backward()
        assert (prior.pixels.grad == 1).all()  # black pixels too can be learnt
        prior.initialise(images, torch.Generator().manual_seed(1))
        assert torch.equal(prior.pixels, first)
        prior.initialise(images, torch.Generator().manual_seed(2))
        assert not torch.equal(prior.pixels, first)

    def test_a_random_start_leaves_the_data_alone(self, digits):
        prior = VampPrior(VampPrior.Settings(components=20), 2, digits.shape)
        before = prior.pixels.detach().clone()
        prior.initialise(digits.train.images, torch.Generator())
        assert torch.equal(prior.pixels, before)

    def test_more_pseudo_inputs_than_images(self, tiny, digits):
        recipe = tiny(
            model__prior__kind="vampprior", model__prior__components=1298, model__prior__initialisation="data"
        )
        with pytest.raises(RecipeError, match=r"model\.prior\.components is 1298.* only 1297 training images"):
            recipe.check(digits)
        tiny(model__prior__kind="vampprior", model__prior__components=1298).check(digits)


class TestFastAndExact:
    @pytest.mark.parametrize("prior", ["mixture", "vampprior"])
    def test_training_is_fast_and_evaluation_exact(self, fresh, prior):
        model = fresh(prior, components=5)
        assert model.prior().exact
        assert not model.train().prior().exact
        assert model.eval().prior().exact
        assert model.encode_with_prior(torch.rand(2, 1, 4, 5))[1].exact

    def test_the_difference_is_the_documented_one(self, fresh):
        """At the smallest variances, in 40 dimensions, far from the origin: below 5e-2 nats, and not nothing."""
        model = fresh("mixture", components=50, latent=40, spread=3)
        with torch.no_grad():
            model.latent_prior.log_variance.fill_(-6)
            z = model.prior().sample((200,))
            exact, fast = model.prior().log_prob(z), model.train().prior().log_prob(z)
        assert 1e-4 < float((exact - fast).abs().max()) < 5e-2


def test_the_prior_is_built_by_the_recipe(tiny):
    for kind, part in (("standard", Standard), ("mixture", Mixture), ("vampprior", VampPrior)):
        assert type(build(tiny(model__prior__kind=kind), (1, 3, 3)).latent_prior) is part
