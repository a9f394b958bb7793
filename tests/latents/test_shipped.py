"""The models that come with the project: whole, small, made by their recipes, and as good as they say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from latents.data import load as load_data
from latents.diagnostics import active_units
from latents.evaluation import evaluation_images
from latents.folder import ModelFolder
from latents.recipe import preset
from latents.zoo import SHIPPED

TRAINED = Path(__file__).resolve().parents[2] / "trained"
NAMES = (
    "digits-standard-2d",
    "digits-vampprior-2d",
    "mnist-standard-2d",
    "mnist-vampprior-2d",
    "mnist-mog-2d",
    "mnist-standard-40d",
    "mnist-vampprior-40d",
    "mnist-collapsed-40d",
)
TWINS = (
    ("digits-vampprior-2d", "digits-standard-2d"),
    ("mnist-vampprior-2d", "mnist-standard-2d"),
    ("mnist-vampprior-40d", "mnist-standard-40d"),
)
FLOORS = {"mnist-standard-2d": -136.0, "mnist-standard-40d": -88.0, "mnist-vampprior-40d": -85.5}  # nats
SIZE = 8_000_000  # bytes of a folder

everyone = pytest.mark.parametrize("name", NAMES)


def shipped(name: str) -> ModelFolder:
    return ModelFolder(TRAINED / name)


def test_these_are_the_shipped_models():
    assert tuple(SHIPPED) == NAMES
    assert {path.name for path in TRAINED.iterdir() if path.is_dir()} == set(NAMES)
    for name, twin in TWINS:
        assert SHIPPED[name] == twin


@everyone
class TestEach:
    def test_it_is_whole(self, name):
        folder = shipped(name)
        found = {path.name for path in folder.path.iterdir()}
        assert {"README.md", "config.json", "history.csv", "metrics.json"} <= found
        assert {"model.safetensors", "snapshots.safetensors", "evaluation.safetensors"} <= found
        assert "checkpoint" not in found
        assert not [path for path in folder.path.rglob("*") if path.suffix in (".part", ".pt")]
        assert folder.status.get("state", "finished") == "finished"

    def test_it_is_small(self, name):
        assert sum(path.stat().st_size for path in shipped(name).path.rglob("*")) < SIZE

    def test_it_was_made_by_its_recipe(self, name):
        assert shipped(name).recipe == preset(name)
        assert shipped(name).name == shipped(name).recipe.name == name

    def test_it_answers(self, name):
        model = shipped(name).load()
        data = load_data(model.recipe.data.name)
        x, _ = evaluation_images(model, data, 20)
        with torch.no_grad():
            assert model.encode(x).mean.shape == (20, model.space.size)
            assert model.reconstruct(x).shape == x.shape
            assert torch.isfinite(model.log_likelihood(x, 5)).all()
        assert model.sample(3, seed=0).images.shape == (3, *data.shape)

    def test_provenance(self, name):
        metrics = shipped(name).metrics
        images = {"digits": 300, "mnist": 10_000}[name.split("-")[0]]
        everywhere = {"data", "split", "binarisation", "images", "device", "versions", "date"}
        for entry in ("log_likelihood", "elbo", "units"):
            assert everywhere <= set(metrics[entry]), entry
            assert metrics[entry]["split"] == "test"
            assert metrics[entry]["images"] == images
            assert metrics[entry]["binarisation"] == "one fixed draw, seed 777"
            assert {"torch", "latent-explorer", "python"} <= set(metrics[entry]["versions"])
        for entry in ("log_likelihood", "elbo"):
            assert {"value", "standard_error", "samples", "seed", "unit", "measure"} <= set(metrics[entry])
            assert 0 < metrics[entry]["standard_error"] < 2
            assert metrics[entry]["unit"] == "nats"
            assert metrics[entry]["measure"] == "discrete, binarisation: dynamic"
        assert metrics["log_likelihood"]["estimator"] == "importance"
        assert metrics["log_likelihood"]["samples"] == 500
        assert metrics["elbo"]["value"] < metrics["log_likelihood"]["value"]
        assert {"seconds", "epochs", "best_epoch", "parameters"} <= set(metrics["training"])
        assert {"device", "versions", "date"} <= set(metrics["training"])

    def test_the_log_likelihood_is_that_of_these_weights(self, name):
        """Estimated again on 100 images, with other samples and as many: the same, image by image, but for chance."""
        folder = shipped(name)
        model, recorded = folder.load(), folder.metrics["log_likelihood"]
        data = load_data(model.recipe.data.name)
        x, _ = evaluation_images(model, data, 100)
        torch.manual_seed(1)
        values = model.log_likelihood(x, recorded["samples"]).double().numpy()
        assert values.mean() == pytest.approx(recorded["value"], abs=4 * values.std() / 10)
        everything = folder.evaluation()["log_likelihood"].astype(float)
        assert everything.mean() == pytest.approx(recorded["value"], abs=1e-3)
        places = np.linspace(0, len(data.test) - 1, 100).astype(int)
        difference = values - everything[places]
        assert abs(difference.mean()) < 5 * difference.std() / 10
        assert difference.std() < 0.2 * values.std()  # the images are the same ones, in the same order

    def test_the_units_are_those_of_these_weights(self, name):
        folder = shipped(name)
        model, units = folder.load(), folder.metrics["units"]
        x, _ = evaluation_images(model, load_data(model.recipe.data.name))
        found = active_units(model, x)
        assert units["variances"] == pytest.approx(found.variances.tolist(), rel=1e-3, abs=1e-4)
        assert units["active"] == found.count
        assert units["total"] == found.total == model.space.size

    def test_history_and_snapshots_play(self, name):
        folder = shipped(name)
        history, snapshots = folder.history(), folder.snapshots()
        flat = folder.recipe.model.latent == 2
        images = {"digits": 300, "mnist": 2000 if flat else 500}[name.split("-")[0]]
        assert len(history["epoch"]) == folder.metrics["training"]["epochs"]
        assert all(np.isfinite(column).all() for title, column in history.items() if title != "stage")
        assert snapshots["epochs"][0] == 0
        assert len(snapshots["epochs"]) >= (15 if flat else 8)
        assert snapshots["mean"].shape == (len(snapshots["epochs"]), images, folder.recipe.model.latent)
        assert np.isfinite(snapshots["mean"]).all()
        assert ("pseudo_means" in snapshots) == ("vampprior" in name)
        shares = np.bincount(snapshots["labels"], minlength=10) / images
        assert shares.min() > 0.05  # all classes are in it

    def test_card(self, name):
        folder = shipped(name)
        card = (folder.path / "README.md").read_text("utf-8")
        assert card.startswith(f"# {name}\n")
        assert f"{folder.metrics['log_likelihood']['value']:.2f}" in card
        assert "not evaluated yet" not in card

    def test_projections_of_what_is_not_a_plane(self, name):
        folder = shipped(name)
        latent, arrays = folder.recipe.model.latent, folder.projections()
        if latent <= 2:
            assert arrays == {}
            return
        assert arrays["pca"].shape == arrays["umap"].shape == (10_000, 2)
        assert arrays["pca_axes"].shape == (2, latent)
        model = folder.load()
        x, _ = evaluation_images(model, load_data("mnist"), 50)
        places = np.linspace(0, 9999, 50).astype(int)
        mean = model.encode(x).mean.detach().numpy()
        plane = (mean - arrays["pca_mean"]) @ arrays["pca_axes"].T
        assert arrays["pca"][places] == pytest.approx(plane, abs=1e-3)
        if "vampprior" in name:
            assert arrays["pseudo_pca"].shape == arrays["pseudo_umap"].shape == (500, 2)


class TestNumbers:
    @pytest.mark.parametrize("name", FLOORS)
    def test_floors(self, name):
        entry = shipped(name).metrics["log_likelihood"]
        assert (entry["images"], entry["samples"]) == (10_000, 500)
        assert entry["value"] >= FLOORS[name]

    @pytest.mark.parametrize(("name", "twin"), TWINS)
    def test_the_vampprior_is_better_than_its_twin(self, name, twin):
        """By more than three standard errors of the paired difference, which is that of the numbers per image."""
        one, other = shipped(name), shipped(twin)
        entry = next(entry for entry in one.metrics["comparisons"] if entry["with"] == twin)
        assert entry["difference"] > 3 * entry["standard_error"] > 0
        assert entry["paired"] is True
        assert entry["images"] == one.metrics["log_likelihood"]["images"] == other.metrics["log_likelihood"]["images"]
        means = [folder.metrics["log_likelihood"]["value"] for folder in (one, other)]
        assert entry["difference"] == pytest.approx(means[0] - means[1], abs=1e-3)
        difference = one.evaluation()["log_likelihood"].astype(float) - other.evaluation()["log_likelihood"]
        assert entry["standard_error"] == pytest.approx(
            difference.std(ddof=1) / math.sqrt(len(difference)), rel=0.01, abs=1e-4
        )

    @pytest.mark.parametrize(("name", "twin"), TWINS)
    def test_twins_have_one_schedule(self, name, twin):
        one, other = shipped(name).recipe, shipped(twin).recipe
        assert one.training == other.training
        assert one.objective == other.objective
        assert one.data == other.data
        assert one.seed == other.seed
        assert one.model.prior.kind == "vampprior"
        assert other.model.prior.kind == "standard"
        assert one.model.model_copy(update={"prior": other.model.prior}) == other.model

    def test_the_collapse_can_be_watched(self):
        """Units that are active in an early snapshot and dead in the last."""
        folder = shipped("mnist-collapsed-40d")
        snapshots = folder.snapshots()
        active = snapshots["variances"] > 0.01
        half = len(active) // 2
        died = active[:half].any(0) & ~active[-1]
        assert died.sum() >= 5
        assert active[-1].any()
        assert folder.metrics["units"]["active"] < active[:half].sum(1).max() - 4

    def test_the_collapsed_one_lost_what_the_others_have(self):
        active = {name: shipped(name).metrics["units"]["active"] for name in NAMES if name.endswith("40d")}
        assert active["mnist-collapsed-40d"] < active["mnist-standard-40d"]
