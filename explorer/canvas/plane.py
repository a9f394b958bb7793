"""What the canvas is given: plain data, most of it bytes in the safetensors format. No model, no Streamlit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from explorer.charts import palette
from explorer.charts.region import Limits

TENSORS, PICTURE = "application/octet-stream", "image/png"
Address = Callable[[bytes, str], str]
"""Gives bytes of a MIME type an address: of this server's, or a data address for a file."""


@dataclass(frozen=True)
class Class:
    """A class of images: its number, its name as the legend shows it, its colour and marker."""

    label: int
    name: str

    def json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "name": self.name,
            "colour": palette.class_colour(self.label),
            "shape": palette.class_shape(self.label),
        }


@dataclass(frozen=True)
class Sprite:
    """Thumbnails of the test images in test order, as PNGs of `columns` x `rows` pictures each, the last one shorter.

    shape: (C, H, W) of a picture; count: how many there are.
    """

    tiles: tuple[bytes, ...]
    columns: int
    rows: int
    shape: tuple[int, int, int]
    count: int

    def json(self, address: Address) -> dict[str, Any]:
        return {
            "tiles": [address(tile, PICTURE) for tile in self.tiles],
            "columns": self.columns,
            "rows": self.rows,
            "shape": list(self.shape),
            "count": self.count,
        }


@dataclass(frozen=True)
class Lattice:
    """A region decoded by Python on a lattice, as one PNG without gaps: for decoders that a browser cannot run."""

    image: bytes
    region: Limits
    columns: int
    rows: int
    shape: tuple[int, int, int]

    def json(self, address: Address) -> dict[str, Any]:
        return {
            "image": address(self.image, PICTURE),
            "region": [list(edge) for edge in self.region],
            "columns": self.columns,
            "rows": self.rows,
            "shape": list(self.shape),
        }


@dataclass(frozen=True)
class CanvasPlane:
    """One plane of the canvas.

    name: the model's; title: above the plane, or ""; x_title, y_title: symbol and unit;
    points: safetensors made by `blobs.points` (places, classes, pseudo-inputs, posterior ellipses, way back to z);
    contours: kinds of density ("prior", "aggregate") and what `blobs.contours` made of each; values: names of numbers
    that images can be coloured by, and what `blobs.values` made of each;
    decoder, encoder: programs made by `latents.portable`, or None where the browser cannot run them;
    codes: made by `blobs.codes` where z is not the place itself, fetched when first needed;
    frames: made by `blobs.frames`, fetched when played; pseudo_sprite: the pictures of the pseudo-inputs;
    lattice: decoded tiles where there is no decoder; shape: (C, H, W) of an image; decoded: "mean" or "sample";
    words: under a decoded picture, in place of the canvas's own: at a place, and at a test image;
    region: in view at first, where planes that are not linked have each their own.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    points: bytes
    shape: tuple[int, int, int]
    contours: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    decoder: bytes | None = None
    encoder: bytes | None = None
    codes: bytes | None = None
    frames: bytes | None = None
    sprite: Sprite | None = None
    pseudo_sprite: Sprite | None = None
    lattice: Lattice | None = None
    decoded: str = "mean"
    words: tuple[str, str] | None = None
    region: Limits | None = None

    def json(self, address: Address) -> dict[str, Any]:
        """As `createCanvas` in canvas.js wants it: all bytes by their addresses."""

        def file(content: bytes | None) -> str | None:
            return None if content is None else address(content, TENSORS)

        return {
            "name": self.name,
            "title": self.title,
            "xTitle": self.x_title,
            "yTitle": self.y_title,
            "points": file(self.points),
            "shape": list(self.shape),
            "contours": {kind: file(content) for kind, content in self.contours.items()},
            "values": {name: file(content) for name, content in self.values.items()},
            "decoder": file(self.decoder),
            "encoder": file(self.encoder),
            "codes": file(self.codes),
            "frames": file(self.frames),
            "sprite": self.sprite and self.sprite.json(address),
            "pseudoSprite": self.pseudo_sprite and self.pseudo_sprite.json(address),
            "lattice": self.lattice and self.lattice.json(address),
            "decoded": self.decoded,
            "words": self.words and list(self.words),
            "region": self.region and [list(edge) for edge in self.region],
        }
