"""What every map of latent space answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batched:
    """Tensors `[..., N, ...]` that belong to a batch of N images: what is indexed and detached with the batch.

    Subclasses are data classes. Fields that are tensors, or such records themselves, have the batch in front.
    """

    def __getitem__(self, index: Any) -> Self:
        """Those at these places of the batch."""
        return self._each(lambda value: value[index])

    def detach(self) -> Self:
        """The same numbers, which get no gradient."""
        return self._each(lambda value: value.detach())

    def _each(self, change: Callable[[Any], Any]) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = {name: change(value) for name, value in values.items() if isinstance(value, Tensor | Batched)}
        return replace(self, **changed)


@dataclass(frozen=True, eq=False)
class Transform(Batched):
    """z -> f(z): an invertible map of R^d for each image of a batch.

    `z [..., N, d]` broadcasts against the batch: `[S, N, d]` for S samples of each image, `[M, 1, d]` for M points
    under each of N maps.
    """

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z) and log |det df/dz|, `[..., N, d]` and `[..., N]`: one number for each point, counted once."""
        raise NotImplementedError

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """z = f^-1(y), and log |det df/dz| there. Raises NotImplementedError where f can only go forward."""
        raise NotImplementedError(
            f"a {type(self).__name__.lower()} flow has no inverse in closed form, so q(z|x) can score only its own "
            "samples: take z and log q(z|x) together, from rsample_and_log_prob"
        )


@dataclass(frozen=True, eq=False)
class Inverse(Transform):
    """The map y -> f^-1(y) of an f that can go both ways."""

    of: Transform

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        y, log_det = self.of.inverse(z)
        return y, -log_det

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z, log_det = self.of.forward(y)
        return z, -log_det
