"""What a page shows, and the parts every page has.

The view is the chosen model, the one beside it and the page's own parameters; all of them are widgets bound to the
URL (`bind="query-params"`), so a reload and a copied link give the same picture. `hide=controls` in the URL hides
every control, for a class. (Streamlit 1.67 drops a page's parameters from the history when the page is left: the back
button keeps the models, not the rest.)

A page reads from top to bottom like this::

    entry = view.model()
    net = view.loaded(entry)                    # or one sentence on why not, and the page stops
    with view.header("Samples"):
        seed = st.number_input("Seed", ..., key="seed", bind="query-params")
    view.figure(fig, key="samples", alt="...")
    view.caption("What is seen.", "mnist-vampprior-2d · MNIST test, 10,000 images")
    view.explain("In plain words ...", r"p(x) = \\int p(x \\mid z)\\, p(z)\\, dz")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import access, library, words
from explorer.charts import theme
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from latents.models.base import Model

NONE = "None"
LARGER = 1.35
"""How much larger letters of a figure are for the back row."""


# -- the view ------------------------------------------------------------------------------------------------


def pickers() -> None:
    """The two model pickers, bound to the URL. `Home.py` draws them once, above every page."""
    names = [entry.name for entry in library.whole()]
    if not names:
        return
    st.selectbox("Model", names, key="model", bind="query-params")
    st.selectbox(
        "Beside",
        [NONE, *names],
        key="beside",
        bind="query-params",
        help="A second model in the same place, at the same size and scale.",
    )


def train_from() -> None:
    """The way from the chosen model to the form that begins with its recipe."""
    if not access.read_only() and library.whole():
        label, icon = "Train from its recipe", ":material/add_circle:"
        if st.button(label, icon=icon, type="tertiary", key="train-from", help="A new run, from this model's recipe."):
            go("new_run", start="This model's recipe")


def model() -> Entry:
    """The chosen model. Stops the page with a sentence where the library is empty."""
    entry = library.find(st.session_state.get("model")) or next(iter(library.whole()), None)
    if entry is None:
        roots = " or ".join(f"`{root}`" for root, _ in library.roots())
        unavailable(f"There are no models in {roots}.", "Run `make train-zoo`, or `latents train mnist-vampprior-2d`.")
        st.stop()
    return entry


def beside() -> Entry | None:
    """The model set beside the chosen one, or None."""
    other = library.find(st.session_state.get("beside"))
    return None if other is None or other.name == model().name else other


def models() -> list[Entry]:
    """The one or two models in view."""
    other = beside()
    return [model()] if other is None else [model(), other]


def hidden() -> bool:
    """Whether the link asks for the figure alone (`hide=controls`)."""
    return st.session_state.get("hide") == "controls"


def taller(height: int) -> int:
    """The height of a figure of this height where the row of controls is hidden."""
    return round(height * 1.04) if hidden() else height


def dark() -> bool:
    """Whether the visitor sees the dark theme."""
    return st.context.theme.type == "dark"


def tones() -> theme.Tone:
    """The tones for figures in the visitor's theme."""
    return theme.tone(dark())


def choose(name: str) -> None:
    """Make this the chosen model: for a button's `on_click`."""
    st.session_state["model"] = name


def go(name: str, **parameters: str) -> None:
    """Go to the page of this name; parameters: of that page's own widgets.

    (`st.switch_page` without query parameters refuses while a picker is bound to the URL, and `st.page_link` with a
    `model` parameter changes the URL but not the picker. So change the model by `choose`, then come here.)
    """
    st.switch_page(page(name), query_params=parameters)


def page(name: str) -> str:
    """The page of this name as `st.page_link` wants it."""
    return f"../pages/{name}.py"


# -- parts of a page -----------------------------------------------------------------------------------------


@contextmanager
def header(text: str) -> Iterator[None]:
    """The page's title and, in the same row, its controls: at most five, the rest in `more()`; then the menu to share.

    A control there has `label_visibility="collapsed"` where its options speak for themselves.
    """
    from explorer import sharing  # (which shows the models in view)

    with st.container(key="header", horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(text, anchor=False, width="content")
        with controls("header"):
            yield
        sharing.menu(text)


@contextmanager
def controls(name: str = "row") -> Iterator[None]:
    """A row of controls, which `hide=controls` hides; name: another one for each row of a page."""
    with st.container(
        key=f"controls-{name}", horizontal=True, vertical_alignment="center", gap="small", width="stretch"
    ):
        yield


@contextmanager
def more() -> Iterator[None]:
    """The popover for the controls that do not fit the row."""
    with st.popover("More", icon=":material/tune:"):
        yield


def slot(height: int, waiting_for: str, entries: list[Entry]) -> DeltaGenerator:
    """The place of a figure. While models are read for the first time it holds an empty figure of the same height
    that says what it waits for; that also makes the browser load Plotly while Python loads torch."""
    place = st.empty()
    if not all(library.ready(entry) for entry in entries):
        from explorer.charts.waiting import waiting

        place.plotly_chart(waiting(waiting_for, tones(), height), width="stretch", theme=None, config=theme.CONFIG)
    return place


def figure(fig: Any, key: str, alt: str, place: DeltaGenerator | None = None) -> None:
    """A Plotly figure over the whole width; alt: what it shows, for those who do not see it; place: a `slot`.

    Where the controls are hidden, for a class, its letters are larger and it takes their place.
    """
    if hidden():
        fig.update_layout(height=taller(fig.layout.height or 450))
        for axes in (fig.update_xaxes, fig.update_yaxes):
            axes(tickfont_size=12 * LARGER, title_font_size=14 * LARGER)
    (place or st).plotly_chart(fig, key=key, width="stretch", theme=None, config=theme.CONFIG, alt=alt)


def caption(sentence: str, provenance: str) -> None:
    """Under a figure: one sentence that says what is seen, and one small gray line on where it comes from."""
    with st.container(gap=None):
        st.markdown(sentence)
        small(provenance)


def test_images(entries: list[Entry]) -> str:
    """For the line of provenance: the test images behind a figure, once for each data set."""
    return " | ".join(dict.fromkeys(library.images(entry).provenance for entry in entries))


def small(text: str) -> None:
    """A small gray line."""
    st.markdown(f":small[:gray[{text}]]")


def wrong(sentence: str) -> None:
    """What is wrong with what was typed, in small letters below it."""
    st.markdown(f":small[:red[{words.capital(sentence)}]]")


def heading(text: str) -> None:
    """The heading of a part of a page."""
    st.subheader(text, anchor=False)


def explain(text: str, maths: str) -> None:
    """What am I looking at: a paragraph in plain words, and Markdown with the formulas behind an expander."""
    with st.container(key="explain"):
        heading("What am I looking at?")
        st.markdown(text)
        with st.expander("Show the maths"):
            st.markdown(maths)


def unavailable(sentence: str, try_instead: str = "") -> None:
    """Why there is nothing to see here, and what to do instead."""
    stop = "" if sentence.endswith((".", "!", "?")) else "."
    st.info(f"{sentence}{stop} {try_instead}".strip(), icon=":material/info:")


def writable() -> None:
    """Stop a page that changes something where the app is read-only, however its address was reached."""
    if access.read_only():
        unavailable("This app is read-only: it shows models, and neither trains nor changes any.")
        st.stop()


def problem(entry: Entry, call: str = "encode") -> str | None:
    """One sentence on why the model does not answer `call` (see `Model.why_not`) or cannot be read, or None."""
    from latents.errors import LatentsError

    try:
        why = library.why_not(entry, call)
        if why is None and call == "encode":
            library.encoding(entry)
        return why
    except LatentsError as error:
        return str(error)


def loaded(entry: Entry, call: str = "decode", try_instead: str = "", place: DeltaGenerator | None = None) -> Model:
    """The model, if it answers `call`; else one sentence on why not, at which the page stops.

    place: the `slot` of a figure, which is then given up.
    """
    why = problem(entry, call)
    if why is not None:
        if place is not None:
            place.empty()
        unavailable(why, try_instead)
        st.stop()
    return library.model(entry)


def encoded(entry: Entry, place: DeltaGenerator | None = None) -> library.Encoding:
    """The encoded test images, or one sentence on why not, at which the page stops. See `loaded`."""
    loaded(entry, "encode", place=place)
    return library.encoding(entry)


def style() -> None:
    """The app's few style rules, and the hiding of controls where the link asks for it."""
    st.text_input("hide", key="hide", bind="query-params")  # never seen; keeps `hide=controls` in the URL
    folder = Path(__file__).parent
    st.html(folder / "style.css")
    if dark():
        st.html(folder / "dark.css")
    if hidden():
        st.html(folder / "hide.css")
