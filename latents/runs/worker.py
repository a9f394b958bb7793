"""The process of a run: `python -m latents runs work FOLDER`.

It takes the run out of the queue itself, under the queue's lock and only if there is room: however many are started
for it, one trains, and the limit holds.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import LatentsError
from . import gpus, options, processes, queue, records
from .options import HERE
from .run import FAILED, FINISHED, QUEUED, RUNNING, STOPPED, Run, is_whole, look

LEFT_QUEUED = 0
"""The exit code of a process that found nothing to do."""


def work(folder: Path) -> int:
    """Train the run of this folder; the exit code. What goes wrong stands in its status and its log."""
    folder = folder.absolute()
    faulthandler.enable()  # a crash in compiled code leaves its stack in the log
    _surroundings(folder)
    if "LATENTS_JOB" in os.environ:
        from . import cluster

        if not cluster.taken(folder):
            return LEFT_QUEUED
    if os.environ.get("LOCAL_RANK", "0") != "0":  # one of several processes that train one model: the first one leads
        _train(folder)
        return 0
    try:
        if not _claim(folder):
            return LEFT_QUEUED
        _train(folder)
    except LatentsError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        _fail(folder, str(error))
        return 1
    except BaseException as error:
        _fail(folder, f"{type(error).__name__}: {error}")
        raise
    finally:
        if look(folder).where == HERE:
            queue.ensure_tended(folder.parent)
    return 0


def _surroundings(folder: Path) -> None:
    """What the one who launched had about them; on a cluster's machines only what those do not say themselves."""
    launched = options.read(folder)
    given, here = launched.get("environment"), launched.get("where", HERE) == HERE
    if not isinstance(given, dict):
        return
    for name in options.CARRIED:
        if name in given and (here or name not in os.environ):
            os.environ[name] = str(given[name])
        elif name not in given and here:
            os.environ.pop(name, None)


def _claim(folder: Path) -> bool:
    """Mark the run as running, by this process. False when it is not queued any more, or there is no room."""
    if look(folder).where != HERE:  # a cluster sends each job once, and to machines that may share no locks
        return _begin(look(folder))
    with queue.locked(folder.parent):
        runs = queue.all_runs(folder.parent)
        others = queue.at_work(runs)
        if len(others) >= queue.limit(folder.parent):
            return False
        run = look(folder)
        return run.state == QUEUED and _begin(run, _gpus(run, others))


def _begin(run: Run, mine: list[str] | None = None) -> bool:
    if run.state != QUEUED:
        return False
    if mine is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
    if run.where == HERE:
        options.change(run.path, gpus=mine or [])
    status, _ = records.read(run.path / records.STATUS)
    records.write(
        run.path / records.STATUS,
        {
            **status,
            "state": RUNNING,
            **processes.this_process(),
            "heartbeat": datetime.now(UTC).isoformat(timespec="seconds"),
            "error": None,
        },
    )
    return True


def _gpus(run: Run, others: list[Run]) -> list[str] | None:
    """The GPUs that this run shall see: those that the fewest runs use. None to leave it as it is."""
    there = gpus.visible()
    if len(there) < 2 or run.options.accelerator == "cpu":
        return None
    taken = [str(name) for other in others for name in options.read(other.path).get("gpus") or ()]
    return gpus.choose(there, taken, run.options.devices)


def _train(folder: Path) -> None:
    """Begin, go on with, or prolong the run, until it is done or asked to stop."""
    from .. import training

    task, chosen = options.read(folder).get("task") or {}, look(folder).options
    given: dict[str, Any] = {
        "stop": _asked(),
        "accelerator": chosen.accelerator,
        "devices": chosen.devices,
        "nodes": chosen.nodes,
        "strategy": chosen.strategy,
        "log": chosen.log,
    }
    if "prolong" in task:
        training.prolong(folder, int(task["prolong"]), **given)
    else:
        training.work(folder, **given)


def _asked():
    """Whether a signal asked to stop: the machine is being shut down, or somebody typed `kill`."""
    asked = False

    def ask(number, frame):
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return lambda: asked


def _fail(folder: Path, sentence: str) -> None:
    """Say so in the status, unless the loop has said what happened. A finished run that is not prolonged stays one."""
    status, _ = records.read(folder / records.STATUS)
    if status.get("state") in (FAILED, FINISHED, STOPPED):
        return
    state = FINISHED if is_whole(folder) else FAILED
    try:
        records.write_anyhow(folder / records.STATUS, {**status, "state": state, "error": sentence})
    except OSError as error:
        print(f"the status could not be written: {error}", file=sys.stderr)
