"""Traversals: one unit moves and nothing else, as far as the data go; spheres are walked along great circles."""

import json
import math

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, layered, library, traversal, unit_numbers, walking
from explorer.charts import strips, theme

STANDARD, VAMP, MOG = "digits-standard-8d", "digits-vampprior-8d", "mnist-mog-2d"
HIERARCHY, SPHERE, CODES, SIMPLEX = "digits-hvae-vampprior", "digits-vmf", "digits-vq-vae", "digits-stick-breaking"


def app(page: str, **parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page(f"../pages/{page}.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


def cdf(value: float, mean: np.ndarray, stddev: np.ndarray) -> float:
    """Of the aggregated posterior of one unit: the mean of the images' own normal distribution functions."""
    return float(
        np.mean([0.5 * math.erfc(-(value - m) / (s * math.sqrt(2))) for m, s in zip(mean, stddev, strict=True)])
    )


# -- walks ---------------------------------------------------------------------------------------------------


def test_one_unit_moves_and_all_others_stay():
    entry = library.find(STANDARD)
    z = library.encoding(entry).points[4]
    for walk, unit in zip(traversal.by_unit(entry, z, np.array([3, 0]), 7), (3, 0), strict=True):
        others = np.delete(np.arange(8), unit)
        np.testing.assert_array_equal(walk.z[:, others], np.repeat(z[None, others], 7, axis=0))
        np.testing.assert_allclose(np.diff(walk.values), np.diff(walk.values)[0], rtol=1e-6)
        np.testing.assert_allclose(walk.z[:, unit], walk.values, rtol=1e-6)
        assert walk.own == pytest.approx(z[unit])


def test_the_ends_are_quantiles_of_the_aggregated_posterior():
    entry = library.find(STANDARD)
    encoding, (low, high) = library.encoding(entry), traversal.ranges(entry)
    for unit in range(8):
        mean, stddev = encoding.points[:, unit], encoding.stddev[:, unit]
        assert cdf(low[unit], mean, stddev) == pytest.approx(traversal.TAIL, abs=0.025)
        assert cdf(high[unit], mean, stddev) == pytest.approx(1 - traversal.TAIL, abs=0.025)


def test_the_mark_is_where_the_walk_started():
    values = np.linspace(-2, 2, 5)
    walk = traversal.Walk("z₁", values, 0.5, np.zeros((5, 1)), 1.0, "nats")
    assert np.interp(walk.mark, np.arange(5), values) == pytest.approx(0.5)
    assert traversal.Walk("z₁", values, 2.5, np.zeros((5, 1)), 1.0, "nats").mark is None


def test_layers_below_are_held_or_follow_the_priors_mean():
    import torch

    entry = library.find(HIERARCHY)
    z = library.encoding(entry).points[0]
    (held,) = traversal.by_unit(entry, z, np.array([2]), 5)
    (follows,) = traversal.by_unit(entry, z, np.array([2]), 5, follow=True)
    np.testing.assert_array_equal(held.z[:, 8:], np.repeat(z[None, 8:], 5, axis=0))
    np.testing.assert_array_equal(follows.z[:, :8], held.z[:, :8])
    net = library.model(entry)
    with torch.no_grad():
        expected = net.lower_priors[0](torch.tensor(held.z[:, :8], dtype=torch.float32)).mean
    np.testing.assert_allclose(follows.z[:, 8:], expected.numpy(), atol=1e-5)


def test_a_unit_of_the_lowest_layer_moves_alone_even_when_layers_follow():
    entry = library.find(HIERARCHY)
    z = library.encoding(entry).points[0]
    (walk,) = traversal.by_unit(entry, z, np.array([9]), 5, follow=True)
    np.testing.assert_allclose(np.delete(walk.z, 9, axis=1), np.repeat(np.delete(z, 9)[None], 5, axis=0), atol=1e-6)


def test_a_sphere_is_walked_along_great_circles_through_the_point():
    entry = library.find("digits-vmf-5d")
    z = library.encoding(entry).points[7]
    walks = traversal.by_direction(entry, z, 9)
    assert len(walks) == 5  # as many directions as the sphere has dimensions
    for walk in walks:
        np.testing.assert_allclose(np.linalg.norm(walk.z, axis=1), 1, atol=1e-5)
        assert np.linalg.matrix_rank(np.vstack([walk.z, z]), tol=1e-3) == 2  # in one plane through the centre
        angles = np.arccos(np.clip(np.sum(walk.z[1:] * walk.z[:-1], axis=1), -1, 1))
        np.testing.assert_allclose(angles, abs(np.diff(walk.values)), atol=1e-3)
        assert np.interp(walk.mark, np.arange(9), walk.values) == pytest.approx(0, abs=1e-9)
    shares = [walk.weight for walk in walks]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-3)


def test_the_logarithm_leads_back_to_the_point():
    rng = np.random.default_rng(0)
    here, points = (
        v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (rng.normal(size=4), rng.normal(size=(50, 4)))
    )
    tangent = traversal.logarithm(here, points)
    np.testing.assert_allclose(tangent @ here, 0, atol=1e-12)
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    np.testing.assert_allclose(np.cos(length) * here + np.sin(length) * tangent / length, points, atol=1e-12)
    np.testing.assert_array_equal(traversal.logarithm(here, here[None]), 0)


@pytest.mark.parametrize("name", [CODES, SIMPLEX, "digits-realnvp"])
def test_walks_along_components_stay_in_the_space(name):
    entry = library.find(name)
    z = library.encoding(entry).points[3]
    walks = traversal.by_direction(entry, z, 9)
    assert 1 <= len(walks) <= traversal.DIRECTIONS
    for walk in walks:
        if name == CODES:
            assert set(np.unique(walk.z)) <= set(range(library.model(entry).space.codes))
        if name == SIMPLEX:
            np.testing.assert_allclose(walk.z.sum(axis=1), 1, atol=1e-5)
            assert walk.z.min() >= 0
    if name != CODES:  # two directions may pass the same codes
        assert len({walk.z.tobytes() for walk in walks}) == len(walks)


# -- units and the prior's mean ------------------------------------------------------------------------------


def test_units_stand_by_what_they_carry_and_dead_ones_last():
    entry = library.find("mnist-collapsed-40d")
    ranked, kl, variances = unit_numbers.ranked(entry), unit_numbers.kl(entry), unit_numbers.variances(entry)
    np.testing.assert_allclose(kl, entry.metrics["units"]["kl"])
    alive = ranked[variances[ranked] > 0.01]
    assert len(alive) == entry.metrics["units"]["active"]
    assert list(ranked[: len(alive)]) == list(alive)
    assert all(np.diff(kl[alive]) <= 0)
    assert sorted(ranked) == list(range(40))


def test_units_of_a_layer_are_that_layers():
    entry = library.find(HIERARCHY)
    assert sorted(unit_numbers.ranked(entry, 0)) == list(range(8))
    assert sorted(unit_numbers.ranked(entry, 1)) == list(range(8, 16))


def test_without_a_kl_the_variance_ranks():
    entry = library.find("digits-planar")
    assert unit_numbers.kl(entry) is None
    variances = library.encoding(entry).points.astype(np.float64).var(axis=0)
    assert list(unit_numbers.ranked(entry)) == list(np.argsort(-variances))


def test_the_priors_mean():
    import torch

    standard, words = layered.prior_mean(library.find(STANDARD))
    np.testing.assert_array_equal(standard, 0)
    assert words == "the mean of the prior"
    vamp = library.find(VAMP)
    net = library.model(vamp)
    with torch.no_grad():
        means = net.encode(net.pseudo_inputs).mean
    np.testing.assert_allclose(layered.prior_mean(vamp)[0], means.mean(0), atol=1e-5)
    flow, words = layered.prior_mean(library.find("digits-maf-prior"))
    assert flow.shape == (8,)
    assert "draws" in words


# -- the chart -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(1, 9), (2, 9), (10, 9), (18, 7), (40, 7)])
def test_rows_fit_their_place_and_no_other_layout_has_larger_pictures(rows, columns):
    grid = strips.fit(rows, columns, 836, 512, 88, 99)
    assert grid.blocks * grid.rows >= rows
    assert strips.HEAD + grid.rows * (grid.side + strips.BETWEEN) <= 512 + 1e-9
    across = grid.blocks * (88 + columns * (grid.side + strips.GAP)) + (grid.blocks - 1) * strips.APART
    assert across <= 836 + 1e-9
    for blocks in range(1, rows + 1):
        width = ((836 - strips.APART * (blocks - 1)) / blocks - 88) / columns - strips.GAP
        height = (512 - strips.HEAD) / math.ceil(rows / blocks) - strips.BETWEEN
        assert grid.side >= min(width, height, strips.LARGEST) - 1e-9


def test_as_many_rows_as_are_said_to_fit_do():
    most = strips.capacity(7, 836, 512, 88, 40)
    assert strips.fit(most, 7, 836, 512, 88, 99).side >= 40
    assert strips.fit(most + 1, 7, 836, 512, 88, 99).side < 40


@pytest.mark.parametrize("width", [836, 418])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 18])
def test_few_rows_are_longer_or_start_at_more_points_with_pictures_hardly_smaller(rows, width):
    steps, starts = walking.filled(rows, None, width)
    alone = strips.fit(rows, walking.STEPS, width, walking.HEIGHT, walking.BESIDE, 99).side
    assert strips.fit(rows * starts, steps, width, walking.HEIGHT, walking.BESIDE, 99).side >= 0.87 * alone
    assert (starts > 1) == (rows <= 2 or (width < 600 and rows <= 5))
    assert walking.filled(rows, 9, width)[0] == 9


def test_the_steps_are_the_visitors_own_or_as_many_as_fit():
    assert [walking.own_steps(text) for text in ("9", walking.FIT, None, 9)] == [9, None, None, None]


def test_a_row_has_its_picture_its_name_and_its_mark():
    pictures = np.zeros((3, 1, 4, 4), np.uint8)
    rows = [
        strips.Row("z₁", pictures, "1.00 nats", 1.0, hover=("a", "b", "c")),
        strips.Row("z₂", pictures, "dead", None, True),
    ]
    figure = strips.strips(rows, ["low", "", "high"], theme.LIGHT, 400, 300)
    assert [image.opacity for image in figure.layout.images] == [1.0, 0.35]
    texts = [note.text for note in figure.layout.annotations]
    assert "<b>z₁</b><br>1.00 nats" in texts
    assert {"low", "high"} <= set(texts)
    marks = [trace for trace in figure.data if trace.name == "start"]
    (row,) = (trace for trace in figure.data if trace.name == "z₁")
    assert len(marks) == 1
    assert marks[0].x[0] == pytest.approx(row.x[1])  # under the second picture


# -- the page ------------------------------------------------------------------------------------------------


def test_dead_units_are_folded_until_they_are_asked_for():
    folded = said(app("traversals", model="digits-beta"))
    assert "4 dead units are folded away" in folded
    at = app("traversals", model="digits-beta", dead="true")
    assert "folded" not in said(at)


def test_the_image_the_layer_and_the_place_come_from_the_link():
    at = app("traversals", model=HIERARCHY, image="12", layer="1", steps="9")
    label = library.images(library.find(HIERARCHY)).labels[12]
    assert f"test image 12, class {label}" in said(at)
    assert "one unit of layer 1" in said(at)
    assert at.number_input(key="image").value == 12


def test_around_the_priors_mean():
    at = app("traversals", model=VAMP, around="Prior's mean")
    assert "Each row starts at the mean of the prior" in said(at)
    at = app("traversals", model="digits-standard-2d", around="Prior's mean")
    assert "The rows start at the mean of the prior, and at a draw from it" in said(at)


def test_where_there_are_few_units_they_are_walked_from_several_images():
    at = app("traversals", model="digits-vmf", image="299")
    labels = library.images(library.find("digits-vmf")).labels
    assert f"of test image 299, class {labels[299]}, and at test image 0, class {labels[0]}; ▲" in said(at)
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    names = [note["text"] for note in figure["layout"]["annotations"]]
    assert sum("image 299" in name for name in names) == sum("image 0" in name for name in names) == 2


def test_an_image_that_another_data_set_does_not_have_is_forgotten():
    at = app("traversals", model="digits-standard-2d", image="5000")
    assert at.number_input(key="image").value < 300


def test_a_model_without_latent_variables_says_so_and_offers_another():
    at = app("traversals", model="digits-causal-convolution")
    assert "no latent variables" in at.info[0].value
    next(button for button in at.button if button.label.startswith("Open digits-")).click().run()
    assert not at.exception
    assert at.get("plotly_chart")


def test_the_button_chooses_another_image():
    at = app("traversals", model="digits-standard-2d", image="3")
    at.button(key="random-image").click().run()
    assert at.number_input(key="image").value != 3
    assert f"test image {at.number_input(key='image').value}" in said(at)


@pytest.mark.slow
def test_every_shipped_model_in_other_settings():
    for entry in library.whole():
        for more in ({"dead": "true", "layer": "1", "follow": "true"}, {"around": "Prior's mean"}):
            at = app("traversals", model=entry.name, **more)
            assert at.get("plotly_chart") or at.info
