"""Where the latent variable z lives, and what one may do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Space(Protocol):
    """A latent space. `z` is always one tensor `[..., size]`; `layers` says how a hierarchy divides it."""

    @property
    def size(self) -> int: ...

    @property
    def has_units(self) -> bool: ...

    @property
    def layers(self) -> tuple[Space, ...]: ...

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """Where to draw x: one point `[N, size]` that stands for each posterior."""

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """From `a` to `b` (`[..., size]`) at the positions `t` in [0, 1] (`[T]`): `[T, ..., size]`."""

    def coordinates(self, z: Tensor) -> Tensor:
        """Real vectors `[..., n]` for projections and neighbours."""

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """`z` as its layers, top first."""


@dataclass(frozen=True)
class Euclidean:
    """R^d: each coordinate is a unit."""

    size: int
    has_units: bool = True

    @property
    def layers(self) -> tuple[Space, ...]:
        return (self,)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """The posterior's mean: exact for a Gaussian, so `samples` is not used."""
        return q.mean

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The straight line `(1 - t) a + t b`."""
        return torch.lerp(a, b, t.reshape(-1, *[1] * a.dim()).to(a))

    def coordinates(self, z: Tensor) -> Tensor:
        return z

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z,)
