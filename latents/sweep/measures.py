"""The numbers of one finished run that a sweep puts side by side, each with how it was measured."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

METRICS, HISTORY = "metrics.json", "history.csv"


@dataclass(frozen=True)
class Measure:
    """One kind of number. `digits` after the point; `unit` is empty for counts."""

    key: str
    title: str
    unit: str = "nats"
    digits: int = 2


MEASURES = (
    Measure("active_units", "active units", unit="", digits=1),
    Measure("valid_elbo", "validation ELBO"),
    Measure("valid_kl", "validation KL"),
    Measure("test_elbo", "test ELBO"),
    Measure("test_kl", "test KL"),
    Measure("log_likelihood", "test log-likelihood"),
)


@dataclass(frozen=True)
class Value:
    """A number and how it was measured; `total`: of how many, for counts."""

    number: float
    provenance: str
    total: int | None = None


def measured(folder: Path) -> dict[str, Value]:
    """The numbers of a run's folder, by the keys of MEASURES; what was not measured is not there.

    Damaged files count as none: the run's own page says what is wrong with them.
    """
    return dict(_measured(folder, *(_stamp(folder / name) for name in (METRICS, HISTORY))))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _measured(folder: Path, *stamps: tuple[int, int]) -> dict[str, Value]:
    metrics = _metrics(folder)
    return _units(metrics) | _validated(folder, metrics) | _tested(metrics)


def _metrics(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / METRICS).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _units(metrics: Mapping[str, Any]) -> dict[str, Value]:
    units = _entry(metrics, "units")
    if not _is_number(units.get("active")):
        return {}
    said = f"variance of the {units.get('point', 'mean of q(z|x)')} above {units.get('threshold')}, {_images(units)}"
    return {"active_units": Value(float(units["active"]), said, units.get("total"))}


def _validated(folder: Path, metrics: Mapping[str, Any]) -> dict[str, Value]:
    """From the row of the history whose weights were kept."""
    best = _entry(metrics, "training").get("best_epoch")
    try:
        with open(folder / HISTORY, encoding="utf-8", newline="") as file:
            row = next((row for row in csv.DictReader(file) if row.get("epoch") == str(best)), {})
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    data = _entry(metrics, "units").get("data")
    said = (
        f"validation split{f' of {data}' if data else ''}, at the epoch whose weights were kept, one sample per image"
    )
    found = {}
    for key in ("valid_elbo", "valid_kl"):
        try:
            number = float(row.get(key) or "nan")
        except ValueError:
            continue
        if math.isfinite(number):
            found[key] = Value(number, said)
    return found


def _tested(metrics: Mapping[str, Any]) -> dict[str, Value]:
    found = {}
    for key, entry, field in (
        ("test_elbo", "elbo", "value"),
        ("test_kl", "elbo", "kl"),
        ("log_likelihood", "log_likelihood", "value"),
    ):
        given = _entry(metrics, entry)
        if _is_number(given.get(field)):
            found[key] = Value(float(given[field]), _estimated(given))
    return found


def _estimated(entry: Mapping[str, Any]) -> str:
    estimator = entry.get("estimator")
    samples = f"{entry.get('samples')} samples per image" if entry.get("samples") != 1 else "one sample per image"
    how = {"exact": "exact", "bound": "a lower bound", "importance": f"importance sampling, {samples}"}
    return ", ".join((how.get(str(estimator), samples), str(entry.get("measure", "")), _images(entry))).replace(
        ", , ", ", "
    )


def _images(entry: Mapping[str, Any]) -> str:
    return (
        f"{entry.get('images', 0):,} {entry.get('data', '')} {entry.get('split', 'test')} images, "
        f"{entry.get('binarisation', 'as given')}"
    )


def _entry(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = metrics.get(name)
    return found if isinstance(found, dict) else {}


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
