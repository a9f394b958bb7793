"""The small plane beside a figure, on the live canvas; and the plane of a model that codes can be placed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from explorer import components, planes, usage
from explorer.canvas import canvas, state
from explorer.entry import Entry

LENS = 56
"""Pixels of the pictures at the pointer."""
FEW = 1000
"""A model of fewer test images has larger dots."""


def able(entry: Entry) -> bool:
    """Whether the model's points can be placed on a plane: a single unit has none."""
    return bool(planes.kinds(entry))


def layout(entry: Entry) -> planes.Layout:
    """The plane that codes can be placed on: the two units, or PCA of more."""
    found = planes.of(entry, planes.kinds(entry)[0])
    assert found is not None  # only UMAP may not have been computed yet, and it is never the first kind
    return found


def lost(entry: Entry) -> str | None:
    """What the small plane does not show, in a few words; None where it is latent space itself."""
    shown = layout(entry)
    if shown.kind == "units":
        return None
    return f"a shadow of {entry.space_title} on the first two principal components (PC)"


def of_components(entry: Entry, k: int, height: int, chosen: Callable[[int], None]) -> None:
    """The test images and the prior's components on the model's plane, component k ringed; chosen: told of a click."""
    from explorer.canvas import scene

    found = with_components(entry)
    around, legend, key = planes.region([found]), scene.classes([entry]), f"place-{entry.name}"
    made = scene.plane(entry, found, around, legend)
    short = ("z₁", "z₂") if found.kind == "units" else ("PC 1", "PC 2")
    unit = " (latent units)" if entry.space_kind == "euclidean" else ""
    canvas(
        [replace(made, x_title=short[0] + unit, y_title=short[1] + unit)],
        around,
        key=key,
        height=height,
        classes=legend,
        on_pseudo=partial(_clicked, key, chosen),
        pseudoChosen=k,
        pseudoClicks=True,
        pseudoWord=components.noun(entry),
        bare=True,
        tools=False,
        prior=False,
        size=2.5 if len(found.points) > FEW else 4,
        lens=LENS,
    )


def with_components(entry: Entry) -> planes.Layout:
    """The model's `layout` with a dot for each component of its prior: its pseudo-input's, or where its mean lies."""
    found = layout(entry)
    if found.pseudo is not None:
        return found
    return replace(found, pseudo=planes.forth(entry, found, usage.codes(entry)), name=f"{found.name} components")


def _clicked(key: str, chosen: Callable[[int], None]) -> None:
    k = state(key).pseudo
    if k is not None:
        chosen(k)
