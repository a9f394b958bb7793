"""Loads the heavy libraries in the background while the first page is already on the screen."""

from __future__ import annotations

import gc
import sys
import threading

_once = threading.Lock()
_started = False
_seen = 0
_FEW = 25
"""Modules that may come without being set aside."""


def start() -> None:
    """Start importing torch and Plotly in a thread of its own, once per process."""
    global _started
    with _once:
        if _started:
            return
        _started = True
    threading.Thread(target=_load, name="warm-up", daemon=True).start()


def settle() -> None:
    """Set aside what libraries have brought along since the last time, of which nothing will ever be garbage.

    Streamlit collects garbage after each run of a page and looks through all objects that there are: a tenth of a
    second once torch is there, in which the page's last answers wait. Frozen objects are not looked at.
    """
    global _seen
    if len(sys.modules) > _seen + _FEW:
        _seen = len(sys.modules)
        gc.collect()
        gc.freeze()


def _load() -> None:
    import plotly.graph_objects  # noqa: F401

    import latents  # noqa: F401
    from explorer.canvas import scene  # noqa: F401

    settle()
