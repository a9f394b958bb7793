import numpy as np
import pytest

from explorer.charts import density, palette, theme
from explorer.charts.plane import Plane, planes, waiting
from explorer.charts.region import limits, widened

REGION = ((-3.0, 3.0), (-3.0, 3.0))


def a_plane(n=1000, labelled=True, pseudo=7, title="") -> Plane:
    rng = np.random.default_rng(0)
    x, y = density.grid(REGION, 30)
    log_p = -(x[None] ** 2 + y[:, None] ** 2) / 2 - np.log(2 * np.pi)
    return Plane(
        title=title,
        points=rng.normal(size=(n, 2)),
        labels=rng.integers(0, 10, n) if labelled else None,
        class_names=None,
        pseudo=rng.normal(size=(pseudo, 2)) if pseudo else None,
        density=density.density(x, y, log_p),
        x_title="z₁",
        y_title="z₂",
    )


def drawn(figure, name=None):
    """The points of the figure's dots, by trace name."""
    return sum(len(trace.x) for trace in figure.data if trace.type == "scattergl" and name in (None, trace.name))


def test_every_image_and_every_pseudo_input_is_drawn_once():
    figure = planes([a_plane(1003)], REGION, theme.LIGHT, 500)
    assert drawn(figure, "pseudo-input") == 7
    assert drawn(figure) == 1003 + 7
    images = np.concatenate([t.customdata for t in figure.data if t.type == "scattergl" and t.name != "pseudo-input"])
    assert sorted(images) == list(range(1003))


def test_a_class_has_its_colour_and_its_points():
    plane = a_plane()
    figure = planes([plane], REGION, theme.LIGHT, 500)
    for trace in figure.data:
        if trace.type == "scattergl" and trace.name != "pseudo-input":
            label = int(trace.name)
            assert trace.marker.color == palette.class_colour(label)
            assert (plane.labels[trace.customdata] == label).all()
            assert np.allclose(np.stack([trace.x, trace.y], 1), plane.points[trace.customdata], atol=1e-6)


def test_pseudo_inputs_lie_on_top_and_the_prior_behind():
    figure = planes([a_plane()], REGION, theme.LIGHT, 500)
    kinds = [
        trace.type if trace.type != "scattergl" else trace.name for trace in figure.data if trace.type != "scatter"
    ]
    assert kinds[0] == "contour"
    assert kinds[-1] == "pseudo-input"


@pytest.mark.parametrize("tones", [theme.LIGHT, theme.DARK])
def test_pseudo_inputs_are_seen_in_both_themes(tones):
    figure = planes([a_plane()], REGION, tones, 500)
    marker = next(t.marker for t in figure.data if t.type == "scattergl" and t.name == "pseudo-input")
    expected = ("#000000", "#ffffff") if tones is theme.LIGHT else ("#ffffff", "#000000")
    assert (marker.color, marker.line.color) == expected


def test_compared_planes_share_size_scale_and_axes():
    layout = planes([a_plane(title="a"), a_plane(title="b")], REGION, theme.LIGHT, 500).layout
    assert layout.xaxis2.matches == "x"
    assert layout.yaxis2.matches == "y"
    assert (layout.yaxis.scaleanchor, layout.yaxis2.scaleanchor) == ("x", "x2")
    widths = [axis.domain[1] - axis.domain[0] for axis in (layout.xaxis, layout.xaxis2)]
    assert widths[0] == pytest.approx(widths[1])
    assert tuple(layout.xaxis.range) == tuple(layout.xaxis2.range)


def test_a_figure_is_the_same_each_time():
    # Streamlit sends a figure once only while it is the same to the last byte.
    assert (
        planes([a_plane()], REGION, theme.LIGHT, 500).to_json()
        == planes([a_plane()], REGION, theme.LIGHT, 500).to_json()
    )


def test_ten_thousand_points_travel_as_typed_arrays():
    text = planes([a_plane(10_000)], REGION, theme.LIGHT, 500).to_json()
    assert len(text) < 400_000
    assert "bdata" in text


def test_the_legend_has_each_class_once():
    figure = planes([a_plane(title="a"), a_plane(title="b")], REGION, theme.LIGHT, 500)
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert names == [*"0123456789", "pseudo-input"]


def test_unlabelled_images_and_shapes():
    unlabelled = planes([a_plane(labelled=False, pseudo=0)], REGION, theme.LIGHT, 500)
    assert drawn(unlabelled) == 1000
    shaped = planes([a_plane()], REGION, theme.LIGHT, 500, shapes=True)
    symbols = {
        trace.marker.symbol for trace in shaped.data if trace.type == "scattergl" and trace.name != "pseudo-input"
    }
    assert symbols == set(palette.SHAPES)


def test_limits_are_square_and_hold_the_points():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(5000, 2)), rng.normal(size=(500, 2)) * [3, 1] + [1, 0]]
    (left, right), (low, high) = limits(clouds)
    assert right - left == high - low
    for cloud in clouds:
        inside = (cloud[:, 0] > left) & (cloud[:, 0] < right) & (cloud[:, 1] > low) & (cloud[:, 1] < high)
        assert inside.mean() > 0.99
    assert all(edge % 0.5 == 0 for edge in (left, right, low, high))


def test_limits_of_points_that_are_all_one():
    (left, right), (low, high) = limits([np.zeros((10, 2))])
    assert left < 0 < right
    assert low < 0 < high


def test_widened_keeps_the_centre():
    assert widened(((0.0, 2.0), (1.0, 3.0)), 2) == ((-1.0, 3.0), (0.0, 4.0))


def test_the_waiting_figure_says_what_it_waits_for():
    assert waiting("Placing", theme.DARK, 300).layout.annotations[0].text == "Placing"


def test_points_that_lie_close_together_fill_their_plane():
    rng = np.random.default_rng(0)
    (left, right), (low, high) = limits([rng.uniform(-0.2, 0.2, size=(500, 2))])
    assert 0.4 <= right - left <= 0.8
    assert right - left == pytest.approx(high - low)
