"""Rows of pictures on a page: the figure of `charts.strips`, with no empty place below it where the page is narrow."""

from __future__ import annotations

import re

import streamlit as st

from explorer import view
from explorer.charts import strips
from explorer.charts.theme import SMALL

NARROW = 1180
"""Pixels of a window up to which the page is narrower than the figure was laid out for: that of a tablet."""


BACK_ROW, BACK_HEIGHT, LARGER = 1.25, 1.06, 1.3
"""Without the sidebar and the controls, for a class: how much wider and higher rows are, and larger their letters."""


def shown(rows: list[strips.Row], heads: list[str], key: str, alt: str, width: int, height: int, beside: int) -> None:
    """The rows as one figure, laid out for a place of this size in pixels; see `strips.strips`.

    On a narrower page Plotly draws it smaller, in a place that stays as high: the rest of that place is cut away.
    """
    if view.hidden():
        width, height, beside = round(width * BACK_ROW), round(height * BACK_HEIGHT), round(beside * LARGER)
    figure = strips.strips(rows, heads, view.tones(), width, height, beside=beside)
    if view.hidden():
        figure.update_annotations(font_size=round(SMALL * LARGER))
    high = figure.layout.height
    view.figure(figure, key, alt)
    place = ".st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key)
    st.html(
        f"<style>@media (max-width: {NARROW}px) {{ {place} {{ container-type: inline-size; }} "
        f"{place}, {place} > div {{ height: auto !important; flex: none !important; }} "
        f'{place} [data-testid="stPlotlyChart"] {{ max-height: {100 * high / width:.2f}cqw; overflow: hidden; }} }}'
        "</style>"
    )
