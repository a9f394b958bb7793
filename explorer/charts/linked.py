"""Planes with one selection: the chosen test images stand out on all of them, the others stand back."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette, plane
from explorer.charts.plane import Plane
from explorer.charts.region import Limits
from explorer.charts.theme import Tone

FAINT = 0.14
"""Opacity of the images that are not chosen, where some are."""

FEW = 60
"""So many chosen images are drawn large; more would cover each other."""


def linked(
    shown: list[Plane],
    regions: list[Limits],
    tones: Tone,
    height: int,
    *,
    chosen: list[int],
    size: float = 3.5,
) -> go.Figure:
    """Planes side by side as one figure.

    regions: what is in view, one for each plane; planes with the same region move together, as those of models that are
    compared. chosen: places of test images, drawn large on every plane.
    """
    figure = plane.planes(shown, regions[0], tones, height, size=size)
    if any(region != regions[0] for region in regions):
        for number, (across, up) in enumerate(regions, start=1):
            mark = "" if number == 1 else str(number)
            figure.update_layout({f"xaxis{mark}": {"matches": None, "range": list(across)}})
            figure.update_layout({f"yaxis{mark}": {"matches": None, "range": list(up)}})
    figure.update_layout(dragmode="lasso", hovermode="closest")
    if chosen:
        for trace in figure.data:
            if isinstance(trace, go.Scattergl):
                trace.marker.opacity = FAINT
        for number, one in enumerate(shown, start=1):
            figure.add_trace(_chosen(one, np.array(chosen), number, tones, size))
    # Plotly dims what is not selected by itself: here the marks above do that, and they stay when it is drawn anew.
    for trace in figure.data:
        if isinstance(trace, go.Scattergl):
            opacity = trace.marker.opacity
            trace.update(selected={"marker": {"opacity": opacity}}, unselected={"marker": {"opacity": opacity}})
    return figure


def _chosen(one: Plane, chosen: np.ndarray, number: int, tones: Tone, size: float) -> go.Scattergl:
    mark = "" if number == 1 else str(number)
    points = one.points[chosen].astype(np.float32)
    if one.labels is None:
        colours = [palette.UNLABELLED] * len(chosen)
    else:
        colours = [palette.class_colour(int(label)) for label in one.labels[chosen]]
    return go.Scattergl(
        x=points[:, 0],
        y=points[:, 1],
        customdata=chosen,
        mode="markers",
        name="selected",
        showlegend=False,
        marker={
            "color": colours,
            "size": size + (5 if len(chosen) <= FEW else 2),
            "opacity": 1.0,
            "line": {"color": tones.ink, "width": 1 if len(chosen) <= FEW else 0.5},
        },
        hovertemplate="<b>test image %{customdata:,}</b><br>(%{x:.2f}, %{y:.2f})<extra></extra>",
        xaxis=f"x{mark}",
        yaxis=f"y{mark}",
    )


def dot(images: int) -> float:
    """The size of a dot in pixels: larger where there are few."""
    return 3.5 * float(np.clip(np.sqrt(2500 / images), 1, 1.75))
