"""Every page of the navigation with a model of every family: none is forgotten. And every view with every model."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library
from latents.parts import kinds
from latents.recipe import preset

sys.path.insert(0, str(Path(__file__).parent))
from test_family_pages import CANVAS, PAGES, ROWS, SHIPPED, opened, spinning

ABOUT_ALL = {"results"}
"""Pages about all models at once."""
ABOUT_NONE = {"open_your_own", "new_run", "runs"}
"""Pages about runs and folders, which show no model of the pickers."""
FIGURES = (CANVAS, "plotly_chart", "image", "table", "dataframe", "arrow_data_frame")


def navigation() -> set[str]:
    """The pages that Home.py routes to, as written there."""
    tree = ast.parse((ROOT / "explorer" / "Home.py").read_text("utf-8"))
    (found,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PAGES"
    )
    return {name for members in ast.literal_eval(found).values() for name, *_ in members}


def test_every_page_is_in_the_table_of_families():
    assert navigation() == set(PAGES) | ABOUT_ALL | ABOUT_NONE
    assert navigation() == {path.stem for path in (ROOT / "pages").glob("*.py")}


def test_every_registered_family_is_in_the_table():
    models = kinds("model")
    in_table = {models[preset(row.preset).model.kind].family for row in ROWS.values()}
    assert in_table == {model.family for model in models.values()}


def test_every_shipped_kind_of_latent_space_is_in_the_table():
    """A family may have several: Gaussians, spheres and a simplex are all variational auto-encoders."""
    shipped = {name: library.find(name) for name in SHIPPED}
    in_table = [shipped[row.preset] for row in ROWS.values() if row.preset in shipped]
    assert {(e.family, e.space_kind) for e in shipped.values()} == {(e.family, e.space_kind) for e in in_table}


def group_of(at: AppTest, key: str):
    """The segmented control with this key, where the page has it now."""
    return next((one for one in at.get("button_group") if one.key == key), None)


def assert_whole(at: AppTest, what: str) -> None:
    """The page has something to show, or says why not, and is done."""
    assert not at.exception, (what, at.exception)
    assert not at.error, (what, at.error)
    assert not spinning(at), (what, spinning(at))
    assert any(len(at.get(kind)) for kind in FIGURES) or at.info, what


def test_results_are_of_all_models():
    assert_whole(opened("results", "digits-standard-2d"), "results")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_every_view_of_every_page_with_every_shipped_model(name):
    """All options of all segmented controls, one after another in one visit."""
    for page in sorted((set(PAGES) | ABOUT_ALL) - {"home"}):
        at = opened(page, name)
        assert_whole(at, page)
        views = {group.key: list(group.options) for group in at.get("button_group") if group.value is not None}
        for key, options in views.items():
            if group_of(at, key) is None:
                continue
            first = group_of(at, key).value
            for option in options:
                group = group_of(at, key)
                if group is None:  # another view has no such choice
                    break
                group.set_value(option).run()
                assert str(at.session_state[key]) == option
                assert_whole(at, f"{page}, {key}: {option}")
            if group_of(at, key) is not None:
                group_of(at, key).set_value(first).run()
