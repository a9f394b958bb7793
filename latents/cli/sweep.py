"""`latents sweep`: a grid of runs, and their numbers as one table."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from .app import app, complain, console
from .train import overrides

_POLL = 1.0  # seconds between two looks at the runs


class _Sweeps(typer.core.TyperGroup):
    """`latents sweep PRESET --grid ...` is `latents sweep start PRESET --grid ...`."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and not ({"--help"} & set(args[:1])):
            args = ["start", *args]
        return super().parse_args(ctx, args)


sweeps = typer.Typer(cls=_Sweeps, no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(
    sweeps,
    name="sweep",
    help="Train a grid of recipes and put their numbers side by side: "
    "[bold]latents sweep digits-vampprior-8d --grid model.prior.components=10,50 --grid seed=0,1 --name k[/].",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="of a sweep", show_default=False)]
RootOption = Annotated[
    Path | None, typer.Option(help="the folder of runs; by default EXPLORER_RUNS, or the project's runs/")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@sweeps.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    no_args_is_help=True,
)
def start(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="a preset's name, or a recipe's JSON file")],
    grid: Annotated[list[str], typer.Option(help="a field and its values: model.prior.components=10,50,100")],
    name: Annotated[str, typer.Option("--name", "--as", help="of the sweep; its runs' names begin with it")],
    where: Annotated[str, typer.Option("--where", "--on", help="here, or a Ray cluster: http://head:8265")] = "here",
    root: RootOption = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="devices of each run")] = 1,
    strategy: Annotated[str, typer.Option(help="how one run uses several devices, as Fabric's")] = "auto",
    log: Annotated[list[str] | None, typer.Option(help="what is written beside the history: tensorboard")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="stay until all runs are over, then print the table")] = False,
) -> None:
    """Launch all runs of a grid; the same command again continues what is missing.

    Any field of the recipe is an option by its dotted name, the same for all runs. Fields that a combination has no
    use for are left out of it, and equal runs are one run.
    """
    from .. import runs, sweep
    from ..recipe import read_recipe

    place = root or runs.default_root()
    plan = sweep.plan(name, read_recipe(recipe), sweep.parse(grid), overrides(context.args))
    for note in plan.notes:
        console.print(note, highlight=False, soft_wrap=True)
    options = runs.Options(accelerator=accelerator, devices=devices, strategy=strategy, log=tuple(log or ()))
    did = sweep.launch(
        place,
        plan,
        where=where,
        options=options,
        watch=lambda run, said: console.print(f"{said}: {run}", highlight=False, soft_wrap=True),
    )
    for problem in did.problems:
        complain(problem)
    console.print(
        f"{len(did.started)} started, {len(did.resumed)} resumed, {len(did.left)} left as they are"
        + (
            f", {len(did.sweep.members) - len(did.started) - len(did.resumed) - len(did.left)} not started"
            * bool(did.problems)
        )
        + f"; look at them with  latents sweep show {name}",
        highlight=False,
        soft_wrap=True,
    )
    if wait:
        _wait(place, name)
        _print_table(sweep.get(place, name))
    if did.problems:
        raise typer.Exit(2)


def _wait(place: Path, name: str) -> None:
    """Until every run is over, with a line whenever the states change."""
    from .. import runs, sweep

    said = ""
    while True:
        found = sweep.get(place, name)
        now = _states(found)
        if now != said:
            console.print(now, highlight=False)
            said = now
        if not any(member.state in (*runs.LIVE, runs.QUEUED) for member in found.members):
            return
        runs.find(place)  # sends for somebody who looks after the queue, where nobody does
        time.sleep(_POLL)


@sweeps.command("list")
def list_sweeps(root: RootOption = None, as_json: JsonOption = False) -> None:
    """Print all sweeps."""
    from .. import runs, sweep

    place = root or runs.default_root()
    broken: list[str] = []
    found = sweep.find(place, broken)
    if as_json:
        rows = [{"name": one.name, "created": one.created, "grid": one.grid, "states": one.states} for one in found]
        print(json.dumps(rows, indent=2))
    elif found:
        table = Table("sweep", "launched", "grid", "runs", title=str(place), title_justify="left", box=box.SIMPLE)
        for one in found:
            grid = "\n".join(f"{path} = {', '.join(values)}" for path, values in one.grid.items())
            table.add_row(one.name, one.created[:16].replace("T", " "), grid, _states(one))
        console.print(table)
    else:
        console.print(f"there is no sweep in {place}", highlight=False, soft_wrap=True)
    for sentence in broken:
        complain(sentence)


@sweeps.command()
def show(name: NameArgument, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Print the runs of a sweep: their factors, states and progress."""
    from .. import runs, sweep

    found = sweep.get(root or runs.default_root(), name)
    if as_json:
        rows = [
            {
                "name": member.name,
                "run": member.run.name if member.run else None,
                "factors": member.factors,
                "state": member.state,
                "progress": member.progress,
                "error": member.run.error if member.run else None,
            }
            for member in found.members
        ]
        print(json.dumps(rows, indent=2))
        return
    table = Table("run", *found.grid, "state", "done", title=_states(found), title_justify="left", box=box.SIMPLE)
    for member in found.members:
        factors = [str(member.factors.get(path, "–")) for path in found.grid]
        where = f" on {member.run.where}" if member.run is not None and member.run.where != "here" else ""
        table.add_row(
            member.run.name if member.run else member.name, *factors, member.state + where, f"{member.progress:.0%}"
        )
    console.print(table)
    for note in found.notes:
        console.print(note, highlight=False, soft_wrap=True)
    for member in found.members:
        if member.run is not None and member.run.error:
            complain(f"{member.run.name}: {member.run.error}")


@sweeps.command()
def table(name: NameArgument, root: RootOption = None, as_json: JsonOption = False) -> None:
    """Print the result of a sweep: numbers as mean ± standard error over seeds, with how they were measured."""
    from .. import runs, sweep

    found = sweep.get(root or runs.default_root(), name)
    if as_json:
        result = found.table()
        print(json.dumps({"rows": result.plain(), "provenance": result.provenance, "notes": result.notes}, indent=2))
        return
    _print_table(found)


def _print_table(found) -> None:
    result = found.table()
    columns = result.columns()
    shown = Table(*columns, title=found.name, title_justify="left", box=box.SIMPLE)
    for row in zip(*columns.values(), strict=True):
        shown.add_row(*row)
    console.print(shown)
    titles = {measure.key: measure.title for measure in result.measures}
    for key, how in result.provenance.items():
        if key in titles:
            console.print(f"{titles[key]}: {how}", highlight=False, soft_wrap=True)
    for note in result.notes:
        console.print(note, highlight=False, soft_wrap=True)


@sweeps.command()
def stop(name: NameArgument, root: RootOption = None) -> None:
    """Stop all runs of a sweep; launching it again continues."""
    from .. import runs, sweep

    asked = sweep.stop(sweep.get(root or runs.default_root(), name))
    for run in asked:
        console.print(f"asked to stop: {run}", highlight=False, soft_wrap=True)
    if not asked:
        console.print("none of its runs is running or waiting")


@sweeps.command()
def evaluate(
    name: NameArgument,
    samples: Annotated[int, typer.Option(min=1, help="importance samples per image")] = 500,
    images: Annotated[
        int | None, typer.Option(min=1, help="test images, spread over the split; all by default")
    ] = None,
    root: RootOption = None,
    accelerator: Annotated[
        str, typer.Option("--device", help="cpu or cuda; auto takes a GPU where there is one")
    ] = "auto",
) -> None:
    """Evaluate the finished runs of a sweep, here: test ELBO and log-likelihood come into its table."""
    from .. import runs, sweep
    from ..card import write_card
    from ..evaluation import evaluate as measure
    from ..folder import ModelFolder
    from .app import device

    found = sweep.get(root or runs.default_root(), name)
    chosen = device(accelerator)
    for member in found.members:
        if member.run is None or member.state != runs.FINISHED:
            complain(f"{member.name} is {member.state}: not evaluated")
            continue
        folder = ModelFolder(member.run.path)
        entries = measure(folder, samples=samples, images=images, device=chosen)
        write_card(folder)
        value = entries["log_likelihood"]["value"]
        console.print(f"{member.run.name}: test log-likelihood {value:.2f} nats", highlight=False, soft_wrap=True)
    _print_table(sweep.get(found.root, name))


def _states(found) -> str:
    return ", ".join(f"{number} {state}" for state, number in found.states.items())
