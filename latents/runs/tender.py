"""Looks after the queue of one folder of runs, on this machine, for as long as there is something to look after.

`python -m latents.runs.tender ROOT` is started by whoever finds runs queued and nobody looking after them. It starts
processes while there is room, sees how they end, and ends itself when nothing is queued and nothing that it started
runs. If it is killed, the runs go on, and whoever looks next starts another one. It imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from . import queue, records
from .launchers import Local
from .run import ENDED, QUEUED, look

_PAUSE = 0.5  # seconds between two looks
_AGAIN = 60.0  # seconds until a run whose process could not even begin is tried again


class Tender:
    """What it started, and how that went."""

    def __init__(self, root: Path):
        self.root = root
        self.started: dict[Path, subprocess.Popen] = {}
        self.stuck: dict[Path, float] = {}  # when a run could not begin, and that could not be written down

    def look(self) -> bool:
        """See what has ended, start what may start. False when there is nothing more to look after."""
        for path, process in list(self.started.items()):
            if process.poll() is not None:
                del self.started[path]
                self._ended(path, process)
        with queue.locked(self.root):
            runs = queue.all_runs(self.root)
            waiting = [run for run in queue.waiting(runs) if run.path not in self.started]
            beginning = [path for path in self.started if look(path).state == QUEUED]
            room = queue.limit(self.root) - len(queue.at_work(runs)) - len(beginning)
            ready = [run for run in waiting if time.monotonic() - self.stuck.get(run.path, -_AGAIN) >= _AGAIN]
            for run in ready[: max(0, room)]:
                self._start(run.path)
            return bool(waiting or self.started)

    def _start(self, path: Path) -> None:
        """A process for this run. It is the process itself that takes the run out of the queue."""
        try:
            self.started[path] = Local().process(path)
        except OSError as error:
            self._failed(path, f"Its process could not be started: {error.strerror or error}; mend that and resume it.")

    def _ended(self, path: Path, process: subprocess.Popen) -> None:
        code = process.returncode
        if code < 0:
            with contextlib.suppress(OSError), open(path / records.LOG, "a", encoding="utf-8") as log:
                log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {ENDED}{_signal(-code)}\n")
        if code != 0:
            with queue.locked(self.root):
                if look(path).state == QUEUED:
                    self._failed(path, f"Its process ended with code {code} before it began; its log may say why.")

    def _failed(self, path: Path, sentence: str) -> None:
        status, _ = records.read(path / records.STATUS)
        try:
            records.write_anyhow(path / records.STATUS, {**status, "state": "failed", "error": sentence})
        except OSError:
            self.stuck[path] = time.monotonic()


def _signal(number: int) -> str:
    """A signal in words: "SIGKILL (from outside, or because memory ran out)"."""
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        return f"{name} (from outside, or because memory ran out)" if name == "SIGKILL" else name
    return f"signal {number}"


def main(root: Path) -> None:
    lock = queue.tender_lock(root, 0.5)  # longer than somebody takes to see whether there is a tender
    try:
        lock.acquire()
    except (Timeout, FileNotFoundError):
        return  # another one was faster, or the root is gone
    tender = Tender(root)
    while True:
        try:
            if not tender.look():
                with queue.locked(root):  # who queues a run now, sees us gone and sends for another one
                    if not queue.waiting(queue.all_runs(root)):
                        lock.release()
                        return
        except Exception:
            if not root.is_dir():
                return
            traceback.print_exc()  # into tender.log; the next look may do
            sys.stderr.flush()
            time.sleep(5)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
