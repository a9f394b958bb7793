"""What the shell knows of a model folder without torch."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from explorer import library, planes


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """`shelf(name, space, family, **model)` puts a folder into the library that looks like a model of that space."""
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))

    def put(name, space=None, family=None, data="digits", objective=None, **model):
        folder = tmp_path / name
        folder.mkdir()
        recipe = {"data": {"name": data}, "model": {"kind": "vae", **model}, "objective": objective or {"kind": "elbo"}}
        (folder / "config.json").write_text(json.dumps(recipe))
        said = {"space": space if isinstance(space, str) or space is None else json.dumps(space), "family": family}
        metadata = {key: value for key, value in said.items() if value is not None}
        save_file({"weight": np.zeros(3, np.float16)}, folder / "model.safetensors", metadata)
        return library.find(name)

    return put


@pytest.mark.parametrize(
    ("space", "title", "flat", "kinds"),
    [
        ({"kind": "euclidean", "size": 2, "title": "2 dimensions"}, "MNIST in 2 dimensions", True, ["units"]),
        ({"kind": "euclidean", "size": 40, "title": "40 dimensions"}, "MNIST in 40 dimensions", False, ["PCA", "UMAP"]),
        ({"kind": "euclidean", "size": 1, "title": "1 dimension"}, "MNIST in 1 dimension", False, []),
        ({"kind": "sphere", "size": 3, "title": "the sphere S²"}, "MNIST on the sphere S²", False, ["PCA", "UMAP"]),
        ({"kind": "sphere", "size": 2, "title": "the circle S¹"}, "MNIST on the circle S¹", False, ["PCA", "UMAP"]),
        ({"kind": "layers", "size": 4, "title": "2 layers"}, "MNIST in 2 layers", False, ["PCA", "UMAP"]),
        ({"kind": "codes", "size": 1, "title": "1 × 1 codes"}, "MNIST as 1 × 1 codes", False, ["PCA", "UMAP"]),
        ({"kind": None, "size": 0, "title": "no latent variables"}, "MNIST, no latent variables", False, []),
    ],
)
def test_the_weights_say_where_z_lives(shelf, space, title, flat, kinds):
    entry = shelf("a", space, "Codes", data="mnist", latent=7)
    assert entry.family == "Codes"
    assert entry.space_kind == space["kind"]
    assert entry.size == space["size"]
    assert entry.title == title
    assert entry.flat is flat
    assert planes.kinds(entry) == kinds
    assert bool(kinds) or planes.why_none(entry).endswith(".")


@pytest.mark.parametrize("space", [None, "no JSON", "[1]"])
def test_older_folders_are_vaes_of_the_recipes_size(shelf, space):
    entry = shelf("a", space, latent=5)
    assert (entry.family, entry.space_kind, entry.size) == ("Variational auto-encoders", "euclidean", 5)
    assert entry.space_title == "5 dimensions"


def test_models_are_ordered_by_data_then_family_then_size(shelf):
    plane, wide = ({"kind": "euclidean", "size": size, "title": ""} for size in (2, 40))
    shelf("digits-a", plane, "Variational auto-encoders")
    shelf("mnist-linear", plane, "Linear models", data="mnist")
    shelf("mnist-other", plane, "A family from outside", data="mnist")
    shelf("mnist-wide", wide, "Variational auto-encoders", data="mnist")
    shelf("mnist-sphere", {"kind": "sphere", "size": 3, "title": ""}, "Variational auto-encoders", data="mnist")
    shelf("mnist-plane", plane, "Variational auto-encoders", data="mnist")
    names = [entry.name for entry in library.entries()]
    assert names == ["mnist-plane", "mnist-wide", "mnist-sphere", "mnist-linear", "mnist-other", "digits-a"]


def test_a_card_names_the_parts_that_are_not_the_plain_ones(shelf):
    standard = {"kind": "standard"}
    assert shelf("a", prior=standard).parts_title == "standard normal prior"
    entry = shelf("b", prior=standard, posterior={"kind": "vmf"}, likelihood={"kind": "pixelcnn"})
    assert entry.parts_title == "standard normal prior, von Mises-Fisher posterior, PixelCNN likelihood"
    assert shelf("c", prior={"kind": "new-one"}, objective={"kind": "iwae"}).parts_title == (
        "new one prior, IWAE objective"
    )
    assert shelf("d", prior=standard, objective={"kind": "elbo", "beta": 4.0}).parts_title.endswith("β = 4")
