"""Densities on a plane, and the levels at which contours enclose given shares of their mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MASSES = (0.25, 0.5, 0.75, 0.95)
"""The contours drawn: each encloses this share of the probability."""
SHARES = "25, 50, 75 and 95 %"
"""`MASSES` as a caption says them."""


@dataclass(frozen=True)
class Density:
    """A density on a regular grid.

    x [X], y [Y]: the grid; log_p: float32 [Y, X], nats; thresholds: the log densities, ascending, at which the smallest
    region around what lies above holds a share of the mass, from the largest share to the smallest.
    """

    x: np.ndarray
    y: np.ndarray
    log_p: np.ndarray
    thresholds: np.ndarray


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
    ordered = np.sort(log_p.ravel())[::-1].astype(float)
    enclosed = np.cumsum(np.exp(ordered)) * area
    places = (int(np.searchsorted(enclosed, mass)) for mass in sorted(masses, reverse=True))
    thresholds = np.array([ordered[place] for place in places if place < len(ordered)], np.float32)
    return Density(x, y, log_p.astype(np.float32), thresholds)
