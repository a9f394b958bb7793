"""RealNVP: Jacobians, inverses, and probabilities of discrete images that sum to one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import latents
from latents.errors import RecipeError
from latents.folder import ModelFolder
from latents.models import CALLS, Model, build
from latents.models.realnvp import mask
from latents.recipe import override, preset

SHAPE = (1, 3, 4)


def made(tiny, shape=SHAPE, binarisation="dynamic", *, spread=0.5, **settings) -> Model:
    """A flow in float64 with weights that are far from those of the identity."""
    changes = {f"model__{name}": value for name, value in {"couplings": 4, "hidden": [16], **settings}.items()}
    recipe = tiny(data__binarisation=binarisation, model__kind="realnvp", **changes)
    model = build(recipe, shape).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=spread / math.sqrt(parameter.shape[-1]))
        model.centre.normal_(std=0.3)
        model.scale.uniform_(0.5, 2.0)
    return model


def train(model: Model, x: torch.Tensor, steps: int, rate: float = 5e-3) -> list[float]:
    stage = model.stages(model.recipe)[0].train()
    optimizer = torch.optim.Adam(stage.trainable(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = stage(x, 1)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    return losses


def every_image() -> torch.Tensor:
    """All 16 binary images of 2 x 2 pixels."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)), dtype=torch.float64).reshape(-1, 1, 2, 2)


def inside(model: Model, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of draws from the prior, and whether all their pixels lie within the levels, not cut to them."""
    with torch.no_grad():
        z = model.prior().sample((count,))
        alpha = model.settings.alpha
        y = torch.sigmoid(model.inverse_flow(z))
        return model.decode(z).mean, ((y >= alpha) & (y <= 1 - alpha)).all(-1)


class TestFlow:
    @given(
        shape=st.sampled_from([(1, 2, 1), (1, 2, 3), (3, 2, 2)]),
        masks=st.sampled_from(["checkerboard", "random"]),
        couplings=st.integers(2, 5),
    )
    def test_the_determinant_is_that_of_the_jacobian(self, tiny, shape, masks, couplings):
        model = made(tiny, shape, masks=masks, couplings=couplings)
        v = torch.randn(math.prod(shape), dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(lambda v: model.forward_flow(v)[0], v)
        assert_close(model.forward_flow(v)[1], torch.linalg.slogdet(jacobian)[1])

    @pytest.mark.parametrize("binarisation", ["dynamic", "none"])
    def test_the_density_is_one_of_levels(self, tiny, binarisation):
        """log p(x + u) = log N(z) + log |det dz/du|: the whole way from u to z by autograd."""
        model = made(tiny, binarisation=binarisation)
        levels = {"dynamic": 2, "none": 256}[binarisation]
        x = torch.randint(0, levels, (1, *SHAPE)).double() / (levels - 1)
        u = torch.rand(1, *SHAPE, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(
            lambda u: model.forward_flow(model.logit(x, u.reshape(1, *SHAPE))[0])[0][0], u.flatten()
        )
        z = model.forward_flow(model.logit(x, u)[0])[0]
        expected = model.prior().log_prob(z) + torch.linalg.slogdet(jacobian)[1]
        assert_close(model.log_density(x, u), expected)

    def test_there_is_a_way_back(self, tiny):
        model = made(tiny)
        v = torch.randn(7, 12, dtype=torch.float64)
        z, _ = model.forward_flow(v)
        assert_close(model.inverse_flow(z), v)
        assert not torch.allclose(z, v)

    def test_each_coupling_moves_one_half_given_the_other(self, tiny):
        model = made(tiny)
        y = torch.randn(12, dtype=torch.float64)
        for coupling in model.couplings:
            jacobian = torch.autograd.functional.jacobian(lambda y, f=coupling: f(y)[0], y)
            assert torch.equal(jacobian[coupling.kept], torch.eye(12, dtype=torch.float64)[coupling.kept])
            moved = jacobian[~coupling.kept]
            assert (moved[:, coupling.kept] != 0).any()
            assert (moved[:, ~coupling.kept] - moved[:, ~coupling.kept].diag().diag()).abs().max() == 0

    @given(
        st.sampled_from(["checkerboard", "random"]),
        st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 6)),
        st.integers(0, 7),
    )
    def test_masks_are_halves_that_take_turns(self, kind, shape, place):
        kept, other = mask(kind, shape, 2 * place), mask(kind, shape, 2 * place + 1)
        assert [not value for value in kept] == other
        assert abs(sum(kept) - sum(other)) <= 1
        assert kept == mask(kind, shape, 2 * place)

    def test_checkerboard(self):
        assert np.array(mask("checkerboard", (1, 3, 3), 0)).reshape(3, 3).tolist() == [
            [True, False, True],
            [False, True, False],
            [True, False, True],
        ]
        assert mask("random", (1, 4, 4), 0) != mask("random", (1, 4, 4), 2)


class TestProbability:
    @pytest.fixture(scope="class")
    def small(self, tiny):
        """A flow on binary images of 2 x 2 pixels after training, these images, and how often each was seen."""
        torch.manual_seed(0)
        weights = torch.tensor([0.4, 0.3] + [0.3 / 14] * 14, dtype=torch.float64)
        images = every_image()[torch.randperm(16)]
        model = made(tiny, (1, 2, 2), spread=0.1, hidden=[32, 32], couplings=4)
        drawn = images[torch.multinomial(weights, 1000, replacement=True)]
        model.initialise(drawn, torch.Generator().manual_seed(0))
        losses = train(model, drawn, 200, 1e-2)
        return model, images, weights, losses

    def test_all_images_sum_to_what_lies_within_the_levels(self, small):
        """Not above one, and close to it: the rest are draws that lie below the first level or above the last."""
        model, images, _, _ = small
        with torch.no_grad():
            densities = model.log_weights(images, 10_000).exp()
            within = inside(model, 100_000)[1]
        total, share = float(densities.mean(0).sum()), float(within.double().mean())
        error = math.sqrt(float(densities.var(0).sum()) / 10_000 + share * (1 - share) / 100_000)
        assert error < 0.01
        assert total == pytest.approx(share, abs=4 * error)
        assert 0.8 < total < 1

    def test_draws_come_as_often_as_they_are_probable(self, small):
        """Counted: an estimate of P(x) without any determinant."""
        model, images, _, _ = small
        drawn, within = inside(model, 100_000)
        counted = torch.stack([((drawn == image).flatten(1).all(1) & within).double().mean() for image in images])
        with torch.no_grad():
            densities = model.log_weights(images, 10_000).exp()
        error = (counted * (1 - counted) / 100_000 + densities.var(0) / 10_000).sqrt()
        assert_close(model.log_likelihood(images, 10_000).exp(), densities.mean(0), rtol=0.1, atol=1e-3)
        assert ((counted - densities.mean(0)).abs() < 4 * error).all()
        assert float(counted.max()) > 5 * float(counted.min())

    def test_it_learns_the_probabilities(self, small):
        model, images, weights, losses = small
        entropy = float(-(weights * weights.log()).sum())
        assert losses[-1] < losses[0] - 0.2
        probability = model.log_likelihood(images, 4000).exp()
        assert entropy < float(-(weights * probability.log()).sum()) < entropy + 0.3
        assert set(probability.topk(2).indices.tolist()) == {0, 1}

    def test_the_bound_is_below_and_tightens(self, small):
        model, images, _, _ = small
        x = images.repeat(200, 1, 1, 1)
        means = [float(model.log_likelihood(x, samples).mean()) for samples in (1, 5, 50)]
        assert means[0] + 0.05 < means[1] < means[2] - 0.01
        assert means[2] < float(model.log_likelihood(images, 8000).mean()) + 0.01
        with torch.no_grad():
            assert float(model.elbo(x).value.mean()) == pytest.approx(means[0], abs=0.05)

    def test_of_uniform_images_it_is_the_volume_of_a_level(self, tiny):
        """Where y is uniform in [0, 1], P(x) = L^-D: a flow made so by hand, of one pixel's logistic distribution."""
        model = made(tiny, (1, 1, 2), "none")
        x = torch.randint(0, 256, (50, 1, 1, 2)).double() / 255
        u = torch.rand_like(x)
        v, steps = model.logit(x, u)
        y = (x * 255 + u).flatten(1) / 256
        alpha = model.settings.alpha
        w = alpha + (1 - 2 * alpha) * y
        assert_close(v, (w / (1 - w)).log())
        # d v / d(k + u) = (1 - 2 alpha) / (L w (1 - w)), so that 1 / L is left of a density that is 1 on y
        assert_close(steps, ((1 - 2 * alpha) / (256 * w * (1 - w))).log().sum(-1))

    def test_levels(self, tiny, tmp_path):
        """By the recipe; of a binary data set without binarisation, by its images; and kept with the weights."""
        gray, generator = torch.randint(0, 256, (20, *SHAPE)).double() / 255, torch.Generator()
        assert made(tiny, binarisation="dynamic").levels == 2
        model = made(tiny, binarisation="none")
        assert model.levels == 256
        model.initialise(gray, generator)
        assert model.levels == 256
        model.initialise((gray > 0.5).double(), generator)
        assert model.levels == 2
        folder = ModelFolder.create(tmp_path / "model", model.recipe)
        folder.write_weights(model, model.state_dict(), "float16")
        assert folder.load().levels == 2

    def test_it_begins_standardised(self, tiny):
        model = build(tiny(model__kind="realnvp"), SHAPE).double()
        x = torch.rand(2000, *SHAPE, dtype=torch.float64)
        model.initialise(x, torch.Generator().manual_seed(0))
        with torch.no_grad():
            v, _ = model.logit(torch.bernoulli(x), torch.rand_like(x))
        z = (v - model.centre) / model.scale
        assert float(z.mean(0).abs().max()) < 0.15
        assert float((z.std(0) - 1).abs().max()) < 0.15


class TestCalls:
    @pytest.mark.parametrize(("binarisation", "levels"), [("dynamic", 2), ("none", 256)])
    def test_an_image_goes_there_and_back(self, tiny, binarisation, levels):
        model = made(tiny, (3, 3, 4), binarisation).float()
        x = torch.randint(0, levels, (9, 3, 3, 4)).float() / (levels - 1)
        assert_close(model.reconstruct(x), x)
        z = model.encode(x).mean
        assert z.shape == (9, model.space.size) == (9, 36)
        p = model.decode(z)
        assert torch.equal(p.log_prob(p.mean), torch.zeros(9))
        assert (p.log_prob(1 - p.mean) == -math.inf).all()
        drawn = model.sample(4, seed=0).images * (levels - 1)
        assert_close(drawn, drawn.round())
        assert "middle" in model.point_words

    def test_what_it_answers(self, tiny):
        model = made(tiny)
        assert {call for call in CALLS if model.why_not(call)} == {"units", "draw", "pseudo_inputs", "components"}
        assert "as many numbers as an image has pixels (12)" in model.why_not("units")
        assert model.estimator == "importance"
        assert str(model.measure) == "discrete, binarisation: dynamic"
        assert latents.diagnostics.kl_per_unit(model, torch.zeros(2, *SHAPE).double()) is None

    def test_log_weights(self, tiny, monkeypatch):
        model = made(tiny)
        x = torch.randint(0, 2, (5, *SHAPE)).double()
        torch.manual_seed(1)
        found = model.log_weights(x, 3, beta=0.5)
        assert found.shape == (3, 5)
        assert found.requires_grad
        torch.manual_seed(1)
        u = torch.rand(3, *x.shape, dtype=torch.float64)
        assert_close(found, 0.5 * model.log_density(x, u))
        with torch.no_grad():
            torch.manual_seed(1)
            assert_close(model.log_weights(x, 3), model.log_density(x, u))
            monkeypatch.setattr(model, "_rows", lambda x: 5)  # a draw at a time
            torch.manual_seed(1)
            assert_close(model.log_weights(x, 3), model.log_density(x, u))
        elbo = model.elbo(x)
        assert torch.equal(elbo.value, -elbo.kl)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dtypes(self, tiny, dtype):
        model = made(tiny).to(dtype)
        x = torch.randint(0, 2, (3, *SHAPE)).to(dtype)
        assert model.log_likelihood(x, 4).dtype == model.elbo(x).value.dtype == model.points(x).dtype == dtype
        assert model.log_likelihood(x, 4).shape == (3,)


class TestRuns:
    def test_a_run_and_back(self, tiny, digits, tmp_path):
        recipe = tiny(model__kind="realnvp", model__couplings=4, model__hidden=[32], training__epochs=3)
        folder = latents.train(recipe, tmp_path / "run", accelerator="cpu")
        history = folder.history()
        assert history["valid_elbo"][-1] > history["valid_elbo"][0]
        model, again = folder.load(), folder.load()
        x = latents.data.binarise(digits.test.images[:20], 777)
        assert torch.equal(model.points(x), again.points(x))
        assert torch.equal(model.reconstruct(x), x)
        assert torch.equal(model.sample(5, seed=1).images, again.sample(5, seed=1).images)
        torch.manual_seed(2)
        found = model.log_likelihood(x, 5)
        torch.manual_seed(2)
        assert torch.equal(again.log_likelihood(x, 5), found)
        entries = latents.evaluation.evaluate(folder, samples=5, images=50)
        assert entries["log_likelihood"]["measure"] == "discrete, binarisation: dynamic"
        assert entries["log_likelihood"]["estimator"] == "importance"
        assert "as many numbers" in entries["units"]["reason"]

    def test_gray_digits(self, tiny, digits):
        """In 256 levels: far more probable than under equal levels, 64 log 256 = 354.9 nats; and stable."""
        recipe = tiny(data__binarisation="none", model__kind="realnvp", model__couplings=4, model__hidden=[64])
        model = build(recipe, digits.shape)
        model.initialise(digits.train.images, torch.Generator().manual_seed(0))
        losses = train(model, digits.train.images[:500], 60)
        assert np.isfinite(losses).all()
        assert max(losses) == losses[0] < 300
        assert losses[-1] < losses[0] - 20

    @pytest.mark.slow
    def test_likelihood_floor_of_the_preset(self, digits, tmp_path):
        """After a tenth of its epochs. In full: a bound of -29.6 nats with one draw, -26.4 with 500."""
        recipe = override(preset("digits-realnvp"), {"training.epochs": "40"})
        model = latents.train(recipe, tmp_path / "run", accelerator="cpu").load()
        x = latents.data.binarise(digits.test.images, latents.data.TEST_SEED)
        with torch.no_grad():
            assert float(model.elbo(x).value.mean()) > -33
            assert float(model.log_likelihood(x, 200).mean()) > -29.5


class TestBadInput:
    def test_one_pixel(self, tiny, digits):
        class Single:
            name, kind, shape, sizes = "dots", "gray", (1, 1, 1), digits.sizes

        with pytest.raises(RecipeError, match="an image of dots has one pixel; choose images of at least 2"):
            tiny(model__kind="realnvp").check(Single())

    def test_an_objective_that_is_not_used(self, tiny, digits):
        with pytest.raises(RecipeError, match=r"objective is 'iwae'.* leave objective at 'elbo'"):
            tiny(model__kind="realnvp", objective__kind="iwae").check(digits)

    @pytest.mark.parametrize(("field", "value"), [("couplings", 1), ("alpha", 0.5), ("alpha", 0), ("masks", "lines")])
    def test_fields(self, tiny, field, value):
        with pytest.raises(RecipeError, match=f"model.{field}"):
            tiny(model__kind="realnvp", **{f"model__{field}": value})
