"""The library's numbers as tables: one for each data set, measure and binarisation, since only within one they compare.

Nothing here needs torch but `against_best`, which pairs the numbers image by image.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from explorer import pairs, words
from explorer.entry import Entry, order

NONE = "no likelihood"
SURE = 2.0
"""Standard errors that a paired difference must be from zero."""


@dataclass(frozen=True)
class Kind:
    """What the numbers of one table are of. measure, binarisation, split: as metrics.json says them; "" without any."""

    data: str
    data_title: str
    measure: str = ""
    binarisation: str = ""
    split: str = ""

    @property
    def title(self) -> str:
        """`MNIST: binary images, drawn anew for each epoch`, `Digits 8x8: density of gray images`."""
        return f"{self.data_title}: {self._images}"

    @property
    def _images(self) -> str:
        if not self.measure:
            return NONE
        kind, _, drawn = (part.strip() for part in self.measure.partition(", binarisation:"))
        how = {
            "dynamic": "binary, dynamic",
            "fixed": "binary, one draw",
            "static": "binary, one draw",
            "given": "binary as given",
            "none": "256 levels" if kind == "discrete" else "gray",
        }.get(drawn, drawn)
        return how if kind == "discrete" else f"{kind}, {how}"


@dataclass(frozen=True)
class Result:
    """A model's numbers, None where there are none; nats, seconds.

    bound: whether the likelihood is a lower bound only; against: the difference of the best to this model, or one
    sentence on why there is none; best: whether it is better than every other one, beyond the differences' errors.
    """

    entry: Entry
    value: float | None
    error: float | None
    estimator: str
    samples: int | None
    images: int | None
    elbo: float | None
    kl: float | None
    distortion: float | None
    active: int | None
    units: int | None
    parameters: int | None
    seconds: float | None
    epochs: int | None
    against: pairs.Difference | str | None = None
    best: bool = False

    @property
    def bound(self) -> bool:
        return self.estimator == "bound"


# -- reading ---------------------------------------------------------------------------------------------------


def kind(entry: Entry) -> Kind:
    """The table that the model stands in."""
    found = _part(entry, "log_likelihood")
    if _real(found.get("value")) is None:
        return Kind(entry.data, entry.data_title)
    said = (str(found.get(name, "")) for name in ("measure", "binarisation", "split"))
    return Kind(entry.data, entry.data_title, *said)


def read(entry: Entry) -> Result:
    """The numbers of metrics.json."""
    likelihood, bound, units, trained = (_part(entry, name) for name in ("log_likelihood", "elbo", "units", "training"))
    reconstruction = _real(bound.get("reconstruction"))
    return Result(
        entry,
        _real(likelihood.get("value")),
        _real(likelihood.get("standard_error")),
        str(likelihood.get("estimator", "")),
        _whole(likelihood.get("samples")),
        _whole(likelihood.get("images")),
        _real(bound.get("value")),
        _real(bound.get("kl")),
        None if reconstruction is None else -reconstruction,
        _whole(units.get("active")),
        _whole(units.get("total")),
        _whole(trained.get("parameters")),
        _real(trained.get("seconds")),
        _whole(trained.get("epochs")),
    )


def tables(entries: list[Entry]) -> dict[Kind, list[Result]]:
    """All models, by what their numbers are of; tables of likelihoods first, the largest of a data set first."""
    found: dict[Kind, list[Result]] = {}
    for entry in sorted(entries, key=order):
        found.setdefault(kind(entry), []).append(read(entry))
    data = list(dict.fromkeys(one.data for one in found))
    return dict(sorted(found.items(), key=lambda pair: (not pair[0].measure, data.index(pair[0].data), -len(pair[1]))))


def _part(entry: Entry, name: str) -> dict[str, Any]:
    found = entry.metrics.get(name)
    return found if isinstance(found, dict) else {}


def _real(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# -- which is best -----------------------------------------------------------------------------------------------


def against_best(rows: list[Result]) -> tuple[list[Result], str]:
    """The rows with their differences to the best one, and a sentence on which is best, or why none is.

    Best is the model of the highest estimate, if by its paired difference it is better than every other one by more
    than `SURE` standard errors. Lower bounds do not take part: what is above a bound may be below what it bounds.
    """
    contenders = [row for row in rows if row.value is not None and not row.bound]
    if len(contenders) < 2:
        return rows, ""
    first = max(contenders, key=lambda row: row.value or 0.0)
    compared = [
        row
        if row is first or row.value is None
        else replace(row, against=pairs.difference(first.entry, row.entry, "log_likelihood"))
        for row in rows
    ]
    rivals = [row for row in compared if row.value is not None and not row.bound and row.entry is not first.entry]
    apart = [row for row in rivals if isinstance(row.against, str)]
    near = [row for row in rivals if (gap := gap_of(row)) is not None and gap.value <= SURE * gap.error]
    name = first.entry.name
    if apart:
        missing = " and ".join(f"{row.entry.name} ({_taken(row)})" for row in apart[:2])
        missing += " and others" if len(apart) > 2 else ""
        return compared, (f"None is bold: {name} ({_taken(first)}) is highest, but not paired with {missing}.")
    if near:
        closest = min(near, key=_standing)
        return compared, (
            f"None is bold: {name} is highest, but by {_spoken(closest)} nats to {closest.entry.name}, "
            f"within {SURE:g} standard errors."
        )
    closest = min(rivals, key=_standing)
    return [replace(row, best=row.entry is first.entry) for row in compared], (
        f"**{name}** is best by its paired differences: the closest, {closest.entry.name}, is behind by "
        f"{_spoken(closest)} nats."
    )


def _taken(row: Result) -> str:
    """On how many images, and with how many samples: `1,000 images, 100 samples`."""
    samples = f", {words.count(row.samples, 'sample')}" if row.samples and row.estimator == "importance" else ""
    return words.count(row.images or 0, "image") + samples


def gap_of(row: Result) -> pairs.Difference | None:
    """The difference of the best to this model, where there is one."""
    return None if isinstance(row.against, str) else row.against


def _standing(row: Result) -> float:
    gap = gap_of(row)
    return 0.0 if gap is None else gap.value


def _spoken(row: Result) -> str:
    """`0.57 ± 0.15`."""
    gap = gap_of(row)
    return "" if gap is None else f"{words.number(gap.value)} ± {words.number(gap.error)}"


# -- as a table ----------------------------------------------------------------------------------------------------

SORTS: dict[str, Callable[[Result], Any]] = {
    "Log-likelihood": lambda row: (row.value is None, -(row.value or 0.0), row.entry.name),
    "Name": lambda row: row.entry.name,
    "Latent size": lambda row: (row.entry.size, row.entry.name),
    "Parameters": lambda row: (row.parameters is None, row.parameters or 0, row.entry.name),
    "Training time": lambda row: (row.seconds is None, row.seconds or 0.0, row.entry.name),
}


def estimated(row: Result) -> str:
    """`importance, 500 samples`, `exact`, `lower bound`; why there is none."""
    if row.value is None:
        return NONE if row.entry.metrics.get("no_likelihood") else "not measured yet"
    if row.estimator == "importance":
        return f"importance, {words.count(row.samples or 0, 'sample')}"
    return {"bound": "lower bound"}.get(row.estimator, row.estimator)


COLUMNS: dict[str, Callable[[Result], Any]] = {
    "model": lambda row: row.entry.name,
    "log p(x), nats": lambda row: row.value,
    "± SE": lambda row: row.error,
    "best − this": lambda row: None if (gap := gap_of(row)) is None else gap.value,
    "± SE of it": lambda row: None if (gap := gap_of(row)) is None else gap.error,
    "estimator": estimated,
    "images": lambda row: row.images,
    "ELBO": lambda row: row.elbo,
    "KL (rate)": lambda row: row.kl,
    "distortion": lambda row: row.distortion,
    "family": lambda row: row.entry.family,
    "prior": lambda row: row.entry.prior_title if row.entry.prior != "none" else "none",
    "latent space": lambda row: row.entry.space_title,
    "active units": lambda row: row.active,
    "of": lambda row: row.units,
    "parameters": lambda row: row.parameters,
    "training, s": lambda row: row.seconds,
    "epochs": lambda row: row.epochs,
}


def columns(rows: list[Result]) -> dict[str, list[Any]]:
    """The table, a list for each column; None where a model has no such number."""
    return {name: [find(row) for row in rows] for name, find in COLUMNS.items()}


def csv_bytes(of: dict[Kind, list[Result]]) -> bytes:
    """Tables as one CSV file: what the numbers are of stands in each row, so that none are mixed up."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["data", "measure", "binarisation of the images", "split", *COLUMNS])
    for one, rows in of.items():
        for row in rows:
            cells = ["" if (value := find(row)) is None else value for find in COLUMNS.values()]
            writer.writerow([one.data, one.measure, one.binarisation, one.split, *cells])
    return out.getvalue().encode("utf-8")
