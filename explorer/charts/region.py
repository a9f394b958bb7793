"""The part of a plane that is in view, and what classes are called: what every drawing of a plane shares."""

from __future__ import annotations

import numpy as np

Limits = tuple[tuple[float, float], tuple[float, float]]
"""(left, right), (low, high) in the plane's units."""


def limits(clouds: list[np.ndarray], share: float = 0.998, pad: float = 0.05) -> Limits:
    """A square region for all clouds [N, 2] alike: it holds the middle `share` of each along both axes.

    The square is centred on what it holds and its edges are rounded outwards to multiples of 0.5, or of 0.1 where all
    is close together.
    """
    tail = (1 - share) / 2
    low = np.min([np.quantile(cloud, tail, axis=0) for cloud in clouds], axis=0)
    high = np.max([np.quantile(cloud, 1 - tail, axis=0) for cloud in clouds], axis=0)
    step = 0.5 if max(high - low) > 2 else 0.1
    centre, half = (low + high) / 2, max(max(high - low) / 2 * (1 + pad), step)
    starts = np.floor((centre - half) / step) * step
    side = max(np.ceil((centre + half) / step) * step - starts)
    left, bottom = (float(start) for start in starts)
    return (left, left + float(side)), (bottom, bottom + float(side))


def widened(region: Limits, factor: float) -> Limits:
    """The region scaled about its centre."""
    (left, right), (low, high) = region
    dx, dy = (right - left) * (factor - 1) / 2, (high - low) * (factor - 1) / 2
    return (left - dx, right + dx), (low - dy, high + dy)


def class_name(label: int, names: tuple[str, ...] | None) -> str:
    """A class in words; its number where it has no name."""
    return names[label] if names is not None and label < len(names) else str(label)
