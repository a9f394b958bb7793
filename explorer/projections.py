"""The planes that can be chosen on Latent space: pairs of units, PCA of all or of one layer, maps; means or draws.

`planes.of` gives the plane that other pages show; here are the choices, as controls, and their layouts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from explorer import library, maps_made, naming, planes, tensors, unit_numbers, usage, view, words
from explorer.library import Entry

MEAN, SAMPLE = "Mean", "One sample"
WHOLE = "All layers"


@dataclass(frozen=True)
class Choice:
    """What to show. kind: "PCA", "Units", or a map's name; layer: of a hierarchy, 0 is the top, None for all; pair: two
    units, counted from 0; drawn: one draw of z per image instead of the point of q(z|x)."""

    kind: str = "PCA"
    layer: int | None = None
    pair: tuple[int, int] = (0, 1)
    drawn: bool = False


def options(entries: list[Entry]) -> list[str]:
    """The planes that at least one of the models can be shown on; empty where all are planes already."""
    deep = [entry for entry in entries if planes.kinds(entry) and not entry.flat]
    if not deep:
        return []
    units = any(view.problem(entry, "units") is None for entry in deep)
    labelled = any(library.images(entry).labels is not None for entry in deep)
    return ["PCA", *(["Units"] if units else []), *maps_made.kinds(labelled)]


def control(entries: list[Entry]) -> str:
    """Which plane: a control for the row, where there is a choice."""
    found = options(entries)
    if not found:
        return "units"
    if st.session_state.get("plane") not in (None, *found):
        del st.session_state["plane"]
    return st.selectbox(
        "Plane", found, key="plane", bind="query-params", label_visibility="collapsed", width=178, help="Which plane."
    )


def more(entries: list[Entry], kind: str) -> Choice:
    """The rest of the choice, for the popover."""
    deep = [entry for entry in entries if planes.kinds(entry) and not entry.flat]
    choice = Choice(kind)
    if kind == "Units":
        choice = replace(choice, pair=_pair(next(one for one in deep if library.why_not(one, "units") is None)))
    layered = next((one for one in deep if _layers(one)), None)
    if kind == "PCA" and layered is not None:
        names = {f"z{words.subscript(number)}": place for place, number in _layers(layered)}
        chosen = _select("Layer", [WHOLE, *names], "layer")
        choice = replace(choice, layer=names.get(chosen))
    if kind in ("PCA", "Units", "units") and any(random(entry) for entry in entries):
        settings: dict[str, Any] = {"bind": "query-params", "default": MEAN, "required": True, "key": "of-q"}
        drawn = st.segmented_control("A dot is q(z|x)'s", [MEAN, SAMPLE], **settings) == SAMPLE
        choice = replace(choice, drawn=drawn)
    return choice


def _layers(entry: Entry) -> list[tuple[int, int]]:
    """The place and number of each layer that has a plane: [(0, 2), (1, 1)]; empty where there is one layer only."""
    sizes = usage.layers(entry)
    if len(sizes) < 2 or entry.space_kind != "layers":
        return []
    return [(place, number) for place, (number, size) in enumerate(naming.numbered(sizes)) if size > 1]


def _pair(entry: Entry) -> tuple[int, int]:
    """Two units, those that carry most first."""
    names = naming.units(usage.layers(entry))
    order = [int(u) for layer in range(len(usage.layers(entry))) for u in unit_numbers.ranked(entry, layer)]
    ranked = [names[u] for u in order]
    kl = unit_numbers.kl(entry)
    rank = "by KL" if kl is not None else "by the variance of their means"
    columns = st.columns(2)
    with columns[0]:
        first = _select("Unit across", ranked, "across", f"Ranked {rank}; dead units stand last.")
    others = [name for name in ranked if name != first]
    with columns[1]:
        second = _select("Unit up", others, "up", f"Ranked {rank}; dead units stand last.")
    return names.index(first), names.index(second)


def _select(label: str, found: list[str], key: str, help: str | None = None) -> str:
    if st.session_state.get(key) not in (None, *found):
        del st.session_state[key]  # another model's: the first of this one's takes over
    return st.selectbox(label, found, key=key, bind="query-params", help=help)


def random(entry: Entry) -> bool:
    """Whether q(z|x) is more than a point."""
    return entry.space_kind not in (None, "codes") and library.why_not(entry, "elbo") is None


# -- layouts -------------------------------------------------------------------------------------------------


def layout(entry: Entry, choice: Choice) -> planes.Layout | None:
    """The model's layout for the choice (or the nearest that it has); None where a map has not been computed yet."""
    if entry.flat:
        found = planes.of(entry, "units")
    elif choice.kind == "Units" and library.why_not(entry, "units") is None:
        size = library.encoding(entry).points.shape[1]
        pair = choice.pair if max(choice.pair) < size else (0, 1)
        found = library.remember("pair", entry, lambda: _units(entry, pair), pair)
    elif choice.kind in maps_made.METHODS:
        return maps_made.layout(entry, choice.kind)
    elif choice.layer is not None and (choice.layer in dict(_layers(entry))):
        layer = choice.layer
        found = library.remember("layer's plane", entry, lambda: _layer(entry, layer), layer)
    else:
        found = planes.of(entry, "PCA")
    if not choice.drawn or found is None or found.axes is None or not random(entry):
        return found
    drawn = draws(entry)
    return replace(found, points=found.to_plane(drawn), drawn=drawn, name=f"{found.name} drawn")


def draws(entry: Entry) -> np.ndarray:
    """Coordinates [N, n] of one draw from each q(z|x), seeded with 0."""

    def compute() -> np.ndarray:
        import torch

        from latents.diagnostics import sample_all

        net = library.model(entry)
        with torch.no_grad():
            z = sample_all(net, tensors.tensor(library.images(entry).seen).div_(255))
            return tensors.array(net.space.coordinates(z))

    return library.remember("draws of q", entry, compute)


def _units(entry: Entry, pair: tuple[int, int]) -> planes.Layout:
    """Two units of many, as they are."""
    coordinates, pseudo = library.encoding(entry).coordinates, library.pseudo_codes(entry)
    axes = np.zeros((2, coordinates.shape[1]), np.float32)
    axes[[0, 1], list(pair)] = 1
    centre = coordinates.mean(axis=0)
    centre[list(pair)] = 0
    return _placed(
        entry,
        replace(
            _BLANK,
            kind="Units",
            name=f"{pair}",
            x_title=_titled(entry, pair[0]),
            y_title=_titled(entry, pair[1]),
            lost=planes._lost(coordinates.shape[1] - 2),
            centre=centre,
            axes=axes,
        ),
        coordinates,
        pseudo,
    )


def _titled(entry: Entry, unit: int) -> str:
    """`z₇ (latent units, 2.31 nats)`."""
    kl = unit_numbers.kl(entry)
    dead = ", dead" if unit_numbers.dead(entry)[unit] else ""
    carried = "" if kl is None else f", {kl[unit]:.2f} nats"
    return f"{unit_numbers.names(entry)[unit]} (latent units{carried}{dead})"


def _layer(entry: Entry, layer: int) -> planes.Layout:
    """PCA of one layer of a hierarchy; the others are held at their means."""
    from latents.projection import pca

    sizes = usage.layers(entry)
    start = sum(sizes[:layer])
    coordinates, pseudo = library.encoding(entry).coordinates, library.pseudo_codes(entry)
    found = pca(coordinates[:, start : start + sizes[layer]])
    axes = np.zeros((2, coordinates.shape[1]), np.float32)
    axes[:, start : start + sizes[layer]] = found.axes
    symbol = naming.symbol(str(len(sizes) - layer))
    titles = [
        f"PC {i + 1} of {symbol} ({share * 100:.0f} % of its variance)" for i, share in enumerate(found.explained)
    ]
    lost = f"{symbol} only: the other layers are not on this plane."
    if sizes[layer] > 2:
        lost = f"{planes._lost(sizes[layer] - 2)[:-1]} of {symbol}, and the other layers are not on this plane."
    return _placed(
        entry,
        replace(
            _BLANK,
            kind="PCA",
            name=f"layer {layer}",
            x_title=titles[0],
            y_title=titles[1],
            lost=lost,
            centre=coordinates.mean(axis=0),
            axes=axes,
        ),
        coordinates,
        pseudo,
    )


_BLANK = planes.Layout("PCA", np.zeros((0, 2), np.float32), None, "", "")


def _placed(entry: Entry, blank: planes.Layout, coordinates: np.ndarray, pseudo: np.ndarray | None) -> planes.Layout:
    """The layout with its points and pseudo-inputs."""
    others = None if pseudo is None else blank.to_plane(library.coordinates(entry, pseudo))
    return replace(blank, points=blank.to_plane(coordinates), pseudo=others)
