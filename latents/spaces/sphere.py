"""The unit sphere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .base import Space

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Sphere:
    """S^d, the unit vectors of d + 1 coordinates.

    Args:
        dimension: d.
    """

    dimension: int
    kind = "sphere"
    why_no_units = (
        "On a sphere no coordinate is a unit of its own: they depend on each other, since their squares sum to one, "
        "and the sphere may be turned at will."
    )

    @property
    def size(self) -> int:
        return self.dimension + 1

    @property
    def title(self) -> str:
        name = f"S{str(self.dimension).translate(_SUPERSCRIPTS)}"
        return f"the circle {name}" if self.dimension == 1 else f"the sphere {name}"

    @property
    def layers(self) -> tuple[Space, ...]:
        return (self,)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """The mean direction: the mean itself lies inside of the sphere."""
        return q.mean_direction

    def point_words(self, q: Any, samples: int = 64) -> str:
        return "mean direction"

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The great circle from `a` to `b`, the shorter way. Between opposite points, one of the many."""
        a, b = self.from_coordinates(a), self.from_coordinates(b)
        angle = 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)).unsqueeze(-1)
        angle = angle * t.reshape(-1, *[1] * a.dim()).to(a)
        return self.from_coordinates(torch.cos(angle) * a + torch.sin(angle) * _heading(a, b))

    def coordinates(self, z: Tensor) -> Tensor:
        return z

    def from_coordinates(self, y: Tensor) -> Tensor:
        """`y / |y|`; the centre, to which all points are equally near, becomes the first axis."""
        axis = functional.one_hot(torch.zeros((), dtype=torch.long, device=y.device), y.shape[-1]).to(y)
        size = y.abs().amax(-1, keepdim=True)
        return functional.normalize(torch.where(size > 0, y / size, axis), dim=-1)

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z,)


def _heading(a: Tensor, b: Tensor) -> Tensor:
    """The unit vector at right angles to `a` that points towards `b`; any, where `b` is `a` or opposite to it."""
    across = b - (a * b).sum(-1, keepdim=True) * a
    other = functional.one_hot(a.abs().argmin(-1), a.shape[-1]).to(a)  # the axis most at right angles to a
    small = across.norm(dim=-1, keepdim=True) < 4 * torch.finfo(a.dtype).eps
    across = functional.normalize(torch.where(small, other, across), dim=-1)
    return functional.normalize(across - (a * across).sum(-1, keepdim=True) * a, dim=-1)
