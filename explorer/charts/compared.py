"""Charts of several models: their paired differences, and what their units carry, one curve over the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts.theme import BODY, SMALL, Tone, axis, layout
from explorer.charts.units import FLOOR

DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square-open", "diamond", "triangle-up-open")


@dataclass(frozen=True)
class Gap:
    """One difference: name of the model, what is compared, the difference and its standard error in nats."""

    name: str
    what: str
    value: float
    error: float


def differences(gaps: list[Gap], first: str, tones: Tone, height: int) -> go.Figure:
    """Differences to the first model with intervals of two standard errors, a row for each model."""
    names = list(dict.fromkeys(gap.name for gap in gaps))
    beside = 16 + round(7.6 * max(map(len, names)))
    figure = go.Figure(layout=layout(tones, height, margin={"l": beside, "r": 150, "t": 8, "b": 46}, dragmode=False))
    for what, symbol, lift in (("log p(x)", "circle", 0.16), ("ELBO", "circle-open", -0.16)):
        rows = [gap for gap in gaps if gap.what == what]
        if not rows:
            continue
        figure.add_scatter(
            x=[gap.value for gap in rows],
            y=[names.index(gap.name) + lift for gap in rows],
            error_x={"array": [2 * gap.error for gap in rows], "thickness": 2, "width": 5, "color": tones.ink},
            mode="markers",
            name=what,
            marker={"symbol": symbol, "size": 10, "color": tones.ink, "line": {"width": 2, "color": tones.ink}},
            customdata=[gap.error for gap in rows],
            hovertemplate=f"{what}: %{{x:.2f}} ± %{{customdata:.2f}} nats<extra></extra>",
        )
    ends = [end for gap in gaps for end in (gap.value - 2 * gap.error, gap.value + 2 * gap.error, 0.0)]
    air = max(max(ends) - min(ends), 1.0) * 0.06
    figure.add_vline(0, line={"color": tones.muted, "width": 1.5})
    figure.update_layout(
        showlegend=True,
        legend={"x": 1.01, "xanchor": "left", "y": 1, "font": {"size": SMALL, "color": tones.ink}},
        xaxis=axis(
            tones,
            f"nats per image more than {first} (bars: ± 2 standard errors)",
            range=[min(ends) - air, max(ends) + air],
            fixedrange=True,
        ),
        yaxis=axis(
            tones,
            "",
            tickvals=list(range(len(names))),
            ticktext=names,
            range=[len(names) - 0.5, -0.5],
            showgrid=False,
            fixedrange=True,
        ),
    )
    figure.update_yaxes(tickfont={"size": BODY, "color": tones.ink})
    return figure


@dataclass(frozen=True)
class Profile:
    """What the units of a model carry, largest first: values [d]; names [d]: of the units in that order."""

    name: str
    values: np.ndarray
    names: list[str]


def profiles(models: list[Profile], unit: str, threshold: float | None, tones: Tone, height: int) -> go.Figure:
    """The models' profiles over the rank of a unit; a logarithmic axis where there is a threshold to be drawn."""
    figure = go.Figure(layout=layout(tones, height, margin={"l": 68, "r": 12, "t": 12, "b": 48}, dragmode=False))
    for i, one in enumerate(models):
        figure.add_scatter(
            x=np.arange(1, len(one.values) + 1),
            y=np.maximum(one.values, FLOOR) if threshold is not None else one.values,
            mode="lines+markers",
            name=one.name,
            line={"color": tones.ink, "width": 2, "dash": DASHES[i % len(DASHES)]},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 8, "color": tones.ink},
            text=one.names,
            hovertemplate="rank %{x}: %{text}<br>%{y:.3g} " + unit + "<extra>%{fullData.name}</extra>",
        )
    title = f"variance of μ ({unit})" if threshold is not None else f"KL ({unit})"
    most = max(len(one.values) for one in models)
    figure.update_layout(
        showlegend=True,
        legend={
            "x": 0.99,
            "xanchor": "right",
            "y": 0.99,
            "yanchor": "top",
            "font": {"size": BODY, "color": tones.ink},
            "itemwidth": 60,
        },
        xaxis=axis(tones, "rank of the unit", range=[0.5, most + 0.5], fixedrange=True, showgrid=False, **_ranks(most)),
        yaxis=axis(
            tones, title, fixedrange=True, **({"type": "log"} if threshold is not None else {"rangemode": "tozero"})
        ),
    )
    if threshold is not None:
        figure.add_hline(threshold, line={"color": tones.muted, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            text=f"threshold {threshold:g}",
            x=0.5,
            y=np.log10(threshold),
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            font={"size": SMALL, "color": tones.muted},
        )
    return figure


def _ranks(most: int) -> dict:
    return {"tick0": 1, "dtick": 1} if most <= 16 else {"tickvals": [1, *range(5, most + 1, 5)]}
