"""Charts of a run: curves, the map of units, and the plane. Pure functions of arrays."""

import numpy as np
import pytest

from explorer.charts import theme
from explorer.charts.curves import MOST, Curve, Mark, Panel, curves, thinned
from explorer.charts.drift import Moment, drift
from explorer.charts.unit_map import UnitMap, binned, unit_map

TONES = theme.LIGHT


def panel(run="a", epochs=30, title="ELBO (nats)"):
    at = np.arange(1.0, epochs + 1)
    return Panel(title, (Curve(run, at, -100 / at, -120 / at),))


def test_each_panel_has_a_firm_and_a_dashed_line_on_its_own_axes():
    figure = curves([panel(), panel(title="KL (nats)")], [], None, TONES, 220)
    lines = {(trace.name, trace.xaxis): trace for trace in figure.data}
    assert set(lines) == {(f"a, {kind}", axis) for kind in ("validation", "training") for axis in ("x", "x2")}
    assert lines["a, validation", "x"].line.dash is None
    assert lines["a, training", "x"].line.dash is not None
    np.testing.assert_allclose(lines["a, validation", "x"].y, -100 / np.arange(1, 31), rtol=1e-6)
    assert figure.layout.xaxis2.matches == "x"
    assert {"ELBO (nats)", "KL (nats)"} <= {note.text for note in figure.layout.annotations}


def test_axes_find_their_own_range_so_that_a_zoom_is_kept():
    figure = curves([panel()], [], 3, TONES, 220)
    assert figure.layout.xaxis.range is None
    assert figure.layout.yaxis.range is None
    moment = Moment(
        3, np.random.default_rng(0).normal(size=(50, 2)), np.zeros(50, int), np.arange(50), None, ("a", "b")
    )
    plane = drift(moment, TONES, 200)
    assert plane.layout.xaxis.range is None
    assert plane.layout.xaxis.autorangeoptions.clipmin < plane.layout.xaxis.autorangeoptions.clipmax


def test_the_first_epochs_do_not_squeeze_the_others():
    at = np.arange(1.0, 101)
    far = np.where(at < 3, -1e6, -80 + at / 100)
    figure = curves([Panel("ELBO", (Curve("a", at, far, None),))], [], None, TONES, 220)
    low = figure.layout.yaxis.autorangeoptions.clipmin
    assert -90 < low < -80
    near = Panel("ELBO", (Curve("a", at, -80 + at / 100, None),))
    assert curves([near], [], None, TONES, 220).layout.yaxis.autorangeoptions.clipmin is None


def test_what_was_not_measured_is_left_out():
    at = np.arange(1.0, 6)
    values = np.array([np.nan, np.nan, -3.0, -2.0, np.nan])
    figure = curves([Panel("ELBO", (Curve("a", at, values, np.full(5, np.nan)),))], [], None, TONES, 220)
    (line,) = figure.data
    assert list(line.x) == [3, 4]


def test_runs_that_are_compared_have_a_colour_each_and_are_named():
    both = Panel("ELBO", (*panel("mine").curves, *panel("yesterday").curves))
    figure = curves([both], [], None, TONES, 220)
    colours = {trace.name.partition(",")[0]: trace.line.color for trace in figure.data}
    assert len(set(colours.values())) == 2
    legend = " ".join(note.text for note in figure.layout.annotations)
    assert "mine" in legend
    assert "yesterday" in legend


def test_marks_say_what_happened_and_where():
    figure = curves([panel(), panel()], [Mark(7, "unit 2 died")], 9, TONES, 220)
    marks = [note for note in figure.layout.annotations if note.text == "▼"]
    assert [(mark.x, mark.hovertext) for mark in marks] == [(7, "epoch 7: unit 2 died")] * 2
    assert {shape.x0 for shape in figure.layout.shapes} == {7, 9}


@pytest.mark.parametrize("epochs", [0, 1, MOST, MOST + 1, 10 * MOST + 3])
def test_long_runs_are_thinned_to_their_ends(epochs):
    kept = thinned(np.arange(epochs))
    assert len(kept) <= MOST + 1
    assert list(kept[:1]) == [0][:epochs]
    assert list(kept[-1:]) == [epochs - 1][:epochs]


def test_the_map_of_units_has_a_row_for_each_unit_and_means_over_neighbours():
    values = np.arange(1000.0)[:, None] * np.array([1.0, 2.0])
    epochs, means = binned(np.arange(1.0, 1001), values, 250)
    assert means.shape == (250, 2)
    np.testing.assert_allclose(means[0], [1.5, 3.0])
    np.testing.assert_allclose(epochs[:2], [2.5, 6.5])
    figure = unit_map(
        UnitMap(np.arange(1.0, 4), values[:3], "KL per unit (nats)", np.array([2, 2, 1]), ("1", "2")), 2, TONES, 280
    )
    heat, count = figure.data
    assert np.asarray(heat.z).shape == (2, 3)
    assert list(heat.y) == ["1", "2"]
    assert list(count.y) == [2, 2, 1]
    assert figure.layout.yaxis.autorange == "reversed"  # the first unit on top
    assert figure.layout.shapes[0].x0 == 2


def test_means_leave_out_what_was_not_measured():
    values = np.array([[1.0], [np.nan], [3.0], [np.nan]])
    _, means = binned(np.arange(4.0), values, 2)
    np.testing.assert_array_equal(means[:, 0], [1.0, 3.0])


def test_the_plane_has_every_image_once_in_the_colour_of_its_class():
    points = np.arange(20.0).reshape(10, 2)
    labels = np.array([0, 0, 0, 1, 1, 1, 1, -1, -1, -1])
    index = np.arange(100, 110)
    names = ("shirt", "shoe")
    figure = drift(Moment(5, points, labels, index, points[:4], ("z₁", "z₂"), names), TONES, 200)
    found = {trace.name: list(trace.customdata) for trace in figure.data if trace.name != "pseudo-input"}
    assert found == {"shirt": [100, 101, 102], "shoe": [103, 104, 105, 106], "test image": [107, 108, 109]}
    assert len(next(trace for trace in figure.data if trace.name == "pseudo-input").x) == 4
