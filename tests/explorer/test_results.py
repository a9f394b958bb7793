"""Results: no table mixes measures, best is what the pairs say, the papers' numbers are as printed."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library, published, results
from explorer.charts import results as chart
from explorer.charts import theme

BEST, SECOND, BOUND, GRAY, DENSITY, AUTO = (
    "digits-iwae-vampprior",
    "digits-hvae-vampprior",
    "digits-vq-vae",
    "digits-logistic",
    "digits-gaussian",
    "digits-auto-encoder",
)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A library of the given shipped models, whose numbers may be changed: `shelf(BEST, GRAY)` returns its folder."""

    def make(*names: str):
        for name in names:
            shutil.copytree(ROOT / "trained" / name, tmp_path / "shelf" / name)
        monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path / "shelf"))
        monkeypatch.setenv("EXPLORER_RUNS", str(tmp_path / "runs"))
        return tmp_path / "shelf"

    return make


def app(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/results.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info])


# -- tables ------------------------------------------------------------------------------------------------------


def test_every_model_stands_in_one_table_and_no_table_mixes_measures():
    tables = results.tables(library.whole())
    names = [row.entry.name for rows in tables.values() for row in rows]
    assert sorted(names) == sorted(entry.name for entry in library.whole())
    for kind, rows in tables.items():
        stated = [row.entry.metrics.get("log_likelihood", {}) for row in rows]
        ways = {tuple(one.get(field, "") for field in ("measure", "binarisation")) for one in stated}
        assert ways == {(kind.measure, kind.binarisation)}
        assert {row.entry.data for row in rows} == {kind.data}
    titles = [kind.title for kind in tables]
    assert len(titles) == len(set(titles))


def test_a_row_says_what_metrics_json_says():
    entry = library.find(BEST)
    row, told = results.read(entry), json.loads((entry.path / "metrics.json").read_text())
    assert (row.value, row.error) == (told["log_likelihood"]["value"], told["log_likelihood"]["standard_error"])
    assert (row.samples, row.images) == (500, 300)
    assert row.elbo == pytest.approx(row.kl * -1 - row.distortion, abs=2e-4)
    assert (row.active, row.units) == (told["units"]["active"], told["units"]["total"])


def test_numbers_that_were_damaged_by_hand_are_left_out(shelf):
    folder = shelf(BEST) / BEST
    (folder / "metrics.json").write_text(json.dumps({"log_likelihood": {"value": "high"}, "elbo": 3, "units": None}))
    ((kind, (row,)),) = results.tables(library.whole()).items()
    assert (kind.measure, row.value, row.elbo, row.active) == ("", None, None, None)


def test_best_is_who_wins_every_pair():
    rows = [results.read(library.find(name)) for name in (SECOND, BOUND, BEST)]
    compared, sentence = results.against_best(rows)
    assert [row.best for row in compared] == [False, False, True]
    per_image = [
        load_file(ROOT / "trained" / name / "evaluation.safetensors")["log_likelihood"] for name in (BEST, SECOND)
    ]
    by = per_image[0].astype(float) - per_image[1].astype(float)
    assert f"{by.mean():.2f} ± {by.std(ddof=1) / np.sqrt(len(by)):.2f}" in sentence
    assert f"**{BEST}** is best" in sentence


def test_none_is_best_within_the_error_or_without_a_pair(shelf):
    pair = [results.read(library.find(name)) for name in ("digits-iwae-dreg", "digits-vampprior-8d")]
    compared, sentence = results.against_best(pair)  # a thousandth of a nat apart
    assert not any(row.best for row in compared)
    assert "None is bold" in sentence
    assert "within 2 standard errors" in sentence
    folder = shelf(BEST, SECOND) / SECOND
    told = json.loads((folder / "metrics.json").read_text())
    told["log_likelihood"]["samples"] = 100
    (folder / "metrics.json").write_text(json.dumps(told))
    compared, sentence = results.against_best([results.read(entry) for entry in library.whole()])
    assert not any(row.best for row in compared)
    assert "not paired with digits-hvae-vampprior (300 images, 100 samples)" in sentence


def test_a_lower_bound_is_never_the_best_nor_in_the_way(shelf):
    folder = shelf(BEST, SECOND, BOUND) / BOUND
    told = json.loads((folder / "metrics.json").read_text())
    told["log_likelihood"]["value"] = -1.0
    (folder / "metrics.json").write_text(json.dumps(told))
    compared, _ = results.against_best([results.read(entry) for entry in library.whole()])
    assert [row.entry.name for row in compared if row.best] == [BEST]


def test_the_file_keeps_apart_what_the_tables_keep_apart():
    rows = list(csv.DictReader(io.StringIO(results.csv_bytes(results.tables(library.whole())).decode())))
    found = {row["model"]: row for row in rows}
    assert len(rows) == len(library.whole())
    assert found[GRAY]["measure"] == "discrete, binarisation: none"
    assert found[DENSITY]["measure"] == "density, binarisation: none"
    assert float(found[BEST]["log p(x), nats"]) == pytest.approx(-21.7223)
    assert found[AUTO]["log p(x), nats"] == found[AUTO]["measure"] == ""


# -- the papers ----------------------------------------------------------------------------------------------------


def printed(short: str, data: str, model: str, prior: str, number: str = "log-likelihood") -> float:
    (one,) = [
        one
        for one in published.all_numbers()
        if (one.paper.short, one.data, one.model, one.prior, one.number) == (short, data, model, prior, number)
    ]
    return one.value


def test_the_papers_numbers_are_as_printed():
    vamp, sphere, flow = "Tomczak and Welling 2018", "Davidson et al. 2018", "Tomczak and Welling 2016"
    assert printed(vamp, "static MNIST", "VAE", "standard") == -88.56
    assert printed(vamp, "dynamic MNIST", "VAE", "vampprior") == -82.38
    assert printed(vamp, "dynamic MNIST", "PixelHVAE", "vampprior") == -78.45
    assert printed(vamp, "Caltech 101 silhouettes", "PixelHVAE", "vampprior") == -86.22
    assert printed(vamp, "Frey faces", "ConvHVAE", "standard") == 4.49
    assert printed(sphere, "dynamic MNIST", "VAE, d = 2", "uniform-sphere") == -132.50
    assert printed(sphere, "dynamic MNIST", "VAE, d = 40", "standard", "ELBO") == -94.91
    assert printed(flow, "MNIST", "VAE, planar flow, T = 80", "standard", "ELBO") == -85.1


def test_a_printed_number_is_drawn_only_within_its_measure():
    drawn = published.comparable("mnist", "discrete, binarisation: dynamic")
    assert {one.data for one in drawn} == {"dynamic MNIST"}
    assert {one.number for one in drawn} == {"log-likelihood"}
    assert len(drawn) == 8 + 10
    assert published.comparable("mnist", "discrete, binarisation: none") == []
    assert published.comparable("mnist", "density, binarisation: none") == []
    assert all(one.unit == "bits/dim" for one in published.all_numbers() if one.value > 0)


# -- the figure ----------------------------------------------------------------------------------------------------


def test_dots_stand_at_their_numbers_and_bars_are_two_errors():
    lines = [
        chart.Line("one", (chart.Mark(-80.0, 0.5, "standard", "standard normal", "", "exact", 0),), "−80.00"),
        chart.Line("paper:"),
        chart.Line("theirs", (chart.Mark(-79.0, None, "standard", "standard normal", ""),), "−79.00"),
    ]
    figure = chart.dots(lines, theme.LIGHT, 400, 900)
    ours, theirs = [trace for trace in figure.data if trace.marker.symbol]
    assert (ours.x, ours.y, ours.marker.symbol) == ((-80.0,), (0,), ("square",))
    assert ours.error_x.array == (1.0,)
    assert (theirs.x, theirs.y, theirs.marker.symbol) == ((-79.0,), (2,), (chart.PRINTED,))
    assert theirs.error_x.array is None
    assert theirs.customdata == (None,)
    assert figure.layout.xaxis.range[0] < -81.0


def test_many_models_stand_in_two_columns_on_one_scale():
    lines = [
        chart.Line(f"m{i}", (chart.Mark(-80.0 - i, 0.5, "standard", "standard normal", "", "exact", i),))
        for i in range(chart.MOST + 1)
    ]
    layout = chart.dots(lines, theme.LIGHT, 400, 900).layout
    assert layout.xaxis.range == layout.xaxis3.range
    assert layout.xaxis.domain[1] < layout.xaxis3.domain[0]


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_shows_one_measure_at_a_time(shelf):
    shelf(BEST, SECOND, GRAY, AUTO)
    at = app()
    assert list(at.dataframe[0].value["model"]) == [BEST, SECOND]
    assert f"**{BEST}** is best" in said(at)
    assert "Digits 8x8: 256 levels (1); Digits 8x8: no likelihood (1)" in said(at)
    at.selectbox(key="table").set_value("Digits 8x8: 256 levels").run()
    assert not at.exception
    assert list(at.dataframe[0].value["model"]) == [GRAY]
    at.selectbox(key="table").set_value("Digits 8x8: no likelihood").run()
    assert list(at.dataframe[0].value["model"]) == [AUTO]
    assert "auto-encoders and PCA have none" in said(at)
    assert not at.get("plotly_chart")


def test_the_page_follows_the_model_and_says_when_there_is_none(shelf, tmp_path):
    shelf(BEST, GRAY)
    at = app(model=GRAY)
    assert list(at.dataframe[0].value["model"]) == [GRAY]
    at.selectbox(key="model").set_value(BEST).run()
    assert list(at.dataframe[0].value["model"]) == [BEST]
    shutil.rmtree(tmp_path / "shelf")
    assert "There are no models" in said(app())


def test_a_row_opens_its_model(shelf):
    shelf(BEST, SECOND)
    at = app()
    at.session_state["_opened"] = SECOND
    at.run()
    assert not at.exception
    assert at.title[0].value == "Latent space"
