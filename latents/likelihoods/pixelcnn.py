"""A PixelCNN decoder: pixels that depend on z and on the pixels before them."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator
from torch import Tensor

from ..masked import OUTPUTS, AutoregressiveImage, PixelCNN
from ..parts import PartSettings, setting
from .base import Likelihood, Shape, image_head


class PixelCNNLikelihood(Likelihood):
    r"""Pixels drawn one after the other: p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z), by gated masked convolutions.

    The decoder's features become `maps` of the image's size, each place of them made from all of z; they enter every
    layer and the logits at their own place, without a mask: the first pixel knows as much of z as the last. What lies
    further off than the convolutions reach only z can tell, so a small reach keeps z in use (Chen et al., "Variational
    lossy autoencoder", 2017).

    The paper's PixelHVAE has a single stream of 3x3 convolutions, blind to a wedge above right: this has two streams.
    """

    kind = "pixelcnn"
    binary = True
    measure_kind = "discrete"
    has_mean = False

    class Settings(PartSettings):
        output: Literal["bernoulli", "categorical", "logistic"] = setting(
            "bernoulli", "each pixel's own distribution: binary; or over 256 levels, any or a discretised logistic"
        )
        channels: int = setting(16, "features of each of the two streams", unit="features", ge=4, le=1024)
        layers: int = setting(3, "gated layers", unit="layers", ge=1, le=50)
        first: int = setting(5, "width of the first layer's convolutions, odd", unit="pixels", ge=3, le=31)
        kernel: int = setting(3, "width of the other layers' convolutions, odd", unit="pixels", ge=1, le=31)
        maps: int = setting(4, "maps that the decoder's features become", unit="maps", ge=1, le=1024)

        @field_validator("first", "kernel")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError(f"it must be odd, so that a convolution has a middle; {value} was given")
            return value

        @property
        def binary(self) -> bool:
            return OUTPUTS[self.output].binary

    def __init__(self, settings: Settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__(settings, features, shape, spatial)
        self.maps = image_head(features, settings.maps, (1, *shape[1:]), spatial)
        self.network = PixelCNN(
            shape,
            OUTPUTS[settings.output],
            settings.maps,
            settings.channels,
            settings.layers,
            settings.first,
            settings.kernel,
        )
        self.cost = self.network.cost

    def forward(self, features: Tensor) -> AutoregressiveImage:
        return AutoregressiveImage(self.network, self.maps(features).squeeze(-3))
