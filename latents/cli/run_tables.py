"""How runs are printed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from .. import runs
from ..runs.following import last_rows

_COLOURS = {
    runs.RUNNING: "green",
    runs.PAUSED: "yellow",
    runs.STOPPING: "yellow",
    runs.QUEUED: "cyan",
    runs.FAILED: "bold red",
    runs.LOST: "bold red",
    runs.STOPPED: "yellow",
}
_SCORES = ("valid_elbo", "valid_log_likelihood", "valid_loss", "train_loss")
_BAR = 12  # characters


def runs_table(found: Iterable[runs.Run], title: str) -> Table:
    """A row for each run: where it is, how long it will take, and how good it is by now."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("progress", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("valid., nats", justify="right", no_wrap=True)
    table.add_column("device", no_wrap=True)
    table.add_column("launched", justify="right", no_wrap=True)
    for run in found:
        left, place = run.seconds_left, run.device if run.where == runs.HERE else f"{run.device} {run.where}".strip()
        table.add_row(
            Text(run.name),
            Text(run.state, _COLOURS.get(run.state, "")),
            f"{run.epoch}/{run.epochs}" if run.epochs else "",
            _bar(run),
            "" if left is None else duration(left),
            _score(run),
            Text(place),
            f"{age(run.created)} ago",
        )
    return table


def _bar(run: runs.Run) -> Text:
    full = round(run.progress * _BAR)
    colour = _COLOURS.get(run.state, "blue")
    return Text.assemble(("━" * full, colour), ("─" * (_BAR - full), "dim"), f" {run.progress:4.0%}")


def _score(run: runs.Run) -> str:
    row = next(iter(last_rows(run.path, 1)), {})
    found = next((row[name] for name in _SCORES if isinstance(row.get(name), float)), None)
    return "" if found is None else f"{found:.2f}".replace("-", "−")


def remarks(found: Iterable[runs.Run]) -> list[str]:
    """What went wrong with each, with the end of its log, and what can be done."""
    said = []
    for run in found:
        if run.state == runs.FINISHED and run.error is not None:
            said.append(f"{run.name} was not prolonged: {run.error}")
        if run.state not in (runs.FAILED, runs.LOST) or run.error is None:
            continue
        said.append(f"{run.name} {'is lost' if run.state == runs.LOST else 'failed'}: {run.error}")
        said += [f"    {line}" for line in run.log_tail(3)]
        said.append(f"    go on with  latents runs resume {run.name}")
    return said


def state_words(run: runs.Run) -> str:
    """The state in a few words: "running, epoch 3 of 20"."""
    if run.live and run.epoch:
        return f"{run.state}, epoch {run.epoch} of {run.epochs}"
    return run.state if run.where == runs.HERE else f"{run.state} on {run.where}"


def facts(run: runs.Run) -> dict[str, Any]:
    """The run as JSON."""
    return {
        "name": run.name,
        "path": str(run.path),
        "state": run.state,
        "error": run.error,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "progress": round(run.progress, 4),
        "seconds_left": run.seconds_left,
        "device": run.device,
        "where": run.where,
        "created": run.created.isoformat(timespec="seconds"),
    }


def age(when: datetime) -> str:
    return duration(max(0.0, (datetime.now(UTC) - when).total_seconds()))


def duration(seconds: float) -> str:
    """ "42 s", "7 min", "3.5 h", "12 d"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"
