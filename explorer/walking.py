"""How the rows of Traversals fill their place: how many steps a walk has, and from how many points it starts."""

from __future__ import annotations

from explorer import library, traversal
from explorer.charts import strips
from explorer.library import Entry

HEIGHT, WIDTH, BESIDE = 512, 836, 88
"""Pixels of the rows of one model, and of the names beside them."""
SMALLEST = 40
"""Pixels of a picture's side at least: as many rows are shown at a time as fit so."""
STEPS, MOST_STEPS, FEW, SLOW_ROWS = 7, 15, 6, 4
"""Steps of a walk at least and at most, where as many as fit are shown; and of one whose pictures are drawn pixel by
pixel, and how many walks there are then."""
STARTS = 4
"""Points that walks start from, at most: where there are few units, they are walked from several images."""
HARDLY = 0.87
"""Pictures may be so much smaller than those of the fewest steps and of one start."""
FIT = "As many as fit"


def own_steps(text: object) -> int | None:
    """The visitor's own number of steps; None where as many as fit are shown."""
    return int(text) if isinstance(text, str) and text.isdigit() else None


def at_once(steps: int | None, width: int) -> int:
    """How many rows are shown at a time."""
    return strips.capacity(steps or STEPS, width, HEIGHT, BESIDE, SMALLEST)


def filled(rows: int, steps: int | None, width: int) -> tuple[int, int]:
    """How many steps and starts fill the place, with pictures hardly smaller than they would be anyway.

    rows: walks from one start; steps: the visitor's own, or None: the longest walks come first, then more starts.
    """

    def side(starts: int, columns: int) -> float:
        return strips.fit(max(1, rows) * starts, columns, width, HEIGHT, BESIDE, 99).side

    least = HARDLY * side(1, steps or STEPS)
    long = steps or max(n for n in range(STEPS, MOST_STEPS + 1, 2) if side(1, n) >= least)
    return long, max(n for n in range(1, STARTS + 1) if side(n, long) >= least)


def directions(entry: Entry) -> int:
    """How many directions are walked where no coordinate is a unit."""
    return min(traversal.DIRECTIONS, library.encoding(entry).coordinates.shape[1] - (entry.space_kind == "sphere"))
