import numpy as np
import pytest

from explorer import library, planes


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    """Tiny models in two and in five dimensions."""
    import latents

    root = tmp_path_factory.mktemp("library")
    for name, changes in {
        "flat": {"model__prior__kind": "vampprior", "model__prior__components": 7},
        "deep": {"model__latent": 5},
    }.items():
        latents.train(tiny(training__epochs=1, **changes), root / name, accelerator="cpu")
    return root


@pytest.fixture
def entry(folders, monkeypatch):
    monkeypatch.setenv("EXPLORER_LIBRARY", str(folders))
    return library.find


def test_two_dimensions_are_their_own_plane(entry):
    flat = entry("flat")
    layout = planes.of(flat, "UMAP")  # asks for a plane that it does not have
    assert layout.kind == "units"
    assert (layout.points == library.encoding(flat).points).all()
    assert layout.pseudo.shape == (7, 2)
    z = np.array([0.3, -1.0], np.float32)
    assert np.allclose(planes.back(flat, layout, z[None])[0], z)
    assert np.allclose(planes.forth(flat, layout, z), z)


def test_pca_leads_to_the_plane_and_back(entry):
    deep = entry("deep")
    assert planes.kinds(deep) == ["PCA", "UMAP"]
    layout = planes.of(deep, "PCA")
    mu = library.encoding(deep).points
    spread = np.sort(np.linalg.eigvalsh(np.cov(mu.T)))[::-1]  # an independent way to the same variances
    assert np.allclose(layout.points.var(axis=0, ddof=1), spread[:2], rtol=1e-3)
    y = np.array([[0.4, -0.2]])
    assert np.allclose(planes.forth(deep, layout, planes.back(deep, layout, y)), y, atol=1e-5)
    assert f"{spread[0] / spread.sum() * 100:.0f} %" in layout.x_title
    assert "shadow" in layout.lost


def test_umap_is_there_only_when_it_was_computed(entry, monkeypatch):
    deep = entry("deep")
    assert planes.of(deep, "UMAP") is None
    n = len(library.encoding(deep).points)
    monkeypatch.setattr("latents.projection.stored", lambda path: {"umap": np.zeros((n, 2), np.float32)})
    layout = planes.of(deep, "UMAP")
    assert layout.points.shape == (n, 2)
    assert layout.axes is None
    assert planes.forth(deep, layout, np.zeros(5)) is None
    monkeypatch.setattr("latents.projection.stored", lambda path: {"umap": np.zeros((n - 1, 2), np.float32)})
    assert planes.of(deep, "UMAP") is None  # of other images


def test_the_prior_is_drawn_in_two_dimensions_only(entry):
    view = ((-3.0, 3.0), (-3.0, 3.0))
    found = planes.prior_density(entry("flat"), view)
    assert found.x.min() < -3 < 3 < found.x.max()
    assert planes.prior_density(entry("deep"), view) is None


def test_the_lattice_starts_at_the_top_left():
    places = planes.lattice(((0.0, 4.0), (0.0, 2.0)), 4)
    assert places.tolist()[:2] == [[0.5, 1.5], [1.5, 1.5]]
    assert places.tolist()[-1] == [3.5, 0.5]


def test_nearest_agrees_with_sorting_all():
    rng = np.random.default_rng(0)
    mu, z = rng.normal(size=(200, 3)), rng.normal(size=3)
    order, distances = planes.nearest(mu, z, 5)
    every = sorted(range(200), key=lambda i: ((mu[i] - z) ** 2).sum())
    assert order.tolist() == every[:5]
    assert (np.diff(distances) >= 0).all()
