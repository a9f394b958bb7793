"""The files of numbers and pictures that a page gives away hold what the page shows."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from explorer import (
    codebook,
    courses,
    draws,
    duplicates,
    fates,
    globe,
    image_numbers,
    layer_planes,
    layered,
    library,
    memorised,
    pairs,
    paths,
    planes,
    projections,
    traversal,
    unit_numbers,
    usage,
)
from explorer.projections import Choice
from explorer.sharing import files

from .sharing_helpers import warmed

slow = pytest.mark.slow


def made(page: str, *names: str, **state) -> dict[str, object]:
    """The files of a page, read again: arrays by name, or columns by name; by what their buttons say."""
    found = files.of(page, warmed(page, *names), state)
    assert len({file.name for file in found}) == len(found)
    assert len(found) <= 4 * max(1, len(names))
    return {file.label: read(file) for file in found}


def read(file) -> dict:
    content = file.make()
    if file.name.endswith(".npz"):
        with np.load(io.BytesIO(content)) as arrays:
            return dict(arrays)
    head, *rows = list(csv.reader(io.StringIO(content.decode("utf-8"))))
    columns = [list(column) for column in zip(*rows, strict=True)]
    return {name: numbers(column) for name, column in zip(head, columns, strict=True)}


def numbers(column: list[str]):
    try:
        return np.array([float(value) if value else np.nan for value in column])
    except ValueError:
        return column


# -- planes ----------------------------------------------------------------------------------------------------


def test_the_plane_as_it_is_coloured():
    found = made("latent_space", "digits-vampprior-2d", colour="ELBO")
    [entry] = warmed("", "digits-vampprior-2d")
    table, points = found[f"Plane of {entry.name} (CSV)"], found[f"Points of {entry.name} (npz)"]
    encoded = library.encoding(entry)
    assert list(table) == ["image", "class", "ELBO", "z1", "z2"]
    np.testing.assert_allclose(np.stack([table["z1"], table["z2"]], 1), encoded.points, rtol=1e-6)
    np.testing.assert_allclose(table["ELBO"], image_numbers.of(entry).elbo, rtol=1e-6)
    np.testing.assert_array_equal(table["class"], encoded.images.labels)
    np.testing.assert_array_equal(points["points"], encoded.points)
    np.testing.assert_array_equal(points["stddev"], encoded.stddev)
    np.testing.assert_array_equal(points["pseudo_points"], library.pseudo_codes(entry))


@slow
@pytest.mark.parametrize(
    ("state", "choice", "head"),
    [
        ({}, Choice("PCA"), ["PC 1", "PC 2"]),
        ({"layer": "z₁", "of-q": "One sample"}, Choice("PCA", layer=1, drawn=True), ["PC 1", "PC 2"]),
        ({"plane": "Units", "across": "1.3", "up": "2.2"}, Choice("Units", pair=(10, 1)), ["z1.3", "z2.2"]),
    ],
)
def test_other_planes(state, choice, head):
    found = made("latent_space", "digits-hvae", colour="Unit", **{"by-unit": "1.2"}, **state)
    [entry] = warmed("", "digits-hvae")
    table = found[f"Plane of {entry.name} (CSV)"]
    assert list(table) == ["image", "class", "Unit", *head]
    shown = projections.layout(entry, choice).points
    np.testing.assert_allclose(np.stack([table[name] for name in head], 1), shown, rtol=1e-6)
    np.testing.assert_allclose(table["Unit"], library.encoding(entry).points[:, 9], rtol=1e-6)
    assert len(found[f"Points of {entry.name} (CSV)"]) == 2 + 16


@slow
def test_the_other_views_of_a_plane():
    [entry] = warmed("", "digits-vampprior-8d")
    decoded = made("latent_space", entry.name, view="Decoded plane")[f"Decoded plane of {entry.name} (npz)"]
    layout = planes.of(entry, "PCA")
    z = planes.back(entry, layout, decoded["places"])
    np.testing.assert_array_equal(decoded["pictures"], library.decode(entry, z))
    trained = made("latent_space", entry.name, view="Training")[f"Training of {entry.name} (npz)"]
    assert trained["places"].shape == (*trained["mean"].shape[:2], 2)
    np.testing.assert_allclose(
        trained["places"][-1], layout.to_plane(trained["mean"][-1].astype(np.float32)), atol=1e-5
    )


# -- paths -----------------------------------------------------------------------------------------------------


def test_a_line():
    [entry] = warmed("", "digits-vmf")
    found = made("interpolate", entry.name, image=12, towards=30, steps=5)
    points, test = library.encoding(entry).points, library.images(entry)
    shown = courses.line(entry, points[12], points[30], 5)
    packed, table = found[f"Path of {entry.name} (npz)"], found[f"Path of {entry.name} (CSV)"]
    np.testing.assert_array_equal(packed["pictures"], shown.pictures)
    np.testing.assert_array_equal(packed["pixels"], paths.pixel_path(test.seen[12], test.seen[30], 5))
    np.testing.assert_allclose(np.stack([table[f"z{i}"] for i in (1, 2, 3)], 1), shown.z, rtol=1e-6)
    np.testing.assert_allclose(table["log p(z) in nats"], paths.log_density(entry, shown.z))


@slow
def test_the_other_paths():
    [entry] = warmed("", "digits-standard-8d")
    points = library.encoding(entry).points
    walk = made("interpolate", entry.name, mode="Walk", image=3, walk=4)[f"Path of {entry.name} (npz)"]
    np.testing.assert_array_equal(walk["z"], courses.walk(entry, points[3], 9, 0.2, 4).z)
    classes = made("interpolate", entry.name, mode="Classes", image=3, origin="2", target="5")
    table = classes[f"Path of {entry.name} (CSV)"]
    np.testing.assert_allclose(table["strength"], courses.STRENGTHS)
    np.testing.assert_allclose(table["z1"], courses.towards(entry, points[3], 2, 5).z[:, 0], rtol=1e-6)
    square = made("interpolate", entry.name, mode="Corners", image=3, towards=4, third=5, fourth=6, side=5)
    np.testing.assert_array_equal(
        square[f"Square of {entry.name} (npz)"]["pictures"], courses.corners(entry, points[[3, 4, 5, 6]], 5)[1]
    )
    assert len(square[f"Square of {entry.name} (CSV)"]["row"]) == 25


# -- samples and components ------------------------------------------------------------------------------------


def test_samples():
    [entry] = warmed("", "digits-standard-8d")
    [found] = made("samples", entry.name, seed=5, temperature=0.5).values()
    shown = draws.from_prior(entry, 5, 128, temperature=0.5).pictures
    np.testing.assert_array_equal(found["pictures"], shown)
    np.testing.assert_array_equal(draws.pictures(entry, found["z"], 5)[0], shown)


@slow
def test_samples_in_other_settings():
    [entry] = warmed("", "digits-standard-8d")
    found = made("samples", entry.name, source="Aggregated posterior", shown="Drawn pixels", nearest=True, rows=4)
    packed = found[f"Samples of {entry.name} (npz)"]
    shown = draws.from_posterior(entry, 0, 16, pixels=True).pictures
    near = memorised.nearest(shown, memorised.shelf(entry))
    np.testing.assert_array_equal(packed["pictures"], shown)
    np.testing.assert_array_equal(packed["test_images"], draws.posterior_images(entry, 0)[:16])
    np.testing.assert_array_equal(packed["nearest"], near.images)
    table = found[f"Nearest images of {entry.name} (CSV)"]
    np.testing.assert_array_equal(table["nearest training image"], near.places)
    [slowly] = made("samples", "digits-pixelcnn", few_rows=2).values()
    [other] = warmed("", "digits-pixelcnn")
    np.testing.assert_array_equal(slowly["pictures"], draws.from_prior(other, 0, 8).pictures)


def test_components():
    [entry] = warmed("pseudo_inputs", "digits-vampprior-2d")
    found, shown = made("pseudo_inputs", entry.name, figure="Duplicates"), usage.of(entry)
    packed, table = found[f"Pseudo-inputs of {entry.name} (npz)"], found[f"Shares of {entry.name} (CSV)"]
    assert len(packed["pseudo_inputs"]) == len(packed["points"]) == entry.components
    np.testing.assert_array_equal(table["component"], shown.order)
    np.testing.assert_allclose(table["share"].sum(), 1)
    pairs_ = found[f"Duplicates of {entry.name} (CSV)"]
    np.testing.assert_allclose(pairs_["symmetric KL in nats"], duplicates.of(entry).divergence, rtol=1e-6)
    samples = made("pseudo_inputs", entry.name, figure="Samples", draws=2)[f"Samples of {entry.name} (npz)"]
    assert samples["components"].tolist() == shown.order[:3].tolist()
    np.testing.assert_array_equal(samples["z"][1], draws.component_codes(entry, int(shown.order[1]), 2, 24))


# -- units -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits-hvae", pytest.param("digits-standard-8d", marks=slow)])
def test_walks_and_units(name):
    [entry] = warmed("", name)
    found = made("traversals", entry.name, image=12, steps="7")
    packed, table = found[f"Walks of {name} (npz)"], found[f"Ranges of {name} (CSV)"]
    ranked = unit_numbers.ranked(entry)
    ranked = ranked[~unit_numbers.dead(entry)[ranked]]
    n = len(packed["starts"])
    np.testing.assert_array_equal(packed["starts"], library.encoding(entry).points[12 : 12 + n])
    walks = [walk for z in packed["starts"] for walk in traversal.by_unit(entry, z, ranked, 7)]
    z = np.stack([walk.z for walk in walks])
    np.testing.assert_array_equal(packed["z"].reshape(z.shape), z)
    pictures = traversal.pictures(entry, walks)
    np.testing.assert_array_equal(packed["pictures"].reshape(pictures.shape), pictures)
    np.testing.assert_allclose(table["low"], np.tile(traversal.ranges(entry)[0, ranked], n))
    np.testing.assert_allclose(table["KL in nats"], np.tile(unit_numbers.kl(entry)[ranked], n))
    assert table["image"].tolist() == np.repeat(np.arange(12, 12 + n), len(ranked)).tolist()


@slow
def test_walks_where_there_are_no_units():
    for name in ("digits-vmf", "digits-vq-vae"):
        [entry] = warmed("", name)
        packed = made("traversals", name, image=12, steps="7")[f"Walks of {name} (npz)"]
        walks = traversal.by_direction(entry, library.encoding(entry).points[12], 7)
        np.testing.assert_array_equal(packed["values"][0], np.stack([walk.values for walk in walks]))


@pytest.mark.parametrize("name", ["digits-standard-8d", pytest.param("digits-planar", marks=slow)])
def test_the_history_of_units(name):
    [entry] = warmed("", name)
    found, shown = made("active_units", name), fates.history(entry)
    units, history = found[f"Units of {name} (CSV)"], found[f"History of units of {name} (CSV)"]
    np.testing.assert_allclose(units["variance of its mean"], unit_numbers.variances(entry))
    np.testing.assert_array_equal(history["epoch"], shown.epochs)
    np.testing.assert_allclose(history["variance of z3"], shown.variances[:, 2])
    kl = unit_numbers.kl(entry)
    assert ("KL of z3" in history) == (kl is not None)
    if kl is not None:
        assert history["KL of z3"][-1] == pytest.approx(kl[2], rel=0.3)


# -- spheres, layers, codes ------------------------------------------------------------------------------------


def test_the_sphere():
    from latents.maps import MAPS

    [entry] = warmed("", "digits-vmf-5d")
    found, shown = made("sphere", entry.name, picked="3.17", map="mollweide"), globe.of(entry)
    table, narrow = found[f"Sphere of {entry.name} (CSV)"], globe.concentration(entry)
    np.testing.assert_allclose(np.stack([table[f"g{i}"] for i in (1, 2, 3)], 1), shown.points, rtol=1e-6)
    place = np.stack([table["map x"], table["map y"]], 1)
    np.testing.assert_allclose(place, MAPS["mollweide"].forward(shown.points), atol=1e-6)
    latitude = np.radians(table["latitude in degrees"])
    np.testing.assert_allclose(np.sin(latitude), shown.points[:, 2], atol=1e-6)
    np.testing.assert_allclose(table["kappa"], narrow.kappa.reshape(-1), rtol=1e-6)
    np.testing.assert_allclose(table["cap of 95% in radians"], narrow.caps[:, 1], rtol=1e-6)
    way = found[f"Great circle of {entry.name} (npz)"]
    np.testing.assert_allclose(way["z"][[0, -1]], library.encoding(entry).points[[3, 17]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(way["z"], axis=1), 1, atol=1e-6)


@slow
def test_decoded_directions():
    [entry] = warmed("", "digits-vmf")
    lattice = made("sphere", entry.name, view="Lattice")[f"Lattice of {entry.name} (npz)"]
    np.testing.assert_array_equal(lattice["pictures"], library.decode(entry, lattice["z"]))


def test_layers():
    [entry] = warmed("", "digits-hvae-3-layers")
    found = made("layers_and_codes", entry.name, image=7, keep=2, below_seed=3)
    parts = layered.parts(entry, library.encoding(entry).points)
    layers, drawn = found[f"Layers of {entry.name} (npz)"], found[f"Redrawn below of {entry.name} (npz)"]
    for name, part in zip(("z3", "z2", "z1"), parts, strict=True):
        np.testing.assert_array_equal(layers[name], part)
    again = layered.kept(entry, np.repeat(library.encoding(entry).points[7:12], 8, axis=0), 2, 3)
    np.testing.assert_array_equal(drawn["z"][:, 2:].reshape(40, -1), again)
    np.testing.assert_array_equal(drawn["pictures"][:, 2], library.decode(entry, drawn["z"][:, 2]))
    placed = made("layers_and_codes", entry.name, layers="Planes")[f"Planes of layers of {entry.name} (CSV)"]
    np.testing.assert_allclose(placed["z2 up"], layer_planes.layout(entry, 1).points[:, 1], rtol=1e-5, atol=1e-6)


def test_codes():
    [entry] = warmed("", "digits-vq-vae")
    found, book = made("layers_and_codes", entry.name, image=12, place=5, code=2), codebook.of(entry)
    packed, table = found[f"Codes of {entry.name} (npz)"], found[f"Usage of codes of {entry.name} (CSV)"]
    np.testing.assert_array_equal(packed["codes"].reshape(300, -1), codebook.codes(entry))
    assert packed["swapped"][1].ravel()[5] == 2
    assert table["places"].sum() == book.places
    np.testing.assert_allclose(table["share"], book.shares)


# -- side by side ----------------------------------------------------------------------------------------------


def test_numbers_of_each_image():
    names = ["digits-standard-8d", "digits-hvae", "digits-auto-encoder"]
    entries = warmed("side_by_side", *names)
    found = files.of("side_by_side", entries[:1], {"models": names, "compare": "Numbers"})
    table = read(found[-1])
    for title, number in (("log p(x)", "log_likelihood"), ("ELBO", "elbo")):
        shown = pairs.difference(entries[1], entries[0], number)
        gaps = table[f"{title} of digits-hvae - digits-standard-8d"]
        assert np.nanmean(gaps) == pytest.approx(shown.value, abs=1e-4)
        assert np.isfinite(gaps).sum() == shown.images
    assert not any("auto-encoder" in name for name in table)


@slow
def test_the_other_parts_of_side_by_side():
    names = ["digits-standard-8d", "digits-hvae"]
    entries = warmed("side_by_side", *names)

    def first(**state):
        return read(files.of("side_by_side", entries, {"models": names, **state})[0])

    table = first(compare="Planes")
    np.testing.assert_allclose(table["digits-hvae up"], planes.of(entries[1], "PCA").points[:, 1], rtol=1e-6)
    packed = first(compare="Pictures", image=4, seed=2)
    np.testing.assert_array_equal(packed["digits-hvae sampled"], draws.from_prior(entries[1], 2, 16).pictures)
    assert packed["test_images"].tolist() == list(range(4, 20))
    units = first(compare="Units")
    assert units["model"] == ["digits-standard-8d"] * 8 + ["digits-hvae"] * 16


def test_results():
    [found] = made("results", "digits-standard-8d").values()
    assert len(found["model"]) == len(library.whole())


# -- none ------------------------------------------------------------------------------------------------------


def test_a_page_without_arrays_has_none():
    entries = warmed("", "digits-standard-8d")
    for page in ("sphere", "layers_and_codes", "pseudo_inputs", "runs"):
        assert files.of(page, entries, {}) == []
    assert files.of("latent_space", warmed("", "digits-causal-convolution"), {}) == []
