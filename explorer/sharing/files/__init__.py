"""The numbers and pictures behind what a page shows, as files. They are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from explorer.library import Entry
from explorer.sharing.files import compare, components, layers, path, plane, samples, sphere, units
from explorer.sharing.files.file import File
from explorer.sharing.settings import State

__all__ = ["File", "of"]


def of(page: str, entries: list[Entry], state: State) -> list[File]:
    """The files of this page for the models in view; none where the page has no arrays, or they were not made yet.

    Nothing is computed here but what the page has computed already: it is called at every rerun.
    """
    from latents.errors import LatentsError

    find = _PAGES.get(page)
    if find is None or not entries:
        return []
    try:
        return find(entries, state)
    except LatentsError:  # a model or data set that cannot be read: the page says why
        return []


_PAGES: dict[str, Callable[[list[Entry], State], list[File]]] = {
    "": plane.home,
    "latent_space": plane.latent_space,
    "samples": samples.samples,
    "interpolate": path.interpolate,
    "pseudo_inputs": components.components,
    "traversals": units.traversals,
    "sphere": sphere.maps,
    "layers_and_codes": layers.layers_and_codes,
    "active_units": units.active_units,
    "side_by_side": compare.side_by_side,
    "results": compare.all_results,
}
