"""`latents train`: a recipe becomes a model, in this process."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .app import app, console
from .tables import fields_table, print_results


class _TrainCommand(typer.core.TyperCommand):
    """`train --help` ends with the recipe's fields, made from the recipe itself."""

    def format_help(self, ctx, formatter) -> None:
        super().format_help(ctx, formatter)
        from ..recipe import Recipe, fields, other_fields, presets

        console.print("[bold]Presets:[/] " + ", ".join(presets()))
        console.print(fields_table(fields(Recipe()), "Recipe: each field with its default"))
        for choice, rows in other_fields(Recipe()).items():
            console.print(fields_table(rows, f"with --{choice}"))


@app.command(
    cls=_TrainCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, no_args_is_help=True
)
def train(
    context: typer.Context,
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="a preset's name, or a recipe's JSON file")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the folder to write; runs/NAME by default")] = None,
    resume: Annotated[Path | None, typer.Option(help="go on with the run in this folder")] = None,
    prolong: Annotated[
        int | None, typer.Option(min=1, help="with --resume: train so many epochs more, also a finished run")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    devices: Annotated[str, typer.Option(help="how many of them train this model together, or auto for all")] = "1",
    nodes: Annotated[int, typer.Option(min=1, help="on how many machines, each with so many devices")] = 1,
    strategy: Annotated[str, typer.Option(help="how they do: auto or ddp")] = "auto",
    log: Annotated[
        list[str] | None, typer.Option(help="what else is written: tensorboard, into FOLDER/tensorboard")
    ] = None,
) -> None:
    """Train a recipe: [bold]latents train mnist-vampprior-2d --training.epochs 20 --out runs/mine[/].

    Any field of the recipe is an option by its dotted name. Ctrl-C stops cleanly and keeps the model.
    """
    from ..recipe import override, read_recipe
    from ..training import prolong as train_more
    from ..training import resume as go_on
    from ..training import train as start

    changes = overrides(context.args)
    if recipe is not None and resume is not None:
        raise typer.BadParameter("give either a RECIPE to train or --resume FOLDER to go on with, not both")
    if resume is not None and (changes or out):
        raise typer.BadParameter("a resumed run goes on as it was: --resume takes no other recipe field and no --out")
    if prolong is not None and resume is None:
        raise typer.BadParameter("give the run that is prolonged: --resume FOLDER --prolong EPOCHS")
    with stopping() as stop, watching() as watch:
        options: dict[str, Any] = {"watch": watch, "stop": stop, "accelerator": accelerator, "log": log or ()}
        options |= {"devices": devices, "nodes": nodes, "strategy": strategy}
        if resume is not None and prolong is not None:
            folder = train_more(resume, prolong, **options)
        elif resume is not None:
            folder = go_on(resume, **options)
        elif recipe is None:
            raise typer.BadParameter("give a RECIPE to train, or --resume FOLDER to go on with")
        else:
            chosen = override(read_recipe(recipe), changes)
            folder = start(chosen, out or Path("runs") / chosen.name, **options)
    if not first():
        return
    state = folder.status["state"]
    if state == "stopped":
        console.print(
            f"stopped and saved; go on with  latents train --resume {folder.path}", highlight=False, soft_wrap=True
        )
    else:
        console.print(f"{state}: {folder.path}", highlight=False, soft_wrap=True)
        print_results(folder)


def overrides(arguments: list[str]) -> dict[str, str]:
    changes = {}
    rest = list(arguments)
    while rest:
        name = rest.pop(0)
        if not name.startswith("--"):
            raise typer.BadParameter(
                f"{name!r} is neither a recipe's field nor its value; fields are given as --field value"
            )
        name, equals, value = name[2:].partition("=")
        if not equals:
            if not rest:
                raise typer.BadParameter(f"--{name} has no value; give it as --{name} VALUE")
            value = rest.pop(0)
        changes[name] = value
    return changes


def first() -> bool:
    """Whether this process speaks to the person: of several that train one model together, the first does."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


@contextmanager
def stopping():
    """Ctrl-C (or a termination) asks the run to stop; a second one ends it at once."""
    asked = False

    def ask(number, frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        if first():
            # Straight to the terminal: the interrupted code may be in the midst of printing, or of importing for that.
            os.write(2, b"\nstopping after this step; press Ctrl-C again to end at once\n")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def watching():
    """A progress line for a person; where the output is not a terminal, a line per epoch, of many a hundred."""
    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal or not first(),
    )
    task = bar.add_task("", total=1.0, epoch="1", note="")

    def watch(progress) -> None:
        done = (progress.epoch - 1 + progress.step / progress.steps) / progress.epochs
        bar.update(task, completed=done, epoch=f"{progress.epoch}/{progress.epochs}")
        if progress.row:
            words = note(progress.row)
            bar.update(task, note=words)
            if not console.is_terminal and progress.epoch % max(1, progress.epochs // 100) == 0:
                console.print(f"epoch {progress.epoch}/{progress.epochs}: {words}", highlight=False)

    with bar:
        yield watch


def note(row) -> str:
    """The newest row of a history in a few words."""
    for column, words in _NOTED.items():
        if column in row:
            said = f"{words} {float(row[column]):.2f}"
            return f"{said}, {row['active_units']} active units" if "active_units" in row else said
    return str(row["stage"])


_NOTED = {
    "valid_elbo": "validation ELBO, nats:",
    "valid_log_likelihood": "validation log-likelihood, nats:",
    "valid_loss": "validation loss:",
    "train_loss": "training loss:",
}
