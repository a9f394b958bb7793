"""From models to the text of the file, as small as it has to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import streamlit as st

from explorer import library, planes
from explorer.canvas import CanvasPlane
from explorer.entry import Entry
from explorer.export import content, page, smaller
from explorer.export.packing import Store
from latents.errors import LatentsError

MOST = 6_000_000
"""Bytes that a file may have: it is sent by mail and read from old sticks."""


class NotExportable(LatentsError):
    """The models cannot be shown in a file: one sentence on why."""


def why_not(entry: Entry) -> str | None:
    """Why a model cannot be exported, or None. Costs no more than the header of its file."""
    return None if planes.kinds(entry) else planes.why_none(entry)


def html(entries: list[Entry], kind: str | None = None) -> str:
    """The file of one or two models of the same data; computed once for these models.

    kind: of plane, "PCA" or "UMAP"; by default the first that the models have. Where the whole is too large, the
    thumbnails are the binarised images, a bit for each pixel, and then left out, and at last the encoders; the page
    says which it is.

    Raises:
        NotExportable: a model has no plane, UMAP was not computed, the two do not fit together, or it is too large.
        LatentsError: a model or its data cannot be read.
    """
    return _made(tuple((entry.path, entry.stamp) for entry in entries), kind, entries)


@st.cache_resource(show_spinner=False, max_entries=4)
def _made(key: tuple, kind: str | None, _entries: list[Entry]) -> str:
    """(A few megabytes each: only the latest are kept.)"""
    return _html(_entries, kind)


def _html(entries: list[Entry], kind: str | None) -> str:
    from explorer.canvas import scene

    layouts = _layouts(entries, kind)
    region = planes.region(layouts)
    alone = len(entries) == 1
    legend = scene.classes(entries)
    shown = [
        smaller.plane(
            scene.plane(entry, layout, region, legend, title="" if alone else entry.name, lattice=True, encoder=True)
        )
        for entry, layout in zip(entries, layouts, strict=True)
    ]
    shown = [replace(plane, sprite=shown[0].sprite) for plane in shown]  # of the same images: once
    why = scene.why_no_encoder(entries, shown)
    sizes = []
    for pictures, missing, dressed in _dressed(entries, shown):
        store = Store()
        told = content.content(entries, dressed, layouts, region, why | missing, pictures, store.address)
        written = page.write(content.title(entries), content.description(entries), told, store)
        sizes.append(len(written.encode("utf-8")))
        if sizes[-1] < MOST:
            return written
    raise NotExportable(
        f"The file would have {min(sizes) / 1e6:.1f} MB even without thumbnails and drawing pad, and at most "
        f"{MOST / 1e6:.0f} are allowed. {'Export a smaller model.' if alone else 'Export each model alone.'}"
    )


def _layouts(entries: list[Entry], kind: str | None) -> list[planes.Layout]:
    """Where the test images lie, checked."""
    for entry in entries:
        reason = why_not(entry)
        if reason is not None:
            raise NotExportable(f"{entry.name} cannot be exported. {reason}")
        if entry.data != entries[0].data:
            raise NotExportable(
                f"{entries[0].name} shows {entries[0].data_title} and {entry.name} {entry.data_title}: two planes of "
                "one file show the same images. Export each alone."
            )
    layouts = []
    for entry in entries:
        kinds = planes.kinds(entry)
        layout = planes.of(entry, kind if kind in kinds else kinds[0])  # type: ignore[arg-type]
        if layout is None:
            raise NotExportable(
                f"UMAP of {entry.name} has not been computed yet: run `latents project {entry.path}`, or export PCA."
            )
        layouts.append(layout)
    return layouts


def _dressed(entries: list[Entry], shown: list[CanvasPlane]) -> Iterator[tuple[str, dict[str, str], list[CanvasPlane]]]:
    """The planes with less and less: what the thumbnails are, why an encoder is missing (by name), and the planes."""
    yield "thumbnails: the gray originals" if _binarised(entries) else "", {}, shown
    if _binarised(entries) and shown[0].sprite is not None:
        bits = smaller.one_bit(shown[0].sprite, library.images(entries[0]).seen)
        shown = [replace(plane, sprite=bits) for plane in shown]
        yield "thumbnails: the images as the models see them", {}, shown
    yield "without thumbnails, for its size", {}, [replace(plane, sprite=None) for plane in shown]
    missing = {
        plane.name: f"With its encoder the file would have more than {MOST / 1e6:.0f} MB: draw in the app."
        for plane in shown
        if plane.encoder is not None
    }
    yield "without thumbnails, for its size", missing, [replace(plane, sprite=None, encoder=None) for plane in shown]


def _binarised(entries: list[Entry]) -> bool:
    """Whether all models see the images binarised."""
    return all(entry.binarisation != "none" for entry in entries)
