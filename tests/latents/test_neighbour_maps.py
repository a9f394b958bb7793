"""Maps that keep neighbours: what they do to clusters, and their files."""

from __future__ import annotations

import numpy as np
import pytest

import latents
from latents import neighbour_maps
from latents.errors import FolderError


def clusters(spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four clusters in ten dimensions: points, their labels, the centres."""
    random = np.random.default_rng(0)
    centres = (spread * random.normal(size=(4, 10))).astype(np.float32)
    labels = np.repeat(np.arange(4), 50)
    return (centres[labels] + random.normal(size=(200, 10))).astype(np.float32), labels, centres


def neighbours_agree(places: np.ndarray, labels: np.ndarray) -> float:
    """The share of points whose nearest point is of their own label."""
    distances = ((places[:, None] - places) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())


@pytest.fixture(scope="module")
def deep(tiny, tmp_path_factory):
    """A tiny VampPrior model with three latent dimensions. Tests only read it."""
    recipe = tiny(model__latent=3, model__prior__kind="vampprior", model__prior__components=7, training__epochs=1)
    return latents.train(recipe, tmp_path_factory.mktemp("maps") / "model", accelerator="cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("latents.projection.user_cache", lambda: tmp_path)
    return tmp_path


@pytest.mark.slow
def test_t_sne_keeps_clusters_and_is_the_same_again():
    codes, labels, centres = clusters(6)
    said: list[str] = []
    places, others = neighbour_maps.tsne(codes, centres, said.append)
    assert places.shape == (200, 2)
    assert neighbours_agree(places, labels) > 0.99
    means = np.stack([places[labels == label].mean(0) for label in range(4)])
    assert (((others[:, None] - means) ** 2).sum(-1).argmin(1) == np.arange(4)).all()
    assert said[-1].startswith("2 of 3: t-SNE, step")
    again = neighbour_maps.tsne(codes)[0]  # (placing others moves the whole map)
    assert again - again.mean(0) == pytest.approx(places - places.mean(0), abs=1e-6)


def test_a_file_in_the_cache(deep, cache, monkeypatch):
    seen = []

    def stand_in(codes, others=None, labels=None, *, sphere=False):
        seen.append((labels, sphere))
        return codes[:, :2] + 1, others[:, :2] + 1

    monkeypatch.setattr(neighbour_maps, "umap", stand_in)
    assert neighbour_maps.stored(deep.path, "umap-class") == {}
    said: list[str] = []
    written = neighbour_maps.project(deep.path, "umap-class", said.append)
    assert [line[:6] for line in said[:3]] == ["1 of 3", "2 of 3", "3 of 3"]
    found = neighbour_maps.stored(deep.path, "umap-class")
    assert found["places"].shape == (300, 2)
    assert found["pseudo"].shape == (7, 2)
    assert np.array_equal(seen[0][0], latents.data.load("digits").test.labels.numpy())
    assert neighbour_maps.stored(deep.path, "umap-sphere") == {}  # each method has its own file
    neighbour_maps.project(deep.path, "umap-sphere")
    assert seen[1] == (None, True)
    written.write_bytes(b"spoilt")
    assert neighbour_maps.stored(deep.path, "umap-class") == {}
    assert not written.exists()


def test_what_cannot_be(deep, trained, cache, monkeypatch):
    with pytest.raises(FolderError, match="no map 'isomap'; there are umap-class, umap-sphere, tsne"):
        neighbour_maps.project(deep.path, "isomap")  # type: ignore[arg-type]
    with pytest.raises(FolderError, match="2 latent dimensions: they are a plane already"):
        neighbour_maps.project(trained.path, "umap-sphere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FolderError, match=r"pip install 'latent-explorer\[tsne\]'"):
        neighbour_maps.project(deep.path, "tsne")


@pytest.mark.slow
def test_classes_pull_their_images_together():
    codes, labels, _ = clusters(0.8)  # they overlap: only the labels can part them
    alone, _ = neighbour_maps.umap(codes)
    told, _ = neighbour_maps.umap(codes, labels=labels)
    assert neighbours_agree(told, labels) > neighbours_agree(alone, labels) + 0.1


@pytest.mark.slow
def test_umap_on_a_sphere():
    codes, labels, centres = clusters(6)
    places, others = neighbour_maps.umap(codes, centres, sphere=True)
    assert np.linalg.norm(places, axis=1) == pytest.approx(1)
    assert neighbours_agree(places, labels) > 0.95
    assert others.shape == (4, 3)
