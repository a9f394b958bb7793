"""What a file can do with: coordinates in float16, thumbnails packed as tightly as PNG can, or a bit for each pixel."""

from __future__ import annotations

import io
import json
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
        points=canonical(points(full.points)),
        contours={kind: canonical(content) for kind, content in full.contours.items()},
        decoder=full.decoder and canonical(full.decoder),
        encoder=full.encoder and canonical(full.encoder),
        codes=full.codes and canonical(full.codes),
        frames=None,
        values={},
        sprite=full.sprite and packed(full.sprite),
        pseudo_sprite=full.pseudo_sprite and packed(full.pseudo_sprite),
    )


def points(blob: bytes) -> bytes:
    """The points' file with what is only drawn in float16."""
    from safetensors.numpy import load

    arrays = {
        name: array.astype(np.float16) if name in ROUNDED else array for name, array in sorted(load(blob).items())
    }
    said = _header(blob)["__metadata__"]
    return tensors(arrays, **{name: text for name, text in said.items() if name != "digest"})


def canonical(blob: bytes) -> bytes:
    """The same tensors with a header whose keys are in order: the library's own order differs from run to run."""
    length = int.from_bytes(blob[:8], "little")
    header = json.dumps(_header(blob), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + blob[8 + length :]


def _header(blob: bytes) -> dict:
    return json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])


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
