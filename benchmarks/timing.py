"""How a claim is measured: single-thread CPU time, references interleaved, medians.

A busy machine slows both sides of a ratio alike when they take turns, and does not count towards CPU time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Claim:
    """A number beside its goal. `goal` None: printed for the record.

    Attributes:
        unit: "x" for ratios.
        at_least: the goal is a lower bound, else an upper one.
        detail: the times behind a ratio, in words.
    """

    what: str
    measured: float
    goal: float | None = None
    unit: str = "x"
    at_least: bool = False
    detail: str = ""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


class Times:
    """CPU seconds of each contender, round by round."""

    def __init__(self, seconds: dict[str, list[float]]):
        self.seconds = seconds

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, to: str) -> float:
        """Median over rounds of time(name) / time(to): both sides of each quotient saw the same machine."""
        pairs = zip(self.seconds[name], self.seconds[to], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def race(contenders: dict[str, Callable[[], object]], rounds: int = 15, calls: int = 1, warm: int = 1) -> Times:
    """Let them take turns: CPU seconds per call in each round, after `warm` rounds that do not count.

    Each round begins with another one, since what ran before leaves its data in the processor's cache.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = deque(contenders.items())
    for turn in range(warm + rounds):
        order.rotate()
        for name, call in order:
            began = time.process_time()
            for _ in range(calls):
                call()
            if turn >= warm:
                seconds[name].append((time.process_time() - began) / calls)
    return Times(seconds)


def show(claims: Iterable[Claim]) -> None:
    """Print claims as one table. Nothing fails: numbers on a shared machine are read, not asserted."""
    table = Table("claim", "measured", "goal", "", "of")
    for claim in claims:
        verdict = {None: "", True: "[green]met", False: "[red]missed"}[claim.met]
        goal = "" if claim.goal is None else f"{'>=' if claim.at_least else '<='} {claim.goal:g} {claim.unit}"
        table.add_row(claim.what, f"{claim.measured:.3g} {claim.unit}", goal, verdict, claim.detail)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
