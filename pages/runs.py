"""Runs: all that train or have trained, and one of them as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from explorer import run_actions, run_list, run_view, run_words, running, sweeps, view

if TYPE_CHECKING:
    from latents.runs import Run

WORDS = """
A run is a model that is being trained, by a process of its own: it goes on when this page, the browser or the app is
closed. After each epoch it writes what it has measured, and this page draws what was added. *Pause* lets it wait after
its step, *One epoch* lets it take a step while it waits, and the pace slows it down so that a class can watch. *Stop*
saves and ends it; it can go on later from that very step. Alarms say what a person should look at, such as a unit that
died; a click shows the run at that epoch.
"""
MATHS = r"""
$$\mathrm{ELBO}(x) = \underbrace{\mathbb{E}_{q(z \mid x)}\!\left[\log p(x \mid z)\right]}_{\text{reconstruction}}
\;-\; \underbrace{\mathrm{KL}\!\left(q(z \mid x)\ \|\ p(z)\right)}_{\text{KL}} \ \le\ \log p(x)$$

Curves are means over the training images, as they were when they were trained on, and over the validation images at the
end of the epoch. A unit is active when the variance of its posterior mean over 500 validation images is above 0.01.
"""


def main() -> None:
    view.writable()
    runs = running.find()
    run = header(runs)
    run_actions.complaints()
    if run is None:
        everything(runs)
    else:
        run_actions.confirmations(run)
        run_view.opened(run, [other.name for other in runs if other.name != run.name])
    view.explain(WORDS, MATHS)


def header(runs: list[Run]) -> Run | None:
    """The run that is open, or None for the list of all; and what can be done with it."""
    with view.header("Runs"):
        name = st.selectbox(
            "Run",
            [run.name for run in runs],
            index=None,
            placeholder="All runs",
            key="run",
            bind="query-params",
            label_visibility="collapsed",
            width=260,
        )
        run = running.get(name) if name else None
        if run is not None:
            run_actions.controls(run)
            return run
        if st.button("New run", icon=":material/add_circle:", type="primary"):
            view.go("new_run")
        with view.more():
            limit()
        return None


def limit() -> None:
    """How many runs train at a time."""
    st.number_input(
        "Runs at a time on this machine",
        1,
        64,
        running.limit(),
        key="limit",
        on_change=run_actions.limited,
        help="The others wait in the queue.",
    )


def everything(runs: list[Run]) -> None:
    """All runs, sweeps, and the trash."""
    active = any(run.state in run_words.ACTIVE for run in runs)
    st.fragment(listed, run_every=1.0 if active else None)(active)
    sweeps.show()
    run_actions.trash()


def listed(active: bool) -> None:
    """The list; looked at again each second while a run in it changes by itself."""
    runs = running.find()
    if active != any(run.state in run_words.ACTIVE for run in runs):
        st.rerun()
    if runs:
        run_list.show(runs)
    else:
        run_list.empty()


main()
