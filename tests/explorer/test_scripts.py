"""The lines of Python that a page gives away run on their own, and give what the page shows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from explorer import (
    around,
    components,
    courses,
    draws,
    duplicates,
    ends,
    image_numbers,
    library,
    maps_made,
    memorised,
    mismatch,
    paths,
    picture_code,
    planes,
    projections,
    usage,
)
from explorer.canvas import scene
from explorer.projections import Choice

from .sharing_helpers import first_quick, ran, runner, same_pictures, warmed, written

slow = pytest.mark.slow


@pytest.fixture
def lines(tmp_path, monkeypatch):
    return runner(tmp_path, monkeypatch)


# -- planes ----------------------------------------------------------------------------------------------------


@first_quick(
    ("name", "state", "choice"),
    [
        ("digits-vampprior-2d", {}, Choice("units")),
        ("digits-standard-8d", {}, Choice("PCA")),
        ("digits-standard-8d", {"plane": "Units", "across": "3", "up": "2"}, Choice("Units", pair=(2, 1))),
        ("digits-hvae-vampprior", {"layer": "z₁"}, Choice("PCA", layer=1)),
        ("digits-hvae-3-layers", {"layer": "z₃", "of-q": "One sample"}, Choice("PCA", layer=0, drawn=True)),
        ("digits-vmf", {"of-q": "One sample"}, Choice("PCA", drawn=True)),
        ("digits-vq-vae", {}, Choice("PCA")),
        ("digits-pca", {}, Choice("units")),
    ],
)
def test_a_plane(lines, tmp_path, name, state, choice):
    entry, found = lines("latent_space", name, **state)
    shown = projections.layout(entry, choice)
    np.testing.assert_allclose(found["plane"], shown.points, atol=5e-3)  # the app keeps bytes of gray pixels
    if shown.pseudo is None:
        assert "pseudo" not in found
    else:
        np.testing.assert_allclose(found["pseudo"], shown.pseudo, atol=1e-5)
    assert (tmp_path / "plane.html").stat().st_size > 1000


@slow
def test_contours_enclose_what_the_page_says(lines):
    entry, found = lines("latent_space", "digits-vampprior-2d")
    shown = planes.prior_density(entry, ((-4.0, 4.0), (-4.0, 4.0)))
    np.testing.assert_allclose(found["p"].thresholds, shown.thresholds, atol=0.2)
    assert len(found["figure"].data) == 2 + len(shown.thresholds)
    _, both = lines("latent_space", "digits-vampprior-2d", aggregate=True, holes=True)
    shown = scene.aggregated(entry, ((-4.0, 4.0), (-4.0, 4.0)))
    np.testing.assert_allclose(both["q"].thresholds, shown.thresholds, atol=0.2)
    assert both["found"].share == pytest.approx(mismatch.of(entry).share)
    assert both["found"].threshold == pytest.approx(mismatch.of(entry).threshold, rel=1e-4)
    assert len(both["figure"].data) == 2 + len(both["p"].thresholds) + len(shown.thresholds) + 1
    _, without = lines("latent_space", "digits-vampprior-2d", prior=False, pseudo=False)
    assert len(without["figure"].data) == 1


@first_quick(
    ("name", "by", "field"),
    [
        ("digits-standard-2d", "ELBO", "elbo"),
        ("digits-standard-2d", "Error", "error"),
        ("digits-hvae", "KL", "kl"),
        ("digits-pca", "Error", "error"),
    ],
)
def test_colours_of_numbers(lines, name, by, field):
    entry, found = lines("latent_space", name, colour=by)
    np.testing.assert_allclose(found["colour"], getattr(image_numbers.of(entry), field), rtol=1e-2, atol=1e-3)


@slow
def test_colours_of_units_and_components(lines):
    entry, found = lines("latent_space", "digits-standard-8d", colour="Unit", **{"by-unit": "4"})
    np.testing.assert_allclose(found["colour"], library.encoding(entry).points[:, 3])
    entry, found = lines("latent_space", "digits-vampprior-8d", colour="Pseudo-input")
    assert found["component"].tolist() == image_numbers.component(entry).tolist()


@first_quick(("name", "choice"), [("digits-vampprior-8d", Choice("PCA")), ("digits-pixelcnn", Choice("PCA"))])
@slow
def test_a_decoded_plane(lines, tmp_path, name, choice):
    entry, found = lines("latent_space", name, view="Decoded plane")
    layout = projections.layout(entry, choice)
    places = planes.lattice(planes.region([layout]), 6 if draws.slow(entry) else 20)
    np.testing.assert_allclose(found["y"], places)
    same_pictures(found["pictures"], library.decode(entry, planes.back(entry, layout, places)))
    assert Image.open(tmp_path / "plane.png").width > 40


@slow
def test_a_decoded_plane_of_two_units(lines):
    entry, found = lines("latent_space", "digits-standard-8d", view="Decoded plane", plane="Units", across="3", up="2")
    layout = projections.layout(entry, Choice("Units", pair=(2, 1)))
    same_pictures(found["pictures"], library.decode(entry, planes.back(entry, layout, found["y"])))


@slow
def test_how_training_moved_a_plane(lines):
    from latents.folder import ModelFolder

    entry, found = lines("latent_space", "digits-hvae", view="Training")
    kept, layout = ModelFolder(entry.path).snapshots(), projections.layout(entry, Choice("PCA"))
    shown = layout.to_plane(kept["mean"][-1].astype(np.float32))
    np.testing.assert_allclose(found["frames"][-1].data[0].x, shown[:, 0], atol=1e-4)
    assert [one.name for one in found["frames"]] == [str(epoch) for epoch in kept["epochs"]]


@first_quick("method", ["umap", "umap-sphere", "tsne"])
@slow
def test_a_map_that_was_computed(lines, method, monkeypatch):
    """Maps are computed by a process of their own, and kept: here one is put where it would be."""
    from latents import neighbour_maps, projection

    [entry] = warmed("latent_space", "digits-vampprior-8d")
    kind = next(name for name, known in maps_made.METHODS.items() if known == method)
    made = np.random.default_rng(0).normal(size=(300, 3 if method == "umap-sphere" else 2)).astype(np.float32)
    if method == "umap-sphere":
        made /= np.linalg.norm(made, axis=1, keepdims=True)
    monkeypatch.setattr("explorer.sharing.scripts.plane._KNOWN", set())
    if not library.umap(entry) and method == "umap":
        assert written("latent_space", entry.name, plane=kind) == {}
    monkeypatch.setattr(neighbour_maps, "stored", lambda path, method: {"places": made, "pseudo": made[:20]})
    monkeypatch.setattr(projection, "stored", lambda path: {"umap": made, "pseudo_umap": made[:20]})
    _, found = lines("latent_space", entry.name, plane=kind)
    shown = maps_made.layout(entry, kind)
    np.testing.assert_allclose(found["plane"], shown.points, atol=1e-6)
    np.testing.assert_allclose(found["pseudo"], shown.pseudo, atol=1e-6)


@slow
def test_home_shows_both_twins(tmp_path, monkeypatch):
    found = written("", "digits-vampprior-2d")
    if not library.ready(library.find("digits-standard-2d")):
        warmed("", "digits-standard-2d")
        found = written("", "digits-vampprior-2d")
    assert list(found) == ["digits-standard-2d", "digits-vampprior-2d"]
    samples = ran(written("", "digits-causal-convolution")["digits-causal-convolution"], tmp_path, monkeypatch)
    np.testing.assert_array_equal(
        samples["pictures"], library.thumbnails(library.find("digits-causal-convolution"), 32)
    )


# -- paths -----------------------------------------------------------------------------------------------------


@first_quick(
    ("name", "state"),
    [
        ("digits-standard-8d", {}),
        ("digits-vmf", {"steps": 5}),
        ("digits-planar", {}),
        ("digits-stick-breaking", {}),
        ("digits-realnvp", {"way": "Great circle"}),
        ("digits-vq-vae", {}),
        ("digits-pixelcnn", {"steps": 5}),
    ],
)
def test_a_line(lines, tmp_path, name, state):
    entry, found = lines("interpolate", name, image=12, towards=30, **state)
    points, test = library.encoding(entry).points, library.images(entry)
    way = paths.CIRCLE if state.get("way") else paths.STRAIGHT
    shown = courses.line(entry, points[12], points[30], state.get("steps", 9), way)
    np.testing.assert_allclose(found["z"], shown.z, atol=1e-5)
    same_pictures(found["pictures"], shown.pictures)
    same_pictures(found["pixels"], paths.pixel_path(test.seen[12], test.seen[30], len(shown.t)))
    if shown.log_prior is None:
        assert "log_prior" not in found
    else:
        np.testing.assert_allclose(found["log_prior"], paths.log_density(entry, shown.z), rtol=1e-4, atol=1e-3)
    assert (tmp_path / "line.png").exists()


@slow
def test_a_line_from_a_picture_of_ones_own(lines):
    """The lines hold the picture, as the link does."""
    drawn = np.random.default_rng(0).integers(0, 256, (1, 8, 8)).astype(np.uint8)
    entry, found = lines("interpolate", "digits-planar", own=picture_code.encode(drawn), towards=30)
    end = ends.own(entry, drawn)
    shown = courses.line(entry, ends.point(entry, end), library.encoding(entry).points[30], 9)
    np.testing.assert_allclose(found["z"], shown.z, atol=1e-4)
    same_pictures(found["pixels"][0], end.seen)
    for name, mode in (("digits-vq-vae", "Walk"), ("digits-standard-8d", "Classes")):
        entry, found = lines("interpolate", name, own=picture_code.encode(drawn), mode=mode, origin="1", target="2")
        start = ends.point(entry, ends.own(entry, drawn))
        shown = courses.walk(entry, start, 9, 0.2, 0) if mode == "Walk" else courses.towards(entry, start, 1, 2)
        np.testing.assert_allclose(found["z"], shown.z, atol=1e-4)


@slow
def test_a_great_circle_in_every_large_layer(lines, monkeypatch):
    monkeypatch.setattr(paths, "MANY", 8)
    entry, found = lines("interpolate", "digits-hvae", image=12, towards=30, way=paths.CIRCLE)
    points = library.encoding(entry).points
    shown = courses.line(entry, points[12], points[30], 9, paths.CIRCLE)
    np.testing.assert_allclose(found["z"], shown.z, atol=1e-5)
    assert not np.allclose(shown.z, courses.line(entry, points[12], points[30], 9).z, atol=1e-2)


@first_quick(("name", "way"), [("digits-hvae", paths.STRAIGHT), ("digits-realnvp", paths.CIRCLE)])
@slow
def test_the_square_between_four(lines, name, way):
    four = {"image": 3, "towards": 9, "third": 20, "fourth": 41}
    entry, found = lines("interpolate", name, mode="Corners", way=way, side=5, **four)
    z, pictures = courses.corners(entry, library.encoding(entry).points[list(four.values())], 5, way)
    np.testing.assert_allclose(found["z"], z, atol=1e-5)
    same_pictures(found["pictures"], pictures.reshape(25, *pictures.shape[2:]))


@first_quick("name", ["digits-standard-2d", "digits-vmf", "digits-stick-breaking", "digits-vq-vae"])
@slow
def test_a_walk(lines, name):
    entry, found = lines("interpolate", name, mode="Walk", image=12, walk=4, stride=0.4, steps=7)
    shown = courses.walk(entry, library.encoding(entry).points[12], 7, 0.4, 4)
    np.testing.assert_allclose(found["z"], shown.z, atol=1e-4)
    same_pictures(found["pictures"], shown.pictures)


@first_quick("name", ["digits-standard-8d", "digits-vmf-5d", "digits-vq-vae"])
def test_from_class_to_class(lines, name):
    entry, found = lines("interpolate", name, mode="Classes", image=12, origin="3", target="8")
    shown = courses.towards(entry, library.encoding(entry).points[12], 3, 8)
    np.testing.assert_allclose(found["z"], shown.z, atol=1e-5)
    same_pictures(found["pictures"], shown.pictures)


# -- samples ---------------------------------------------------------------------------------------------------


@first_quick(
    ("name", "state"),
    [
        ("digits-vampprior-2d", {"seed": 3}),
        ("digits-vampprior-2d", {"seed": 3, "temperature": 0.7, "rows": 4}),
        ("digits-hvae", {"temperature": 1.3, "shown": "Drawn pixels"}),
        ("digits-auto-encoder", {}),
        ("digits-vq-vae", {}),
        ("digits-realnvp", {"temperature": 0.5}),
        ("digits-causal-convolution", {"few_rows": 2}),
        ("digits-pixelcnn", {"temperature": 0.7, "few_rows": 6}),
        ("digits-pixel-hvae", {"few_rows": 6, "seed": 2}),
    ],
)
def test_samples_of_the_prior(lines, tmp_path, name, state):
    entry, found = lines("samples", name, **state)
    rows = state.get("few_rows", 4) if draws.slow(entry) else state.get("rows", 8)
    pixels = state.get("shown") == "Drawn pixels"
    warm = 1.0 if draws.why_not_tempered(entry) else state.get("temperature", 1.0)
    n = 2 * rows**2
    shown = draws.from_prior(entry, state.get("seed", 0), n, pixels=pixels, temperature=warm).pictures
    same_pictures(found["pictures"], shown)
    assert Image.open(tmp_path / "samples.png").width >= 2 * rows * 8


@first_quick(
    ("name", "shown"), [("digits-vmf", "Means"), ("digits-hvae", "Drawn pixels"), ("digits-pixelcnn", "Means")]
)
@slow
def test_samples_of_the_aggregated_posterior(lines, name, shown):
    entry, found = lines("samples", name, source="Aggregated posterior", shown=shown, seed=2)
    drawn = draws.from_posterior(entry, 2, 32 if draws.slow(entry) else 128, pixels=shown != "Means")
    same_pictures(found["pictures"], drawn.pictures)


@slow
def test_what_is_nearest_to_samples(lines):
    entry, found = lines("samples", "digits-standard-8d", nearest=True, rows=4)
    shown = draws.from_prior(entry, 0, 16).pictures
    same_pictures(found["pictures"], shown)
    near = memorised.nearest(shown, memorised.shelf(entry))
    np.testing.assert_allclose(found["distance"].min(1).values, near.distances, atol=0.02)
    same_pictures(found["nearest"], near.images)


@slow
def test_two_models_share_the_page(tmp_path, monkeypatch):
    found = written("samples", "digits-standard-8d", "digits-hvae", rows=8)
    assert list(found) == ["digits-standard-8d", "digits-hvae"]
    assert len(ran(found["digits-hvae"], tmp_path, monkeypatch)["pictures"]) == 64


# -- pseudo-inputs ---------------------------------------------------------------------------------------------


@first_quick("name", ["digits-vampprior-2d", "digits-hvae-vampprior", "mnist-mog-2d"])
def test_shares_of_components(lines, name):
    entry, found = lines("pseudo_inputs", name)
    shown = usage.of(entry)
    assert found["order"].tolist() == shown.order.tolist()
    np.testing.assert_allclose(found["share"], shown.shares, atol=1e-6)
    same_pictures(found["pictures"].clamp(0, 1), usage.pictures(entry))


@first_quick("state", [{}, {"which": "Least used", "sheets": 1}, {"which": "Rank", "rank": 7, "draws": 5}])
@first_quick("name", ["digits-vmf-vampprior", "digits-hvae-vampprior"])
@slow
def test_samples_of_components(lines, name, state):
    entry, found = lines("pseudo_inputs", name, figure="Samples", **state)
    shown, count = usage.of(entry), state.get("sheets", 3)
    ranks = around.chosen(shown, state.get("which", "Most used"), count, state.get("rank", 1))
    each = 49 if count == 1 else 24
    assert len(found["samples"]) == len(ranks)
    for rank, pictures in zip(ranks, found["samples"], strict=True):
        k = int(shown.order[rank - 1])
        same_pictures(pictures[0].clamp(0, 1), usage.pictures(entry)[k])
        same_pictures(pictures[1:], around.of_component(entry, k, state.get("draws", 0), each))


@slow
def test_duplicates(lines, capsys):
    entry, found = lines("pseudo_inputs", "digits-vampprior-2d", figure="Duplicates")
    shown = duplicates.of(entry)
    np.testing.assert_array_equal(found["found"].pairs, shown.pairs)
    assert f"{shown.below} pairs are less than 0.5 nats apart" in capsys.readouterr().out
    assert components.has_inputs(entry)
