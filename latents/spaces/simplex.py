"""The simplex: weights that sum to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .base import Space


@dataclass(frozen=True)
class Simplex:
    """Vectors of `size` weights that are not negative and sum to one."""

    size: int
    kind = "simplex"
    why_no_units = (
        "On a simplex no coordinate is a unit of its own: the weights sum to one, and each is broken off what those "
        "before it leave."
    )

    @property
    def title(self) -> str:
        return f"the simplex of {self.size} weights"

    @property
    def layers(self) -> tuple[Space, ...]:
        return (self,)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """The posterior's mean, a point of the simplex."""
        return q.mean

    def point_words(self, q: Any, samples: int = 64) -> str:
        return "mean"

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The straight line `(1 - t) a + t b`, which stays inside."""
        return torch.lerp(a, b, t.reshape(-1, *[1] * a.dim()).to(a))

    def coordinates(self, z: Tensor) -> Tensor:
        return z

    def from_coordinates(self, y: Tensor) -> Tensor:
        """Negative weights become zero and the rest is scaled to sum to one; if none is left, all are equal."""
        kept = y.clamp_min(0)
        total = kept.sum(-1, keepdim=True)
        return torch.where(total > 0, kept / total, torch.full_like(y, 1 / y.shape[-1]))

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z,)
