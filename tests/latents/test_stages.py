"""Models that are fitted in several stages: by gradients, then in closed form, then by gradients again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from latents.folder import ModelFolder
from latents.models import Stage
from latents.models.vae import VAE
from latents.recipe import Recipe
from latents.training import resume, train


class Offset(Stage):
    """Fits the mean image, all at once, in two epochs: half of the way in each."""

    name = "offset"
    closed = True

    def __init__(self, model):
        super().__init__()
        self.model = model

    def epochs(self, training):
        return 2

    def fit(self, x, epoch):
        assert not torch.is_grad_enabled()
        assert not self.model.training
        assert len(x) == 1297
        self.model.offset.copy_(x.mean(0) * epoch / 2)
        return {"brightness": float(x.mean())}

    def validate(self, x):
        return {"valid_gap": float((x.mean(0) - self.model.offset).square().mean()), "score": 0.0}


class Scale(Stage):
    """Moves one number by gradients; its score falls, so that its first epoch is the best."""

    name = "scale"

    def __init__(self, model):
        super().__init__()
        self.model, self.left = model, iter(range(100, 0, -1))

    def epochs(self, training):
        return 3

    def trainable(self):
        return [self.model.scale]

    def forward(self, x, epoch):
        return {"loss": (self.model.scale * self.model.offset - x).square().mean()}

    def validate(self, x):
        return {"valid_loss": float(self.model.scale.detach()), "score": -float(self.model.scale.detach())}


@pytest.fixture
def staged(outside_parts, tiny):
    """The recipe of a VAE with two more stages."""

    class Staged(VAE):
        kind = "staged"

        class Settings(VAE.Settings):
            pass

        def __init__(self, settings, shape):
            super().__init__(settings, shape)
            self.register_buffer("offset", torch.zeros(shape))
            self.scale = nn.Parameter(torch.zeros(()))

        def stages(self, recipe):
            return [*super().stages(recipe), Offset(self), Scale(self)]

    document = tiny(training__epochs=2).model_dump(mode="json")
    document["model"] = {**document["model"], "kind": "staged"}
    return Recipe.parse(document)


def after(steps: int) -> Callable[[], bool]:
    """Asked to stop: no, so many times, then yes."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def test_the_stages_run_in_order(staged, tmp_path):
    folder = train(staged, tmp_path / "whole", accelerator="cpu")
    history = folder.history()
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert history["stage"].tolist() == ["fit"] * 2 + ["offset"] * 2 + ["scale"] * 3
    assert np.isfinite(history["valid_elbo"]).tolist() == [True] * 2 + [False] * 5
    assert np.isfinite(history["train_brightness"]).tolist() == [False] * 2 + [True] * 2 + [False] * 3
    assert history["valid_gap"][2] > history["valid_gap"][3]
    training = folder.metrics["training"]
    assert training["best_epochs"] == {"fit": training["best_epoch"], "offset": 4, "scale": 5}
    assert training["epochs"] == 7
    assert folder.status["epochs"] == folder.status["epoch"] == 7
    model = folder.load()
    # the weights are those of the best epoch of each stage: the second, that of offset; the first, that of scale
    assert model.offset.mean() == pytest.approx(history["train_brightness"][3], rel=1e-3)
    assert float(model.scale.detach()) == pytest.approx(history["valid_loss"][4], rel=1e-5)


def test_a_later_stage_moves_only_what_it_says(staged, tmp_path):
    whole = train(staged, tmp_path / "whole", accelerator="cpu").load()
    document = staged.model_dump(mode="json")
    document["model"]["kind"] = "vae"
    alone = train(Recipe.parse(document), tmp_path / "alone", accelerator="cpu").load()
    for name, value in alone.state_dict().items():
        assert torch.equal(whole.state_dict()[name], value), name


@pytest.mark.parametrize("steps", [5, 26, 28, 29, 30, 31, 45, 60])  # in, at the end of, and between the stages
def test_a_stopped_run_goes_on_as_if_nothing_had_been(staged, tmp_path, steps):
    whole = train(staged, tmp_path / "whole", accelerator="cpu")
    stopped = train(staged, tmp_path / "stopped", accelerator="cpu", stop=after(steps))
    assert stopped.status["state"] == "stopped"
    resumed = resume(stopped.path, accelerator="cpu")
    assert resumed.status["state"] == "finished"
    for name in ("model.safetensors", "snapshots.safetensors"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    mine, theirs = (ModelFolder(folder.path).history() for folder in (resumed, whole))
    assert list(mine) == list(theirs)
    for name in set(mine) - {"seconds"}:
        assert np.array_equal(mine[name], theirs[name], equal_nan=name != "stage"), name
