"""One point of latent space: chosen by sliders or typed, its picture, and the test images nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from explorer import draws, library, naming, parts, paths, planes, usage, view, words
from explorer.charts import images
from explorer.charts.region import Limits, class_name
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

NEAREST = 6
TYPED = 100
"""A z of more numbers is not typed."""


def answers(entries: list[Entry], place: DeltaGenerator, z: np.ndarray | None) -> None:
    """The pictures at the point z of the first model, and the test images nearest to it."""
    if z is None:
        return
    alone = len(entries) == 1
    with place:
        columns = [st.container()] if alone else st.columns(len(entries), gap="medium")
    for column, entry in zip(columns, entries, strict=True):
        with column:
            if (entry.space_kind, entry.space_title) == (entries[0].space_kind, entries[0].space_title):
                answer(entry, z, title="" if alone else entry.name)
            else:
                view.unavailable(f"{entry.name} has another latent space: this z is no point of it.")


def code(entry: Entry, region: Limits) -> np.ndarray | None:
    """The latent point [size] that the visitor slid or typed; None (and a sentence) where the typing is no point."""
    size = library.encoding(entry).points.shape[1]
    numbers = library.encoding(entry).coordinates.shape[1] == size <= TYPED  # z itself is what is near and far
    given = st.session_state["z"] if "z" in st.session_state else st.query_params.get("z")  # its widget comes below
    typed = (given or "") if numbers else ""
    if entry.flat:
        slid = _slid(region, bool(typed))
    elif library.why_not(entry, "units") is None:
        slid = _moved(entry, bool(typed))
    else:
        slid = _between(entry, bool(typed))
    if not numbers:
        return slid
    st.text_input(
        "z", placeholder=f"or type z: {size} numbers", key="z", bind="query-params", label_visibility="collapsed"
    )
    found = _parsed(typed, size) if typed else slid
    return None if found is None else library.from_coordinates(entry, found)


def _slid(region: Limits, disabled: bool) -> np.ndarray:
    """A point of two dimensions, one slider each."""
    values = [
        st.slider(symbol, low, high, min(max(0.0, low), high), 0.05, key=key, bind="query-params", disabled=disabled)
        for symbol, key, (low, high) in zip(("z₁", "z₂"), ("z1", "z2"), region, strict=True)
    ]
    return np.array(values, np.float32)


def _moved(entry: Entry, disabled: bool) -> np.ndarray:
    """A point of many dimensions: that of a test image with one unit moved."""
    points = library.encoding(entry).points
    names = naming.units(usage.layers(entry))
    liveliest = int(points.var(axis=0).argmax()) + 1
    left, right = st.columns(2)
    settings: Any = {"bind": "query-params", "disabled": disabled}
    parts.bounded("image", 0, len(points) - 1)
    parts.bounded("unit", 1, points.shape[1])
    i = left.number_input("Test image", 0, len(points) - 1, 0, key="image", help="Counted from 0.", **settings)
    u = right.number_input(
        "Unit", 1, points.shape[1], liveliest, key="unit", help="The first choice varies most.", **settings
    )
    by = st.slider(f"Move {naming.symbol(names[u - 1])} by", -4.0, 4.0, 0.0, 0.05, key="by", **settings)
    z = points[i].copy()
    z[u - 1] += by
    return z


def _between(entry: Entry, disabled: bool) -> np.ndarray:
    """A point of a space without units: on the way from one test image to another."""
    points = library.encoding(entry).points
    left, right = st.columns(2)
    settings: Any = {"bind": "query-params", "disabled": disabled}
    for key in ("image", "towards"):
        parts.bounded(key, 0, len(points) - 1)
    i = left.number_input("Test image", 0, len(points) - 1, 0, key="image", help="Counted from 0.", **settings)
    j = right.number_input("Towards", 0, len(points) - 1, 1, key="towards", help="Another test image.", **settings)
    t = st.slider("Share of the way", 0.0, 1.0, 0.0, 0.05, key="share", **settings)
    return paths.between(entry, points[i], points[j], np.array([t]))[0]


def _parsed(typed: str, size: int) -> np.ndarray | None:
    try:
        z = words.numbers(typed)
    except ValueError:
        st.warning(f"z is {size} numbers with commas between them, but “{typed}” was given.")
        return None
    if len(z) != size:
        st.warning(f"z has {size} numbers here, but {len(z)} were given.")
        return None
    return np.array(z, np.float32)


def answer(entry: Entry, z: np.ndarray, title: str) -> None:
    """The picture at z and the test images nearest to it."""
    test = library.encoding(entry)
    if title:
        st.markdown(f"**{title}**")
    left, right = st.columns([2, 3], gap="small")
    with left, st.container(gap="xxsmall"):
        with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
            picture = library.decode(entry, z[None])[0]
        parts.pictured(images.image_png(picture), "The decoded picture")
        view.small("mean of p(x|z)" if library.shows(entry) == "mean" else "a sample of p(x|z)")
    with right, st.container(gap="xxsmall"):
        nearest, distances = planes.nearest(test.coordinates, library.coordinates(entry, z), NEAREST)
        alt = f"The {NEAREST} test images nearest to it"
        parts.pictured(images.grid_png(test.images.gray[nearest], NEAREST // 2, gap=1), alt)
        view.small(f"nearest test images{_classes(test.images, nearest)} ({distances[0]:.2f}–{distances[-1]:.2f} away)")


def _classes(test: library.Images, chosen: np.ndarray) -> str:
    if test.labels is None:
        return ""
    return ": " + ", ".join(class_name(int(label), test.class_names) for label in test.labels[chosen])
