"""Walks through latent space, one unit at a time: its value goes from low to high, all else stays.

Where no coordinate is a unit of its own, the walks go along the directions in which the data vary most: on a sphere
along great circles through the chosen point, elsewhere along principal components, at the nearest points of the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import layered, library, tensors, unit_numbers, usage
from explorer.library import Entry

TAIL = 0.025
"""A walk goes from this quantile of the data to the opposite one."""
DIRECTIONS = 10
"""Principal directions, at most."""


@dataclass(frozen=True)
class Walk:
    """One row of a traversal.

    name: of the unit or direction; values [S]: where it goes, and own: where it started; z [S, size]; weight: KL in
    nats, variance of the mean, or share of the variance, as `unit` says; dead: whether the unit carries nothing.
    """

    name: str
    values: np.ndarray
    own: float
    z: np.ndarray
    weight: float
    unit: str
    dead: bool = False

    @property
    def mark(self) -> float | None:
        """Where among the S places the start lies, fractions allowed; None where it lies beyond both ends."""
        low, high = float(self.values[0]), float(self.values[-1])
        if not low <= self.own <= high or high == low:
            return None
        return (self.own - low) / (high - low) * (len(self.values) - 1)


def aggregated(entry: Entry) -> np.ndarray:
    """One draw z ~ q(z|x) for every test image, float32 [N, size]: the aggregated posterior, as a sample."""
    return library.remember("aggregated posterior", entry, lambda: _aggregated(entry))


def _aggregated(entry: Entry) -> np.ndarray:
    import torch

    from latents.randomness import seeded

    net: Any = library.model(entry)
    x = tensors.tensor(library.images(entry).seen).div_(255)
    with torch.no_grad(), seeded(0, tensors.device()):
        return np.concatenate([tensors.array(net.encode(part).rsample_and_log_prob()[0]) for part in x.split(1000)])


def ranges(entry: Entry) -> np.ndarray:
    """From where to where each unit goes: [2, size], quantiles of the aggregated posterior."""
    return library.remember("ranges", entry, lambda: np.quantile(aggregated(entry), [TAIL, 1 - TAIL], axis=0))


def by_unit(entry: Entry, z: np.ndarray, units: np.ndarray, steps: int, *, follow: bool = False) -> list[Walk]:
    """A walk for each of these units, starting from z [size].

    follow: the layers below the unit's own are not held but at their prior's mean, given what is above.
    """
    low, high = ranges(entry)
    kl, variances, dead = unit_numbers.kl(entry), unit_numbers.variances(entry), unit_numbers.dead(entry)
    names = unit_numbers.names(entry)
    walks = []
    for unit in units:
        values = np.linspace(low[unit], high[unit], steps)
        path = np.repeat(z[None], steps, axis=0)
        path[:, unit] = values
        if follow:
            path = layered.below_at_mean(entry, path[:, : _through(entry, int(unit))])
        weight, of = (float(variances[unit]), "variance") if kl is None else (float(kl[unit]), "nats")
        walks.append(Walk(names[unit], values, float(z[unit]), path, weight, of, bool(dead[unit])))
    return walks


def _through(entry: Entry, unit: int) -> int:
    """The numbers of all layers down to the one of this unit."""
    ends = np.cumsum(usage.layers(entry))
    return int(ends[np.searchsorted(ends, unit, side="right")])


def by_direction(entry: Entry, z: np.ndarray, steps: int) -> list[Walk]:
    """A walk along each of the first principal directions, starting from z [size]."""
    step = _sphere if entry.space_kind == "sphere" else _straight
    return step(entry, z, steps)


def _straight(entry: Entry, z: np.ndarray, steps: int) -> list[Walk]:
    """Along principal components of the coordinates; off the space, at its nearest point."""
    axes, shares = library.remember("directions", entry, lambda: _principal(library.encoding(entry).coordinates))
    here = library.coordinates(entry, z[None])[0]
    along = (library.encoding(entry).coordinates - here) @ axes.T
    walks = []
    for i, (axis, share) in enumerate(zip(axes, shares, strict=True)):
        values = _even(along[:, i], steps)
        path = library.from_coordinates(entry, (here + values[:, None] * axis).astype(np.float32))
        walks.append(Walk(f"PC {i + 1}", values, 0.0, path, float(share), "of the variance"))
    return walks


def _sphere(entry: Entry, z: np.ndarray, steps: int) -> list[Walk]:
    """Along great circles through z, in the directions of the tangent plane in which the data vary most.

    The logarithm at z takes each image's point into the tangent plane; its principal components are the directions.
    """
    here = z.astype(np.float64) / np.linalg.norm(z)
    tangents = logarithm(here, library.encoding(entry).points.astype(np.float64))
    axes, shares = _principal(tangents, len(here) - 1)
    walks = []
    for i, (axis, share) in enumerate(zip(axes, shares, strict=True)):
        axis = axis - (axis @ here) * here
        axis = axis / np.linalg.norm(axis)
        values = _even(tangents @ axis, steps)
        path = np.cos(values)[:, None] * here + np.sin(values)[:, None] * axis
        walks.append(Walk(f"circle {i + 1}", values, 0.0, path.astype(np.float32), float(share), "of the variance"))
    return walks


def _even(values: np.ndarray, steps: int) -> np.ndarray:
    """Equal steps [S] from the lower quantile of values [N] to the upper one."""
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return np.linspace(low, high, steps)


def logarithm(here: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The tangent vectors [N, n] at `here` [n] that lead to each of `points` [N, n] along the sphere."""
    inner = points @ here
    across = points - inner[:, None] * here
    sine = np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.arctan2(sine[:, 0], inner)[:, None]
    return np.where(sine > 1e-12, across / np.maximum(sine, 1e-12), 0) * angle


def _principal(points: np.ndarray, most: int = DIRECTIONS) -> tuple[np.ndarray, np.ndarray]:
    """The directions [k, n] in which points [N, n] vary most, and their shares of the variance [k]."""
    values, vectors = np.linalg.eigh(np.cov(points.T.astype(np.float64)).reshape(points.shape[1], points.shape[1]))
    order = np.argsort(-values)[: min(most, DIRECTIONS, points.shape[1])]
    axes = vectors[:, order].T
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return axes, values[order] / max(values.sum(), 1e-30)


def pictures(entry: Entry, walks: list[Walk]) -> np.ndarray:
    """The decoder's pictures along the walks, uint8 [walks, S, C, H, W]."""
    found = library.decode(entry, np.concatenate([walk.z for walk in walks]))
    return found.reshape(len(walks), -1, *found.shape[1:])
