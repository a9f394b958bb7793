"""Sweeps: a grid of recipes as ordinary runs, and their numbers as one table.

A sweep is a file NAME.sweep.json in the folder of runs, which says what was asked and which run is which; the runs
themselves are model folders like any other and live without it.

    plan = sweep.plan("active", base, sweep.parse(["model.prior.components=10,50,100", "seed=0,1"]))
    sweep.launch(root, plan)                 # starts what is missing; the same call again continues
    found = sweep.get(root, "active")        # .members, .states, .progress
    found.table()                            # factors, numbers as mean ± standard error over seeds, provenance

The figure of a table is `explorer.charts.sweep.against`. Looking at sweeps needs no torch.
"""

from .grid import Plan, Point, parse, plan
from .launching import launch, stop
from .measures import MEASURES, Measure
from .stored import Member, Sweep, find, get
from .table import Cell, Row, Table

__all__ = [
    "MEASURES",
    "Cell",
    "Measure",
    "Member",
    "Plan",
    "Point",
    "Row",
    "Sweep",
    "Table",
    "find",
    "get",
    "launch",
    "parse",
    "plan",
    "stop",
]
