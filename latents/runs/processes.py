"""Processes by their number *and* their start: a number alone may be another process by now."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

_CLOSE = 1.0  # seconds; start times are read from the same clock, and numbers are not used again so soon


def this_host() -> str:
    return socket.gethostname()


def this_process() -> dict[str, Any]:
    """What a status says of the process that writes it: pid, started, host."""
    own = psutil.Process()
    return {"pid": own.pid, "started": own.create_time(), "host": this_host()}


def find(pid: Any, started: Any) -> psutil.Process | None:
    """The process of this number that began at this time (seconds since 1970), if it lives. A zombie does not."""
    try:
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(started)) < _CLOSE
        return process if same and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else None
    except (psutil.Error, TypeError, ValueError, OverflowError):
        return None


def alive(pid: Any, started: Any) -> bool:
    return find(pid, started) is not None


def end(pid: Any, started: Any, patience: float = 5.0) -> None:
    """Kill a process and all that it started, and wait until they are gone."""
    process = find(pid, started)
    if process is None:
        return
    family = [process]
    with contextlib.suppress(psutil.Error):
        family += process.children(recursive=True)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()
    for one in family:
        with contextlib.suppress(psutil.TimeoutExpired, psutil.Error):
            one.wait(patience)  # one that is not ours is waited for until it is gone, or a zombie of its parent's


def spawn(command: Sequence[str], log: Path, *, cwd: Path | None = None) -> subprocess.Popen:
    """Start a process in a session of its own: it outlives its parent, and no terminal's Ctrl-C reaches it.

    Its words are appended to `log`. The arguments are a list; no shell sees them.
    """
    with open(log, "ab") as words:
        return subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True, cwd=cwd
        )


def spawn_and_forget(command: Sequence[str], log: Path) -> None:
    """Start a process that looks after itself; while we live, it leaves no zombie behind."""
    process = spawn(command, log)
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()
