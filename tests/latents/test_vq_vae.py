"""The vector-quantised auto-encoder: the prior over codes, its space, the bound and the stages, against brute force."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

import latents
from latents.code_prior import AutoregressiveCodes, CodeNetwork
from latents.errors import RecipeError
from latents.models import build
from latents.models.points import Point
from latents.parts import part
from latents.spaces.codes import Codes
from latents.vector_quantiser import VectorQuantiser, perplexity

MLP = {
    "model__encoder__kind": "mlp",
    "model__encoder__hidden": "[16]",
    "model__decoder__kind": "mlp",
    "model__decoder__hidden": "[16]",
}


@pytest.fixture
def vq(tiny):
    """Untrained models: `vq(codes=5, grid="[2, 2]")`."""

    def make(shape=(1, 4, 4), **settings):
        settings = {"codes": 5, "dimension": 3, "grid": "[2, 2]", "prior_channels": 4, **settings}
        changes = {f"model__{name}": value for name, value in settings.items()}
        return build(tiny(model__kind="vq-vae", **MLP, **{k: str(v) for k, v in changes.items()}), shape)

    return make


def randomise(network: CodeNetwork) -> CodeNetwork:
    """Its last layer begins at zero; and these tests are of what it has learnt."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5)
    return network


def every_map(codes: int, size: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(codes), repeat=size))).float()


class TestCodePrior:
    @pytest.mark.parametrize("kernel", [1, 3, 5])
    def test_sums_to_one_over_all_grids(self, kernel):
        for grid, codes in (((2, 2), 3), ((1, 3), 4), ((3, 1), 4), ((2, 3), 2)):
            p = AutoregressiveCodes(randomise(CodeNetwork(codes, grid, 4, 2, kernel)))
            log_p = p.log_prob(every_map(codes, grid[0] * grid[1]))
            assert log_p.double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)
            assert log_p.std().item() > 0.1

    def test_is_uniform_before_it_has_learnt(self):
        p = AutoregressiveCodes(CodeNetwork(7, (2, 3), 8, 3, 3))
        z = torch.randint(0, 7, (4, 5, 6)).float()
        assert_close(p.log_prob(z), torch.full((4, 5), -6 * math.log(7)))

    def test_a_code_sees_all_before_it_and_nothing_else(self):
        """The gradient of each place's logits with respect to the embedding of each code."""
        h, w = grid = (4, 4)
        network = randomise(CodeNetwork(5, grid, 6, 4, 3)).double()
        codes = torch.randint(0, 5, (1, h, w))
        embedded = network.embedding(codes).detach().requires_grad_()
        network.embedding.forward = lambda _: embedded
        logits = network(codes)
        for place in range(h * w):
            (gradient,) = torch.autograd.grad(logits[0, :, place // w, place % w].sum(), embedded, retain_graph=True)
            reached = gradient.abs().sum(-1).flatten() > 0
            assert not reached[place:].any(), "it sees itself or what comes after"
            assert reached[:place].all(), "it has a blind spot"

    def test_samples_have_the_probabilities_that_it_says(self):
        p = AutoregressiveCodes(randomise(CodeNetwork(3, (1, 3), 4, 2, 3)))
        z = p.sample((200, 100))
        assert z.shape == (200, 100, 3)
        place = (z.reshape(-1, 3) @ torch.tensor([9.0, 3, 1])).long()
        found = torch.bincount(place, minlength=27) / 20_000
        expected = p.log_prob(every_map(3, 3)).exp().detach()
        assert float(((found - expected) / (expected * (1 - expected) / 20_000).sqrt()).abs().max()) < 4.5


class TestSpace:
    @pytest.fixture
    def space(self) -> Codes:
        return Codes((2, 3), 5, VectorQuantiser(5, 4))

    def test_coordinates_are_the_codes_vectors(self, space):
        z = torch.randint(0, 5, (7, 6)).float()
        y = space.coordinates(z)
        assert y.shape == (7, 24)
        assert y[2, 4:8].equal(space.quantiser.codebook[int(z[2, 1])])
        assert space.from_coordinates(y).equal(z)
        assert space.from_coordinates(y + 1e-3 * torch.randn_like(y)).equal(z)

    def test_a_path_goes_from_code_to_code(self, space):
        a, b = torch.randint(0, 5, (2, 7, 6)).float()
        path = space.path(a, b, torch.linspace(0, 1, 5))
        assert path.shape == (5, 7, 6)
        assert path[0].equal(a)
        assert path[-1].equal(b)
        # Half way both ends are equally near, so which code is taken is a matter of rounding; no other is nearer.
        middle = ((space.coordinates(a) + space.coordinates(b)) / 2).unflatten(-1, (6, 4))
        apart = torch.cdist(middle, space.quantiser.codebook.expand(7, 5, 4))
        taken = apart.gather(-1, path[2].long()[..., None])[..., 0]
        assert_close(taken, apart.min(-1).values)

    def test_what_it_says(self, space):
        assert (space.kind, space.size, space.title) == ("codes", 6, "2 × 3 codes out of 5")
        assert space.layers == (space,)
        assert "not units" in space.why_no_units


class TestModel:
    def test_the_bound_is_below_the_likelihood(self, vq):
        """log p(x) by summing over all grids of codes."""
        model = vq(codes=3, grid="[2, 2]").eval()
        randomise(model.code_prior)
        x = torch.randint(0, 2, (6, 1, 4, 4)).float()
        z = every_map(3, 4)
        with torch.no_grad():
            joint = model.decode(z.unsqueeze(1)).log_prob(x) + model.prior().log_prob(z).unsqueeze(1)
            exact = joint.double().logsumexp(0)
        bound = model.log_likelihood(x)
        assert (bound < exact).all()
        place = (model.encode(x).z @ torch.tensor([27.0, 9, 3, 1])).long()
        assert_close(bound, joint[place, torch.arange(6)])
        assert model.estimator == "bound"

    def test_a_point_mass_carries_all_of_its_surprise(self, vq):
        model, x = vq().eval(), torch.randint(0, 2, (6, 1, 4, 4)).float()
        q = model.encode(x)
        assert isinstance(q, Point)
        z, log_q = q.rsample_and_log_prob((3,))
        assert z.shape == (3, 6, 4)
        assert log_q.equal(torch.zeros(3, 6))
        assert q.log_prob(z[0] + 1).equal(torch.full((6,), -torch.inf))
        assert_close(q[1:3].z, q.z[1:3])
        elbo = model.elbo(x)
        assert_close(elbo.kl, torch.full((6,), 4 * math.log(5)))
        assert_close(model.log_weights(x, 2), elbo.value.expand(2, 6))
        assert_close(model.log_likelihood(x, 7), elbo.value)

    def test_the_first_codebook_comes_from_its_encoder(self, vq):
        model, images = vq(), torch.rand(50, 1, 4, 4)
        model.initialise(images, torch.Generator().manual_seed(0))
        with torch.no_grad():
            quantised = model.quantiser(model.vectors(images))
        assert float(perplexity(quantised.codes, 5)) > 3

    def test_reconstructions_and_samples(self, vq):
        model, x = vq().eval(), torch.rand(6, 1, 4, 4)
        assert model.reconstruct(x).shape == x.shape
        assert model.sample(3, seed=1).images.equal(model.sample(3, seed=1).images)
        assert model.reasons().keys() == {"units", "pseudo_inputs", "components", "prior_density"}
        assert all(sentence.endswith(".") for sentence in model.reasons().values())

    @pytest.mark.parametrize("shape", [(1, 16, 20), (3, 16, 16)])
    def test_convolutions_keep_codes_in_place(self, tiny, shape):
        """A change of the last corner of an image leaves the first code, and the other way round."""
        recipe = tiny(
            model__kind="vq-vae",
            model__grid=f"[{shape[1] // 4}, {shape[2] // 4}]",
            model__encoder__kind="residual",
            model__decoder__kind="residual",
            model__encoder__blocks=0,
            model__decoder__blocks=0,
        )
        model, x = build(recipe, shape).eval(), torch.rand(2, *shape)
        other = x.clone()
        other[..., -2:, -2:] = 1 - other[..., -2:, -2:]
        h, changed = model.vectors(x), model.vectors(other)
        assert h.shape == (2, shape[1] * shape[2] // 16, 16)
        assert_close(h[:, 0], changed[:, 0])
        assert not torch.allclose(h[:, -1], changed[:, -1])
        e = h.clone()
        e[:, -1] += 5
        images, moved = model.decode_vectors(h).mean, model.decode_vectors(e).mean
        assert images.shape == x.shape
        assert_close(images[..., 0, 0], moved[..., 0, 0])
        assert not torch.allclose(images[..., -1, -1], moved[..., -1, -1])


class TestStages:
    def test_what_each_trains(self, vq):
        for codebook, learnt in (("ema", False), ("loss", True)):
            model = vq(codebook=codebook)
            codes, prior = model.stages(model.recipe)
            assert (codes.name, prior.name) == ("fit", "code prior")
            first, second = set(codes.trainable()), set(prior.trainable())
            assert first | second == set(model.parameters())
            assert not first & second
            assert any(p is model.quantiser.codebook for p in first) == learnt
            assert prior.epochs(model.recipe.training) == model.settings.prior_epochs

    @pytest.mark.parametrize("codebook", ["ema", "loss"])
    def test_terms(self, vq, codebook):
        model, x = vq(codebook=codebook).train(), torch.randint(0, 2, (9, 1, 4, 4)).float()
        stage = model.stages(model.recipe)[0]
        before = model.elbo(x)
        h = model.vectors(x)
        distance = (h - model.quantiser.codebook[model.quantiser.nearest(h)]).square().sum((-1, -2)).mean()
        terms = stage(x, 1)
        assert_close(terms["reconstruction"], before.reconstruction.mean())
        assert_close(terms["kl"], torch.tensor(4 * math.log(5)))
        assert_close(terms["elbo"], before.value.mean())
        assert_close(terms["commitment"], distance)
        weight = 0.25 + (codebook == "loss")
        assert_close(terms["loss"], weight * distance - before.reconstruction.mean())
        assert 1 <= float(terms["perplexity"]) <= 5
        terms["loss"].backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.trainable())

    def test_the_second_leaves_the_rest_as_it_is(self, vq):
        model, x = vq(), torch.randint(0, 2, (9, 1, 4, 4)).float()
        stage = model.stages(model.recipe)[1].train()
        assert not model.encoder.training
        assert model.code_prior.training
        before = {name: value.clone() for name, value in model.state_dict().items()}
        optimizer = torch.optim.Adam(stage.trainable(), lr=0.01)
        losses = []
        for epoch in range(1, 40):
            terms = stage(x, epoch)
            terms["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(terms["loss"].item())
        assert losses[0] == pytest.approx(4 * math.log(5), rel=1e-5)
        assert losses[-1] < 0.7 * losses[0]
        for name, value in model.state_dict().items():
            assert value.equal(before[name]) != name.startswith("code_prior"), name

    def test_a_run(self, tiny, tmp_path, digits):
        """Both stages, their columns, save and load to the last bit, and again the same."""
        recipe = tiny(
            model__kind="vq-vae",
            model__codes="8",
            model__dimension="4",
            model__grid="[2, 2]",
            **MLP,
            model__prior_epochs="2",
            model__prior_channels="8",
            training__epochs="4",
        )
        folders = [latents.train(recipe, tmp_path / name, accelerator="cpu") for name in ("one", "two")]
        history = folders[0].history()
        assert list(history["stage"]) == ["fit"] * 4 + ["code prior"] * 2
        assert {"train_perplexity", "train_commitment", "train_revived", "valid_perplexity"} <= history.keys()
        assert float(history["valid_reconstruction"][3]) > float(history["valid_reconstruction"][0]) + 1
        assert float(history["valid_kl"][0]) == pytest.approx(4 * math.log(8), rel=1e-5)
        assert float(history["valid_kl"][5]) < 4 * math.log(8) - 0.5
        x = digits.test.images[:50].round()
        models = [folder.load() for folder in folders]
        assert models[0].log_likelihood(x).equal(models[1].log_likelihood(x))
        again = latents.load(folders[0].path)
        assert again.quantiser.codebook.equal(models[0].quantiser.codebook)
        assert again.reconstruct(x).equal(models[0].reconstruct(x))


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"codes": "1"}, r"model\.codes: .*greater than or equal to 2, but 1 was given"),
            ({"codes": "0"}, r"model\.codes: .*greater than or equal to 2, but 0 was given"),
            ({"codes": "4000"}, r"model\.codes: .*less than or equal to 2048, but 4000 was given"),
            ({"dimension": "0"}, r"model\.dimension: .*greater than or equal to 1, but 0 was given"),
            ({"grid": "[0, 2]"}, r"model\.grid\.0: .*greater than or equal to 1, but 0 was given"),
            ({"prior_kernel": "4"}, r"model\.prior_kernel: it must be odd.*4 was given"),
            ({"decay": "1"}, r"model\.decay: .*less than 1, but 1.* was given"),
        ],
    )
    def test_found_when_the_recipe_is_read(self, tiny, changes, sentence):
        with pytest.raises(RecipeError, match=sentence):
            tiny(model__kind="vq-vae", **{f"model__{name}": value for name, value in changes.items()})

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"model__grid": "[9, 2]"}, r"model\.grid is 9 x 2, but images of digits have only 8 x 8 pixels; "),
            (
                {"model__encoder__kind": "residual"},
                r"model\.grid is 4 x 4, but the encoder 'residual' makes 2 x 2 places .*; set it to \[2, 2\]",
            ),
            (
                {"model__encoder__kind": "residual", "model__encoder__halvings": "4"},
                r"model\.encoder\.halvings is 4, but images of 8 x 8 pixels can be halved only 3 times; ",
            ),
            (
                {"model__decoder__kind": "residual", "model__decoder__halvings": "4"},
                r"model\.decoder\.halvings is 4, but .* set it to at most 3",
            ),
            ({"objective__kind": "iwae"}, r"objective is 'iwae', but a VQ-VAE has a loss of its own"),
        ],
    )
    def test_found_when_the_recipe_meets_the_data(self, tiny, digits, changes, sentence):
        recipe = tiny(model__kind="vq-vae", **changes)
        with pytest.raises(RecipeError, match=sentence):
            recipe.check(digits)

    def test_too_little_data_for_the_first_codebook(self, tiny, digits):
        recipe = tiny(model__kind="vq-vae", model__codes="2000", model__grid="[1, 1]")
        with pytest.raises(RecipeError, match=r"model\.codes is 2000, but \d+ training images of 1 codes each"):
            recipe.check(digits)
        assert part("model", "vq-vae").family == "Codes"
