"""A selection of test images as a short text, for the address of a page: the same images again for whoever opens it."""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np

FEW = 30
"""So many images are written as numbers: `17.203`; more as compressed bits."""
LONGEST = 1800
"""Characters of a text at most: addresses of some 2,000 characters work everywhere."""


def encode(selection: tuple[int, ...] | list[int]) -> str:
    """The selection as text, "" for none and for one that is too long for an address."""
    chosen = sorted(set(selection))
    if len(chosen) <= FEW:
        return ".".join(map(str, chosen))
    bits = np.zeros(chosen[-1] + 1, np.uint8)
    bits[chosen] = 1
    packed = zlib.compress(np.packbits(bits).tobytes(), 9)
    text = "z" + base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
    return text if len(text) <= LONGEST else ""


def decode(text: str, count: int) -> tuple[int, ...]:
    """The selection that a text stands for, ascending, among `count` images; () for what is no selection."""
    try:
        if text.startswith("z"):
            packed = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
            bits = zlib.decompressobj().decompress(packed, count // 8 + 1)
            found = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))).tolist()
        else:
            found = sorted({int(part) for part in text.split(".")}) if text else []
    except (ValueError, binascii.Error, zlib.error):
        return ()
    return tuple(i for i in found if 0 <= i < count)
