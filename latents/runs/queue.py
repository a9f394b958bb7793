"""The queue of a folder of runs: those whose status says "queued", oldest first, and how many may run at once.

What is on the disk is all there is: no list beside the folders that could say something else. Who changes a run from
queued to running, or the other way, holds the queue's lock; a killed process leaves no lock behind.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import RunError
from . import gpus, options, processes, records
from .options import HERE
from .run import LIVE, QUEUED, Run, look

FOLDER = ".queue"
_PATIENCE = 30.0  # seconds; the lock is held for milliseconds


def folder(root: Path) -> Path:
    """Where the locks and the limit are. Raises OSError where there is no root: one that went away stays away."""
    path = root / FOLDER
    path.mkdir(exist_ok=True)
    return path


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Alone with this queue. Raises RunError when somebody holds it for half a minute."""
    try:
        with FileLock(folder(root) / "lock", timeout=_PATIENCE):
            yield
    except Timeout:
        raise RunError(f"another process holds the queue of {root} for {_PATIENCE:g} s; look what it does") from None


def tender_lock(root: Path, patience: float) -> FileLock:
    """Held by the process that looks after this machine's part of the queue."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", processes.this_host())
    return FileLock(folder(root) / f"tender-{host}.lock", timeout=patience)


# -- what is in it -------------------------------------------------------------------------------------------


def all_runs(root: Path) -> list[Run]:
    """Every run under the root, in no order."""
    try:
        with os.scandir(root) as found:
            names = [item.name for item in found if not item.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [look(root / name) for name in names if records.mark(root / name / records.CONFIG)]


def waiting(runs: list[Run]) -> list[Run]:
    """Those that wait for this machine, the longest first."""
    mine = [run for run in runs if run.state == QUEUED and run.where == HERE and _of_this_host(run)]
    return sorted(mine, key=lambda run: (str(run.status.get("queued")), run.name))


def at_work(runs: list[Run]) -> list[Run]:
    """Those that run on this machine, by hand or from the queue."""
    return [run for run in runs if run.state in LIVE and run.where == HERE and _of_this_host(run)]


def _of_this_host(run: Run) -> bool:
    host = run.status.get("host") if run.live else options.read(run.path).get("host")
    return host in (None, processes.this_host())


def put(path: Path, where: str) -> None:
    """Mark a run as queued. Call it with the lock held. Raises OSError."""
    before, _ = records.read(path / records.STATUS)
    kept: dict[str, Any] = {
        name: before[name] for name in ("epoch", "epochs", "step", "steps", "stage") if name in before
    }
    records.write(
        path / records.STATUS,
        {
            **kept,
            "state": QUEUED,
            "queued": datetime.now(UTC).isoformat(),
            "pid": None,
            "started": None,
            "host": None,
            "heartbeat": None,
            "device": None,
            "error": None,
            "launcher": where,
            "job": None,
        },
    )


# -- how many at once ----------------------------------------------------------------------------------------


def limit(root: Path) -> int:
    """How many runs may be at work at once on this machine: one for each GPU, else one, if nobody said otherwise."""
    given, _ = records.read(root / FOLDER / "limit.json")
    found = given.get("limit")
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 1 else max(1, gpus.count())


def write_limit(root: Path, n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 1000:
        raise RunError(f"the limit is a whole number of runs from 1 to 1000, but {n!r} was given")
    records.write(folder(root) / "limit.json", {"limit": n})


# -- who looks after it --------------------------------------------------------------------------------------


def ensure_tended(root: Path, runs: list[Run] | None = None) -> None:
    """Start a tender where runs wait and nobody looks after them."""
    if not waiting(all_runs(root) if runs is None else runs):
        return
    try:
        lock = tender_lock(root, 0)
        lock.acquire()
        lock.release()
        processes.spawn_and_forget(tender_command(root), folder(root) / "tender.log")
    except Timeout:
        return  # there is one
    except OSError:
        return  # a folder that we may only read, a full disk: whoever looks next tries again, and a look goes on


def tender_command(root: Path) -> list[str]:
    """What the process that looks after a queue is, as a list of arguments."""
    return [sys.executable, "-P", "-m", "latents.runs.tender", str(root.absolute())]
