"""The files of Interpolate: the path's points, pictures and densities."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import courses, ends, library, path_controls, paths
from explorer.courses import Course
from explorer.ends import End
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, columns, table
from explorer.sharing.settings import State, Way


def interpolate(entries: list[Entry], state: State) -> list[File]:
    """The path of each model."""
    able = [one for one in entries if library.why_not(one, "decode") is None and library.ready(one)]
    made = []
    for entry in [one for one in able if one.data == able[0].data]:
        way = settings.way(entry, state)
        found = [_end(entry, way, place) for place in range(len(way.ends))]
        what = "Square" if way.mode == path_controls.CORNERS else "Path"
        made += [
            arrays(entry.name, what, partial(packed, entry, way, found)),
            table(entry.name, what, partial(rows, entry, way, found)),
        ]
    return made


def _end(entry: Entry, way: Way, place: int) -> End:
    test, own = library.images(entry), way.own[place]
    if own is not None:
        return ends.own(entry, own[0])
    return ends.of_test(test, min(way.ends[place], len(test.gray) - 1))


def course(entry: Entry, way: Way, found: list[End]) -> Course:
    """What the mode asks for, as on the page."""
    start = ends.point(entry, found[0])
    if way.mode == path_controls.WALK:
        return courses.walk(entry, start, way.steps, way.stride, way.seed)
    if way.mode == path_controls.CLASSES:
        return courses.towards(entry, start, way.origin, way.target)
    return courses.line(entry, start, ends.point(entry, found[1]), way.steps, _way(way))


def _way(way: Way) -> str:
    return paths.CIRCLE if way.circle else paths.STRAIGHT


def _square(entry: Entry, way: Way, found: list[End]) -> tuple[np.ndarray, np.ndarray]:
    four = np.stack([ends.point(entry, end) for end in found])
    return courses.corners(entry, four, way.side, _way(way))


def packed(entry: Entry, way: Way, found: list[End]) -> dict[str, np.ndarray | None]:
    """The steps: t, z, pictures, log p(z) in nats; the line itself; and of a line the pixels that fade."""
    seen = np.stack([end.seen for end in found])
    if way.mode == path_controls.CORNERS:
        z, pictures = _square(entry, way, found)
        return {"z": z, "pictures": pictures, "images": seen}
    run = course(entry, way, found)
    mixed = paths.pixel_path(seen[0], seen[1], way.steps) if way.mode == path_controls.LINE else None
    at_steps = None if run.log_prior is None else paths.log_density(entry, run.z)
    named = {"t": run.t, "z": run.z, "pictures": run.pictures, "log_prior": at_steps, "pixels": mixed, "images": seen}
    return named | {"fine_t": run.fine_t, "fine_z": run.fine_z, "fine_log_prior": run.log_prior}


def rows(entry: Entry, way: Way, found: list[End]) -> dict:
    """A row for each step: where it is, log p(z) where the prior has a density, and z."""
    if way.mode == path_controls.CORNERS:
        z, _ = _square(entry, way, found)
        down, across = np.indices(z.shape[:2])
        return {"row": down.ravel(), "column": across.ravel()} | columns("z", z.reshape(-1, z.shape[-1]))
    run = course(entry, way, found)
    at_steps = None if run.log_prior is None else paths.log_density(entry, run.z)
    name = {path_controls.WALK: "step", path_controls.CLASSES: "strength"}.get(way.mode, "t")
    return {name: run.t, "log p(z) in nats": at_steps} | columns("z", run.z)
