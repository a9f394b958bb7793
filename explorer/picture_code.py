"""A picture as a short text, for the address of a page: the very same picture again for whoever opens it."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np

from explorer.own_pictures import NoPictureError

VERSION = 1
LONGEST = 1500
"""Characters of a text at most, so that a link holds two: any gray picture of 28 x 28 pixels fits, colours do not."""
MOST_SIDE, CHANNELS = 255, (1, 3)
_TEXT = re.compile(r"[A-Za-z0-9_-]+")


def encode(picture: np.ndarray) -> str:
    """The text for a picture uint8 [C, H, W]; "" where it would be too long for an address."""
    channels, height, width = picture.shape
    if max(height, width) > MOST_SIDE:
        return ""
    packed = bytes([VERSION, channels, height, width]) + zlib.compress(picture.astype(np.uint8).tobytes(), 9)
    text = base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
    return text if len(text) <= LONGEST else ""


def decode(text: str) -> np.ndarray:
    """The picture uint8 [C, H, W] that a text stands for. Nothing is unpacked beyond the pixels that it announces.

    Raises:
        NoPictureError: the text is too long, cut off or something else: one sentence.
    """
    if len(text) > LONGEST:
        raise NoPictureError(f"The picture in the link has {len(text):,} characters; at most {LONGEST:,} are read.")
    if not _TEXT.fullmatch(text):
        raise _damaged("it holds characters that no picture has")
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise _damaged("it was cut off") from error
    if len(packed) < 4 or packed[0] != VERSION:
        raise _damaged("it is of a kind that is not known here")
    channels, height, width = packed[1:4]
    if channels not in CHANNELS or not height or not width:
        raise _damaged(f"it says it has {channels} channels of {width} × {height} pixels")
    size = channels * height * width
    unpacking = zlib.decompressobj()
    try:
        pixels = unpacking.decompress(packed[4:], size + 1)
    except zlib.error as error:
        raise _damaged("some of its characters were changed") from error
    if len(pixels) != size or not unpacking.eof or unpacking.unused_data:
        raise _damaged(f"its {channels} × {width} × {height} pixels are not all there, or there are more")
    return np.frombuffer(pixels, np.uint8).reshape(channels, height, width).copy()


def _damaged(why: str) -> NoPictureError:
    return NoPictureError(f"The picture in the link cannot be read: {why}. Copy the whole link again.")
