import numpy as np
import pytest

from explorer.charts import palette, theme, units

VARIANCES = np.array([0.5, 1e-4, 2.0, 0.02])
KL = np.array([1.0, 0.0, 2.5, 0.1])


@pytest.fixture(params=[theme.LIGHT, theme.DARK])
def tones(request):
    return request.param


def test_bars_are_sorted_and_dead_units_hatched(tones):
    figure = units.bars([units.Units("one", VARIANCES, KL)], 0.01, tones, 400, 900)
    above, below = figure.data
    np.testing.assert_allclose(above.y, [2.0, 0.5, 0.02, 1e-4])
    np.testing.assert_allclose(below.y, [2.5, 1.0, 0.1, 0.0])
    assert list(above.customdata[:, 0]) == [3, 1, 4, 2]  # counted from 1
    assert figure.layout.xaxis2.ticktext == ("3", "1", "4", "2")
    assert above.marker.pattern.shape == ("", "", "", "/")
    assert above.marker.color == (tones.ink,) * 3 + (palette.DEAD,)


def test_the_threshold_decides_who_is_dead(tones):
    figure = units.bars([units.Units("one", VARIANCES, KL)], 0.1, tones, 400, 900)
    assert figure.data[0].marker.pattern.shape == ("", "", "/", "/")
    assert figure.layout.shapes[0].y0 == figure.layout.shapes[0].y1 == 0.1
    assert figure.layout.annotations[0].text == "threshold 0.1"


def test_a_unit_at_the_threshold_is_not_active(tones):
    figure = units.bars([units.Units("one", np.array([0.01, 0.02]), None)], 0.01, tones, 400, 900)
    assert figure.data[0].marker.pattern.shape == ("", "/")


def test_two_models_share_their_axes(tones):
    models = [units.Units("one", VARIANCES, KL), units.Units("two", VARIANCES * 10, KL * 3)]
    layout = units.bars(models, 0.01, tones, 400, 900).layout
    assert layout.yaxis.range == layout.yaxis3.range
    assert layout.yaxis2.range == layout.yaxis4.range
    assert 10 ** layout.yaxis.range[0] < 1e-4
    assert 10 ** layout.yaxis.range[1] > 20
    assert layout.yaxis2.range[1] > 7.5
    widths = [axis.domain[1] - axis.domain[0] for axis in (layout.xaxis, layout.xaxis3)]
    assert widths[0] == pytest.approx(widths[1])


def test_every_axis_says_what_it_shows(tones):
    layout = units.bars([units.Units("one", VARIANCES, KL)], 0.01, tones, 400, 900).layout
    assert layout.yaxis.title.text == "variance of μ (latent units²)"
    assert layout.yaxis2.title.text == "KL (nats)"
    assert layout.xaxis2.title.text == "unit, sorted by variance"


def test_many_units_side_by_side_get_upright_numbers_only_where_they_fit(tones):
    many = units.Units("many", np.linspace(0.1, 1, 40), None)
    assert units.bars([many], 0.01, tones, 400, 990).layout.xaxis2.tickangle == 0
    assert units.bars([many, many], 0.01, tones, 400, 990).layout.xaxis2.tickangle == -90


def test_the_layers_of_a_hierarchy_stand_apart_each_in_its_own_order(tones):
    one = units.Units("one", VARIANCES, KL, names=("2.1", "2.2", "1.1", "1.2"), layers=(2, 2))
    figure = units.bars([one], 0.01, tones, 400, 900)
    above = figure.data[0]
    np.testing.assert_allclose(above.y, [0.5, 1e-4, 2.0, 0.02])
    assert list(above.x) == [0, 1, 2 + units.GAP, 3 + units.GAP]
    assert list(figure.layout.xaxis2.ticktext) == ["2.1", "2.2", "1.1", "1.2"]
    assert list(above.text) == ["2.1", "2.2", "1.1", "1.2"]
    assert figure.layout.xaxis2.title.text.startswith("layer.unit")


def test_numbers_that_would_overlap_are_left_out(tones):
    many = units.Units("many", np.linspace(0.1, 1, 400), None)
    assert not units.bars([many], 0.01, tones, 400, 990).layout.xaxis2.showticklabels


def test_missing_kl_is_said_and_not_drawn_as_zero(tones):
    figure = units.bars([units.Units("one", VARIANCES, None)], 0.01, tones, 400, 900)
    assert np.isnan(figure.data[1].y).all()
    assert any("not measured yet" in note.text for note in figure.layout.annotations)


def test_a_variance_of_zero_is_drawn_at_the_floor_but_told_as_it_is(tones):
    figure = units.bars([units.Units("one", np.array([1.0, 0.0]), None)], 0.01, tones, 400, 900)
    assert figure.data[0].y[1] == units.FLOOR
    assert figure.data[0].customdata[1, 1] == 0


def test_two_bars_are_not_two_walls_and_forty_fill_the_width():
    few, many = (units.Units(str(n), np.ones(n), None) for n in (2, 40))
    for one, most in ((few, units.WIDEST), (many, (990 - 80) / 40)):
        low, high = units.bars([one], 0.01, theme.LIGHT, 400, 990).layout.xaxis.range
        assert (990 - 80) / (high - low) == pytest.approx(most)
    both = units.bars([few, many], 0.01, theme.LIGHT, 400, 990).layout
    assert both.xaxis3.range == (-0.5, 39.5)
    assert both.xaxis.range[1] - both.xaxis.range[0] < 40


def test_why_there_is_no_kl_stays_within_its_chart():
    one = units.Units(
        "one", VARIANCES, None, "KL per unit: not available, q(z|x) or p(z) has no density of a single unit"
    )
    (note,) = [a for a in units.bars([one], 0.01, theme.DARK, 400, 400).layout.annotations if "KL" in a.text]
    lines = note.text.split("<br>")
    assert " ".join(lines) == one.no_kl
    assert max(map(len, lines)) * units.LETTER <= 400 - 80
