"""Paths between images: computed, and drawn as a curve and on a small plane."""

import numpy as np
import pytest

from explorer import courses, library, paths
from explorer.charts import lines, theme


@pytest.fixture(scope="module", params=["digits-standard-2d", "digits-vampprior-2d"])
def entry(request):
    return library.find(request.param)


def test_the_latent_path_runs_between_the_means_and_is_decoded(entry):
    import torch

    mu = library.encoding(entry).points
    path = courses.line(entry, mu[3], mu[8], 5)
    np.testing.assert_allclose(path.z[[0, -1]], mu[[3, 8]], rtol=1e-6)
    np.testing.assert_allclose(path.z[2], (mu[3] + mu[8]) / 2, atol=1e-6)
    with torch.no_grad():
        expected = library.model(entry).decode(torch.from_numpy(path.z)).mean.numpy() * 255
    assert np.abs(path.pictures - expected).max() <= 0.51


def test_the_density_along_the_path_is_that_of_the_prior(entry):
    path = courses.line(entry, *library.encoding(entry).points[[3, 8]], 5)
    if entry.prior == "standard":
        mu = library.encoding(entry).points.astype(float)
        z = (1 - path.fine_t[:, None]) * mu[3] + path.fine_t[:, None] * mu[8]
        np.testing.assert_allclose(path.log_prior, -(z**2).sum(1) / 2 - np.log(2 * np.pi), atol=1e-5)
    np.testing.assert_allclose(path.log_prior[:: (courses.FINE - 1) // 4], paths.log_density(entry, path.z), atol=1e-4)


def test_what_is_usual_holds_nine_tenths_of_the_images(entry):
    low, high = paths.usual(entry)
    density = paths.log_density(entry, library.encoding(entry).points)
    assert ((low <= density) & (density <= high)).mean() == pytest.approx(0.9, abs=0.01)


def test_the_pixel_path():
    images = np.array([[[[0, 100]]], [[[200, 100]]]], np.uint8)
    steps = paths.pixel_path(*images, 5)
    np.testing.assert_array_equal(steps[:, 0, 0], [[0, 100], [50, 100], [100, 100], [150, 100], [200, 100]])


# -- pure mathematics ------------------------------------------------------------------------------------------


def lerp(a, b, t):
    return a + t.reshape(-1, *[1] * np.ndim(a)) * (b - a)


def test_an_arc_turns_at_a_constant_speed_while_its_norm_changes_evenly():
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=40), 3 * generator.normal(size=40)
    t = np.linspace(0, 1, 9)
    found = paths.arc(a, b, t)
    norms = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(norms, np.linspace(np.linalg.norm(a), np.linalg.norm(b), 9), rtol=1e-12)
    unit = found / norms[:, None]
    angles = np.arccos((unit[1:] * unit[:-1]).sum(1))
    whole = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    np.testing.assert_allclose(angles, whole / 8, rtol=1e-7)
    basis = np.stack([a, b])  # it stays in the plane of the two ends
    np.testing.assert_allclose(found, found @ np.linalg.pinv(basis) @ basis, atol=1e-12)
    np.testing.assert_allclose(found[[0, -1]], basis, atol=1e-12)


@pytest.mark.parametrize("b", [[2.0, 4.0, 6.0], [-1.0, -2.0, -3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
def test_where_there_is_no_one_circle_an_arc_is_a_line(b):
    a, b, t = np.array([1.0, 2.0, 3.0]), np.array(b), np.linspace(0, 1, 5)
    np.testing.assert_allclose(paths.arc(a, b, t), lerp(a, b, t), atol=1e-6)


def test_arcs_of_many_pairs_at_once():
    generator = np.random.default_rng(1)
    a, b, t = generator.normal(size=(4, 12)), generator.normal(size=(4, 12)), np.linspace(0, 1, 6)
    one_by_one = np.stack([paths.arc(x, y, t) for x, y in zip(a, b, strict=True)], axis=1)
    np.testing.assert_allclose(paths.arc(a, b, t), one_by_one)


def test_the_bilinear_grid_is_the_mean_of_the_corners_weighted_by_areas():
    four = np.random.default_rng(0).normal(size=(4, 3))
    grid = paths.bilinear(four, 5, lerp)
    np.testing.assert_allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], four)
    np.testing.assert_allclose(grid[2, 2], four.mean(0))
    for row, down in enumerate(np.linspace(0, 1, 5)):
        for column, right in enumerate(np.linspace(0, 1, 5)):
            weights = np.array([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
            np.testing.assert_allclose(grid[row, column], weights @ four, atol=1e-12)


def test_a_walk_is_reproducible_and_each_step_as_long():
    spread = np.array([1.0, 2.0, 0.0, 0.5])
    found = paths.walk(np.ones(4), 12, 0.7, spread, seed=5)
    np.testing.assert_allclose(np.linalg.norm(np.diff(found, axis=0), axis=1), 0.7)
    np.testing.assert_array_equal(found, paths.walk(np.ones(4), 12, 0.7, spread, seed=5))
    np.testing.assert_array_equal(found[:5], paths.walk(np.ones(4), 5, 0.7, spread, seed=5))
    assert np.abs(found - paths.walk(np.ones(4), 12, 0.7, spread, seed=6)).max() > 0.1
    assert (found[:, 2] == 1).all()  # the data do not vary there


def test_a_walk_keeps_to_what_is_allowed():
    found = paths.walk(np.zeros(2), 30, 0.8, np.ones(2), 0, lambda y: np.clip(y, -1, 1))
    assert np.abs(found).max() <= 1


def test_a_spherical_walk_takes_steps_of_one_angle():
    found = paths.spherical_walk(np.array([0.0, 0, 2]), 20, 0.25, seed=1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(np.arccos((found[1:] * found[:-1]).sum(1)), 0.25, rtol=1e-6)
    np.testing.assert_array_equal(found, paths.spherical_walk(np.array([0.0, 0, 2]), 20, 0.25, seed=1))


def test_shares_of_a_length():
    places = np.array([[0.0, 0], [3, 4], [3, 4], [3, 9]])
    assert [paths.share_of_length(places, i) for i in range(4)] == [0, 0.5, 0.5, 1]
    assert paths.share_of_length(np.zeros((3, 2)), 1) == 0


# -- in a model's space ----------------------------------------------------------------------------------------


def test_what_is_added_to_an_image_is_the_difference_of_two_classes_means(entry):
    encoding = library.encoding(entry)
    mu, labels = encoding.points.astype(float), encoding.images.labels
    found = courses.towards(entry, encoding.points[4], 1, 7)
    difference = mu[labels == 7].mean(0) - mu[labels == 1].mean(0)
    np.testing.assert_allclose(found.z, mu[4] + courses.STRENGTHS[:, None] * difference, atol=1e-5)
    assert found.t[4] == 0
    assert found.t[8] == 1


def test_a_walk_of_a_model_steps_by_a_share_of_the_datas_spread(entry):
    points = library.encoding(entry).points
    found = courses.walk(entry, points[0], 6, 0.3, seed=2)
    spread = np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(np.linalg.norm(np.diff(found.z, axis=0), axis=1), 0.3 * spread, rtol=1e-4)
    assert len(found.pictures) == len(found.log_prior) == 6


def test_a_circle_is_offered_only_in_many_dimensions(entry):
    a, b = library.encoding(entry).points[[3, 8]]
    assert paths.shells(entry) == []
    assert paths.why_circle(entry, a, b) is None
    t = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(paths.between(entry, a, b, t, paths.CIRCLE), paths.between(entry, a, b, t))


def test_a_circle_in_many_dimensions_keeps_the_norm_that_the_line_loses():
    wide = library.find("mnist-standard-40d")
    a, b = library.encoding(wide).points[[2, 17]]
    line, circle = (paths.between(wide, a, b, np.linspace(0, 1, 5), way) for way in (paths.STRAIGHT, paths.CIRCLE))
    np.testing.assert_allclose(circle, paths.arc(a, b, np.linspace(0, 1, 5)), rtol=1e-5, atol=1e-6)
    assert np.linalg.norm(line[2]) < np.linalg.norm(circle[2])
    said = paths.why_circle(wide, a, b)
    assert said.startswith("In 40 dimensions")
    assert f"lies at {np.linalg.norm(line[2]):.1f}" in said


@pytest.mark.parametrize("name", ["digits-vmf", "digits-hvae", "digits-vq-vae", "digits-stick-breaking"])
def test_every_course_stays_in_its_space(name):
    other = library.find(name)
    points = library.encoding(other).points
    grid, pictures = courses.corners(other, points[:4], 3)
    walk, towards = courses.walk(other, points[0], 5, 0.3, 1), courses.towards(other, points[0], 1, 7)
    for z in (grid.reshape(9, -1), walk.z, towards.z):
        back = library.from_coordinates(other, library.coordinates(other, z))
        np.testing.assert_allclose(back, z, atol=2e-3)
    np.testing.assert_allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], points[:4], atol=1e-3)
    assert pictures.shape[:2] == (3, 3)


# -- classes and charts ------------------------------------------------------------------------------------------


def images(labels):
    pictures = np.zeros((5, 1, 2, 2), np.uint8)
    return library.Images(pictures, pictures, labels, None, "made up", "gray")


def test_classes():
    test = images(np.array([3, 1, 3, 3, 1]))
    assert paths.first_of(test, 1) == 1
    assert paths.first_of(test, 7) is None
    assert [paths.next_of(test, 3, after) for after in (0, 2, 3, 4)] == [2, 3, 0, 0]
    for seed in range(20):
        first, last = paths.pair_of_classes(test, seed)
        assert test.labels[first] != test.labels[last]


def test_unlabelled_images_and_one_class_still_make_a_pair():
    for test in (images(None), images(np.zeros(5, int))):
        assert paths.first_of(images(None), 1) is None
        first, last = paths.pair_of_classes(test, 0)
        assert first != last


def curve(name="one", band=(-4.0, -1.0)):
    t = np.linspace(0, 1, 11)
    return lines.Curve(name, t, -((t - 0.5) ** 2) * 20, t[::5], -((t[::5] - 0.5) ** 2) * 20, band)


def test_the_curve_stands_under_a_strip_of_pictures():
    figure = lines.along_path([curve()], 0.25, theme.LIGHT, 200)
    # three pictures take a third of the width each: their middles are at 1/6, 1/2 and 5/6 of the axis
    low, high = figure.layout.xaxis.range
    np.testing.assert_allclose((np.array([0, 0.5, 1]) - low) / (high - low), [1 / 6, 1 / 2, 5 / 6])
    assert figure.layout.margin.l == figure.layout.margin.r == 0
    assert list(figure.data[1].x) == [0, 0.5, 1]
    assert figure.layout.yaxis.range[0] < -5
    assert any("log p(z) (nats)" in note.text for note in figure.layout.annotations)
    assert any("90 %" in note.text for note in figure.layout.annotations)


def test_two_curves_have_no_band_but_names():
    figure = lines.along_path([curve("one"), curve("two")], 0.25, theme.DARK, 200)
    assert not figure.layout.shapes
    assert [trace.line.dash for trace in figure.data if trace.mode == "lines"] == ["solid", "dash"]
    assert any("one" in note.text and "two" in note.text for note in figure.layout.annotations)


def test_a_flat_curve_has_an_axis_too():
    flat = lines.Curve("flat", np.array([0, 1]), np.array([-2.0, -2.0]), np.array([0, 1]), np.array([-2.0, -2.0]))
    low, high = lines.along_path([flat], 0.5, theme.LIGHT, 200).layout.yaxis.range
    assert low < -2 < high


def test_the_chosen_step_is_marked_and_the_axis_goes_as_far_as_the_steps():
    t = np.linspace(-1, 2, 13)
    one = lines.Curve("one", t, t**2, t, t**2)
    figure = lines.along_path([one], 0.125, theme.LIGHT, 200, at=0.5, title="s")
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0.5
    np.testing.assert_allclose(figure.layout.xaxis.range, [-1.125, 2.125])
    assert figure.layout.xaxis.title.text == "s"
