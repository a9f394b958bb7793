"""What the menu offers, kept from rerun to rerun: most reruns change nothing that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from explorer import draws, library, maps_made, usage
from explorer.library import Entry
from explorer.sharing.settings import State

T = TypeVar("T")
_PAGES = (
    "latent_space",
    "samples",
    "interpolate",
    "pseudo_inputs",
    "traversals",
    "layers_and_codes",
    "active_units",
)
"""Pages that show no models but those of the pickers: of the others, not all that they depend on is known here."""
_MOST = 256
_found: dict[Hashable, object] = {}


def keep(make: Callable[[str, list[Entry], State], T], page: str, entries: list[Entry], state: State) -> T:
    """`make(page, entries, state)`, once for the same models and settings."""
    key = _key(page, entries, state)
    if key is None:
        return make(page, entries, state)
    whole = (make.__module__, *key)
    if whole not in _found:
        if len(_found) >= _MOST:
            _found.clear()
        _found[whole] = make(page, entries, state)
    return _found[whole]  # type: ignore[return-value]


def _key(page: str, entries: list[Entry], state: State) -> tuple | None:
    """What the offer depends on: models as their files are, plain settings, and what was computed so far.

    None where it cannot be told: a map may be made meanwhile, an own picture may be too large for a text.
    """
    if page not in _PAGES or state.get("plane") in maps_made.METHODS:
        return None
    if any(value is not None for name, value in state.items() if name.endswith("-whole")):
        return None
    plain = frozenset((name, value) for name, value in state.items() if isinstance(value, str | int | float))
    ready = len(library._encoded), len(draws._drawn), len(usage._computed)
    models = tuple((entry.name, entry.path, entry.stamp, id(entry.metrics)) for entry in entries)
    return page, models, plain, ready
