"""Event files: TensorBoard's own reader finds the history's numbers and the snapshots' pictures in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from latents import event_files
from latents.errors import TrainingError
from latents.event_files import tag
from latents.training import resume, train

from .test_training import rows, stopping_after

pytest.importorskip("tensorboard")


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder.path / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_numbers_and_pictures_of_a_run_that_was_stopped_and_resumed(tiny, tmp_path):
    recipe = tiny(model__prior__kind="vampprior", model__prior__components=7, training__epochs=4)
    train(recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(30), log=["tensorboard"])
    folder = resume(tmp_path / "run", accelerator="cpu", log=["tensorboard"])
    found, history = events(folder), folder.history()
    assert set(found.Tags()["scalars"]) == {tag(name) for name in history if name not in ("epoch", "stage")}
    assert {"validation/elbo", "KL in nats/unit 1", "variance of the mean/unit 2", "run/beta"} <= set(
        found.Tags()["scalars"]
    )
    for name in set(history) - {"epoch", "stage"}:
        scalars = found.Scalars(tag(name))
        assert [event.step for event in scalars] == [1, 2, 3, 4]  # none twice
        assert [event.value for event in scalars] == pytest.approx(history[name].tolist(), rel=1e-5)
    snapshots = folder.snapshots()
    for name, words in event_files._PICTURES.items():
        images = found.Images(words)
        assert [event.step for event in images] == [epoch for epoch in snapshots["epochs"] if epoch > 0]
        grid = np.asarray(Image.open(io.BytesIO(images[-1].encoded_image_string)))
        assert grid[:8, :8, 0].tolist() == snapshots[name][-1][0, 0].tolist()
    whole = train(recipe, tmp_path / "whole", accelerator="cpu")
    assert rows(folder) == rows(whole)  # they change nothing
    assert not (whole.path / "tensorboard").exists()


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("train_elbo", "train/elbo"),
        ("valid_kl_layer_0", "validation/kl_layer_0"),
        ("kl_11", "KL in nats/unit 12"),
        ("active_units", "run/active_units"),
    ],
)
def test_tags(column, name):
    assert tag(column) == name


def test_a_missing_package_is_said_before_the_folder_is_begun(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"needs the package tensorboard: pip install") as caught:
        train(tiny(), tmp_path / "model", accelerator="cpu", log=["tensorboard"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_a_log_that_is_none(tiny, tmp_path):
    with pytest.raises(TrainingError, match="there is no log 'wandb'; give tensorboard"):
        train(tiny(), tmp_path / "model", accelerator="cpu", log=["wandb"])
    assert not (tmp_path / "model").exists()
