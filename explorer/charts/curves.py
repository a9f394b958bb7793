"""Curves of a training run: quantities over the epochs, in training and in validation, of one run or of several.

The axes find their own range (clipped, where the first epochs lie far off), so that a chart that grows keeps what the
visitor has zoomed to: a range of ours that changes would win over theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

MOST = 1500
"""Points of a curve at most: a longer run is drawn by every second epoch, every third, ..."""
GAP = 0.055
"""Between panels, as a share of the width."""
FEW = 5
"""So many marks at most have a line through the whole panel, besides their triangle."""
VALIDATION, TRAINING = "validation", "training"


@dataclass(frozen=True)
class Curve:
    """One quantity of one run.

    run: its name; epochs: [E]; valid, train: [E] with nan where it was not measured, or None.
    """

    run: str
    epochs: np.ndarray
    valid: np.ndarray | None
    train: np.ndarray | None


@dataclass(frozen=True)
class Panel:
    """One quantity, such as `ELBO (nats)`, of all runs that are compared."""

    title: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Mark:
    """An epoch at which something happened, and what."""

    epoch: int
    words: str


def curves(panels: list[Panel], marks: list[Mark], at: int | None, tones: Tone, height: int) -> go.Figure:
    """Panels side by side over the same epochs.

    One run is drawn in ink, several in a colour each; validation is the firm line, training the dashed one. marks are
    triangles that say what happened, over dotted lines where they are few; at: an epoch that is pointed out.
    """
    figure = go.Figure(layout=layout(tones, height, margin={"l": 46, "r": 8, "t": 52, "b": 40}, hovermode="x"))
    runs = list(dict.fromkeys(curve.run for panel in panels for curve in panel.curves))
    width = (1 - GAP * (len(panels) - 1)) / len(panels)
    for place, panel in enumerate(panels):
        left, end = place * (width + GAP), "" if place == 0 else str(place + 1)
        figure.update_layout({f"xaxis{end}": _epochs(tones, [left, left + width], end)})
        figure.update_layout({f"yaxis{end}": _values(tones, panel, end)})
        for curve in reversed(panel.curves):  # the first on top
            colour = tones.ink if len(runs) == 1 else palette.CLASSES[runs.index(curve.run) % len(palette.CLASSES)]
            figure.add_traces(_lines(curve, colour, end))
        _upright(figure, panel, marks, at, tones, end)
        _above(figure, panel.title, left, tones)
    _legend(figure, runs, tones)
    return figure


def thinned(epochs: np.ndarray, most: int = MOST) -> np.ndarray:
    """Which places to draw: all of them, or every n-th and the last."""
    step = -(-len(epochs) // most) if len(epochs) else 1
    kept = np.arange(0, len(epochs), step)
    return kept if not len(kept) or kept[-1] == len(epochs) - 1 else np.append(kept, len(epochs) - 1)


def _limit(panel: Panel, sign: int) -> float | None:
    """The clip of an axis at its lower (-1) or upper (1) end; None where nothing lies far off."""
    values = [
        y[np.isfinite(y)] for curve in panel.curves for y in (curve.valid, curve.train) if y is not None and len(y) > 4
    ]
    held = np.concatenate(values) if values else np.empty(0)
    if len(held) < 20:
        return None
    low, middle, high = np.quantile(held, (0.1, 0.5, 0.9))
    spread, side = max(high - low, 1e-9), (low if sign < 0 else high)
    limit = side + sign * 1.0 * spread
    beyond = held.min() < limit if sign < 0 else held.max() > limit
    return float(limit) if beyond and abs(middle - limit) > 0 else None


def _epochs(tones: Tone, domain: list[float], end: str) -> dict:
    found = axis(tones, "epoch", domain=domain, anchor=f"y{end}", showgrid=False, nticks=6, hoverformat="d")
    found["title"]["standoff"] = 4
    return found if end == "" else found | {"matches": "x"}


def _values(tones: Tone, panel: Panel, end: str) -> dict:
    options = {name: limit for name, sign in (("clipmin", -1), ("clipmax", 1)) if (limit := _limit(panel, sign))}
    return axis(tones, "", anchor=f"x{end}", nticks=5, autorangeoptions=options)


def _lines(curve: Curve, colour: str, end: str) -> list[go.Scatter]:
    kept = thinned(curve.epochs)
    traces = []
    for words, values, line in (
        (TRAINING, curve.train, {"width": 1.25, "dash": "4px,3px"}),
        (VALIDATION, curve.valid, {"width": 2}),
    ):
        if values is not None and np.isfinite(values).any():
            shown = values[kept].astype(np.float32)
            known = np.isfinite(shown)
            traces.append(
                go.Scatter(
                    x=curve.epochs[kept][known].astype(np.int32),
                    y=shown[known],
                    mode="lines+markers" if known.sum() == 1 else "lines",
                    marker={"size": 6},
                    name=f"{curve.run}, {words}",
                    line={"color": colour, **line},
                    opacity=1.0 if words == VALIDATION else 0.75,
                    hovertemplate=f"%{{y:.2f}} {words}<extra>{curve.run}</extra>",
                    xaxis=f"x{end}",
                    yaxis=f"y{end}",
                )
            )
    return traces


def _upright(figure: go.Figure, panel: Panel, marks: list[Mark], at: int | None, tones: Tone, end: str) -> None:
    ends = {"xref": f"x{end}", "yref": f"y{end} domain", "y0": 0, "y1": 1, "type": "line", "layer": "below"}
    for mark in marks:
        if len(marks) <= FEW:
            dots = {"color": tones.muted, "width": 1, "dash": "dot"}
            figure.add_shape(x0=mark.epoch, x1=mark.epoch, line=dots, **ends)
        figure.add_annotation(
            x=mark.epoch,
            y=1,
            xref=f"x{end}",
            yref=f"y{end} domain",
            text="▼",
            hovertext=f"epoch {mark.epoch}: {mark.words}",
            showarrow=False,
            yanchor="bottom",
            yshift=-4,
            font={"size": 9, "color": tones.muted},
        )
    if at is not None:
        figure.add_shape(x0=at, x1=at, line={"color": tones.accent, "width": 2}, **ends)


def _above(figure: go.Figure, text: str, left: float, tones: Tone) -> None:
    """The quantity, over the upper end of its axis: it needs no margin at the side there."""
    figure.add_annotation(
        text=text,
        x=left,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        yshift=8,
        showarrow=False,
        font={"size": BODY, "color": tones.ink},
    )


def _legend(figure: go.Figure, runs: list[str], tones: Tone) -> None:
    """What the two kinds of lines are and, of several runs, which colour is which."""
    words = ["━ validation", "┅ training"]
    if len(runs) > 1:
        words += [
            f'<span style="color:{palette.CLASSES[place % len(palette.CLASSES)]}">■</span> {name}'
            for place, name in enumerate(runs)
        ]
    figure.add_annotation(
        text="&nbsp;&nbsp; ".join(words),
        x=1,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="right",
        yanchor="bottom",
        yshift=30 if len(runs) > 1 else 10,
        showarrow=False,
        font={"size": SMALL, "color": tones.muted},
    )
