"""Colour images, of the test's own making: three channels train end to end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import latents
from latents.data import load
from latents.errors import RecipeError
from latents.likelihoods.logistic import DiscretisedLogistic
from latents.models import Model, build
from latents.recipe import Recipe, override

COLOURS = np.array([[220, 40, 30], [30, 180, 60], [40, 60, 210], [230, 200, 40]])


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> str:
    """An .npz file of 8 x 10 pictures: a disc of one of four colours anywhere on gray, with noise in the bytes."""
    numbers = np.random.default_rng(0)
    rows, columns = np.mgrid[:8, :10]
    count = 320
    colour = numbers.integers(0, 4, count)
    centre = numbers.uniform((2, 2), (6, 8), (count, 2))
    distance = np.hypot(rows - centre[:, :1, None], columns - centre[:, 1:, None])
    share = np.clip(2.7 - distance, 0, 1)[..., None]
    pictures = share * COLOURS[colour][:, None, None] + (1 - share) * 90 + numbers.normal(0, 4, (count, 8, 10, 3))
    path = tmp_path_factory.mktemp("data") / "discs.npz"
    np.savez(path, images=pictures.clip(0, 255).round().astype(np.uint8), labels=colour)
    return str(path)


@pytest.fixture(scope="module")
def recipe(discs) -> Recipe:
    layers = [[12, 3, 1, 1], [16, 4, 2, 1], [16, 3, 1, 1]]
    return Recipe.parse(
        {
            "name": "discs",
            "data": {"name": discs, "binarisation": "none"},
            "model": {
                "kind": "vae",
                "latent": 6,
                "encoder": {"kind": "conv", "layers": layers},
                "decoder": {"kind": "conv", "hidden": [32], "start": 16, "layers": [[16, 3, 2, 1], [12, 3, 1, 1]]},
                "likelihood": {"kind": "discretised-logistic"},
            },
            "objective": {"kind": "elbo", "warm_up": 10},
            "training": {"epochs": 60, "batch": 16, "learning_rate": 5e-3, "snapshots": 2},
        }
    )


@pytest.fixture(scope="module")
def model(recipe, tmp_path_factory) -> Model:
    folder = tmp_path_factory.mktemp("runs") / "discs"
    latents.train(recipe, folder, accelerator="cpu")
    return latents.load(folder)


def fixed_picture(train: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """log p of `x` under the best that knows no z: for each pixel the training images' mean, and the best scale."""
    mean = train.mean(0, keepdim=True).clamp(1 / 512, 511 / 512)
    scales = torch.linspace(-4.5, 0, 40)
    scored = torch.stack([_of_pixels(mean, s, train).mean(0) for s in scales])
    return _of_pixels(mean[0], scales[scored.argmax(0)], x).sum((1, 2, 3))


def _of_pixels(mean: torch.Tensor, log_scale: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """log p of each pixel and channel alone, of the shape of `x`."""
    location, log_scale = (value.expand(x.shape)[..., None, None, None] for value in (mean, log_scale))
    return DiscretisedLogistic(location, log_scale).log_prob(x[..., None, None, None])


def test_colour_trains_end_to_end(model, discs):
    data = load(discs)
    assert data.kind == "colour"
    assert data.shape == (3, 8, 10)
    test, train = data.test.images, data.train.images
    with torch.no_grad():
        bound = model.elbo(test).value
        baseline = fixed_picture(train, test)
        likelihood = model.log_likelihood(test, 20)
        rebuilt = model.reconstruct(test)
    assert bound.isfinite().all()
    assert bound.mean() > baseline.mean() + 100
    assert likelihood.mean() > bound.mean()
    assert (rebuilt - test).abs().mean() < 0.5 * (train.mean(0) - test).abs().mean()
    for images in (rebuilt, model.sample(5, seed=0).images):
        assert images.shape[1:] == (3, 8, 10)
        assert images.min() >= 0
        assert images.max() <= 1
    assert str(model.measure) == "discrete, binarisation: none"


def test_discs_keep_their_colours(model, discs):
    """A model that mixed up channels, or made them alike, would paint the discs in other colours."""
    data = load(discs)
    middle = data.test.images.flatten(2)
    place = (middle - 90 / 255).abs().sum(1).argmax(1)  # a pixel inside the disc
    rows = torch.arange(len(middle))
    rebuilt = model.reconstruct(data.test.images).flatten(2)[rows, :, place]
    colours = torch.from_numpy(COLOURS).float() / 255
    nearest = torch.cdist(rebuilt, colours).argmin(1)
    assert (nearest == data.test.labels).float().mean() > 0.8


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
@pytest.mark.parametrize("likelihood", ["discretised-logistic", "categorical", "gaussian"])
def test_every_likelihood_and_objective_is_finite(recipe, discs, objective, likelihood):
    data = load(discs)
    changed = override(recipe, {"model.likelihood.kind": likelihood, "objective.kind": objective})
    changed.check(data)
    torch.manual_seed(0)
    model = build(changed, data.shape)
    (stage,) = model.stages(changed)
    x = data.train.images[:12]
    loss = stage(x, 1)["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    assert model.log_weights(x, 3).isfinite().all()


def test_no_binary_colour(recipe, discs):
    with pytest.raises(RecipeError, match=r"model\.likelihood is 'bernoulli', which needs binary images.* colour"):
        override(recipe, {"model.likelihood.kind": "bernoulli"}).check(load(discs))
    with pytest.raises(RecipeError, match=r"data\.binarisation is 'dynamic', but .* has colour images"):
        override(recipe, {"data.binarisation": "dynamic"}).check(load(discs))
