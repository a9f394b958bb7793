"""Runs in words: their state, how far they are, and how long they will take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from explorer import words

if TYPE_CHECKING:
    from latents.runs import Run

ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "stopping": ":material/stop_circle:",
    "stopped": ":material/stop_circle:",
    "finished": ":material/check_circle:",
    "failed": ":material/error:",
    "lost": ":material/help:",
}
ACTIVE = ("queued", "running", "paused", "stopping")
"""States that change by themselves: a page that shows one looks again each second."""

SCORES = {
    "valid_elbo": "ELBO, validation",
    "valid_log_likelihood": "log-likelihood, validation",
    "valid_loss": "loss, validation",
    "train_elbo": "ELBO, training",
    "train_log_likelihood": "log-likelihood, training",
    "train_loss": "loss, training",
}


def epochs(run: Run) -> str:
    """`epoch 34 of 200`; nothing where it has not begun."""
    at = min(run.epoch, run.epochs)  # one that is over may stand at the epoch that would come next
    return f"epoch {at:,} of {run.epochs:,}" if at else f"{words.count(run.epochs, 'epoch')} to go"


def left(run: Run) -> str:
    """`3 min left`, or nothing where that is not known."""
    return "" if run.seconds_left is None else f"{words.duration(run.seconds_left)} left"


def place(run: Run) -> str:
    """Where it computes: `cpu`, `cuda:0`, `cpu at http://...`."""
    at = "" if run.where == "here" else f" at {run.where}"
    return f"{run.device}{at}".strip() or ("this machine" if run.where == "here" else run.where)


def data(run: Run) -> str:
    """The data set that it is trained on."""
    found = run.recipe_json.get("data")
    return str(found.get("name", "")) if isinstance(found, dict) else ""


def since(run: Run, now: datetime | None = None) -> str:
    """When it was launched: `12 min ago`, `yesterday`, `2026-11-02`."""
    seconds = ((now or datetime.now(UTC)) - run.created).total_seconds()
    if seconds < 90:
        return "just now"
    if seconds < 86400:
        return f"{words.duration(seconds)} ago"
    return "yesterday" if seconds < 2 * 86400 else f"{run.created.astimezone():%Y-%m-%d}"


def line(run: Run) -> str:
    """`epoch 34 of 200 · 3 min left · cpu`."""
    return " · ".join(part for part in (epochs(run), left(run), place(run)) if part)
