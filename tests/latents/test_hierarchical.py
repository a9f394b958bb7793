"""Hierarchies: chains that are what their conditionals say, and a VAE where the second layer adds nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

import latents
from latents.distributions import GaussianMixture
from latents.errors import RecipeError
from latents.models import build
from latents.models.units import kl_of_units
from latents.networks import GatedLinear

SHAPE = (1, 3, 4)


@pytest.fixture(scope="session")
def hvae(tiny):
    """Untrained hierarchies in eval mode: `hvae((3, 2), prior="vampprior", components=5, hidden=6)`."""

    def make(layers=(3, 2), prior="standard", *, components=None, shape=SHAPE, seed=0, **settings):
        given = {"hidden": 6, **settings}
        for body, width in (("encoder", 7), ("below", 5), ("decoder", 8)):
            if f"{body}__kind" not in settings:
                given = {f"{body}__kind": "mlp", f"{body}__hidden": [width], **given}
        if components is not None:
            given["prior__components"] = components
        changes = {f"model__{name}": value for name, value in {"prior__kind": prior, **given}.items()}
        recipe = tiny(model__kind="hierarchical", model__layers=list(layers), **changes)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = build(recipe, shape).eval()
            if prior == "vampprior":  # components far enough apart to tell them
                with torch.no_grad():
                    model.latent_prior.pixels.uniform_()
                    model.posterior.mean.weight.mul_(4)
            return model

    return make


@pytest.fixture(params=["standard", "vampprior"])
def model(request, hvae):
    return hvae((3, 2), request.param, **({"components": 5} if request.param == "vampprior" else {}))


def batch(model, count=6):
    return torch.randint(0, 2, (count, *model.shape)).float()


def gated(layer, x):
    """(W_h x + b_h) * sigmoid(W_g x + b_g), written out."""
    (w_h, w_g), (b_h, b_g) = layer.both.weight.chunk(2), layer.both.bias.chunk(2)
    return (x @ w_h.T + b_h) * torch.sigmoid(x @ w_g.T + b_g)


def gaussian(head, h):
    """The head's Gaussian, by torch's own."""
    (w, w_v), (b, b_v) = head.both.weight.chunk(2), head.both.bias.chunk(2)
    return Normal(h @ w.T + b, torch.exp(0.5 * (h @ w_v.T + b_v).clamp(-6, 2)))


def posterior_layer(model, place, x, above):
    layer = model.lower_posteriors[place - 1]
    features = gated(model.below.layers[0], x.flatten(1)).expand(*above.shape[:-1], -1)
    h = gated(layer.joined, torch.cat([features, gated(layer.body, above)], -1))
    return gaussian(layer.head, h)


def prior_layer(model, place, above):
    layer = model.lower_priors[place - 1]
    return gaussian(layer.head, gated(layer.body[1], gated(layer.body[0], above)))


class TestChain:
    @given(
        layers=st.lists(st.integers(1, 4), min_size=2, max_size=4),
        samples=st.sampled_from([(), (1,), (3,), (2, 3)]),
        n=st.integers(1, 4),
        prior=st.sampled_from(["standard", "vampprior"]),
        dtype=st.sampled_from([torch.float32, torch.float64]),
    )
    def test_log_prob_is_the_sum_of_the_conditionals(self, hvae, layers, samples, n, prior, dtype):
        """Of draws with any sample shape, layer by layer with the networks written out and torch's Gaussians."""
        model = hvae(layers, prior, **({"components": 4} if prior == "vampprior" else {})).to(dtype)
        x, size = batch(model, n).to(dtype), sum(layers)
        with torch.no_grad():
            q, p = model.encode_with_prior(x)
            z, log_q = q.rsample_and_log_prob(samples)
            assert z.shape == (*samples, n, size)
            expected_q, expected_p = Normal(q.top.mean, q.top.stddev).log_prob(z[..., : layers[0]]).sum(-1), 0
            expected_p = p.top.log_prob(z[..., : layers[0]])
            for place in range(1, len(layers)):
                start, end = sum(layers[:place]), sum(layers[: place + 1])
                above, below = z[..., :start], z[..., start:end]
                expected_q = expected_q + posterior_layer(model, place, x, above).log_prob(below).sum(-1)
                expected_p = expected_p + prior_layer(model, place, above).log_prob(below).sum(-1)
            close = {"rtol": 1e-4, "atol": 1e-4}
            assert_close(log_q, expected_q, **close)
            assert_close(q.log_prob(z), expected_q, **close)
            assert_close(p.log_prob(z), expected_p, **close)
            assert p.sample((5,)).shape == (5, size)
            assert p.sample().shape == (size,)
            table = q.table(z)
            assert table.shape == (*samples, n, n)
            assert_close(table.diagonal(dim1=-2, dim2=-1), expected_q, **close)

    def test_means_and_deviations_go_down_the_chain(self, hvae):
        model = hvae((3, 2, 2))
        x = batch(model)
        with torch.no_grad():
            q = model.encode(x)
            first = posterior_layer(model, 1, x, q.top.mean)
            above = torch.cat([q.top.mean, first.mean], -1)
            second = posterior_layer(model, 2, x, above)
            assert_close(q.mean, torch.cat([above, second.mean], -1))
            assert_close(q.stddev, torch.cat([q.top.stddev, first.stddev, second.stddev], -1))
            assert_close(model.points(x), q.mean)
            assert_close(model.reconstruct(x), model.decode(q.mean).mean)
        assert model.point_words == "chain of means of q(z|x)"
        assert model.space.title == "3 layers of 3, 2 and 2 units"

    @pytest.mark.parametrize("index", [slice(1, 4), torch.tensor([4, 0]), torch.arange(6) % 2 == 0])
    def test_a_part_of_the_batch(self, model, index):
        x, z = batch(model), torch.randn(6, 5)
        assert_close(model.encode(x)[index].log_prob(z[index]), model.encode(x[index]).log_prob(z[index]))

    def test_detached_gives_a_gradient_to_z_alone(self, model):
        q, z = model.encode(batch(model)), torch.randn(2, 6, 5, requires_grad=True)
        held = q.detach().log_prob(z)
        assert_close(held, q.log_prob(z))
        expected = torch.autograd.grad(q.log_prob(z).sum(), z)[0]
        held.sum().backward()
        assert_close(z.grad, expected)
        assert all(parameter.grad is None for parameter in model.parameters())
        assert_close(q.detach()[1:3].log_prob(z[0, 1:3]), held[0, 1:3])

    def test_a_draw_is_repeated_by_its_seed_in_every_call(self, model):
        q = model.encode(batch(model))
        draws = []
        for call in (q.rsample, q.sample, lambda shape: q.rsample_and_log_prob(shape)[0]):
            torch.manual_seed(3)
            draws.append(call((4,)))
        assert torch.equal(draws[0], draws[1])
        assert torch.equal(draws[0], draws[2])


def open_gates(module):
    """Gated layers whose gates are all one: linear layers."""
    for layer in module.modules():
        if isinstance(layer, GatedLinear):
            half = len(layer.both.bias) // 2
            layer.both.weight[half:] = 0
            layer.both.bias[half:] = 50


def copy_prior_into_posterior(model):
    """q(z_l | x, above) = p(z_l | above), whatever x is."""
    for q, p in zip(model.lower_posteriors, model.lower_priors, strict=True):
        q.body.load_state_dict(p.body[0].state_dict())
        hidden = q.body.both.out_features // 2
        q.joined.both.weight.zero_()
        q.joined.both.weight[:, -hidden:] = p.body[1].both.weight
        q.joined.both.bias.copy_(p.body[1].both.bias)
        q.head.load_state_dict(p.head.state_dict())


def identity(model):
    """p(z1|z2) = N(z2, e^-6): each gated layer passes the first numbers on (two layers of equal size)."""
    size, prior = model.settings.layers[0], model.lower_priors[0]
    for layer in prior.body:
        layer.both.weight.zero_()
        layer.both.bias.zero_()
        layer.both.weight[:size, :size] = torch.eye(size)
    open_gates(prior)
    prior.head.both.weight.zero_()
    prior.head.both.weight[:size, :size] = torch.eye(size)
    prior.head.both.bias.copy_(torch.tensor([0.0] * size + [-20.0] * size))


@pytest.fixture(params=["standard", "vampprior"])
def pair(request, hvae, tiny):
    """A hierarchy of two layers of 3, whose second one copies the first, and the VAE of the same weights."""
    components = {"components": 5} if request.param == "vampprior" else {}
    model = hvae((3, 3), request.param, **components)
    prior = {f"model__prior__{name}": value for name, value in components.items()}
    recipe = tiny(
        model__latent=3,
        model__encoder__hidden=[7],
        model__decoder__hidden=[6, 8],
        model__prior__kind=request.param,
        **prior,
    )
    vae = build(recipe, SHAPE).eval()
    with torch.no_grad():
        for name in ("encoder", "posterior", "latent_prior", "likelihood"):
            getattr(vae, name).load_state_dict(getattr(model, name).state_dict())
        vae.decoder.layers[1].load_state_dict(
            {
                "both.weight": model.decoder.body.layers[0].both.weight[:, :6],
                "both.bias": model.decoder.body.layers[0].both.bias,
            }
        )
        identity(model)
        copy_prior_into_posterior(model)
    return model, vae


class TestTheSecondLayerCopies:
    def read(self, model, vae, place):
        """Let both decoders read layer `place` alone, by the same weights."""
        with torch.no_grad():
            joining = model.decoder.body.layers[0].both.weight
            kept = joining[:, 6 * place : 6 * place + 6].clone()
            joining.zero_()
            joining[:, 6 * place : 6 * place + 6] = kept
            vae.decoder.layers[1].both.weight.copy_(kept)
            vae.decoder.layers[0].load_state_dict(model.decoder.layers[place].state_dict())

    def test_the_bound_is_the_vae_s(self, pair):
        model, vae = pair
        self.read(model, vae, 0)
        x = batch(model)
        with torch.no_grad():
            torch.manual_seed(1)
            mine = model.elbo(x)
            torch.manual_seed(1)
            theirs = vae.elbo(x)
        assert_close(mine.value, theirs.value, rtol=1e-5, atol=1e-5)
        assert_close(mine.kl, theirs.kl, rtol=1e-5, atol=1e-5)
        assert_close(mine.kl_per_layer[:, 1], torch.zeros(6), rtol=0, atol=1e-5)

    def test_what_is_read_from_the_copy_is_the_vae_s_too(self, pair):
        model, vae = pair
        self.read(model, vae, 1)
        x = batch(model)
        with torch.no_grad():
            top, copied = model.space.split(model.encode(x).mean)
        assert_close(copied, top, rtol=1e-5, atol=1e-5)
        assert_close(model.reconstruct(x), vae.reconstruct(x), rtol=1e-5, atol=1e-5)


def affine(function, inputs):
    """The offset and the matrix of an affine function, from its values."""
    offset = function(torch.zeros(inputs, dtype=torch.float64))
    return offset, (function(torch.eye(inputs, dtype=torch.float64)) - offset).T


@pytest.fixture
def linear(linear_gaussian, hvae):
    """A hierarchy with z1|z2 and x|z linear and Gaussian, in float64, with the moments of z and x in closed form."""
    bodies = {"encoder__kind": "flat", "below__kind": "flat", "decoder__kind": "same"}
    likelihood = {"likelihood__kind": "additive", "likelihood__scale": 0.6}
    model = hvae((2, 1), shape=(1, 1, 3), **bodies, **likelihood).double()
    with torch.no_grad():
        open_gates(model)
        for q, p in zip(model.lower_posteriors, model.lower_priors, strict=True):
            p.head.both.weight[len(p.head.both.bias) // 2 :] = 0
            p.head.both.bias.normal_(std=0.5)
            q.head.both.bias.zero_()
        copy_prior_into_posterior(model)
        for parameter in model.posterior.parameters():
            parameter.zero_()
        for name, parameter in model.named_parameters():  # near the prior, but not it
            if name.startswith(("posterior", "lower_posteriors")):
                parameter.add_(0.05 * torch.randn_like(parameter))
        mean, covariance = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
        offset, matrix = affine(lambda z: model.lower_priors[0](z).mean, 2)
        noise = torch.diag(model.lower_priors[0](mean).variance)
        cross = covariance @ matrix.T
        mean = torch.cat([mean, offset])
        covariance = torch.cat([torch.cat([covariance, cross], 1), torch.cat([cross.T, matrix @ cross + noise], 1)])
        offset, matrix = affine(lambda z: model.decode(z).mean.flatten(-3), 3)
        pixels = MultivariateNormal(
            offset + matrix @ mean, matrix @ covariance @ matrix.T + 0.36 * torch.eye(3, dtype=torch.float64)
        )
    return model, MultivariateNormal(mean, covariance), pixels


class TestLinearGaussian:
    def test_prior_in_closed_form(self, linear):
        model, z, _ = linear
        with torch.no_grad():
            p = model.prior()
            draws = p.sample((40_000,))
            assert_close(p.log_prob(draws), z.log_prob(draws), rtol=1e-8, atol=1e-8)
        error = z.variance.sqrt() / math.sqrt(len(draws))
        assert ((draws.mean(0) - z.mean).abs() < 5 * error).all()
        centred = draws - z.mean
        products = centred.unsqueeze(-1) * centred.unsqueeze(-2)
        error = products.std(0) / math.sqrt(len(draws))
        assert ((products.mean(0) - z.covariance_matrix).abs() < 5 * error).all()

    def test_log_likelihood_tends_to_the_exact_one(self, linear):
        model, _, pixels = linear
        x = pixels.sample((8,)).reshape(8, 1, 1, 3)
        exact = pixels.log_prob(x.flatten(1))
        errors = []
        with torch.no_grad():
            for samples in (10, 100, 20_000):
                errors.append(float((exact - model.log_likelihood(x, samples)).abs().mean()))
            bound = torch.stack([model.elbo(x).value for _ in range(1000)])
        assert errors[2] < 0.03 < errors[0]
        assert (bound.mean(0) < exact + 5 * bound.std(0) / math.sqrt(1000)).all()


class TestElbo:
    def test_layers_and_units_add_up(self, hvae):
        model = hvae((3, 2, 4))
        x = batch(model)
        elbo = model.elbo(x, units=True)
        assert model.elbo(x).kl_per_unit is None
        assert elbo.kl_per_layer.shape == (6, 3)
        assert elbo.kl_per_unit.shape == (6, 9)
        assert_close(elbo.kl_per_layer.sum(-1), elbo.kl)
        of_units = [part.sum(-1) for part in model.space.split(elbo.kl_per_unit)]
        assert_close(torch.stack(of_units, -1), elbo.kl_per_layer)
        assert (elbo.kl_per_unit >= -1e-6).all()

    def test_lower_kl_is_that_of_the_two_gaussians_there(self, model):
        x = batch(model)
        with torch.no_grad():
            torch.manual_seed(2)
            elbo = model.elbo(x, units=True)
            torch.manual_seed(2)
            above = model.encode(x).top.rsample()
            expected = kl_divergence(posterior_layer(model, 1, x, above), prior_layer(model, 1, above))
            q, p = model.encode_with_prior(x)
            torch.manual_seed(2)
            assert_close(model.unit_kl(x), elbo.kl_per_unit)
        top, below = model.space.split(elbo.kl_per_unit)
        assert_close(below, expected, rtol=1e-4, atol=1e-5)
        assert_close(elbo.kl_per_layer[:, 1], expected.sum(-1), rtol=1e-4, atol=1e-5)
        assert_close(top, kl_of_units(q.top, p.top))

    def test_it_is_the_mean_of_the_log_weights(self, model):
        x = batch(model, 4)
        with torch.no_grad():
            bounds = torch.stack([model.elbo(x).value for _ in range(1000)])
            weights = model.log_weights(x, 1000)
        error = (bounds.var(0) + weights.var(0)).div(1000).sqrt()
        assert ((bounds.mean(0) - weights.mean(0)).abs() < 5 * error).all()

    @pytest.mark.parametrize("beta", [1.0, 0.3])
    def test_log_weights_by_a_loop(self, model, beta):
        x = batch(model, 3)
        with torch.no_grad():
            q, p = model.encode_with_prior(x)
            torch.manual_seed(4)
            z = q.rsample((5,))
            expected = torch.empty(5, 3)
            for s in range(5):
                for n in range(3):
                    one, image = z[s, n].unsqueeze(0), x[n].unsqueeze(0)
                    top, below = one[:, :3], one[:, 3:]
                    encoded = model.encode(image).top
                    log_q = Normal(encoded.mean, encoded.stddev).log_prob(top).sum()
                    log_q = log_q + posterior_layer(model, 1, image, top).log_prob(below).sum()
                    log_p = p.top.log_prob(top) + prior_layer(model, 1, top).log_prob(below).sum()
                    expected[s, n] = model.decode(one).log_prob(image) + beta * (log_p - log_q)
            torch.manual_seed(4)
            assert_close(model.log_weights(x, 5, beta), expected, rtol=1e-4, atol=1e-4)
        torch.manual_seed(4)
        with_graph = model.log_weights(x, 5, beta)
        assert with_graph.requires_grad
        assert_close(with_graph.detach(), expected, rtol=1e-4, atol=1e-4)


class TestVampPriorOnTop:
    def test_a_mixture_of_vectors(self, hvae):
        """Against a loop over the pseudo-inputs; and not the product of the mixtures of each dimension."""
        model = hvae((3, 2), "vampprior", components=5)
        z = 2 * torch.randn(7, 5)
        with torch.no_grad():
            p, terms = model.prior(), []
            for picture in model.pseudo_inputs:
                q = model.encode(picture.unsqueeze(0)).top
                terms.append(Normal(q.mean, q.stddev).log_prob(z[:, :3]))
            terms = torch.stack(terms) - math.log(5)
            vectors = torch.logsumexp(terms.sum(-1) + 2 * math.log(5), 0)
            assert_close(p.top.log_prob(z[:, :3]), vectors, rtol=1e-4, atol=1e-4)
            below = prior_layer(model, 1, z[:, :3]).log_prob(z[:, 3:]).sum(-1)
            assert_close(p.log_prob(z), vectors + below, rtol=1e-4, atol=1e-4)
            assert (torch.logsumexp(terms, 0).sum(-1) - vectors).abs().max() > 0.1
        assert isinstance(model.mixture(), GaussianMixture)

    def test_all_components_are_drawn(self, hvae):
        model = hvae((2, 2), "vampprior", components=6)
        with torch.no_grad():
            p = model.prior()
            p.top.components._mean = 50.0 * torch.arange(6.0).unsqueeze(-1).expand(6, 2)
            nearest = (p.sample((600,))[:, 0] / 50).round().long()
        assert chisquare(np.bincount(nearest.numpy(), minlength=6)).pvalue > 0.01

    def test_encoders_run_once_and_the_lower_one_over_the_batch_alone(self, hvae):
        model = hvae((3, 2), "vampprior", components=5)
        rows = {"encoder": [], "below": []}
        for name, seen in rows.items():
            hook = lambda module, inputs, output, seen=seen: seen.append(len(inputs[0]))  # noqa: E731
            getattr(model, name).register_forward_hook(hook)
        model.elbo(batch(model, 6))
        model.log_weights(batch(model, 6), 4)
        assert rows == {"encoder": [11, 11], "below": [6, 6]}

    def test_one_pass_or_two_are_the_same(self, hvae):
        model = hvae((3, 2), "vampprior", components=5).train()
        x, z = batch(model), torch.randn(6, 5)
        (q, p), q_alone, p_alone = model.encode_with_prior(x), model.encode(x), model.prior()
        assert_close(q.log_prob(z), q_alone.log_prob(z))
        assert_close(p.log_prob(z), p_alone.log_prob(z))


class TestGradients:
    def test_the_elbo_reaches_every_parameter(self, model):
        model.train().elbo(batch(model)).value.mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    def test_finite_differences(self, hvae):
        """The whole ELBO at fixed noise, in float64, along a random direction of all parameters."""
        model = hvae((3, 2, 2), "vampprior", components=4).double()
        x, parameters = batch(model).double(), list(model.parameters())
        direction = [torch.randn_like(parameter) for parameter in parameters]

        def value():
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

    @pytest.mark.parametrize("layers", [(4, 3), (4, 3, 2)])
    def test_it_trains(self, hvae, digits, layers):
        """A hundred steps beat the mean image of the training set."""
        model = hvae(layers, shape=digits.shape, hidden=32, encoder__hidden=[64], decoder__hidden=[64]).train()
        images = digits.train.images[:400]
        (stage,) = model.stages(model.recipe)
        optimizer = torch.optim.Adam(stage.trainable(), lr=5e-3)
        for epoch in range(1, 26):
            for x in (torch.rand_like(images) < images).float().split(100):
                stage(x, epoch)["loss"].backward()
                optimizer.step()
                optimizer.zero_grad()
        x = (torch.rand_like(images) < images).float()
        mean = images.mean(0).clamp(0.01, 0.99)
        fixed = (x * mean.log() + (1 - x) * (1 - mean).log()).sum((1, 2, 3)).mean()
        with torch.no_grad():
            elbo = model.eval().elbo(x)
        assert elbo.value.mean() > fixed + 0.5
        assert elbo.kl_per_layer.mean(0).max() > 0.5


class TestComplete:
    def test_the_top_stays_and_the_rest_is_drawn_from_the_prior(self, hvae):
        model = hvae((3, 2, 2))
        top = torch.randn(4, 3)
        z = model.complete(top.expand(4000, 4, 3), seed=1)
        assert z.shape == (4000, 4, 7)
        assert not z.requires_grad
        assert torch.equal(z[0, :, :3], top)
        with torch.no_grad():
            expected = prior_layer(model, 1, top)
            error = expected.stddev / math.sqrt(4000)
            assert ((z[..., 3:5].mean(0) - expected.mean).abs() < 5 * error).all()
            last = prior_layer(model, 2, z[..., :5])
            pivots = ((z[..., 5:] - last.mean) / last.stddev).flatten(0, 1)
        assert ((pivots.mean(0)).abs() < 5 / math.sqrt(len(pivots))).all()
        assert ((pivots.var(0) - 1).abs() < 5 * math.sqrt(2 / len(pivots))).all()

    def test_a_seed_is_a_draw(self, model):
        top, before = torch.randn(4, 3), torch.get_rng_state()
        assert torch.equal(model.complete(top, seed=1), model.complete(top, seed=1))
        assert not torch.equal(model.complete(top, seed=1), model.complete(top, seed=2))
        assert torch.equal(torch.get_rng_state(), before)
        assert not torch.equal(model.complete(top), model.complete(top))

    def test_split_gives_the_layers_back(self, model):
        z = model.complete(torch.randn(4, 3))
        top, below = model.space.split(z)
        assert top.shape == (4, 3)
        assert below.shape == (4, 2)
        assert torch.equal(model.complete(z), z)  # already whole


def test_reasons(hvae):
    standard, vamp = hvae(), hvae(prior="vampprior", components=4)
    assert set(standard.reasons()) == {"pseudo_inputs", "components"}
    assert vamp.reasons() == {}
    assert standard.mixture() is None
    assert vamp.family == "Hierarchies"


class TestRecipes:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"model__layers": [8]}, r"model\.layers: .* at least 2 items.*\[8\] was given"),
            ({"model__layers": [8, 0]}, r"model\.layers\.1: .* greater than or equal to 1, but 0 was given"),
            ({"model__hidden": 0}, r"model\.hidden: .* greater than or equal to 1, but 0"),
            ({"model__latent": 8}, r"model\.latent: there is no such field.*'layers'"),
            ({"model__layers": [65, 8]}, r"model\.layers\.0 is 65, .* only 64 pixels; set it to at most 64"),
            ({"model__layers": [8, 65]}, r"model\.layers\.1 is 65, .* only 64 pixels"),
            (
                {
                    "model__prior__kind": "vampprior",
                    "model__prior__components": 2000,
                    "model__prior__initialisation": "data",
                },
                r"model\.prior\.components is 2000.*1297 training images",
            ),
            (
                {"model__below__kind": "conv", "model__below__layers": [[4, 9, 1, 0]]},
                r"model\.below\.layers\.0\.1, the kernel, is 9.*at most 8",
            ),
            (
                {"model__posterior__kind": "planar", "model__prior__kind": "vampprior"},
                r"model: .*'planar' can score",
            ),
            (
                {"model__posterior__kind": "sylvester-orthogonal", "model__posterior__bottleneck": 9},
                r"bottleneck is 9.* the first of model\.layers = 8 dimensions; set it to at most 8",
            ),
        ],
    )
    def test_what_cannot_work_is_said(self, tiny, digits, changes, said):
        with pytest.raises(RecipeError, match=said):
            tiny(model__kind="hierarchical", **{"model__layers": [8, 4], **changes}).check(digits)

    @pytest.mark.parametrize("posterior", ["householder", "iaf"])
    def test_flows_on_the_top(self, hvae, posterior):
        model = hvae((4, 2), posterior__kind=posterior)
        x = batch(model)
        elbo = model.elbo(x, units=True)
        assert_close(elbo.kl_per_layer.sum(-1), elbo.kl)
        assert (elbo.kl_per_unit is None) == (posterior == "iaf")  # which has no marginals
        assert model.log_weights(x, 3).shape == (3, 6)
        assert model.reconstruct(x).shape == x.shape
        assert ("64 paired draws" in model.point_words) == (posterior == "iaf")

    def test_trained_saved_and_loaded(self, tiny, tmp_path, digits):
        recipe = tiny(
            model__kind="hierarchical",
            model__layers=[3, 2],
            model__hidden=8,
            model__prior__kind="vampprior",
            model__prior__components=5,
            model__prior__initialisation="data",
            training__epochs=2,
        )
        folder = latents.train(recipe, tmp_path / "model", accelerator="cpu")
        history = folder.history()
        layers = history["valid_kl_layer_0"] + history["valid_kl_layer_1"]
        np.testing.assert_allclose(layers, history["valid_kl"], rtol=1e-4)
        assert folder.snapshots()["mean"].shape[-1] == 5
        assert folder.metrics["units"]["total"] == 5
        first, again = folder.load(), folder.load()
        x = batch(first)
        assert torch.equal(first.log_likelihood(x, 1), again.log_likelihood(x, 1)) is False  # other draws
        assert torch.equal(first.encode(x).mean, again.encode(x).mean)
        assert torch.equal(first.sample(3, seed=1).images, again.sample(3, seed=1).images)
        assert torch.equal(first.complete(torch.zeros(2, 3), seed=1), again.complete(torch.zeros(2, 3), seed=1))
