"""The application itself: its entry point, its terminal, and what its commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..errors import LatentsError

app = typer.Typer(
    help="`latents`: train, evaluate, diagnose, list and show models from the command line.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
console = Console(width=None if sys.stdout.isatty() else 120)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="a model folder", show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="cpu or cuda; auto takes a GPU where there is one")]


def main() -> None:
    """The entry point: what a user can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except LatentsError as error:
        complain(str(error))
        sys.exit(2)
    except OSError as error:  # a full disk, a folder that may not be written
        complain(f"{error.filename or 'the file system'}: {error.strerror or error}; mend that and try again")
        sys.exit(2)


def complain(sentence: str) -> None:
    """Print an error on stderr."""
    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), sentence), soft_wrap=True)


def device(given: str) -> str:
    """The device of an option: auto takes a GPU where there is one."""
    import torch

    if given != "auto":
        return given
    return "cuda" if torch.cuda.is_available() else "cpu"
