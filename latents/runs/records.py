"""JSON files of a run's folder, read without torch and only when they have changed."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

from ..files import write_whole

CONFIG, STATUS, LAUNCH, HISTORY, LOG = "config.json", "status.json", "launch.json", "history.csv", "log.txt"
WEIGHTS, CHECKPOINT = "model.safetensors", "checkpoint/state.pt"

_KEPT = 4096  # files
_kept: OrderedDict[str, tuple[tuple[int, ...], dict[str, Any], str | None]] = OrderedDict()
_turns = Lock()


def read(path: Path) -> tuple[dict[str, Any], str | None]:
    """The object in a JSON file, and what is wrong with it: ({}, None) where there is no file.

    The same object is given again while the file is as it was: never change it.
    """
    stamp, key = mark(path), str(path)
    if not stamp:
        return {}, None
    with _turns:
        found = _kept.get(key)
        if found is not None and found[0] == stamp:
            _kept.move_to_end(key)
            return found[1], found[2]
    content, fault = _parse(path)
    with _turns:
        _kept[key] = stamp, content, fault
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return content, fault


def _parse(path: Path) -> tuple[dict[str, Any], str | None]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:  # renamed or trashed since we looked
        return {}, None
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"cannot read {path} ({error}); copy it again, or move the run to the trash"
    if not isinstance(content, dict):
        return {}, f"{path} holds a {type(content).__name__}, but a JSON object was expected"
    return content, None


def write(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_anyhow(path: Path, content: dict[str, Any]) -> None:
    """Write even where the disk is full: a small file that is there already has room for other words."""
    try:
        write(path, content)
    except OSError:
        words = (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
        with open(path, "r+b") as file:
            file.write(words)
            file.truncate()


def mark(path: Path) -> tuple[int, ...]:
    """What changes when a file is written: () where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ino, found.st_size


def number(value: Any, default: float = 0.0) -> float:
    """A number as it stands in somebody's JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return float(value) if value == value and abs(value) != float("inf") else default
