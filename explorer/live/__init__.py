"""A Plotly figure that is updated in place, for what grows while it is looked at.

`st.plotly_chart` mounts a new chart whenever its figure changes, which loses the visitor's zoom. This component hands
the figure to Plotly.js itself (`Plotly.react`, with the layout's `uirevision`), which keeps zoom, hidden curves and
selection for as long as the key stays the same. Plotly.js is the file that comes with Plotly's Python package; it is
served by this app from the same address, once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit import runtime

from explorer.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_live = st.components.v2.component(
    "latent_explorer_live_figure",
    js=(Path(__file__).parent / "live.js").read_text("utf-8"),
    isolate_styles=False,  # Plotly.js puts its style rules into the document
)


@cache
def _plotly_js() -> bytes:
    import plotly

    return (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()


def _script() -> str:
    """The address of Plotly.js on this server; "" where there is no server (in tests of the pages' scripts)."""
    if not runtime.exists():
        return ""
    return runtime.get_instance().media_file_mgr.add(_plotly_js(), "text/javascript", "latent-explorer-plotly")


def figure(
    make: Callable[[], Figure], key: str, alt: str, *, made_of: Hashable = None, glide: int = 0, asks: bool = False
) -> dict[str, Any] | None:
    """Draw a figure over the whole width, in place of the one that had this key; its height is the layout's.

    Args:
        make: gives the figure; called only where something has changed.
        key: of the figure's place.
        alt: what it shows, for those who do not see it.
        made_of: what the figure depends on; while this is equal, the figure of last time is shown. None: always anew.
        glide: milliseconds in which points move from their old places to the new ones, where the traces are the same.
        asks: whether a click reruns the page.

    Returns:
        The point that was clicked just now, {"x", "y", "curve"}, or None.
    """
    kept = st.session_state.get(f"live-{key}")
    if kept is None or made_of is None or kept[0] != made_of:
        fig = make()
        fig.update_layout(uirevision=fig.layout.uirevision or key, template=None)
        kept = st.session_state[f"live-{key}"] = (made_of, fig.to_json(), fig.layout.height)
    _, text, height = kept
    data = {
        "figure": text,
        "config": theme.CONFIG,
        "height": height,
        "alt": alt,
        "script": _script(),
        "glide": glide,
        "asks": asks,
    }
    found = _live(data=data, key=key, height=height, on_clicked_change=lambda: None)
    return found.clicked if asks else None
