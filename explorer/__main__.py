"""`python -m explorer export MODEL`: the live canvas of a model as one HTML file. Needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()


@app.callback()
def _commands() -> None:
    """(With a callback typer keeps `export` a command of its own, though it is the only one.)"""


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="name of a model, or the path of its folder")],
    beside: Annotated[str | None, typer.Option(help="a second model, linked with the first")] = None,
    out: Annotated[Path | None, typer.Option(help="the file to write; by default MODEL.html")] = None,
    plane: Annotated[str | None, typer.Option(help="PCA or UMAP, for models of more than two dimensions")] = None,
) -> None:
    """Write a model's latent space as one HTML file that opens in any recent browser, with no network."""
    from streamlit.logger import set_log_level

    set_log_level("error")  # outside of a server Streamlit warns of each cache
    from explorer import export as exporting
    from latents.errors import LatentsError

    chosen = [_entry(name) for name in (model, beside) if name]
    target = out or Path(f"{'-beside-'.join(entry.name for entry in chosen)}.html")
    try:
        with console.status("Encoding the test images and packing the models …"):
            page = exporting.html(chosen, plane)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8", newline="\n")
    except (exporting.NotExportable, LatentsError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{target} cannot be written: {error.strerror or error}.")
    console.print(f"{target}: {len(page.encode('utf-8')) / 1e6:.2f} MB", highlight=False)


def _entry(name: str):
    """The model of this name or in this folder."""
    from explorer import library
    from explorer.entry import read

    folder = Path(name)
    if (folder / "config.json").is_file():
        found = read(folder.resolve(), False, ((folder / "config.json").stat().st_mtime_ns,))
        if found.error is not None:
            _fail(found.error)
        return found
    entry = library.find(name)
    if entry is None:
        names = ", ".join(one.name for one in library.whole())
        _fail(f"There is no model {name!r}. There are: {names or 'none'}.")
    return entry


def _fail(sentence: str) -> None:
    console.print(sentence, style="red", highlight=False, markup=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
