"""Where runs are started: this machine, or a cluster."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from . import options, processes, records
from .options import HERE


class Launcher(Protocol):
    """Starts the process of a run whose folder is there already, queued."""

    address: str

    def reach(self) -> None:
        """Raises RunError, with what to do, when nothing can be started there now."""

    def start(self, folder: Path) -> str | None:
        """Start `python -m latents runs work FOLDER` somewhere; its own name for the job, if it has one.

        Raises RunError when it cannot.
        """

    def alive(self, status: dict[str, Any]) -> bool | None:
        """Whether the job of this status (it has "launcher" and "job") is there; None where nobody knows."""

    def kill(self, status: dict[str, Any]) -> None:
        """End it at once. Raises RunError when that cannot be done."""

    def reason(self, status: dict[str, Any]) -> str | None:
        """Why a job is over that could not say so itself: one sentence, or None where nobody knows."""


def work_command(folder: Path) -> list[str]:
    """What the process of a run is, as a list of arguments. (-P: what lies in the current folder is not imported.)"""
    return [sys.executable, "-P", "-m", "latents", "runs", "work", str(folder)]


class Local:
    """This machine: a process of its own in a session of its own."""

    address = HERE

    def reach(self) -> None:
        pass

    def start(self, folder: Path) -> str | None:
        self.process(folder)
        return None

    def process(self, folder: Path) -> subprocess.Popen:
        """The started process: whoever stays about can see how it ends."""
        folder = folder.absolute()
        cwd = Path(str(options.read(folder).get("cwd") or folder))
        with contextlib.suppress(OSError):
            if cwd.is_dir() and os.access(cwd, os.X_OK):
                return processes.spawn(work_command(folder), folder / records.LOG, cwd=cwd)
        return processes.spawn(work_command(folder), folder / records.LOG, cwd=folder)

    def alive(self, status: dict[str, Any]) -> bool | None:
        return processes.alive(status.get("pid"), status.get("started"))

    def kill(self, status: dict[str, Any]) -> None:
        processes.end(status.get("pid"), status.get("started"))

    def reason(self, status: dict[str, Any]) -> str | None:
        return None


def launcher(where: str) -> Launcher:
    """The launcher of this name: "here", or a Ray address. Raises RunError when it cannot be used."""
    if where == HERE:
        return Local()
    from .cluster import Ray  # brings Ray's client, which is an optional extra

    return Ray(where)
