"""Results in a browser: dots at the numbers of metrics.json, and a click on one opens its model."""

from __future__ import annotations

import json

import pytest

from explorer import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHART = '[class*="st-key-results"] .js-plotly-plot'
DOTS = "plot => plot.data.filter(t => t.marker && t.marker.symbol).flatMap(t => t.x.map((x, i) => [t.text[i], x]))"


def test_a_dot_stands_at_its_number_and_opens_its_model(visit):
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
    place = chart.evaluate(
        """(plot, x) => {
          const t = plot.data.find(t => t.x && [...t.x].includes(x) && t.marker && t.marker.symbol);
          const box = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
          const y = t.y[[...t.x].indexOf(x)];
          return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
        }""",
        found,
    )
    visit.page.mouse.move(place[0] - 30, place[1])
    visit.page.wait_for_timeout(300)  # Plotly takes a click for one on the dot that it has seen the pointer over
    visit.page.mouse.move(*place)
    visit.page.wait_for_timeout(500)
    visit.page.mouse.click(*place)
    visit.page.wait_for_url(f"**/latent_space?*model={name}*")
    visit.settle()
    visit.assert_healthy()
