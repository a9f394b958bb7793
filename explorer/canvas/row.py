"""Large pictures side by side with their words, some of which follow the bead of a path in the browser (row.js)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st

from explorer.canvas.component import LOADER, passing, script_address
from explorer.canvas.plane import PICTURE, Address
from explorer.charts import images

NAME = "latent_row"
SIDE = 280
"""Pixels of a picture's longer side in its file, about; the page scales it to its column."""


@dataclass(frozen=True)
class Large:
    """A picture uint8 [C, H, W] with its words below, and in `alt` for those who do not see it.

    model: it shows what this model's decoder draws at the bead; mix: or the pixels [C, H, W] of two images, mixed;
    moving: its words then, "%" being where the bead is.
    """

    picture: np.ndarray
    words: str
    alt: str
    strong: bool = False
    model: str = ""
    mix: tuple[np.ndarray, np.ndarray] | None = None
    moving: str = "%"

    def json(self, address: Address) -> dict[str, Any]:
        scale = images.scale_for(self.picture.shape[-1], SIDE)
        return {
            "image": address(images.image_png(self.picture, scale), PICTURE),
            "words": self.words,
            "alt": self.alt,
            "strong": self.strong,
            "model": self.model,
            "mix": self.mix and [address(images.image_png(end), PICTURE) for end in self.mix],
            "moving": self.moving,
        }


def row(pictures: list[Large], key: str, columns: int) -> None:
    """The pictures, each in one of so many equal columns over the whole width of their place."""
    address = passing(key)
    data = {"script": script_address(key), "mount": "mountRow", "height": 150, "columns": columns}
    _component()(key=key, data=data | {"figures": [one.json(address) for one in pictures]}, height="content")


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(NAME, js=LOADER.read_text("utf-8"))
