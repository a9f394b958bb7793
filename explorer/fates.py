"""What became of each unit during training: when it died, if it did. Needs no torch."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np

from explorer import library, naming
from explorer.library import Entry
from explorer.words import capital


@dataclass(frozen=True)
class UnitHistory:
    """The variance of each unit's posterior mean as training went on.

    epochs [E], ascending; variances [E, d]; source: after which epochs and on which images; weighted: whether the KL
    had a weight that training followed.
    """

    epochs: np.ndarray
    variances: np.ndarray
    source: str
    weighted: bool = False


@dataclass(frozen=True)
class Fates:
    """What became of the units at a threshold; units are counted from 1.

    died: {unit: the epoch from which on it stayed dead}, of units that were alive before; never: units that were never
    alive; alive: units that are alive at the end.
    """

    died: dict[int, int]
    never: tuple[int, ...]
    alive: tuple[int, ...]


def history(entry: Entry) -> UnitHistory | None:
    """The units' history from history.csv (every epoch) or else from the snapshots; None where there is none."""
    rows, shots = entry.path / "history.csv", entry.path / "snapshots.safetensors"
    stamp = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in (rows, shots))
    return library.remember("unit history", entry, lambda: _from_rows(rows) or _from_snapshots(shots), *stamp)


def _from_rows(path) -> UnitHistory | None:
    """A row per epoch; a last line without a newline is still being written and is left out."""
    try:
        text = path.read_text("utf-8")
        rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
        names = [name for name in rows[0] if name.startswith("variance_")]
        rows = [row for row in rows if row[names[0]]] if names else []  # other stages have other columns
        epochs = np.array([int(row["epoch"]) for row in rows])
        variances = np.array([[float(row[name]) for name in names] for row in rows])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    if not names or len(rows) < 2:
        return None
    source = "after every epoch, on at most 500 images of the validation split"
    return UnitHistory(epochs, variances, source, "beta" in rows[0])


def _from_snapshots(path) -> UnitHistory | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            epochs, variances = file.get_tensor("epochs"), file.get_tensor("variances")
            images = file.get_slice("index").get_shape()[0]
    except (OSError, SafetensorError):
        return None
    if len(epochs) < 2:
        return None
    return UnitHistory(epochs, variances, f"at {len(epochs)} epochs, on {images:,} test images")


def fates(found: UnitHistory, threshold: float) -> Fates:
    """Which units died, and when: at the first epoch of the last stretch in which the variance was under it."""
    died, never, alive = {}, [], []
    for unit, active in enumerate((found.variances > threshold).T, start=1):
        if not active.any():
            never.append(unit)
        elif active[-1]:
            alive.append(unit)
        else:
            died[unit] = int(found.epochs[np.flatnonzero(active)[-1] + 1])
    return Fates(died, tuple(never), tuple(alive))


def sentence(found: Fates, names: list[str] | None = None) -> str:
    """`3 units died: unit 7 at epoch 12, units 1 and 9 at epoch 14. 2 units never came alive.`

    names: of all units (see `naming.units`), where they are not simply counted.
    """
    parts = []
    if found.died:
        at: dict[int, list[int]] = {}
        for unit, epoch in found.died.items():
            at.setdefault(epoch, []).append(unit)
        told = "; ".join(f"{_units(units, names)} at epoch {epoch}" for epoch, units in sorted(at.items()))
        many = len(found.died)
        parts.append(f"**{many} unit{'s' if many > 1 else ''} died**: {told}.")
    else:
        parts.append("**No unit died**: all that were once alive are alive at the end.")
    if found.never:
        parts.append(f"{capital(_units(list(found.never), names))} never came alive.")
    return " ".join(parts)


def _units(units: list[int], names: list[str] | None) -> str:
    named = [naming.spoken(str(unit) if names is None else names[unit - 1]) for unit in units]
    if len(named) == 1:
        return named[0]
    bare = [name.removeprefix("unit ") for name in named]
    return f"units {', '.join(bare[:-1])} and {bare[-1]}"
