"""Latent planes: test images as dots, pseudo-inputs on top, the prior's density as thin contours behind them.

Planes that are compared stand in one figure with the same size, scale and axes; moving or zooming one moves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.density import Density
from explorer.charts.region import Limits, class_name
from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

ROUNDS = 2
"""Each class is drawn in so many interleaved shares, so that the last class does not cover the others."""


@dataclass(frozen=True)
class Plane:
    """What is drawn on one plane.

    points: [N, 2] in the order of the test images; labels: [N] or None; class_names: one per class or None;
    pseudo: [K, 2] or None; density: the prior's, or None; x_title, y_title: symbol and unit.
    """

    title: str
    points: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    pseudo: np.ndarray | None
    density: Density | None
    x_title: str
    y_title: str


def planes(
    shown: list[Plane], region: Limits, tones: Tone, height: int, *, shapes: bool = False, size: float = 3.5
) -> go.Figure:
    """One or several planes side by side as one figure.

    region: the part of the plane in view; shapes: a marker of its own for each class; size: of the dots in pixels.
    """
    figure = frame([(plane.title, plane.x_title, plane.y_title) for plane in shown], region, tones, height)
    for number, plane in enumerate(shown, start=1):
        if plane.density is not None:
            figure.add_trace(_contours(plane.density, tones, number))
        figure.add_traces(_dots(plane, number, shapes, size))
        if plane.pseudo is not None:
            figure.add_trace(_pseudo_inputs(plane.pseudo, tones, number))
    figure.add_traces(_legend(shown, tones, shapes))
    figure.update_layout(
        showlegend=True,
        legend={
            "orientation": "h",
            "xref": "container",
            "x": 0.03,
            "xanchor": "left",
            "yref": "container",
            "y": 1.0,
            "yanchor": "top",
            "font": {"size": SMALL, "color": tones.ink},
            "itemsizing": "constant",
            "itemwidth": 30,
            "tracegroupgap": 0,
            "bgcolor": "rgba(0,0,0,0)",
        },
    )
    return figure


def frame(
    titles: list[tuple[str, str, str]], region: Limits, tones: Tone, height: int, *, fixed: bool = False
) -> go.Figure:
    """Empty planes side by side with linked axes: one (title, x title, y title) for each.

    fixed: show exactly the region and leave the rest of the place empty, instead of showing more of the plane.
    """
    top = 66 if any(title for title, _, _ in titles) else 34
    figure = go.Figure(layout=layout(tones, height, margin={"l": 52, "r": 4, "t": top, "b": 48}))
    count, gap = len(titles), 0.075
    width = (1 - gap * (count - 1)) / count
    for i, (title, x_title, y_title) in enumerate(titles):
        left, mark = i * (width + gap), "" if i == 0 else str(i + 1)
        x = axis(tones, x_title, domain=[left, left + width], anchor=f"y{mark}", range=list(region[0]))
        y = axis(tones, y_title, anchor=f"x{mark}", range=list(region[1]), scaleanchor=f"x{mark}", scaleratio=1)
        if fixed:
            x["constrain"] = y["constrain"] = "domain"
        if i > 0:
            x["matches"], y["matches"] = "x", "y"
        figure.update_layout({f"xaxis{mark}": x, f"yaxis{mark}": y})
        if title:
            figure.add_annotation(
                text=f"<b>{title}</b>",
                x=left,
                y=1,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
                yshift=6,
                showarrow=False,
                font={"size": BODY, "color": tones.ink},
            )
    return figure


def waiting(sentence: str, tones: Tone, height: int) -> go.Figure:
    """An empty figure that says what it waits for."""
    figure = go.Figure(layout=layout(tones, height))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(
        text=sentence, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"color": tones.muted}
    )
    return figure


def _axes(number: int) -> dict[str, str]:
    mark = "" if number == 1 else str(number)
    return {"xaxis": f"x{mark}", "yaxis": f"y{mark}"}


def _contours(density: Density, tones: Tone, number: int) -> go.Contour:
    """(Plotly's contours are evenly spaced: the thresholds become 1, 2, ...)"""
    levels = np.interp(density.log_p, density.thresholds, np.arange(1, len(density.thresholds) + 1), left=0)
    return go.Contour(
        x=density.x.astype(np.float32),
        y=density.y.astype(np.float32),
        z=levels.astype(np.float32),
        contours={"start": 1, "end": len(density.thresholds), "size": 1, "coloring": "none"},
        line={"color": tones.contour, "width": 1, "smoothing": 1.0},
        showscale=False,
        showlegend=False,
        hoverinfo="skip",
        **_axes(number),
    )


def _dots(plane: Plane, number: int, shapes: bool, size: float) -> list[go.Scattergl]:
    points = plane.points.astype(np.float32)
    index = np.arange(len(points), dtype=np.int32)
    if plane.labels is None:
        return [_class_trace(points, index, None, plane, number, shapes, size)]
    traces = []
    for start in range(ROUNDS):
        share = index[start::ROUNDS]
        for label in np.unique(plane.labels):
            chosen = share[plane.labels[share] == label]
            if len(chosen):
                traces.append(_class_trace(points[chosen], chosen, int(label), plane, number, shapes, size))
    return traces


def _class_trace(points, index, label, plane: Plane, number: int, shapes: bool, size: float) -> go.Scattergl:
    name = "test image" if label is None else class_name(label, plane.class_names)
    return go.Scattergl(
        x=points[:, 0],
        y=points[:, 1],
        customdata=index,
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=False,
        marker=_marker(label, shapes, size),
        hovertemplate="<b>%{fullData.name}</b> · test image %{customdata:,}<br>(%{x:.2f}, %{y:.2f})<extra></extra>",
        **_axes(number),
    )


def _marker(label: int | None, shapes: bool, size: float) -> dict:
    return {
        "color": palette.UNLABELLED if label is None else palette.class_colour(label),
        "symbol": palette.class_shape(label) if shapes and label is not None else "circle",
        "size": size + 2 if shapes else size,
        "opacity": 0.65,
        "line": {"width": 0},
    }


def _pseudo_inputs(pseudo: np.ndarray, tones: Tone, number: int) -> go.Scattergl:
    return go.Scattergl(
        x=pseudo[:, 0].astype(np.float32),
        y=pseudo[:, 1].astype(np.float32),
        mode="markers",
        name="pseudo-input",
        legendgroup="pseudo-input",
        showlegend=False,
        marker={"color": tones.dot, "size": 5.5, "line": {"color": tones.halo, "width": 1}},
        customdata=np.arange(len(pseudo), dtype=np.int32),
        hovertemplate="<b>pseudo-input %{customdata}</b><br>(%{x:.2f}, %{y:.2f})<extra></extra>",
        **_axes(number),
    )


def _legend(shown: list[Plane], tones: Tone, shapes: bool) -> list[go.Scatter]:
    """One entry per class for all planes: a click hides the class everywhere, a double click shows it alone."""
    entries: dict[str, dict] = {}
    for plane in shown:
        for label in [] if plane.labels is None else np.unique(plane.labels):
            name = class_name(int(label), plane.class_names)
            entries.setdefault(name, _marker(int(label), shapes, 9) | {"opacity": 1})
    if any(plane.pseudo is not None for plane in shown):
        entries["pseudo-input"] = {"color": tones.dot, "size": 8, "line": {"color": tones.halo, "width": 1}}
    return [
        go.Scatter(x=[None], y=[None], mode="markers", name=name, legendgroup=name, marker=marker, hoverinfo="skip")
        for name, marker in entries.items()
    ]
