"""What a data set is: three splits of images with labels, each read when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError

SPLITS = ("train", "valid", "test")

Kind = Literal["binary", "gray", "colour"]


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set.

    Attributes:
        images: float32 [N, C, H, W] in [0, 1].
        labels: int64 [N], counted from 0, or None.
    """

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


class ImageData:
    """A data set: facts that cost nothing, and the splits, read when first used and then kept.

    Attributes:
        name: what `load` was given.
        title: the name for people, "MNIST".
        shape: (C, H, W) of one image.
        kind: "binary" (all values 0 or 1), "gray" or "colour" (C = 3).
        class_names: the name of each label, or None without labels.
        source: origin, citation and licence in one line.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        shape: tuple[int, int, int],
        kind: Kind,
        source: str,
        sizes: Mapping[str, int],
        read: Callable[[str], Split],
        class_names: tuple[str, ...] | None = None,
    ) -> None:
        self.name = name
        self.title = title
        self.shape = shape
        self.kind = kind
        self.source = source
        self.class_names = class_names
        self._sizes = {split: sizes.get(split, 0) for split in SPLITS}
        self._read = read
        self._splits: dict[str, Split] = {}
        # One lock for each split: a page may look at the test images while the training images download.
        self._locks = {split: threading.Lock() for split in SPLITS}

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images of each split, 0 where there is none, known without reading their pixels."""
        return dict(self._sizes)

    @property
    def train(self) -> Split:
        """The images to train on."""
        return self.split("train")

    @property
    def valid(self) -> Split:
        """The images for early stopping and for choosing settings."""
        return self.split("valid")

    @property
    def test(self) -> Split:
        """The images that reported numbers are of."""
        return self.split("test")

    def split(self, name: str) -> Split:
        """The split called "train", "valid" or "test".

        Raises:
            DataError: there is no such split, or its files are missing or wrong.
        """
        if not self._sizes.get(name):
            present = " or ".join(split for split, size in self._sizes.items() if size)
            raise DataError(f"{self.name} has no {name} images: ask for {present}, or for another data set.")
        with self._locks[name]:
            if name not in self._splits:
                self._splits[name] = self._read(name)
            return self._splits[name]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{split} {size:,}" for split, size in self._sizes.items())
        return f"ImageData({self.name!r}, {'x'.join(map(str, self.shape))} {self.kind}, {sizes})"


BYTES = np.arange(256) / 255


def to_images(pixels: np.ndarray, values: np.ndarray = BYTES) -> Tensor:
    """Stored bytes as images: uint8 [N, H, W] or [N, C, H, W] to float32 [N, C, H, W].

    Args:
        pixels: the stored bytes.
        values: the intensity in [0, 1] of each byte. A table, since it is fast and its float32 values are the
            same on every machine.
    """
    images = torch.from_numpy(values.astype(np.float32)[pixels])
    return images.unsqueeze(1) if images.ndim == 3 else images


def to_labels(labels: np.ndarray) -> Tensor:
    """Labels of any integer type as int64 [N]."""
    return torch.from_numpy(labels.astype(np.int64))
