"""MNIST and the sets in its format: Fashion-MNIST and KMNIST.

The last 10,000 of the 60,000 training images are for validation, as in the papers. Files are looked for under
the data root where torchvision has them too, ``<data root>/MNIST/raw/train-images-idx3-ubyte``, unpacked or
as ``.gz``, and downloaded when they are not there. MNIST's test images ship with the package.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from .download import fetch
from .files import EMBEDDED, REINSTALL, dimensions, problem
from .idx import read_idx
from .images import ImageData, Split, to_images, to_labels
from .npz import Npz

_SHIPPED = EMBEDDED / "MNIST" / "raw"

_SIZES = {"train": 50_000, "valid": 10_000, "test": 10_000}
_ROWS = {"train": slice(None, 50_000), "valid": slice(50_000, None), "test": slice(None)}


@dataclass(frozen=True)
class _Origin:
    """Where the files of a set come from: its class in torchvision, which names its folder, and a link."""

    folder: str
    link: str


_MNIST = _Origin("MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/")
_FASHION = _Origin("FashionMNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/")
_KMNIST = _Origin("KMNIST", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/")


def mnist(root: Path) -> ImageData:
    """Handwritten digits, 28 x 28; the test images need no data root."""
    return _image_data(
        name="mnist",
        title="MNIST",
        source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits "
        "(LeCun et al., Proc. IEEE 86(11), 1998); CC BY-SA 3.0",
        class_names=tuple("0123456789"),
        read=partial(_read_mnist, root),
    )


def fashion_mnist(root: Path) -> ImageData:
    """Articles of clothing, 28 x 28."""
    return _image_data(
        name="fashion-mnist",
        title="Fashion-MNIST",
        source="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST (arXiv:1708.07747, 2017); MIT, copyright 2017 Zalando SE",
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        read=partial(_read, _FASHION, root),
    )


def kmnist(root: Path) -> ImageData:
    """Cursive Japanese characters, 28 x 28; ``kmnist_test.npz`` will do for the test images."""
    return _image_data(
        name="kmnist",
        title="KMNIST",
        source='"KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and '
        "others), doi:10.20676/00000341 (T. Clanuwat et al., arXiv:1812.01718, 2018); CC BY-SA 4.0",
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        read=partial(_read_kmnist, root),
    )


def mnist_test_labels() -> np.ndarray:
    """The labels of MNIST's test images, which ship with the package: uint8 [10,000]."""
    return _labels(_SHIPPED / "t10k-labels-idx1-ubyte.gz", (10_000,), REINSTALL)


def _image_data(
    *, name: str, title: str, source: str, class_names: tuple[str, ...], read: Callable[[str], Split]
) -> ImageData:
    return ImageData(
        name=name,
        title=title,
        shape=(1, 28, 28),
        kind="gray",
        source=source,
        sizes=_SIZES,
        read=read,
        class_names=class_names,
    )


def _read_mnist(root: Path, split: str) -> Split:
    if split != "test":
        return _read(_MNIST, root, split)
    images = read_idx(_SHIPPED / "t10k-images-idx3-ubyte.gz", (10_000, 28, 28), REINSTALL)
    return Split(to_images(images), to_labels(mnist_test_labels()))


def _read_kmnist(root: Path, split: str) -> Split:
    path = root / "kmnist_test.npz"
    raw = root / _KMNIST.folder / "raw"
    if split != "test" or _find(raw, "t10k-images-idx3-ubyte") or not path.is_file():
        return _read(_KMNIST, root, split)
    expected = "test_images, 10,000 x 28 x 28 bytes, and test_labels, 10,000 numbers from 0 to 9"
    file = Npz(path, expected, f"remove it, and the set is downloaded from {_KMNIST.link} when next used")
    images = file.read("test_images", (10_000, 28, 28), "u1")
    labels = file.read("test_labels", (10_000,), "u1")
    if labels.max() > 9:
        raise file.wrong("holds larger labels")
    return Split(to_images(images), to_labels(labels))


def _read(origin: _Origin, root: Path, split: str) -> Split:
    part, count = ("t10k", 10_000) if split == "test" else ("train", 60_000)
    images = read_idx(*_located(origin, root, f"{part}-images-idx3-ubyte", (count, 28, 28)))
    labels = _labels(*_located(origin, root, f"{part}-labels-idx1-ubyte", (count,)))
    rows = _ROWS[split]
    return Split(to_images(images[rows]), to_labels(labels[rows]))


def _located(origin: _Origin, root: Path, file: str, shape: tuple[int, ...]) -> tuple[Path, tuple[int, ...], str]:
    """What `read_idx` needs for one file, which is downloaded if need be: its place, shape and remedy."""
    raw = root / origin.folder / "raw"
    packed = raw / f"{file}.gz"
    command = f"`curl --create-dirs -Lo {shlex.quote(str(packed))} {origin.link}{file}.gz`"
    path = _find(raw, file)
    if path is None:
        expected = f"the packed idx file of {dimensions(shape)} bytes"
        remedy = (
            f"connect to the internet and try again, run {command}, "
            f"or set LATENTS_DATA to a folder with {origin.folder}/raw/{packed.name} in it"
        )
        fetch(origin.folder, packed, expected, remedy)
        path = packed
    return path, shape, f"remove it and it is downloaded when next used, or by {command}"


def _find(raw: Path, file: str) -> Path | None:
    return next((path for path in (raw / file, raw / f"{file}.gz") if path.is_file()), None)


def _labels(path: Path, shape: tuple[int, ...], remedy: str) -> np.ndarray:
    labels = read_idx(path, shape, remedy)
    if labels.max() > 9:
        raise problem(path, f"holds the label {labels.max()}", "labels from 0 to 9", remedy)
    return labels
