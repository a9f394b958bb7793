"""The result of a sweep as one table: a row for each combination of factors, its seeds averaged.

Plain columns and numbers; pages, the command line and the figure are made from the same `Table`.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .grid import SEED
from .measures import MEASURES, Measure, Value

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Cell:
    """A number of one row: the mean over seeds and its standard error, s / sqrt(n).

    standard_error: None with a single seed; by_seed: {seed: number}; total: of how many, for counts, or None.
    """

    mean: float
    standard_error: float | None
    by_seed: dict[Any, float]
    total: int | None = None

    @property
    def n(self) -> int:
        return len(self.by_seed)


@dataclass(frozen=True)
class Row:
    """One combination of factors.

    factors: {field: value}, without the seed and without fields that do not apply to it; runs: names of its runs;
    states: {"finished": 2, "running": 1}; cells: by the keys of `measures`, over the runs that have finished.
    """

    factors: dict[str, Any]
    runs: tuple[str, ...]
    states: dict[str, int]
    cells: dict[str, Cell]

    @property
    def state(self) -> str:
        """`2 finished, 1 running`."""
        return ", ".join(f"{number} {state}" for state, number in self.states.items())


@dataclass(frozen=True)
class Table:
    """All rows of a sweep, in the order of its grid.

    factors: {field: what it is, in words}, without the seed; measures: those that some run has; provenance: how each
    was measured, by its key; notes: what cannot be read from the numbers, a sentence each.
    """

    name: str
    factors: dict[str, str]
    measures: tuple[Measure, ...]
    rows: tuple[Row, ...]
    provenance: dict[str, str]
    notes: tuple[str, ...]

    def columns(self) -> dict[str, list[str]]:
        """The table as it is shown: titles with units, and a text for each row, "" where there is nothing.

        `st.dataframe(table.columns())` and `rich` take it as it is.
        """
        shown = {heading(path): [text(row.factors.get(path)) for row in self.rows] for path in self.factors}
        shown["runs"] = [row.state for row in self.rows]
        for measure in self.measures:
            title = measure.title + (f", {measure.unit}" if measure.unit else "")
            shown[title] = [_shown(row.cells.get(measure.key), measure) for row in self.rows]
        return shown

    def plain(self) -> list[dict[str, Any]]:
        """The rows as JSON: factors, states and numbers by seed, each with its unrounded mean and standard error."""
        return [
            {
                "factors": row.factors,
                "runs": list(row.runs),
                "states": row.states,
                **{
                    key: {
                        "mean": cell.mean,
                        "standard_error": cell.standard_error,
                        "by_seed": {str(seed): number for seed, number in cell.by_seed.items()},
                    }
                    for key, cell in row.cells.items()
                },
            }
            for row in self.rows
        ]

    def axes(self) -> list[str]:
        """The factors that can be the x axis of a figure: numbers, two different ones at least. Most values first."""
        levels = {
            path: {row.factors[path] for row in self.rows if is_number(row.factors.get(path))} for path in self.factors
        }
        return sorted((path for path, found in levels.items() if len(found) > 1), key=lambda path: -len(levels[path]))


def table(
    name: str,
    titles: Mapping[str, str],
    members: Iterable[tuple[str, dict[str, Any], str, Mapping[str, Value]]],
    notes: Iterable[str] = (),
) -> Table:
    """The table of some runs, each given as (name, factors with the seed, state, numbers).

    Numbers that were not measured in the same way are not averaged; a note says so. notes: further ones.
    """
    groups: dict[str, list[tuple[str, dict[str, Any], str, Mapping[str, Value]]]] = {}
    for member in members:
        factors = {path: value for path, value in member[1].items() if path != SEED}
        groups.setdefault(repr(sorted(factors.items())), []).append(member)
    said: dict[str, dict[str, None]] = {}
    mixed: set[str] = set()
    rows = []
    for group in groups.values():
        cells = {}
        for measure in MEASURES:
            values = {
                seed: numbers[measure.key]
                for seed, numbers in ((_seed(member), member[3]) for member in group)
                if measure.key in numbers
            }
            ways = {value.provenance: None for value in values.values()}
            said.setdefault(measure.key, {}).update(ways)
            if len(ways) == 1:
                cells[measure.key] = _cell(values)
            elif ways:
                mixed.add(measure.title)
        factors = {path: value for path, value in group[0][1].items() if path != SEED}
        states = dict(Counter(member[2] for member in group))
        rows.append(Row(factors, tuple(member[0] for member in group), states, cells))
    return Table(
        name=name,
        factors={path: title for path, title in titles.items() if path != SEED},
        measures=tuple(measure for measure in MEASURES if any(measure.key in row.cells for row in rows)),
        rows=tuple(rows),
        provenance={key: "; or ".join(ways) for key, ways in said.items() if ways},
        notes=(*_notes(rows, said, mixed), *notes),
    )


def _seed(member: tuple[str, dict[str, Any], str, Mapping[str, Value]]) -> Any:
    return member[1].get(SEED, member[0])  # without a factor "seed", a run is its own repetition


def _cell(values: Mapping[Any, Value]) -> Cell:
    numbers = [value.number for value in values.values()]
    error = statistics.stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None
    totals = {value.total for value in values.values()}
    return Cell(
        statistics.fmean(numbers),
        error,
        {seed: value.number for seed, value in values.items()},
        totals.pop() if len(totals) == 1 else None,
    )


def _notes(rows: list[Row], said: Mapping[str, dict[str, None]], mixed: set[str]) -> tuple[str, ...]:
    notes = []
    if any(cell.n > 1 for row in rows for cell in row.cells.values()):
        notes.append("Numbers are the mean ± its standard error over seeds.")
    if any(state != "finished" for row in rows for state in row.states):
        notes.append("Numbers are of the runs that have finished.")
    titles = {measure.key: measure.title for measure in MEASURES}
    for title in sorted(mixed):
        notes.append(
            f"{title}: the runs of a row were measured in different ways, so they are not averaged; evaluate them all "
            "in the same way."
        )
    for key, ways in said.items():
        if len(ways) > 1 and titles[key] not in mixed:
            notes.append(f"{titles[key]}: not all rows were measured in the same way, so they do not compare.")
    return tuple(notes)


# -- words -------------------------------------------------------------------------------------------------


def heading(path: str) -> str:
    """A factor's short name: "prior" for model.prior.kind, "prior.components" for model.prior.components."""
    return path.removeprefix("model.").removesuffix(".kind")


def text(value: Any) -> str:
    """A factor's value in a table; "–" where the factor does not apply."""
    if value is None:
        return "–"
    return f"{value:g}".replace("-", MINUS) if isinstance(value, float) else str(value)


def _shown(cell: Cell | None, measure: Measure) -> str:
    if cell is None:
        return ""
    spread = "" if cell.standard_error is None else f" ± {cell.standard_error:.{measure.digits}f}"
    of = "" if cell.total is None else f" of {cell.total}"
    digits = 0 if not measure.unit and cell.n == 1 else measure.digits
    return f"{cell.mean:,.{digits}f}".replace("-", MINUS) + spread + of


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
