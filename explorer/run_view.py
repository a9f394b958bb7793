"""A run that is open: its curves, its units, its latent plane and its pictures, as they are at this moment."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from explorer import live, naming, run_words, running, view, watching, words
from explorer.charts import images
from explorer.charts.curves import Curve, Mark, Panel, curves
from explorer.charts.drift import Moment, drift
from explorer.charts.unit_map import UnitMap, unit_map

if TYPE_CHECKING:
    from latents.alarms import Alarm
    from latents.runs import Run

CURVES_HEIGHT, UNITS_HEIGHT, PLANE_HEIGHT = 222, 278, 232
ACROSS = 8
"""Pictures in a row."""
SHOWN_ALARMS = 2
LATEST = "latest"
QUANTITIES = {
    "elbo": "ELBO (nats)",
    "reconstruction": "reconstruction, log p(x|z) (nats)",
    "kl": "KL (nats)",
    "log_likelihood": "log-likelihood (nats)",
    "loss": "loss",
    "iwae": "IWAE bound (nats)",
    "commitment": "commitment",
    "perplexity": "perplexity of the codes",
    "code_log_density": "log density of the codes (nats)",
}
"""Columns of a history and what they are, the most telling first."""
PANELS = 3


def opened(run: Run, others: list[str]) -> None:
    """Everything about a run; draws itself anew each second while it changes by itself, and never when it does not.

    others: the names of the runs that it can be compared with.
    """
    every = 1.0 if run.state in run_words.ACTIVE else None
    st.fragment(_opened, run_every=every)(run.name, run.state, tuple(others))


def _opened(name: str, state: str, known: tuple[str, ...]) -> None:
    run = running.get(name)
    if run is None or run.state != state:  # renamed, trashed, or in another state: the buttons are others too
        st.rerun()
    history = watching.history(run.path)
    others = progress(run, known)
    what_happened(run, bool(history))
    alarms = alarms_of(run, history)
    show_alarms(run, alarms)
    snapshots = watching.snapshots(run.path)
    at = moment(run)
    if history:
        draw_curves(run, history, others, alarms, at)
    elif run.state in run_words.ACTIVE:
        view.small("The curves begin when the first epoch is over.")
    if history or snapshots is not None:
        left, middle, right = st.columns([37, 33, 30], gap="medium")
        with left:
            draw_units(run, history, at)
        with middle:
            draw_plane(run, snapshots, at)
        with right:
            draw_pictures(snapshots, at)
        view.caption(sentence(run, snapshots), provenance(run, history))
    below(run)


# -- how it is -----------------------------------------------------------------------------------------------


def progress(run: Run, known: tuple[str, ...]) -> list[str]:
    """How far it is, how long it will take, and where it computes; and the runs that it is compared with."""
    left, right = st.columns([68, 32], gap="medium", vertical_alignment="center")
    left.progress(run.progress, text=f"**{words.capital(run.state)}** · {run_words.line(run)}")
    if not known:
        return []
    with right, st.container(key="controls-compare"):
        return st.multiselect(
            "Compare with",
            known,
            key="with",
            bind="query-params",
            placeholder="Compare with other runs",
            max_selections=9,
            label_visibility="collapsed",
        )


def what_happened(run: Run, begun: bool) -> None:
    """A sentence where it waits or where something went wrong, with the last lines of its log."""
    if run.state == "queued":
        if run.where != "here":
            view.unavailable(f"It waits in the queue of {run.where}, whose dashboard says what is taken there.")
            return
        before = running.ahead(run)
        ahead = f"{words.count(before, 'run')} before it" if before else "it is next"
        view.unavailable(f"It waits for its turn: {ahead}, and {words.count(running.limit(), 'run')} at a time.")
    elif run.state in ("failed", "lost") or (run.error and run.state == "stopped"):
        st.error(words.capital(run.error or f"the run is {run.state}"), icon=run_words.ICONS[run.state])
        lines = run.log_tail(4)
        if lines and run.state != "stopped":
            st.code("\n".join(lines), language=None, wrap_lines=True)
    elif run.state in ("running", "paused") and not begun and not run.epoch:
        view.small("It loads its data.")


def alarms_of(run: Run, history: watching.History) -> list[Alarm]:
    from latents.alarms import alarms

    return [*history.alarms, *alarms({}, status=run.status)]


def show_alarms(run: Run, alarms: list[Alarm]) -> None:
    """The latest alarms, each a way to its epoch; the others behind a button."""
    if not alarms:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alarms"):
        for place, alarm in list(enumerate(alarms))[: -SHOWN_ALARMS - 1 : -1]:
            _alarm(run, alarm, f"alarm-{place}")
        if len(alarms) > SHOWN_ALARMS:
            with st.popover(f"All {len(alarms)} alarms", type="tertiary"):
                for place, alarm in enumerate(alarms):
                    _alarm(run, alarm, f"every-alarm-{place}")


def _alarm(run: Run, alarm: Alarm, key: str) -> None:
    said = alarm.sentence.partition(":")[0].rstrip(".")
    st.button(
        said if f"epoch {alarm.epoch}" in said else f"Epoch {alarm.epoch}: {said[0].lower()}{said[1:]}",
        key=key,
        icon=":material/notification_important:",
        type="tertiary",
        help=f"{alarm.sentence} Click to see the run at epoch {alarm.epoch}.",
        on_click=jump,
        args=(run, alarm.epoch),
    )


# -- the moment that is looked at ----------------------------------------------------------------------------


def moment(run: Run) -> int | None:
    """The epoch that the visitor looks at; None: always the latest."""
    found = st.session_state.get(f"at-{run.name}")
    return found if isinstance(found, int) else None


def jump(run: Run, epoch: int) -> None:
    """Look at this epoch: for a button's `on_click`."""
    st.session_state[f"at-{run.name}"] = epoch
    st.session_state.pop(f"moment-{run.name}", None)


def scrubber(run: Run, epochs: tuple[int, ...], at: int | None) -> None:
    """The epochs of which there are snapshots, and the latest, which moves on by itself."""
    key = f"moment-{run.name}"
    options: list[int | str] = [*epochs, LATEST]
    if at is not None and key not in st.session_state:
        st.session_state[key] = max((epoch for epoch in epochs if epoch <= at), default=epochs[0])
    if st.session_state.get(key, LATEST) not in options:
        st.session_state.pop(key)
    st.session_state.setdefault(key, LATEST)

    def moved() -> None:
        chosen = st.session_state[key]
        st.session_state[f"at-{run.name}"] = None if chosen == LATEST else chosen

    st.select_slider("Epoch", options, key=key, on_change=moved, label_visibility="collapsed")


# -- figures -------------------------------------------------------------------------------------------------


def panels(histories: dict[str, watching.History]) -> list[Panel]:
    """The quantities that the first of these runs has, of all of them."""
    first = next(iter(histories.values())).columns
    known = [name for name in QUANTITIES if f"valid_{name}" in first or f"train_{name}" in first][:PANELS]
    return [
        Panel(
            QUANTITIES[name],
            tuple(
                Curve(run, found.epochs, found.columns.get(f"valid_{name}"), found.columns.get(f"train_{name}"))
                for run, found in histories.items()
                if found
            ),
        )
        for name in known
    ]


def draw_curves(run: Run, history: watching.History, others: list[str], alarms: list[Alarm], at: int | None) -> None:
    """Reconstruction, KL and ELBO over the epochs, of this run and of those it is compared with."""
    histories = {run.name: history}
    for name in others:
        other = running.get(name)
        if other is not None:
            histories[name] = watching.history(other.path)
    marks: dict[int, list[str]] = {}
    for alarm in alarms:
        marks.setdefault(alarm.epoch, []).append(alarm.sentence.rstrip("."))
    shown = [Mark(epoch, "; ".join(said)) for epoch, said in marks.items()]
    live.figure(
        lambda: curves(panels(histories), shown, at, view.tones(), CURVES_HEIGHT),
        "curves",
        f"Curves of {' and '.join(histories)} over the epochs, by panel.",
        made_of=(*((name, found.number) for name, found in histories.items()), len(alarms), at, view.dark()),
    )


def draw_units(run: Run, history: watching.History, at: int | None) -> None:
    """What each unit carries, epoch by epoch."""
    found = units_of(history) if history else None
    if found is None:
        view.unavailable("This model has no latent units that could be active, or none were measured yet.")
    else:
        live.figure(
            lambda: unit_map(found, at, view.tones(), UNITS_HEIGHT),
            "units",
            "KL of each unit over the epochs, and the number of active units.",
            made_of=(run.name, history.number, at, view.dark()),
        )


def units_of(history: watching.History) -> UnitMap | None:
    """KL per unit where it was measured, else the variance of each posterior mean; None without units."""
    kl, variances = (watching.numbered(history.columns, name) for name in ("kl", "variance"))
    values, title = (kl, "KL per unit (nats)") if kl is not None else (variances, "variance of the mean, per unit")
    active = history.columns.get("active_units")
    if values is None or active is None:
        return None
    known = np.isfinite(active)
    if not known.any():
        return None
    names = tuple(naming.units((values.shape[1],)))
    return UnitMap(history.epochs[known], values[known], title, active[known], names)


def draw_plane(run: Run, snapshots: watching.Snapshots | None, at: int | None) -> None:
    """The followed test images on the latent plane, and the way to other epochs."""
    if snapshots is None:
        view.small("The latent plane appears with the first snapshot.")
        return
    shown, plane = snapshots.at(at if at is not None else snapshots.epochs[-1]), snapshots.plane()
    if shown.points is None or plane is None or codes(run):
        view.unavailable("This model puts no image at a point of a plane.")
    else:
        seen = Moment(
            shown.epoch,
            plane.of(shown.points),
            shown.labels,
            shown.index,
            None if shown.pseudo is None else plane.of(shown.pseudo),
            plane.titles,
            class_names(run_words.data(run)),
        )
        live.figure(
            lambda: drift(seen, view.tones(), PLANE_HEIGHT),
            "drift",
            f"Test images on the latent plane at epoch {shown.epoch}.",
            made_of=(run.name, snapshots.number, shown.epoch, view.dark()),
            glide=700,
        )
    if len(snapshots.epochs) > 1:
        scrubber(run, snapshots.epochs, at)


def codes(run: Run) -> bool:
    """Whether the numbers of z are names of codes: there is no plane of names."""
    model = run.recipe_json.get("model")
    return isinstance(model, dict) and "codes" in model


def class_names(data: str) -> tuple[str, ...] | None:
    """What the classes are called; None where the data set says nothing or is not there."""
    from latents.data import load
    from latents.errors import DataError

    try:
        return load(data).class_names
    except DataError:
        return None


def draw_pictures(snapshots: watching.Snapshots | None, at: int | None) -> None:
    """Test images above their reconstructions, and samples."""
    if snapshots is None:
        return
    shown = snapshots.at(at if at is not None else snapshots.epochs[-1])
    with st.container(gap="xxsmall"):
        if shown.reconstructions is not None:
            view.small("Test images, below each its reconstruction")
            pairs = np.concatenate([shown.originals[:ACROSS], shown.reconstructions[:ACROSS]])
            picture(images.grid_png(pairs, ACROSS, gap=1), "Test images and reconstructions")
        if shown.samples is not None:
            view.small("Samples of the prior, the same draws")
            picture(images.grid_png(shown.samples[: 3 * ACROSS], ACROSS, gap=1), "Samples")


def picture(png: bytes, alt: str) -> None:
    """A picture over the whole width, sent with the page: a file of its own may be gone when a slow browser asks."""
    source = base64.b64encode(png).decode("ascii")
    st.html(f'<img class="live-picture" alt="{alt}" src="data:image/png;base64,{source}">')


# -- words ---------------------------------------------------------------------------------------------------


def sentence(run: Run, snapshots: watching.Snapshots | None) -> str:
    """What is seen."""
    said = "Above: firm lines are of the validation images, dashed ones of training. Below: what each unit carries"
    plane = None if snapshots is None else snapshots.plane()
    if snapshots is None or plane is None or codes(run):
        return f"{said}, and pictures."
    where = "latent space" if plane.axes.shape[0] == 2 else "the plane of the last snapshot's principal components"
    n, of = snapshots.followed
    return f"{said}; where test images lie in {where}, coloured by class, showing {n:,} of {of:,}; and pictures."


def provenance(run: Run, history: watching.History) -> str:
    rows = words.count(len(history.epochs), "epoch") if history else "no epoch yet"
    return f"{run.name} · {run_words.data(run)} · {rows} in history.csv · launched {run_words.since(run)}"


def below(run: Run) -> None:
    """The log's end, and the recipe."""
    log, recipe = st.tabs(["Log", "Recipe"])
    with log:
        lines = run.log_tail(14)
        st.code("\n".join(lines) if lines else "The log is empty so far.", language=None, wrap_lines=True)
    with recipe:
        st.json(run.recipe_json, expanded=2)
