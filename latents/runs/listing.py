"""Finding runs: by root and name, or by folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import RunError
from . import names, queue, records
from .run import Run, look


def default_root() -> Path:
    """Where runs are: `EXPLORER_RUNS`, else the project's own `runs/`."""
    given = os.environ.get("EXPLORER_RUNS")
    return Path(given).expanduser() if given else Path(__file__).resolve().parent.parent.parent / "runs"


def find(root: Path | str) -> list[Run]:
    """All runs under the root, the newest first.

    Files are read again only when they have changed. Where runs are queued and nobody looks after them, somebody is
    sent for.
    """
    root = Path(root)
    runs = queue.all_runs(root)
    queue.ensure_tended(root, runs)
    return sorted(runs, key=lambda run: (run.created, run.name), reverse=True)


def get(root: Path | str, name: str) -> Run:
    """The run of this name, as it is now. Raises RunError when there is none, or the name is none."""
    root = Path(root)
    path = names.inside(root, name)
    if not records.mark(path / records.CONFIG):
        raise RunError(f"{path} holds no run: it has no {records.CONFIG}; `latents runs list` shows those there are")
    return look(path)


def at(path: Path | str) -> Run:
    """The run in this folder, wherever it is. Raises RunError when it is none."""
    path = Path(path).absolute()
    return get(path.parent, path.name)
