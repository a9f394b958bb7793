"""Starting what a sweep lacks, and stopping it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ..errors import DataError, LatentsError, SweepError
from .grid import Plan
from .stored import Sweep, document_of, file_of, get, read, read_recipe, runs_of, same, write

if TYPE_CHECKING:
    from ..runs import Options

_OVER = ("stopped", "failed", "lost")


@dataclass
class Launched:
    """What a launch did: the names of the runs, and a sentence for each that could not be started."""

    sweep: Sweep
    started: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def launch(
    root: Path | str,
    plan: Plan,
    *,
    where: str = "here",
    options: Options | None = None,
    watch: Callable[[str, str], None] = lambda name, did: None,
) -> Launched:
    """Start the runs of a sweep, or what is missing of it: the same call again continues.

    Runs that have finished, or run, or wait are left alone; those that stopped, failed or were lost are resumed.

    Args:
        root: the folder of runs.
        plan: of `plan`; a sweep of this name that was launched before must have consisted of the same runs.
        where: "here", or the address of a Ray cluster.
        options: of each run.
        watch: called with the name of each run and what was done: "started", "resumed" or "left".

    Raises:
        SweepError: another grid was launched under this name, or a run's folder is taken, or the cluster cannot be
            reached. The runs that were launched before that go on.
        RecipeError: a recipe does not fit its data; nothing was started.
    """
    root = Path(root)
    path = file_of(root, plan.name)
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / f".{path.name}.lock", timeout=0):
            return _launch(root, plan, where, options, watch)
    except Timeout:
        raise SweepError(f"the sweep {plan.name} is being launched by another process; wait until it has") from None


def _launch(root: Path, plan: Plan, where: str, options: Options | None, watch: Callable[[str, str], None]) -> Launched:
    from .. import runs

    new = document_of(plan, datetime.now(UTC).isoformat(timespec="seconds"))
    document = read(root, plan.name)
    if document is None:
        _check_places(root, new["members"])
        document = new
    else:
        _check_same(document, new)
    recipes = {point.name: point.recipe for point in plan.points}
    _check_data(list(recipes.values()), where)
    write(root, document)
    did = Launched(sweep=None)  # type: ignore[arg-type]  # set below: the sweep as it is after all this
    members = document["members"]
    options = options or runs.Options()
    try:
        for member, run in zip(members, runs_of(root, members), strict=True):
            try:
                if run is None:
                    run = runs.launch(recipes[member["name"]], root, member["name"], where=where, options=options)
                    said, names = "started", did.started
                elif run.state in _OVER:
                    runs.resume(run, where=where, options=options)
                    said, names = "resumed", did.resumed
                else:
                    said, names = "left", did.left
            except LatentsError as error:
                did.problems.append(f"{member['name']}: {error}")
                if where != "here" and len(did.problems) >= 2 and not (did.started or did.resumed):
                    break  # the cluster takes none: every further attempt would wait for it in vain
                continue
            member["run"] = run.name
            names.append(run.name)
            watch(run.name, said)
    finally:
        write(root, document)
    did.sweep = get(root, plan.name)
    return did


def stop(sweep: Sweep) -> list[str]:
    """Ask all runs of a sweep that run or wait to stop; launching it again resumes them. Returns their names."""
    from .. import runs

    asked = []
    for member in reversed(sweep.members):  # those that wait first, lest they start when others stop
        if member.run is not None and member.state in ("running", "paused", "queued"):
            with contextlib.suppress(runs.RunError):  # it ended just now: the others are stopped all the same
                runs.stop(member.run)
                asked.append(member.name)
    return asked[::-1]


# -- before anything starts --------------------------------------------------------------------------------


def _check_places(root: Path, members: list[dict[str, Any]]) -> None:
    """A new sweep takes over runs of its own names and recipes, and nobody else's."""
    for member in members:
        folder = root / member["name"]
        if folder.exists() and not same(read_recipe(folder), member["recipe"]):
            raise SweepError(
                f"{folder} is there already and holds something else; give the sweep another --name, or rename that run"
            )


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise SweepError with what differs, unless both are of the same runs."""
    runs = [{member["name"]: member["recipe"] for member in one["members"]} for one in (old, new)]
    if runs[0] == runs[1]:
        return
    found = _differences("--grid ", old["grid"], new["grid"])
    found += _differences("--", old["changes"], new["changes"])
    found += _differences("the preset's ", _flat(old["base"]), _flat(new["base"]))
    found = found or ["its recipes were made by another version of the package"]
    more = f" and {len(found) - 5} more differences" if len(found) > 5 else ""
    raise SweepError(
        f"the sweep {new['name']} was launched with another grid: {'; '.join(found[:5])}{more}; launch it as it was, "
        "or give this one another --name"
    )


def _differences(word: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found = []
    for path in dict.fromkeys([*old, *new]):
        before, now = (_said(given[path]) if path in given else "not given" for given in (old, new))
        if before != now:
            found.append(f"{word}{path} was {before} and is now {now}")
    return found


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in section.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _check_data(recipes: list[Any], where: str) -> None:
    """Every recipe against its data. On a cluster, data that this machine has not are left to the runs themselves."""
    from ..data import load

    data: dict[str, Any] = {}
    for recipe in recipes:
        name = recipe.data.name
        if name not in data:
            try:
                data[name] = load(name)
            except DataError:
                if where == "here":
                    raise
                data[name] = None
        if data[name] is not None:
            try:
                recipe.check(data[name])
            except LatentsError as error:
                raise type(error)(f"{recipe.name}: {error}") from None
