"""What is drawn on the Latent space page's pad: a part of the view, kept in its address."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from explorer import own_link
from explorer.canvas import state
from explorer.library import Images

KEY = own_link.DRAWING


def field() -> None:
    """The unseen widget that keeps the drawing in the address. Draw it on every run of the page."""
    own_link.field(KEY)


def start(test: Images) -> dict[str, Any] | None:
    """What the pad is to begin with, for its settings; None for an empty one. A drawing that cannot be read is told."""
    own = own_link.of(KEY, test)
    if own is None:
        return None
    if own.pixels is None:
        return {"pixels": "", "words": own.said, "place": 0}
    return {"pixels": base64.b64encode(own.pixels.tobytes()).decode("ascii"), "words": own.said, "place": own.place}


def sentence(test: Images) -> str:
    """Whether the link holds the drawing, for the caption; "" where it does, or nothing is drawn."""
    own = own_link.of(KEY, test)
    return "" if own is None or own.linked else " The drawing is too large for the link, which does not hold it."


def taken(key: str, test: Images) -> Callable[[], None]:
    """The `on_drawing` of the canvas with this key."""

    def take() -> None:
        found, shape = state(key).drawing, test.gray.shape[1:]
        if found is None:
            own_link.clear(KEY)
        elif len(found.pixels) == int(np.prod(shape)):
            own_link.put(KEY, np.frombuffer(found.pixels, np.uint8).reshape(shape), found.place)

    return take
