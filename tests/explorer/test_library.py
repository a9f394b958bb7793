import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from explorer import library


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty library: `shelf(name, **changes)` puts a folder into it that looks like a model."""
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))

    def put(name, *, data="digits", latent=2, prior=None, objective="elbo", metrics=None, weights=True):
        folder = tmp_path / name
        folder.mkdir()
        model = {"kind": "vae", "latent": latent, "prior": prior or {"kind": "standard"}}
        recipe = {"data": {"name": data, "binarisation": "dynamic"}, "model": model, "objective": {"kind": objective}}
        (folder / "config.json").write_text(json.dumps(recipe))
        if metrics is not None:
            (folder / "metrics.json").write_text(metrics)
        if weights:
            save_file({"weight": np.zeros((3, 2), np.float16)}, folder / "model.safetensors")
        return folder

    return put


VAMP = {"kind": "vampprior", "components": 50}
MIXTURE = {"kind": "mixture", "components": 50}


def test_an_entry_says_what_its_recipe_says(shelf):
    shelf("a", data="mnist", latent=40, prior=VAMP, metrics='{"units": {"active": 30, "total": 40}}')
    (entry,) = library.entries()
    assert (entry.name, entry.data, entry.data_title, entry.size) == ("a", "mnist", "MNIST", 40)
    assert (entry.prior, entry.components, entry.prior_title) == ("vampprior", 50, "VampPrior, 50 pseudo-inputs")
    assert entry.metrics["units"]["active"] == 30
    assert entry.error is None


def test_mnist_in_the_plane_with_the_vampprior_comes_first(shelf):
    shelf("digits-2d", data="digits", prior=VAMP)
    shelf("mnist-40d", data="mnist", latent=40, prior=VAMP)
    shelf("mnist-standard", data="mnist")
    shelf("mnist-vamp", data="mnist", prior=VAMP)
    shelf("mnist-collapsed", data="mnist", prior=VAMP)
    names = [entry.name for entry in library.entries()]
    assert names == ["mnist-vamp", "mnist-standard", "mnist-collapsed", "mnist-40d", "digits-2d"]


def test_a_folder_without_a_recipe_is_no_model(shelf, tmp_path):
    (tmp_path / "notes").mkdir()
    assert library.entries() == []


def test_broken_folders_say_why_and_the_others_work(shelf):
    shelf("good")
    shelf("no-weights", weights=False)
    (shelf("bad-json") / "config.json").write_text('{"data": ')
    shelf("bad-metrics", metrics="[1, 2]")
    cut = shelf("cut") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    (shelf("garbage") / "model.safetensors").write_bytes(b"\xff" * 100)
    errors = {entry.name: entry.error for entry in library.entries()}
    assert [entry.name for entry in library.whole()] == ["good"]
    assert "has no weights" in errors["no-weights"]
    assert "not JSON" in errors["bad-json"]
    assert "metrics.json" in errors["bad-metrics"]
    assert "damaged" in errors["cut"]
    assert "damaged" in errors["garbage"]


def test_a_recipe_of_odd_shape_has_an_entry_all_the_same(shelf):
    (shelf("odd") / "config.json").write_text('{"model": [1], "data": null}')
    (entry,) = library.entries()
    assert (entry.data, entry.size, entry.prior) == ("unknown data", 0, "none")
    assert library.twin(entry) is None


def test_a_folder_that_is_written_again_is_read_again(shelf):
    folder = shelf("a")
    before = library.find("a")
    save_file({"weight": np.ones((3, 2), np.float16)}, folder / "model.safetensors")
    os.utime(folder / "model.safetensors", ns=(1, 1))
    after = library.find("a")
    assert before.stamp != after.stamp
    assert library.remember("thing", before, lambda: "old") == "old"
    assert library.remember("thing", after, lambda: "new") == "new"
    assert library.remember("thing", after, lambda: "newer") == "new"


def test_twins_differ_in_their_prior_alone(shelf):
    for name, settings in {
        "standard": {},
        "mixture": {"prior": MIXTURE},
        "vamp": {"prior": VAMP},
        "other-data": {"data": "mnist", "prior": VAMP},
        "other-size": {"latent": 3, "prior": VAMP},
        "other-objective": {"prior": VAMP, "objective": "iwae"},
    }.items():
        shelf(name, **settings)
    twins = {entry.name: getattr(library.twin(entry), "name", None) for entry in library.whole()}
    assert twins["standard"] == "vamp"
    assert twins["vamp"] == "standard"
    assert twins["mixture"] == "vamp"
    assert twins["other-data"] is None
    assert twins["other-size"] is None
    assert twins["other-objective"] is None


def test_thumbnails_are_the_last_samples(shelf):
    folder = shelf("a")
    samples = np.arange(3 * 5 * 4, dtype=np.uint8).reshape(3, 5, 1, 2, 2)
    assert library.thumbnails(library.find("a"), 2) is None
    save_file({"samples": samples, "epochs": np.arange(3)}, folder / "snapshots.safetensors")
    assert (library.thumbnails(library.find("a"), 2) == samples[-1, :2]).all()


def test_a_real_model_is_encoded_in_test_order(trained, monkeypatch):
    torch = pytest.importorskip("torch")
    import latents
    from latents import data

    monkeypatch.setenv("EXPLORER_LIBRARY", str(trained.path.parent))
    entry = library.find(trained.path.name)
    found = library.encoding(entry)
    images = data.load("digits").test
    seen = data.binarise(images.images, data.TEST_SEED)
    with torch.no_grad():
        q = latents.load(trained.path).encode(seen)
    assert np.allclose(found.points, q.mean.numpy(), atol=1e-5)
    assert np.allclose(found.stddev, q.stddev.numpy(), atol=1e-5)
    assert (found.images.labels == images.labels.numpy()).all()
    assert (found.images.seen == seen.numpy() * 255).all()
    assert library.ready(entry)
    assert library.encoding(entry) is found
    assert library.pseudo_codes(entry).shape == (7, 2)
    pictures = library.decode(entry, found.points[:3])
    assert pictures.dtype == np.uint8
    assert pictures.shape == (3, 1, 8, 8)
