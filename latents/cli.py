"""`latents`: train, evaluate, diagnose, list and show models from the command line."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .errors import LatentsError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False
)
console = Console(width=None if sys.stdout.isatty() else 120)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="a model folder", show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="cpu or cuda; auto takes a GPU where there is one")]


def main() -> None:
    """The entry point: what a user can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except LatentsError as error:
        _complain(str(error))
        sys.exit(2)
    except OSError as error:  # a full disk, a folder that may not be written
        _complain(f"{error.filename or 'the file system'}: {error.strerror or error}; mend that and try again")
        sys.exit(2)


def _complain(sentence: str) -> None:
    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), sentence), soft_wrap=True)


# -- train ---------------------------------------------------------------------------------------------------


class _TrainCommand(typer.core.TyperCommand):
    """`train --help` ends with the recipe's fields, made from the recipe itself."""

    def format_help(self, ctx, formatter) -> None:
        super().format_help(ctx, formatter)
        from .recipe import Recipe, fields, other_fields, presets

        console.print("[bold]Presets:[/] " + ", ".join(presets()))
        console.print(_fields_table(fields(Recipe()), "Recipe: each field with its default"))
        for choice, rows in other_fields(Recipe()).items():
            console.print(_fields_table(rows, f"with --{choice}"))


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
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Train a recipe: [bold]latents train mnist-vampprior-2d --training.epochs 20 --out runs/mine[/].

    Any field of the recipe is an option by its dotted name. Ctrl-C stops cleanly and keeps the model.
    """
    from .recipe import override, read_recipe
    from .training import resume as go_on
    from .training import train as start

    changes = _overrides(context.args)
    if recipe is not None and resume is not None:
        raise typer.BadParameter("give either a RECIPE to train or --resume FOLDER to go on with, not both")
    if resume is not None and (changes or out):
        raise typer.BadParameter("a resumed run goes on as it was: --resume takes no other recipe field and no --out")
    with _stopping() as stop, watching() as watch:
        options = {"watch": watch, "stop": stop, "accelerator": accelerator}
        if resume is not None:
            folder = go_on(resume, **options)
        elif recipe is None:
            raise typer.BadParameter("give a RECIPE to train, or --resume FOLDER to go on with")
        else:
            chosen = override(read_recipe(recipe), changes)
            folder = start(chosen, out or Path("runs") / chosen.name, **options)
    state = folder.status["state"]
    if state == "stopped":
        console.print(
            f"stopped and saved; go on with  latents train --resume {folder.path}", highlight=False, soft_wrap=True
        )
    else:
        console.print(f"{state}: {folder.path}", highlight=False, soft_wrap=True)
        _print_results(folder)


def _overrides(arguments: list[str]) -> dict[str, str]:
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


@contextmanager
def _stopping():
    """Ctrl-C (or a termination) asks the run to stop; a second one ends it at once."""
    asked = False

    def ask(number, frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        # Straight to the terminal: the interrupted code may be in the midst of printing, or of importing what prints.
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
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=1.0, epoch="1", note="")

    def watch(progress) -> None:
        done = (progress.epoch - 1 + progress.step / progress.steps) / progress.epochs
        bar.update(task, completed=done, epoch=f"{progress.epoch}/{progress.epochs}")
        if progress.row:
            note = _note(progress.row)
            bar.update(task, note=note)
            if not console.is_terminal and progress.epoch % max(1, progress.epochs // 100) == 0:
                console.print(f"epoch {progress.epoch}/{progress.epochs}: {note}", highlight=False)

    with bar:
        yield watch


def _note(row) -> str:
    """The newest row of a history in a few words."""
    for column, words in _NOTED.items():
        if column in row:
            note = f"{words} {float(row[column]):.2f}"
            return f"{note}, {row['active_units']} active units" if "active_units" in row else note
    return str(row["stage"])


_NOTED = {
    "valid_elbo": "validation ELBO, nats:",
    "valid_log_likelihood": "validation log-likelihood, nats:",
    "valid_loss": "validation loss:",
    "train_loss": "training loss:",
}


# -- evaluate, diagnose --------------------------------------------------------------------------------------


@app.command()
def evaluate(
    folder: FolderArgument,
    samples: Annotated[int, typer.Option(min=1, help="importance samples per image")] = 5000,
    images: Annotated[
        int | None, typer.Option(min=1, help="test images, spread over the split; all by default")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="another evaluated model: adds the paired difference")] = None,
    seed: Annotated[int, typer.Option(help="of the samples")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Write ELBO and importance-sampled log-likelihood into metrics.json, with provenance."""
    from .card import write_card
    from .evaluation import compare
    from .evaluation import evaluate as run
    from .folder import ModelFolder

    found = ModelFolder(folder)
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=images)
        run(
            found,
            samples=samples,
            images=images,
            seed=seed,
            device=_device(device),
            watch=lambda done, of: bar.update(task, completed=done, total=of),
        )
    if against is not None:
        compare(found, ModelFolder(against))
    write_card(found)
    _print_results(found)


@app.command()
def diagnose(
    folder: FolderArgument,
    threshold: Annotated[float, typer.Option(min=0, help="variance above which a unit is active")] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Print active units and the KL of each unit, measured on the whole test split."""
    from .data import load as load_data
    from .evaluation import measure_units
    from .folder import ModelFolder

    chosen = _device(device)
    model = ModelFolder(folder).load(chosen)
    units = measure_units(model, load_data(model.recipe.data.name), device=chosen, threshold=threshold)
    if as_json:
        print(json.dumps(units, indent=2))
        return
    if "reason" in units:
        console.print(units["reason"])
        return
    title = (
        f"{units['active']} of {units['total']} units are active: their posterior mean varies by more than "
        f"{threshold:g} over {units['images']:,} test images"
    )
    table = Table("unit", "variance of the mean", "KL in nats", "state", title=title, box=box.SIMPLE)
    kl = units["kl"] or [float("nan")] * units["total"]
    rows = enumerate(zip(units["variances"], kl, strict=True), start=1)  # z_1, z_2, ... as on the pages
    for unit, (variance, nats) in sorted(rows, key=lambda row: -row[1][0]):
        state = "[green]active[/]" if variance > threshold else "[dim]dead[/]"
        table.add_row(str(unit), f"{variance:.4f}", f"{nats:.3f}", state)
    console.print(table)


# -- the library ---------------------------------------------------------------------------------------------


@app.command("list")
def list_models(
    root: Annotated[list[Path] | None, typer.Argument(help="folders of models; trained and runs by default")] = None,
    presets: Annotated[bool, typer.Option("--presets", help="list the recipes that come with the package")] = False,
) -> None:
    """Print the library as a table."""
    from .folder import find

    if presets:
        _print_presets()
        return
    broken: list[str] = []
    for place in root or default_roots():
        found = find(place)
        if found:
            console.print(_library_table(place, found, broken))
        elif root:
            broken.append(f"{place} holds no model folders (folders with a config.json)")
    for sentence in broken:
        _complain(sentence)


def _print_presets() -> None:
    """The recipes that come with the package, grouped by model family."""
    from .parts import kinds, part
    from .recipe import preset
    from .recipe import presets as names

    families: dict[str, list] = {}
    for chosen in kinds("model").values():
        families.setdefault(chosen.family, [])
    for name in names():
        recipe = preset(name)
        families[part("model", recipe.model.kind).family].append((name, recipe))
    for family in sorted(families, key=lambda one: (one != "Variational auto-encoders", one)):
        if not families[family]:
            continue
        table = Table(title=family, title_justify="left", box=box.SIMPLE)
        for column in ("preset", "data", "z", "prior", "what it is for"):
            table.add_column(column, no_wrap=column != "what it is for")
        for name, recipe in families[family]:
            table.add_row(name, recipe.data.name, _latent(recipe), _prior(recipe), recipe.description)
        console.print(table)


def _latent(recipe) -> str:
    """The size of z, or of its layers: "40", "8 + 8"."""
    layers = getattr(recipe.model, "layers", None)
    if isinstance(layers, tuple) and all(isinstance(size, int) for size in layers):
        return " + ".join(map(str, layers))
    return str(getattr(recipe.model, "latent", ""))


def _library_table(place: Path, found: list[Path], broken: list[str]) -> Table:
    """A row for each model; what cannot be read goes to `broken` as a sentence."""
    from .folder import ModelFolder

    table = Table(title=str(place), title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("model", "data", "z", "prior", "log-lik., nats", "active", "state"):
        table.add_column(column, no_wrap=True)
    for path in found:
        try:
            folder = ModelFolder(path)
            recipe, metrics, status = folder.recipe, folder.metrics, folder.status
        except LatentsError as error:
            broken.append(str(error))
            continue
        likelihood, units = metrics.get("log_likelihood"), metrics.get("units", {})
        table.add_row(
            folder.name,
            recipe.data.name,
            _latent(recipe),
            _prior(recipe),
            f"{likelihood['value']:.2f} ± {likelihood['standard_error']:.2f}" if likelihood else "",
            f"{units['active']}/{units['total']}" if "active" in units else "",
            status.get("state", "finished"),
        )
    return table


@app.command()
def show(folder: FolderArgument) -> None:
    """Print one model: its results and its recipe."""
    from .folder import ModelFolder
    from .recipe import fields

    found = ModelFolder(folder)
    console.print(f"[bold]{found.recipe.name}[/]  {found.recipe.description}", highlight=False)
    _print_results(found)
    console.print(_fields_table(fields(found.recipe)))


@app.command()
def project(
    folder: FolderArgument,
    cache: Annotated[bool, typer.Option("--cache", help="write into the user's cache instead of the folder")] = False,
) -> None:
    """Compute PCA and UMAP of the encoded test images, for models with more than two latent dimensions."""
    from .projection import cache_file, project_folder

    project_folder(folder, cache_file(folder) if cache else None, report=lambda line: print(line, flush=True))


def default_roots() -> list[Path]:
    """Where models are looked for: `trained` and `runs` in the current folder, and the project's own."""
    home, here = Path(__file__).resolve().parent.parent, Path.cwd()
    return [home / "trained", *dict.fromkeys([home / "runs", here / "runs"])]


def _prior(recipe) -> str:
    prior = getattr(recipe.model, "prior", None)
    if prior is None:
        return ""
    return f"{prior.kind} {prior.components}" if hasattr(prior, "components") else prior.kind


def _fields_table(rows, title: str = "Recipe") -> Table:
    """Fields of a recipe: option, value, and what it means, with unit and what is allowed."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning [unit] (allowed)")
    for row in rows:
        allowed = ", ".join(row.choices) or row.bounds
        meaning = row.description + (f" \\[{row.unit}]" if row.unit else "") + (f" ({allowed})" if allowed else "")
        table.add_row(f"--{row.path}", str(row.value), meaning)
    return table


def _print_results(folder) -> None:
    from .card import results

    for line in results(folder.metrics):
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def _device(given: str) -> str:
    import torch

    if given != "auto":
        return given
    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    main()
