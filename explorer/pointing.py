"""How a place that is pointed at on a plane becomes z, in a sentence under the figure."""

from __future__ import annotations

from explorer.canvas import CanvasPlane
from explorer.entry import Entry
from explorer.planes import Layout

HELD = {
    "euclidean": "In all other directions z is held at the chosen image, or else at the mean of the points.",
    "layers": "In all other directions of all layers z is held at the chosen image, or else at the mean of the points.",
    "sphere": "The plane runs through the chosen image or else the mean of the points; z is the point of the sphere "
    "nearest to it.",
    "simplex": "The plane runs through the chosen image or else the mean of the points; z is the point of the simplex "
    "nearest to it.",
    "codes": "The plane runs through the mean of the codes' vectors; z are the codes nearest to it.",
}


def way(entry: Entry, layout: Layout, plane: CanvasPlane, *, exact: bool = True) -> str:
    """The sentence, or "" where z is the place itself. exact: a server decodes where the pointer rests."""
    if plane.decoder is None and plane.lattice is None:
        if layout.axes is None:
            return "Nothing is decoded at the pointer: the map has no way back, and no browser can run this decoder."
        return "No browser can run this decoder: its pictures stand on the *Decoded plane*." if exact else ""
    if layout.axes is None:
        nearest = "At the pointer, z is the mean of the eight nearest images' codes: the map has no way back."
        return nearest if plane.decoder is not None and plane.codes is not None else ""
    held = HELD.get(entry.space_kind or "", HELD["euclidean"]) if layout.kind != "units" else ""
    if plane.lattice is not None:
        tiles = f"At the pointer stands the nearest of {plane.lattice.columns} × {plane.lattice.rows} decoded pictures"
        return f"{tiles}{', and the exact one when it rests' if exact else ''}. {held}".strip()
    return held


def drawing(entries: list[Entry], layouts: list[Layout], shown: list[CanvasPlane]) -> str:
    """What happens to a drawing before it is encoded, and why it may have no place on the plane; "" without a pad."""
    able = [(entry, layout) for entry, layout, plane in zip(entries, layouts, shown, strict=True) if plane.encoder]
    sentences = []
    if any(entry.binarisation != "none" for entry, _ in able):
        sentences.append("A drawing is binarised before it is encoded, by one fixed draw, as the test images were.")
    if any(layout.axes is None for _, layout in able):
        sentences.append("It has no place on this map: it places only the images that it was made from.")
    return " ".join(sentences)
