"""The models that come with the project: whole, small, made by their recipes, and as good as they say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from latents.data import load as load_data
from latents.diagnostics import active_units, encode_all
from latents.evaluation import evaluation_images
from latents.folder import ModelFolder
from latents.models import CALLS
from latents.recipe import preset, presets
from latents.zoo import DEAR, SHIPPED

TRAINED = Path(__file__).resolve().parents[2] / "trained"
NAMES = tuple(SHIPPED)
QUICK = ("mnist-vampprior-2d", "digits-vampprior-2d", "digits-hvae", "digits-ppca", "digits-vq-vae")
TWINS = (
    ("digits-vampprior-2d", "digits-standard-2d"),
    ("mnist-vampprior-2d", "mnist-standard-2d"),
    ("mnist-vampprior-40d", "mnist-standard-40d"),
)
FLOORS = {  # nats; each of its own data set and measure
    "mnist-standard-2d": -136.0,
    "mnist-vampprior-2d": -131.9,
    "mnist-mog-2d": -131.9,
    "mnist-vmf-2d": -131.1,
    "mnist-standard-5d": -107.1,
    "mnist-vmf-5d": -107.0,
    "mnist-standard-40d": -88.0,
    "mnist-vampprior-40d": -85.5,
    "mnist-collapsed-40d": -102.1,
    "mnist-hvae": -84.5,
    "mnist-hvae-vampprior": -83.2,
    "mnist-conv-40d": -87.3,
    "mnist-pixelcnn": -84.3,
    "mnist-vq": -143.1,
    "digits-standard-2d": -22.9,
    "digits-vampprior-2d": -22.6,
    "digits-vmf": -23.3,
    "digits-vmf-vampprior": -23.2,
    "digits-power-spherical": -23.3,
    "digits-standard-8d": -22.5,
    "digits-householder": -22.4,
    "digits-planar": -22.3,
    "digits-sylvester-orthogonal": -22.3,
    "digits-sylvester-householder": -22.3,
    "digits-sylvester-triangular": -22.3,
    "digits-nice": -22.4,
    "digits-iaf": -22.3,
    "digits-maf-prior": -22.3,
    "digits-vampprior-8d": -22.1,
    "digits-vampprior-data": -22.2,
    "digits-vampprior-householder": -22.2,
    "digits-conv": -22.5,
    "digits-pixelcnn": -22.2,
    "digits-iwae": -22.1,
    "digits-iwae-dreg": -22.1,
    "digits-iwae-vampprior": -21.9,
    "digits-vr-max": -22.1,
    "digits-free-bits": -22.5,
    "digits-beta": -23.4,
    "digits-cyclic": -22.4,
    "digits-hvae": -22.1,
    "digits-hvae-vampprior": -22.0,
    "digits-hvae-3-layers": -22.1,
    "digits-conv-hvae": -22.3,
    "digits-pixel-hvae": -22.1,
    "digits-stick-breaking": -23.2,
    "digits-vmf-5d": -22.7,
    "digits-logistic": -178.0,
    "digits-categorical": -86.2,
    "digits-gaussian": 32.5,
    "digits-vq-vae": -23.0,
    "digits-ppca": 13.3,
    "digits-factor-analysis": 51.3,
    "digits-realnvp": -26.5,
    "digits-finite-memory": -23.2,
    "digits-recurrent": -22.8,
    "digits-causal-convolution": -22.6,
}
NOT_WORSE = (  # flows and hierarchies, than the plain VAE of equal size
    "digits-householder",
    "digits-planar",
    "digits-sylvester-orthogonal",
    "digits-sylvester-householder",
    "digits-sylvester-triangular",
    "digits-nice",
    "digits-iaf",
    "digits-maf-prior",
    "digits-vampprior-householder",
    "digits-hvae",
    "digits-hvae-vampprior",
    "digits-hvae-3-layers",
    "digits-conv-hvae",
    "digits-pixel-hvae",
)
SIZE = 8_000_000  # bytes of a folder

everyone = pytest.mark.parametrize("name", NAMES)
checked_again = pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)


def shipped(name: str) -> ModelFolder:
    return ModelFolder(TRAINED / name)


def test_these_are_the_shipped_models():
    assert {path.name for path in TRAINED.iterdir() if path.is_dir()} == set(NAMES)
    for name, twin in TWINS:
        assert SHIPPED[name] == twin


def test_every_preset_is_shipped():
    """But those whose images do not come with the package or can be downloaded."""
    assert {name for name in presets() if preset(name).data.name in ("digits", "mnist")} == set(NAMES)


def test_every_one_with_a_likelihood_has_a_floor():
    assert {name for name in NAMES if "log_likelihood" in shipped(name).metrics} == set(FLOORS)


@everyone
class TestEach:
    def test_it_is_whole(self, name):
        folder = shipped(name)
        found = {path.name for path in folder.path.iterdir()}
        assert {"README.md", "config.json", "history.csv", "metrics.json"} <= found
        assert {"model.safetensors", "snapshots.safetensors"} <= found
        assert ("evaluation.safetensors" in found) == ("log_likelihood" in folder.metrics)
        assert "checkpoint" not in found
        assert not [path for path in folder.path.rglob("*") if path.suffix in (".part", ".pt")]
        assert folder.status.get("state", "finished") == "finished"

    def test_it_is_small(self, name):
        assert sum(path.stat().st_size for path in shipped(name).path.rglob("*")) < SIZE

    def test_it_was_made_by_its_recipe(self, name):
        assert shipped(name).recipe == preset(name)
        assert shipped(name).name == shipped(name).recipe.name == name

    def test_it_answers_or_says_why_not(self, name):
        model = shipped(name).load()
        data = load_data(model.recipe.data.name)
        x, _ = evaluation_images(model, data, 10)
        answers = {
            "encode": lambda: model.points(x).shape == (10, model.space.size),
            "decode": lambda: model.decode(model.points(x)).log_prob(x).shape == (10,),
            "reconstruct": lambda: model.reconstruct(x).shape == x.shape,
            "sample": lambda: model.sample(3, seed=0).images.shape == (3, *data.shape),
            "elbo": lambda: bool(torch.isfinite(model.elbo(x).value).all()),
            "log_likelihood": lambda: bool(torch.isfinite(model.log_likelihood(x, 3)).all()),
            "prior_density": lambda: bool(torch.isfinite(model.prior().log_prob(model.prior().sample((4,)))).all()),
            "components": lambda: model.mixture() is not None,
            "pseudo_inputs": lambda: model.pseudo_inputs.shape[1:] == data.shape,
        }
        with torch.no_grad():
            for call in CALLS:
                reason = model.why_not(call)
                if reason is not None:
                    assert reason[0].isupper(), call
                    assert reason.endswith("."), call
                elif call in answers and not (call == "decode" and model.why_not("encode")):
                    assert answers[call](), call

    def test_provenance(self, name):
        metrics = shipped(name).metrics
        images = {"digits": 300, "mnist": 10_000}[name.split("-")[0]]
        everywhere = {"data", "split", "binarisation", "images", "device", "versions", "date"}
        binary = shipped(name).recipe.data.binarisation != "none"
        for entry in ("log_likelihood", "elbo", "units"):
            if entry not in metrics or "reason" in metrics[entry]:
                continue
            assert everywhere <= set(metrics[entry]), entry
            assert metrics[entry]["split"] == "test"
            assert metrics[entry]["images"] == (images if entry == "units" else DEAR.get(name, (0, images))[1])
            assert metrics[entry]["binarisation"] == ("one fixed draw, seed 777" if binary else "as given")
            assert {"torch", "latent-explorer", "python"} <= set(metrics[entry]["versions"])
        for entry in ("log_likelihood", "elbo"):
            if entry in metrics:
                assert {"value", "standard_error", "samples", "seed", "unit", "measure"} <= set(metrics[entry])
                assert 0 < metrics[entry]["standard_error"] < 4
                assert metrics[entry]["unit"] == "nats"
        if "log_likelihood" in metrics:
            model, entry = shipped(name).load(), metrics["log_likelihood"]
            assert entry["estimator"] == model.estimator
            assert entry["measure"] == str(model.measure)
            assert entry["samples"] == (DEAR.get(name, (500, 0))[0] if model.estimator == "importance" else 1)
            if model.estimator == "importance" and "elbo" in metrics:
                assert metrics["elbo"]["value"] < entry["value"]
        assert {"seconds", "epochs", "best_epoch", "parameters"} <= set(metrics["training"])
        assert {"device", "versions", "date"} <= set(metrics["training"])

    def test_history_and_snapshots_play(self, name):
        folder = shipped(name)
        history, snapshots, model = folder.history(), folder.snapshots(), folder.load()
        assert len(history["epoch"]) == folder.metrics["training"]["epochs"]
        numbers = [column for title, column in history.items() if title != "stage"]
        assert all(np.isfinite(column[~np.isnan(column)]).all() for column in numbers)
        assert snapshots["epochs"][0] == 0
        states = len(snapshots["epochs"])
        assert states >= min(5, len(history["epoch"]) + 1)
        if model.why_not("encode") is None:
            followed = len(snapshots["index"])
            assert snapshots["mean"].shape == (states, followed, model.space.size)
            assert np.isfinite(snapshots["mean"]).all()
            assert ("pseudo_means" in snapshots) == (model.pseudo_inputs is not None)
            shares = np.bincount(snapshots["labels"], minlength=10) / followed
            assert shares.min() > 0.05  # all classes are in it
        for call, array in (("reconstruct", "reconstructions"), ("sample", "samples")):
            assert (array in snapshots) == (model.why_not(call) is None)

    def test_card(self, name):
        folder = shipped(name)
        card = (folder.path / "README.md").read_text("utf-8")
        assert card.startswith(f"# {name}\n")
        if "log_likelihood" in folder.metrics:
            assert f"{folder.metrics['log_likelihood']['value']:.2f}" in card
        assert "not evaluated yet" not in card
        assert f"Family: {folder.load().family}." in card

    def test_projections_of_what_is_not_a_plane(self, name):
        folder = shipped(name)
        model, arrays = folder.load(), folder.projections()
        if model.why_not("encode") or (model.space.kind == "euclidean" and model.space.size <= 2):
            assert arrays == {}
            return
        data = load_data(folder.recipe.data.name)
        count = data.sizes["test"]
        assert arrays["pca"].shape == arrays["umap"].shape == (count, 2)
        places = np.linspace(0, count - 1, 50).astype(int)
        x = evaluation_images(model, data)[0]
        drawn = "draws" in model.point_words  # these depend on the images before
        points = encode_all(model, x)[0][places] if drawn else encode_all(model, x[places])[0]
        codes = model.space.coordinates(points).numpy()
        plane = (codes - arrays["pca_mean"]) @ arrays["pca_axes"].T
        assert arrays["pca"][places] == pytest.approx(plane, abs=2e-3)
        assert ("pseudo_pca" in arrays) == (model.pseudo_inputs is not None)


@checked_again
class TestAgain:
    """Numbers that are taken again from the weights."""

    def test_the_log_likelihood_is_that_of_these_weights(self, name):
        """Estimated again on some images, with other samples and as many: the same, image by image, but for chance."""
        folder = shipped(name)
        if "log_likelihood" not in folder.metrics:
            assert folder.load().why_not("log_likelihood")
            return
        model, recorded = folder.load(), folder.metrics["log_likelihood"]
        data = load_data(model.recipe.data.name)
        count = 20 if name in DEAR else 100
        everything = folder.evaluation()["log_likelihood"].astype(float)
        assert len(everything) == recorded["images"]
        assert everything.mean() == pytest.approx(recorded["value"], abs=1e-3)
        x, _ = evaluation_images(model, data, recorded["images"])
        places = np.linspace(0, len(everything) - 1, count).astype(int)
        torch.manual_seed(1)
        values = model.log_likelihood(x[places], recorded["samples"]).double().numpy()
        difference = values - everything[places]
        assert abs(difference.mean()) <= 5 * difference.std() / count**0.5 + 1e-3
        assert difference.std() < 0.3 * values.std()  # the images are the same ones, in the same order

    def test_the_units_are_those_of_these_weights(self, name):
        folder = shipped(name)
        model, units = folder.load(), folder.metrics["units"]
        if model.why_not("units"):
            assert units == {"reason": model.why_not("units")}
            return
        x, _ = evaluation_images(model, load_data(model.recipe.data.name))
        found = active_units(model, x)
        assert units["variances"] == pytest.approx(found.variances.tolist(), rel=1e-2, abs=1e-3)
        assert units["active"] == pytest.approx(found.count, abs=1)
        assert units["total"] == found.total == model.space.size


class TestNumbers:
    @pytest.mark.parametrize("name", FLOORS)
    def test_floors(self, name):
        assert shipped(name).metrics["log_likelihood"]["value"] >= FLOORS[name]

    @pytest.mark.parametrize("name", NOT_WORSE)
    def test_not_worse_than_the_plain_vae_of_equal_size(self, name):
        """By more than the error of the paired difference."""
        entry = next(one for one in shipped(name).metrics["comparisons"] if one["with"] == "digits-standard-8d")
        assert entry["difference"] > -entry["standard_error"]

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
        active = {
            name: shipped(name).metrics["units"]["active"] for name in ("mnist-collapsed-40d", "mnist-standard-40d")
        }
        assert active["mnist-collapsed-40d"] < active["mnist-standard-40d"]
