"""The row under the planes of a hierarchy's layers: what each layer holds of the chosen image, or of many."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import chosen, draws, layer_planes, library, parts, view, words
from explorer.charts import images
from explorer.charts.region import class_name
from explorer.library import Entry, Images

NEAREST, COLUMNS = 12, 6
"""Nearest images of each layer, and how many stand in a row; half of both beside another model."""


def row(entry: Entry, test: Images, selected: tuple[int, ...], alone: bool) -> None:
    """The pictures of what is selected, with the layers added one after the other, and what each layer sets near it."""
    names = layer_planes.symbols(entry)
    if len(selected) == 1:
        one(entry, test, selected[0], names, alone)
    else:
        many(entry, test, np.array(selected), names)


def one(entry: Entry, test: Images, i: int, names: list[str], alone: bool) -> None:
    n, across = (NEAREST, COLUMNS) if alone else (NEAREST // 2, COLUMNS // 2)
    z = library.encoding(entry).points[i]
    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        found = library.remember("pictures of layers", entry, lambda: layer_planes.pictures(entry, z), i)
    near = range(min(len(names), layer_planes.MOST))
    columns = st.columns([1] * (1 + len(found)) + [across / 2] * len(near), gap="small")
    label = "" if test.labels is None else f": {class_name(int(test.labels[i]), test.class_names)}"
    picture(columns[0], test.seen[i], f"image {i:,}{label}")
    for column, one_picture, said in zip(columns[1:], found, upto(names), strict=False):
        picture(column, one_picture, said)
    for column, layer in zip(columns[1 + len(found) :], near, strict=True):
        others = layer_planes.nearest(entry, i, layer, n)
        with column, st.container(gap=None):
            alt = f"The test images nearest to it by {names[layer]}"
            parts.pictured(images.grid_png(test.gray[others], across, gap=1, scale=2), alt)
            view.small(f"{'nearest ' if alone else ''}by {names[layer]}{agreeing(test, i, others, alone)}")


def agreeing(test: Images, i: int, others: np.ndarray, whole: bool) -> str:
    """How many of the others are of image i's class: `: 11 of 12 of its class`, or without these words."""
    if test.labels is None:
        return ""
    same = int((test.labels[others] == test.labels[i]).sum())
    return f": {same} of {len(others)}{' of its class' if whole else ''}"


def many(entry: Entry, test: Images, places: np.ndarray, names: list[str]) -> None:
    """The images' mean, the mean of their codes decoded layer by layer, and their classes."""
    mean = library.encoding(entry).coordinates[places].mean(axis=0, keepdims=True)
    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        found = layer_planes.pictures(entry, library.from_coordinates(entry, mean)[0])
    columns = st.columns([1] * (1 + len(found)) + [COLUMNS / 2 * min(len(names), layer_planes.MOST)], gap="small")
    average = test.gray[places].astype(np.float64).mean(axis=0) / 255
    picture(columns[0], images.to_uint8(average), "their mean")
    for column, one_picture, said in zip(columns[1:], found, upto(names), strict=False):
        picture(column, one_picture, f"mean {said}")
    with columns[-1]:
        told = f"**{words.capital(words.count(len(places), 'test image'))}**"
        st.button("Clear", key=f"clear-{entry.name}", icon=":material/close:", on_click=chosen.choose, args=((),))
        st.markdown(told if test.labels is None else f"{told}: {', '.join(chosen.mix(test, places))}")


def upto(names: list[str]) -> list[str]:
    """`z₂ alone`, `all layers`; the last picture is the whole reconstruction."""
    return [f"{names[0]} alone", *(f"{names[0]} to {names[k]}" for k in range(1, len(names) - 1)), "all layers"]


def picture(column, image: np.ndarray, said: str) -> None:
    with column, st.container(gap=None):
        parts.pictured(images.image_png(image, images.scale_for(image.shape[-1], 224)), said)
        view.small(said)
