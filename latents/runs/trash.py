"""The trash: runs are moved into `.trash` beside them, and can be taken out again."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import RunError
from . import names, queue, records
from .actions import leave_the_queue, now_of, writing
from .run import QUEUED, Run, look

FOLDER = ".trash"
_STAMPED = re.compile(r"(\d{8}T\d{6}Z)(?:-\d+)?~(.+)", re.DOTALL)


@dataclass(frozen=True)
class Trashed:
    """A run in the trash: its folder there, its name before, and when it was moved."""

    path: Path
    name: str
    when: datetime


def trash(run: Run) -> Path:
    """Move a run to the trash; the path is for `restore`. Not while a process is at work in it."""
    root = run.path.parent
    with writing(root), queue.locked(root):
        now = now_of(run)
        if now.live:
            raise RunError(f"{run.name} is {now.state}; stop it first, then move it to the trash")
        if now.state == QUEUED:
            leave_the_queue(now)
        (root / FOLDER).mkdir(exist_ok=True)
        stamp, count = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", 1
        while os.path.lexists(path := root / FOLDER / f"{stamp}{f'-{count}' if count > 1 else ''}~{run.name}"):
            count += 1
        os.rename(run.path, path)
    return path


def trashed(root: Path | str) -> list[Trashed]:
    """What is in the trash of this root, the newest first."""
    place = Path(root) / FOLDER
    if not place.is_dir():
        return []
    found = []
    for path in place.iterdir():
        match = _STAMPED.fullmatch(path.name)
        if match is None or not records.mark(path / records.CONFIG):
            continue
        with contextlib.suppress(ValueError):  # digits that are no time: not put there by us
            when = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found.append(Trashed(path, match[2], when))
    return sorted(found, key=lambda one: (one.when, one.path.name), reverse=True)


def restore(path: Path | str) -> Run:
    """Take a run out of the trash, under its old name, or name-2, ... where that is taken."""
    path = Path(path).absolute()
    match = _STAMPED.fullmatch(path.name)
    if path.parent.name != FOLDER or match is None or not records.mark(path / records.CONFIG):
        raise RunError(f"{path} is no run in a trash; `latents runs trash --list` shows those there are")
    root = path.parent.parent
    with writing(root), queue.locked(root):
        count = 1
        while os.path.lexists(target := root / names.numbered(match[2], count)):
            count += 1
        os.rename(path, target)
    return look(target)
