"""A spherical model's map and globe for the canvas (sphereview.js): what `scene.plane` is for planes.

The points' file holds `globe` F32 [N, 3], unit vectors; optional `group` U8 [N], `pseudo` [K, 3] with `shares` [K],
`axes` [3, m] (the way back to z; none on UMAP's sphere), `reach` [N], and `concentration` [N] with `caps` [N, 2] (see
explorer/globe.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import globe, library, sphere_density, usage
from explorer.canvas import blobs, scene
from explorer.canvas.plane import Address, CanvasPlane, Class
from explorer.library import Entry


@dataclass(frozen=True)
class SpherePlane(CanvasPlane):
    """A map or a globe. view: "map" or "globe"; panel: whether the panel for images and paths stands below it."""

    view: str = "map"
    panel: bool = False

    def json(self, address: Address) -> dict[str, Any]:
        return super().json(address) | {"view": self.view, "panel": self.panel}


def planes(
    entry: Entry, legend: list[Class], *, made: bool = False, aggregate: bool = False, holes: bool = False
) -> list[SpherePlane]:
    """The model's map, with its panel, and its globe. made: of UMAP's sphere, which must have been computed; aggregate,
    holes: with the contours of the aggregated posterior, and with the tint of holes."""
    settings: dict[str, Any] = {"made": made, "aggregate": aggregate, "holes": holes}
    return [plane(entry, legend, "map", panel=True, **settings), plane(entry, legend, "globe", **settings)]


def plane(
    entry: Entry,
    legend: list[Class],
    view: str,
    *,
    title: str = "",
    panel: bool = False,
    made: bool = False,
    aggregate: bool = False,
    holes: bool = False,
) -> SpherePlane:
    """One view of the model's sphere. Raises LatentsError with one sentence."""
    labels = tuple(one.label for one in legend)
    plain = library.remember("sphere plane", entry, lambda: _plane(entry, legend, made), labels, made)
    contours = {}
    if made:
        return SpherePlane(**{**plain.__dict__, "view": view, "title": title, "panel": panel})
    if (prior := sphere_density.prior(entry)) is not None:
        contours["prior"] = library.remember("prior bytes", entry, lambda: blobs.contours(prior))
    if aggregate and (found := sphere_density.aggregate(entry)) is not None:
        contours["aggregate"] = library.remember("aggregate bytes", entry, lambda: blobs.contours(found))
    if holes and (tint := sphere_density.heat(entry)) is not None:
        contours["holes"] = library.remember("holes bytes", entry, lambda: blobs.heat(*tint, full=1.0))
    return SpherePlane(**{**plain.__dict__, "view": view, "title": title, "panel": panel, "contours": contours})


def _plane(entry: Entry, legend: list[Class], made: bool) -> SpherePlane:
    test, encoding = library.images(entry), library.encoding(entry)
    found = globe.umap(entry) if made else globe.of(entry)
    assert found is not None
    narrow = globe.concentration(entry)
    whole = found.axes is not None and found.axes.shape[1] == 3
    values = scene._values(entry, len(test.gray))
    if narrow is not None:
        values["kappa"] = blobs.values(narrow.kappa)
    return SpherePlane(
        name=entry.name,
        title="",
        x_title="longitude (degrees)",
        y_title="latitude (degrees)",
        points=_points(entry, found, None if made else narrow, test.labels, legend),
        shape=test.gray.shape[1:],
        values=values,
        decoder=scene.program(entry, "decoder") if scene._space(entry) is not None else None,
        codes=None if whole else scene._codes(encoding.coordinates),
        sprite=scene.sprite(entry),
        pseudo_sprite=None if found.pseudo is None else scene._pseudo_sprite(entry),
        decoded=library.shows(entry),
    )


def _points(
    entry: Entry,
    found: globe.Globe,
    narrow: globe.Concentration | None,
    labels: np.ndarray | None,
    legend: list[Class],
) -> bytes:
    arrays: dict[str, np.ndarray] = {"globe": found.points}
    if found.axes is not None and found.reach is not None:
        arrays |= {"axes": found.axes, "reach": found.reach}
    if labels is not None and legend and len(legend) <= blobs.MOST_CLASSES:
        place = {one.label: i for i, one in enumerate(legend)}
        arrays["group"] = np.array([place[int(label)] for label in labels], np.uint8)
    if found.pseudo is not None:
        arrays["pseudo"] = found.pseudo
        used = usage.of(entry)
        if used is not None and len(used.shares) == len(found.pseudo):
            arrays["shares"] = used.shares
    if narrow is not None:
        arrays |= {"concentration": narrow.kappa, "caps": narrow.caps}
    ready = {name: array if name == "group" else array.astype(np.float32) for name, array in arrays.items()}
    return blobs.tensors(ready, kind="sphere", space=scene._space(entry) or "other")
