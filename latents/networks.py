"""The bodies of encoders and decoders: what lies between the input and the head that makes a distribution."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .parts import Part, PartSettings, setting

Width = Annotated[int, Field(ge=1, le=65_536)]


def he_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with weights ~ N(0, 2 / inputs) (He et al. 2015), as in the VampPrior's code."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=math.sqrt(2 / inputs))
    return layer


class GatedLinear(nn.Module):
    r"""h = (W_h x + b_h) * sigmoid(W_g x + b_g), both halves in one matrix product.

    Reference: Dauphin et al., "Language modeling with gated convolutional networks", 2017; the hidden layer of
    Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.both = he_linear(inputs, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.glu(self.both(x), -1)


class Body(Part, nn.Module):
    """Maps `[..., *shape]` to features `[..., features]`; `features` is known after construction."""

    socket: ClassVar[str] = "body"
    features: int


class GatedMLP(Body):
    """Gated dense layers (`GatedLinear`), one after another; the image is flattened."""

    kind = "mlp"

    class Settings(PartSettings):
        hidden: tuple[Width, ...] = setting((300, 300), "width of each gated layer", unit="features", min_length=1)

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        super().__init__()
        self.dims = len(shape)
        widths = [math.prod(shape), *settings.hidden]
        self.layers = nn.ModuleList(map(GatedLinear, widths[:-1], widths[1:]))
        self.features = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(-self.dims)
        for layer in self.layers:
            h = layer(h)
        return h


def concatenate(x: Tensor, more: Tensor | None) -> Tensor:
    """Both batches as one, so that a network passes over them once."""
    return x if more is None else torch.cat([x, more])
