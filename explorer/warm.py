"""Loads the heavy libraries in the background while the first page is already on the screen."""

from __future__ import annotations

import gc
import threading

_once = threading.Lock()
_started = False


def start() -> None:
    """Start importing torch and Plotly in a thread of its own, once per process."""
    global _started
    with _once:
        if _started:
            return
        _started = True
    threading.Thread(target=_load, name="warm-up", daemon=True).start()


def _load() -> None:
    import plotly.graph_objects  # noqa: F401

    import latents  # noqa: F401
    from explorer.canvas import scene  # noqa: F401

    # Streamlit collects garbage after each run of a page, and looks through every object that there is: a tenth of a
    # second once these libraries are there, of which nothing will ever be garbage. So they are not looked at again.
    gc.collect()
    gc.freeze()
