"""The idx format of MNIST and its successors, packed by gzip or not.

A file is four bytes (0, 0, 8 for unsigned bytes, the number of dimensions), each dimension as a big-endian
32-bit number, then the values.
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from .files import dimensions, problem, unreadable


def read_idx(path: Path, shape: tuple[int, ...], remedy: str) -> np.ndarray:
    """The bytes of an idx file that must have a known shape.

    Args:
        path: the file, unpacked by gzip when its name ends in ``.gz``.
        shape: what it must hold.
        remedy: what a person should do when it does not.

    Returns:
        uint8 array of that shape, read-only.

    Raises:
        DataError: it is missing, cut short, too long, not an idx file, or holds another shape.
    """
    expected = f"an idx file of {dimensions(shape)} bytes"
    start = 4 + 4 * len(shape)
    size = start + prod(shape)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            # One byte more than there should be: so the end is seen, and gzip compares its checksum there.
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error, expected, remedy) from error
    magic = bytes([0, 0, 8, len(shape)])
    if content[:4] != magic:
        found = f"starts with the bytes {content[:4].hex(' ') or '(none)'} in place of {magic.hex(' ')}"
        raise problem(path, found, expected, remedy)
    given = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if given != shape:
        raise problem(path, f"says that it holds {dimensions(given)} values", expected, remedy)
    if len(content) != size:
        short = f"is cut short after {len(content):,} of {size:,} bytes"
        raise problem(path, short if len(content) < size else "is too long", expected, remedy)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
