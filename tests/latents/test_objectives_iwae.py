"""IWAE and VR-max against closed forms; the doubly reparameterised gradient against the standard one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from latents.errors import RecipeError
from latents.models import build
from latents.objectives.iwae import IWAE, draw, importance_bound
from latents.objectives.vr_max import VRMax

DREG = "doubly-reparameterised"


def iwae(samples=5, gradient="standard", **settings) -> IWAE:
    return IWAE(IWAE.Settings(samples=samples, gradient=gradient, warm_up=settings.pop("warm_up", 0), **settings))


def log_likelihood(model, x) -> torch.Tensor:
    """log N(x; b, W W^T + s^2 I) in float64: the linear-Gaussian model's own."""
    weight, bias = model.likelihood.mean.weight.detach().double(), model.likelihood.mean.bias.detach().double()
    covariance = weight @ weight.T + model.likelihood.scale**2 * torch.eye(len(bias), dtype=torch.float64)
    return MultivariateNormal(bias, covariance).log_prob(x.flatten(1).double())


class TestBound:
    def test_rises_with_k_to_the_likelihood(self, linear_gaussian):
        model, x = linear_gaussian(latent=2).train(), torch.rand(30, 1, 2, 3)
        with torch.no_grad():
            weights = torch.cat([draw(model, x, 2000).log_weights() for _ in range(5)]).double()
            exact = float(log_likelihood(model, x).mean())
        means, errors = [], []
        for k in (1, 3, 10, 100, 2000):
            bounds = torch.stack([importance_bound(part) for part in weights[: 10_000 // k * k].split(k)]).mean(1)
            means.append(float(bounds.mean()))
            errors.append(float(bounds.std()) / math.sqrt(len(bounds)))
        for lower, higher, error in zip(means[:-1], means[1:], errors[:-1], strict=True):
            assert higher > lower + 3 * error
        assert means[0] < exact - 1
        assert means[-1] == pytest.approx(exact, abs=0.05)

    def test_one_draw_is_the_elbo_in_expectation(self, linear_gaussian):
        model, x = linear_gaussian(latent=2).train(), torch.rand(4, 1, 2, 3)
        with torch.no_grad():
            copies = x.repeat(4000, 1, 1, 1)
            draws = draw(model, copies, 1).log_weights().reshape(4000, 4)
            elbos = model.elbo(copies).value.reshape(4000, 4)
        error = math.sqrt(float((draws.var(0) + elbos.var(0)).mean()) / 4000 / 4)
        assert float(draws.mean() - elbos.mean()) == pytest.approx(0, abs=4 * error)
        assert float(importance_bound(draws[:1]).mean()) == pytest.approx(float(draws[:1].mean()), rel=1e-6)

    def test_order_of_the_three(self, fresh):
        model, x = fresh("vampprior").train(), torch.randint(0, 2, (6, 1, 4, 5)).float()
        torch.manual_seed(1)
        terms = VRMax(VRMax.Settings(samples=8, warm_up=0))(model, x, 1)
        assert terms["elbo"] < terms["iwae"] < terms["vr_max"] < terms["iwae"] + math.log(8)
        assert_close(terms["vr_max"], -terms["loss"].detach())
        assert_close(terms["elbo"], terms["reconstruction"] - terms["kl"])


class TestTerms:
    @pytest.mark.parametrize("prior", ["standard", "mixture", "vampprior"])
    @pytest.mark.parametrize("epoch", [1, 4, 9])
    def test_are_reductions_of_the_models_log_weights(self, fresh, prior, epoch):
        model, x = fresh(prior).train(), torch.randint(0, 2, (6, 1, 4, 5)).float()
        torch.manual_seed(3)
        terms = iwae(warm_up=4)(model, x, epoch)
        weights = []
        for beta in (min(1, epoch / 4), 1.0):
            torch.manual_seed(3)
            weights.append(model.log_weights(x, 5, beta=beta))
        annealed, settled = weights
        assert_close(terms["loss"], -(torch.logsumexp(annealed, 0) - math.log(5)).mean())
        assert_close(terms["iwae"], (torch.logsumexp(settled, 0) - math.log(5)).mean())
        assert_close(terms["elbo"], settled.mean())
        assert not any(terms[name].requires_grad for name in terms if name != "loss")

    def test_the_score_is_the_bound_with_k_draws(self, linear_gaussian):
        model, x = linear_gaussian(), torch.rand(500, 1, 2, 3)
        with torch.no_grad():
            found = iwae(samples=500).validate(model, x)
            few = iwae(samples=2).validate(model, x)
        assert found["score"] == found["valid_iwae"] == pytest.approx(float(log_likelihood(model, x).mean()), abs=0.1)
        assert few["valid_elbo"] < few["score"] < found["score"]

    def test_a_hierarchy(self, tiny):
        recipe = tiny(
            model__kind="hierarchical", model__layers="[2, 3]", model__hidden=8, model__prior__kind="vampprior"
        )
        model, x = build(recipe, (1, 4, 5)).train(), torch.ones(4, 1, 4, 5)
        torch.manual_seed(3)
        terms = iwae()(model, x, 1)
        torch.manual_seed(3)
        assert_close(terms["iwae"], importance_bound(model.log_weights(x, 5)).mean().detach())


def gradients(model, x, objective, epoch=1, *, batches=40, copies=300) -> tuple[Tensor, Tensor]:
    """Mean gradient of all parameters in one row, and the variance of one image's draw: batches of copies of `x`."""
    found, parameters = [], list(model.parameters())
    for _ in range(batches):
        given = torch.autograd.grad(objective(model, x.repeat(copies, 1, 1, 1), epoch)["loss"], parameters)
        found.append(torch.cat([value.flatten() for value in given]))
    stacked = torch.stack(found).double()
    return stacked.mean(0), stacked.var(0)


def differences(ours, theirs, batches=40) -> Tensor:
    """Between two such means, in standard errors; parameters whose gradient is always the same are left out."""
    error = ((ours[1] + theirs[1]) / batches).sqrt()
    known = error > 1e-9
    return ((ours[0] - theirs[0])[known] / error[known]).abs()


class TestDoublyReparameterised:
    @pytest.fixture
    def images(self) -> torch.Tensor:
        return torch.randint(0, 2, (3, 1, 2, 3)).float()

    @pytest.mark.parametrize("prior", ["standard", "vampprior"])
    @pytest.mark.parametrize("epoch", [1, 2])
    def test_has_the_mean_of_the_standard_gradient(self, fresh, images, prior, epoch):
        """At the full weight of the KL and, in the first epoch, at half of it; and this would see a wrong one."""
        model = fresh(prior, shape=(1, 2, 3), **({} if prior == "standard" else {"components": 4})).train()
        standard = gradients(model, images, iwae(8, warm_up=2), epoch)
        doubly = gradients(model, images, iwae(8, DREG, warm_up=2), epoch)
        other = gradients(model, images, iwae(8, DREG, warm_up=2), 3 - epoch)
        assert differences(standard, doubly).max() < 5
        assert differences(standard, other).max() > 10

    @pytest.mark.slow
    def test_has_the_mean_of_the_standard_gradient_in_a_hierarchy(self, tiny, images):
        recipe = tiny(model__kind="hierarchical", model__layers="[2, 2]", model__hidden=4)
        model = build(recipe, (1, 2, 3)).train()
        standard = gradients(model, images, iwae(6))
        assert differences(standard, gradients(model, images, iwae(6, DREG))).max() < 5

    def test_is_less_noisy_for_the_encoder_and_alike_for_the_decoder(self, fresh, images):
        model = fresh(shape=(1, 2, 3)).train()
        sizes = [p.numel() for name, p in model.named_parameters()]
        encoder = [name.startswith(("encoder", "posterior")) for name, _ in model.named_parameters()]
        standard = gradients(model, images, iwae(32), copies=50)[1].split(sizes)
        doubly = gradients(model, images, iwae(32, DREG), copies=50)[1].split(sizes)

        def noise(variances, of_encoder: bool) -> float:
            return sum(float(v.sum()) for v, mine in zip(variances, encoder, strict=True) if mine == of_encoder)

        assert noise(doubly, True) < 0.5 * noise(standard, True)
        assert noise(doubly, False) == pytest.approx(noise(standard, False), rel=0.3)

    def test_at_the_exact_posterior_the_encoder_has_no_noise_at_all(self, linear_gaussian):
        """All weights are equal and do not depend on z: each draw's own gradient is then nothing."""
        model = linear_gaussian(latent=2).train()
        with torch.no_grad():
            weight, scale = model.likelihood.mean.weight, model.likelihood.scale
            weight.copy_(torch.linalg.qr(weight)[0])
            variance = 1 / (1 + weight.square().sum(0) / scale**2)
            model.posterior.mean.weight.copy_(variance.unsqueeze(1) * weight.T / scale**2)
            model.posterior.mean.bias.copy_(-model.posterior.mean.weight @ model.likelihood.mean.bias)
            model.posterior.log_variance.weight.zero_()
            model.posterior.log_variance.bias.copy_(variance.log())
        x, encoder = torch.rand(5, 1, 2, 3), list(model.posterior.parameters())
        doubly = torch.autograd.grad(iwae(8, DREG)(model, x, 1)["loss"], encoder)
        standard = torch.autograd.grad(iwae(8)(model, x, 1)["loss"], encoder)
        assert max(float(value.abs().max()) for value in doubly) < 1e-5
        assert max(float(value.abs().max()) for value in standard) > 1e-2

    def test_the_encoder_learns_by_way_of_the_pseudo_inputs(self, fresh, images):
        """With z cut off from the encoder, what is left of its gradient is the VampPrior's."""
        model = fresh("vampprior", shape=(1, 2, 3), components=4).train()
        encode = model.encode_with_prior

        def cut(x):
            q, p = encode(x)
            return q.detach(), p

        model.encode_with_prior = cut
        loss = iwae(8, DREG)(model, images, 1)["loss"]
        found = torch.autograd.grad(loss, [*model.encoder.parameters(), model.latent_prior.pixels])
        assert all(float(value.abs().max()) > 1e-4 for value in found)

    def test_is_refused_where_q_has_no_density(self, tiny):
        recipe = tiny(
            model__posterior__kind="planar", objective__kind="iwae", objective__gradient=DREG, objective__samples=2
        )
        with pytest.raises(RecipeError, match=r"objective\.gradient .* only its own samples; set it to 'standard'"):
            IWAE.check(recipe)
        model = build(recipe, (1, 2, 3)).train()
        with pytest.raises(RecipeError, match=r"objective\.gradient .* set it to 'standard'"):
            iwae(2, DREG)(model, torch.ones(2, 1, 2, 3), 1)
        IWAE.check(tiny(model__posterior__kind="planar", objective__kind="iwae"))
        assert iwae(2)(model, torch.ones(2, 1, 2, 3), 1)["loss"].isfinite()
