"""The space of a hierarchy: several spaces, one above the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .base import Space


@dataclass(frozen=True)
class Layers:
    """The product of its layers' spaces: z is their vectors side by side, the top first.

    What is done to z is done to each layer in its own space. A posterior here is a chain
    (`latents.layered.Chain`): the top layer's distribution, and each lower one's given those above it.
    """

    layers: tuple[Space, ...]
    kind = "layers"

    @property
    def size(self) -> int:
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of each layer, top first."""
        return tuple(layer.size for layer in self.layers)

    @property
    def title(self) -> str:
        """ "2 layers of 8 and 8 units"."""
        count = f"{len(self.layers)} layers"
        if all(layer.kind == "euclidean" for layer in self.layers):
            return f"{count} of {_listed([str(size) for size in self.sizes])} units"
        return f"{count}: {_listed([layer.title for layer in self.layers])}"

    @property
    def why_no_units(self) -> str | None:
        return next(filter(None, (layer.why_no_units for layer in self.layers)), None)

    def point(self, q: Any, samples: int = 64) -> Tensor:
        """A chain of points `[N, size]`: that of the top, then the mean of each layer given the points above it."""
        z = self.layers[0].point(q.top, samples)
        for place, layer in enumerate(self.layers[1:], 1):
            z = torch.cat([z, layer.point(q.layer(place, z), samples)], -1)
        return z

    def point_words(self, q: Any, samples: int = 64) -> str:
        top = self.layers[0].point_words(q.top, samples)
        return "chain of means" if top == "mean" else f"chain of means below the {top}"

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Each layer's own path: `[T, ..., size]`."""
        return self._each(lambda layer, start, end: layer.path(start, end, t), self.split(a), self.split(b))

    def coordinates(self, z: Tensor) -> Tensor:
        return self._each(lambda layer, part: layer.coordinates(part), self.split(z))

    def from_coordinates(self, y: Tensor) -> Tensor:
        widths = [layer.coordinates(torch.zeros(layer.size)).shape[-1] for layer in self.layers]
        return self._each(lambda layer, part: layer.from_coordinates(part), y.split(widths, -1))

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """`z` as its layers, top first: views of it."""
        return z.split(self.sizes, -1)

    def _each(self, call: Callable[..., Tensor], *parts: tuple[Tensor, ...]) -> Tensor:
        return torch.cat([call(layer, *of_layer) for layer, *of_layer in zip(self.layers, *parts, strict=True)], -1)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
