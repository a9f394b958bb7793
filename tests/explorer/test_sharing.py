"""The menu of a page: its tour, and the lines and files that it offers (test_scripts.py, test_files.py run them)."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT
from explorer.sharing import tours

PAGES = sorted("" if path.stem == "home" else path.stem for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_tour(page):
    assert 3 <= len(tours.of(page)) <= 5


def test_the_menu_is_on_a_page():
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params["model"] = "digits-vampprior-2d"
    at.run()
    at.switch_page("../pages/active_units.py").run()
    assert not at.exception
    assert "encode_all" in at.code[0].value
    assert any("CSV" in button.label for button in at.get("download_button"))


def test_without_controls_figures_and_letters_are_larger():
    sizes = []
    for hide in ("", "controls"):
        at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
        at.query_params.update({"model": "digits-standard-8d", "hide": hide})
        at.run()
        at.switch_page("../pages/active_units.py")
        at.query_params["hide"] = hide
        at.run()
        assert not at.exception
        layout = json.loads(at.get("plotly_chart")[0].proto.spec)["layout"]
        sizes.append((layout["height"], layout["xaxis"]["tickfont"]["size"]))
    assert sizes[1][0] > sizes[0][0]
    assert sizes[1][1] > 1.2 * sizes[0][1]
