"""Gated dense layers."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ..networks import GatedLinear
from ..parts import PartSettings, setting
from .base import Decoder, Encoder, Shape

Width = Annotated[int, Field(ge=1, le=65_536)]


class _Widths(PartSettings):
    hidden: tuple[Width, ...] = setting((300, 300), "width of each gated layer", unit="features", min_length=1)


def gated_layers(inputs: int, hidden: tuple[int, ...]) -> nn.ModuleList:
    """One `GatedLinear` after another."""
    widths = [inputs, *hidden]
    return nn.ModuleList(map(GatedLinear, widths[:-1], widths[1:]))


class MLPEncoder(Encoder):
    """Gated dense layers over the flattened image: h = (W_h x + b_h) * sigmoid(W_g x + b_g)."""

    kind = "mlp"

    class Settings(_Widths):
        pass

    def __init__(self, settings: Settings, shape: Shape):
        super().__init__(settings, shape)
        self.layers = gated_layers(math.prod(shape), settings.hidden)
        self.features = settings.hidden[-1]

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(-3)
        for layer in self.layers:
            h = layer(h)
        return h


class MLPDecoder(Decoder):
    """Gated dense layers over z: h = (W_h z + b_h) * sigmoid(W_g z + b_g)."""

    kind = "mlp"

    class Settings(_Widths):
        pass

    def __init__(self, settings: Settings, size: int, shape: Shape):
        super().__init__(settings, size, shape)
        self.layers = gated_layers(size, settings.hidden)
        self.features = settings.hidden[-1]

    def forward(self, z: Tensor) -> Tensor:
        h = z
        for layer in self.layers:
            h = layer(h)
        return h
