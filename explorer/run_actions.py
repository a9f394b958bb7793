"""What can be done with the run that is open: the buttons above its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import access, library, running, view, words

if TYPE_CHECKING:
    from latents.runs import Run

PACES = {0.0: "as fast as it can", 1.0: "1 s an epoch", 2.0: "2 s an epoch", 5.0: "5 s an epoch", 10.0: "10 s an epoch",
         30.0: "30 s an epoch"}  # fmt: skip
SAID = "said-of-runs"
"""Where a sentence waits for the next run of the page: why something could not be done."""


def act(what: str, run: Run, *values: Any) -> Any:
    """Do it; where it cannot be done, the page says why."""
    from latents.errors import LatentsError

    try:
        return running.do(what, run, *values)
    except (LatentsError, access.ReadOnlyError) as error:
        st.session_state[SAID] = str(error)
        return None


def complaints() -> None:
    """Why the last action could not be done."""
    said = st.session_state.pop(SAID, None)
    if said:
        st.error(words.capital(said), icon=":material/error:")


def controls(run: Run) -> None:
    """The buttons that make sense in the run's state; what is seldom needed in a popover."""
    if run.state in ("running", "paused"):
        pace(run)
        training(run)
    elif run.state == "stopping":
        st.button("Stopping …", icon=":material/stop_circle:", disabled=True)
    elif run.state == "queued":
        pace(run)
        _button("Take out of the queue", "stop", run, icon=":material/stop:")
    elif run.resumable:
        _button("Resume", "resume", run, icon=":material/play_arrow:", type="primary")
    elif run.state == "finished":
        open_model(run)
    with st.popover("More", icon=":material/tune:"):
        seldom(run)


def open_model(run: Run) -> None:
    """The way to the finished model's page."""
    entry = library.at(run.path)
    if entry is None:
        why = "Its folder is not in the library that this app shows: see EXPLORER_LIBRARY and EXPLORER_RUNS."
        st.button("Open in Latent space", icon=":material/scatter_plot:", disabled=True, help=why)
        return
    settings: dict[str, Any] = {"icon": ":material/scatter_plot:", "on_click": view.choose, "args": (entry.name,)}
    if st.button("Open in Latent space", type="primary", **settings):
        view.go("latent_space")


def pace(run: Run) -> None:
    """How long an epoch takes at least, so that a class can watch; before it begins, too."""
    key, asked = f"pace-{run.name}", running.asked(run).pace
    st.session_state.setdefault(key, min(PACES, key=lambda seconds: abs(seconds - asked)))
    st.select_slider(
        "Pace",
        list(PACES),
        format_func=lambda seconds: PACES[seconds],
        key=key,
        on_change=paced,
        args=(run, key),
        label_visibility="collapsed",
        width=190,
    )


def training(run: Run) -> None:
    """A lecturer's other controls: pause, one epoch, stop."""
    if running.asked(run).paused:
        _button("Continue", "go_on", run, icon=":material/play_arrow:")
        _button("One epoch", "step", run, icon=":material/skip_next:")
    else:
        _button("Pause", "pause", run, icon=":material/pause:")
    _button("Stop", "stop", run, icon=":material/stop:")


def paced(run: Run, key: str) -> None:
    """Ask for the pace that was chosen. (A slider that appears again reports its value as if it had been moved.)"""
    if st.session_state[key] != running.asked(run).pace:
        act("pace", run, st.session_state[key])


def seldom(run: Run) -> None:
    """Kill, prolong, rename, trash."""
    if run.live:
        st.markdown("A run that is killed loses what it learnt after its last checkpoint; *Stop* saves first.")
        st.button("Kill …", icon=":material/dangerous:", on_click=confirm_killing, args=(run,))
        return
    with st.form(f"prolong-{run.name}", border=False):
        more = st.number_input(
            "Epochs more than planned", 1, 100_000, max(1, run.epochs // 2), key=f"more-epochs-{run.name}"
        )
        if st.form_submit_button("Prolong", icon=":material/more_time:"):
            act("prolong", run, int(more))
            st.rerun()  # to its new state, or to the sentence that says why not
    with st.form(f"rename-{run.name}", border=False):
        st.text_input("New name", run.name, key=f"new-name-{run.name}")
        st.form_submit_button("Rename", icon=":material/edit:", on_click=renamed, args=(run,))
    st.button("Move to the trash", icon=":material/delete:", on_click=trashed, args=(run,))


def confirm_killing(run: Run) -> None:
    """Ask once more."""
    st.session_state["killing"] = run.name


def confirmations(run: Run) -> None:
    """The question that is open, if any."""
    if st.session_state.pop("killing", None) == run.name:
        _killing(run)


@st.dialog("Kill this run?", icon=":material/dangerous:")
def _killing(run: Run) -> None:
    st.markdown(f"**{run.name}** ends at once. What it learnt after its last checkpoint is lost.")
    if st.button("Kill it", type="primary", on_click=act, args=("kill", run)):
        st.rerun()


def renamed(run: Run) -> None:
    found = act("rename", run, st.session_state[f"new-name-{run.name}"].strip())
    if found is not None:
        st.session_state["run"] = found.name


def limited() -> None:
    """Ask for the number of runs at a time that was chosen."""
    from latents.errors import LatentsError

    try:
        running.set_limit(int(st.session_state["limit"]))
    except (LatentsError, access.ReadOnlyError) as error:
        st.session_state[SAID] = str(error)


def trashed(run: Run) -> None:
    if act("trash", run) is not None:
        st.session_state["run"] = None


def trash() -> None:
    """What was moved to the trash, each with a way back."""
    from latents.errors import LatentsError

    found = running.trashed()
    if not found:
        return
    with st.expander(f"Trash: {words.count(len(found), 'run')}"):
        for one in found:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{one.name} :gray[moved {one.when.astimezone():%Y-%m-%d %H:%M}]")
                if st.button("Restore", key=f"restore-{one.path.name}", icon=":material/restore_from_trash:"):
                    try:
                        running.restore(one.path)
                    except LatentsError as error:
                        st.session_state[SAID] = str(error)
                    st.rerun()


def _button(label: str, what: str, run: Run, **settings: Any) -> None:
    st.button(label, key=f"{what}-run", on_click=act, args=(what, run), **settings)
