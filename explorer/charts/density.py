"""Contours of a density on a plane: lines that enclose given shares of its mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MASSES = (0.25, 0.5, 0.75, 0.95)
"""The contours drawn: each encloses this share of the prior's probability."""
SHARES = "25, 50, 75 and 95 %"
"""`MASSES` as a caption says them."""
STEP = 1000
"""Distance between two contours in `Density.levels`, which are integers to keep the figure small."""


@dataclass(frozen=True)
class Density:
    """A density as contour levels on a regular grid.

    x [X], y [Y]: the grid; levels: int16 [Y, X], a monotone function of the log density that passes through
    STEP, 2 STEP, ... where the smallest region around it holds MASSES from the largest to the smallest.
    """

    x: np.ndarray
    y: np.ndarray
    levels: np.ndarray
    masses: tuple[float, ...]


def grid(limits: tuple[tuple[float, float], tuple[float, float]], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell centres of a regular grid with `cells` along the longer side: x [X], y [Y]."""
    (left, right), (low, high) = limits
    size = max(right - left, high - low) / cells
    nx, ny = max(2, round((right - left) / size)), max(2, round((high - low) / size))
    return left + size * (np.arange(nx) + 0.5), low + size * (np.arange(ny) + 0.5)


def density(x: np.ndarray, y: np.ndarray, log_p: np.ndarray, masses: tuple[float, ...] = MASSES) -> Density:
    """The contours of a density given by its logarithm on a grid.

    log_p: [Y, X] in nats. The shares are of the whole density, so the part outside the grid counts: a share that the
    grid does not hold has no contour.
    """
    area = (x[1] - x[0]) * (y[1] - y[0])
    thresholds = _thresholds(log_p, area, sorted(masses, reverse=True))
    knots = STEP * np.arange(1, len(thresholds) + 1, dtype=float)
    with np.errstate(invalid="ignore"):
        levels = np.interp(log_p, thresholds, knots)
    # Beyond the outermost and innermost knots the map goes on with the slope of the nearest stretch.
    levels += _beyond(log_p, thresholds, knots)
    return Density(x, y, np.clip(np.round(levels), -30000, 30000).astype(np.int16), tuple(sorted(masses)))


def _thresholds(log_p: np.ndarray, area: float, masses: list[float]) -> np.ndarray:
    """The log densities above which the given shares of the mass lie, ascending."""
    ordered = np.sort(log_p.ravel())[::-1].astype(float)
    enclosed = np.cumsum(np.exp(ordered)) * area
    found = []
    for mass in masses:
        place = int(np.searchsorted(enclosed, mass))
        if place < len(ordered):
            found.append(ordered[place])
        else:  # the grid holds less than this share: a threshold below everything on it
            found.append(ordered[-1] - 1.0 - (len(masses) - len(found)))
    return np.array(found) + 1e-9 * np.arange(len(found))  # strictly ascending, for np.interp


def _beyond(log_p: np.ndarray, thresholds: np.ndarray, knots: np.ndarray) -> np.ndarray:
    if len(thresholds) < 2:
        return (log_p - thresholds[0]) * STEP
    low = (knots[1] - knots[0]) / max(thresholds[1] - thresholds[0], 1e-6)
    high = (knots[-1] - knots[-2]) / max(thresholds[-1] - thresholds[-2], 1e-6)
    return np.minimum(log_p - thresholds[0], 0) * low + np.maximum(log_p - thresholds[-1], 0) * high
