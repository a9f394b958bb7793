"""Strided convolutions and residual blocks: bodies whose features keep their place in the image."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..parts import PartSettings, setting
from .base import Decoder, Encoder, Shape


class _Settings(PartSettings):
    channels: int = setting(32, "of every layer", unit="features", ge=1, le=4096)
    halvings: int = setting(2, "how many times height and width are halved", ge=0, le=8)
    blocks: int = setting(2, "residual blocks at the smallest size", unit="blocks", ge=0, le=100)


class Residual(nn.Module):
    """h + W_1 relu(W_3 relu(h)): a 3x3 and a 1x1 convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.three, self.one = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.one(functional.relu(self.three(functional.relu(h))))


class ResidualEncoder(Encoder):
    """Convolutions that halve the image, then residual blocks: features are maps of [channels, h, w], flattened.

    Reference: van den Oord et al., "Neural discrete representation learning", 2017, section 4.1.
    """

    kind = "residual"

    class Settings(_Settings):
        pass

    def __init__(self, settings: Settings, shape: Shape):
        super().__init__(settings, shape)
        widths = [shape[0], *[settings.channels] * settings.halvings]
        halving = [
            layer
            for inputs in widths[:-1]
            for layer in (nn.Conv2d(inputs, settings.channels, 4, stride=2, padding=1), nn.ReLU())
        ]
        self.layers = nn.Sequential(
            *halving,
            nn.Conv2d(widths[-1], settings.channels, 3, padding=1),
            *(Residual(settings.channels) for _ in range(settings.blocks)),
            nn.ReLU(),
        )
        self.maps = (settings.channels, shape[1] >> settings.halvings, shape[2] >> settings.halvings)
        self.features = self.maps[0] * self.maps[1] * self.maps[2]

    @classmethod
    def check(cls, settings: Settings, shape: Shape) -> None:
        check_halvings(settings.halvings, shape)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x.reshape(-1, *x.shape[-3:]))
        return maps.reshape(*x.shape[:-3], self.features)


class ResidualDecoder(Decoder):
    """Residual blocks on maps, then transposed convolutions that double their size: the encoder's way back.

    A z whose size is a multiple of h w is read as maps [size / (h w), h, w]; another goes through a dense layer.
    """

    kind = "residual"
    spatial = True

    class Settings(_Settings):
        pass

    def __init__(self, settings: Settings, size: int, shape: Shape):
        super().__init__(settings, size, shape)
        h, w = shape[1] >> settings.halvings, shape[2] >> settings.halvings
        fits = size % (h * w) == 0
        self.start = (size // (h * w) if fits else settings.channels, h, w)
        self.dense = nn.Identity() if fits else nn.Linear(size, settings.channels * h * w)
        doubling = [
            layer
            for _ in range(settings.halvings)
            for layer in (nn.ReLU(), nn.ConvTranspose2d(settings.channels, settings.channels, 4, stride=2, padding=1))
        ]
        self.layers = nn.Sequential(
            nn.Conv2d(self.start[0], settings.channels, 3, padding=1),
            *(Residual(settings.channels) for _ in range(settings.blocks)),
            *doubling,
            nn.ReLU(),
        )
        self.features = settings.channels

    @classmethod
    def check(cls, settings: Settings, shape: Shape) -> None:
        check_halvings(settings.halvings, shape)

    def forward(self, z: Tensor) -> Tensor:
        maps = self.layers(self.dense(z).reshape(-1, *self.start))
        return maps.reshape(*z.shape[:-1], *maps.shape[1:])


def check_halvings(halvings: int, shape: Shape) -> None:
    """Raise ValueError when height or width cannot be halved so often."""
    _, height, width = shape
    most = 0
    while height % 2 ** (most + 1) == 0 and width % 2 ** (most + 1) == 0:
        most += 1
    if halvings > most:
        raise ValueError(
            f"halvings is {halvings}, but images of {height} x {width} pixels can be halved only {most} times; "
            f"set it to at most {most}"
        )
