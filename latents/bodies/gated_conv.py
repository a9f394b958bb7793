"""What convolutional bodies are made of: gated convolutions, and the memory layout in which they are fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..networks import he_init

Layer = tuple[
    Annotated[int, Field(ge=1, le=4096)],  # channels
    Annotated[int, Field(ge=1, le=99)],  # kernel
    Annotated[int, Field(ge=1, le=16)],  # stride
    Annotated[int, Field(ge=0, le=49)],  # padding
]

_LARGE = 1 << 14  # floats of a map from which channels-last is faster: `python -m benchmarks.convolutions`
_PIECE = 1 << 21  # floats of the largest map that exist at a time, where no gradient needs them


class GatedConv(nn.Module):
    r"""h = (W_h * x + b_h) sigmoid(W_g * x + b_g), both halves in one convolution.

    Maps `[B, inputs, H, W]` to `[B, outputs, H', W']` with H' = floor((H + 2 padding - kernel) / stride) + 1.
    With a channels-last input the output is channels-last.

    Reference: van den Oord et al., "Conditional image generation with PixelCNN decoders", 2016; the layer of the
    ConvHVAE of Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.both = nn.Conv2d(inputs, 2 * outputs, kernel, stride, padding)
        he_init(self.both.weight, inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        both = self.both(x)
        if both.is_contiguous():
            return functional.glu(both, -3)
        # Pixel by pixel, each pixel's channels side by side: the gradient is a third faster than by channels.
        return functional.glu(both.movedim(-3, -1), -1).movedim(-1, -3)


def layout(floats: int) -> torch.memory_format:
    """The memory layout in which convolutions are faster, for so many floats in the largest map of an image."""
    return torch.channels_last if floats >= _LARGE else torch.contiguous_format


def in_pieces(network: Callable[[Tensor], Tensor], x: Tensor, floats: int) -> Tensor:
    """network(x), in pieces of bounded memory where no gradient needs the maps.

    Args:
        x: `[B, ...]`.
        floats: of the largest map of one of the B.
    """
    rows = max(1, _PIECE // floats)
    if torch.is_grad_enabled() or len(x) <= rows:
        return network(x)
    return torch.cat([network(piece) for piece in x.split(rows)])
