"""What is known of each latent unit: how much its mean varies over the test images, and the nats it carries."""

from __future__ import annotations

import numpy as np

from explorer import library, naming, usage
from explorer.library import Entry

THRESHOLD = 0.01
"""A unit whose mean varies by no more than this is dead (Burda et al. 2016)."""


def kl(entry: Entry) -> np.ndarray | None:
    """KL per unit from metrics.json, [d] nats; None where it is missing or of another number of units."""
    measured = entry.metrics.get("units")
    try:
        found = np.array(measured["kl"], dtype=np.float64)  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return None
    return found if found.shape == (sum(usage.layers(entry)),) and np.isfinite(found).all() else None


def variances(entry: Entry) -> np.ndarray:
    """The variance of each unit's mean over all test images, [d], latent units squared."""

    def compute() -> np.ndarray:
        return library.encoding(entry).points.astype(np.float64).var(axis=0)

    return library.remember("variances", entry, compute)


def dead(entry: Entry) -> np.ndarray:
    """Which units are dead, [d]."""
    return ~(variances(entry) > THRESHOLD)


def ranked(entry: Entry, layer: int = 0) -> np.ndarray:
    """The units of a layer (0 is the top), those that carry most first: by KL, or by variance where it is not known.

    Dead units stand behind all others.
    """
    sizes = usage.layers(entry)
    start = sum(sizes[:layer])
    here = np.arange(start, start + sizes[layer])
    known = kl(entry)
    weight = variances(entry) if known is None else known
    return here[np.lexsort((-weight[here], dead(entry)[here]))]


def names(entry: Entry) -> list[str]:
    """The units' symbols: `z₇`, `z₂,₇` in a hierarchy."""
    return [naming.symbol(name) for name in naming.units(usage.layers(entry))]
