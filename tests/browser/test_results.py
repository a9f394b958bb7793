"""Results in a browser: dots at the numbers of metrics.json."""

from __future__ import annotations

import json

import pytest

from explorer import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHART = '[class*="st-key-results"] .js-plotly-plot'
DOTS = "plot => plot.data.filter(t => t.marker && t.marker.symbol).flatMap(t => t.x.map((x, i) => [t.text[i], x]))"


def test_a_dot_stands_at_its_number(visit):
    visit.open("results", model="mnist-vampprior-2d")
    visit.assert_healthy()
    chart = visit.page.locator(CHART)
    dots = dict(chart.evaluate(DOTS))
    name = "mnist-vmf-2d"
    told = json.loads((ROOT / "trained" / name / "metrics.json").read_text())["log_likelihood"]["value"]
    (found,) = [x for text, x in dots.items() if f"<b>{name}</b>" in text]
    assert found == pytest.approx(told)
    assert len([text for text in dots if "Davidson et al. 2018" in text]) == 10  # the papers' own, told apart
    visit.screenshot(f"results-{visit.theme}")
