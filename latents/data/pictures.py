"""A folder of pictures as a data set.

::

    folder/cat/0001.png      subfolders are the classes, in alphabetical (numbers in numerical) order
    folder/dog/a/17.jpg      pictures may lie deeper; their class is the first folder
    folder/0001.png          or no subfolders at all: pictures without labels
    folder/train/cat/...     or subfolders train, test and perhaps valid, each as above: the splits

Without splits of its own the folder is cut at random, seeded and class by class, into 80 % for training, 10 %
for validation and 10 % for testing; without ``valid`` a tenth of ``train`` is taken for it. Pictures are PNG
or JPEG files, all of one size. If any of them is stored in colour, all are three-channel images. Transparency
is shown on white, 16 bits are kept, and turning by an EXIF tag is not done. Names that start with a dot are
passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..errors import DataError
from .files import problem, reason
from .images import ImageData, Split, to_labels
from .splits import ALL, cut

if TYPE_CHECKING:
    from PIL import Image

_ENDINGS = (".png", ".jpg", ".jpeg")
_SPLIT_FOLDERS = {"train", "valid", "test"}
_DEEP_MODES = ("I;16", "I;16B", "I")
_GRAY_MODES = ("1", "L", "LA", *_DEEP_MODES)


class _Picture(NamedTuple):
    path: Path
    class_name: str | None


class _Format(NamedTuple):
    size: tuple[int, int]  # width, height
    mode: str
    colour: bool


def picture_folder(name: str, folder: Path) -> ImageData:
    """The pictures of a folder, by class; their headers are read now, their pixels with each split.

    Args:
        name: what the data set is called in recipes.
        folder: as the module describes it.

    Raises:
        DataError: no pictures, one that cannot be read, one of another size, classes for some only, too few.
    """
    try:
        parts = {part: _list(path) for part, path in _parts(folder).items()}
    except OSError as error:
        raise _wrong(folder, f"cannot be listed ({reason(error)})") from error
    pictures = [picture for part in parts.values() for picture in part]
    if not pictures:
        raise _wrong(folder, "has no pictures")
    formats = [_format(picture.path) for picture in pictures]
    width, height = _one_size(folder, pictures, formats)
    colour = any(form.colour for form in formats)
    binary = all(form.mode == "1" for form in formats)
    class_names = _in_order({picture.class_name for picture in pictures if picture.class_name is not None})
    number: dict[str | None, int] = {class_name: label for label, class_name in enumerate(class_names)}
    labels = {part: np.array([number.get(each.class_name, 0) for each in parts[part]], np.int64) for part in parts}
    rows = cut({part: of for part, of in labels.items() if len(of)}, lambda found: _wrong(folder, found))

    def read(split: str) -> Split:
        part, chosen = rows[split]
        images = np.empty((len(chosen), 3 if colour else 1, height, width), np.float32)
        for image, index in zip(images, chosen, strict=True):
            image[:] = _pixels(parts[part][index].path, colour)
        labelled = parts[part][0].class_name is not None
        return Split(torch.from_numpy(images), to_labels(labels[part][chosen]) if labelled else None)

    return ImageData(
        name=name,
        title=folder.resolve().name,
        shape=(3 if colour else 1, height, width),
        kind="colour" if colour else "binary" if binary else "gray",
        source=f"{len(pictures):,} pictures of the folder {folder}; licence not known",
        sizes={split: len(chosen) for split, (_, chosen) in rows.items()},
        read=read,
        class_names=class_names or None,
    )


def _parts(folder: Path) -> dict[str, Path]:
    subfolders = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    if {"train", "test"} <= subfolders <= _SPLIT_FOLDERS:
        return {part: folder / part for part in sorted(subfolders)}
    return {ALL: folder}


def _list(folder: Path) -> list[_Picture]:
    pictures = []
    for path in folder.rglob("*"):
        names = path.relative_to(folder).parts
        hidden = any(name.startswith(".") for name in names)
        if path.suffix.lower() in _ENDINGS and not hidden and path.is_file():
            pictures.append(_Picture(path, names[0] if len(names) > 1 else None))
    pictures.sort(key=lambda picture: picture.path.relative_to(folder).as_posix())
    without = [picture.path for picture in pictures if picture.class_name is None]
    if without and len(without) < len(pictures):
        raise problem(
            without[0],
            f"is in no subfolder, though other pictures of {folder} are",
            "a subfolder for each class, or none at all",
            "move it into the subfolder of its class, or take it out",
        )
    return pictures


def _in_order(class_names: set[str]) -> tuple[str, ...]:
    numbers = all(name.isdecimal() for name in class_names)
    return tuple(sorted(class_names, key=lambda name: (int(name) if numbers else 0, name)))


def _one_size(folder: Path, pictures: list[_Picture], formats: list[_Format]) -> tuple[int, int]:
    usual, count = Counter(form.size for form in formats).most_common(1)[0]
    for picture, form in zip(pictures, formats, strict=True):
        if form.size != usual:
            raise problem(
                picture.path,
                f"is {form.size[0]} x {form.size[1]} pixels (width x height)",
                f"{usual[0]} x {usual[1]} like {count:,} of the {len(pictures):,} pictures of {folder}",
                "resize it, or take it out of the folder",
            )
    return usual


def _format(path: Path) -> _Format:
    with _opened(path) as image:
        colour = image.mode not in _GRAY_MODES
        if image.mode == "P":
            palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
            colour = bool((palette != palette[:, :1]).any())
        return _Format(image.size, image.mode, colour)


def _pixels(path: Path, colour: bool) -> np.ndarray:
    """Intensities in [0, 1], [3, H, W] or [H, W], of one picture."""
    with _opened(path) as image:
        if image.mode in _DEEP_MODES:
            gray = np.asarray(image, np.float32) / np.float32(65_535)
            return gray.clip(0, 1)
        if image.has_transparency_data:
            shown = image.convert("RGBA")
            white = shown.copy()
            white.paste("white", (0, 0, *shown.size))
            white.alpha_composite(shown)
            image = white
        pixels = np.asarray(image.convert("RGB" if colour else "L"), np.float32) / np.float32(255)
        return pixels.transpose(2, 0, 1) if colour else pixels


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        # Imported here because most data sets do without it.
        from PIL import Image
    except ImportError as error:
        raise DataError(f"{path} needs Pillow to be read: run `pip install pillow`.") from error
    try:
        with Image.open(path) as image:
            yield image
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        found = f"cannot be read ({reason(error)})"
        raise problem(path, found, "a whole PNG or JPEG file", "replace it, or take it out") from error


def _wrong(folder: Path, found: str) -> DataError:
    expected = "PNG or JPEG pictures of one size, in a subfolder for each class or in none"
    return problem(folder, found, expected, f"`python -m pydoc {__name__}` shows how to arrange them")
