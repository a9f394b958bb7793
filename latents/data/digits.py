"""The small digits of scikit-learn, which ship with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .draws import partition
from .files import EMBEDDED, REINSTALL
from .images import SPLITS, ImageData, Split, to_images, to_labels
from .npz import Npz

_SIZES = (1_297, 200, 300)


def digits(root: Path) -> ImageData:
    """The 1,797 handwritten digits, 8 x 8, in a seeded, stratified split; they need no data root."""
    return ImageData(
        name="digits",
        title="Digits 8x8",
        shape=(1, 8, 8),
        kind="gray",
        source="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998, "
        "doi:10.24432/C50P49), test set, through scikit-learn; CC BY 4.0",
        sizes=dict(zip(SPLITS, _SIZES, strict=True)),
        read=_read,
        class_names=tuple("0123456789"),
    )


def _read(split: str) -> Split:
    expected = "1,797 images of 8 x 8 bytes from 0 to 16 and their labels"
    file = Npz(EMBEDDED / "digits.npz", expected, REINSTALL)
    images = file.read("images", (sum(_SIZES), 8, 8), "u1")
    labels = file.read("labels", (sum(_SIZES),), "u1")
    if images.max() > 16 or labels.max() > 9:
        raise file.wrong("holds larger values")
    chosen = partition(labels, _SIZES)[SPLITS.index(split)]
    return Split(to_images(images[chosen], np.arange(17) / 16), to_labels(labels[chosen]))
