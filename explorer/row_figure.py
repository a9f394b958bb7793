"""Rows of pictures on a page: the figure of `charts.strips`, with no empty place below it where the page is narrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from explorer import view

if TYPE_CHECKING:
    import plotly.graph_objects as go

NARROW = 1180
"""Pixels of a window up to which the page is narrower than the figure was laid out for: that of a tablet."""


def shown(figure: go.Figure, key: str, alt: str, width: int) -> None:
    """The figure, laid out for `width` pixels.

    On a narrower page Plotly draws it smaller, in a place that stays as high: the rest of that place is cut away.
    """
    high = figure.layout.height
    view.figure(figure, key, alt)
    place = ".st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key)
    st.html(
        f"<style>@media (max-width: {NARROW}px) {{ {place} {{ container-type: inline-size; }} "
        f"{place}, {place} > div {{ height: auto !important; flex: none !important; }} "
        f'{place} [data-testid="stPlotlyChart"] {{ max-height: {100 * high / width:.2f}cqw; overflow: hidden; }} }}'
        "</style>"
    )
