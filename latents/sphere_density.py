r"""Densities on the sphere S^2, per unit of its area (steradian), on a grid of longitudes and latitudes.

A cell between two meridians and two parallels has the area `dlongitude * (sin upper - sin lower)`: with these weights
sums over the grid are integrals over the sphere. The aggregated posterior is q(z) = 1/N sum_n q(z|x_n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .maps import vectors
from .rotational import Rotational

MASSES = (0.25, 0.5, 0.75, 0.95)
"""The contours that are drawn: each encloses this share of the probability."""
TAIL = 0.01
"""The share of q(z) that lies below the threshold of holes."""
_CELLS = 1 << 20  # of directions and components in one pass
_BLOCK = 10  # cells
_REACH = 18.0  # nats
_WIDE = 600.0  # the concentration up to which two degrees are fine enough


@dataclass(frozen=True)
class Grid:
    """Cells of equal angles, at their middles. longitude [X], latitude [Y]: radians, ascending; area [Y]: of a cell."""

    longitude: np.ndarray
    latitude: np.ndarray
    area: np.ndarray

    def directions(self) -> np.ndarray:
        """Unit vectors `[Y, X, 3]`."""
        return vectors(self.longitude[None], self.latitude[:, None])

    def integral(self, values: np.ndarray) -> float:
        """Of a function `[Y, X]` over the sphere."""
        return float((np.asarray(values, np.float64) * self.area[:, None]).sum())


@dataclass(frozen=True)
class Disagreement:
    """Where the prior has mass and no data live. share: of the prior's mass, in [0, 1]; threshold: log q(z), nats per
    steradian, below which the share `TAIL` of q(z) lies; where [Y, X]: whether a cell lies in a hole."""

    share: float
    threshold: float
    where: np.ndarray


def grid(step: float) -> Grid:
    """Cells of `step` degrees, which divides 180."""
    n = round(180 / step)
    edges = np.linspace(-np.pi / 2, np.pi / 2, n + 1)
    area = np.diff(np.sin(edges)) * (np.pi / n)
    return Grid((np.arange(2 * n) + 0.5) * np.pi / n - np.pi, (edges[1:] + edges[:-1]) / 2, area)


def step(concentration: np.ndarray) -> float:
    """Degrees between grid points that are fine enough for all but the narrowest of such distributions: at most about
    the standard deviation 1 / sqrt(kappa) of one of them."""
    return 2.0 if float(np.quantile(concentration, 0.95)) <= _WIDE else 1.0


@torch.no_grad()
def aggregated_log_prob(q: Rotational, z: Tensor) -> Tensor:
    """log of the mean density of a batch of N distributions at `z [..., m]`, `[...]` nats, in float32."""
    flat, mean = z.reshape(-1, z.shape[-1]).float(), q.mean_direction.float()
    n = len(mean)
    found = [
        torch.logsumexp(q._score((1 - part @ mean.mT).clamp_min_(0)), -1) for part in flat.split(max(1, _CELLS // n))
    ]
    return (torch.cat(found) - float(np.log(n))).reshape(z.shape[:-1])


@torch.no_grad()
def aggregated_on(q: Rotational, on: Grid) -> np.ndarray:
    """log of the mean density of a batch of N distributions on a grid, `[Y, X]` nats; -inf where all are negligible.

    Ten cells by ten at a time, and of the distributions those that are within `_REACH` nats of their peak somewhere
    there: for narrow ones a few in a hundred.
    """
    z = torch.from_numpy(on.directions()).float()
    mean, n = q.mean_direction.float().cpu(), len(q.mean_direction)
    reach = torch.acos((1 - 2 * _REACH / q.concentration.cpu()).clamp_min(-1))  # the wider of both families
    found = torch.full(z.shape[:2], -torch.inf)
    for rows in range(0, z.shape[0], _BLOCK):
        for columns in range(0, z.shape[1], _BLOCK):
            part = z[rows : rows + _BLOCK, columns : columns + _BLOCK]
            middle = torch.nn.functional.normalize(part.mean((0, 1)), dim=0)
            radius = torch.acos((part @ middle).clamp(-1, 1)).max()
            near = torch.acos((mean @ middle).clamp(-1, 1)) <= reach + radius
            if near.any():
                some = q[near.to(q.mean_direction.device)]
                log = aggregated_log_prob(some, part.to(q.mean_direction)).cpu()
                found[rows : rows + _BLOCK, columns : columns + _BLOCK] = log + float(np.log(near.sum() / n))
    return found.numpy()


def thresholds(on: Grid, log_p: np.ndarray, masses: tuple[float, ...] = MASSES) -> np.ndarray:
    """The log densities, ascending, at which the smallest region around what lies above holds these shares."""
    order = np.argsort(-log_p, axis=None)
    mass = (np.exp(log_p.astype(np.float64)) * on.area[:, None]).ravel()[order]
    enclosed = np.cumsum(mass) / mass.sum()
    ordered = log_p.ravel()[order]
    places = [min(int(np.searchsorted(enclosed, share)), len(ordered) - 1) for share in sorted(masses, reverse=True)]
    return ordered[places].astype(np.float64)


def disagreement(on: Grid, log_p: np.ndarray, log_q: np.ndarray) -> Disagreement:
    """How much of the prior lies where the aggregated posterior is low: `TAIL` of it where the two agree.

    log_p, log_q: `[Y, X]` nats per steradian, of the prior and of the aggregated posterior.
    """
    threshold = float(thresholds(on, log_q, (1 - TAIL,))[0])
    where = log_q < threshold
    p = np.exp(log_p.astype(np.float64))
    return Disagreement(on.integral(p * where) / on.integral(p), threshold, where)
