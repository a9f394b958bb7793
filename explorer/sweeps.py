"""Sweeps on the Runs page: the table and the figure of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from explorer import running, view, words

if TYPE_CHECKING:
    from latents.sweep import Sweep

HEIGHT = 340


def show() -> None:
    """All sweeps of the folder of runs, the first one open."""
    from latents import sweep

    broken: list[str] = []
    for place, found in enumerate(sweep.find(running.root(), broken)):
        said = ", ".join(f"{number} {state}" for state, number in found.states.items())
        with st.expander(f"Sweep **{found.name}**: {said}", expanded=place == 0):
            _sweep(found)
    for sentence in broken:
        st.warning(words.capital(sentence), icon=":material/warning:")


def _sweep(found: Sweep) -> None:
    from explorer.charts import sweep as chart

    table = found.table()
    if not table.measures:
        view.unavailable("None of its runs has finished yet: the table comes with the first.")
        return
    left, right = st.columns([55, 45], gap="medium")
    with left:
        first, second = st.columns(2)
        with first:
            y = _choice("Measure", {measure.key: measure.title for measure in table.measures}, f"y-{found.name}")
        with second:
            x = _choice("Against", {path: table.factors[path] for path in table.axes()}, f"x-{found.name}")
        st.dataframe(table.columns(), hide_index=True, key=f"table-{found.name}", alt="The sweep's numbers.")
    with right:
        figure = chart.against(table, view.tones(), HEIGHT, x=x, y=y or "")
        view.figure(figure, f"sweep-{found.name}", "The sweep's numbers.")
    view.caption(
        "Numbers are means over the seeds with their standard error; dots are single seeds.",
        f"{found.name} · {words.count(len(found.members), 'run')} · "
        + " · ".join(dict.fromkeys(table.provenance.values())),
    )
    for note in (*found.notes, *table.notes):
        view.small(note)


def _choice(label: str, options: dict[str, str], key: str) -> str | None:
    """One of the options, where there is a choice."""
    if len(options) < 2:
        return next(iter(options), None)
    return st.selectbox(label, list(options), format_func=lambda name: words.capital(options[name]), key=key)
