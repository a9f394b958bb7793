"""The live plane of one model with a path on it, its bead, and its ends, which can be dragged to other test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from explorer import insets, library, paths, planes
from explorer.canvas import canvas, state
from explorer.canvas.track import Track
from explorer.charts.region import Limits
from explorer.courses import Course
from explorer.library import Entry
from explorer.linked_planes import short

NUDGES = "path-nudges"


def draw(
    entry: Entry,
    line: np.ndarray,
    height: int,
    *,
    images: tuple[int, ...],
    ends: np.ndarray,
    to: Callable[[int, int], None],
    clicks: int,
    hint: str,
    steps: Steps | None = None,
    title: str = "",
    small: bool = False,
    bare: bool = False,
) -> None:
    """line [F, size]: the path; images: test images that are marked; ends [n, size]: the points a, b ... that can be
    dragged; to: told `(end, test image)` when an end was dropped on, or a click hit, an image; clicks: the end that a
    click moves; hint: what can be done here; steps: those of the path, with its bead; small: without tools, and with
    short titles; bare: without legend and hint."""
    from explorer.canvas import scene

    layout = insets.layout(entry)
    region, legend, key = planes.region([layout]), scene.classes([entry]), f"path-{entry.name}"
    places = placed(entry, layout, line)
    low, high = np.array(region).T
    inside = bool((low <= places).all() and (places <= high).all())
    seen = region if inside else _around(np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0)))
    # the canvas takes what is new: an end dropped beside its own image goes back to it
    handles = placed(entry, layout, ends) + 1e-6 * (st.session_state.get(NUDGES, 0) % 100)
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
        on_select=partial(_clicked, key, to, clicks),
        on_ends=partial(_dropped, key, layout.points, handles, to),
        on_bead=None if steps is None else partial(_led, key, steps),
        ends=handles.tolist(),
        hint=hint,
        paths=[places.tolist()],
        bead=None if steps is None else paths.share_of_length(places, steps.course.nearest(steps.at)),
        track=None if steps is None else steps.track(plane.decoder is not None),
        pseudo=False,
        neighbours=0,
        crowd=5,
        tools=not small,
        bare=bare,
    )


@dataclass(frozen=True)
class Steps:
    """The steps of a course: at: the chosen one; names: of each, "t = 0.50"; symbol: "t" or "s", "" where nothing lies
    between two steps; go: told where the bead was let go; slider: the label of the one that chooses the step; places:
    its value at each step."""

    course: Course
    at: int
    names: tuple[str, ...]
    symbol: str
    go: Callable[[int], None]
    slider: str
    places: tuple[float, ...]

    def track(self, portable: bool) -> Track:
        """portable: whether the browser decodes."""
        course = self.course
        return Track(
            stops=tuple(course.nearest(step) for step in range(len(course.t))),
            values=tuple(float(t) for t in course.t),
            names=self.names,
            symbol=self.symbol,
            codes=course.fine_z if portable else None,
            pictures=course.pictures,
            slider=self.slider,
            places=self.places,
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


def _led(key: str, steps: Steps) -> None:
    step = state(key).bead
    if step is not None and 0 <= step < len(steps.course.t):
        steps.go(step)


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
