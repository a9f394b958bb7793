"""The live plane of one model with a path on it, its bead, and two ends that can be dragged to other test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from explorer import insets, library, paths, planes
from explorer.canvas import canvas, state
from explorer.charts.region import Limits
from explorer.library import Entry
from explorer.linked_planes import short

NUDGES = "path-nudges"


def draw(
    entry: Entry,
    line: np.ndarray,
    height: int,
    *,
    bead: int | None,
    images: tuple[int, ...],
    ends: np.ndarray | None,
    to: Callable[[int, int], None],
    title: str = "",
    small: bool = False,
) -> None:
    """line [F, size]: the path, with its bead at place `bead`; images: test images that are marked; ends [2, size]: the
    two that can be dragged, or None; to: told `(end, test image)` when an end was dropped on, or a click hit, an image
    (a click moves the last end); small: without tools, and with short titles."""
    from explorer.canvas import scene

    layout = insets.layout(entry)
    region, legend, key = planes.region([layout]), scene.classes([entry]), f"path-{entry.name}"
    places = placed(entry, layout, line)
    low, high = np.array(region).T
    inside = bool((low <= places).all() and (places <= high).all())
    seen = region if inside else _around(np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0)))
    handles = None if ends is None else placed(entry, layout, ends)
    if handles is not None:  # the canvas takes what is new: an end dropped beside its own image goes back to it
        handles = (handles + 1e-6 * (st.session_state.get(NUDGES, 0) % 100)).tolist()
    plane = scene.plane(entry, layout, region, legend, title=title)
    if small:
        plane = replace(plane, x_title=short(plane.x_title), y_title=short(plane.y_title))
    canvas(
        [plane],
        seen,
        key=key,
        height=height,
        classes=legend,
        selection=images,
        on_select=partial(_clicked, key, to, 0 if ends is None else 1),
        on_ends=None if ends is None else partial(_dropped, key, layout.points, np.array(handles), to),
        ends=handles,
        paths=[places.tolist()],
        bead=None if bead is None else paths.share_of_length(places, bead),
        pseudo=False,
        neighbours=0,
        crowd=5,
        tools=not small,
    )


def _around(low: np.ndarray, high: np.ndarray) -> Limits:
    """A square region that holds [low, high], with some air."""
    middle, half = (low + high) / 2, float((high - low).max()) * 0.53
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def placed(entry: Entry, layout: planes.Layout, z: np.ndarray) -> np.ndarray:
    """Where z [..., size] falls on the plane, [..., 2], rounded as it is sent."""
    return np.round(layout.to_plane(library.coordinates(entry, z)).astype(np.float64), 5)


def _clicked(key: str, to: Callable[[int, int], None], end: int) -> None:
    selected = state(key).selection
    if len(selected) == 1:
        to(end, selected[0])


def _dropped(key: str, points: np.ndarray, before: np.ndarray, to: Callable[[int, int], None]) -> None:
    """The end that was let go takes the test image nearest to it."""
    ends = state(key).ends
    if ends is None:
        return
    st.session_state[NUDGES] = st.session_state.get(NUDGES, 0) + 1
    moved = np.linalg.norm(np.array(ends) - before, axis=1)
    end = int(moved.argmax())
    if moved[end] > 0:
        to(end, int(np.linalg.norm(points - np.array(ends[end]), axis=1).argmin()))
