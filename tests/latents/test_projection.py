"""PCA against its definition; the file of projections, in the folder or in the user's cache."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latents
from latents import projection
from latents.data import TEST_SEED, binarise
from latents.errors import FolderError
from latents.folder import ModelFolder
from latents.projection import cache_file, pca, project_folder, stored


def codes(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Correlated points, away from the origin."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 5 * random.normal(size=d)


class TestPCA:
    @given(st.integers(5, 60), st.integers(2, 12), st.integers(0, 1000))
    def test_against_the_eigenvectors_of_the_covariance(self, n, d, seed):
        z = codes(n, d, seed)
        found = pca(z)
        values, vectors = np.linalg.eigh(np.cov(z.T, ddof=0))
        assert found.explained == pytest.approx(values[::-1][:2] / values.sum(), rel=1e-6, abs=1e-9)
        assert found.axes @ found.axes.T == pytest.approx(np.eye(2), abs=1e-9)
        cosines = np.abs((found.axes * vectors.T[::-1][:2]).sum(-1))
        assert cosines == pytest.approx([1, 1], abs=1e-6)

    def test_scores_are_centred_and_uncorrelated_with_the_variance_that_is_said(self):
        z = codes(200, 6)
        found = pca(z)
        plane = found.to_plane(z)
        assert plane.mean(0) == pytest.approx([0, 0], abs=1e-9)
        covariance = np.cov(plane.T, ddof=0)
        assert covariance[0, 1] == pytest.approx(0, abs=1e-8)
        assert np.diag(covariance) / z.var(0).sum() == pytest.approx(found.explained)

    def test_there_and_back(self):
        z = codes(50, 6)
        found = pca(z)
        plane = np.random.default_rng(1).normal(size=(7, 3, 2))
        assert found.to_plane(found.from_plane(plane)) == pytest.approx(plane)
        flat = pca(codes(50, 2))
        assert flat.from_plane(flat.to_plane(codes(9, 2, 3))) == pytest.approx(codes(9, 2, 3))

    def test_the_nearest_plane(self):
        """No other plane is closer to the points."""
        z = codes(80, 5)
        found = pca(z)
        error = ((found.from_plane(found.to_plane(z)) - z) ** 2).sum()
        assert error == pytest.approx((1 - found.explained.sum()) * ((z - z.mean(0)) ** 2).sum())
        random = np.random.default_rng(2)
        for _ in range(20):
            axes = np.linalg.qr(random.normal(size=(5, 2)))[0].T
            assert (((z - z.mean(0)) @ axes.T @ axes + z.mean(0) - z) ** 2).sum() > error

    def test_the_sign_is_always_the_same(self):
        z = codes(60, 5)
        one, other = pca(z), pca(2 * z.mean(0) - z)  # mirrored: the same axes
        assert one.axes == pytest.approx(other.axes)
        assert (one.axes[[0, 1], np.abs(one.axes).argmax(1)] > 0).all()

    def test_points_that_are_all_the_same(self):
        found = pca(np.ones((10, 4)))
        assert np.isfinite(found.axes).all()
        assert found.explained.tolist() == [0, 0]

    @pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
    def test_too_few(self, shape):
        with pytest.raises(ValueError, match="2 principal axes need at least 2"):
            pca(np.ones(shape))


@pytest.fixture(scope="module")
def deep(tiny, tmp_path_factory):
    """A tiny VampPrior model with three latent dimensions. Tests only read it."""
    recipe = tiny(model__latent=3, model__prior__kind="vampprior", model__prior__components=7, training__epochs=1)
    return latents.train(recipe, tmp_path_factory.mktemp("deep") / "model", accelerator="cpu")


@pytest.fixture
def quick(monkeypatch):
    """UMAP takes seconds: a stand-in that tells what it was given."""
    given_to = []

    def stand_in(codes, others=None):
        given_to.append((codes, others))
        return codes[:, 1:3] + 1, None if others is None else others[:, 1:3] + 1

    monkeypatch.setattr(projection, "umap", stand_in)
    return given_to


class TestFile:
    def test_content(self, deep, digits, quick, tmp_path):
        said = []
        path = project_folder(deep.path, tmp_path / "out.safetensors", report=said.append)
        assert path == tmp_path / "out.safetensors"
        assert not (deep.path / "projections.safetensors").exists()
        arrays = projection.load_file(path)
        model = deep.load()
        z = model.encode(binarise(digits.test.images, TEST_SEED)).mean.detach().numpy()
        pseudo = model.encode(model.pseudo_inputs).mean.detach().numpy()
        linear = pca(z)
        assert arrays["pca"] == pytest.approx(linear.to_plane(z), abs=1e-4)
        assert arrays["pca_mean"] == pytest.approx(z.mean(0), abs=1e-5)
        assert arrays["pca_axes"] == pytest.approx(linear.axes, abs=1e-4)
        assert arrays["pca_explained"] == pytest.approx(linear.explained, abs=1e-5)
        assert arrays["pseudo_pca"] == pytest.approx(linear.to_plane(pseudo), abs=1e-4)
        assert arrays["umap"] == pytest.approx(z[:, 1:3] + 1, abs=1e-5)
        assert arrays["pseudo_umap"] == pytest.approx(pseudo[:, 1:3] + 1, abs=1e-5)
        assert {str(array.dtype) for array in arrays.values()} == {"float32"}
        assert said[0].startswith("1 of 3")
        assert str(path) in said[-1]

    def test_without_pseudo_inputs(self, tiny, quick, tmp_path):
        folder = latents.train(tiny(model__latent=3, training__epochs=1), tmp_path / "model", accelerator="cpu")
        project_folder(folder.path)
        assert set(folder.projections()) == {"pca", "pca_mean", "pca_axes", "pca_explained", "umap"}
        assert quick[0][1] is None

    def test_a_plane_already(self, trained):
        with pytest.raises(FolderError, match="2 latent dimensions: they are a plane already"):
            project_folder(trained.path)

    def test_why_not(self, deep, monkeypatch):
        from latents.models import VAE

        monkeypatch.setattr(VAE, "reasons", lambda self: {"encode": "It has no encoder."})
        with pytest.raises(FolderError, match=r"cannot be projected: It has no encoder\."):
            project_folder(deep.path)


class TestCache:
    def test_keyed_by_content(self, deep, tmp_path):
        import shutil

        copy = ModelFolder(shutil.copytree(deep.path, tmp_path / "copy"))
        assert cache_file(copy.path) == cache_file(deep.path)
        weights = (copy.path / "model.safetensors").read_bytes()
        (copy.path / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
        assert cache_file(copy.path) != cache_file(deep.path)

    def test_by_recipe_too(self, deep, tmp_path):
        """The same weights on other data are other points."""
        import shutil

        copy = ModelFolder(shutil.copytree(deep.path, tmp_path / "copy"))
        recipe = latents.recipe.override(deep.recipe, {"data.name": "mnist"})
        (copy.path / "config.json").write_text(recipe.json_text())
        assert cache_file(copy.path) != cache_file(deep.path)

    def test_read_back(self, deep, quick):
        assert stored(deep.path) == {}
        path = project_folder(deep.path, cache_file(deep.path))
        assert stored(deep.path)["pca"].shape == (300, 2)
        path.write_bytes(b"spoilt")
        assert stored(deep.path) == {}
        assert not path.exists()

    def test_not_trained_yet(self, tiny, tmp_path):
        folder = ModelFolder.create(tmp_path / "model", tiny())
        with pytest.raises(FolderError, match="nothing to project; train it first"):
            cache_file(folder.path)


@pytest.mark.slow
class TestUMAP:
    def test_clusters_stay_together_and_others_fall_on_them(self):
        random = np.random.default_rng(0)
        centres = 20 * random.normal(size=(4, 10))
        labels = np.repeat(np.arange(4), 60)
        z = (centres[labels] + random.normal(size=(240, 10))).astype(np.float32)
        plane, others = projection.umap(z, centres.astype(np.float32))
        assert plane.shape == (240, 2)
        assert others.shape == (4, 2)
        means = np.stack([plane[labels == label].mean(0) for label in range(4)])
        nearest = ((plane[:, None] - means) ** 2).sum(-1).argmin(1)
        assert (nearest == labels).mean() > 0.99
        assert (((others[:, None] - means) ** 2).sum(-1).argmin(1) == np.arange(4)).all()
        again, _ = projection.umap(z)
        assert np.array_equal(again, plane)
