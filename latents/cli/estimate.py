"""`latents estimate`: what a recipe costs on this machine, before it is trained."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from .app import app, console
from .train import overrides


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, no_args_is_help=True)
def estimate(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="a preset's name, or a recipe's JSON file")],
    seconds: Annotated[float, typer.Option(min=0, max=600, help="how long to measure, about")] = 3.0,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Train a recipe for a moment, into nothing, and print how long an epoch takes and how much memory is needed.

    Any field of the recipe is an option by its dotted name, as for [bold]latents train[/].
    """
    from ..estimate import measure, size
    from ..recipe import override, read_recipe

    found = measure(override(read_recipe(recipe), overrides(context.args)), seconds, accelerator=accelerator)
    if as_json:
        print(json.dumps(found.json(), indent=2))
        return
    table = Table("stage", "epochs at most", "steps of an epoch", "seconds of an epoch", box=box.SIMPLE)
    for stage in found.stages:
        taken = stage["seconds_per_epoch"]
        said = "not measured" if taken is None else f"{taken:.3g}"
        table.add_row(stage["name"], f"{stage['epochs']:,}", f"{stage['steps']:,}", said)
    console.print(table)
    parts = ", ".join(f"{name} {size(count)}" for name, count in found.memory.parts.items() if count)
    for line in (
        f"{duration(found.seconds)} at most on {found.device}, from {found.measured} steps",
        f"{size(found.memory.bytes)} of memory ({parts}); {size(found.available)} are free",
        f"{found.memory.parameters:,} parameters",
    ):
        console.print(line, highlight=False)


def duration(seconds: float) -> str:
    """A time for people: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
