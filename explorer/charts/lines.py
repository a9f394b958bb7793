"""Curves: a density along a path, and how much each unit varied as training went on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

EVEN = 1e-3
"""Nats: where the middle of the test images differs less, the density is the same everywhere, and there is no band."""


@dataclass(frozen=True)
class Curve:
    """One curve over t.

    t, y: [n]; marks_t, marks_y: [m], the places of the pictures; band: (low, high) of what is usual, or None.
    """

    name: str
    t: np.ndarray
    y: np.ndarray
    marks_t: np.ndarray
    marks_y: np.ndarray
    band: tuple[float, float] | None = None


def along_path(
    curves: list[Curve],
    half_step: float,
    tones: Tone,
    height: int,
    *,
    at: float | None = None,
    title: str = "t (share of the way from a to b)",
) -> go.Figure:
    """log p(z) along a path, drawn edge to edge, so that it stands under a strip of as many pictures as marks.

    half_step: half the distance between two pictures in t; the axis reaches so far beyond the first and the last mark,
    and a picture's middle is over its mark; at: the step that is marked by a line; title: of t. Labels are inside the
    figure.
    """
    first, last = float(curves[0].marks_t[0]), float(curves[0].marks_t[-1])
    figure = go.Figure(layout=layout(tones, height, margin={"l": 0, "r": 0, "t": 26, "b": 44}))
    room = _room([curve.y for curve in curves], [curve.band for curve in curves if len(curves) == 1])
    dashes = ("solid", "dash")
    for curve, dash in zip(curves, dashes, strict=False):
        if curve.band is not None and len(curves) == 1:
            thin = (curve.band[1] - curve.band[0]) * height < 40 * (room[1] - room[0])
            _band(figure, curve, tones, thin)
        figure.add_trace(
            go.Scatter(
                x=curve.t,
                y=curve.y,
                mode="lines",
                line={"color": tones.ink, "width": 2.5, "dash": dash},
                hoverinfo="skip",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=curve.marks_t,
                y=curve.marks_y,
                mode="markers",
                name=curve.name,
                marker={"color": tones.ink, "size": 8, "line": {"color": tones.paper, "width": 1.5}},
                hovertemplate="t = %{x:.2f}<br>log p(z) = %{y:.2f} nats<extra>%{fullData.name}</extra>",
            )
        )
    figure.layout.xaxis = axis(
        tones,
        title,
        range=[first - half_step, last + half_step],
        showgrid=False,
        fixedrange=True,
        **({"tickvals": [0, 0.25, 0.5, 0.75, 1]} if (first, last) == (0, 1) else {"nticks": 10}),
    )
    figure.layout.yaxis = axis(tones, "", range=room, ticklabelposition="inside top", fixedrange=True, nticks=5)
    figure.layout.dragmode = False
    if at is not None:
        figure.add_shape(
            type="line", x0=at, x1=at, xref="x", y0=0, y1=1, yref="y domain", line={"color": tones.accent, "width": 2}
        )
    _note(figure, "log p(z) (nats)", tones)
    if len(curves) > 1:
        _note(
            figure, "   ".join(f"{'——' if i == 0 else '– –'} {c.name}" for i, c in enumerate(curves)), tones, right=True
        )
    return figure


def _band(figure: go.Figure, curve: Curve, tones: Tone, thin: bool) -> None:
    """thin: the band has no room for its words, which stand beside it then."""
    if curve.band is None or curve.band[1] - curve.band[0] < EVEN:
        return
    low, high = curve.band
    figure.add_hrect(low, high, fillcolor=tones.ink, opacity=0.07, line_width=0, layer="below")
    end = curve.y[len(curve.y) * 3 // 5 :]
    at_top = (high - end).min() > (end - low).min()  # where the curve is not
    figure.add_annotation(
        text="the middle 90 % of the test images",
        x=1,
        xref="paper",
        xanchor="right",
        y=high if at_top else low,
        yanchor="top" if at_top != thin else "bottom",
        showarrow=False,
        font={"size": SMALL, "color": tones.muted},
    )


def _room(ys: list[np.ndarray], bands: list[tuple[float, float] | None]) -> list[float]:
    """A range that holds all curves and bands, with some air."""
    held = [*ys, *(np.array(band) for band in bands if band is not None)]
    low, high = min(float(y.min()) for y in held), max(float(y.max()) for y in held)
    short = max(0.0, 1 - (high - low)) / 2  # at least one nat: a flat curve is drawn flat
    air = (high - low + 2 * short) * 0.1
    return [low - short - air, high + short + air]


def _note(figure: go.Figure, text: str, tones: Tone, *, right: bool = False) -> None:
    """What the axis shows, above its upper end: it needs no margin at the side there."""
    figure.add_annotation(
        text=text,
        x=1 if right else 0,
        xref="paper",
        xanchor="right" if right else "left",
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=3,
        showarrow=False,
        font={"size": BODY, "color": tones.ink},
    )
