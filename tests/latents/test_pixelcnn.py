"""The PixelCNN decoder: what each pixel sees, probabilities that sum to one, draws that keep what they computed."""

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
from latents.likelihoods.pixelcnn import PixelCNNLikelihood
from latents.masked import OUTPUTS, AutoregressiveImage, PixelCNN, from_sequence, to_sequence
from latents.models import build

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))
MAPS = 2


def network(shape, output="bernoulli", *, channels=6, layers=2, first=3, kernel=3, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PixelCNN(shape, OUTPUTS[output], MAPS, channels, layers, first, kernel).eval()


def maps_for(shape, *batch, seed=0):
    return torch.randn(*batch, MAPS, *shape[1:], generator=torch.Generator().manual_seed(seed))


def influence(net, x, condition):
    """Whether parameter i moves with number j `[D, D]`, and with each place of the condition `[D, H, W]`, by autograd.

    Sums of a number's parameters, weighted at random, so that no two cancel.
    """
    x, condition = x.double().requires_grad_(), condition.double().requires_grad_()
    parameters = net.double()(x, condition)
    weights = torch.rand(parameters.shape[0], 1, 1, 1, dtype=torch.double) + 0.5
    of_x, of_condition = [], []
    for output in to_sequence((weights * parameters).sum(0)):
        for_x, for_condition = torch.autograd.grad(output, (x, condition), retain_graph=True)
        of_x.append(to_sequence(for_x) != 0)
        of_condition.append((for_condition != 0).any(0))
    return torch.stack(of_x), torch.stack(of_condition)


def places(shape):
    """Row, column and colour of each number, in order."""
    return list(itertools.product(range(shape[1]), range(shape[2]), range(shape[0])))


def naive_sample(p, uniforms):
    """The obvious loop: the whole network for each number."""
    shape, count = p.event_shape, uniforms.shape[0]
    numbers, chances = torch.rand(count, math.prod(shape)), to_sequence(uniforms)
    with torch.no_grad():
        for i in range(numbers.shape[1]):
            parameters = p.network(from_sequence(numbers, shape), p.condition)
            at = to_sequence(parameters)[..., i]  # [n, K]
            numbers[:, i] = p.network.output.draw(at, chances[:, i])
    return from_sequence(numbers, shape)


class TestOrder:
    @given(SHAPES)
    def test_rows_then_pixels_then_colours(self, shape):
        x = torch.arange(math.prod(shape)).reshape(shape)
        numbers = to_sequence(x)
        assert numbers.tolist() == [int(x[c, r, w]) for r, w, c in places(shape)]
        assert_close(from_sequence(numbers, shape), x)


class TestWhatAPixelSees:
    @given(SHAPES, st.sampled_from([(1, 3, 3), (1, 5, 3), (2, 3, 3), (2, 3, 1), (3, 3, 3)]), st.integers(4, 7))
    def test_exactly_the_field_that_it_claims(self, shape, sizes, channels):
        """Zero gradient from itself and all later numbers, and from nothing else within its reach: no blind spot."""
        layers, first, kernel = sizes
        net = network(shape, "logistic", channels=channels, layers=layers, first=first, kernel=kernel)
        found, _ = influence(net, torch.rand(shape), maps_for(shape))
        for i, (row, column, colour) in enumerate(places(shape)):
            for j, (r, w, c) in enumerate(places(shape)):
                beside = r == row and 0 < column - w <= net.reach
                above = 1 <= row - r <= net.reach + 1 and abs(column - w) <= net.reach
                earlier = (r, w) == (row, column) and c < colour
                assert bool(found[i, j]) == (beside or above or earlier), (i, j)
                assert not (found[i, j] and j >= i)

    def test_all_earlier_pixels_when_it_reaches_so_far(self):
        shape = (1, 5, 5)
        net = network(shape, layers=4)
        assert net.reach == 4
        found, _ = influence(net, torch.rand(shape), maps_for(shape))
        assert torch.equal(found, torch.ones(25, 25).tril(-1).bool())

    @given(SHAPES)
    def test_the_condition_at_its_own_place_is_never_masked(self, shape):
        _, found = influence(network(shape), torch.rand(shape), maps_for(shape))
        for i, (row, column, _) in enumerate(places(shape)):
            assert found[i, row, column]

    @pytest.mark.parametrize("spatial", [False, True])
    @pytest.mark.parametrize("shape", [(1, 4, 4), (3, 3, 2)])
    def test_every_pixel_moves_with_z(self, shape, spatial):
        """From the first pixel on, and with every feature of the decoder."""
        head = PixelCNNLikelihood(PixelCNNLikelihood.Settings(), 5, shape, spatial).double()
        features = torch.randn(5, *(shape[1:] if spatial else ()), dtype=torch.double, requires_grad=True)
        parameters = head.network(torch.rand(shape, dtype=torch.double), head(features).condition)
        for i, output in enumerate(to_sequence(parameters[0])):
            (moved,) = torch.autograd.grad(output, features, retain_graph=True)
            row, column, _ = places(shape)[i]
            assert (moved[:, row, column] if spatial else moved).abs().min() > 0


class TestProbabilities:
    @pytest.mark.parametrize("shape", [(1, 2, 2), (3, 1, 2), (2, 2, 1)])
    def test_sum_to_one_over_all_images(self, shape):
        size = math.prod(shape)
        every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=size)), dtype=torch.double)
        every = every.reshape(-1, 1, *shape)
        p = AutoregressiveImage(network(shape).double(), 3 * maps_for(shape, 4).double())
        total = p.log_prob(every).exp().sum(0)
        assert total.shape == (4,)
        assert_close(total, torch.ones(4, dtype=torch.double), rtol=1e-12, atol=0)

    @pytest.mark.parametrize("output", ["categorical", "logistic"])
    def test_of_256_levels_sum_to_one_given_the_pixels_before(self, output):
        shape = (1, 2, 2)
        p = AutoregressiveImage(network(shape, output).double(), maps_for(shape).double())
        x = torch.rand(256, *shape, dtype=torch.double).mul(255).round().div(255)[:1].repeat(256, 1, 1, 1)
        x[:, 0, 1, 1] = torch.arange(256) / 255
        first = p.network.output.log_prob(p.network(x, p.condition), x)[..., :1, :].sum((-3, -2, -1))
        assert_close(first, first[:1].expand(256))
        last = p.network.output.log_prob(p.network(x, p.condition), x)[:, 0, 1, 1]
        assert_close(last.exp().sum().item(), 1.0, rtol=1e-12, atol=0)

    def test_draws_have_these_probabilities(self):
        shape, count = (1, 2, 2), 20_000
        p = AutoregressiveImage(network(shape, seed=3), 2 * maps_for(shape))
        torch.manual_seed(0)
        numbers = to_sequence(p.sample((count,))).long() @ torch.tensor([8, 4, 2, 1])
        every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).reshape(-1, *shape)
        expected = count * p.log_prob(every).detach().double().exp()
        assert expected.min() > 5  # so that the test is one
        found = torch.bincount(numbers, minlength=16)
        assert chisquare(found.numpy(), (expected / expected.sum() * count).numpy()).pvalue > 0.01

    @pytest.mark.parametrize("batch", [(), (3,), (2, 3), (4, 1), (2, 1, 3)])
    def test_images_broadcast_against_conditions(self, batch):
        shape = (2, 3, 4)
        p, x = AutoregressiveImage(network(shape), maps_for(shape, *batch)), torch.rand(3, *shape).round()
        together = p.log_prob(x)
        assert p.batch_shape == batch
        assert together.shape == torch.broadcast_shapes(batch, (3,))
        conditions = p.condition.expand(*together.shape, *p.condition.shape[-3:]).flatten(0, -4)
        images = x.expand(*together.shape, *shape).flatten(0, -4)
        alone = [AutoregressiveImage(p.network, c).log_prob(i) for c, i in zip(conditions, images, strict=True)]
        assert_close(together.flatten(), torch.stack(alone), rtol=1e-5, atol=1e-5)

    def test_the_same_in_parts(self, monkeypatch):
        shape = (1, 3, 4)
        p, x = AutoregressiveImage(network(shape), maps_for(shape, 7)), torch.rand(7, *shape).round()
        whole = p.log_prob(x)
        monkeypatch.setattr("latents.masked.distribution._FLOATS", 1)
        with torch.no_grad():
            assert_close(p.log_prob(x), whole)


class TestDraws:
    @given(
        SHAPES,
        st.sampled_from(sorted(OUTPUTS)),
        st.sampled_from([(1, 3, 3), (2, 3, 3), (3, 5, 3), (2, 3, 1)]),
        st.integers(4, 9),
        st.integers(0, 100),
    )
    def test_kept_features_give_the_images_of_the_naive_loop(self, shape, output, sizes, channels, seed):
        layers, first, kernel = sizes
        net = network(shape, output, channels=channels, layers=layers, first=first, kernel=kernel, seed=seed)
        p = AutoregressiveImage(net, maps_for(shape, 5, seed=seed))
        uniforms = torch.rand(5, *shape, generator=torch.Generator().manual_seed(seed))
        assert_close(p.sample(uniforms=uniforms), naive_sample(p, uniforms), rtol=0, atol=1e-6)

    def test_kept_features_give_the_parameters_of_the_whole_pass(self):
        shape = (3, 5, 4)
        net, condition = network(shape, "logistic", layers=3), maps_for(shape, 2)
        x = torch.rand(2, *shape).mul(255).round().div(255)
        with torch.no_grad():
            whole, step, last = to_sequence(net(x, condition)), net.walk(2, condition), None
            for i in range(math.prod(shape)):
                assert_close(step(last), whole[..., i], rtol=1e-5, atol=1e-6)
                last = to_sequence(x)[:, i]

    def test_shapes_levels_progress_and_seed(self):
        shape, seen = (3, 4, 2), []
        p = AutoregressiveImage(network(shape, "categorical"), maps_for(shape, 2))
        torch.manual_seed(1)
        x = p.sample((3,), progress=lambda done, of: seen.append((done, of)))
        assert x.shape == (3, 2, *shape)
        assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
        assert_close(x * 255, (x * 255).round())
        torch.manual_seed(1)
        assert torch.equal(p.sample((3,)), x)
        assert not torch.equal(p.sample((3,)), x)
        with pytest.raises(NotImplementedError):
            _ = p.mean


class TestOutputs:
    @given(st.integers(0, 100), st.sampled_from([0.1, 3.0, 30.0]))
    def test_sum_to_one_over_the_levels(self, seed, size):
        for name in ("categorical", "logistic"):
            output = OUTPUTS[name]
            parameters = size * torch.randn(output.numbers, 1, 1, 1, generator=torch.Generator().manual_seed(seed))
            levels = (torch.arange(256) / 255).reshape(-1, 1, 1, 1).double()
            total = output.log_prob(parameters.double().expand(256, -1, -1, -1, -1), levels).exp().sum()
            assert_close(total.item(), 1.0, rtol=1e-9, atol=0)

    @given(st.integers(0, 100))
    def test_draws_invert_the_distribution_function(self, seed):
        for name in ("categorical", "logistic", "bernoulli"):
            output = OUTPUTS[name]
            generator = torch.Generator().manual_seed(seed)
            parameters = 2 * torch.randn(output.numbers, generator=generator, dtype=torch.double)
            levels = torch.tensor([0.0, 1.0]) if output.binary else torch.arange(256) / 255
            repeated = parameters.reshape(-1, 1, 1, 1).expand(len(levels), -1, -1, -1, -1)
            p = output.log_prob(repeated, levels.double().reshape(-1, 1, 1, 1)).exp().flatten()
            uniforms = torch.linspace(0, 1, 10_001, dtype=torch.double)[:-1] + 5e-5
            drawn = output.draw(parameters.expand(10_000, -1), uniforms)
            share = torch.stack([(drawn - level).abs() < 1e-6 for level in levels]).double().mean(1)
            assert_close(share, p, rtol=0, atol=1.1e-4)


def train(module, loss, steps, rate):
    """The losses of each step."""
    optimizer, losses = torch.optim.Adam(module.parameters(), rate), []
    for _ in range(steps):
        now = loss()
        now.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(now.item())
    return losses


def recipe_of(tiny, **settings):
    changes = {f"model__likelihood__{name}": value for name, value in settings.items()}
    return tiny(model__likelihood__kind="pixelcnn", **changes)


class TestAsADecoder:
    @pytest.fixture
    def model(self, tiny):
        return build(recipe_of(tiny, channels=6, layers=2), (1, 4, 4)).eval()

    def test_pictures_are_samples(self, model):
        assert "pixel by pixel" in model.why_not("mean")
        picture = model.picture(torch.zeros(3, 2), seed=4)
        assert picture.kind == "sample"
        assert picture.images.shape == (3, 1, 4, 4)
        assert torch.equal(picture.images, model.picture(torch.zeros(3, 2), seed=4).images)
        assert model.sample(2, seed=1).kind == "sample"

    def test_training_lowers_the_loss(self, tiny, digits):
        recipe = recipe_of(tiny, channels=8, layers=1)
        model, x = build(recipe, digits.shape), latents.data.binarise(digits.train.images[:100], 0)
        losses = train(model, lambda: model.stages(recipe)[0](x, 1)["loss"], 25, 5e-3)
        assert losses[-1] < losses[0] - 5

    def test_trains_saves_and_loads_in_float16(self, tiny, tmp_path):
        recipe = recipe_of(tiny, channels=4, layers=2, first=3)
        recipe = recipe.model_copy(
            update={"training": recipe.training.model_copy(update={"save_as": "float16", "epochs": 1})}
        )
        folder = latents.train(recipe, tmp_path / "model", accelerator="cpu")
        first, again = latents.load(folder.path), latents.load(folder.path)
        assert all(torch.equal(value, value.half().float()) for value in first.state_dict().values())
        z, x = torch.randn(3, 2), torch.rand(3, 1, 8, 8).round()
        assert torch.equal(first.decode(z).log_prob(x), again.decode(z).log_prob(x))
        assert torch.equal(first.picture(z).images, again.picture(z).images)
        assert folder.snapshots()["samples"].shape[-3:] == (1, 8, 8)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"first": 4}, "model.likelihood.first: it must be odd"),
            ({"kernel": 2}, "model.likelihood.kernel: it must be odd"),
            ({"channels": 2}, "model.likelihood.channels: input should be greater than or equal to 4"),
        ],
    )
    def test_sizes_that_cannot_work(self, tiny, changes, said):
        with pytest.raises(RecipeError, match=said):
            recipe_of(tiny, **changes)

    @pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 4)])
    def test_builds_without_memory(self, tiny, shape):
        """As for a recipe from elsewhere that asks for more than its weights hold; masks are no weights."""
        recipe = recipe_of(tiny)
        with torch.device("meta"):
            shapes = {name: value.shape for name, value in build(recipe, shape).state_dict().items()}
        assert shapes == {name: value.shape for name, value in build(recipe, shape).state_dict().items()}
        assert not any("mask" in name for name in shapes)

    def test_output_and_images_fit_together(self, tiny, digits):
        recipe_of(tiny).check(digits)
        with pytest.raises(RecipeError, match="many levels"):
            recipe_of(tiny, output="categorical").check(digits)
        gray = tiny(data__binarisation="none", model__likelihood__kind="pixelcnn", model__likelihood__output="logistic")
        gray.check(digits)
        with pytest.raises(RecipeError, match="binary images"):
            tiny(data__binarisation="none", model__likelihood__kind="pixelcnn").check(digits)
        colour = SimpleNamespace(name="painted", kind="colour", shape=(3, 8, 8), sizes={"train": 10})
        gray.check(colour)

    @pytest.mark.parametrize("output", ["categorical", "logistic"])
    def test_a_colour_vae_trains(self, tiny, output):
        recipe = tiny(data__binarisation="none", model__likelihood__kind="pixelcnn", model__likelihood__output=output)
        model = build(recipe, (3, 4, 4))
        x = torch.rand(50, 1, 1, 1) * torch.tensor([1.0, 0.5, 0.0]).reshape(3, 1, 1) + torch.zeros(4, 4)
        losses = train(model, lambda: model.stages(recipe)[0](x, 1)["loss"], 25, 1e-2)
        assert losses[-1] < losses[0] - 20
        assert model.eval().sample(2, seed=0).images.shape == (2, 3, 4, 4)


def test_green_depends_on_red():
    """Green is red's opposite, blue is always the same: no independent colours can say so."""
    head = PixelCNNLikelihood(PixelCNNLikelihood.Settings(output="categorical", channels=9, layers=1), 1, (3, 2, 2))
    red, nothing = torch.randint(0, 2, (100, 1, 2, 2)).float(), torch.zeros(100, 1)
    x = torch.cat([red, 1 - red, torch.full_like(red, 51 / 255)], 1)
    losses = train(head, lambda: -head(nothing).log_prob(x).mean(), 80, 3e-2)
    assert losses[-1] == pytest.approx(4 * math.log(2), abs=0.5)  # nats: four coins
    drawn = head(nothing).sample()
    assert 0.3 < drawn[:, 0].mean() < 0.7
    assert ((drawn[:, 0] > 0.5) != (drawn[:, 1] > 0.5)).float().mean() > 0.95
    assert ((drawn[:, 2] - 0.2).abs() < 0.01).float().mean() > 0.95
