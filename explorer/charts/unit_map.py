"""What each latent unit carried, epoch by epoch: a heat map, with the number of active units above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

COLUMNS = 240
"""Columns of the heat map at most: a longer run is drawn by means over neighbouring epochs."""


@dataclass(frozen=True)
class UnitMap:
    """The units of one run.

    epochs: [E]; values: [E, d], of each unit; title: what they are, such as `KL per unit (nats)`; active: [E], the
    number of active units; names: of the units, [d].
    """

    epochs: np.ndarray
    values: np.ndarray
    title: str
    active: np.ndarray
    names: tuple[str, ...]


def unit_map(shown: UnitMap, at: int | None, tones: Tone, height: int) -> go.Figure:
    """A row for each unit, the first on top, a column for each epoch; at: an epoch that is pointed out."""
    epochs, values = binned(shown.epochs, shown.values)
    figure = go.Figure(layout=layout(tones, height, margin={"l": 46, "r": 58, "t": 26, "b": 40}))
    figure.add_trace(
        go.Heatmap(
            x=epochs.astype(np.float32),
            y=list(shown.names),
            z=values.T.astype(np.float32),
            zmin=0,
            zmax=ceiling(values),
            colorscale="Viridis",
            colorbar={
                "thickness": 10,
                "len": 0.74,
                "y": 0,
                "yanchor": "bottom",
                "x": 1.01,
                "xpad": 0,
                "outlinewidth": 0,
                "nticks": 5,
                "tickfont": {"size": SMALL, "color": tones.muted},
            },
            hovertemplate="unit %{y}, epoch %{x:.0f}<br>%{z:.3f}<extra></extra>",
        )
    )
    kept_epochs, active = binned(shown.epochs, shown.active[:, None].astype(float))
    figure.add_trace(
        go.Scatter(
            x=kept_epochs.astype(np.float32),
            y=active[:, 0].astype(np.float32),
            mode="lines+markers" if len(kept_epochs) == 1 else "lines",
            line={"color": tones.ink, "width": 2, "shape": "hv"},
            name="active units",
            yaxis="y2",
            hovertemplate="%{y:.0f} active at epoch %{x:.0f}<extra></extra>",
        )
    )
    units = len(shown.names)
    x = axis(tones, "epoch", showgrid=False, nticks=6, anchor="y")
    x["title"]["standoff"] = 4
    figure.update_layout(
        xaxis=x,
        yaxis=axis(tones, "unit", domain=[0, 0.74], autorange="reversed", type="category", nticks=min(units, 8)),
        yaxis2=axis(tones, "", domain=[0.82, 1], anchor="x", range=[0, units * 1.1], tickvals=[0, units]),
    )
    _note(figure, f"active units, of {units}", 1.0, tones)
    _note(figure, shown.title, 0.74, tones, right=True)
    if at is not None:
        line = {"color": tones.accent, "width": 2}
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, xref="x", yref="paper", line=line)
    return figure


def binned(epochs: np.ndarray, values: np.ndarray, most: int = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    """Means over equally many neighbouring epochs, so that at most `most` rows are left: [n], [n, d].

    What was not measured (nan) is left out of the means.
    """
    step = -(-len(epochs) // most) if len(epochs) else 1
    if step == 1:
        return epochs.astype(float), values
    starts = np.arange(0, len(epochs), step)
    counts = np.add.reduceat(np.isfinite(values).astype(float), starts, axis=0)
    sums = np.add.reduceat(np.nan_to_num(values), starts, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(counts > 0, sums / counts, np.nan)
    sizes = np.diff(np.append(starts, len(epochs)))
    return np.add.reduceat(epochs.astype(float), starts) / sizes, means


def ceiling(values: np.ndarray) -> float:
    """The value of the brightest colour: that of nearly all, so that one lively unit does not darken the others."""
    known = values[np.isfinite(values)]
    return max(float(np.quantile(known, 0.99)), 0.01) if len(known) else 1.0


def _note(figure: go.Figure, text: str, y: float, tones: Tone, *, right: bool = False) -> None:
    figure.add_annotation(
        text=text,
        x=1 if right else 0,
        y=y,
        xref="paper",
        yref="paper",
        xanchor="right" if right else "left",
        yanchor="bottom",
        yshift=1,
        showarrow=False,
        font={"size": BODY if not right else SMALL, "color": tones.ink},
    )
