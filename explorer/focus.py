"""The chosen test image: one number, bound to the link, the same on every page that asks for it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import parts
from explorer.charts import images
from explorer.charts.region import class_name
from explorer.library import Images

KEY = "image"
THUMBNAIL = 40
"""Pixels of the picture beside its number."""


def picker(test: Images, first: int = 0, *, label: bool = True, picture: bool = True) -> int:
    """The place of the chosen test image: a number, a button for a random one, and its picture, in a row of controls.

    first: the one that is shown where none was chosen yet; label, picture: whether its name and its picture are there.
    """
    keep(KEY)
    parts.bounded(KEY, 0, len(test.gray) - 1)
    if label:
        parts.named("Test image")
    chosen = st.number_input(
        "Test image",
        0,
        len(test.gray) - 1,
        first,
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
        width=84,
        help=f"Counted from 0 to {len(test.gray) - 1:,}.",
    )
    st.button("", icon=":material/casino:", key="random-image", help="A random one", on_click=another, args=(test,))
    if picture:
        scale = max(1, 2 * THUMBNAIL // test.gray.shape[-1])
        parts.pictured(images.image_png(test.gray[chosen], scale), words(test, chosen), width=THUMBNAIL)
    return int(chosen)


def keep(key: str) -> None:
    """Bring a widget's value along from another page, before the widget is drawn; the link's own value comes first.

    (A widget's value is forgotten when its page is left. A page that draws none of this key does not lose it either.)
    """
    kept = f"_{key}"
    if key in st.session_state:
        st.session_state[key] = st.session_state[key]
    elif kept in st.session_state and key not in st.query_params:
        st.session_state[key] = st.session_state[kept]
    if key in st.session_state:
        st.session_state[kept] = st.session_state[key]


def another(test: Images) -> None:
    """Choose a test image at random, another than the one that is chosen."""
    here, n = int(st.session_state.get(KEY, 0)), len(test.gray)
    st.session_state[KEY] = int((here + np.random.default_rng().integers(1, max(2, n))) % n)


def words(test: Images, i: int) -> str:
    """`test image 12, class 7`."""
    of_class = "" if test.labels is None else f", class {class_name(int(test.labels[i]), test.class_names)}"
    return f"test image {i:,}{of_class}"
