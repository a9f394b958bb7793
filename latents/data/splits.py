"""Training, validation and test images for data that come without some of these splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import DataError
from .draws import partition
from .images import SPLITS

ALL = "all"
"""The name of the one part of data that come without any split."""

Rows = dict[str, tuple[str, np.ndarray]]


def cut(stored: Mapping[str, np.ndarray], wrong: Callable[[str], DataError]) -> Rows:
    """Which images of which stored part make each split.

    One part, `ALL`, is cut at random into 80 % for training, 10 % for validation and 10 % for testing, class
    by class and with a fixed seed. Without ``valid``, a tenth of ``train`` is taken for it. Parts are
    otherwise splits as they are; test images alone are allowed, to look at with a model trained on other
    data.

    Args:
        stored: the labels of the images of each part, int [N], all the same where there are none.
        wrong: makes the error of what is wrong.

    Returns:
        The part and the indices in it, for each split.

    Raises:
        DataError: there are no test images, or too few images to cut.
    """
    if ALL in stored:
        return _cut_part(ALL, stored[ALL], SPLITS, wrong)
    if "test" not in stored:
        raise wrong("has no test images")
    rows = {part: (part, np.arange(len(labels))) for part, labels in stored.items()}
    if "train" in stored and "valid" not in stored:
        rows |= _cut_part("train", stored["train"], ("train", "valid"), wrong)
    return rows


def _cut_part(part: str, labels: np.ndarray, splits: tuple[str, ...], wrong: Callable[[str], DataError]) -> Rows:
    count = len(labels)
    if count < len(splits):
        raise wrong(f"has too few images ({count}) to make the splits {', '.join(splits)} of")
    tenth = max(1, count // 10)
    sizes = (count - tenth * (len(splits) - 1), *[tenth] * (len(splits) - 1))
    return {split: (part, rows) for split, rows in zip(splits, partition(labels, sizes), strict=True)}
