"""`latents evaluate`, `latents diagnose`: numbers of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .app import DeviceOption, FolderArgument, app, console
from .app import device as chosen_device
from .tables import print_results


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
    from ..card import write_card
    from ..evaluation import compare
    from ..evaluation import evaluate as run
    from ..folder import ModelFolder

    found = ModelFolder(folder)
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=images)
        run(
            found,
            samples=samples,
            images=images,
            seed=seed,
            device=chosen_device(device),
            watch=lambda done, of: bar.update(task, completed=done, total=of),
        )
    if against is not None:
        compare(found, ModelFolder(against))
    write_card(found)
    print_results(found)


@app.command()
def diagnose(
    folder: FolderArgument,
    threshold: Annotated[float, typer.Option(min=0, help="variance above which a unit is active")] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Print active units and the KL of each unit, measured on the whole test split."""
    from ..data import load as load_data
    from ..evaluation import measure_units
    from ..folder import ModelFolder

    chosen = chosen_device(device)
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
