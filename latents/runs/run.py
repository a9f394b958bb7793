"""One run: its folder as it was when it was looked at. Needs no torch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import control
from ..errors import RunError
from . import options, processes, records
from .following import last_rows, tail
from .launchers import launcher
from .options import HERE, Options

QUEUED, RUNNING, PAUSED, STOPPING = "queued", "running", "paused", "stopping"
STOPPED, FINISHED, FAILED, LOST = "stopped", "finished", "failed", "lost"
STATES = (QUEUED, RUNNING, PAUSED, STOPPING, STOPPED, FINISHED, FAILED, LOST)
LIVE = (RUNNING, PAUSED, STOPPING)
"""States in which a process is at work on the folder."""

STALE = 60.0
"""Seconds without a heartbeat after which a run that cannot be seen from here counts as lost."""

ENDED = "its process was ended by "
"""How the log says that a process was killed, where somebody saw it."""


@dataclass(frozen=True)
class Run:
    """A run as it was when it was found; find it again to see how it is now.

    state: one of `STATES`; status: what status.json says, and the launcher and its job (launch.json); recipe_json:
    config.json, {} where it cannot be read.
    """

    name: str
    path: Path
    state: str
    status: dict[str, Any] = field(repr=False)
    recipe_json: dict[str, Any] = field(repr=False)
    fault: str | None = field(default=None, repr=False)

    @property
    def live(self) -> bool:
        """Whether a process is at work on it."""
        return self.state in LIVE

    @cached_property
    def error(self) -> str | None:
        """One sentence on what went wrong; None where nothing did."""
        if self.state == LOST:
            return self.fault or self._lost()
        said = self.status.get("error")
        return str(said) if said else self.fault

    def _lost(self) -> str:
        ended = next((line for line in self.log_tail(1) if ENDED in line), None)
        kept = self.path / records.CHECKPOINT
        rest = "it can be resumed from its last checkpoint" if kept.is_file() else "it had no checkpoint yet"
        if ended is not None:
            return f"{ENDED.replace('its', 'The', 1)}{ended.split(ENDED, 1)[1].rstrip('.')}; {rest}."
        pid, host = self.status.get("pid"), self.status.get("host")
        if self.where != HERE and (said := _reason(self.status)):
            return f"{said.rstrip('.')}; {rest}."
        if pid is None:
            return f"It has no process and left no word; {rest}."
        if host not in (None, processes.this_host()):
            return f"It has given no sign of life from {host} since {self.status.get('heartbeat')}; {rest}."
        return (
            f"Its process {pid} is gone without a word: it was killed, memory ran out, or the machine stopped; {rest}."
        )

    @property
    def resumable(self) -> bool:
        """Whether `resume` takes it."""
        return self.state in (STOPPED, FAILED, LOST)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run, as far as is known."""
        return int(records.number(self.status.get("epochs"), planned(self.recipe_json)))

    @property
    def epoch(self) -> int:
        """The epoch in which it is, from one; 0 where it has not begun."""
        return int(records.number(self.status.get("epoch")))

    @property
    def progress(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.state == FINISHED:
            return 1.0
        if not self.epochs:
            return 0.0
        return min(1.0, max(0.0, self._done() / self.epochs))

    def _done(self) -> float:
        steps = records.number(self.status.get("steps"))
        share = records.number(self.status.get("step")) / steps if steps else 0.0
        return max(0.0, self.epoch - 1) + min(1.0, share)

    @cached_property
    def seconds_left(self) -> float | None:
        """How long it will still take, by its last ten epochs; None where that is not known."""
        if self.state != RUNNING:
            return None
        rows = last_rows(self.path, 11)
        times = [float(row["seconds"]) for row in rows if isinstance(row.get("seconds"), float)]
        if not times:
            return None
        each = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else times[0]
        each = max(each, control.read(self.path).pace)  # the history leaves out what a pace makes it wait
        return max(0.0, self.epochs - self._done()) * each

    @property
    def device(self) -> str:
        """Where it computes, such as "cpu" or "cuda:0"; "" where it has not begun."""
        return str(self.status.get("device") or "")

    @property
    def where(self) -> str:
        """ "here", or the address of the cluster it was sent to."""
        return str(self.status.get("launcher") or HERE)

    @property
    def options(self) -> Options:
        return Options.of(options.read(self.path).get("options"))

    @cached_property
    def created(self) -> datetime:
        """When it was launched; of a run that was trained by hand, when its recipe was written."""
        try:
            return datetime.fromisoformat(str(options.read(self.path).get("created"))).astimezone(UTC)
        except ValueError:
            stamp = records.mark(self.path / records.CONFIG)
            return datetime.fromtimestamp(stamp[0] / 1e9 if stamp else 0, UTC)

    @property
    def seconds_since_heartbeat(self) -> float | None:
        """Since it last said that it lives."""
        return _age(self.status)

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of its log."""
        return tail(self.path / records.LOG, lines)


def look(path: Path) -> Run:
    """The run in this folder, as it is now."""
    status, fault = records.read(path / records.STATUS)
    recipe, unreadable = records.read(path / records.CONFIG)
    launched = options.read(path)
    status = {**status, "launcher": launched.get("where") or status.get("launcher") or HERE}
    status["job"] = launched.get("job") or status.get("job")
    return Run(path.name, path, _state(path, status, fault), status, recipe, fault or unreadable)


def _state(path: Path, status: dict[str, Any], fault: str | None) -> str:
    said = status.get("state")
    if said in (RUNNING, PAUSED):
        if not is_alive(status):
            return LOST
        return STOPPING if control.read(path).stop else said
    if said == QUEUED and status["launcher"] != HERE and _is_over(status):
        return LOST
    if said in (QUEUED, STOPPED, FINISHED, FAILED):
        return said
    if fault is None and said is None and is_whole(path):
        return FINISHED  # a model from elsewhere, or an older one
    return LOST


def is_whole(path: Path) -> bool:
    """Whether a folder holds a finished model: weights, and nothing to go on from."""
    return (path / records.WEIGHTS).is_file() and not (path / records.CHECKPOINT).is_file()


def planned(recipe: dict[str, Any]) -> int:
    """The epochs that a recipe's JSON asks for; 0 where it does not say."""
    training = recipe.get("training")
    return int(records.number(training.get("epochs") if isinstance(training, dict) else None))


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process that a status speaks of is at work.

    On this machine by its number and its start; on a cluster by what its launcher says where the heartbeat is not
    fresh; elsewhere, and where nobody can be asked, by the heartbeat.
    """
    here = status.get("launcher", HERE) == HERE and status.get("host") in (None, processes.this_host())
    if here:
        return processes.alive(status.get("pid"), status.get("started"))
    age = _age(status)
    beats = age is not None and age < STALE
    if status.get("launcher", HERE) == HERE or (age is not None and abs(age) < _AGAIN):
        return beats
    answer = _asked(status)
    return beats if answer is None else answer


def _asked(status: dict[str, Any]) -> bool | None:
    """Whether its launcher has a job, asked at most every ten seconds; None where nobody knows."""
    key, now = f"{status.get('launcher')} {status.get('job')}", time.monotonic()
    if key not in _answers or now - _answers[key][0] > _AGAIN:
        try:
            answer = launcher(str(status["launcher"])).alive(status)
        except RunError:  # what it takes to ask is not installed here
            answer = None
        _answers[key] = now, answer
    return _answers[key][1]


_answers: dict[str, tuple[float, bool | None]] = {}
_AGAIN = 10.0


def _is_over(status: dict[str, Any]) -> bool:
    """Whether a job ended on its cluster before the run could say that it began."""
    try:
        waited = (datetime.now(UTC) - datetime.fromisoformat(str(status.get("queued")))).total_seconds()
    except (ValueError, TypeError):
        waited = _AGAIN
    return status.get("job") is not None and waited >= _AGAIN and _asked(status) is False


def _reason(status: dict[str, Any]) -> str | None:
    try:
        return launcher(str(status["launcher"])).reason(status)
    except RunError as error:
        return str(error)


def _age(status: dict[str, Any]) -> float | None:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(status.get("heartbeat")))).total_seconds()
    except (ValueError, TypeError):
        return None
