"""Bars of what each latent unit does: how much its mean varies over the images, and how many nats it carries."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import BODY, SMALL, Tone, axis, layout

FLOOR = 1e-6
"""Variances below this are drawn at it: a logarithm has no zero."""
GAP = 1
"""Places between the units of two layers."""
WIDEST = 72
"""Pixels that a unit's bar and the gap beside it take at most, so that two bars are not two walls."""
LETTER = 7
"""Pixels that a letter takes at most."""
UPRIGHT, NAMED = 20, 9
"""Pixels between two bars from which on the units' numbers stand upright under them, and are there at all."""


@dataclass(frozen=True)
class Units:
    """The units of one model, in their own order (unit 1 first).

    variances [d]: of the posterior mean over the test images; kl [d]: mean nats, or None where they are not known;
    no_kl: why not; names: of the units, else their numbers; layers: sizes of a hierarchy's layers, top first, which
    stand apart, else all units are one layer.
    """

    name: str
    variances: np.ndarray
    kl: np.ndarray | None
    no_kl: str = "KL per unit: not measured yet"
    names: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()

    @property
    def order(self) -> np.ndarray:
        """The units, layer by layer, from the largest variance of the layer to the smallest."""
        ends = np.cumsum(self._layers)
        ordered = [
            end - size + np.argsort(-self.variances[end - size : end], kind="stable")
            for end, size in zip(ends, self._layers, strict=True)
        ]
        return np.concatenate(ordered)

    @property
    def places(self) -> np.ndarray:
        """Where the bars of `order` stand: one beside the other, with a gap between layers."""
        return np.arange(len(self.variances)) + np.repeat(np.arange(len(self._layers)) * GAP, self._layers)

    @property
    def labels(self) -> np.ndarray:
        """The names of `order`."""
        names = np.array(self.names or [str(unit + 1) for unit in range(len(self.variances))], dtype=object)
        return names[self.order]

    @property
    def _layers(self) -> tuple[int, ...]:
        return self.layers or (len(self.variances),)


def bars(models: list[Units], threshold: float, tones: Tone, height: int, width: int) -> go.Figure:
    """Two rows of bars, variance above KL, one column per model, all models on the same scales.

    threshold: units whose variance is not above it are dead: gray and hatched; width: of the figure in pixels, as far
    as it is known, from which follows whether the units' numbers fit upright.
    """
    several = len(models) > 1
    figure = go.Figure(layout=layout(tones, height, margin=margins(several), bargap=0.25))
    for i, (one, domain) in enumerate(zip(models, columns(len(models)), strict=True)):
        places, across = int(one.places[-1]) + 1, (width - 80) * (domain[1] - domain[0])
        slots = max(float(places), across / WIDEST)
        _unit_axes(figure, one, tones, i, {"domain": domain, "range": _middle(places, slots)}, across / slots)
        _value_axes(figure, models, threshold, tones, i)
        figure.add_traces(_traces(one, threshold, tones, i))
        threshold_line(figure, threshold, tones, _mark(2 * i + 1))
        if several:
            heading(figure, one.name, domain[0], tones)
        if one.kl is None:
            _note(figure, "<br>".join(wrap(one.no_kl, max(16, int(across / LETTER)))), sum(domain) / 2, 0.2, tones)
    return figure


def columns(n: int, gap: float = 0.03) -> list[list[float]]:
    """The shares of the width that n charts side by side take."""
    share = (1 - gap * (n - 1)) / n
    return [[i * (share + gap), i * (share + gap) + share] for i in range(n)]


def margins(several: bool) -> dict[str, int]:
    """Room for the value axis, and for the models' names where there are several."""
    return {"l": 68, "r": 12, "t": 34 if several else 12, "b": 48}


def heading(figure: go.Figure, name: str, left: float, tones: Tone) -> None:
    """A model's name above its charts."""
    figure.add_annotation(
        text=f"<b>{name}</b>",
        x=left,
        xref="paper",
        xanchor="left",
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=8,
        showarrow=False,
        font={"size": BODY, "color": tones.ink},
    )


def variance_axis(values: np.ndarray, threshold: float, tones: Tone, *, first: bool, **more) -> dict:
    """A logarithmic axis that holds the variances and the threshold; only the first of a row is labelled."""
    low = np.log10(max(FLOOR, min(float(values.min()), threshold) / 2))
    high = np.log10(max(float(values.max()), threshold) * 1.6)
    powers = [10.0**power for power in range(-6, 5)]
    return axis(
        tones,
        "variance of μ (latent units²)" if first else "",
        type="log",
        range=[low, high],
        tickvals=powers,
        ticktext=[f"{power:g}" if power >= 1e-4 else f"{power:.6f}".rstrip("0") for power in powers],
        showticklabels=first,
        fixedrange=True,
        **more,
    )


def threshold_line(figure: go.Figure, threshold: float, tones: Tone, mark: str) -> None:
    """The threshold across the chart with these axes, and its number on it."""
    across = {"xref": f"x{mark} domain", "yref": f"y{mark}"}
    figure.add_shape(
        type="line", x0=0, x1=1, y0=threshold, y1=threshold, line={"color": tones.accent, "width": 2}, **across
    )
    figure.add_annotation(
        text=f"threshold {threshold:g}",
        x=1,
        xanchor="right",
        y=np.log10(threshold),
        yanchor="bottom",
        yshift=3,
        showarrow=False,
        bgcolor=tones.paper,
        borderpad=1,
        font={"size": SMALL, "color": tones.accent},
        **across,
    )


def _middle(n: int, slots: float) -> list[float]:
    """The range of an axis of `slots` places with n bars in its middle."""
    air = (slots - n) / 2
    return [-0.5 - air, n - 0.5 + air]


def _unit_axes(figure: go.Figure, one: Units, tones: Tone, i: int, place: dict, room: float) -> None:
    """The units of model i: axis number 2 i + 1 above, without numbers, and 2 i + 2 below; room: pixels for a bar."""
    above, below = _mark(2 * i + 1), _mark(2 * i + 2)
    several = len(one.layers) > 1
    numbers = {
        "tickvals": one.places,
        "ticktext": list(one.labels),
        "tickangle": 0 if room >= UPRIGHT * (1.4 if several else 1) else -90,
        "showticklabels": room >= NAMED,
    }
    title = "layer.unit, sorted by variance in each layer" if several else "unit, sorted by variance"
    side = place | {"showgrid": False, "fixedrange": True}
    figure.layout[f"xaxis{above}"] = axis(tones, "", anchor=f"y{above}", showticklabels=False, **side)
    figure.layout[f"xaxis{below}"] = axis(tones, title, anchor=f"y{below}", **side, **numbers)


def _value_axes(figure: go.Figure, models: list[Units], threshold: float, tones: Tone, i: int) -> None:
    """Variance and KL of model i, with the ranges that hold all models."""
    above, below, first = _mark(2 * i + 1), _mark(2 * i + 2), i == 0
    values = np.concatenate([model.variances for model in models])
    most = max((float(model.kl.max()) for model in models if model.kl is not None), default=1.0) * 1.08
    figure.layout[f"yaxis{above}"] = variance_axis(
        values, threshold, tones, first=first, domain=[0.44, 1], anchor=f"x{above}"
    )
    figure.layout[f"yaxis{below}"] = axis(
        tones,
        "KL (nats)" if first else "",
        domain=[0, 0.38],
        anchor=f"x{below}",
        range=[0, most],
        nticks=4,
        showticklabels=first,
        fixedrange=True,
    )


def _traces(one: Units, threshold: float, tones: Tone, i: int) -> list[go.Bar]:
    order = one.order
    variances = one.variances[order]
    kl = np.full(len(order), np.nan) if one.kl is None else one.kl[order]
    return [
        go.Bar(
            x=one.places,
            y=y,
            xaxis=f"x{_mark(number)}",
            yaxis=f"y{_mark(number)}",
            name=one.name,
            marker=_marker(variances <= threshold, tones),
            text=one.labels,
            textposition="none",
            customdata=np.stack([order + 1, variances], axis=1),
            hovertemplate=f"<b>unit %{{text}}</b><br>{text}<extra>%{{fullData.name}}</extra>",
        )
        for number, y, text in (
            (2 * i + 1, np.maximum(variances, FLOOR), "variance %{customdata[1]:.3g}"),
            (2 * i + 2, kl, "KL %{y:.3f} nats"),
        )
    ]


def _marker(dead: np.ndarray, tones: Tone) -> dict:
    return {
        "color": [palette.DEAD if d else tones.ink for d in dead],
        "pattern": {
            "shape": ["/" if d else "" for d in dead],
            "fgcolor": palette.DEAD,
            "bgcolor": tones.paper,
            "size": 6,
            "solidity": 0.4,
        },
        "line": {"width": [1.25 if d else 0 for d in dead], "color": palette.DEAD},
    }


def _mark(number: int) -> str:
    return "" if number == 1 else str(number)


def _note(figure: go.Figure, text: str, x: float, y: float, tones: Tone) -> None:
    figure.add_annotation(
        text=text,
        x=x,
        xanchor="center",
        y=y,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": SMALL, "color": tones.muted},
    )
