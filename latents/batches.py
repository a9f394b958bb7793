"""Training images as batches: one tensor on the device, binarised and shuffled epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .data import binarise
from .randomness import stream

_ORDER, _DRAW = 1, 2  # keys of the random streams of an epoch
_ROWS = 8192  # images binarised at a time


class Batches:
    """The batches of any epoch, the same again whenever that epoch is asked for: what makes resume exact.

    Args:
        images: `[N, C, H, W]` in [0, 1], on the device.
        binarisation: "none", "static" (one draw for the run) or "dynamic" (a draw for each epoch).
        size: images per batch; the last one of an epoch may be shorter.
        seed: of order and draws.
    """

    def __init__(self, images: Tensor, binarisation: str, size: int, seed: int):
        self.binarisation, self.size, self.seed = binarisation, size, seed
        self.images = binarise(images, seed).to(images.device, torch.uint8) if binarisation == "static" else images

    def __len__(self) -> int:
        return -(-len(self.images) // self.size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Tensor]:
        """The batches of this epoch from number `start` on, float `[B, C, H, W]`."""
        device = self.images.device
        images = self._drawn(epoch) if self.binarisation == "dynamic" else self.images
        order = torch.randperm(len(images), generator=stream(self.seed, epoch, _ORDER)).to(device)
        shuffled = images[order]
        for batch in shuffled.split(self.size)[start:]:
            yield batch.float()

    def _drawn(self, epoch: int) -> Tensor:
        generator = stream(self.seed, epoch, _DRAW, device=self.images.device)
        return torch.cat(
            [
                (torch.rand(part.shape, generator=generator, device=part.device) < part).to(torch.uint8)
                for part in self.images.split(_ROWS)
            ]
        )
