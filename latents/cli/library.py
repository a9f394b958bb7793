"""`latents list`, `latents show`, `latents project`: the models there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from ..errors import LatentsError
from .app import FolderArgument, app, complain, console
from .tables import fields_table, latent, print_results, prior


@app.command("list")
def list_models(
    root: Annotated[list[Path] | None, typer.Argument(help="folders of models; trained and runs by default")] = None,
    presets: Annotated[bool, typer.Option("--presets", help="list the recipes that come with the package")] = False,
) -> None:
    """Print the library as a table."""
    from ..folder import find

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
        complain(sentence)


def _print_presets() -> None:
    """The recipes that come with the package, grouped by model family."""
    from ..parts import kinds, part
    from ..recipe import preset
    from ..recipe import presets as names

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
            table.add_row(name, recipe.data.name, latent(recipe), prior(recipe), recipe.description)
        console.print(table)


def _library_table(place: Path, found: list[Path], broken: list[str]) -> Table:
    """A row for each model; what cannot be read goes to `broken` as a sentence."""
    from ..folder import ModelFolder

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
            latent(recipe),
            prior(recipe),
            f"{likelihood['value']:.2f} ± {likelihood['standard_error']:.2f}" if likelihood else "",
            f"{units['active']}/{units['total']}" if "active" in units else "",
            status.get("state", "finished"),
        )
    return table


@app.command()
def show(folder: FolderArgument) -> None:
    """Print one model: its results and its recipe."""
    from ..folder import ModelFolder
    from ..recipe import fields

    found = ModelFolder(folder)
    console.print(f"[bold]{found.recipe.name}[/]  {found.recipe.description}", highlight=False)
    print_results(found)
    console.print(fields_table(fields(found.recipe)))


@app.command()
def project(
    folder: FolderArgument,
    cache: Annotated[bool, typer.Option("--cache", help="write into the user's cache instead of the folder")] = False,
    method: Annotated[
        str, typer.Option("--method", help="umap, or (into the cache) umap-class, umap-sphere, tsne")
    ] = "umap",
) -> None:
    """Compute PCA and UMAP of the encoded test images, for models with more than two latent dimensions."""
    from ..projection import cache_file, project_folder

    if method != "umap":
        from ..neighbour_maps import project as project_map

        project_map(folder, method, report=lambda line: print(line, flush=True))  # type: ignore[arg-type]
        return
    project_folder(folder, cache_file(folder) if cache else None, report=lambda line: print(line, flush=True))


def default_roots() -> list[Path]:
    """Where models are looked for: `trained` and `runs` in the current folder, and the project's own."""
    home, here = Path(__file__).resolve().parent.parent.parent, Path.cwd()
    return [home / "trained", *dict.fromkeys([home / "runs", here / "runs"])]
