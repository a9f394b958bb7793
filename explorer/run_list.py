"""The list of all runs: one row each, with its state, its progress and a sparkline of its score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import run_words, view, watching, words

if TYPE_CHECKING:
    from latents.runs import Run

ROW = 35
"""Pixels of a row."""
HEIGHT = 560
"""Pixels of the list at most; longer ones scroll."""


def rows(runs: list[Run]) -> dict[str, list[Any]]:
    """The table's columns. Of a run that has not changed, nothing is read again."""
    sparks = [watching.spark(run.path) for run in runs]
    return {
        "run": [run.name for run in runs],
        "state": [run.state for run in runs],
        "progress": [100 * run.progress for run in runs],
        "left": [run_words.left(run) or run_words.epochs(run) for run in runs],
        "curve": [list(spark.values) for spark in sparks],
        "score": ["" if spark.last is None else words.number(spark.last) for spark in sparks],
        "data": [run_words.data(run) for run in runs],
        "device": [run_words.place(run) for run in runs],
        "launched": [run_words.since(run) for run in runs],
    }


def show(runs: list[Run]) -> None:
    """The table; a click on a row opens the run."""
    names = [run.name for run in runs]

    def opened() -> None:
        st.session_state["run"] = chosen(names, st.session_state["list"])

    column = st.column_config
    st.dataframe(
        rows(runs),
        key="list",
        on_select=opened,
        selection_mode="single-row",
        hide_index=True,
        width="stretch",
        row_height=ROW,
        height=min(HEIGHT, ROW * (len(runs) + 1) + 3),
        column_config={
            "run": column.TextColumn("run", width=180),
            "state": column.TextColumn("state", width=75),
            "progress": column.ProgressColumn("progress", format="%.0f %%", min_value=0, max_value=100, width=100),
            "left": column.TextColumn("time left", width=130),
            "curve": column.LineChartColumn("ELBO", width=120, help=HELP),
            "score": column.TextColumn("last", width=75, help="In nats, of the validation images."),
            "data": column.TextColumn("data", width=85),
            "device": column.TextColumn("device", width=70),
            "launched": column.TextColumn("launched", width=95),
        },
        alt="All runs with their state and progress.",
    )


def chosen(names: list[str], state: Mapping[str, Any]) -> str | None:
    """The run whose row was clicked, by the table's state; None where there is none."""
    rows = state["selection"]["rows"]
    return names[rows[0]] if rows and rows[0] < len(names) else None


HELP = "The ELBO of the validation images over the epochs; of models without one, their log-likelihood or loss."


def empty() -> None:
    """What to do where there are no runs yet."""
    view.unavailable("There are no runs yet.", "Start one from *New run*, or with `latents runs start` in a terminal.")
