"""Small planes beside a figure, made from a model: `charts.inset` in the visitor's theme, its backdrop cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from explorer import library, planes, view
from explorer.charts.region import Limits
from explorer.library import Entry

if TYPE_CHECKING:
    import plotly.graph_objects as go

FINE, COARSE, MANY = 170, 85, 3000
"""Pixels of the backdrop along a side. A test image is one of them, so it is larger where there are not MANY."""


def able(entry: Entry) -> bool:
    """Whether the model's points can be placed on a plane: a single unit has none."""
    return bool(planes.kinds(entry))


def layout(entry: Entry) -> planes.Layout:
    """The plane that codes can be placed on: the two units, or PCA of more."""
    found = planes.of(entry, planes.kinds(entry)[0])
    assert found is not None  # only UMAP may not have been computed yet, and it is never the first kind
    return found


def region(entries: list[Entry]) -> Limits:
    """One region for the small planes of all models in view."""
    return planes.region([layout(entry) for entry in entries])


def lost(entry: Entry) -> str | None:
    """What the small plane does not show, in a few words; None where it is latent space itself."""
    shown = layout(entry)
    if shown.kind == "units":
        return None
    return f"a shadow of {entry.space_title} on the first two principal components (PC)"


def inset(
    entry: Entry,
    around: Limits,
    height: int,
    *,
    title: str = "",
    path: np.ndarray | None = None,
    pseudo: bool = False,
    chosen: np.ndarray | None = None,
) -> go.Figure:
    """The model's small plane; path [T, size], chosen [size]: points of the space, placed on it here.

    pseudo: with the pseudo-inputs.
    """
    from explorer.charts import inset as chart

    shown = layout(entry)
    short = ("z₁", "z₂") if shown.kind == "units" else ("PC 1", "PC 2")
    unit = " (latent units)" if entry.space_kind == "euclidean" else ""
    return chart.inset(
        _backdrop(entry, shown, around),
        around,
        (title, short[0] + unit, short[1] + unit),
        view.tones(),
        height,
        path=None if path is None else planes.forth(entry, shown, path),
        dots=shown.pseudo if pseudo else None,
        chosen=None if chosen is None else planes.forth(entry, shown, chosen),
    )


def _backdrop(entry: Entry, shown: planes.Layout, around: Limits) -> np.ndarray:
    from explorer.charts import locator

    def draw() -> np.ndarray:
        size = FINE if len(shown.points) > MANY else COARSE
        return locator.background(shown.points, library.images(entry).labels, around, size)

    return library.remember("backdrop", entry, draw, shown.kind, around)
