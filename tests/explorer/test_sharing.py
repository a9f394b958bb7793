"""The menu of a page: its tour, and the lines and files that it offers (test_scripts*.py, test_files.py run them)."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library
from explorer.sharing import files, scripts, tours

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


# -- the menu gives what the page shows ------------------------------------------------------------------------


def opened(page: str, model: str, **query: str) -> AppTest:
    """A page as a link opens it."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update({"model": model, **{key: query[key] for key in ("beside",) if key in query}})
    at.run()
    if page:
        at.switch_page(f"../pages/{page}.py")
        at.query_params.update(query)
        at.run()
    assert not at.exception
    return at


VIEWS = [
    ("", "digits-vampprior-2d", {}),
    ("latent_space", "digits-standard-8d", {}),
    (
        "latent_space",
        "digits-hvae",
        {"plane": "Units", "across": "1.3", "up": "2.2", "colour": "Unit", "by-unit": "1.4"},
    ),
    ("latent_space", "digits-standard-8d digits-hvae", {"colour": "KL"}),
    ("interpolate", "digits-standard-8d", {}),
    ("interpolate", "digits-vmf", {"mode": "Walk", "walk": 3, "stride": 0.4}),
    ("interpolate", "digits-hvae", {"mode": "Classes", "image": 12, "target": "3"}),
    ("samples", "digits-pixelcnn", {"source": "Aggregated posterior", "few_rows": 2}),
    ("samples", "digits-hvae digits-vmf", {"nearest": True, "shown": "Drawn pixels"}),
    ("pseudo_inputs", "digits-vmf-vampprior", {"figure": "Samples", "which": "Rank", "rank": 4}),
    ("traversals", "digits-vmf", {"image": 12}),
    ("traversals", "digits-hvae", {"around": "Prior's mean", "layer": 1, "dead": True}),
    ("sphere", "digits-vmf-5d", {"longitude": 30, "picked": "3.17", "colour": "κ"}),
    ("layers_and_codes", "digits-hvae digits-vq-vae", {"image": 5}),
    ("active_units", "digits-standard-8d", {"threshold": 0.05}),
    ("side_by_side", "digits-standard-8d digits-hvae", {"compare": "Pictures", "image": 4}),
    ("results", "digits-standard-8d", {}),
]
"""Page, models in view, and settings, by the names that they have in a link and as widgets."""


@pytest.mark.slow
@pytest.mark.parametrize(("page", "models", "settings"), VIEWS)
def test_a_page_offers_what_its_settings_say(page, models, settings):
    """The widgets' values reach the lines; where nothing was touched the lines have the page's own defaults."""
    model, *beside = models.split()
    query = {key: str(value).lower() if value is True else str(value) for key, value in settings.items()}
    at = opened(page, model, **query, **({"beside": beside[0]} if beside else {}))
    entries = [library.find(name) for name in (model, *beside)]
    if page == "side_by_side":
        settings = {**settings, "models": at.session_state["models"]}
        assert len(settings["models"]) == 2
    expected, data = scripts.of(page, entries, settings), files.of(page, entries, settings)
    assert expected
    assert [block.value for block in at.code] == [made.text.strip() for made in expected]
    offered = [button.proto.help for button in at.get("download_button")]
    assert [label for label in offered if label in {file.label for file in data}] == [file.label for file in data]
    assert 1 <= len(data) <= 4 * max(len(entries), len(expected))
