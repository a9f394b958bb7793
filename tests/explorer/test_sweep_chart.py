import numpy as np
import pytest

from explorer.charts import theme
from explorer.charts.sweep import against
from latents.sweep.measures import Value
from latents.sweep.table import table

TITLES = {"model.prior.kind": "p(z)", "model.prior.components": "number of pseudo-inputs, K", "seed": "seed"}
UNITS = {
    ("standard", None): (5.0, 6.0),
    ("mixture", 10): (7.0, 7.0),
    ("mixture", 500): (8.0, 10.0),
    ("vampprior", 10): (9.0, 9.0),
    ("vampprior", 500): (14.0, 16.0),
}


@pytest.fixture(params=[theme.LIGHT, theme.DARK])
def tones(request):
    return request.param


@pytest.fixture
def result():
    members = []
    for (prior, k), values in UNITS.items():
        for seed, units in enumerate(values):
            factors = {"model.prior.kind": prior, **({"model.prior.components": k} if k else {}), "seed": seed}
            numbers = {"active_units": Value(units, "test", 40), "valid_elbo": Value(-90 + units, "valid")}
            members.append((f"{prior}{k}{seed}", factors, "finished", numbers))
    return table("active", TITLES, members)


def traces(figure, name, mode):
    return [trace for trace in figure.data if trace.name == name and trace.mode == mode]


def test_a_line_for_each_prior_through_the_means_over_seeds(result, tones):
    figure = against(result, tones, 400)
    for prior, means in {"mixture": [7.0, 9.0], "vampprior": [9.0, 15.0]}.items():
        (line,) = traces(figure, prior, "lines")
        np.testing.assert_allclose(line.x, [10, 500])
        np.testing.assert_allclose(line.y, means)
    assert len(traces(figure, "standard", "lines")) == 1


def test_a_dot_for_each_seed(result, tones):
    seeds, means = traces(against(result, tones, 400), "vampprior", "markers")
    assert sorted(zip(seeds.x, seeds.y, strict=True)) == [(10, 9.0), (10, 9.0), (500, 14.0), (500, 16.0)]
    assert list(means.y) == [9.0, 15.0]
    assert seeds.customdata[3] == "16 of 40, seed 1"
    assert means.customdata[1] == "15 ± 1.0 of 40, mean of 2"
    assert "prior.components = %{x:,}" in means.hovertemplate


def test_what_has_no_such_factor_is_a_line_across(result, tones):
    figure = against(result, tones, 400)
    (line,) = traces(figure, "standard", "lines")
    assert set(line.y) == {5.5}
    assert line.line.dash == "dash"
    low, high = figure.layout.xaxis.range  # of logarithms
    assert line.x[0] == pytest.approx(10**low)
    assert line.x[-1] == pytest.approx(10**high)
    (seeds,) = traces(figure, "standard", "markers")
    assert list(seeds.y) == [5.0, 6.0]


def test_axes_say_what_they_show(result, tones):
    layout = against(result, tones, 400).layout
    assert layout.xaxis.title.text == "Number of pseudo-inputs, K (logarithmic)"
    assert layout.xaxis.type == "log"
    assert list(layout.xaxis.tickvals) == [10, 500]
    assert layout.yaxis.title.text == "Active units of 40"
    assert layout.yaxis.range[0] == 0
    assert layout.yaxis.range[1] > 16


def test_every_line_is_named_at_its_end_and_names_do_not_overlap(result, tones):
    figure = against(result, tones, 400)
    labels = {note.text.rpartition("</span> ")[2]: note.y for note in figure.layout.annotations}
    assert set(labels) == {"standard", "mixture", "vampprior"}
    close = table("close", TITLES, [
        (f"{prior}{k}", {"model.prior.kind": prior, "model.prior.components": k, "seed": 0}, "finished",
         {"active_units": Value(5.0, "test", 40)})
        for prior in ("a", "b", "c") for k in (1, 2)
    ])  # fmt: skip
    figure = against(close, tones, 400)
    low, high = figure.layout.yaxis.range
    margins = figure.layout.margin
    pixels = (400 - margins.t - margins.b) / (high - low)
    places = sorted(note.y * pixels for note in figure.layout.annotations)
    assert min(np.diff(places)) > theme.SMALL


def test_another_number_has_its_unit_and_a_range_around_it(result, tones):
    layout = against(result, tones, 400, y="valid_elbo").layout
    assert layout.yaxis.title.text == "Validation ELBO (nats)"
    low, high = layout.yaxis.range
    assert -90 < low < -85
    assert -74 < high < -70


def test_an_axis_may_be_chosen(tones):
    members = [
        (f"{latent}{rate}", {"model.latent": latent, "training.learning_rate": rate}, "finished",
         {"active_units": Value(float(latent), "test")})
        for latent in (2, 3, 4) for rate in (0.001, 0.002)
    ]  # fmt: skip
    found = table("k", {"model.latent": "units", "training.learning_rate": "step size"}, members)
    assert found.axes() == ["model.latent", "training.learning_rate"]
    lines = [trace for trace in against(found, tones, 400, x="training.learning_rate").data if trace.mode == "lines"]
    assert [trace.name for trace in lines] == ["latent 2", "latent 3", "latent 4"]
    assert against(found, tones, 400).layout.xaxis.type == "linear"


def test_factors_without_numbers_are_lines_across(tones):
    members = [(kind, {"model.prior.kind": kind}, "finished", {"active_units": Value(2.0, "test")}) for kind in "ab"]
    figure = against(table("k", TITLES, members), tones, 400)
    assert [trace.name for trace in figure.data if trace.mode == "lines"] == ["a", "b"]


def test_without_numbers_it_says_so(tones):
    figure = against(table("k", TITLES, [("a", {"seed": 0}, "running", {})]), tones, 400)
    assert not figure.data
    assert figure.layout.annotations[0].text == "No run of this sweep has finished yet."
