"""What a run is asked to do while it trains: stop, pause, take its time. `control.json` in its folder.

Pages and the command line write it, the loop looks at it; neither waits for the other.

    stop    end after this step, save, and be resumable
    paused  wait, until this is false again
    pace    seconds that an epoch takes at least; 0: as fast as it can
    step    a counter: each increment lets a paused run train until one more epoch is complete
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from .files import write_whole

CONTROL = "control.json"
_SLICE = 0.1  # seconds between two looks at the file


@dataclass(frozen=True)
class Control:
    stop: bool = False
    paused: bool = False
    pace: float = 0.0
    step: int = 0


def read(folder: Path | str) -> Control:
    """What the run of this folder is asked to do. A missing or damaged file, or field, asks for nothing."""
    try:
        given = json.loads((Path(folder) / CONTROL).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Control()
    if not isinstance(given, dict):
        return Control()
    return Control(**{field.name: given[field.name] for field in fields(Control) if _fits(field.name, given)})


def write(folder: Path | str, **changes: Any) -> Control:
    """Change some of it and keep the rest; several writers take turns. Raises ValueError for a value that is none."""
    for name in changes:
        if not _fits(name, changes):
            raise ValueError(f"control has stop, paused (true or false), pace (seconds, 0 or more) and step (a whole "
                             f"number, 0 or more); got {name} = {changes[name]!r}")  # fmt: skip
    with _turns(folder):
        asked = replace(read(folder), **changes)
        _put(folder, asked)
    return asked


def step(folder: Path | str) -> Control:
    """Let a paused run train until one more epoch is complete."""
    with _turns(folder):
        before = read(folder)
        asked = replace(before, step=before.step + 1)
        _put(folder, asked)
    return asked


def _turns(folder: Path | str) -> FileLock:
    return FileLock(Path(folder) / f".{CONTROL}.lock", timeout=10)


def _put(folder: Path | str, asked: Control) -> None:
    write_whole(Path(folder) / CONTROL, json.dumps(asdict(asked)) + "\n")


def _fits(name: str, given: dict[str, Any]) -> bool:
    value = given.get(name)
    if name in ("stop", "paused"):
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if name == "pace":
        return isinstance(value, int | float) and math.isfinite(value) and value >= 0
    return name == "step" and isinstance(value, int) and value >= 0


class Listener:
    """control.json as the loop follows it: looked at a few times a second, read when it has changed."""

    def __init__(self, folder: Path):
        self._path, self._looked, self._stamp = folder / CONTROL, -math.inf, self._mark(folder / CONTROL)
        self._now = read(folder)
        self._granted = self._now.step  # steps asked for before this run began are not owed

    def now(self) -> Control:
        at = time.monotonic()
        if at - self._looked >= _SLICE:
            self._looked = at
            stamp = self._mark(self._path)
            if stamp != self._stamp:
                self._stamp, self._now = stamp, read(self._path.parent)
        return self._now

    @staticmethod
    def _mark(path: Path) -> tuple[int, ...]:
        try:
            found = os.stat(path)
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ino, found.st_size

    @property
    def paused(self) -> bool:
        """Whether to wait now: asked to pause, and no epoch is owed."""
        asked = self.now()
        if not asked.paused:
            self._granted = asked.step
        return asked.paused and asked.step <= self._granted

    def epoch_done(self) -> None:
        """One of the epochs asked for one by one is complete."""
        self._granted = min(self._granted + 1, max(self._granted, self._now.step))

    def late(self, since: float, share: float) -> float:
        """Seconds to wait so that `share` of an epoch that began at `since` (monotonic) has taken its pace."""
        return since + self.now().pace * share - time.monotonic()
