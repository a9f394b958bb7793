"""What every body answers."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from ..parts import Part

Shape = tuple[int, int, int]


class Encoder(Part, nn.Module):
    """From images `[..., C, H, W]` to features `[..., features]`; `features` is known after construction."""

    socket: ClassVar[str] = "encoder"
    features: int

    def __init__(self, settings, shape: Shape):
        super().__init__()

    @classmethod
    def check(cls, settings, shape: Shape) -> None:
        """Raise ValueError (one sentence: field, value, bound) when it cannot work on images of this shape."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Decoder(Part, nn.Module):
    """From z `[..., size]` to features `[..., features]`, or, where `spatial`, to maps `[..., features, H, W]`."""

    socket: ClassVar[str] = "decoder"
    features: int
    spatial: bool = False

    def __init__(self, settings, size: int, shape: Shape):
        super().__init__()

    @classmethod
    def check(cls, settings, shape: Shape) -> None:
        """Raise ValueError (one sentence: field, value, bound) when it cannot make images of this shape."""

    def forward(self, z: Tensor) -> Tensor:
        raise NotImplementedError
