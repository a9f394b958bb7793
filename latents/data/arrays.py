"""Arrays in an .npz file as a data set.

The keys are, for data to be cut at random (seeded, class by class: 80 % training, 10 % validation, 10 %
test)::

    images                          [N, H, W], [N, C, H, W] or [N, H, W, C], with C 1 (gray) or 3 (colour)
    labels                          optional: integers from 0, [N]

or for data with splits of their own (without ``valid_images`` a tenth of ``train_images`` is taken for
validation; ``test_images`` may be alone)::

    train_images, valid_images, test_images
    train_labels, valid_labels, test_labels

and in both cases, optionally, ``class_names``: the name of each label, as strings. Values are bool, integers
from 0 to 255, or fractions from 0 to 1. If the (training) images are nothing but 0 and 1 the data are binary.
For example::

    np.savez_compressed("mine.npz", images=images, labels=labels, class_names=np.array(["cat", "dog"]))
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .files import dimensions
from .images import ImageData, Split, to_images, to_labels
from .npz import Npz
from .splits import ALL, cut

_EXPECTED = (
    "the key images, or train_images and test_images, N x H x W (x C) values that are bool, 0 to 255, or "
    "fractions from 0 to 1, and labels alike, integers from 0"
)
_REMEDY = f"`python -m pydoc {__name__}` shows how to write such a file"


def array_file(name: str, path: Path) -> ImageData:
    """The images of an .npz file; labels and the kind are read now, the images again with each split.

    Args:
        name: what the data set is called in recipes.
        path: a file as the module describes it.

    Raises:
        DataError: the file is damaged, or its keys, shapes or values are others.
    """
    file = Npz(path, _EXPECTED, _REMEDY)
    keys = _image_keys(file)
    channels, height, width = shape = _shape(file, list(keys.values()))
    binary = _is_binary(file.read(next(iter(keys.values()))))
    labels = {part: _labels(file, key) for part, key in keys.items()}
    class_names = _class_names(file, [each for each in labels.values() if each is not None])
    counts = {part: file.headers[key].shape[0] for part, key in keys.items()}
    stored = {part: np.zeros(counts[part], int) if of is None else of for part, of in labels.items()}
    rows = cut(stored, file.wrong)

    def read(split: str) -> Split:
        part, chosen = rows[split]
        pixels = _checked(file, keys[part], binary)[chosen]
        if pixels.ndim == 4 and pixels.shape[1:] != shape:
            pixels = pixels.transpose(0, 3, 1, 2)
        of = labels[part]
        images = _intensities(pixels, binary).reshape(-1, channels, height, width)
        return Split(images, None if of is None else to_labels(of[chosen]))

    return ImageData(
        name=name,
        title=path.stem,
        shape=shape,
        kind="colour" if channels == 3 else "binary" if binary else "gray",
        source=f"{sum(counts.values()):,} images of the file {path}; licence not known",
        sizes={split: len(chosen) for split, (_, chosen) in rows.items()},
        read=read,
        class_names=class_names,
    )


def _image_keys(file: Npz) -> dict[str, str]:
    """The key of each part that is there, the one that decides about the kind first."""
    known = {ALL: "images"} | {split: f"{split}_images" for split in ("train", "test", "valid")}
    keys = {part: key for part, key in known.items() if key in file.headers}
    if not keys:
        raise file.wrong(f"has only the keys {', '.join(map(repr, file.headers)) or '(none)'}")
    if ALL in keys and len(keys) > 1:
        raise file.wrong("has both 'images' and images of single splits")
    return keys


def _shape(file: Npz, keys: list[str]) -> tuple[int, int, int]:
    shapes = {key: _image_shape(file, key) for key in keys}
    first, *others = keys
    for key in others:
        if shapes[key] != shapes[first]:
            sizes = f"{dimensions(shapes[key])} in {key!r} but {dimensions(shapes[first])} in {first!r}"
            raise file.wrong(f"has images of two sizes, {sizes}")
    return shapes[first]


def _image_shape(file: Npz, key: str) -> tuple[int, int, int]:
    shape = file.headers[key].shape
    if 0 not in shape and file.headers[key].dtype.kind in "biuf":
        match shape:
            case (_, height, width):
                return (1, height, width)
            case (_, 1 | 3 as channels, height, width) | (_, height, width, 1 | 3 as channels):
                return (channels, height, width)
    raise file.wrong(f"holds {dimensions(shape)} values of type {file.headers[key].dtype} in {key!r}")


def _labels(file: Npz, images: str) -> np.ndarray | None:
    key = images.replace("images", "labels")
    if key not in file.headers:
        return None
    shape, dtype = file.headers[key]
    if shape != file.headers[images].shape[:1] or dtype.kind not in "iu":
        raise file.wrong(f"holds {dimensions(shape)} values of type {dtype} in {key!r}")
    return file.read(key).astype(np.int64)


def _class_names(file: Npz, labels: list[np.ndarray]) -> tuple[str, ...] | None:
    if not labels:
        return None
    low, high = min(of.min() for of in labels), max(of.max() for of in labels)
    if "class_names" in file.headers:
        shape, dtype = file.headers["class_names"]
        if len(shape) != 1 or dtype.kind != "U":
            raise file.wrong("has no list of strings in 'class_names'")
        names = tuple(map(str, file.read("class_names")))
    else:
        # As many classes as images at most, lest a stray label make a million names.
        names = tuple(map(str, range(min(high + 1, sum(map(len, labels))))))
    if low < 0 or high >= len(names):
        raise file.wrong(f"has labels from {low} to {high} for {len(names)} classes, which count from 0")
    return names


def _checked(file: Npz, key: str, binary: bool) -> np.ndarray:
    pixels = file.read(key)
    low, high = pixels.min(), pixels.max()
    # Written so that a NaN fails.
    if not (low >= 0 and high <= (255 if pixels.dtype.kind in "iu" else 1)):
        raise file.wrong(f"holds values from {low} to {high} in {key!r}")
    if binary and not _is_binary(pixels):
        raise file.wrong(f"holds other values than 0 and 1 in {key!r}, unlike its other images")
    return pixels


def _is_binary(pixels: np.ndarray) -> bool:
    return bool(((pixels == 0) | (pixels == 1)).all())


def _intensities(pixels: np.ndarray, binary: bool) -> torch.Tensor:
    if pixels.dtype.kind in "iu" and not binary:
        return to_images(pixels)
    return torch.from_numpy(np.ascontiguousarray(pixels, np.float32))
