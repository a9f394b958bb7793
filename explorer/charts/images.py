"""Pictures as crisp PNGs: single images, and grids of them. Pixels are enlarged by whole numbers, never smoothed."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as bytes; bytes stay as they are."""
    if images.dtype == np.uint8:
        return images
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def tile(images: np.ndarray, columns: int, gap: int = 0) -> np.ndarray:
    """Images [N, C, H, W] side by side, row by row: uint8 [rows, width, C + 1], the last channel being opacity.

    gap: pixels between images, transparent, so that the page shows through in light and dark alike; places of the
    last row without an image are transparent too.
    """
    images = to_uint8(np.asarray(images))
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, channels + 1), np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width, :channels] = image.transpose(1, 2, 0)
        sheet[top : top + height, left : left + width, channels] = 255
    return sheet


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Each pixel of [H, W, ...] as a square of scale x scale."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def png(picture: np.ndarray, scale: int = 1) -> bytes:
    """A picture [H, W, channels] (1 gray, 2 gray and opacity, 3 RGB, 4 RGBA) as the bytes of a PNG."""
    channels = picture.shape[2]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    data = enlarge(to_uint8(picture), scale)
    out = io.BytesIO()
    # Pixels are enlarged, so they repeat: run lengths take less room than a search for patterns, and half the time.
    Image.fromarray(data[:, :, 0] if channels == 1 else data, mode).save(out, "PNG", compress_type=zlib.Z_RLE)
    return out.getvalue()


def grid_png(images: np.ndarray, columns: int, gap: int = 2, scale: int = 1) -> bytes:
    """Images [N, C, H, W] as one PNG: a grid with transparent gaps of `gap` pixels, enlarged `scale` times."""
    return png(tile(images, columns, gap), scale)


def image_png(image: np.ndarray, scale: int = 1) -> bytes:
    """One image [C, H, W] as a PNG, enlarged `scale` times."""
    return png(to_uint8(np.asarray(image)).transpose(1, 2, 0), scale)


def scale_for(size: int, pixels: int) -> int:
    """The largest whole enlargement that keeps an image of `size` pixels within `pixels` (at least 1)."""
    return max(1, pixels // size)
