"""A run's process as it is, but for the training: it waits until it is stopped, or until ROOT/finish is there.

What trains, and when, goes into ROOT/ledger.txt. Given ROOT and --tend, it is the queue's tender instead.
"""

import os
import sys
import time
from pathlib import Path

from latents import control
from latents.runs import launchers, queue, records, tender, worker

HERE = [sys.executable, str(Path(__file__).absolute())]


def note(root: Path, what: str, name: str) -> None:
    with open(root / "ledger.txt", "a") as ledger:
        ledger.write(f"{time.monotonic():.4f} {what} {name} {os.environ.get('LATENTS_DATA')}\n")


def idle(folder: Path) -> None:
    note(folder.parent, "begins", folder.name)
    seconds, began = float(os.environ.get("IDLE_SECONDS", "inf")), time.monotonic()
    state = "finished"
    while not (folder.parent / "finish").exists() and time.monotonic() - began < seconds:
        if control.read(folder).stop:
            state = "stopped"
            break
        time.sleep(0.02)
    note(folder.parent, "ends", folder.name)
    status, _ = records.read(folder / "status.json")
    records.write(folder / "status.json", {**status, "state": state})


def use() -> None:
    """Let this process start idle workers and their tenders, where the real one would start real ones."""
    launchers.work_command = lambda folder: [*HERE, str(folder)]
    queue.tender_command = lambda root: [*HERE, str(root.absolute()), "--tend"]


if __name__ == "__main__":
    use()
    worker._train = idle
    if "--tend" in sys.argv:
        tender.main(Path(sys.argv[1]))
    else:
        sys.exit(worker.work(Path(sys.argv[1])))
