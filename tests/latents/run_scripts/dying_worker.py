"""A run's process as it is, which is killed (SIGKILL) at a given moment: `dying_worker.py FOLDER WHAT N`.

WHAT is "write NAME": in the middle of the Nth time that a file is written; "after NAME": when it has been renamed into
place; "row": in the middle of the Nth row of the history; "epoch": after the Nth epoch, before the next one. "poison":
in epoch N the weights become NaN; "limit": after epoch N no file may be longer than 1 kB; the process lives then.
"""

import math
import os
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from latents.runs import worker

folder, what, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
count = 0


def now() -> bool:
    global count
    count += 1
    return count == n


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


real_fsync, real_replace = os.fsync, os.replace


def fsync(fd: int) -> None:
    name = Path(os.readlink(f"/proc/self/fd/{fd}")).name
    if what.startswith("write ") and name == f".{what.removeprefix('write ')}.{os.getpid()}.part" and now():
        os.ftruncate(fd, os.fstat(fd).st_size // 2)
        real_fsync(fd)
        die()
    real_fsync(fd)


def replace(source, target) -> None:
    real_replace(source, target)
    if what == f"after {Path(target).name}" and now():
        die()


def half_a_row() -> None:
    from latents.folder import ModelFolder

    append = ModelFolder.append_history

    def dying(self, row):
        if not now():
            return append(self, row)
        path = self.path / "history.csv"
        with tempfile.TemporaryDirectory() as place:
            other = ModelFolder.__new__(ModelFolder)
            other.path = Path(place)
            there = path.stat().st_size if path.exists() else 0
            if there:
                shutil.copy(path, place)
            append(other, row)
            added = (other.path / "history.csv").read_bytes()[there:]
        with open(path, "ab") as file:
            file.write(added[: len(added) // 2])
        die()

    ModelFolder.append_history = dying


def after_an_epoch(do=die) -> None:
    from latents.loop import Run

    close = Run._close_epoch

    def dying(self):
        found = close(self)
        if now():
            do()
        return found

    Run._close_epoch = dying


def poison() -> None:
    from latents.loop import Run

    one = Run._one_epoch

    def poisoned(self):
        if now():
            next(self.learner.model.parameters()).data.fill_(math.nan)
        return one(self)

    Run._one_epoch = poisoned


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


train = worker._train
ways = {"row": half_a_row, "epoch": after_an_epoch, "poison": poison, "limit": lambda: after_an_epoch(limit)}


def prepared(path: Path) -> None:
    ways.get(what, lambda: None)()
    train(path)


os.fsync, os.replace = fsync, replace
worker._train = prepared
sys.exit(worker.work(folder))
