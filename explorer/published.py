"""The papers' own numbers, as they were printed: what ours are held against, and never mistaken for.

All of them stand in published.json, each with the paper it is from. A number compares with ours only where the paper
says the same data, the same measure and the same binarisation; where it does not, no figure shows both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("published.json")
LOG_LIKELIHOOD, ELBO = "log-likelihood", "ELBO"


@dataclass(frozen=True)
class Paper:
    """A paper: `Davidson et al. 2018`, its full citation and link, and how its models differ from ours."""

    short: str
    cited: str
    link: str
    differs: str


@dataclass(frozen=True)
class Published:
    """One printed number.

    table: where in the paper, "" where that is not known; data: as the paper calls them; model, prior: its parts;
    number: "log-likelihood" or "ELBO"; value: in `unit` ("nats", higher is better; "bits/dim", lower is better);
    name, measure: our data set and measure that it is of, None where the paper's binarisation is not known.
    """

    paper: Paper
    table: str
    data: str
    model: str
    prior: str
    number: str
    unit: str
    value: float
    name: str | None
    measure: str | None

    @property
    def source(self) -> str:
        """`Davidson et al. 2018, Table 1`."""
        return ", ".join(part for part in (self.paper.short, self.table) if part)


@lru_cache(maxsize=1)
def all_numbers() -> tuple[Published, ...]:
    """All numbers of the file, in its order."""
    said = json.loads(FILE.read_text("utf-8"))
    papers = {key: Paper(**fields) for key, fields in said["papers"].items()}
    found = []
    for fields in said["numbers"]:
        ours = said["data"][fields["data"]] or {"name": None, "measure": None}
        found.append(Published(**(fields | {"paper": papers[fields["paper"]]} | ours)))
    return tuple(found)


def comparable(name: str, measure: str) -> list[Published]:
    """The printed log-likelihoods of this data set and measure."""
    return [
        one
        for one in all_numbers()
        if (one.name, one.measure, one.number, one.unit) == (name, measure, LOG_LIKELIHOOD, "nats")
    ]


def papers() -> list[Paper]:
    """The papers, in the file's order."""
    return list(dict.fromkeys(one.paper for one in all_numbers()))


def of(paper: Paper) -> list[Published]:
    """The numbers of a paper."""
    return [one for one in all_numbers() if one.paper == paper]


NAMES = 4
"""Columns of `table` that say what a number is; the others are priors."""


def table(paper: Paper) -> tuple[list[str], list[list[str | float | None]]]:
    """A paper's table: its head, and a row for each data set, model and number, with a column for each prior."""
    mine = of(paper)
    priors = list(dict.fromkeys(one.prior for one in mine))
    cells: dict[tuple[str, ...], dict[str, float]] = {}
    for one in mine:
        cells.setdefault((one.data, one.model, one.number, one.unit), {})[one.prior] = one.value
    rows = [[*place, *(found.get(prior) for prior in priors)] for place, found in cells.items()]
    return ["data", "model", "number", "unit", *priors], rows
