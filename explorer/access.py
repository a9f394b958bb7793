"""Who may change anything: everybody who reaches the app, or with `EXPLORER_READ_ONLY=1` nobody.

For a public demo. The pages that train are then not in the navigation and not at their addresses, and the functions
that start processes or write files refuse, whoever calls them.
"""

from __future__ import annotations

import os


class ReadOnlyError(RuntimeError):
    """Something was to be changed although the app was started read-only."""


def read_only() -> bool:
    """Whether the app was started with `EXPLORER_READ_ONLY` (anything but nothing, 0, no and false)."""
    return os.environ.get("EXPLORER_READ_ONLY", "").strip().lower() not in ("", "0", "no", "false")


def refuse_if_read_only(what: str) -> None:
    """Raise ReadOnlyError where nothing may be changed. what: what was to be done, such as "train"."""
    if read_only():
        raise ReadOnlyError(
            f"This app is read-only (EXPLORER_READ_ONLY is set), so it does not {what}; start it without that."
        )
