"""The plain vector space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .base import Space


@dataclass(frozen=True)
class Euclidean:
    """R^d: each coordinate is a unit."""

    size: int
    kind = "euclidean"
    why_no_units = None

    @property
    def title(self) -> str:
        return f"{self.size} dimension{'' if self.size == 1 else 's'}"

    @property
    def layers(self) -> tuple[Space, ...]:
        return (self,)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """The posterior's mean; where it has no closed form (flows), the mean of `samples` draws.

        Draws of flows come in pairs of opposite noise (`average`): independent ones would spread a dead unit's means
        by 1 / samples, more than the threshold of an active unit.
        """
        try:
            return q.mean
        except NotImplementedError:
            return q.average(samples) if hasattr(q, "average") else q.rsample((samples,)).mean(0)

    def point_words(self, q: Any, samples: int = 64) -> str:
        try:
            return "mean" if q.mean is not None else ""
        except NotImplementedError:
            return f"mean of {samples} {'paired ' if hasattr(q, 'average') else ''}draws"

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The straight line `(1 - t) a + t b`."""
        return torch.lerp(a, b, t.reshape(-1, *[1] * a.dim()).to(a))

    def coordinates(self, z: Tensor) -> Tensor:
        return z

    def from_coordinates(self, y: Tensor) -> Tensor:
        return y

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z,)
