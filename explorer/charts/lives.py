"""The lives of latent units: the variance of each posterior mean as training goes on, and where a unit dies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import SMALL, Tone, axis, layout
from explorer.charts.units import FLOOR, columns, heading, margins, threshold_line, variance_axis

ROOM = 0.03
"""The share of the width that the number of a dead unit needs."""


@dataclass(frozen=True)
class Lives:
    """One model's training.

    epochs [E]; variances [E, d]; died: {unit counted from 1: epoch}; moments: {epoch: words}, drawn as thin lines;
    names: of the units, else their numbers.
    """

    name: str
    epochs: np.ndarray
    variances: np.ndarray
    died: dict[int, int]
    moments: dict[int, str]
    names: tuple[str, ...] = ()

    def label(self, unit: int) -> str:
        """The name of a unit counted from 1."""
        return self.names[unit - 1] if self.names else str(unit)


def lives(models: list[Lives], threshold: float, tones: Tone, height: int) -> go.Figure:
    """One chart per model on the same axes: a unit's line is dark while it is active, else gray and dotted."""
    several = len(models) > 1
    figure = go.Figure(layout=layout(tones, height, margin=margins(several), hovermode="closest"))
    values = np.concatenate([one.variances.ravel() for one in models])
    last = max(int(one.epochs[-1]) for one in models)
    for i, (one, domain) in enumerate(zip(models, columns(len(models)), strict=True)):
        mark = "" if i == 0 else str(i + 1)
        side = {"domain": domain, "range": [0, last * 1.01], "showgrid": False, "fixedrange": True}
        figure.layout[f"xaxis{mark}"] = axis(tones, "epoch", anchor=f"y{mark}", **side)
        figure.layout[f"yaxis{mark}"] = variance_axis(values, threshold, tones, first=i == 0, anchor=f"x{mark}")
        figure.add_traces(_lines(one, threshold, tones, mark, ROOM * len(models) * last))
        threshold_line(figure, threshold, tones, mark)
        _moments(figure, one, tones, mark, last)
        if several:
            heading(figure, one.name, domain[0], tones)
    return figure


def _lines(one: Lives, threshold: float, tones: Tone, mark: str, room: float) -> list[go.Scatter]:
    """Three traces for all units: where they are active, where they are not, and their deaths."""
    axes = {"xaxis": f"x{mark}", "yaxis": f"y{mark}"}
    hover = "<b>unit %{customdata}</b>, epoch %{x}<br>variance %{y:.3g}<extra></extra>"
    active, idle = _split(one, threshold)
    style = {"mode": "lines", "connectgaps": False, "hovertemplate": hover}
    traces = [
        go.Scatter(**idle, **style, **axes, line={"color": palette.DEAD, "width": 1.25, "dash": "dot"}, name="dead"),
        go.Scatter(**active, **style, **axes, line={"color": tones.ink, "width": 1.25}, opacity=0.7, name="active"),
    ]
    if one.died:
        traces.append(_deaths(one, tones, room, axes))
    return traces


def _deaths(one: Lives, tones: Tone, room: float, axes: dict) -> go.Scatter:
    """A cross where a unit died, with its number where the one before is `room` epochs away."""
    died = sorted(one.died.items(), key=lambda item: item[1])
    rows = [int(np.flatnonzero(one.epochs == epoch)[0]) for _, epoch in died]
    heights = [max(float(one.variances[row, unit - 1]), FLOOR) for row, (unit, _) in zip(rows, died, strict=True)]
    texts, labelled = [], -np.inf
    for unit, epoch in died:
        fits = epoch - labelled >= room
        texts.append(one.label(unit) if fits else "")
        labelled = epoch if fits else labelled
    return go.Scatter(
        x=[epoch for _, epoch in died],
        y=heights,
        mode="markers+text",
        text=texts,
        textposition="bottom center",
        textfont={"size": SMALL, "color": tones.ink},
        customdata=[one.label(unit) for unit, _ in died],
        marker={"symbol": "x", "size": 8, "color": tones.ink, "line": {"color": tones.paper, "width": 1}},
        name="died",
        hovertemplate="<b>unit %{customdata}</b> died at epoch %{x}<extra></extra>",
        **axes,
    )


def _split(one: Lives, threshold: float) -> tuple[dict, dict]:
    """All units' curves end to end with gaps between, as where they are active and where they are not.

    The second holds the neighbouring active points too, so that the two meet.
    """
    d = one.variances.shape[1]
    values = np.maximum(one.variances, FLOOR).T  # [d, E]
    active = (one.variances > threshold).T
    beside = np.zeros_like(active)
    beside[:, 1:] |= ~active[:, :-1]
    beside[:, :-1] |= ~active[:, 1:]
    gap = np.full((d, 1), np.nan)
    x = np.concatenate([np.broadcast_to(one.epochs.astype(float), values.shape), gap], axis=1).ravel()
    named = np.array(one.names, dtype=object) if one.names else np.arange(1, d + 1, dtype=np.int32)
    units = np.repeat(named, values.shape[1] + 1)

    def curve(shown: np.ndarray) -> dict:
        y = np.concatenate([np.where(shown, values, np.nan), gap], axis=1).ravel()
        return {"x": x.astype(np.float32), "y": y.astype(np.float32), "customdata": units}

    return curve(active), curve(~active | beside)


def _moments(figure: go.Figure, one: Lives, tones: Tone, mark: str, last: int) -> None:
    """Thin upright lines with their words, which stand on the side that has more room, one above the other."""
    upright = {"xref": f"x{mark}", "yref": f"y{mark} domain"}
    line = {"color": tones.muted, "width": 1, "dash": "dash"}
    for i, (epoch, text) in enumerate(sorted(one.moments.items())):
        late = epoch > 0.5 * last
        figure.add_shape(type="line", x0=epoch, x1=epoch, y0=0, y1=1, line=line, **upright)
        figure.add_annotation(
            text=text,
            x=epoch,
            xanchor="right" if late else "left",
            xshift=-5 if late else 5,
            y=0,
            yanchor="bottom",
            yshift=(SMALL + 4) * i,
            showarrow=False,
            bgcolor=tones.paper,
            borderpad=1,
            font={"size": SMALL, "color": tones.muted},
            **upright,
        )
