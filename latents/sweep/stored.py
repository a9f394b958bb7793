"""A sweep as it is kept: NAME.sweep.json beside its runs, and how its runs are found again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LatentsError, SweepError
from ..files import write_whole
from .grid import Plan, check_name
from .measures import measured
from .table import Table, table

if TYPE_CHECKING:
    from ..runs import Run

SUFFIX, CONFIG = ".sweep.json", "config.json"
_FIELDS = {"name": str, "created": str, "base": dict, "changes": dict, "grid": dict, "titles": dict, "members": list}


@dataclass(frozen=True)
class Member:
    """One run of a sweep. run: None until it is launched, and after it was deleted; recipe: as JSON."""

    name: str
    factors: dict[str, Any]
    recipe: dict[str, Any]
    run: Run | None

    @property
    def state(self) -> str:
        """The run's state, or "not started"."""
        return self.run.state if self.run is not None else "not started"

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.run.progress if self.run is not None else 0.0


class Sweep:
    """A sweep, read from its file. `members` are looked up once; `get` the sweep again to see how they are now."""

    def __init__(self, root: Path, document: Mapping[str, Any]):
        self.root, self.document = root, document
        self.name: str = document["name"]
        self.created: str = document["created"]
        """When it was first launched, ISO 8601 in UTC."""
        self.grid: dict[str, list[str]] = document["grid"]
        """The values of each factor, as they were typed."""
        self.titles: dict[str, str] = document["titles"]
        """What each factor is, in words."""
        self.notes: tuple[str, ...] = tuple(document.get("notes", ()))
        """What was left out of the grid, a sentence each."""
        self.members: tuple[Member, ...] = _members(root, document["members"])

    @property
    def path(self) -> Path:
        return file_of(self.root, self.name)

    @property
    def states(self) -> dict[str, int]:
        """How many runs are in each state: {"finished": 5, "running": 1, "queued": 2}."""
        return dict(Counter(member.state for member in self.members))

    @property
    def progress(self) -> float:
        """From 0 to 1, all runs together."""
        return sum(member.progress for member in self.members) / len(self.members) if self.members else 0.0

    @property
    def finished(self) -> bool:
        return all(member.state == "finished" for member in self.members)

    def table(self) -> Table:
        """Factors and numbers, seeds averaged; see `Table`. Numbers are those of finished runs."""
        rows = []
        prolonged = []
        for member in self.members:
            state = member.state
            numbers = measured(member.run.path) if member.run is not None and state == "finished" else {}
            rows.append((member.name, member.factors, state, numbers))
            if numbers and member.run is not None and _epochs(read_recipe(member.run.path)) != _epochs(member.recipe):
                prolonged.append(member.name)
        extra = (f"{', '.join(prolonged)}: trained for more epochs than the sweep asks for.",) if prolonged else ()
        return table(self.name, self.titles, rows, extra)


def find(root: Path | str, broken: list[str] | None = None) -> list[Sweep]:
    """The sweeps in a folder of runs, newest first. Of one that cannot be read, a sentence goes into `broken`."""
    root = Path(root)
    found = []
    for path in sorted(root.glob(f"*{SUFFIX}")) if root.is_dir() else ():
        try:
            found.append(get(root, path.name.removesuffix(SUFFIX)))
        except SweepError as error:
            if broken is not None:
                broken.append(str(error))
    return sorted(found, key=lambda sweep: sweep.created, reverse=True)


def get(root: Path | str, name: str) -> Sweep:
    """The sweep of this name. Raises SweepError when there is none, or its file is damaged."""
    root = Path(root)
    document = read(root, name)
    if document is None:
        names = [path.name.removesuffix(SUFFIX) for path in sorted(root.glob(f"*{SUFFIX}"))] if root.is_dir() else []
        there = f"there are {', '.join(names)}" if names else "there is none yet"
        raise SweepError(f"there is no sweep {name!r} in {root}; {there}")
    return Sweep(root, document)


def file_of(root: Path, name: str) -> Path:
    """Where a sweep of this name is kept. Raises SweepError for what is not a name."""
    return root / f"{check_name(name)}{SUFFIX}"


def read(root: Path, name: str) -> dict[str, Any] | None:
    """The content of a sweep's file, checked; None when there is no such file. Raises SweepError."""
    path = file_of(root, name)
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SweepError(f"cannot read {path} ({error}); delete it, its runs are not in it") from None
    fits = isinstance(document, dict) and all(isinstance(document.get(key), kind) for key, kind in _FIELDS.items())
    if not fits or document["name"] != name or not all(map(_is_member, document["members"])):
        raise SweepError(f"{path} is not a sweep of this name as it was written; delete it, its runs are not in it")
    return document


def _is_member(given: Any) -> bool:
    kinds = {"name": str, "factors": dict, "recipe": dict}
    return isinstance(given, dict) and all(isinstance(given.get(key), kind) for key, kind in kinds.items())


def document_of(plan: Plan, created: str) -> dict[str, Any]:
    """What is kept of a plan that is about to be launched."""
    return {
        "name": plan.name,
        "created": created,
        "base": plan.base.model_dump(mode="json"),
        "changes": plan.changes,
        "grid": {path: list(values) for path, values in plan.grid.items()},
        "titles": plan.titles,
        "notes": list(plan.notes),
        "members": [
            {
                "name": point.name,
                "run": None,
                "factors": point.factors,
                "recipe": point.recipe.model_dump(mode="json"),
            }
            for point in plan.points
        ],
    }


def write(root: Path, document: Mapping[str, Any]) -> None:
    write_whole(file_of(root, document["name"]), json.dumps(document, indent=1) + "\n")


# -- which run is which ------------------------------------------------------------------------------------


def _members(root: Path, given: list[dict[str, Any]]) -> tuple[Member, ...]:
    return tuple(
        Member(one["name"], one["factors"], one["recipe"], run)
        for one, run in zip(given, runs_of(root, given), strict=True)
    )


def runs_of(root: Path, members: list[dict[str, Any]]) -> list[Run | None]:
    """The run of each member: by the name that was noted, else by its recipe, wherever a renamed run is now."""
    from .. import runs

    places: list[str | None] = []
    for member in members:
        noted = member.get("run") or member["name"]
        known = isinstance(noted, str) and _is_plain(noted) and same(read_recipe(root / noted), member["recipe"])
        places.append(noted if known else None)
    if None in places:
        others = {path.parent.name for path in root.glob(f"*/{CONFIG}")} - set(places)
        named: dict[str, list[str]] = {}
        for other in sorted(others):
            named.setdefault(str(read_recipe(root / other).get("name")), []).append(other)
        for i, member in enumerate(members):
            if places[i] is None:
                fits = (
                    name for name in named.get(member["name"], ()) if same(read_recipe(root / name), member["recipe"])
                )
                places[i] = next(fits, None)
    found: list[Run | None] = []
    for place in places:
        try:
            found.append(runs.get(root, place) if place is not None else None)
        except LatentsError:  # it was deleted just now
            found.append(None)
    return found


def _is_plain(name: str) -> bool:
    return Path(name).name == name and not name.startswith(".")


def read_recipe(folder: Path) -> dict[str, Any]:
    """The recipe of a run as JSON; {} where it cannot be read."""
    path = folder / CONFIG
    try:
        stamp = path.stat()
    except OSError:
        return {}
    return _recipe(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4096)
def _recipe(path: Path, *stamp: int) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def same(recipe: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recipes are of the same run, which may have been prolonged since."""
    return _lasting(recipe) == _lasting(other)


def _lasting(recipe: Mapping[str, Any]) -> dict[str, Any]:
    training = recipe.get("training")
    kept = (
        {key: value for key, value in training.items() if key != "epochs"} if isinstance(training, dict) else training
    )
    return {**recipe, "training": kept}


def _epochs(recipe: Mapping[str, Any]) -> Any:
    training = recipe.get("training")
    return training.get("epochs") if isinstance(training, dict) else None
