"""Where the followed test images lie on the latent plane at one moment of the training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import Tone, axis, layout


@dataclass(frozen=True)
class Moment:
    """Points on the plane at one epoch.

    points: [n, 2]; labels: [n], -1 where there is none; index: [n], which test images they are; pseudo: [K, 2] or
    None; titles: of the two axes; class_names: one per class, or None.
    """

    epoch: int
    points: np.ndarray
    labels: np.ndarray
    index: np.ndarray
    pseudo: np.ndarray | None
    titles: tuple[str, str]
    class_names: tuple[str, ...] | None = None

    def name_of(self, label: int) -> str:
        """A class in words; its number where it has no name."""
        if label < 0:
            return "test image"
        names = self.class_names or ()
        return names[label] if label < len(names) else str(label)


def drift(moment: Moment, tones: Tone, height: int) -> go.Figure:
    """The points coloured by class. The axes find their own range, so that a visitor's zoom is kept."""
    figure = go.Figure(layout=layout(tones, height, margin={"l": 46, "r": 6, "t": 26, "b": 40}))
    region = clips(moment.points)
    for label in np.unique(moment.labels):
        chosen = moment.labels == label
        name = moment.name_of(int(label))
        figure.add_trace(
            go.Scattergl(
                x=moment.points[chosen, 0].astype(np.float32),
                y=moment.points[chosen, 1].astype(np.float32),
                customdata=moment.index[chosen].astype(np.int32),
                mode="markers",
                name=name,
                marker={
                    "color": palette.class_colour(int(label)) if label >= 0 else palette.UNLABELLED,
                    "size": 3.5,
                    "opacity": 0.7,
                    "line": {"width": 0},
                },
                hovertemplate=f"<b>{name}</b> · test image %{{customdata:,}}<extra></extra>",
            )
        )
    if moment.pseudo is not None:
        figure.add_trace(
            go.Scattergl(
                x=moment.pseudo[:, 0].astype(np.float32),
                y=moment.pseudo[:, 1].astype(np.float32),
                mode="markers",
                name="pseudo-input",
                marker={"color": tones.dot, "size": 3.5, "line": {"color": tones.halo, "width": 1}},
                hovertemplate="pseudo-input %{pointNumber}<extra></extra>",
            )
        )
    sides: list[dict] = []
    for title, (low, high) in zip(moment.titles, region, strict=True):
        side = axis(tones, title, autorangeoptions={"clipmin": low, "clipmax": high}, nticks=6)
        side["title"]["standoff"] = 4
        sides.append(side)
    figure.update_layout(xaxis=sides[0], yaxis=sides[1] | {"scaleanchor": "x", "scaleratio": 1})
    figure.add_annotation(
        text=f"epoch {moment.epoch:,}",
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        yshift=2,
        showarrow=False,
        font={"size": 15, "color": tones.ink},
    )
    return figure


def clips(points: np.ndarray, share: float = 0.995) -> list[tuple[float, float]]:
    """For each of the two axes of points [n, 2], where it ends: it holds the middle `share`, with some room."""
    low, high = np.quantile(points, (1 - share) / 2, axis=0), np.quantile(points, (1 + share) / 2, axis=0)
    room = 0.06 * np.maximum(high - low, 1e-6)
    return [(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]
