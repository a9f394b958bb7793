"""Near-duplicates among the components of a mixture prior: pairs that are nearly one and the same distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer import library, tensors, usage
from explorer.library import Entry

if TYPE_CHECKING:
    import torch

THRESHOLD = 0.5
"""Nats of symmetric KL below which two components are near-duplicates: that of two Gaussians of the same spread whose
means lie one standard deviation apart."""
MOST = 96
"""Pairs that are kept, the most alike first."""
DRAWS = 64
"""Draws of each component, where the divergence has no closed form."""
_ROWS = 64  # components compared with all others at a time


@dataclass(frozen=True)
class Duplicates:
    """How alike the components of a prior are.

    pairs: int64 [P, 2], the most alike first, P up to MOST; divergence: [P], their symmetric KL,
    (KL(k||l) + KL(l||k)) / 2 in nats; apart: [P], the distance of their means in standard deviations (the square root
    of their mean variance in each unit), or None where the components are no Gaussians; nearest: [K], the smallest
    divergence of each component to another; closed: whether the divergences are exact, or of DRAWS draws.
    """

    pairs: np.ndarray
    divergence: np.ndarray
    apart: np.ndarray | None
    nearest: np.ndarray
    below: int
    closed: bool

    @property
    def doubled(self) -> int:
        """Components that have a near-duplicate."""
        return int((self.nearest < THRESHOLD).sum())


def of(entry: Entry) -> Duplicates:
    """The near-duplicates of the model's prior, in a hierarchy of its top layer; computed once.

    For a prior that is a mixture: ask `why_not(entry, "components")` first.
    """
    return library.remember("near-duplicates", entry, lambda: compute(usage.mixture(entry).components))


def compute(components: Any) -> Duplicates:
    """The near-duplicates among K distributions over vectors, batch [K]."""
    import torch

    from latents.distributions import DiagonalGaussian

    closed = isinstance(components, DiagonalGaussian)
    with torch.no_grad():
        table = _gaussian(components.mean, components.variance) if closed else _drawn(components)
        table.fill_diagonal_(torch.inf)
        nearest = tensors.array(table.amin(1))
        first, second = torch.triu_indices(len(table), len(table), 1, device=table.device)
        values = table[first, second]
        below = int((values < THRESHOLD).sum())
        order = torch.argsort(values, stable=True)[:MOST]
        first, second = first[order], second[order]
        apart = tensors.array(_apart(components, first, second)) if closed else None
    pairs = torch.stack([first, second], 1).cpu().numpy()
    return Duplicates(pairs, tensors.array(values[order]), apart, nearest, below, closed)


def _gaussian(mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Symmetric KL of diagonal Gaussians [K, d] with each other, [K, K], nats."""
    import torch

    mean, variance = mean.double(), variance.double()
    rows = []
    for mine, spread in zip(mean.split(_ROWS), variance.split(_ROWS), strict=True):
        mine, spread = mine[:, None], spread[:, None]
        square = (mine - mean).square() * (1 / spread + 1 / variance)
        rows.append(0.25 * (spread / variance + variance / spread - 2 + square).sum(-1))
    return torch.cat(rows)


def _drawn(components: Any) -> torch.Tensor:
    """The same of any distributions, estimated from seeded draws of each."""
    import torch

    from latents.randomness import seeded

    with seeded(0, tensors.device()):
        z = components.sample((DRAWS,))  # [draws, K, size]
    total = torch.zeros(z.shape[1], z.shape[1], dtype=torch.float64, device=z.device)
    for one in z:
        table = components.table(one).double()  # [K, K]: the draw of k under each l
        total += table.diagonal()[:, None] - table
    total /= DRAWS
    return (0.5 * (total + total.T)).clamp_min(0)


def _apart(components: Any, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    mean, variance = components.mean.double(), components.variance.double()
    shared = 0.5 * (variance[first] + variance[second])
    return ((mean[first] - mean[second]).square() / shared).sum(-1).sqrt()
