"""How recipes and results are printed."""

from __future__ import annotations

from rich import box
from rich.table import Table

from .app import console


def latent(recipe) -> str:
    """The size of z, or of its layers: "40", "8 + 8"."""
    layers = getattr(recipe.model, "layers", None)
    if isinstance(layers, tuple) and all(isinstance(size, int) for size in layers):
        return " + ".join(map(str, layers))
    return str(getattr(recipe.model, "latent", ""))


def prior(recipe) -> str:
    """The kind of prior, and of how many components."""
    found = getattr(recipe.model, "prior", None)
    if found is None:
        return ""
    return f"{found.kind} {found.components}" if hasattr(found, "components") else found.kind


def fields_table(rows, title: str = "Recipe") -> Table:
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


def print_results(folder) -> None:
    """The numbers of a folder's metrics.json, a sentence each."""
    from ..card import results

    for line in results(folder.metrics):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
