"""The few lines of Python that make what a page shows, with `latents` and this app's charts. Each test runs them.

A page's lines are a function of its models and of its widgets' values. Nothing is computed for them but what the page
has computed already: they are made at every rerun.
"""

from __future__ import annotations

from collections.abc import Callable

from explorer.library import Entry
from explorer.sharing.scripts import compare, components, layers, path, plane, samples, sphere, units
from explorer.sharing.scripts.script import Script
from explorer.sharing.settings import State

__all__ = ["Script", "of"]


def of(page: str, entries: list[Entry], state: State) -> list[Script]:
    """The lines for each model in view; empty where a page, or this setting of it, has none.

    state: the page's own settings, by the keys of its widgets; what was never touched may be missing.
    """
    from latents.errors import LatentsError

    make = _PAGES.get(page)
    if make is None or not entries:
        return []
    try:
        return make(entries, state)
    except LatentsError:  # a model or data set that cannot be read: the page says why
        return []


_PAGES: dict[str, Callable[[list[Entry], State], list[Script]]] = {
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
