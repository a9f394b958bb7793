"""What every likelihood answers, and what its numbers are likelihoods of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.distributions import Distribution

from ..networks import he_init
from ..parts import Part

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Measure:
    """What a likelihood is a likelihood of. Two numbers compare only when their measures are equal.

    Args:
        kind: probabilities of discrete images (of two levels, or of 256 where there is no binarisation), densities, or
            numbers that are neither, since they do not sum to one.
        binarisation: how the images became binary: the draw decides what is being modelled.
    """

    kind: Literal["discrete", "density", "unnormalised"]
    binarisation: str

    def __str__(self) -> str:
        return f"{self.kind}, binarisation: {self.binarisation}"


class Likelihood(Part, nn.Module):
    """The head of a decoder: `forward(features)` returns p(x|z) with event shape (C, H, W).

    Features are `[..., features]`, or maps `[..., features, H, W]` where the decoder is `spatial`.

    Attributes:
        binary: whether it needs binary images.
        measure_kind: whether its numbers are probabilities or densities.
        has_mean: whether the mean of p(x|z) is cheap; where not, pictures are samples.
        cost: floats that scoring one pixel holds: how large the chunks of a likelihood estimate may be.
    """

    socket: ClassVar[str] = "likelihood"
    binary: ClassVar[bool]
    measure_kind: Literal["discrete", "density", "unnormalised"]
    has_mean: bool = True
    cost: int = 1

    def __init__(self, settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__()

    def forward(self, features: Tensor) -> Distribution:
        raise NotImplementedError


class DenseHead(nn.Linear):
    """From features `[..., f]` to `outputs` numbers for each pixel: `[..., outputs, C, H, W]`."""

    def __init__(self, features: int, outputs: int, shape: Shape):
        super().__init__(features, outputs * math.prod(shape))
        self.image = (outputs, *shape)
        he_init(self.weight, features)

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features).unflatten(-1, self.image)


class PixelHead(nn.Conv2d):
    """From maps `[..., f, H, W]` to `outputs` numbers for each pixel: `[..., outputs, C, H, W]`."""

    def __init__(self, features: int, outputs: int, shape: Shape):
        super().__init__(features, outputs * shape[0], 1)
        self.channels = (outputs, shape[0])
        he_init(self.weight, features)

    def forward(self, maps: Tensor) -> Tensor:
        found = super().forward(maps.flatten(0, -4) if maps.dim() > 3 else maps.unsqueeze(0))
        return found.unflatten(1, self.channels).reshape(*maps.shape[:-3], *self.channels, *maps.shape[-2:])


def image_head(features: int, outputs: int, shape: Shape, spatial: bool) -> nn.Module:
    """The last linear layer of a decoder: dense, or a 1x1 convolution where its features are maps."""
    return (PixelHead if spatial else DenseHead)(features, outputs, shape)
