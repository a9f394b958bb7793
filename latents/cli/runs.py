"""`latents runs`: models that are being trained, each by a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import runs
from ..errors import RunError
from ..runs.checks import check
from .app import app, console
from .run_tables import age, facts, remarks, runs_table, state_words
from .train import overrides

runs_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
app.add_typer(runs_app, name="runs", help="Runs: start, list, watch, stop, resume and put away.")

RootOption = Annotated[Path | None, typer.Option("--root", help="the folder of runs; EXPLORER_RUNS, or the project's")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="a run's name, or its folder", show_default=False)]
RunsArgument = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="runs by name, or their folders", show_default=False)
]


def _root(given: Path | None) -> Path:
    return given or runs.default_root()


def _run(given: str, root: Path | None) -> runs.Run:
    """A run by its name, or by its folder where it is written as a path."""
    return runs.at(given) if "/" in given or "\\" in given else runs.get(_root(root), given)


def _say(sentence: str) -> None:
    console.print(sentence, highlight=False, soft_wrap=True, markup=False)


# -- looking ---------------------------------------------------------------------------------------------------


@runs_app.command("list")
def list_runs(
    root: RootOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Print all runs, the newest first."""
    found = runs.find(_root(root))
    if as_json:
        print(json.dumps([facts(run) for run in found], indent=2))
    elif not found:
        _say(f"{_root(root)} holds no runs; start one with  latents runs start PRESET")
    else:
        console.print(runs_table(found, str(_root(root))))
        for sentence in remarks(found):
            _say(sentence)


@runs_app.command()
def watch(
    name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="one run; by default all that are live")] = None,
    root: RootOption = None,
) -> None:
    """Look on until nothing runs any more. Ctrl-C stops looking; the runs go on."""
    try:
        if name is None:
            _watch_all(_root(root))
        else:
            _watch_one(_run(name, root))
    except KeyboardInterrupt:
        _say("looked away; the runs go on")


def _watch_all(root: Path) -> None:
    def look() -> list[runs.Run]:
        return [run for run in runs.find(root) if run.live or run.state == runs.QUEUED]

    with Live(console=console, auto_refresh=False) as live:
        while found := look():
            live.update(runs_table(found, str(root)), refresh=True)
            time.sleep(1)
    _say(f"nothing runs in {root}")


def _watch_one(run: runs.Run) -> None:
    log = runs.following.Log(run.path)
    columns = (
        TextColumn("{task.fields[state]}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0, state=run.state)
        while True:
            run = runs.at(run.path)
            lines = log.read()
            for line in lines[-20:] if log.anew else lines:
                _say(line)
            bar.update(task, completed=run.progress, state=run.state)
            if not (run.live or run.state == runs.QUEUED):
                break
            time.sleep(0.5)
    _report(run)


@runs_app.command()
def log(
    name: RunArgument,
    root: RootOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many of the last lines")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what is added, until it ends")] = False,
) -> None:
    """Print the end of a run's log."""
    run = _run(name, root)
    following = runs.following.Log(run.path)
    if follow:
        following.read()
    for line in run.log_tail(lines):
        _say(line)
    try:
        while follow and (run.live or run.state == runs.QUEUED):
            time.sleep(0.5)
            run = runs.at(run.path)
            for line in following.read():
                _say(line)
    except KeyboardInterrupt:
        pass


# -- starting --------------------------------------------------------------------------------------------------


@runs_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, no_args_is_help=True)
def start(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="a preset's name, or a recipe's JSON file")],
    name: Annotated[str | None, typer.Option("--as", help="the run's name; the recipe's by default")] = None,
    on: Annotated[str, typer.Option(help="here, or the address of a Ray cluster")] = runs.HERE,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="how many devices train this one model")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="one: more are for `latents train`")] = 1,
    strategy: Annotated[str, typer.Option(help="how they do: auto or ddp")] = "auto",
    log: Annotated[list[str] | None, typer.Option(help="what else is written: tensorboard")] = None,
    root: RootOption = None,
) -> None:
    """Queue a recipe as a new run: [bold]latents runs start digits-vampprior-2d --training.epochs 20[/].

    Any field of the recipe is an option by its dotted name, as for `latents train`. The run goes on when this
    terminal is closed.
    """
    from ..recipe import override, read_recipe

    chosen = override(read_recipe(recipe), overrides(context.args))
    options = runs.Options(accelerator, devices, nodes, strategy, tuple(log or ()))
    if on == runs.HERE:  # what the process would say at once, it can say before it is queued
        check(chosen, options)
    run = runs.launch(chosen, _root(root), name, where=on, options=options)
    _say(f"{state_words(run)}: {run.path}")
    _say(f"watch it with  latents runs watch {_called(run, root)}")


def _called(run: runs.Run, root: Path | None) -> str:
    """What the run is to be called on the next command line."""
    return run.name if root is None else str(run.path)


@runs_app.command()
def resume(
    names: RunsArgument,
    root: RootOption = None,
    on: Annotated[str | None, typer.Option(help="here, or a Ray address; where it was by default")] = None,
) -> None:
    """Queue runs that were stopped, failed or are lost, to go on from their last checkpoint."""
    _each(names, root, lambda run: runs.resume(run, where=on))


@runs_app.command()
def prolong(
    name: RunArgument, epochs: Annotated[int, typer.Argument(min=1, help="so many more")], root: RootOption = None
) -> None:
    """Train a run that has ended for more epochs."""
    _each([name], root, lambda run: runs.prolong(run, epochs))


# -- while it runs -----------------------------------------------------------------------------------------------


@runs_app.command()
def stop(names: RunsArgument, root: RootOption = None) -> None:
    """Stop runs after the step they are in: they save, and can be resumed."""
    _each(names, root, runs.stop)


@runs_app.command()
def kill(names: RunsArgument, root: RootOption = None) -> None:
    """End runs at once; what they learnt after their last checkpoint is lost."""
    _each(names, root, runs.kill)


@runs_app.command()
def pause(names: RunsArgument, root: RootOption = None) -> None:
    """Let runs wait, as they are, until they are continued."""
    _each(names, root, runs.pause)


@runs_app.command("continue")
def go_on(names: RunsArgument, root: RootOption = None) -> None:
    """Continue runs that were paused."""
    _each(names, root, runs.go_on)


@runs_app.command()
def step(name: RunArgument, root: RootOption = None) -> None:
    """Let a paused run train until one more epoch is complete."""
    _each([name], root, runs.step)


@runs_app.command()
def pace(
    name: RunArgument,
    seconds: Annotated[float, typer.Argument(min=0, help="an epoch takes so long at least; 0: as fast as it can")],
    root: RootOption = None,
) -> None:
    """Slow a run down for people to watch."""
    _each([name], root, lambda run: runs.pace(run, seconds))


@runs_app.command()
def limit(
    number: Annotated[int | None, typer.Argument(metavar="[N]", help="a new limit")] = None, root: RootOption = None
) -> None:
    """Print, or set, how many runs may be at work at once on this machine."""
    found = runs.limit(_root(root)) if number is None else runs.set_limit(_root(root), number)
    _say(f"{found} run{'' if found == 1 else 's'} at once in {_root(root)}")


# -- putting away ------------------------------------------------------------------------------------------------


@runs_app.command()
def rename(
    name: RunArgument, new: Annotated[str, typer.Argument(help="its new name")], root: RootOption = None
) -> None:
    """Give a run another name."""
    run = _run(name, root)
    _say(f"{run.name} is now {runs.rename(run, new).name}")


@runs_app.command()
def trash(
    names: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="runs by name, or folders")] = None,
    root: RootOption = None,
    listed: Annotated[bool, typer.Option("--list", help="print what is in the trash")] = False,
) -> None:
    """Move runs to the trash, from which they can be restored; or print what is there."""
    if listed:
        for one in runs.trashed(_root(root)):
            _say(f"{one.name}, moved {age(one.when)} ago: {one.path}")
        return
    if not names:
        raise typer.BadParameter("give the RUNs to move to the trash, or --list to see what is there")
    for name in names:
        run = _run(name, root)
        path = runs.trash(run)
        _say(f"{run.name} is in the trash; get it back with  latents runs restore {path}")


@runs_app.command()
def restore(
    what: Annotated[str, typer.Argument(metavar="RUN", help="a name that was moved to the trash, or its path there")],
    root: RootOption = None,
) -> None:
    """Take a run out of the trash; by name, the one that was moved last."""
    path: Path | None = Path(what)
    if "/" not in what and "\\" not in what:
        path = next((one.path for one in runs.trashed(_root(root)) if one.name == what), None)
    if path is None:
        raise RunError(f"there is no {what!r} in the trash of {_root(root)}; `latents runs trash --list` shows it")
    run = runs.restore(path)
    _say(f"{run.name} is back: {run.path}")


# -- the process of a run ----------------------------------------------------------------------------------------


@runs_app.command(hidden=True)
def work(folder: Path) -> None:
    """What the process of a run does. Started by the queue, or by a cluster."""
    from ..runs.worker import work as do

    sys.exit(do(folder))


def _each(names: list[str], root: Path | None, do: Callable[[runs.Run], runs.Run]) -> None:
    for run in [_run(name, root) for name in names]:  # all are there before anything is done
        _report(do(run))


def _report(run: runs.Run) -> None:
    _say(f"{run.name}: {state_words(run)}")
    if run.state in (runs.FAILED, runs.LOST):
        for sentence in remarks([run]):
            _say(sentence)
