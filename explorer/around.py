"""Pseudo-inputs with their samples: each in the corner of a sheet, draws from its q(z|u) decoded around it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import components, draws, library, parts, usage, view
from explorer.charts import images, sheet
from explorer.library import Entry

MOST_USED, LEAST_USED, CHOSEN = "Most used", "Least used", "Rank"
WHICH = (MOST_USED, LEAST_USED, CHOSEN)
COUNTS, HALF_COUNTS, FEW_COUNTS = (1, 3, 8, 18), (1, 3, 8), (1, 3)
"""How many are shown; of each of two models; and where each picture is drawn pixel by pixel."""
_COLUMNS = {1: 1, 3: 3, 8: 4, 18: 6}
SIDE = 5
"""Pictures along the side of a sheet, the pseudo-input among them."""


def chosen(found: usage.Usage, which: str, count: int, rank: int) -> np.ndarray:
    """The ranks, from 1, of `count` components: the most used, the least used (least first), or those from `rank` on.

    Fewer where there are not so many.
    """
    total = len(found.order)
    if which == LEAST_USED:
        return np.arange(total, max(0, total - count), -1)
    first = rank if which == CHOSEN else 1
    return np.arange(first, min(total, first + count - 1) + 1)


def sheets(entry: Entry, found: usage.Usage, which: str, count: int, rank: int, seed: int, width: int) -> int:
    """Draw the sheets, with their names and shares; width: pixels of the page for them. How many samples each has."""
    ranks = chosen(found, which, count, rank)
    across = 2 * SIDE if count == 1 else SIDE
    each = SIDE * across - 1
    ks = [int(found.order[r - 1]) for r in ranks]
    with parts.working(f"Drawing {each * len(ks)} pictures pixel by pixel …", draws.slow(entry)):
        drawn = [of_component(entry, k, seed, each) for k in ks]
    corners = usage.pictures(entry)
    columns = _COLUMNS[count]
    for start in range(0, len(ks), columns):
        for place, i in zip(st.columns(columns, gap="small"), range(start, len(ks)), strict=False):
            with place, st.container(gap=None):
                scale = images.scale_for(across * drawn[i].shape[-1], 2 * width // columns)
                png = sheet.cornered(corners[ks[i]], drawn[i], across, scale, view.tones())
                share = components.percent(float(found.shares[ks[i]]))
                name = f"{components.noun(entry)} {ks[i]}"
                parts.pictured(png, f"{name} in the corner, {each} samples of it around it; its share is {share}.")
                view.small(f"{name} · rank {ranks[i]} · {share}" if columns < 6 else f"{ks[i]} · {share}")
    return each


def of_component(entry: Entry, k: int, seed: int, n: int) -> np.ndarray:
    """n draws from component k, decoded: uint8 [n, C, H, W]; n below `draws.EACH`, fewer are the first of more."""

    def draw() -> np.ndarray:
        return draws.pictures(entry, draws.component_codes(entry, k, seed, n), seed)[0]

    return library.remember("samples of a component", entry, draw, k, seed, n)
