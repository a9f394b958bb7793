"""Following files that are being written: only what was added is read, and never half a line."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from .records import HISTORY, LOG

_REMEMBERED = 512  # bytes before the place, by which a file that was written anew is known


class Lines:
    """The whole lines of a text file, as they come.

    anew: whether the last `read` began at the file's start: at first, and when the file was truncated or replaced by
    other content. What was read before is then void.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.anew = True
        self._forget()

    def _forget(self) -> None:
        self._place, self._before, self._first = 0, b"", b""

    def read(self) -> list[str]:
        """Lines added since last time, without their ends. [] where there is no file (yet, or any more)."""
        try:
            with open(self.path, "rb") as file:
                self.anew = self._place == 0 or not self._goes_on(file)
                if self.anew:
                    self._forget()
                file.seek(self._place)
                added = file.read()
        except OSError:
            self.anew = True
            self._forget()
            return []
        added = added[: added.rfind(b"\n") + 1]
        if not added:
            return []
        if not self._place:
            self._first = added[: added.find(b"\n") + 1][:_REMEMBERED]
        self._place += len(added)
        self._before = (self._before + added)[-_REMEMBERED:]
        return added.decode("utf-8", "replace").split("\n")[:-1]

    def _goes_on(self, file) -> bool:
        """Whether the file still begins, and has before our place, what it had."""
        if os.fstat(file.fileno()).st_size < self._place or file.read(len(self._first)) != self._first:
            return False
        file.seek(self._place - len(self._before))
        return file.read(len(self._before)) == self._before


Row = dict[str, float | str]
"""A row of a history: numbers, or text where a column is not numeric; what is empty is left out."""


class History:
    """The rows of a run's history.csv, as they come.

    A resumed run cuts its history back to its checkpoint, and a later stage widens it: rows are then given from the
    first on, and `anew` is True.
    """

    def __init__(self, path: Path | str):
        path = Path(path)
        self._lines = Lines(path / HISTORY if path.is_dir() else path)
        self._header: list[str] = []

    @property
    def anew(self) -> bool:
        """Whether what the last `read` gave is the whole history, not an addition to what was read before."""
        return self._lines.anew

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._header)

    def read(self) -> list[Row]:
        """Rows added since last time."""
        rows = [row for row in csv.reader(self._lines.read()) if row]
        if self._lines.anew:
            self._header = rows.pop(0) if rows else []
        return [
            {name: _value(text) for name, text in zip(self._header, row, strict=False) if text}
            for row in rows
            if len(row) == len(self._header)
        ]


class Log(Lines):
    """The lines of a run's log.txt, as they come."""

    def __init__(self, path: Path | str):
        path = Path(path)
        super().__init__(path / LOG if path.is_dir() else path)


def tail(path: Path, lines: int, most: int = 65536) -> list[str]:
    """The last whole lines of a text file, of its last `most` bytes; unprintable characters are left out."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    found = text.splitlines()[1 if size > most else 0 :]
    return ["".join(c for c in line if c.isprintable() or c == "\t") for line in found[-lines:]] if lines > 0 else []


def last_rows(path: Path, count: int) -> list[Row]:
    """The last rows of a history (of a folder, as a path), read from its end."""
    file = path / HISTORY
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            header = next(csv.reader([opened.readline()]), [])
        text = file.read_bytes() if file.stat().st_size < 65536 else _end(file)
    except (OSError, UnicodeDecodeError):
        return []
    whole = text[: text.rfind(b"\n") + 1].decode("utf-8", "replace").split("\n")[1:-1]
    rows = [row for row in csv.reader(whole[-count:]) if len(row) == len(header)]
    return [{name: _value(text) for name, text in zip(header, row, strict=True) if text} for row in rows]


def _end(file: Path, most: int = 65536) -> bytes:
    with open(file, "rb") as opened:
        opened.seek(-most, os.SEEK_END)
        return opened.read()


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
