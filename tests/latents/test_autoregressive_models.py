"""Autoregressive models on images: what each number sees, exact probabilities, draws step by step, and every call."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.testing import assert_close

import latents
from latents.errors import RecipeError
from latents.evaluation import evaluate
from latents.likelihoods import Measure
from latents.masked import from_sequence, to_sequence
from latents.models import CALLS, build

SMALL = {
    "finite-memory": {"memory": 3, "hidden": "[7, 6]"},
    "recurrent": {"hidden": 6, "layers": 2},
    "causal-convolution": {"channels": 6, "layers": 2, "kernel": 2},
}
KINDS = sorted(SMALL)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))


@pytest.fixture(scope="module")
def recipe(tiny):
    """`recipe("recurrent", place=False)`: of a small model of this kind."""

    def make(kind, training=None, **settings):
        changes = {f"model__{name}": str(value).lower() for name, value in {**SMALL[kind], **settings}.items()}
        changes |= {f"training__{name}": str(value) for name, value in (training or {}).items()}
        gray = settings.get("output", "bernoulli") != "bernoulli"
        return tiny(model__kind=kind, data__binarisation="none" if gray else "dynamic", **changes)

    return make


@pytest.fixture(scope="module")
def model(recipe):
    """An untrained one in eval mode, whose places have biases of their own."""

    def make(kind, shape, seed=0, **settings):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            built = build(recipe(kind, **settings), shape).eval()
            torch.nn.init.normal_(built.network.phases)
        return built

    return make


def reach(model):
    """How many numbers back a number sees."""
    network, size = model.network, math.prod(model.shape)
    return getattr(network, "memory", getattr(network, "reach", size))


def every_image(shape, dtype=torch.float32):
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=math.prod(shape))), dtype=dtype)
    return from_sequence(images, shape)


class TestWhatANumberSees:
    @pytest.mark.parametrize("kind", KINDS)
    @given(shape=SHAPES, output=st.sampled_from(["bernoulli", "logistic"]), place=st.booleans())
    def test_exactly_those_before_it_within_reach(self, model, kind, shape, output, place):
        built = model(kind, shape, output=output, place=place).double()
        x = torch.rand(shape, dtype=torch.double, requires_grad=True)
        parameters = built.network(x)
        weights = torch.rand(parameters.shape[0], 1, 1, 1, dtype=torch.double) + 0.5
        for i, found in enumerate(to_sequence((weights * parameters).sum(0))):
            (gradient,) = torch.autograd.grad(found, x, retain_graph=True)
            seen = to_sequence(gradient) != 0
            assert seen.tolist() == [i - reach(built) <= j < i for j in range(len(seen))], i

    @given(st.integers(1, 4), st.integers(2, 4))
    def test_dilated_convolutions_see_as_far_as_they_say(self, model, layers, kernel):
        built = model("causal-convolution", (1, 5, 5), layers=layers, kernel=kernel)
        assert built.network.reach == 1 + (kernel - 1) * (2**layers - 1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_place_is_known_only_when_it_is_told(self, model, kind):
        """Where all numbers are zero (x = 1/2), a network that is told nothing but the colour repeats itself."""
        blank, built = torch.full((3, 3, 3), 0.5), model(kind, (3, 3, 3), place=False)
        found = to_sequence(built.network(blank)[0])
        if kind != "recurrent":  # whose state may count; the others know the beginning, where what they see ends
            assert_close(found[reach(built) + 3 :], found[reach(built) : -3])
        assert not torch.allclose(found[10:], found[9:-1], atol=1e-4)
        told = to_sequence(model(kind, (3, 3, 3), place=True).network(blank)[0])
        assert not torch.allclose(told[3:], told[:-3], atol=1e-4)


class TestProbabilities:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("shape", [(1, 2, 2), (3, 2, 1)])
    def test_sum_to_one_over_all_images(self, model, kind, shape):
        built = model(kind, shape).double()
        every = every_image(shape, torch.double)
        assert_close(built.log_likelihood(every).exp().sum().item(), 1.0, rtol=1e-12, atol=0)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("output", ["categorical", "logistic"])
    def test_sum_to_one_over_all_levels(self, model, kind, output):
        built = model(kind, (1, 1, 1), output=output).double()
        levels = (torch.arange(256, dtype=torch.double) / 255).reshape(-1, 1, 1, 1)
        assert_close(built.log_likelihood(levels).exp().sum().item(), 1.0, rtol=1e-12, atol=0)

    @pytest.mark.parametrize("kind", KINDS)
    def test_samples_have_these_probabilities(self, model, kind):
        built, count = model(kind, (1, 2, 2), seed=1), 20_000
        expected = count * built.log_likelihood(every_image((1, 2, 2))).double().exp()
        assert expected.min() > 5  # so that the test is one
        numbers = to_sequence(built.sample(count, seed=0).images).long() @ torch.tensor([8, 4, 2, 1])
        found = torch.bincount(numbers, minlength=16)
        assert chisquare(found.numpy(), (expected / expected.sum() * count).numpy()).pvalue > 0.01

    def test_finite_memory_by_hand(self, model):
        """A memory of one number is a Markov chain: its table, image by image."""
        built = model("finite-memory", (1, 2, 2), memory=1, place=False)
        with torch.no_grad():
            first, black, white = (
                built.network.head(built.network.step(None, torch.tensor([before]), built.network.phases[0])[0]).item()
                for before in (0.0, -1.0, 1.0)
            )
        x = torch.tensor([1.0, 0.0, 0.0, 1.0])
        logits = torch.tensor([first, white, black, black])
        expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum()
        assert_close(built.log_likelihood(x.reshape(1, 1, 2, 2)), expected.reshape(1))

    @pytest.mark.parametrize("kind", KINDS)
    def test_any_leading_dimensions(self, model, kind):
        built = model(kind, (2, 3, 2))
        x = torch.rand(4, 5, 2, 3, 2).round()
        p = built.distribution()
        assert p.batch_shape == ()
        assert_close(p.log_prob(x).flatten(), built.log_likelihood(x.flatten(0, 1)))
        assert_close(p.log_prob(x[1, 2]), p.log_prob(x)[1, 2])

    def test_the_same_in_parts(self, model, monkeypatch):
        built, x = model("causal-convolution", (1, 4, 4)), torch.rand(7, 1, 4, 4).round()
        whole = built.log_likelihood(x)
        monkeypatch.setattr("latents.masked.distribution._FLOATS", 1)
        assert_close(built.log_likelihood(x), whole)


class TestDraws:
    @pytest.mark.parametrize("kind", KINDS)
    @given(
        shape=SHAPES,
        output=st.sampled_from(["bernoulli", "categorical", "logistic"]),
        place=st.booleans(),
        seed=st.integers(0, 50),
    )
    def test_steps_give_the_images_of_the_naive_loop(self, model, kind, shape, output, place, seed):
        built = model(kind, shape, output=output, place=place, seed=seed)
        p = built.distribution()
        uniforms = torch.rand(3, *shape, generator=torch.Generator().manual_seed(seed))
        numbers, chances = torch.rand(3, math.prod(shape)), to_sequence(uniforms)
        with torch.no_grad():
            for i in range(numbers.shape[1]):
                parameters = to_sequence(built.network(from_sequence(numbers, shape)))[..., i]
                numbers[:, i] = built.network.output.draw(parameters, chances[:, i])
        assert_close(p.sample((3,), uniforms=uniforms), from_sequence(numbers, shape), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("settings", [{"cell": "lstm"}, {"cell": "gru", "layers": 1}])
    def test_both_cells(self, model, settings):
        built = model("recurrent", (2, 3, 3), **settings)
        x = torch.rand(2, 2, 3, 3).round()
        with torch.no_grad():
            whole, step, last = to_sequence(built.network(x)), built.network.walk(2), None
            for i in range(18):
                assert_close(step(last), whole[..., i], rtol=1e-5, atol=1e-6)
                last = to_sequence(x)[:, i]


@pytest.mark.parametrize("kind", KINDS)
class TestAsAModel:
    def test_every_call_is_answered_or_explained(self, model, kind):
        built = model(kind, (1, 3, 3))
        answered = {"sample", "log_likelihood"}
        assert {call for call in CALLS if built.why_not(call) is None} == answered
        for call in set(CALLS) - answered:
            assert built.why_not(call).endswith(".")
        assert built.space is None
        assert built.estimator == "exact"
        assert built.measure == Measure("discrete", "dynamic")
        assert built.family == "Autoregressive models"

    def test_sample(self, model, kind):
        built, rows = model(kind, (3, 4, 2), output="categorical"), []
        picture = built.sample(5, seed=3, progress=lambda done, of: rows.append((done, of)))
        assert picture.kind == "sample"
        assert picture.images.shape == (5, 3, 4, 2)
        assert rows == [(1, 4), (2, 4), (3, 4), (4, 4)]
        assert torch.equal(built.sample(5, seed=3).images, picture.images)
        assert not torch.equal(built.sample(5, seed=4).images, picture.images)

    def test_trains_evaluates_saves_and_loads_in_float16(self, recipe, kind, tmp_path):
        """Better than a fixed mean image after 8 epochs; the loaded model gives the reported numbers."""
        made = recipe(kind, {"epochs": 8, "learning_rate": 0.02, "save_as": "float16"})
        folder = latents.train(made, tmp_path / "model", accelerator="cpu")
        history = folder.history()
        assert history["train_loss"][-1] < history["train_loss"][0] - 3
        first, again = latents.load(folder.path), latents.load(folder.path)
        assert all(torch.equal(value, value.half().float()) for value in first.state_dict().values())
        x = torch.rand(5, 1, 8, 8).round()
        assert torch.equal(first.log_likelihood(x), again.log_likelihood(x))
        assert torch.equal(first.sample(3, seed=0).images, again.sample(3, seed=0).images)
        entry = evaluate(folder, images=100)["log_likelihood"]
        assert entry["estimator"] == "exact"
        digits = latents.data.load("digits")
        mean = digits.train.images.mean(0).clamp(0.01, 0.99)
        test, _ = latents.evaluation.evaluation_images(first, digits, 100)
        assert entry["value"] > latents.likelihoods.BernoulliImage(torch.logit(mean)).log_prob(test).mean() + 0.5

    def test_output_and_images_fit_together(self, recipe, kind, digits):
        recipe(kind).check(digits)
        recipe(kind, output="logistic").check(digits)
        colour = SimpleNamespace(name="painted", kind="colour", shape=(3, 8, 8), sizes={"train": 10})
        recipe(kind, output="categorical").check(colour)
        for made, data in ((recipe(kind), colour), (latents_of(recipe(kind), "none"), digits)):
            with pytest.raises(RecipeError, match=r"model.output is 'bernoulli', which needs binary images"):
                made.check(data)
        with pytest.raises(RecipeError, match=r"model.output is 'logistic', which is for images of many levels"):
            latents_of(recipe(kind, output="logistic"), "dynamic").check(digits)


def latents_of(recipe, binarisation):
    """The same recipe on images that became binary in another way."""
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"binarisation": binarisation})})


def test_objectives_of_latent_models_are_refused(tiny, digits):
    with pytest.raises(RecipeError, match="leave objective at 'elbo'"):
        tiny(model__kind="recurrent", objective__kind="iwae").check(digits)


def test_more_memory_than_there_is_to_remember_is_said(model):
    assert model("finite-memory", (1, 2, 2), memory=3).remarks() == []
    (sentence,) = model("finite-memory", (1, 2, 2), memory=4).remarks()
    assert sentence.startswith("model.memory is 4, but the last of an image's 4 numbers has only 3 before it")
