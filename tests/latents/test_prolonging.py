"""More epochs: what a stopped run and a finished one make of them."""

from __future__ import annotations

import shutil
from itertools import count

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from latents import control
from latents.batches import Batches
from latents.cli import app as cli
from latents.errors import RecipeError, TrainingError
from latents.folder import ModelFolder
from latents.models import build
from latents.recipe import override
from latents.training import prolong, resume, train, work

from .test_training import rows, same, stopping_after


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    """Three epochs of 13 steps; tests copy it."""
    return train(tiny(), tmp_path_factory.mktemp("finished") / "run", accelerator="cpu")


@pytest.fixture
def copy(finished, tmp_path) -> ModelFolder:
    return ModelFolder(shutil.copytree(finished.path, tmp_path / "run"))


class TestStopped:
    def test_a_constant_rate_is_as_if_the_recipe_had_said_so(self, tiny, tmp_path):
        """But for the epochs of snapshots, which were planned for a shorter run."""
        recipe = tiny(training__epochs=2, training__schedule="constant")
        folder = train(recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(17))
        folder = prolong(folder.path, 3, accelerator="cpu")
        whole = train(override(recipe, {"training.epochs": "5"}), tmp_path / "whole", accelerator="cpu")
        assert folder.recipe == whole.recipe
        assert rows(folder) == rows(whole)
        assert (folder.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
        assert folder.status["epochs"] == folder.status["epoch"] == 5

    def test_one_cycle_is_stretched(self, tiny, tmp_path):
        """From the stop on, the rate is that of the longer schedule at the same step."""
        recipe = tiny(training__epochs=10)
        stopped = train(recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(14 * 6))
        found = prolong(stopped.path, 10, accelerator="cpu").history()["learning_rate"]
        whole = train(override(recipe, {"training.epochs": "20"}), tmp_path / "whole", accelerator="cpu").history()
        assert len(found) == 20
        assert found[6:] == pytest.approx(whole["learning_rate"][6:], rel=1e-6)
        assert abs(found[5] - whole["learning_rate"][5]) > 1e-4  # before it, the shorter one's

    def test_stopped_again_and_resumed(self, tiny, tmp_path):
        recipe = tiny(training__epochs=2)
        first = train(recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(17))
        shutil.copytree(first.path, tmp_path / "twin")
        prolong(first.path, 2, accelerator="cpu", stop=stopping_after(20))
        same(resume(first.path, accelerator="cpu"), prolong(tmp_path / "twin", 2, accelerator="cpu"))

    def test_the_wish_to_stop_that_it_obeyed_is_forgotten(self, tiny, tmp_path):
        control.write(ModelFolder.create(tmp_path / "run", tiny()).path, stop=True)
        assert work(tmp_path / "run", accelerator="cpu").status["state"] == "stopped"
        assert prolong(tmp_path / "run", 1, accelerator="cpu").status["state"] == "finished"


class TestFinished:
    def test_the_history_goes_on_and_the_old_rows_stay(self, copy, finished):
        folder = prolong(copy.path, 4, accelerator="cpu")
        assert folder.status["state"] == "finished"
        assert folder.recipe.training.epochs == 7
        history = folder.history()
        assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert rows(folder)[:3] == rows(finished)
        assert (np.diff(history["seconds"]) > 0).all()
        assert history["beta"].tolist() == [0.5, 1, 1, 1, 1, 1, 1]  # warm-up is over
        assert folder.metrics["training"]["prolonged_after"] == [3]
        assert folder.metrics["training"]["epochs"] == 7
        assert history["valid_elbo"][3:].max() > history["valid_elbo"][:3].max()
        rates = history["learning_rate"]
        assert rates[3:].max() > 0.5 * 0.005 > 10 * rates[2]  # the rate rises once more
        assert rates[-1] < 0.01 * 0.005
        assert folder.snapshots()["epochs"][-1] == 7
        assert set(finished.snapshots()["epochs"].tolist()) <= set(folder.snapshots()["epochs"].tolist())
        assert not (folder.path / "checkpoint").exists()

    def test_it_goes_on_from_the_weights_by_a_fresh_adam(self, tiny, tmp_path, digits):
        """With the obvious code: the same weights, but for the noise, of which a plain auto-encoder has none."""
        recipe = tiny(
            model__kind="auto-encoder",
            model__latent=2,
            training__schedule="constant",
            data__binarisation="static",
            training__epochs=2,
            training__learning_rate=0.0003,
        )
        folder = train(recipe, tmp_path / "run", accelerator="cpu")
        model = build(recipe, digits.shape)
        model.load_state_dict(folder.load().state_dict())
        stage = model.stages(recipe)[0]
        stage.train()
        optimizer = torch.optim.Adam(list(stage.trainable()), lr=0.0003, fused=True)
        for x in Batches(digits.train.images, "static", 100, recipe.seed).epoch(len(folder.history()["epoch"]) + 1):
            optimizer.zero_grad()
            stage(x, 3)["loss"].backward()
            optimizer.step()
        found = prolong(folder.path, 1, accelerator="cpu").load().state_dict()
        moved = [name for name, _ in model.named_parameters()]
        assert moved
        for name in moved:
            assert torch.equal(found[name], model.state_dict()[name]), name

    def test_no_better_weights_and_the_old_ones_stay(self, outside_parts, tiny, tmp_path):
        from latents.objectives import ELBO

        class Falling(ELBO):
            kind = "falling"
            scores = count(100, -1)

            def score(self, reconstruction, kl):
                return next(Falling.scores)

        recipe = tiny(objective__kind="falling", objective__warm_up=0, training__look_ahead=2, training__epochs=9)
        folder = train(recipe, tmp_path / "run", accelerator="cpu")
        before = (folder.path / "model.safetensors").read_bytes()
        assert folder.history()["epoch"][-1] == 3  # stopped early
        Falling.scores = iter([99, *range(98, 0, -1)])
        folder = prolong(folder.path, 5, accelerator="cpu")
        assert folder.history()["epoch"][-1] == 5  # patience began anew, and ended as soon
        assert folder.metrics["training"]["best_epoch"] == 1
        assert (folder.path / "model.safetensors").read_bytes() == before

    @pytest.mark.parametrize("asked", [0, 5, 13, 14, 30])
    def test_stopped_and_resumed_is_as_if_nothing_had_been(self, copy, tmp_path, asked):
        twin = shutil.copytree(copy.path, tmp_path / "twin")
        stopped = prolong(copy.path, 3, accelerator="cpu", stop=stopping_after(asked))
        assert stopped.status["state"] == "stopped"
        assert stopped.status["epochs"] == 6
        torch.manual_seed(99)
        same(resume(copy.path, accelerator="cpu"), prolong(twin, 3, accelerator="cpu"))

    def test_twice(self, copy):
        prolong(copy.path, 1, accelerator="cpu")
        folder = prolong(copy.path, 2, accelerator="cpu")
        assert folder.history()["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
        assert folder.metrics["training"]["prolonged_after"] == [3, 4]

    def test_stages_that_follow_are_fitted_anew(self, tiny, tmp_path):
        recipe = tiny(model__kind="auto-encoder", model__latent=2, training__epochs=2)
        folder = train(recipe, tmp_path / "run", accelerator="cpu")
        names = folder.history()["stage"].tolist()
        assert len(set(names)) == 2
        folder = prolong(folder.path, 2, accelerator="cpu")
        assert folder.history()["stage"].tolist() == [*names, *names]
        assert set(folder.metrics["training"]["best_epochs"]) == set(names)
        assert folder.metrics["training"]["best_epochs"][names[0]] in (4, 5)
        assert folder.status["epochs"] == folder.status["epoch"] == 6


class TestRefused:
    def test_a_model_fitted_in_one_go(self, tiny, tmp_path):
        folder = train(tiny(model__kind="pca", model__latent=2), tmp_path / "run", accelerator="cpu")
        config = (folder.path / "config.json").read_bytes()
        with pytest.raises(TrainingError, match=r"cannot be prolonged: .*fitted in one go"):
            prolong(folder.path, 3, accelerator="cpu")
        assert (folder.path / "config.json").read_bytes() == config
        assert folder.status["state"] == "finished"

    @pytest.mark.parametrize(("epochs", "error"), [(0, TrainingError), (-3, TrainingError), (100_000, RecipeError)])
    def test_numbers_that_are_none(self, copy, epochs, error):
        with pytest.raises(error, match="epoch"):
            prolong(copy.path, epochs, accelerator="cpu")
        assert copy.status["state"] == "finished"

    def test_a_folder_without_anything(self, tiny, tmp_path):
        folder = ModelFolder.create(tmp_path / "run", tiny())
        with pytest.raises(TrainingError, match="nothing to prolong"):
            prolong(folder.path, 3, accelerator="cpu")


def test_killed_between_the_checkpoint_and_the_recipe(copy, monkeypatch):
    """The folder is still the finished model; asked again, it is prolonged once."""
    from latents import prolonging

    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prolonging, "write_whole", die)
        with pytest.raises(KeyboardInterrupt):
            prolong(copy.path, 2, accelerator="cpu")
    assert copy.status["state"] == "finished"
    copy.load()
    folder = prolong(copy.path, 2, accelerator="cpu")
    assert folder.history()["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert folder.recipe.training.epochs == 5


class TestCommand:
    def invoke(self, *arguments: str):
        return CliRunner().invoke(cli.app, ["train", *arguments, "--accelerator", "cpu"])

    def test_more_epochs_of_a_finished_run(self, copy):
        done = self.invoke("--resume", str(copy.path), "--prolong", "2")
        assert done.exit_code == 0, done.output
        assert copy.history()["epoch"].tolist() == [1, 2, 3, 4, 5]

    def test_of_which_run(self):
        done = self.invoke("--prolong", "2")
        assert done.exit_code == 2
        assert "the run that is prolonged" in done.output
