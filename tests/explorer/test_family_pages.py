"""Every page with one model of every family, held against the table in docs/pages.md."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, globe, library, planes

DOCUMENT = (ROOT / "docs" / "pages.md").read_text("utf-8")
PAGES = (
    "home",
    "latent_space",
    "samples",
    "interpolate",
    "pseudo_inputs",
    "active_units",
    "traversals",
    "layers_and_codes",
    "side_by_side",
    "sphere",
)
CANVAS = "bidi_component"
FIGURE = {
    "latent_space": CANVAS,
    "samples": "image",
    "interpolate": "image",
    "pseudo_inputs": "image",
    "active_units": "plotly_chart",
    "traversals": "plotly_chart",
    "layers_and_codes": "plotly_chart",
    "side_by_side": CANVAS,
    "sphere": CANVAS,
}
CALLS = {
    "latent_space": "encode",
    "samples": "sample",
    "interpolate": "encode",
    "pseudo_inputs": "components",
    "active_units": "units",
    "traversals": "encode",
    "layers_and_codes": "encode",
    "side_by_side": "encode",
    "sphere": "encode",
}
"""What a page asks of a model."""
SENTENCES = dict(re.findall(r"^(\d+)\. (.+)$", DOCUMENT, re.MULTILINE))
EPOCHS = {"training.epochs": "1", "training.snapshots": "2"}


@dataclass(frozen=True)
class Row:
    """One line of the table: how to make the model, and what each page says of it."""

    title: str
    preset: str
    changes: dict[str, str]
    cells: dict[str, str]

    @property
    def name(self) -> str:
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def rows() -> list[Row]:
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("|")]
    found = []
    for line in lines[2:]:
        title, recipe, *cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        preset, *options = shlex.split(recipe.strip("`"))
        changes = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
        words = (cell.replace("\\|", "|") for cell in cells)
        found.append(Row(title, preset, changes, dict(zip(PAGES, words, strict=True))))
    return found


ROWS = {row.name: row for row in rows()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A library that is filled as models are asked for: `shelf(row)` is the name of the row's model in it."""
    import latents
    from latents.recipe import override, preset

    root = tmp_path_factory.mktemp("families")

    def name_of(row: Row) -> str:
        if not (root / row.name).exists():
            recipe = override(preset(row.preset), {**row.changes, **EPOCHS})
            latents.train(recipe, root / row.name, accelerator="cpu")
        return row.name

    name_of.root = root
    return name_of


def opened(page: str, name: str, **more: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    if page == "side_by_side" and "beside" not in more:
        more["models"] = name  # else it takes another one to compare with
    if page != "home":
        at.switch_page(f"../pages/{page}.py")
    at.query_params.update({"model": name, **more})
    return at.run()


def spinning(at: AppTest) -> list[str]:
    """What the page still says it is waiting for."""
    return [
        text for text in [*(part.value for part in at.markdown), *(str(p) for p in at.get("spinner"))] if "…" in text
    ]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ROWS)
def test_the_page_shows_what_the_table_says(shelf, monkeypatch, name, page):
    row = ROWS[name]
    monkeypatch.setenv("EXPLORER_LIBRARY", str(shelf.root))
    at = opened(page, shelf(row))
    assert not at.exception
    assert not at.error
    assert not spinning(at)
    cell = row.cells[page]
    said = "\n".join(str(part.value) for part in [*at.markdown, *at.info])
    phrases, sentences = re.findall(r"`([^`]+)`", cell), [SENTENCES[n] for n in re.findall(r"\((\d+)\)", cell)]
    assert phrases or sentences, "the table says nothing of this page"
    for words in phrases:
        assert words in said
    for sentence in sentences:
        assert sentence in said
    if page == "home":
        assert bool(at.get(CANVAS)) == bool(planes.kinds(library.find(name)))
    elif phrases:
        assert at.get(FIGURE[page])
        assert not at.info
    else:
        assert not at.get("image")
        assert not at.get("plotly_chart")
        assert not at.get(CANVAS)
        assert at.info[0].value.startswith(sentences[0])


@pytest.mark.parametrize("name", ROWS)
def test_a_sentence_in_place_of_a_figure_is_the_models_own(shelf, monkeypatch, name):
    """The reason a page gives is that of `why_not`, and where the model answers, there is no reason."""
    monkeypatch.setenv("EXPLORER_LIBRARY", str(shelf.root))
    shelf(ROWS[name])
    entry = library.find(name)
    calls = {"samples": "sample", "interpolate": "encode", "active_units": "units", "pseudo_inputs": "components"}
    calls |= {"traversals": "encode", "side_by_side": "encode"}
    for page, call in calls.items():
        why, cell = library.why_not(entry, call), ROWS[name].cells[page]
        assert (why is None) == ("`" in cell), page
        if why is not None and page != "pseudo_inputs":
            assert why == SENTENCES[re.search(r"\((\d+)\)", cell)[1]]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("beside", ["autoregressive-model", "vae-on-a-sphere"])
def test_models_of_two_families_side_by_side(shelf, monkeypatch, page, beside):
    """What one cannot show does not keep the other from showing it."""
    monkeypatch.setenv("EXPLORER_LIBRARY", str(shelf.root))
    first = shelf(ROWS["hierarchy"])
    at = opened(page, first, beside=shelf(ROWS[beside]))
    assert not at.exception
    assert not at.error
    assert not spinning(at)
    said = "\n".join(str(part.value) for part in [*at.markdown, *at.info])
    assert first in said
    round_ = "sphere" in beside  # the sphere needs one model that has one
    if page in FIGURE and page != "pseudo_inputs" and (page != "sphere" or round_):
        assert at.get(FIGURE[page])
    why = library.why_not(library.find(beside), CALLS.get(page, "encode"))
    assert why is None or page == "pseudo_inputs" or why in said


def test_every_sentence_of_the_document_is_used_and_the_models_differ():
    used = {number for row in ROWS.values() for cell in row.cells.values() for number in re.findall(r"\((\d+)\)", cell)}
    assert used == set(SENTENCES)
    assert len(ROWS) == len(rows())


SHIPPED = sorted(path.parent.name for path in (ROOT / "trained").glob("*/model.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_shows_its_figure_or_its_own_sentence(name):
    entry = library.find(name)
    for page, call in CALLS.items():
        at = opened(page, name)
        assert not at.exception
        assert not at.error
        why = library.why_not(entry, call)
        if why is None and page == "layers_and_codes" and entry.space_kind not in ("layers", "codes"):
            assert at.info[0].value == SENTENCES["20"]
            assert not at.get(FIGURE[page])
        elif why is None and page == "sphere" and globe.why_none(entry) is not None:
            assert at.info[0].value == globe.why_none(entry)
            assert not at.get(FIGURE[page])
        elif why is None:
            assert at.get(FIGURE[page])
        else:
            reasons = (why, library.why_not(entry, "pseudo_inputs"))
            assert at.info[0].value.startswith(reasons[page == "pseudo_inputs"] or why)
            assert not at.get(FIGURE[page])
