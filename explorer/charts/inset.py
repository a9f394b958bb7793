"""A small plane beside a figure: the test images as a faint picture, and on it a path or one chosen place.

The images are a PNG of a few kilobytes instead of 10,000 points, so that a change of the path sends little.
"""

from __future__ import annotations

import base64

import numpy as np
import plotly.graph_objects as go

from explorer.charts.images import png
from explorer.charts.plane import frame
from explorer.charts.region import Limits
from explorer.charts.theme import SMALL, Tone

SHARP = 4
"""How much the backdrop is enlarged: browsers smooth a picture that they have to enlarge themselves."""


def inset(
    backdrop: np.ndarray,
    region: Limits,
    titles: tuple[str, str, str],
    tones: Tone,
    height: int,
    *,
    path: np.ndarray | None = None,
    dots: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
) -> go.Figure:
    """One small plane.

    backdrop: uint8 [S, S, 4], a `locator.background` of the region; titles: (title, x title, y title);
    path [T, 2]: drawn as a line with its pictures' places; dots [K, 2]: pseudo-inputs; chosen [2]: ringed.
    """
    figure = frame([titles], region, tones, height, fixed=True)
    figure.update_layout(margin={"l": 46, "r": 4, "t": 28 if titles[0] else 8, "b": 46}, dragmode=False)
    (left, right), (low, high) = region
    figure.add_layout_image(
        source="data:image/png;base64," + base64.b64encode(png(backdrop, SHARP)).decode("ascii"),
        xref="x",
        yref="y",
        x=left,
        y=high,
        sizex=right - left,
        sizey=high - low,
        sizing="stretch",
        layer="below",
    )
    figure.add_trace(go.Scatter(x=[left, right], y=[low, high], mode="none", hoverinfo="skip"))
    if dots is not None:
        figure.add_trace(_dots(dots, tones))
    if path is not None:
        figure.add_traces(_path(path, tones))
    if chosen is not None:
        figure.add_traces(_ring(chosen, tones))
    step = tick_step(right - left)
    figure.update_xaxes(fixedrange=True, tick0=0, dtick=step).update_yaxes(fixedrange=True, tick0=0, dtick=step)
    return figure


def tick_step(span: float, most: int = 6) -> float:
    """The smallest of 1, 2, 5, 10, ... (and 0.5, 0.2, ...) that makes at most so many steps of a span."""
    power = 10.0 ** np.floor(np.log10(span / most))
    return float(next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most))


def _dots(dots: np.ndarray, tones: Tone) -> go.Scatter:
    return go.Scatter(
        x=dots[:, 0].astype(np.float32),
        y=dots[:, 1].astype(np.float32),
        mode="markers",
        marker={"color": tones.dot, "size": 4, "line": {"color": tones.halo, "width": 0.75}},
        hoverinfo="skip",
    )


def _path(path: np.ndarray, tones: Tone) -> list[go.Scatter]:
    """A line that stands out from any colour behind it: ink on a halo of paper."""
    x, y = path[:, 0].astype(np.float32), path[:, 1].astype(np.float32)
    halo = go.Scatter(x=x, y=y, mode="lines", line={"color": tones.paper, "width": 6}, hoverinfo="skip")
    line = go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": tones.ink, "width": 2.5},
        marker={"color": tones.ink, "size": 6, "line": {"color": tones.paper, "width": 1}},
        hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
    )
    upwards = y[0] <= y[-1]
    ends = go.Scatter(
        x=x[[0, -1]],
        y=y[[0, -1]],
        mode="markers+text",
        text=["<b>from</b>", "<b>to</b>"],
        textposition=["bottom center", "top center"] if upwards else ["top center", "bottom center"],
        cliponaxis=False,
        textfont={"size": SMALL, "color": tones.ink},
        marker={"color": tones.paper, "size": 11, "line": {"color": tones.ink, "width": 3}},
        hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
    )
    return [halo, line, ends]


def _ring(at: np.ndarray, tones: Tone) -> list[go.Scatter]:
    """A ring around a place, on a wider one of paper, so that it stands out from any colour behind it."""
    return [
        go.Scatter(
            x=[float(at[0])],
            y=[float(at[1])],
            mode="markers",
            marker={"symbol": "circle-open", "size": 18, "color": colour, "line": {"width": width}},
            hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
        )
        for colour, width in ((tones.paper, 7), (tones.accent, 3.5))
    ]
