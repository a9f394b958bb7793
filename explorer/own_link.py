"""A picture of the visitor's own as a part of the view: kept in the address of the page where it fits in there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import own_pictures, picture_code
from explorer.charts import images
from explorer.library import Images
from explorer.own_pictures import NoPictureError

FROM, TOWARDS, DRAWING = "own", "own_to", "drawing"
"""Widget keys, and so the names in the address: Interpolate's two ends, and what is drawn on the Latent space page."""
NOT_IN_LINK = "It is too large for the link, which does not hold it."
IN_LINK = "It is part of the link."


@dataclass(frozen=True)
class Own:
    """pixels: uint8 [C, H, W] of the test images' shape, or None where it cannot be read; said: what was done to it, or
    what is wrong with it, "" for nothing; linked: whether the link holds it; place: the test image by whose draw it is
    binarised."""

    pixels: np.ndarray | None
    said: str = ""
    linked: bool = True
    place: int = 0


def field(key: str) -> None:
    """The widget, never seen, that keeps the picture in the address. Draw it on every run of the page that uses it."""
    st.text_input("A picture of your own", key=key, bind="query-params")


def put(key: str, pixels: np.ndarray, place: int = 0) -> None:
    """Make this the picture, uint8 [C, H, W]: for callbacks. One too large for a link lasts as long as the visit."""
    text = picture_code.encode(pixels)
    st.session_state[key] = f"{place}.{text}" if text and place else text
    st.session_state[_whole(key)] = None if text else (pixels, place)


def clear(key: str) -> None:
    """There is no such picture: for callbacks."""
    st.session_state[key] = ""
    st.session_state[_whole(key)] = None


def swap(first: str, last: str) -> None:
    """The two pictures change places: for callbacks."""
    for one, other in ((first, last), (_whole(first), _whole(last))):
        here, there = st.session_state.get(one), st.session_state.get(other)
        st.session_state[one], st.session_state[other] = there, here


def of(key: str, test: Images) -> Own | None:
    """The picture, scaled to the test images' shape where it has another one; None where there is none."""
    text = st.session_state.get(key) or ""
    whole: tuple[np.ndarray, int] | None = st.session_state.get(_whole(key))
    try:
        read = _read(text) if text else whole
        if read is None:
            return None
        pixels, place = read
        if pixels.shape == test.gray.shape[1:]:
            return Own(pixels, "", bool(text), place if place < len(test.gray) else 0)
        fitted, said = own_pictures.fitted(images.png(pixels.transpose(1, 2, 0)), test)
        return Own(fitted, said, bool(text))
    except NoPictureError as error:
        return Own(None, str(error))


def _read(text: str) -> tuple[np.ndarray, int]:
    """`17.AXicY2...`: the picture, and the test image that it began with."""
    place, dot, code = text.rpartition(".")
    if dot and not (place.isascii() and place.isdigit() and len(place) < 9):
        raise NoPictureError("The picture in the link cannot be read: its beginning is damaged. Copy the link again.")
    return picture_code.decode(code), int(place or 0)


def _whole(key: str) -> str:
    return f"_{key}-whole"
