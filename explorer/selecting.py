"""Clicks on Plotly charts: which points were chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def clickable(fig: Figure, key: str, alt: str, then: Callable[[list[int]], None]) -> None:
    """A Plotly figure over the whole width whose points can be clicked.

    then: called, before the page runs again, with the customdata (whole numbers) of what was clicked; an emptied
    selection is not told, since a chart that is drawn anew empties its own.
    """

    def changed() -> None:
        picked = numbers(st.session_state.get(key))
        if picked:
            then(picked)

    settings: dict[str, Any] = {"selection_mode": ("points",), "config": theme.CONFIG | {"displayModeBar": False}}
    st.plotly_chart(fig, key=key, width="stretch", on_select=changed, theme=None, alt=alt, **settings)


def numbers(state: Any) -> list[int]:
    """The customdata of the chosen points in a chart's state, each once, in their order."""
    try:
        chosen = state["selection"]["points"]
    except (KeyError, TypeError):
        return []
    found = []
    for point in chosen:
        value = point.get("customdata")
        value = value[0] if isinstance(value, list | tuple) and value else value
        if isinstance(value, int | float):
            found.append(int(value))
    return list(dict.fromkeys(found))
