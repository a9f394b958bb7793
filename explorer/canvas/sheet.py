"""A sheet of pictures as one PNG, of which one is chosen by a click or the arrow keys (sheet.js)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import streamlit as st

from explorer.canvas.component import LOADER, addresses, script_address
from explorer.canvas.plane import PICTURE

NAME = "latent_sheet"


def sheet(
    png: bytes,
    size: tuple[int, int],
    columns: int,
    names: list[str],
    *,
    key: str,
    alt: str,
    chosen: int | None,
    on_choose: Callable[[int], None],
    height: int,
) -> None:
    """The sheet over the whole width of its place.

    png: of this size (width, height), equal cells in so many columns, row by row; names: what is said of each; chosen:
    the place of the framed one; on_choose: told of a place, before the page runs again; height: pixels that are kept
    for it until it is there.
    """

    def told() -> None:
        found = (st.session_state.get(key) or {}).get("place")
        if found is not None and 0 <= int(found["place"]) < len(names):
            on_choose(int(found["place"]))

    data = {
        "script": script_address(key),
        "mount": "mountSheet",
        "height": height,
        "image": addresses(key)(png, PICTURE),
        "size": list(size),
        "columns": columns,
        "rows": -(-len(names) // columns),
        "names": names,
        "alt": alt,
        "chosen": chosen,
    }
    _component()(key=key, data=data, on_place_change=told, height="content")


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(NAME, js=LOADER.read_text("utf-8"))
