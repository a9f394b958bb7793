"""Gated convolutions."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from ..parts import PartSettings, setting
from .base import Decoder, Encoder, Shape
from .gated_conv import GatedConv, Layer, in_pieces, layout
from .mlp import Width, gated_layers

_LAYER = "channels, kernel, stride and padding of each gated convolution"


class ConvEncoder(Encoder):
    r"""Gated convolutions over the image: h = (W_h * x + b_h) sigmoid(W_g * x + b_g); the last maps are the features.

    As it is, the paper's stack for q(z2|x): 28 x 28 images become 6 maps of 7 x 7.

    Reference: the ConvHVAE of Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018 (arXiv 1705.07120).
    """

    kind = "conv"

    class Settings(PartSettings):
        layers: tuple[Layer, ...] = setting(
            ((32, 7, 1, 3), (32, 3, 2, 1), (64, 5, 1, 2), (64, 3, 2, 1), (6, 3, 1, 1)),
            _LAYER,
            min_length=1,
            max_length=64,
        )

    def __init__(self, settings: Settings, shape: Shape):
        super().__init__(settings, shape)
        inputs, *size = shape
        sizes = [tuple(size)]
        self.layers = nn.Sequential()
        for channels, kernel, stride, padding in settings.layers:
            self.layers.append(GatedConv(inputs, channels, kernel, stride, padding))
            sizes.append(_after(sizes[-1], kernel, stride, padding))
            inputs = channels
        self.maps = (inputs, *sizes[-1])
        self.features = math.prod(self.maps)
        self._floats = _largest(settings.layers, sizes[1:])
        self.layout = layout(self._floats)
        self.layers.to(memory_format=self.layout)

    @classmethod
    def check(cls, settings: Settings, shape: Shape) -> None:
        size: tuple[int, ...] = shape[1:]
        for place, (_, kernel, stride, padding) in enumerate(settings.layers):
            widest = min(size) + 2 * padding
            if kernel > widest:
                raise ValueError(
                    f"layers.{place}.1, the kernel, is {kernel}, but the maps before it are {size[0]} x {size[1]} "
                    f"for images of {shape[1]} x {shape[2]}, {widest} pixels across with a padding of {padding}; "
                    f"set it to at most {widest}"
                )
            size = _after(size, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, *x.shape[-3:]).contiguous(memory_format=self.layout)
        maps = in_pieces(self.layers, flat, self._floats)
        return maps.reshape(*x.shape[:-3], self.features)


class ConvDecoder(Decoder):
    r"""Gated dense layers from z to maps, then gated convolutions up to the size of the image.

    A layer of stride s first repeats each pixel s times in height and width. The first maps are as small as the
    strides say. As it is, the paper's decoder: one map of the image's size, G784 for 28 x 28, and four convolutions
    of 64 channels. Strides of 2 work on smaller maps: with two of them it costs a fraction.

    References: the ConvHVAE of Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018 (arXiv 1705.07120);
    Odena et al., "Deconvolution and checkerboard artifacts", 2016, for repeated pixels.
    """

    kind = "conv"
    spatial = True

    class Settings(PartSettings):
        hidden: tuple[Width, ...] = setting((), "width of each gated layer before the maps", unit="features")
        start: int = setting(1, "channels of the first maps, made by a gated layer", ge=1, le=4096)
        layers: tuple[Layer, ...] = setting(
            ((64, 3, 1, 1),) * 4,
            f"{_LAYER}; a stride enlarges the maps before it",
            min_length=1,
            max_length=64,
        )

    def __init__(self, settings: Settings, size: int, shape: Shape):
        super().__init__(settings, size, shape)
        sizes = _backwards(settings, shape)
        self.start = (settings.start, *sizes[0])
        widths = (*settings.hidden, math.prod(self.start))
        self.dense = nn.Sequential(*gated_layers(size, widths))
        self.convolutions = nn.ModuleList()
        inputs = settings.start
        for channels, kernel, _, padding in settings.layers:
            self.convolutions.append(GatedConv(inputs, channels, kernel, 1, padding))
            inputs = channels
        self.features = inputs
        self.strides = tuple(layer[2] for layer in settings.layers)
        self._floats = _largest(settings.layers, sizes[1:])
        self.layout = layout(self._floats)
        self.convolutions.to(memory_format=self.layout)

    @classmethod
    def check(cls, settings: Settings, shape: Shape) -> None:
        _backwards(settings, shape)

    def forward(self, z: Tensor) -> Tensor:
        maps = in_pieces(self._convolve, self.dense(z.reshape(-1, z.shape[-1])), self._floats)
        return maps.reshape(*z.shape[:-1], *maps.shape[1:])

    def _convolve(self, features: Tensor) -> Tensor:
        maps = features.unflatten(-1, self.start).contiguous(memory_format=self.layout)
        for layer, stride in zip(self.convolutions, self.strides, strict=True):
            maps = layer(maps if stride == 1 else functional.interpolate(maps, scale_factor=stride))
        return maps


def _after(size: tuple[int, ...], kernel: int, stride: int, padding: int) -> tuple[int, ...]:
    """Height and width of the maps that a convolution makes of maps of this size."""
    return tuple((side + 2 * padding - kernel) // stride + 1 for side in size)


def _largest(layers: tuple[Layer, ...], sizes: list[tuple[int, ...]]) -> int:
    """Floats of the largest map, both halves of its gated layer, where the layers' maps have these sizes."""
    return max(2 * layer[0] * math.prod(size) for layer, size in zip(layers, sizes, strict=True))


def _backwards(settings: ConvDecoder.Settings, shape: Shape) -> list[tuple[int, ...]]:
    """Sizes of the maps before the first layer and after each, from the image back.

    Raises ValueError where no maps become images of exactly this height and width.
    """
    sizes: list[tuple[int, ...]] = [shape[1:]]
    for place in range(len(settings.layers) - 1, -1, -1):
        _, kernel, stride, padding = settings.layers[place]
        height, width = (side - 2 * padding + kernel - 1 for side in sizes[0])
        needed = f"maps of {sizes[0][0]} x {sizes[0][1]} for images of exactly {shape[1]} x {shape[2]}"
        if min(height, width) < 1:
            most = (min(sizes[0]) + kernel - 2) // 2
            raise ValueError(
                f"layers.{place}.3, the padding, is {padding}, but a kernel of {kernel} must make {needed}, and with "
                f"that padding it makes larger ones of a single pixel; set it to at most {most}"
            )
        if height % stride or width % stride:
            raise ValueError(
                f"layers.{place}.2, the stride, is {stride}, but the layer must make {needed}, which takes "
                f"{height} x {width} pixels before its kernel, no multiples of {stride}; "
                f"set it to a divisor of {math.gcd(height, width)}"
            )
        sizes.insert(0, (height // stride, width // stride))
    return sizes
