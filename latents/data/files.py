"""Where the data files are, and what is said when one of them is missing or wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import DataError

EMBEDDED = Path(__file__).resolve().parent.parent / "embedded"

REINSTALL = "install latent-explorer again, or in a clone of it run `git checkout -- latents/embedded`"


def data_root() -> Path:
    """The folder of the data files: the environment's ``LATENTS_DATA``, else the user's cache folder.

    The cache is ``$XDG_CACHE_HOME/latents`` or ``~/.cache/latents``, ``~/Library/Caches/latents`` on macOS
    and ``%LOCALAPPDATA%\\latents`` on Windows. The folder need not exist: only a download makes it. It may be
    read-only when it has the files.
    """
    chosen = os.environ.get("LATENTS_DATA")
    return Path(os.path.expanduser(chosen)) if chosen else user_cache() / "latents"


def user_cache() -> Path:
    """The folder for caches of the current user, as the platform has it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # The XDG specification wants relative paths ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return cache if cache.is_absolute() else Path.home() / ".cache"


def problem(path: Path, found: str, expected: str, remedy: str) -> DataError:
    """The error about one file, always as: path and what was found; what was expected; what to do.

    Args:
        path: the file.
        found: goes on from the path: "is missing", "is cut short".
        expected: what the file should be.
        remedy: an order to the reader, best with a command or a link.
    """
    return DataError(f"{path} {found}: expected {expected}; {remedy}.")


def reason(error: BaseException) -> str:
    """The first line of an exception's message, to go into brackets; without the path in it."""
    text = getattr(error, "strerror", None) or str(getattr(error, "reason", None) or error)
    lines = text.strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__


def unreadable(path: Path, error: BaseException, expected: str, remedy: str) -> DataError:
    """The error about a file that raised one when it was opened or read."""
    if isinstance(error, FileNotFoundError):
        return problem(path, "is missing", expected, remedy)
    if isinstance(error, PermissionError):
        return problem(path, "may not be read by this user", expected, f"give read permission, or {remedy}")
    return problem(path, f"is damaged or cut short ({reason(error)})", expected, remedy)


def dimensions(shape: tuple[int, ...]) -> str:
    """A shape as people write it: "60,000 x 28 x 28"."""
    return " x ".join(f"{size:,}" for size in shape) or "a single value"
