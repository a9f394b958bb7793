"""The live canvas of a page as one HTML file: offered where the file can show what the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from explorer import library, planes, view
from explorer.library import Entry

MOST = 2
"""Models that a file shows beside each other."""


def of(page: str, state: Mapping[str, Any]) -> list[Entry]:
    """The one or two models whose planes this page shows and a file can hold; empty where it would not be the same.

    (A sphere's map and globe are not in it: the file has planes.)
    """
    if page == "side_by_side":
        found = [entry for name in state.get("models") or () if (entry := library.find(name)) is not None]
        entries = found or view.models()
        if state.get("compare") not in (None, "Planes"):
            return []
    elif page in ("", "latent_space"):
        entries = home(view.models()) if page == "" else view.models()
    else:
        return []
    flat = [entry for entry in entries if planes.kinds(entry)]
    alike = len(flat) == len(entries) or page == ""  # Home shows the planes there are, and says why others have none
    return flat if alike and 0 < len(flat) <= MOST and len({entry.data for entry in flat}) == 1 else []


def home(picked: list[Entry]) -> list[Entry]:
    """The models of Home: the chosen one and the one beside it, by default its twin; the standard prior comes first.

    (As `settings.pair`, which comes with all pages' settings: this is asked before the first figure is there.)
    """
    twin = library.twin(picked[0]) if len(picked) == 1 else None
    return sorted([*picked, *([twin] if twin else [])], key=lambda one: one.prior != "standard")


def offer(page: str, state: Mapping[str, Any]) -> None:
    """The button that gives the file, which is made when it is asked for."""
    entries = of(page, state)
    if not entries:
        return
    kind = state.get("plane") if page == "latent_space" else None
    st.download_button(
        "Save as one HTML file",
        data=partial(_file, entries, kind if kind in ("PCA", "UMAP") else None),
        file_name=f"{'-beside-'.join(entry.name for entry in entries)}.html",
        mime="text/html",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key="live-file",
        help="The live planes, the decoder and the drawing pad in a file that opens in any browser, without a network.",
    )


def _file(entries: list[Entry], kind: str | None) -> bytes:
    from explorer import export

    return export.html(entries, kind).encode("utf-8")
