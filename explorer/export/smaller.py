"""What a file can do with: coordinates in float16, thumbnails packed as tightly as PNG can, or a bit for each pixel."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from explorer.canvas import CanvasPlane, Sprite
from explorer.canvas.blobs import tensors

ROUNDED = ("places", "spread")
"""Tensors of the points that are drawn and nothing else: a thousandth of themselves is less than a pixel."""


def plane(full: CanvasPlane) -> CanvasPlane:
    """The plane without what a file does not show (epochs, values to colour by), in as few bytes as look the same."""
    return replace(
        full,
        points=points(full.points),
        frames=None,
        values={},
        sprite=full.sprite and packed(full.sprite),
        pseudo_sprite=full.pseudo_sprite and packed(full.pseudo_sprite),
    )


def points(blob: bytes) -> bytes:
    """The points' file with what is only drawn in float16."""
    import json

    from safetensors.numpy import load

    arrays = {
        name: array.astype(np.float16) if name in ROUNDED else array for name, array in sorted(load(blob).items())
    }
    length = int.from_bytes(blob[:8], "little")
    said = json.loads(blob[8 : 8 + length])["__metadata__"]
    return tensors(arrays, **{name: text for name, text in sorted(said.items()) if name != "digest"})


def packed(sprite: Sprite) -> Sprite:
    """The same pictures, compressed as well as PNG can."""
    return replace(sprite, tiles=tuple(_png(Image.open(io.BytesIO(tile))) for tile in sprite.tiles))


def one_bit(sprite: Sprite, seen: np.ndarray) -> Sprite:
    """The same sheets, of the binarised images uint8 [N, 1, H, W], a bit for each pixel."""
    _, height, width = sprite.shape
    each = sprite.columns * sprite.rows
    tiles = []
    for start in range(0, sprite.count, each):
        part = seen[start : start + each, 0] > 127
        rows = -(-len(part) // sprite.columns)
        sheet = np.zeros((rows * sprite.columns, height, width), bool)
        sheet[: len(part)] = part
        whole = sheet.reshape(rows, sprite.columns, height, width).swapaxes(1, 2).reshape(rows * height, -1)
        tiles.append(_png(Image.fromarray(whole)))
    return replace(sprite, tiles=tuple(tiles))


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
