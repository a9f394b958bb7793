"""Maps that keep neighbours (UMAP, t-SNE) as layouts: computed once in a process of its own (`projecting`), then found.

A map on a sphere is shown by its equal-area (Hammer) projection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from explorer import access, library, planes, projecting, view
from explorer.library import Entry

METHODS = {"UMAP": "umap", "UMAP by class": "umap-class", "UMAP on a sphere": "umap-sphere", "t-SNE": "tsne"}
"""The names of the maps on pages, and those of `latents project --method`."""
LOST = {
    "UMAP": "UMAP keeps neighbours: distances between groups, their sizes and the axes mean nothing.",
    "UMAP by class": "This UMAP was told the classes, which pull their images together: that they lie apart shows "
    "nothing. Distances between groups, their sizes and the axes mean nothing.",
    "UMAP on a sphere": "UMAP keeps neighbours, here on a sphere, drawn with equal areas (Hammer): left and right edge "
    "are one line. Distances between groups mean nothing.",
    "t-SNE": "t-SNE keeps neighbours: distances between groups, their sizes and the axes mean nothing.",
}


def kinds(labelled: bool) -> list[str]:
    """The maps there can be; labelled: whether there are classes to be told."""
    return [name for name in METHODS if labelled or name != "UMAP by class"]


def layout(entry: Entry, kind: str) -> planes.Layout | None:
    """The map as a layout; None where it was not computed yet."""
    if kind == "UMAP":
        return planes.of(entry, "UMAP")
    found = stored(entry, METHODS[kind])
    if found is None:
        return None
    places, pseudo = found["places"], found.get("pseudo")
    titles = (f"{kind} 1 (no unit)", f"{kind} 2 (no unit)")
    if kind == "UMAP on a sphere":
        from latents import maps

        hammer = maps.MAPS["hammer"]
        places = hammer.forward(places).astype(np.float32)
        pseudo = None if pseudo is None else hammer.forward(pseudo).astype(np.float32)
        titles = ("Hammer map, across (radii)", "Hammer map, up (radii)")
    shown: Any = kind
    return planes.Layout(shown, places, pseudo, *titles, lost=LOST[kind])


def stored(entry: Entry, method: str) -> dict[str, np.ndarray] | None:
    """The arrays of a map (see `latents.neighbour_maps`); None where it was not computed yet."""
    from latents import neighbour_maps
    from latents.errors import FolderError

    try:
        found = neighbour_maps.stored(entry.path, method)
    except FolderError:
        return None
    return found if len(found.get("places", ())) == len(library.images(entry).gray) else None


def missing(entries: list[Entry], kind: str) -> None:
    """The map has not been computed yet: offer to, and show how far it is."""
    method = METHODS[kind]
    for entry in entries:
        why = _why_not(entry, method)
        if why:
            view.unavailable(why, "Choose another plane.")
        elif access.read_only():
            view.unavailable(f"{kind} of {entry.name} has not been computed, and this app is read-only.", "Choose PCA.")
        elif projecting.find(entry, method) is None:
            view.unavailable(
                f"{kind} of {entry.name} has not been computed yet.",
                "It takes about a minute, in a process of its own, and is kept.",
            )
            if st.button("Compute it", type="primary", key=f"{method}-{entry.name}"):
                projecting.start(entry, method)
                st.rerun()
        else:
            projecting.progress(entry, method)


def _why_not(entry: Entry, method: str) -> str | None:
    from latents import neighbour_maps

    if method == "umap-class" and library.images(entry).labels is None:
        return f"{entry.data_title} has no classes that UMAP could be told."
    return neighbour_maps.why_not(method)
