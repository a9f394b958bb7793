"""Every recipe that comes with the package: it learns in a hundred steps, and its folder gives the same model back."""

from __future__ import annotations

import sys
from functools import cache

import pytest
import torch
from torch import Tensor

from latents import cli
from latents.data import binarise
from latents.data import load as load_data
from latents.folder import ModelFolder
from latents.models import Model, Stage, build
from latents.parts import part
from latents.randomness import seeded, stream
from latents.recipe import Recipe, preset, presets

STEPS, IMAGES, BATCH = 100, 600, 50
SLOW = ("digits-finite-memory", "frey-faces-conv")  # one knows no places, one has many levels: three times as many
QUICK = (  # one of each family in `make test`
    "digits-standard-8d",
    "digits-hvae",
    "digits-vq-vae",
    "digits-ppca",
    "digits-auto-encoder",
    "digits-realnvp",
    "digits-causal-convolution",
)


def test_one_of_each_family_is_quick():
    families = {part("model", preset(name).model.kind).family for name in presets()}
    quick = {part("model", preset(name).model.kind).family for name in QUICK}
    assert quick == families


@cache
def gray(name: str) -> Tensor:
    """Some images of the data set's shape that come with the package; smooth made-up faces for the Frey faces."""
    if name == "frey-faces":
        across, down = torch.meshgrid(torch.linspace(0, 3, 28), torch.linspace(0, 3, 20), indexing="ij")
        phases = torch.linspace(0, 6, IMAGES).view(-1, 1, 1, 1)
        return (0.5 + 0.5 * torch.sin(across + phases) * torch.cos(down + phases)).mul(255).round() / 255
    found = load_data("digits").train.images if name == "digits" else load_data("mnist").test.images
    return found[torch.linspace(0, len(found) - 1, IMAGES).long()]


def images(recipe: Recipe) -> Tensor:
    """As the model sees them."""
    found = gray(recipe.data.name)
    return found if recipe.data.binarisation == "none" else binarise(found, 1)


@pytest.fixture
def fitted(request) -> tuple[Model, Tensor, list[tuple[float, float]]]:
    """A model after a hundred steps of each of its stages, its images, and the loss of each stage before and after."""
    recipe = preset(request.param)
    x = images(recipe)
    model = build(recipe, x.shape[1:])
    model.initialise(x, stream(0))
    # Early in a warm-up a model reconstructs at once; a likelihood wants the whole KL.
    epoch = 1 if model.why_not("reconstruct") is None and model.why_not("mean") is None else 1000
    steps = 3 * STEPS if recipe.name in SLOW else STEPS
    losses = [run(stage, x, epoch, steps) for stage in model.stages(recipe)]
    model.eval()
    return model, x, [loss for loss in losses if loss is not None]


def run(stage: Stage, x: Tensor, epoch: int, steps: int) -> tuple[float, float] | None:
    """The mean loss of the first and of the last ten steps; None where the fit has a closed form."""
    if stage.closed:
        with torch.no_grad():
            stage.fit(x, 1)
        return None
    optimizer = torch.optim.Adam(stage.train().trainable(), lr=5e-3)
    losses = []
    for step in range(steps):
        batch = x[torch.arange(step * BATCH, (step + 1) * BATCH) % len(x)]
        terms = stage(batch, epoch)
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        losses.append(float(terms["loss"].detach()))
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def of(names) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "fitted",
        [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names],
        indirect=True,
    )


@of(presets())
def test_it_learns_and_comes_back(fitted, tmp_path):
    model, x, losses = fitted
    for before, after in losses:
        assert after < before
    beats_the_mean_image(model, x)
    comes_back(model, x, tmp_path / model.recipe.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in presets() if preset(name).data.name == "digits"])
def test_an_epoch_of_each_from_the_command_line(name, tmp_path, monkeypatch):
    """`latents train PRESET --training.epochs 1`; those of other data sets are trained for the shipped models."""
    out = tmp_path / "model"
    given = ["latents", "train", name, "--training.epochs", "1", "--out", str(out), "--accelerator", "cpu"]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    folder = ModelFolder(out)
    assert folder.status["state"] == "finished"
    assert len(folder.history()["epoch"]) >= 1
    folder.load()


def beats_the_mean_image(model: Model, x: Tensor) -> None:
    """By the squared error of its reconstructions; where those are draws or there are none, by its likelihood."""
    mean = x.mean(0, keepdim=True)
    if model.why_not("reconstruct") is None and model.why_not("mean") is None:
        assert (model.reconstruct(x) - x).square().mean() < (mean - x).square().mean()
        return
    with torch.no_grad(), seeded(0):
        nats = model.log_likelihood(x, 16).mean()
    probability = mean.clamp(1 / 255, 254 / 255).expand_as(x)
    assert model.recipe.data.binarisation != "none"
    assert nats > -torch.nn.functional.binary_cross_entropy(probability, x, reduction="sum") / len(x)


def comes_back(model: Model, x: Tensor, path) -> None:
    """Written and read again, the model gives the same numbers to the last bit."""
    folder = ModelFolder.create(path, model.recipe)
    folder.write_weights(model, model.state_dict(), "float32")
    other = folder.load()
    for call, answer in {
        "reconstruct": lambda one: one.reconstruct(x[:4]),
        "sample": lambda one: one.sample(3, seed=1).images,
        "encode": lambda one: one.points(x[:4]),
        "log_likelihood": lambda one: one.log_likelihood(x[:4], 3),
    }.items():
        if model.why_not(call) is None:
            with torch.no_grad(), seeded(3):
                mine = answer(model)
            with torch.no_grad(), seeded(3):
                assert torch.equal(answer(other), mine), call
