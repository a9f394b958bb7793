"""What the widgets of a page say, read from their values: for the lines and files of the menu.

A value that a page has drawn is there; one that was never drawn has the page's own default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import (
    codebook,
    colours,
    draws,
    focus,
    image_numbers,
    layered,
    library,
    naming,
    own_ends,
    own_pictures,
    path_controls,
    paths,
    picture_code,
    traversal,
    unit_numbers,
    usage,
    walking,
    words,
)
from explorer import globe as globes
from explorer.canvas import picked
from explorer.charts import images
from explorer.library import Entry
from explorer.projections import SAMPLE, Choice

State = Mapping[str, Any]
"""The page's own settings, by the keys of its widgets."""


def number(state: State, key: str, otherwise: int = 0) -> int:
    value = state.get(key)
    return otherwise if value is None else int(value)


def image(entry: Entry, state: State) -> int:
    """The chosen test image."""
    return min(number(state, focus.KEY), len(library.images(entry).gray) - 1)


def selection(entry: Entry, state: State) -> tuple[int, ...]:
    """The selected test images, ascending."""
    return picked.decode(str(state.get("picked") or ""), len(library.images(entry).gray))


def pair(entries: list[Entry]) -> list[Entry]:
    """The models of Home: the chosen one and the one beside it, by default its twin; the standard prior comes first."""
    twin = library.twin(entries[0]) if len(entries) == 1 else None
    return sorted([*entries, *([] if twin is None else [twin])], key=lambda one: one.prior != "standard")


# -- planes --------------------------------------------------------------------------------------------------


def plane(entries: list[Entry], state: State) -> Choice:
    """The plane chosen on Latent space."""
    layered = next((one for one in entries if one.space_kind == "layers"), None)
    layer, name = None, state.get("layer")
    if layered is not None and name is not None:
        numbered = enumerate(naming.numbered(usage.layers(layered)))
        layer = next((place for place, (number, _) in numbered if f"z{words.subscript(number)}" == name), None)
    pair = (0, 1)
    united = next((one for one in entries if not one.flat and library.why_not(one, "units") is None), None)
    if united is not None:
        names = naming.units(usage.layers(united))
        found = [names.index(value) for key in ("across", "up") if (value := state.get(key)) in names]
        pair = (found[0], found[1]) if len(found) == 2 else pair
    return Choice(state.get("plane") or "PCA", layer, pair, state.get("of-q") == SAMPLE)


def colour(entries: list[Entry], state: State) -> tuple[str, int]:
    """What the dots of Latent space are coloured by, and the unit where it is one, from 0."""
    by = state.get("colour") or colours.CLASS
    united = next((one for one in entries if library.why_not(one, "units") is None), None)
    if by != colours.UNIT or united is None:
        return by, 0
    names = naming.units(usage.layers(united))
    name = state.get("by-unit")
    return by, names.index(name) if name in names else 0


def coloured(entry: Entry, by: str, unit: int) -> np.ndarray | None:
    """The numbers [N] by which the dots are coloured; None where the model has none. Computed where they were not."""
    if by in colours.MEASURED:
        found = image_numbers.of(entry)
        return {colours.ELBO: found.elbo, colours.ERROR: found.error, colours.KL: found.kl}[by]
    if by in (colours.PSEUDO, colours.COMPONENT):
        return image_numbers.component(entry) if library.why_not(entry, "components") is None else None
    if by == colours.UNIT and library.why_not(entry, "units") is None:
        points = library.encoding(entry).points
        return points[:, unit] if unit < points.shape[1] else None
    return None


# -- paths ---------------------------------------------------------------------------------------------------

SLOW_SIDE = 5
"""Pictures along a side of the square where each is drawn pixel by pixel."""


@dataclass(frozen=True)
class Way:
    """What Interpolate shows: the mode, its ends (test images), and what the mode needs; see `path_controls`.

    own: for each end the visitor's own picture uint8 [C, H, W] in the place of its test image, and its text
    (`picture_code`), "" where the link cannot hold it; None where it is the test image.
    """

    mode: str
    ends: tuple[int, ...]
    own: tuple[tuple[np.ndarray, str] | None, ...] = ()
    steps: int = path_controls.STEPS
    side: int = path_controls.SIDE
    circle: bool = False
    seed: int = 0
    stride: float = 0.2
    origin: int = 0
    target: int = 0


def way(entry: Entry, state: State) -> Way:
    """The path chosen on Interpolate."""
    test, mode = library.images(entry), state.get("mode") or path_controls.LINE
    four = path_controls.default_four(test)
    keys = path_controls.KEYS[: {path_controls.LINE: 2, path_controls.CORNERS: 4}.get(mode, 1)]
    ends = tuple(number(state, key, first) for key, first in zip(keys, four, strict=False))
    found: dict[str, Any] = {
        "steps": number(state, "steps", path_controls.STEPS),
        "side": number(state, "side", path_controls.SIDE),
        "circle": state.get("way") == paths.CIRCLE and bool(paths.shells(entry)),
        "seed": number(state, "walk"),
        "stride": float(state.get("stride") or 0.2),
        "own": tuple(_own(state, key, test) for key in keys),
    }
    if draws.slow(entry):
        found["side"] = min(found["side"], SLOW_SIDE)
    if mode == path_controls.CLASSES and test.labels is not None:
        names = {words_of(test, int(label)): int(label) for label in np.unique(test.labels)}
        own = int(test.labels[ends[0]])
        found["origin"] = names.get(str(state.get("origin")), own)
        target = list(names)[min(7, len(names) - 1)] if state.get("target") is None else str(state["target"])
        found["target"] = names[target]
    return Way(mode, ends, **found)


def _own(state: State, key: str, test: library.Images) -> tuple[np.ndarray, str] | None:
    """The visitor's own picture at this end of a path."""
    field = own_ends.OWN.get(key, "")
    text, whole = str(state.get(field) or ""), state.get(f"_{field}-whole")
    try:
        picture = picture_code.decode(text.rpartition(".")[2]) if text else None if whole is None else whole[0]
        if picture is None:
            return None
        if picture.shape == test.gray.shape[1:]:
            return picture, text.rpartition(".")[2]
        return own_pictures.fitted(images.png(picture.transpose(1, 2, 0)), test)[0], ""
    except own_pictures.NoPictureError:
        return None


def words_of(test: library.Images, label: int) -> str:
    from explorer.charts.region import class_name

    return class_name(label, test.class_names)


# -- traversals ----------------------------------------------------------------------------------------------


HALF = 418
"""Pixels of the rows of one of two models."""


@dataclass(frozen=True)
class Traversal:
    """What Traversals shows. starts: the images where the walks start; mean: they start at the prior's mean instead,
    and at so many draws less one; units: all that can be shown, those that carry most first (of the part that is shown
    where pictures are drawn pixel by pixel); directions: how many at most, where there are no units."""

    starts: list[int]
    mean: bool
    units: list[int]
    steps: int
    follow: bool
    directions: int = traversal.DIRECTIONS


def traversing(entry: Entry, entries: list[Entry], state: State) -> Traversal:
    """The walks chosen on Traversals; entries: the models that are shown."""
    slow, has_units = draws.slow(entry), library.why_not(entry, "units") is None
    plans = {one.name: _walks(one, len(entries), state) for one in entries}
    units = _units(entry, state) if has_units else []
    if slow and has_units:
        part = min(number(state, "part", 1), max(1, -(-len(units) // walking.SLOW_ROWS)))
        units = units[(part - 1) * walking.SLOW_ROWS : part * walking.SLOW_ROWS]
    n = len(library.images(entry).gray)
    count = min(starts for _, starts in plans.values())
    return Traversal(
        [(image(entry, state) + i) % n for i in range(min(count, n))],
        has_units and state.get("around") == "Prior's mean" and library.why_not(entry, "sample") is None,
        units,
        plans[entry.name][0],
        bool(state.get("follow")),
        walking.SLOW_ROWS if slow else traversal.DIRECTIONS,
    )


def _units(entry: Entry, state: State) -> list[int]:
    """The units of the layer, those that carry most first; dead ones only where they are asked for."""
    layers = len(usage.layers(entry))
    ranked = unit_numbers.ranked(entry, min(max(0, layers - number(state, "layer", layers)), layers - 1))
    return (ranked if state.get("dead") else ranked[~unit_numbers.dead(entry)[ranked]]).tolist()


def _walks(entry: Entry, models: int, state: State) -> tuple[int, int]:
    """How many steps a walk has, and how many starts there are."""
    if draws.slow(entry):
        return walking.FEW, 1
    width, steps = walking.WIDTH if models == 1 else HALF, walking.own_steps(state.get("steps"))
    if library.why_not(entry, "units") is None:
        rows = min(len(_units(entry, state)), walking.at_once(steps, width))
    else:
        rows = min(traversal.DIRECTIONS, walking.directions(entry))
    return walking.filled(rows, steps, width)


# -- the sphere ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Globe:
    """What Sphere shows; longitude and latitude of the middle in degrees; selected: test images; made: it is the sphere
    of UMAP, which has no way back to z."""

    map: str
    lattice: bool
    longitude: int
    latitude: int
    caps: bool
    pseudo: bool
    colour: str
    size: float
    selected: tuple[int, ...]
    made: bool = False


def globe(entry: Entry, state: State) -> Globe:
    """The map chosen on Sphere."""
    name = state.get("map") or "hammer"
    return Globe(
        globes.projection(name),
        state.get("view") == "Lattice" and name != globes.UMAP,
        number(state, "longitude"),
        number(state, "latitude"),
        state.get("caps") is not False and name != globes.UMAP,
        state.get("pseudo") is not False,
        state.get("colour") or colours.CLASS,
        float(state.get("size") or 3.5),
        selection(entry, state),
        name == globes.UMAP,
    )


def on_sphere(entries: list[Entry], state: State) -> tuple[Entry | None, Entry | None]:
    """The model on the sphere, and the one beside it: the visitor's own, else the Gaussian twin, where it is shown."""
    first, other = globes.roles(entries, made=state.get("map") == globes.UMAP)
    shown = first is not None and other is not None and other.data == first.data and state.get("twin") is not False
    return first, other if shown else None


# -- layers and codes ----------------------------------------------------------------------------------------

REDRAWN, STEPWISE, PLANE = "Redrawn below", "Layer by layer", "Planes"
ROWS, DRAWS, FEW_DRAWS, HALF_DRAWS = 5, 8, 3, 2


@dataclass(frozen=True)
class Layers:
    """What Layers and codes shows. who: the test images of a sheet; draws: of each; place, code: of the swap."""

    show: str
    image: int
    who: list[int]
    keep: int
    draws: int
    seed: int
    place: int = 0
    code: int = 0


def with_layers_or_codes(entries: list[Entry]) -> list[Entry]:
    """The models that Layers and codes shows: those with layers or codes, of the first one's data."""
    able = [one for one in entries if library.why_not(one, "encode") is None and library.ready(one)]
    able = [one for one in able if layered.able(one) or codebook.able(one)]
    return [one for one in able if one.data == able[0].data]


def layers(entry: Entry, entries: list[Entry], state: State) -> Layers:
    """The choice of Layers and codes."""
    n, chosen = len(library.images(entry).gray), image(entry, state)
    drawn = FEW_DRAWS if draws.slow(entry) else DRAWS
    found: dict[str, Any] = {
        "show": state.get("layers") or REDRAWN,
        "image": chosen,
        "who": [(chosen + i) % n for i in range(min(ROWS, n))],
        "keep": max(1, min(number(state, "keep", 1), len(usage.layers(entry)) - 1)),
        "draws": drawn if len(with_layers_or_codes(entries)) == 1 else HALF_DRAWS,
        "seed": number(state, "below_seed"),
    }
    if codebook.able(entry):
        book, codes = codebook.of(entry), codebook.codes(entry)[chosen]
        middle = book.grid[0] // 2 * book.grid[1] + book.grid[1] // 2
        place = min(number(state, "place", middle), len(codes) - 1)
        first = codebook.another(book, int(codes[place]))
        found |= {"place": place, "code": min(number(state, "code", first), book.size - 1)}
    return Layers(**found)


# -- side by side --------------------------------------------------------------------------------------------


def compared(entries: list[Entry], state: State) -> list[Entry]:
    """The models chosen on Side by side, those that can be read."""
    names = state.get("models")
    if not names:
        return entries
    known = {one.name: one for one in library.whole()}
    return [known[name] for name in names if name in known]


def evaluated(entry: Entry, name: str) -> int:
    """How many test images the folder's evaluation has this number of; 0 where it has none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(entry.path / "evaluation.safetensors", framework="numpy") as file:
            return int(file.get_slice(name).get_shape()[0]) if name in file.keys() else 0  # noqa: SIM118
    except (OSError, SafetensorError):
        return 0
