"""What every latent space answers."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Space(Protocol):
    """Where z lives. `z` is always one tensor `[..., size]`; `layers` says how a hierarchy divides it."""

    @property
    def kind(self) -> str:
        """ "euclidean", "sphere", "simplex", "codes" or "layers"."""

    @property
    def size(self) -> int: ...

    @property
    def title(self) -> str:
        """In words: "2 dimensions", "the sphere S²"."""

    @property
    def layers(self) -> tuple[Space, ...]: ...

    @property
    def why_no_units(self) -> str | None:
        """None where each coordinate is a unit of its own, else one sentence."""

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """Where to draw x: one point `[N, size]` that stands for each posterior."""

    def point_words(self, q: Any, samples: int = 64) -> str:
        """What `point` is: "mean", "mean of 64 draws", "mean direction"."""

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """From `a` to `b` (`[..., size]`) at the positions `t` in [0, 1] (`[T]`): `[T, ..., size]`."""

    def coordinates(self, z: Tensor) -> Tensor:
        """Real vectors `[..., n]` for projections and neighbours."""

    def from_coordinates(self, y: Tensor) -> Tensor:
        """The point of the space nearest to real vectors `[..., n]`: `[..., size]`."""

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """`z` as its layers, top first."""
