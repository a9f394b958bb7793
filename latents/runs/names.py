"""Names of runs: one folder directly under the root, never a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import RunError

PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""As a recipe's name."""

_LONGEST = 64


def check(name: str) -> str:
    """The name itself. Raises RunError when it is none."""
    if not isinstance(name, str) or not re.fullmatch(PATTERN, name):
        raise RunError(
            f"{name!r} is no name for a run: up to {_LONGEST} letters, digits, dots, dashes and underscores, "
            "beginning with a letter or a digit"
        )
    return name


def inside(root: Path, name: str) -> Path:
    """The folder of this name under the root. Raises RunError when the name is a path, hidden, or not there.

    A folder that somebody named by hand ("my run") is found too, but only as one of the names that are there.
    """
    listed = isinstance(name, str) and not name.startswith(".") and name in _listed(root)
    if not listed:
        check(name)
        raise RunError(f"there is no run {name!r} in {root}; `latents runs list` shows those there are")
    return root / name


def _listed(root: Path) -> list[str]:
    try:
        return os.listdir(root)
    except OSError:
        return []


def take(root: Path, name: str) -> Path:
    """Make a new folder of this name, or of name-2, name-3, ... where it is taken. Raises OSError.

    Making a folder is atomic: two that ask at the same moment get two folders.
    """
    count = 1
    while True:
        path = root / numbered(name, count)
        try:
            path.mkdir()
            return path
        except FileExistsError:
            count += 1


def numbered(name: str, count: int) -> str:
    """name, name-2, name-3, ...; not longer than a name may be."""
    tail = "" if count == 1 else f"-{count}"
    return name[: _LONGEST - len(tail)] + tail
