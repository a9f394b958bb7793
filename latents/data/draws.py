"""Random draws that are the same on every machine and with every version: binarised images and random splits.

NumPy promises the raw stream of its bit generators for good, but not what its higher functions (or torch's)
make of it, so the uniform numbers are made here from the raw 64 bits, with 53 of them as usual.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TEST_SEED = 777
"""The seed of the one binarisation of test images that every number and page uses."""

SPLIT_SEED = 0
"""The seed of the random splits of the data sets."""

_CHUNK = 1 << 22


def binarise(images: Tensor, seed: int) -> Tensor:
    """One fixed Bernoulli draw for each pixel: ``x ~ Bernoulli(intensity)``.

    The draw of an image depends on the seed and on its position alone: ``binarise(x, s)[:n]`` and
    ``binarise(x[:n], s)`` are equal. Pixels that are 0 or 1 stay as they are.

    Args:
        images: intensities in [0, 1], any shape.
        seed: of the draw; `TEST_SEED` for test images.

    Returns:
        float32 zeros and ones, of the same shape and on the same device.

    Raises:
        ValueError: an intensity is outside [0, 1] or not a number.
    """
    intensities = images.detach().to("cpu", torch.float32).contiguous().numpy()
    if not ((intensities >= 0) & (intensities <= 1)).all():
        raise ValueError("Only intensities in [0, 1] can be binarised.")
    drawn = np.empty(intensities.shape, np.float32)
    flat, out = intensities.reshape(-1), drawn.reshape(-1)
    stream = np.random.PCG64(seed)
    for start in range(0, flat.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = uniforms(stream, len(flat[part])) < flat[part]
    return torch.from_numpy(drawn).to(images.device)


def partition(labels: np.ndarray, sizes: tuple[int, ...], seed: int = SPLIT_SEED) -> list[np.ndarray]:
    """Cut a data set at random into parts of exact sizes, with each class in each part in proportion.

    Each class is shuffled and spread evenly over [0, 1), from a random offset; all images sorted by that
    place are then cut. So the counts of a class are an image or two off its exact share at most, rare classes
    are favoured nowhere, and the order within a part is random, stratified too.

    Args:
        labels: int [N]; all the same for data without classes.
        sizes: of the parts, N in all.
        seed: of the shuffles.

    Returns:
        The indices of each part.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    stream = np.random.PCG64(seed)
    shuffled = np.lexsort((uniforms(stream, len(classes)), classes))
    rank = np.empty(len(classes))
    rank[shuffled] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    offset = uniforms(stream, len(counts))
    place = (rank + offset[classes]) / counts[classes]
    return np.split(np.argsort(place, kind="stable"), np.cumsum(sizes)[:-1])


def uniforms(stream: np.random.PCG64, count: int) -> np.ndarray:
    """The next `count` uniform numbers in [0, 1) of a stream, float64."""
    return (stream.random_raw(count) >> np.uint64(11)) * 2.0**-53
