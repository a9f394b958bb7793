"""Small parts that several pages use: names beside controls, and places that wait for their content."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import library, view
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

LARGE = 1 << 20
"""Bytes of a picture that has a file of its own."""


def row() -> DeltaGenerator:
    """A place in the row of controls, for those that can only be drawn when a model has been read."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small", width="stretch")


def named(label: str) -> None:
    """The name of a control, in the row before it: a label above would cost the figure a line."""
    st.markdown(label, width="content")


def bounded(key: str, low: int, high: int) -> None:
    """Forget a widget's remembered number where another model has made its range smaller: the default takes over."""
    value = st.session_state.get(key)
    if isinstance(value, int) and not low <= value <= high:
        del st.session_state[key]


@contextmanager
def stage(place: DeltaGenerator | None) -> Iterator[None]:
    """Where a page's figure is built: in the place that waited for it, or directly where nothing had to wait."""
    with st.container() if place is None else place.container():
        yield


def waiting(height: int, sentence: str, entries: list[Entry]) -> DeltaGenerator | None:
    """A `view.slot` while models are read for the first time; None when they are there already."""
    return None if all(library.ready(entry) for entry in entries) else view.slot(height, sentence, entries)


def pictured(png: bytes, alt: str, place: DeltaGenerator | None = None, **more: Any) -> None:
    """A picture over the whole width of its place, which is an element's or that of the call."""
    (place or st).image(inline(png), alt=alt, **({"width": "stretch"} | more))


def inline(png: bytes) -> bytes | str:
    """The picture as part of the page where it is not very large. One in a file of its own has no height until the
    browser has fetched it, and what stands below it would jump up and down again whenever it changes."""
    return png if len(png) > LARGE else f"data:image/png;base64,{b64encode(png).decode()}"


@contextmanager
def working(sentence: str, long: bool = True) -> Iterator[None]:
    """A spinner with a sentence while something that takes `long` is computed; nothing where it is quick."""
    if long:
        with st.spinner(sentence):
            yield
    else:
        yield


def cannot(entry: Entry, why: str, entries: list[Entry]) -> None:
    """Why a model shows nothing here, with its name where there are two in view."""
    view.unavailable(why if len(entries) == 1 else f"{entry.name}: {why}")


def other_model(entry: Entry, fits: Callable[[Entry], bool]) -> None:
    """The way to a model that `fits` what the page shows: of the same data where there is one."""
    other = min(filter(fits, library.whole()), key=lambda found: found.data != entry.data, default=None)
    if other is not None:
        settings: dict[str, Any] = {"icon": ":material/arrow_forward:", "on_click": view.choose, "args": (other.name,)}
        st.button(f"Open {other.name}", key=f"{other.name}-instead-of-{entry.name}", **settings)


def of_other_data(entry: Entry, first: Entry) -> None:
    """Why a model is not shown beside one of other data."""
    view.unavailable(
        f"{entry.name} is not shown: it knows {entry.data_title}, and these are test images of {first.data_title}.",
        "Choose a model of the same data beside this one.",
    )


def points(entries: list[Entry]) -> str:
    """Where the test images are drawn: `the mean of q(z|x)`, and what it is in the second model where it differs."""
    return " and ".join(dict.fromkeys(f"the {library.point_words(entry)}" for entry in entries))


def shown(entries: list[Entry]) -> str:
    """What decoded pictures are: `the mean of p(x|z)`, `a sample of p(x|z)`."""
    words = {"mean": "the mean of p(x|z)", "sample": "a sample of p(x|z)"}
    return " and ".join(dict.fromkeys(words[library.shows(entry)] for entry in entries))
