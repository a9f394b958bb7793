"""Layers that bodies and heads are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def he_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with weights ~ N(0, 2 / inputs) (He et al. 2015), as in the VampPrior's code."""
    layer = nn.Linear(inputs, outputs)
    he_init(layer.weight, inputs)
    return layer


def he_init(weight: Tensor, inputs: int) -> None:
    """Draw weights ~ N(0, 2 / inputs) in place."""
    nn.init.normal_(weight, std=math.sqrt(2 / inputs))


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


def concatenate(x: Tensor, more: Tensor | None) -> Tensor:
    """Both batches as one, so that a network passes over them once."""
    return x if more is None else torch.cat([x, more])
