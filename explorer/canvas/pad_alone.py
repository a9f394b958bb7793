"""The drawing pad as a component of its own, for one model's images."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st

from explorer import library
from explorer.canvas import pad
from explorer.canvas.component import LOADER, addresses, drawing, script_address
from explorer.canvas.plane import TENSORS
from explorer.library import Entry

NAME = "latent_pad"
HEIGHT = 420
"""Pixels that are kept free while the pad is loaded."""


def draw(entry: Entry, key: str, label: str, on_used: Callable[[], None], start: np.ndarray | None = None) -> None:
    """A pad for images of this model's data set, with the model's reconstruction where a browser can encode.

    label: of the button by which the visitor takes the drawing; on_used: called then, before the script runs: read
    `used(key, shape)` in it; start: what is on the pad at first, uint8 [C, H, W].
    """
    from explorer.canvas import scene
    from latents.data import TEST_SEED

    address = addresses(key)
    programs = {part: scene.program(entry, part) for part in ("encoder", "decoder")}
    settings = pad.settings(library.images(entry).gray, TEST_SEED) | {"binary": entry.binarisation != "none"}
    data: dict[str, Any] = {
        "script": script_address(key),
        "mount": "mountPad",
        "height": HEIGHT,
        "label": label,
        "name": entry.name,
        "settings": settings,
        "start": None if start is None else {"pixels": base64.b64encode(start.tobytes()).decode("ascii")},
    }
    data |= {part: content and address(content, TENSORS) for part, content in programs.items()}
    _component()(key=key, data=data, height="content", on_used_change=on_used)


def used(key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """In `on_used`: what was drawn, uint8 of `shape` (C, H, W); None for nothing and for what is none."""
    found = drawing((st.session_state.get(key) or {}).get("used"))
    if found is None or len(found.pixels) != int(np.prod(shape)):
        return None
    return np.frombuffer(found.pixels, np.uint8).reshape(shape).copy()


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(NAME, js=LOADER.read_text("utf-8"))
