"""What the pages do to runs. Each function refuses where the app is read-only; the rest is `latents.runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer import access, library

if TYPE_CHECKING:
    from latents.control import Control
    from latents.recipe import Recipe
    from latents.runs import Options, Run, Trashed


def root() -> Path:
    """The folder in which this app's runs are."""
    from latents import runs

    return runs.default_root()


def find() -> list[Run]:
    """All runs, the newest first."""
    from latents import runs

    return runs.find(root())


def get(name: str) -> Run | None:
    """The run of this name, or None: a link may name one that is gone, or no name at all."""
    from latents import runs
    from latents.errors import LatentsError

    try:
        return runs.get(root(), name)
    except LatentsError:
        return None


def free_name(name: str) -> str:
    """The name, or the name with a number: one that neither a run nor a model has, so that both can be chosen."""
    taken = {entry.name for entry in library.entries()}
    home = root()
    number, found = 1, name
    while found in taken or (home / found).exists():
        number += 1
        found = f"{name[:60]}-{number}"
    return found


def check(recipe: Recipe, options: Options) -> None:
    """Raise LatentsError, one sentence, where this machine has not what a run needs: memory, a GPU, the images."""
    from latents.runs import checks

    checks.check(recipe, options)


def ahead(run: Run) -> int:
    """How many runs come before one that is queued on this machine: those at work, and those that wait longer."""

    def asked(one: Run) -> str:
        return str(one.status.get("queued"))

    others = [one for one in find() if one.where == run.where and one.name != run.name]
    return sum(one.live or (one.state == "queued" and asked(one) < asked(run)) for one in others)


def launch(recipe: Recipe, where: str, options: Options) -> Run:
    """Queue a run of this recipe under the recipe's name.

    Raises:
        ReadOnlyError: the app is read-only.
        LatentsError: one sentence on why it cannot be.
    """
    from latents import runs

    access.refuse_if_read_only("train")
    return runs.launch(recipe, root(), recipe.name, where=where, options=options)


ACTIONS = ("stop", "kill", "resume", "prolong", "rename", "trash", "pause", "go_on", "pace", "step")


def do(what: str, run: Run, *values: Any) -> Any:
    """One of the `ACTIONS` on a run: the function of that name in `latents.runs`, which says what the values are.

    Raises:
        ReadOnlyError: the app is read-only.
        LatentsError: one sentence on why it cannot be.
    """
    from latents import runs

    access.refuse_if_read_only("change runs")
    if what not in ACTIONS:
        raise ValueError(f"a run cannot be asked to {what!r}; there are {', '.join(ACTIONS)}")
    return getattr(runs, what)(run, *values)


def asked(run: Run) -> Control:
    """What the run is asked to do: stop, pause, take its time."""
    from latents import control

    return control.read(run.path)


def trashed() -> list[Trashed]:
    """What is in the trash."""
    from latents import runs

    return runs.trashed(root())


def restore(path: Path) -> Run:
    """Take a run out of the trash. Raises as `do`."""
    from latents import runs

    access.refuse_if_read_only("change runs")
    return runs.restore(path)


def limit() -> int:
    """How many runs train on this machine at a time."""
    from latents import runs

    return runs.limit(root())


def set_limit(n: int) -> None:
    """See `limit`. Raises as `do`."""
    from latents import runs

    access.refuse_if_read_only("change runs")
    runs.set_limit(root(), n)
