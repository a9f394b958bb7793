"""The files of Home and Latent space: the points, their places on the plane that is shown, and its other views."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import colours, draws, library, naming, planes, projections, usage
from explorer.library import Entry
from explorer.planes import Layout
from explorer.projections import Choice
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, columns, of_images, table
from explorer.sharing.settings import State


def home(entries: list[Entry], state: State) -> list[File]:
    """The points of both models."""
    ready = [entry for entry in settings.pair(entries) if planes.kinds(entry) and library.ready(entry)]
    return [file for entry in ready for file in both(entry)]


def both(entry: Entry) -> list[File]:
    """The points of a model, as arrays and as a table."""
    return [
        arrays(entry.name, "Points", partial(points, entry)),
        table(entry.name, "Points", partial(numbers, entry)),
    ]


def points(entry: Entry) -> dict[str, np.ndarray | None]:
    """The points of q(z|x) in test order, their standard deviations, and the pseudo-inputs'."""
    found = library.encoding(entry)
    pseudo = library.pseudo_codes(entry)
    return {"points": found.points, "stddev": found.stddev, "labels": found.images.labels, "pseudo_points": pseudo}


def numbers(entry: Entry) -> dict:
    """A row for each test image: its class and its point."""
    return of_images(entry) | columns("z", library.encoding(entry).points)


def latent_space(entries: list[Entry], state: State) -> list[File]:
    """The plane as it is shown, with what the dots are coloured by; the points; what else the view shows."""
    able = [entry for entry in entries if planes.kinds(entry) and library.ready(entry)]
    if not able:
        return []
    choice, (by, unit) = settings.plane(able, state), settings.colour(able, state)
    view, made = state.get("view") or "Points", []
    for entry in able:
        made.append(table(entry.name, "Plane", partial(placed, entry, choice, by, unit)))
        if view == "Decoded plane":
            made.append(arrays(entry.name, "Decoded plane", partial(decoded, entry, choice)))
        elif view == "Training" and (entry.path / "snapshots.safetensors").exists():
            made.append(arrays(entry.name, "Training", partial(trained, entry, choice)))
        made += both(entry)[: 1 if entry.flat else 2]  # (the table of a plane in two dimensions has all numbers of z)
    return made


def _layout(entry: Entry, choice: Choice) -> Layout:
    """The plane; of one whose map was not made, the first that there is."""
    found = projections.layout(entry, choice) or planes.of(entry, "PCA")
    assert found is not None
    return found


def placed(entry: Entry, choice: Choice, by: str, unit: int) -> dict:
    """A row for each test image: its class, what its dot is coloured by, and its place."""
    layout, value = _layout(entry, choice), settings.coloured(entry, by, unit)
    across, up = axes(entry, layout, choice)
    coloured = {} if value is None or by == colours.CLASS else {by: value}
    return of_images(entry) | coloured | {across: layout.points[:, 0], up: layout.points[:, 1]}


def axes(entry: Entry, layout: Layout, choice: Choice) -> tuple[str, str]:
    """Short names of the two axes."""
    if layout.kind == "units":
        return "z1", "z2"
    if layout.kind == "Units":
        names = naming.units(usage.layers(entry))
        first, second = choice.pair if max(choice.pair) < len(names) else (0, 1)
        return f"z{names[first]}", f"z{names[second]}"
    name = "PC" if layout.kind == "PCA" else layout.kind
    return f"{name} 1", f"{name} 2"


def decoded(entry: Entry, choice: Choice) -> dict[str, np.ndarray]:
    """A lattice over the plane: places [N, 2], z [N, d], pictures [N, C, H, W]."""
    from explorer.canvas.scene import ROWS, SLOW_ROWS

    layout = _layout(entry, choice)
    if layout.axes is None:
        layout = planes.of(entry, "PCA") or layout
    places = planes.lattice(planes.region([layout]), SLOW_ROWS if draws.slow(entry) else ROWS)
    z = planes.back(entry, layout, places)
    return {"places": places, "z": z, "pictures": library.decode(entry, z)}


def trained(entry: Entry, choice: Choice) -> dict[str, np.ndarray]:
    """What was kept of training: epochs [E], which images, where they were on the plane [E, n, 2], and their points."""
    from latents.folder import ModelFolder

    kept, layout = ModelFolder(entry.path).snapshots(), _layout(entry, choice)
    found: dict[str, np.ndarray] = {name: kept[name] for name in ("epochs", "index", "labels", "mean") if name in kept}
    if "mean" in kept and layout.axes is not None:
        states = kept["mean"].astype(np.float32)
        found["places"] = np.stack([layout.to_plane(library.coordinates(entry, state)) for state in states])
    return found
