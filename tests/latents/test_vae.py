"""The VAE as a model: what every call answers, one pass instead of two, and gradients that go where they should."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import kl_divergence
from torch.testing import assert_close

from latents.distributions import DiagonalGaussian, GaussianMixture
from latents.errors import RecipeError
from latents.models import CALLS, VAE, Model, build
from latents.models.units import kl_of_units
from latents.parts import PartSettings, part

PRIORS = ["standard", "mixture", "vampprior"]


def batch(model: Model, count: int = 6) -> torch.Tensor:
    return torch.randint(0, 2, (count, *model.shape)).float()


@pytest.fixture(params=PRIORS)
def model(request, fresh):
    return fresh(request.param, latent=3, **({} if request.param == "standard" else {"components": 5}))


class TestShapes:
    @given(
        prior=st.sampled_from(PRIORS),
        shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),
        latent=st.integers(1, 6),
        k=st.integers(1, 9),
        n=st.integers(1, 4),
        dtype=st.sampled_from([torch.float32, torch.float64]),
    )
    def test_every_call(self, tiny, prior, shape, latent, k, n, dtype):
        changes = {} if prior == "standard" else {"model__prior__components": k}
        model = build(tiny(model__latent=latent, model__prior__kind=prior, **changes), shape).to(dtype).eval()
        x = torch.randint(0, 2, (n, *shape)).to(dtype)
        q, p = model.encode(x), model.prior()
        assert q.mean.shape == q.stddev.shape == (n, latent)
        assert q.sample().shape == (n, latent)
        assert p.sample((n,)).shape == (n, latent)
        assert p.log_prob(q.mean).shape == (n,)
        assert p.log_prob(q.mean).dtype == dtype
        decoded = model.decode(q.sample((2,)))
        assert decoded.batch_shape == (2, n)
        assert decoded.event_shape == shape
        assert decoded.mean.shape == (2, n, *shape)
        assert model.log_weights(x, 3).shape == (3, n)
        assert model.log_likelihood(x, 3).shape == (n,)
        assert model.log_likelihood(x, 3).dtype == dtype
        elbo = model.elbo(x, units=True)
        assert elbo.reconstruction.shape == elbo.kl.shape == elbo.value.shape == (n,)
        assert elbo.kl_per_unit.shape == (n, latent)
        for images in (model.sample(n).images, model.reconstruct(x), model.picture(q.mean).images):
            assert images.shape == (n, *shape)
            assert images.min() >= 0
            assert images.max() <= 1
        assert (model.pseudo_inputs is None) == (prior != "vampprior")
        if prior != "standard":
            assert p.components.mean.shape == (k, latent)
            assert_close(p.log_weights.exp().sum(), torch.tensor(1, dtype=dtype))

    def test_space(self, model):
        assert model.space.size == 3
        assert model.space.why_no_units is None
        assert model.space.layers == (model.space,)
        z = torch.randn(4, 3)
        assert torch.equal(model.complete(z), z)
        assert torch.equal(model.space.split(z)[0], z)
        assert torch.equal(model.space.coordinates(z), z)
        path = model.space.path(z[0], z[1], torch.tensor([0.0, 0.25, 1.0]))
        assert_close(path, torch.stack([z[0], 0.75 * z[0] + 0.25 * z[1], z[1]]))
        assert model.space.path(z, -z, torch.linspace(0, 1, 7)).shape == (7, 4, 3)
        q = model.encode(batch(model))
        assert torch.equal(model.space.point(q), q.mean)


class TestElbo:
    def test_kl_to_the_standard_normal_is_analytic(self, fresh):
        model = fresh("standard")
        x = batch(model)
        kl = model.elbo(x).kl
        assert_close(kl, kl_divergence(model.encode(x), model.prior()))
        assert torch.equal(kl, model.elbo(x).kl)  # no draw in it

    def test_kl_to_a_mixture_is_right_on_average(self, fresh):
        """The draws' mean against a fine grid in the plane."""
        model = fresh("mixture", components=5)
        x = batch(model, 1)
        with torch.no_grad():
            q, p = model.encode(x), model.prior()
            line = torch.linspace(-8, 8, 801)
            grid = (q.mean + q.stddev * torch.cartesian_prod(line, line)).unsqueeze(1)
            cell = (line[1] - line[0]) ** 2 * q.stddev.prod()
            log_q = q.log_prob(grid).squeeze(1)
            expected = float((log_q.exp() * (log_q - p.log_prob(grid).squeeze(1))).sum() * cell)
            draws = model.elbo(x.expand(20_000, -1, -1, -1)).kl
        assert float(draws.mean()) == pytest.approx(expected, abs=5 * float(draws.std()) / math.sqrt(20_000))

    def test_it_is_the_mean_of_the_log_weights(self, model):
        x = batch(model, 4)
        with torch.no_grad():
            bounds = torch.stack([model.elbo(x).value for _ in range(3000)])
            weights = model.log_weights(x, 3000)
        error = (bounds.var(0) + weights.var(0)).div(3000).sqrt()
        assert ((bounds.mean(0) - weights.mean(0)).abs() < 5 * error).all()

    def test_units(self, model):
        x = batch(model)
        elbo = model.elbo(x, units=True)
        assert model.elbo(x).kl_per_unit is None
        assert_close(elbo.kl_per_unit, kl_of_units(model.encode(x), model.prior()))
        if model.recipe.model.prior.kind == "standard":
            assert_close(elbo.kl_per_unit.sum(-1), elbo.kl)

    def test_value(self, model):
        elbo = model.elbo(batch(model))
        assert_close(elbo.value, elbo.reconstruction - elbo.kl)


class TestOnePass:
    """The batch and the pseudo-inputs go through the encoder together: the same numbers as in two passes."""

    @pytest.mark.parametrize("exact", [True, False])
    def test_outputs_and_gradients(self, fresh, exact):
        model = fresh("vampprior", components=5, level=0.5, noise=0.2).train(not exact)
        x = batch(model)
        gradients, outputs = [], []
        for together in (True, False):
            q, p = model.encode_with_prior(x) if together else (model.encode(x), model.prior())
            torch.manual_seed(7)
            z, log_q = q.rsample_and_log_prob((3,))
            value = (model.decode(z).log_prob(x) + p.log_prob(z) - log_q).mean()
            outputs.append([q.mean, q.stddev, p.components.mean, p.components.stddev, value])
            gradients.append(torch.autograd.grad(value, list(model.parameters())))
        for found, expected in zip(*outputs, strict=True):
            assert_close(found, expected, rtol=1e-5, atol=1e-6)
        for found, expected in zip(*gradients, strict=True):
            assert_close(found, expected, rtol=1e-4, atol=1e-6)

    def test_the_encoder_runs_once(self, fresh):
        model = fresh("vampprior", components=5)
        rows = []
        model.encoder.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
        x = batch(model, 6)
        model.elbo(x)
        model.log_weights(x, 4)
        assert rows == [11, 11]

    def test_without_pseudo_inputs_only_the_batch(self, fresh):
        model = fresh("mixture", components=5)
        rows = []
        model.encoder.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
        model.elbo(batch(model, 6))
        assert rows == [6]


class TestGradients:
    def test_the_elbo_reaches_every_parameter(self, model):
        model.train().elbo(batch(model)).value.mean().backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.abs().sum() > 0, name

    def test_through_the_components_into_the_encoder(self, fresh):
        """The prior of a VampPrior moves with the encoder: its gradient is not cut off."""
        model = fresh("vampprior", components=5, level=0.5, noise=0.2)
        x = batch(model)

        def gradient(cut: bool):
            q, p = model.encode_with_prior(x)
            if cut:
                p = GaussianMixture(
                    DiagonalGaussian(p.components.mean.detach(), p.components.log_variance.detach()), p.log_weights
                )
            torch.manual_seed(7)
            z, log_q = q.rsample_and_log_prob()
            value = (p.log_prob(z) - log_q).mean()
            return torch.autograd.grad(value, model.posterior.mean.weight)[0]

        assert (gradient(cut=True) - gradient(cut=False)).abs().max() > 1e-4

    def test_finite_differences(self, fresh):
        """The whole ELBO at fixed noise, in float64, along a random direction of all parameters."""
        model = fresh("vampprior", components=5, level=0.5, noise=0.1).double()
        x = batch(model).double()
        parameters = list(model.parameters())
        direction = [torch.randn_like(parameter) for parameter in parameters]

        def value() -> torch.Tensor:
            torch.manual_seed(7)
            return model.elbo(x).value.sum()

        slope = sum((g * d).sum() for g, d in zip(torch.autograd.grad(value(), parameters), direction, strict=True))
        with torch.no_grad():
            values = []
            for sign in (1, -2):  # forth, and back past the start
                for parameter, d in zip(parameters, direction, strict=True):
                    parameter.add_(sign * 1e-6 * d)
                values.append(value())
        assert_close((values[0] - values[1]) / 2e-6, slope, rtol=1e-5, atol=1e-5)

    def test_what_is_only_looked_at_makes_no_graph(self, model):
        x = batch(model)
        for tensor in (
            model.log_likelihood(x, 3),
            model.sample(2).images,
            model.reconstruct(x),
            model.picture(torch.zeros(1, 3)).images,
        ):
            assert not tensor.requires_grad


class TestPictures:
    def test_a_seed_is_a_picture(self, model):
        before = torch.get_rng_state()
        one, again, other = model.sample(4, seed=1), model.sample(4, seed=1), model.sample(4, seed=2)
        assert torch.equal(one.images, again.images)
        assert not torch.equal(one.images, other.images)
        assert torch.equal(torch.get_rng_state(), before)
        assert one.kind == "mean"

    def test_without_a_seed_the_next_one_is_another(self, model):
        assert not torch.equal(model.sample(4).images, model.sample(4).images)

    def test_reconstruction_is_the_mean_at_the_mean(self, model):
        x = batch(model)
        with torch.no_grad():
            assert_close(model.reconstruct(x), model.decode(model.encode(x).mean).mean)


class TestWhyNot:
    def test_what_each_prior_cannot(self, fresh):
        can_not = {
            "standard": {"pseudo_inputs", "components"},
            "mixture": {"pseudo_inputs"},
            "vampprior": set(),
        }
        for prior, calls in can_not.items():
            model = fresh(prior)
            for call in CALLS:
                reason = model.why_not(call)
                assert (reason is not None) == (call in calls), (prior, call)
                if reason:
                    assert reason.endswith(".")
                    assert "\n" not in reason

    def test_an_unknown_call(self, fresh):
        with pytest.raises(ValueError, match="fly"):
            fresh().why_not("fly")

    def test_every_call_of_the_design_is_known(self):
        assert {"encode", "decode", "sample", "log_likelihood", "units", "pseudo_inputs", "prior_density"} <= set(CALLS)

    def test_facts(self, fresh):
        model = fresh()
        assert model.estimator == "importance"
        assert str(model.measure) == "discrete, binarisation: dynamic"
        assert model.measure.kind == "discrete"
        assert model.parameter_count() == sum(p.numel() for p in model.parameters())
        assert model.shape == (1, 4, 5)


class TestCheck:
    def test_latent_larger_than_the_image(self, tiny, digits):
        with pytest.raises(RecipeError, match=r"model\.latent is 65, .*digits has only 64 pixels; set it to at most"):
            tiny(model__latent=65).check(digits)
        tiny(model__latent=64).check(digits)

    def test_gray_images_under_a_binary_likelihood(self, tiny, digits):
        with pytest.raises(RecipeError, match=r"needs binary images.*set data\.binarisation to 'dynamic' or 'static'"):
            tiny(data__binarisation="none").check(digits)

    def test_prior_that_needs_a_density_that_the_posterior_lacks(self, outside_parts, tiny):
        class Secretive(part("posterior", "gaussian")):
            kind = "secretive"
            has_density = False

        tiny(model__posterior__kind="secretive")
        with pytest.raises(RecipeError, match=r"'vampprior' evaluates q\(z\|x\).*'secretive' can score only its own"):
            tiny(model__posterior__kind="secretive", model__prior__kind="vampprior")

    def test_parts_are_exchanged_by_the_recipe(self, tiny):
        assert issubclass(VAE.Settings, PartSettings)
        model = build(tiny(model__encoder__hidden=[7, 6], model__decoder__hidden=[5]), (1, 4, 5))
        assert [layer.both.out_features for layer in model.encoder.layers] == [14, 12]
        assert [layer.both.out_features for layer in model.decoder.layers] == [10]
