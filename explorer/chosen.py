"""The test images that are chosen on a canvas: kept in the address of the page, and shown beside the figure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from explorer import colours, draws, focus, library, parts, planes, selected, view
from explorer.canvas import picked, state
from explorer.charts import images
from explorer.charts.region import class_name
from explorer.library import Entry, Images

FIELD, _WHOLE = "picked", "picked-whole"
NEAREST, K = 6, "k"
"""Nearest images that are shown, and the widget that says how many."""
ACROSS = 6
MOST_CLASSES = 8
"""Classes that are named of many images."""


def field() -> None:
    """The widget, never seen, that keeps the choice in the address. Draw it where the choice is used."""
    focus.keep(FIELD)  # the same images are chosen on all pages
    st.text_input("Chosen test images", key=FIELD, bind="query-params")


def selection(count: int) -> tuple[int, ...]:
    """The places of the chosen images, ascending, among `count`."""
    text = st.session_state.get(FIELD) or ""
    whole = st.session_state.get(_WHOLE, ())
    found = whole if picked.encode(whole) == text else picked.decode(text, count)
    return tuple(i for i in found if i < count)


def choose(indices: tuple[int, ...]) -> None:
    """Make these the chosen images: for callbacks. (A choice too large for an address lasts as long as the visit.)"""
    st.session_state[_WHOLE] = indices
    st.session_state[FIELD] = picked.encode(indices)


def taken(key: str) -> Callable[[], None]:
    """The `on_select` of the canvas with this key."""
    return lambda: choose(state(key).selection)


# -- the panel -----------------------------------------------------------------------------------------------


def panel(entries: list[Entry], chosen: tuple[int, ...]) -> None:
    """What is chosen: one image with its reconstructions and neighbours, or what many have in common."""
    test = library.images(entries[0])
    entries = [entry for entry in entries if entry.data == entries[0].data]  # places mean other images elsewhere
    with st.container(key="controls-chosen", horizontal=True, vertical_alignment="center", gap="small"):
        view.heading(_title(test, chosen))
        st.button("Clear", key="clear-chosen", icon=":material/close:", type="tertiary", on_click=choose, args=((),))
    if len(chosen) == 1:
        one(entries, test, chosen[0])
    else:
        many(entries, test, chosen)


def _title(test: Images, chosen: tuple[int, ...]) -> str:
    if len(chosen) > 1:
        return f"{len(chosen):,} test images"
    image = f"Test image {chosen[0]:,}"
    return image if test.labels is None else f"{image}: {_named(test, chosen[0])}"


def _named(test: Images, i: int) -> str:
    assert test.labels is not None
    return class_name(int(test.labels[i]), test.class_names)


def one(entries: list[Entry], test: Images, i: int) -> None:
    """The image as the model sees it, its point decoded, and the images nearest to it in latent space."""
    columns = st.columns(1 + len(entries), gap="small")
    with columns[0], st.container(gap="xxsmall"):
        parts.pictured(images.image_png(test.seen[i]), f"Test image {i}")
        view.small("the image")
    for column, entry in zip(columns[1:], entries, strict=True):
        with column, st.container(gap="xxsmall"):
            with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
                parts.pictured(images.image_png(_reconstruction(entry, i)), f"Its reconstruction by {entry.name}")
            view.small("reconstructed" if len(entries) == 1 else f"by {entry.name}")
    for entry in entries:
        coordinates = library.encoding(entry).coordinates
        k = neighbours()
        nearest, distances = planes.nearest(coordinates, coordinates[i], k + 1)
        others = nearest != i
        nearest, distances = nearest[others][:k], distances[others][:k]
        with st.container(gap="xxsmall"):
            parts.pictured(images.grid_png(test.gray[nearest], ACROSS, gap=1), f"The {k} nearest test images")
            name = "" if len(entries) == 1 else f" for {entry.name}"
            classes = "" if test.labels is None else ": " + ", ".join(_named(test, int(j)) for j in nearest)
            view.small(f"nearest test images{name}{classes} ({distances[0]:.2f}–{distances[-1]:.2f} away)")
            view.small(selected.posterior_words(entry, i))


def neighbours() -> int:
    """How many nearest images are shown of a chosen one."""
    return int(st.session_state.get(K, NEAREST))


def _reconstruction(entry: Entry, i: int) -> np.ndarray:
    """The picture of image i's point, uint8 [C, H, W]."""
    z = library.encoding(entry).points[i : i + 1]
    return library.remember("reconstruction", entry, lambda: library.decode(entry, z)[0], i)


def many(entries: list[Entry], test: Images, chosen: tuple[int, ...]) -> None:
    """What many images have in common: their mean, the decoded mean of their codes, ELBO and classes; and a file."""
    places = np.array(chosen)
    left, right = st.columns([2, 3], gap="small")
    with left, st.container(gap="xxsmall"):
        mean = test.gray[places].astype(np.float64).mean(axis=0) / 255
        parts.pictured(images.image_png(images.to_uint8(mean)), "The mean of the chosen images")
        view.small("their mean")
        for entry in entries:
            parts.pictured(
                images.image_png(decoded_mean(entry, chosen)), f"The mean of their codes, decoded by {entry.name}"
            )
            view.small("mean code, decoded" if len(entries) == 1 else f"mean code, by {entry.name}")
    with right:
        for entry in entries:
            colours.measured(entry)
            spoken = selected.elbo_words(entry, chosen)
            if spoken:
                view.small(spoken if len(entries) == 1 else f"{entry.name}: {spoken}")
        st.download_button(
            "CSV and images",
            data=partial(selected.archive, entries, chosen),
            file_name=f"{entries[0].data}-test-selection.zip",
            mime="application/zip",
            icon=":material/download:",
            on_click="ignore",
            key="selection-file",
            help="One row for each image: its class, code, ELBO, error and KL under each model; and its pictures.",
        )
        if test.labels is None:
            view.small("These images have no classes.")
            return
        st.markdown("  \n".join(mix(test, places)))


def mix(test: Images, places: np.ndarray, most: int = MOST_CLASSES) -> list[str]:
    """The classes of these test images, those of most images first, a line each; the rest beyond `most` is counted."""
    assert test.labels is not None
    labels, counts = np.unique(test.labels[places], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    lines = [
        f"**{class_name(int(labels[k]), test.class_names)}** {_percent(counts[k] / len(places))} ({counts[k]:,})"
        for k in order[:most]
    ]
    rest = len(order) - most
    return [*lines, *([f"and {rest} more"] if rest > 0 else [])]


def decoded_mean(entry: Entry, chosen: tuple[int, ...]) -> np.ndarray:
    """The picture of the mean of the images' codes, uint8 [C, H, W]: in a curved space of the point nearest to it."""
    mean = library.encoding(entry).coordinates[np.array(chosen)].mean(axis=0, keepdims=True)
    return library.decode(entry, library.from_coordinates(entry, mean))[0]


def _percent(share: float) -> str:
    """`27 %`, `<1 %`."""
    return "<1\u202f%" if share < 0.005 else f"{share * 100:.0f}\u202f%"
