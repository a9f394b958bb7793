"""Images of 256 levels: x = k / 255 with k = 0 ... 255, as bytes store them."""

from __future__ import annotations

import math

from torch import Tensor

LEVELS = 256


def to_levels(x: Tensor) -> Tensor:
    """The level k of each pixel, as floats: the one that is nearest to 255 x (of two equally near, the even one).

    Images that are not on the lattice, such as the digits' x = k / 16, are so put on it.
    """
    return (x * (LEVELS - 1)).round().clamp(0, LEVELS - 1)


def from_levels(levels: Tensor) -> Tensor:
    """Levels 0 ... 255 as intensities in [0, 1]."""
    return levels / (LEVELS - 1)


def bits_per_dimension(nats: Tensor, shape: tuple[int, ...]) -> Tensor:
    """-nats / (D ln 2), D = C H W: the code length of a pixel and channel, lower is better.

    Args:
        nats: log-likelihoods of images under a likelihood whose measure is "discrete".
        shape: (C, H, W) of an image.
    """
    return -nats / (math.prod(shape) * math.log(2))
