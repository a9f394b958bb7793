"""The list of near-duplicates: pairs of components in pictures, the most alike first, with how far they are apart."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import components, duplicates, parts, usage, view, words
from explorer.charts import images, sheet
from explorer.duplicates import DRAWS, THRESHOLD, Duplicates
from explorer.entry import Entry

SHOWN, COLUMNS = 24, 6


def pairs(entry: Entry, found: usage.Usage, alike: Duplicates, width: int, columns: int = COLUMNS) -> None:
    """The pairs that are the most alike, up to SHOWN; width: pixels of the page for them."""
    pictures = usage.pictures(entry)
    count = min(len(alike.pairs), SHOWN // COLUMNS * columns)
    scale = images.scale_for(2 * pictures.shape[-1], 2 * width // columns)
    for start in range(0, count, columns):
        for place, i in zip(st.columns(columns, gap="small"), range(start, count), strict=False):
            first, second = (int(k) for k in alike.pairs[i])
            names, far = f"{first} and {second}", distance(alike, i)
            both = sum(float(found.shares[k]) for k in (first, second))
            with place, st.container(gap=None):
                png = sheet.grid(pictures[[first, second]], 2, scale, gap=4)
                parts.pictured(png, f"{components.noun(entry).capitalize()}s {names}: {far} apart.")
                view.small(f"**{names}** · {components.percent(both)}")
                view.small(far)


def distance(alike: Duplicates, i: int) -> str:
    """`0.03 nats, 0.2 σ`."""
    nats = f"{words.number(float(alike.divergence[i]))} nats"
    return nats if alike.apart is None else f"{nats}, {words.number(float(alike.apart[i]), 1)} σ"


def sentence(entry: Entry, alike: Duplicates) -> str:
    """How many near-duplicates there are, with the threshold."""
    total, few = len(alike.nearest), alike.doubled
    rule = f"another one within {THRESHOLD} nats of symmetric KL, as two Gaussians whose means are one σ apart have"
    if total < 2:
        return f"The prior has one {components.noun(entry)} alone: it has no other to be alike."
    if not few:
        least = words.number(float(np.min(alike.divergence)))
        return (
            f"**No {components.noun(entry)} has a near-duplicate** ({rule}): even the two most alike are {least} nats "
            "apart. The pairs that are the most alike come first."
        )
    have = f"{few} of the {total} {components.noun(entry)}s {'has' if few == 1 else 'have'} a near-duplicate"
    return (
        f"**{have}** ({rule}), in {words.count(alike.below, 'pair')}. The pairs that are the most alike come first, "
        "with what both explain together."
    )


def provenance(entry: Entry, alike: Duplicates) -> str:
    how = "in closed form" if alike.closed else f"estimated from {DRAWS} draws of each"
    sigma = " · σ: root of the pair's mean variance, unit by unit" if alike.apart is not None else ""
    layer = " · top layer" if entry.space_kind == "layers" else ""
    return f"{entry.name} · (KL(k‖l) + KL(l‖k)) / 2 {how}{layer}{sigma}"


def show(entry: Entry, found: usage.Usage, width: int, columns: int = COLUMNS) -> None:
    """The pairs with their caption."""
    with parts.working("Comparing all components with each other …"):
        alike = duplicates.of(entry)
    pairs(entry, found, alike, width, columns)
    view.caption(sentence(entry, alike), provenance(entry, alike))
