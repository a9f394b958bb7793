"""The files of Sphere: the points on the globe and on the map, concentrations and caps, a great circle, a lattice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from explorer import globe, library, paths, planes
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, of_images, table
from explorer.sharing.files.plane import both
from explorer.sharing.scripts.sphere import LATTICE
from explorer.sharing.settings import Globe, State

STEPS = 33
"""Pictures along a great circle."""


def maps(entries: list[Entry], state: State) -> list[File]:
    """The model on the sphere, what of it is shown, and the points of the one beside it."""
    entry, partner = settings.on_sphere(entries, state)
    if entry is None or not library.ready(entry):
        return []
    chosen = settings.globe(entry, state)
    if chosen.made and globe.umap(entry) is None:
        return []
    made = [
        arrays(entry.name, "Sphere", partial(packed, entry, chosen)),
        table(entry.name, "Sphere", partial(rows, entry, chosen)),
    ]
    if chosen.lattice:
        made.append(arrays(entry.name, "Lattice", partial(lattice, entry)))
    if len(chosen.selected) == 2:
        made.append(arrays(entry.name, "Great circle", partial(great_circle, entry, chosen.selected)))
    if partner is not None and library.ready(partner):
        if globe.why_none(partner) is None:
            made.append(table(partner.name, "Sphere", partial(rows, partner, replace(chosen, made=False))))
        elif planes.kinds(partner):
            made += both(partner)[:1]
    return made


def _places(entry: Entry, chosen: Globe) -> np.ndarray:
    """Where the points are on the map, [N, 2]."""
    from latents.maps import MAPS, turn

    middle = turn(np.radians(chosen.longitude), np.radians(chosen.latitude))
    return MAPS[chosen.map].forward(_found(entry, chosen).points @ middle.T)


def _found(entry: Entry, chosen: Globe) -> globe.Globe:
    made = globe.umap(entry) if chosen.made else None
    return made or globe.of(entry)


def packed(entry: Entry, chosen: Globe) -> dict[str, np.ndarray | None]:
    """Points of the model's own sphere and of the globe, the directions that lead there, the map, kappa and caps."""
    found, narrow = _found(entry, chosen), globe.concentration(entry)
    return {
        "points": library.encoding(entry).points,
        "globe": found.points,
        "axes": found.axes,
        "reach": found.reach,
        "map": _places(entry, chosen),
        "kappa": None if narrow is None else narrow.kappa.reshape(len(found.points)),
        "caps": None if narrow is None or chosen.made else narrow.caps,
        "pseudo": found.pseudo,
        "labels": library.images(entry).labels,
    }


def rows(entry: Entry, chosen: Globe) -> dict:
    """A row for each test image: its class, unit vector, angles, place on the map, concentration, caps (radians)."""
    from latents.maps import angles

    found, narrow = _found(entry, chosen), globe.concentration(entry)
    longitude, latitude = angles(found.points)
    x, y = _places(entry, chosen).T
    named = of_images(entry) | dict(zip(("g1", "g2", "g3"), found.points.T, strict=True))
    named |= {"longitude in degrees": np.degrees(longitude), "latitude in degrees": np.degrees(latitude)}
    named |= {"map x": x, "map y": y}
    if narrow is None:
        return named
    caps = {f"cap of {share:.0%} in radians": narrow.caps[:, i] for i, share in enumerate(globe.SHARES)}
    return named | {"kappa": narrow.kappa.reshape(len(x))} | caps


def great_circle(entry: Entry, selected: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The way between the two selected images: t, z, pictures."""
    t, points = np.linspace(0, 1, STEPS), library.encoding(entry).points
    z = paths.between(entry, points[selected[0]], points[selected[1]], t)
    return {"images": np.array(selected), "t": t, "z": z, "pictures": library.decode(entry, z)}


def lattice(entry: Entry) -> dict[str, np.ndarray]:
    """Directions spread evenly over the globe, their z and pictures."""
    from latents.maps import spread

    g = spread(LATTICE)
    z = globe.of(entry).back(g).astype(np.float32)
    return {"globe": g, "z": z, "pictures": library.decode(entry, z)}
