"""Grids of codes: each coordinate of z is the number of a codebook's vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .base import Space

if TYPE_CHECKING:
    from ..vector_quantiser import VectorQuantiser


@dataclass(frozen=True)
class Codes:
    """{0, ..., K - 1}^(h w): z holds the numbers of the codes as floats, row by row, and numbers are only names.

    What is near to what is said by the codebook: `coordinates` are the codes' vectors, `from_coordinates` the nearest
    codes. The codebook is the model's own, as it is now.

    Args:
        grid: (h, w).
        codes: K.
        quantiser: holds the codebook `[K, D]`.
    """

    grid: tuple[int, int]
    codes: int
    quantiser: VectorQuantiser = field(repr=False, compare=False)
    kind = "codes"
    why_no_units = "Codes are not units: each number of z only names a vector of the codebook."

    @property
    def size(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def title(self) -> str:
        return f"{self.grid[0]} × {self.grid[1]} codes out of {self.codes}"

    @property
    def layers(self) -> tuple[Space, ...]:
        return (self,)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """The codes themselves: q(z|x) holds nothing else."""
        return q.rsample()

    def point_words(self, q: Any, samples: int = 64) -> str:
        return "codes"

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The codes nearest to the straight line between the vectors of `a` and of `b`."""
        at = t.reshape(-1, *[1] * a.dim()).to(a)
        return self.from_coordinates(torch.lerp(self.coordinates(a), self.coordinates(b), at))

    def vectors(self, z: Tensor) -> Tensor:
        """The codes' vectors `[..., h w, D]`."""
        return self.quantiser.look_up(z.round().long())

    def coordinates(self, z: Tensor) -> Tensor:
        return self.vectors(z).flatten(-2)

    def from_coordinates(self, y: Tensor) -> Tensor:
        return self.quantiser.nearest(y.unflatten(-1, (self.size, -1))).to(y.dtype)

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z,)
