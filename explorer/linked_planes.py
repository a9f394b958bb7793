"""The planes of two to four models as one live canvas with one selection."""

from __future__ import annotations

from dataclasses import replace

from explorer import chosen, planes
from explorer.canvas import canvas
from explorer.library import Entry

KEY, NARROW = "compared", 2
"""More planes than this leave no room for long titles of axes."""


def alike(entries: list[Entry]) -> bool:
    """Whether the planes are of the same kind of space, so that one scale means the same on all."""
    return len({(entry.space_kind, entry.flat) for entry in entries}) == 1


def draw(entries: list[Entry], selected: tuple[int, ...], height: int) -> None:
    """The models' planes, `height` pixels high; selected: places of test images, marked on all.

    Models of one kind of space share a region and move together; others have each their own.
    """
    from explorer.canvas import scene

    legend = scene.classes(entries)
    found = [(entry, layout) for entry in entries if (layout := planes.of(entry, "PCA")) is not None]
    whole = planes.region([layout for _, layout in found])
    together = alike(entries)
    shown = []
    for entry, layout in found:
        region = whole if together else planes.region([layout])
        plane = scene.plane(entry, layout, region, legend, title=entry.name)
        if len(found) > NARROW:
            plane = replace(plane, x_title=short(plane.x_title), y_title=short(plane.y_title))
        shown.append(plane if together else replace(plane, region=region))
    canvas(
        shown,
        whole,
        key=KEY,
        height=height,
        classes=legend,
        selection=selected,
        on_select=chosen.taken(KEY),
        linked=together,
        pseudo=False,
        prior=False,
        neighbours=0,
    )


def short(title: str) -> str:
    """An axis's title for a narrow plane: `PC 1 (16 %)`, `z₁`."""
    title = title.replace("principal component", "PC").replace(" of the variance", "")
    return title.partition(" (")[0] if title.startswith("z") else title
