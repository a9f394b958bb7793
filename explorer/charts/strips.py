"""Rows of pictures with their names beside them: traversals, layers taken away, models one under the other.

The rows stand in as many blocks beside each other as makes the pictures largest. A row is one PNG, enlarged by a whole
number, so its pixels are crisp; what is marked on a row is drawn over it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.charts import sheet
from explorer.charts.theme import SMALL, Tone, layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

GAP = 3
"""Pixels between the pictures of a row."""
BETWEEN = 10
"""Pixels between two rows, where the marks are."""
APART = 26
"""Pixels between two blocks of rows."""
HEAD = 24
"""Pixels for the names of the columns; a few are left where they have none."""
LARGEST = 128
"""A picture is drawn no larger than so many pixels, however few there are."""
SHARP = 2
"""A PNG has so many pixels for each of the screen's, for sharp screens."""


@dataclass(frozen=True)
class Row:
    """One row.

    pictures: [n, C, H, W]; name, note: beside it, two lines; mark: the column, fractions allowed, under which a
    triangle points up, or None; dim: drawn faint, its name gray; hover: what is said of each picture, or nothing.
    """

    name: str
    pictures: np.ndarray
    note: str = ""
    mark: float | None = None
    dim: bool = False
    hover: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """How rows are laid out in a place: blocks beside each other, rows in each, and the side of a picture in pixels."""

    blocks: int
    rows: int
    side: float


def fit(rows: int, columns: int, width: int, height: int, beside: int, most: int, head: int = HEAD) -> Grid:
    """The layout of this many rows with the largest pictures, in at most so many blocks; beside: see `strips`."""
    grids = []
    for blocks in range(1, max(1, min(rows, most)) + 1):
        tall = -(-rows // blocks)
        across = (width - APART * (blocks - 1)) / blocks - beside
        side = min(across / columns - GAP, (height - head) / tall - BETWEEN, LARGEST)
        grids.append(Grid(blocks, tall, side))
    return max(grids, key=lambda grid: (grid.side, -grid.blocks))


def capacity(columns: int, width: int, height: int, beside: int, side: int) -> int:
    """How many rows fit a place with pictures of at least this side, at least one."""
    blocks = max(1, (width + APART) // (beside + columns * (side + GAP) + APART))
    return max(1, blocks * ((height - HEAD) // (side + BETWEEN)))


def strips(
    rows: list[Row], heads: list[str], tones: Tone, width: int, height: int, *, beside: int = 110, blocks: int = 99
) -> go.Figure:
    """The rows as one figure of this width and height in pixels, and lower where they need less.

    heads: the names of the columns, over each block; beside: pixels for the names in front of a row; blocks: at most.
    """
    import plotly.graph_objects as go

    columns = max(len(row.pictures) for row in rows)
    head = HEAD if any(heads) else 4
    grid = fit(len(rows), columns, width, height, beside, blocks, head)
    across = beside + columns * (grid.side + GAP)
    used = head + grid.rows * (grid.side + BETWEEN)
    high = min(float(height), used)
    whole = max(float(width), grid.blocks * (across + APART) - APART)
    parts = _Parts([], [], [], [])
    for block in range(grid.blocks):
        here = rows[block * grid.rows : (block + 1) * grid.rows]
        left = block * (across + APART)
        if here:
            _heads(parts, heads, left + beside, grid.side, tones)
        for i, row in enumerate(here):
            _row(parts, row, left, head + i * (grid.side + BETWEEN), beside, grid.side, tones)
    fixed = {"visible": False, "fixedrange": True, "constrain": "domain"}
    axes = {
        "xaxis": fixed | {"range": [0, whole], "constraintoward": "left"},
        "yaxis": fixed | {"range": [high, 0], "scaleanchor": "x", "constraintoward": "top"},
    }
    if parts.marks:
        parts.traces.append(_marks(parts.marks, tones))
    drawn = {"images": parts.images, "annotations": parts.words}
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return go.Figure(parts.traces, layout(tones, round(high), margin=margin, dragmode=False, **axes, **drawn))


@dataclass(frozen=True)
class _Parts:
    """What a figure is made of, in one go: Plotly's `add_...` look through all that was added before.

    marks: the places of the triangles.
    """

    traces: list[dict[str, Any]]
    images: list[dict[str, Any]]
    words: list[dict[str, Any]]
    marks: list[tuple[float, float]]


def _heads(parts: _Parts, heads: list[str], left: float, side: float, tones: Tone) -> None:
    for column, head in enumerate(heads):
        if head:
            _words(parts, head, left + column * (side + GAP) + side / 2, HEAD / 2, "center", tones.muted)


def _row(parts: _Parts, row: Row, left: float, top: float, beside: int, side: float, tones: Tone) -> None:
    n, high = len(row.pictures), row.pictures.shape[-2]
    scale = max(1, -(-round(SHARP * side) // high))
    gap = max(1, round(GAP / side * high * scale))
    start, long = left + beside, n * (side + GAP) - GAP
    png = base64.b64encode(sheet.grid(row.pictures, n, scale, gap)).decode("ascii")
    place = {"xref": "x", "yref": "y", "x": start, "y": top, "sizex": long, "sizey": side}
    look = {"sizing": "stretch", "opacity": 0.35 if row.dim else 1.0, "layer": "below"}
    parts.images.append({"source": f"data:image/png;base64,{png}", **place, **look})
    lines = f"<b>{row.name}</b>" + (f"<br>{row.note}" if row.note else "")
    _words(parts, lines, start - 10, top + side / 2, "right", tones.muted if row.dim else tones.ink)
    if row.mark is not None:
        parts.marks.append((start + row.mark * (side + GAP) + side / 2, top + side + BETWEEN / 2))
    parts.traces.append(
        {
            "type": "scatter",
            "x": start + np.arange(n) * (side + GAP) + side / 2,
            "y": np.full(n, top + side / 2),
            "mode": "markers",
            "name": row.name,
            "marker": {"size": side, "symbol": "square", "opacity": 0},
            "text": list(row.hover) or None,
            "hovertemplate": "%{text}<extra></extra>" if row.hover else None,
            "hoverinfo": None if row.hover else "skip",
        }
    )


def _marks(places: list[tuple[float, float]], tones: Tone) -> dict[str, Any]:
    """Small triangles under the rows that point at places of them."""
    x, y = zip(*places, strict=True)
    marker = {"symbol": "triangle-up", "size": 9, "color": tones.ink}
    look = {"mode": "markers", "marker": marker, "name": "start", "hoverinfo": "skip"}
    return {"type": "scatter", "x": list(x), "y": list(y), **look}


def _words(parts: _Parts, text: str, x: float, y: float, anchor: str, colour: str) -> None:
    place = {"text": text, "x": x, "y": y, "xanchor": anchor, "yanchor": "middle", "align": anchor}
    parts.words.append({**place, "showarrow": False, "font": {"size": SMALL, "color": colour}})
