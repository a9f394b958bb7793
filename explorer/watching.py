"""A run's folder as the Runs page reads it, again and again: only what was added, and only when something was.

Histories and snapshots are kept for all sessions together. Nothing here needs torch.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from latents.alarms import Alarm

HISTORY, SNAPSHOTS = "history.csv", "snapshots.safetensors"
SPARKS = 60
"""Values of a sparkline at most: so many places of a history are read, however long it is."""
SCORES = ("valid_elbo", "valid_log_likelihood", "valid_loss", "train_elbo", "train_log_likelihood", "train_loss")
"""The columns that a sparkline may show, the best first."""

Columns = dict[str, np.ndarray]
"""A history by column, float64 [rows]; nan where nothing was measured."""


# -- histories -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """What a run has measured so far, and what a person should know of it. columns: {} before the first epoch."""

    columns: Columns
    alarms: tuple[Alarm, ...]
    number: int = field(default_factory=count().__next__)
    """Its own: two readings with the same number are the same."""

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def epochs(self) -> np.ndarray:
        return self.columns["epoch"]


class Followed:
    """The history of one run, which grows."""

    def __init__(self, path: Path):
        from latents.runs import following

        self._rows_of, self._lock = following.History(path), Lock()
        self._forget()

    def _forget(self) -> None:
        from latents.alarms import Monitor

        self._values: dict[str, list[float]] = {}
        self._rows, self._monitor, self._alarms = 0, Monitor(), list[Any]()
        self._made = History({}, ())

    def read(self) -> History:
        """All rows so far. The same object again while nothing was added: never change it."""
        with self._lock:
            rows = self._rows_of.read()
            if self._rows_of.anew:
                self._forget()
            for row in rows:
                self._add(row)
            if rows and "epoch" in self._values:
                columns = {name: np.array(column) for name, column in self._values.items()}
                self._made = History(columns, tuple(self._alarms))
            return self._made

    def _add(self, row: dict[str, float | str]) -> None:
        for name, value in row.items():
            if isinstance(value, float):
                self._values.setdefault(name, [np.nan] * self._rows).append(value)
        self._rows += 1
        for column in self._values.values():
            if len(column) < self._rows:
                column.append(np.nan)
        if "epoch" in row:
            self._alarms += self._monitor.feed(row)


@st.cache_resource(show_spinner=False, max_entries=64)
def _followed(path: Path) -> Followed:
    return Followed(path)


def history(path: Path) -> History:
    """The history of the run in this folder, as far as it is written."""
    return _followed(path).read()


def numbered(columns: Columns, name: str) -> np.ndarray | None:
    """The columns name_0, name_1, ... as [rows, n], or None."""
    found: list[np.ndarray] = []
    while f"{name}_{len(found)}" in columns:
        found.append(columns[f"{name}_{len(found)}"])
    return np.stack(found, axis=1) if found else None


# -- sparklines ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spark:
    """A score over the epochs, thinned, and the column that it is; empty where there is no history."""

    column: str = ""
    values: tuple[float, ...] = ()

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None


def spark(path: Path) -> Spark:
    """The sparkline of a run, read again only when its history has changed."""
    try:
        found = (path / HISTORY).stat()
    except OSError:
        return Spark()
    return _spark(path / HISTORY, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _spark(path: Path, modified: int, size: int) -> Spark:
    try:
        with open(path, "rb") as file:
            header = next(csv.reader([file.readline().decode("utf-8", "replace")]), [])
            column = next((name for name in SCORES if name in header), "")
            if not column:
                return Spark()
            place, begin = header.index(column), file.tell()
            lines = file.read().split(b"\n")[:-1] if size < 65536 else _sampled(file, begin, size)
    except OSError:
        return Spark()
    rows = [line.split(b",") for line in lines]
    values = [value for row in rows if len(row) == len(header) and (value := _finite(row[place])) is not None]
    if len(values) > SPARKS:
        values = [values[at] for at in np.linspace(0, len(values) - 1, SPARKS).astype(int)]
    return Spark(column, tuple(values))


def _sampled(file, begin: int, size: int) -> list[bytes]:
    """Whole lines at places that are spread over the file, the last one among them."""
    lines = []
    for place in np.linspace(begin, max(begin, size - 16384), SPARKS).astype(int):
        file.seek(int(place))
        file.readline()  # the rest of the line that we fell into
        line = file.readline()
        if line.endswith(b"\n"):
            lines.append(line[:-1])
    file.seek(max(begin, size - 16384))
    tail = file.read().split(b"\n")[1:-1]
    return [*lines, *tail[-1:]]


def _finite(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


# -- snapshots -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """One state of the model during training; what the model does not answer is None.

    points: float32 [n, d], of q(z|x) of the followed test images; index, labels: [n]; pseudo: [K, d];
    originals, reconstructions, samples: uint8 [m, C, H, W].
    """

    epoch: int
    points: np.ndarray | None
    index: np.ndarray
    labels: np.ndarray
    pseudo: np.ndarray | None
    originals: np.ndarray
    reconstructions: np.ndarray | None
    samples: np.ndarray | None


@dataclass(frozen=True)
class Plane:
    """A projection on a plane: y = (z - middle) axes, [d] and [d, 2], with the titles of the two axes."""

    middle: np.ndarray
    axes: np.ndarray
    titles: tuple[str, str] = field(default=("z₁", "z₂"))

    def of(self, points: np.ndarray) -> np.ndarray:
        return (points - self.middle) @ self.axes


_numbers = count()


class Snapshots:
    """The snapshots of one run as its file now is. number: its own, as of a `History`."""

    def __init__(self, path: Path, stamp: int):
        from safetensors import safe_open

        self.number, self._path = next(_numbers), path
        with safe_open(path, framework="numpy") as file:
            self._names = set(file.keys())
            self.epochs: tuple[int, ...] = tuple(int(epoch) for epoch in file.get_tensor("epochs"))
            self._fixed = {name: file.get_tensor(name) for name in ("index", "labels", "originals")}
        self._read: dict[int, Snapshot] = {}
        self._plane: Plane | None = None

    @property
    def followed(self) -> tuple[int, int]:
        """How many test images are followed, spread evenly from the first to the last, and of how many."""
        index = self._fixed["index"]
        return len(index), int(index.max()) + 1

    def at(self, epoch: int) -> Snapshot:
        """The last snapshot that is not later than this epoch, or the first."""
        row = max((row for row, at in enumerate(self.epochs) if at <= epoch), default=0)
        if row not in self._read:
            self._read = dict(list(self._read.items())[-8:]) | {row: self._snapshot(row)}
        return self._read[row]

    def _snapshot(self, row: int) -> Snapshot:
        from safetensors import safe_open

        with safe_open(self._path, framework="numpy") as file:

            def get(name: str) -> np.ndarray | None:
                return file.get_slice(name)[row] if name in self._names else None

            points, pseudo = get("mean"), get("pseudo_means")
            return Snapshot(
                self.epochs[row],
                None if points is None else points.astype(np.float32),
                self._fixed["index"],
                self._fixed["labels"],
                None if pseudo is None else pseudo.astype(np.float32),
                self._fixed["originals"],
                get("reconstructions"),
                get("samples"),
            )

    def plane(self) -> Plane | None:
        """Latent space itself where it has two dimensions, else the first two principal components of the last
        snapshot, each turned so that its largest loading is positive. None without points or with one dimension."""
        if self._plane is None:
            points = self.at(self.epochs[-1]).points
            if points is None or points.ndim != 2 or points.shape[1] < 2:
                return None
            self._plane = Plane(np.zeros(2), np.eye(2)) if points.shape[1] == 2 else principal(points)
        return self._plane


def principal(points: np.ndarray) -> Plane:
    """The first two principal components of points [n, d]."""
    middle = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - middle).T.astype(np.float64)))
    axes = vectors[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return Plane(middle, axes, ("first principal component", "second"))


def snapshots(path: Path) -> Snapshots | None:
    """The snapshots of the run in this folder; None before the first, or where the file is damaged."""
    file = path / SNAPSHOTS
    try:
        return _snapshots(file, file.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=32)
def _snapshots(path: Path, stamp: int) -> Snapshots | None:
    from safetensors import SafetensorError

    try:
        return Snapshots(path, stamp)
    except (SafetensorError, KeyError, ValueError):
        return None
