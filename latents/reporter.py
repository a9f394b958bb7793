"""What a run says of itself while it goes on: status.json and log.txt."""

from __future__ import annotations

import errno
import math
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from .folder import LOG, STATUS, ModelFolder

HEARTBEAT = 2.0  # seconds
_RESERVE, _ROOM = ".reserve.part", 1 << 16  # bytes that are given back when the disk is full


class Reporter:
    """Writes for the first process of a run; the others are silent.

    Args:
        folder: of the run. Who started it ("launcher", "job") stands in its status, and stays there.
        device: where it trains.
        speaks: whether this process writes.
    """

    def __init__(self, folder: ModelFolder, device: str, speaks: bool):
        self.folder, self.device, self.speaks = folder, device, speaks
        self.state, self._beat = "", -math.inf
        before = _status(folder) if speaks else {}
        self._started_by = {"launcher": before.get("launcher", "here"), "job": before.get("job")}
        self._process = psutil.Process()

    def status(self, state: str, error: str | None = None, **place: Any) -> None:
        """Write where the run is. `place`: epoch, epochs, step, steps, stage."""
        self.state, self._beat = state, time.monotonic()
        if self.speaks:
            self.folder.write_json(
                STATUS,
                {
                    "state": state,
                    "pid": self._process.pid,
                    "started": self._process.create_time(),
                    "host": socket.gethostname(),
                    "heartbeat": datetime.now(UTC).isoformat(timespec="seconds"),
                    **place,
                    "device": self.device,
                    "error": error,
                    **self._started_by,
                },
            )

    def due(self, state: str) -> bool:
        """Whether the status should be written again: the state is another, or it is time for a sign of life."""
        return self.speaks and (state != self.state or time.monotonic() - self._beat >= HEARTBEAT)

    def say(self, line: str) -> None:
        """A line of the log."""
        if self.speaks:
            with open(self.folder.path / LOG, "a", encoding="utf-8") as file:
                file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def fail(self, sentence: str, **place: Any) -> None:
        """Say that the run has failed and why, as far as the disk still takes it."""
        self.release()
        for write in (lambda: self.status("failed", sentence, **place), lambda: self.say(f"failed: {sentence}")):
            try:
                write()
            except OSError:
                continue  # the sentence still reaches the user as the error itself

    # -- a little room, so that a run that fills the disk can still say so --

    def reserve(self) -> None:
        if self.speaks:
            (self.folder.path / _RESERVE).write_bytes(bytes(_ROOM))

    def release(self) -> None:
        if self.speaks:
            (self.folder.path / _RESERVE).unlink(missing_ok=True)


def disk_sentence(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full at {path}; free some space, then `latents train --resume {path}`"
    return f"cannot write to {path}: {error.strerror or error}; mend that, then `latents train --resume {path}`"


def _status(folder: ModelFolder) -> dict[str, Any]:
    try:
        return folder.status
    except Exception:  # whatever is wrong with an old status, it is about to be replaced
        return {}
