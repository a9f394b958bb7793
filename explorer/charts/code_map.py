"""The charts of a codebook: the grid of codes over an image, how often each is used, and the difference of a swap."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.charts.images import enlarge, image_png, png
from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHARP = 600
"""Pixels of a picture's PNG, about: browsers smooth a picture that they have to enlarge themselves."""
DIVERGING = {
    "light": ((33, 102, 172), (255, 255, 255), (178, 24, 43)),
    "dark": ((104, 176, 255), (13, 19, 31), (255, 106, 90)),
}
"""Less, the same, more, in each theme: blue and red around white, and around the paper of dark pages, where a white
picture would outshine all others."""
LEAST = 0.1
FRAME = 3
"""Pixels of the frame around a difference."""
GHOST = 0.03
"""The height of a bar of a code that is never used, as a share of the highest: it can be seen and clicked."""


def code_map(image: np.ndarray, codes: np.ndarray, chosen: int, tones: Tone, side: int) -> go.Figure:
    """The codes [h, w] over their image [C, H, W], as a square figure; chosen: the framed place, row by row.

    Every place is a point of the trace `place`, so that it can be clicked.
    """
    rows, columns = codes.shape
    figure = _picture(image_png(image, _scale(image)), tones, side)
    down, across = np.divmod(np.arange(rows * columns), columns)
    x, y = (across + 0.5) / columns, (down + 0.5) / rows
    thin = {"type": "line", "line": {"color": tones.accent, "width": 0.75}, "opacity": 0.7}
    across_all, down_all = {"xref": "x domain", "x0": 0, "x1": 1}, {"yref": "y domain", "y0": 0, "y1": 1}
    shapes = [
        *(thin | down_all | {"xref": "x", "x0": at, "x1": at} for at in np.arange(1, columns) / columns),
        *(thin | across_all | {"yref": "y", "y0": at, "y1": at} for at in np.arange(1, rows) / rows),
    ]
    size = max(8, min(18, round(side / columns / 2.4)))
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        name="place",
        customdata=np.arange(rows * columns),
        text=[str(code) for code in codes.ravel()],
        textfont={"size": size, "color": "#ffffff", "shadow": "0 0 3px #000000, 0 0 3px #000000, 0 0 2px #000000"},
        marker={"symbol": "square", "size": side / max(rows, columns) - 2, "color": "rgba(0,0,0,0.001)"},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": "#ffffff"}},
        hovertemplate="place %{customdata}: code %{text}<extra></extra>",
    )
    row, column = divmod(chosen, columns)
    edges = {"x0": column / columns, "x1": (column + 1) / columns, "y0": row / rows, "y1": (row + 1) / rows}
    for colour, width in (("#000000", 5), ("#ffffff", 2)):
        shapes.append({"type": "rect", **edges, "line": {"color": colour, "width": width}})
    figure.layout.shapes = shapes  # at once: each `add_...` looks through all that are there
    return figure


def difference(before: np.ndarray, after: np.ndarray, tones: Tone) -> bytes:
    """`change` of two images as a PNG, the `largest` in full colour, so that one code's is seen from afar.

    It has a thin frame: where nothing changes it has the page's own tone.
    """
    scale = _scale(before)
    picture = enlarge(change(before, after, tones, largest(before, after)).transpose(1, 2, 0), scale)
    rule = tuple(int(tones.rule[i : i + 2], 16) for i in (1, 3, 5))
    for edge in (picture[:FRAME], picture[-FRAME:], picture[:, :FRAME], picture[:, -FRAME:]):
        edge[:] = rule
    return png(picture)


def largest(before: np.ndarray, after: np.ndarray) -> float:
    """The largest change of a pixel between two images, averaged over the channels, as a share of white; at least
    LEAST, so that rounding is not taken for a change."""
    return max(LEAST, float(np.abs(_by(before, after)).max()))


def _by(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (after.astype(np.float64) - before.astype(np.float64)).mean(axis=0) / 255


def change(before: np.ndarray, after: np.ndarray, tones: Tone, most: float = 1.0) -> np.ndarray:
    """After minus before of images uint8 [C, H, W], as one of colours uint8 [3, H, W]: blue where less, red where more.

    Averaged over the channels; white (on dark pages the page's own tone) where nothing changes, the full colour at a
    change by `most` (1: from black to white).
    """
    by = np.clip(_by(before, after) / most, -1, 1)
    low, middle, high = (np.array(colour, np.float64)[:, None, None] for colour in DIVERGING[tones.name])
    blended = middle + (np.where(by < 0, low, high) - middle) * np.abs(by)
    return np.round(blended).astype(np.uint8)


def coloured(image: np.ndarray) -> np.ndarray:
    """An image [C, H, W] of bytes, gray or RGB, with three channels."""
    return np.broadcast_to(image, (3, *image.shape[1:])) if image.shape[0] == 1 else image


def usage(shares: np.ndarray, marked: dict[int, str], tones: Tone, height: int) -> go.Figure:
    """How often each code is used, most used first, in percent; marked: codes with a word on each, drawn darker.

    Every bar's customdata is its code, so that it can be clicked; codes that are never used have low hatched ones.
    """
    import plotly.graph_objects as go

    order = np.argsort(-shares, kind="stable")
    figure = go.Figure(layout=layout(tones, height, margin={"l": 52, "r": 4, "t": 24, "b": 44}, bargap=0.15))
    figure.layout.dragmode = False
    used = int((shares > 0).sum())
    rank, ghost = np.arange(1, len(order) + 1), 100 * GHOST * shares.max()
    figure.add_bar(
        x=rank[:used],
        y=100 * shares[order[:used]],
        name="code",
        **_bars(order[:used], marked, tones, ": %{y:.2f} % of all places"),
    )
    if used < len(order):
        never = order[used:]
        figure.add_bar(
            x=rank[used:], y=np.full(len(never), ghost), name="unused", **_bars(never, marked, tones, " is never used")
        )
        colours = [tones.ink if code in marked else tones.muted for code in never]
        figure.data[-1].marker.update(
            color="rgba(0,0,0,0)",
            pattern={"shape": "/", "fgcolor": colours, "size": 5, "solidity": 0.35},
            line={"width": 1, "color": colours},
        )
        _note(figure, "never used", (used + 1 + len(order)) / 2, ghost, tones, "center")
    figure.add_hline(100 / len(shares), line={"color": tones.contour, "width": 1.5, "dash": "dot"})
    _note(figure, "equal use", len(shares), 100 / len(shares), tones, "right")
    for code, word in marked.items():
        place = int(np.flatnonzero(order == code)[0])
        _note(figure, f"<b>{code}</b> {word}", place + 1, 100 * shares[code] or ghost, tones, "center")
    ticks = {"dtick": 1} if len(order) <= 12 else {"nticks": 12}
    figure.layout.barmode = "overlay"
    wide = {"range": [0.4, len(order) + 0.6], "tick0": 1, **ticks}
    figure.layout.xaxis = axis(tones, "code, most used first (rank)", showgrid=False, fixedrange=True, **wide)
    figure.layout.yaxis = axis(tones, "places (%)", fixedrange=True, nticks=4)
    return figure


def _bars(codes: np.ndarray, marked: dict[int, str], tones: Tone, told: str) -> dict[str, Any]:
    """What bars of these codes share."""
    return {
        "customdata": codes,
        "marker": {"color": [tones.ink if code in marked else tones.muted for code in codes], "line": {"width": 0}},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "hovertemplate": f"code %{{customdata}}{told}<extra></extra>",
    }


def _note(figure: go.Figure, text: str, x: float, y: float, tones: Tone, anchor: str) -> None:
    figure.add_annotation(
        text=text,
        x=x,
        y=y,
        xanchor=anchor,
        yanchor="bottom",
        yshift=2,
        showarrow=False,
        bgcolor=tones.paper,
        borderpad=1,
        font={"size": SMALL, "color": tones.ink},
    )


def _scale(image: np.ndarray) -> int:
    return max(1, SHARP // image.shape[-1])


def _picture(content: bytes, tones: Tone, side: int) -> go.Figure:
    """A picture that fills a square figure, the unit square with y downwards."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(tones, side, margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False))
    figure.layout.font.size = BODY
    figure.add_layout_image(
        source="data:image/png;base64," + base64.b64encode(content).decode("ascii"),
        xref="x",
        yref="y",
        x=0,
        y=0,
        sizex=1,
        sizey=1,
        sizing="stretch",
        layer="below",
    )
    fixed = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.layout.xaxis, figure.layout.yaxis = fixed | {"range": [0, 1]}, fixed | {"range": [1, 0], "scaleanchor": "x"}
    return figure
