"""Paths between images: computed, and drawn as a curve and on a small plane."""

import numpy as np
import pytest

from explorer import library, paths
from explorer.charts import inset, lines, theme


@pytest.fixture(scope="module", params=["digits-standard-2d", "digits-vampprior-2d"])
def entry(request):
    return library.find(request.param)


def test_the_latent_path_runs_between_the_means_and_is_decoded(entry):
    import torch

    path = paths.latent_path(entry, 3, 8, 5)
    mu = library.encoding(entry).points
    np.testing.assert_allclose(path.z[[0, -1]], mu[[3, 8]], rtol=1e-6)
    np.testing.assert_allclose(path.z[2], (mu[3] + mu[8]) / 2, atol=1e-6)
    with torch.no_grad():
        expected = library.model(entry).decode(torch.from_numpy(path.z)).mean.numpy() * 255
    assert np.abs(path.pictures - expected).max() <= 0.51


def test_the_density_along_the_path_is_that_of_the_prior(entry):
    path = paths.latent_path(entry, 3, 8, 5)
    if entry.prior == "standard":
        mu = library.encoding(entry).points.astype(float)
        z = (1 - path.fine_t[:, None]) * mu[3] + path.fine_t[:, None] * mu[8]
        np.testing.assert_allclose(path.log_prior, -(z**2).sum(1) / 2 - np.log(2 * np.pi), atol=1e-5)
    np.testing.assert_allclose(path.log_prior[:: (paths.FINE - 1) // 4], paths.log_density(entry, path.z), atol=1e-4)


def test_what_is_usual_holds_nine_tenths_of_the_images(entry):
    low, high = paths.usual(entry)
    density = paths.log_density(entry, library.encoding(entry).points)
    assert ((low <= density) & (density <= high)).mean() == pytest.approx(0.9, abs=0.01)


def test_the_pixel_path():
    images = np.array([[[[0, 100]]], [[[200, 100]]]], np.uint8)
    steps = paths.pixel_path(images, 0, 1, 5)
    np.testing.assert_array_equal(steps[:, 0, 0], [[0, 100], [50, 100], [100, 100], [150, 100], [200, 100]])


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


def test_the_small_plane_sends_a_picture_and_not_the_points():
    backdrop = np.zeros((50, 50, 4), np.uint8)
    path, dots = np.array([[0.0, 0], [1, 1], [2, 2]]), np.zeros((30, 2))
    figure = inset.inset(
        backdrop, ((-4, 4), (-4, 4)), ("", "z₁", "z₂"), theme.LIGHT, 200, path=path, dots=dots, chosen=path[1]
    )
    assert figure.layout.images[0].source.startswith("data:image/png;base64,")
    assert max(len(trace.x) for trace in figure.data) == 30
    assert len(figure.to_json()) < 30_000
    ends = next(trace for trace in figure.data if trace.text)
    assert list(ends.x) == [0, 2]
    assert figure.layout.xaxis.title.text == "z₁"


@pytest.mark.parametrize(("span", "step"), [(4, 1), (8, 2), (10, 2), (16, 5), (0.9, 0.2), (60, 10)])
def test_tick_steps(span, step):
    assert inset.tick_step(span) == pytest.approx(step)
