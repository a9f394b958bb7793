"""The grid of a sweep: every combination of some fields' values, as recipes.

A field that a combination has no use for (the number of pseudo-inputs under a standard prior) is left out of it,
and combinations that are then the same are one run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from pydantic import BaseModel

from ..errors import RecipeError, SweepError
from ..parts import PartSettings, part, sockets_of
from ..recipe import Recipe, fields, override

MOST = 1000
"""Runs of one sweep at most: a slip in a grid shall not fill a disk."""
SEED = "seed"
"""The field whose values are repetitions: numbers are averaged over it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Point:
    """One run of a sweep: its name, the values of the factors that apply to it, and its recipe."""

    name: str
    factors: dict[str, Any]
    recipe: Recipe


@dataclass(frozen=True)
class Plan:
    """What a sweep consists of. titles: what each factor is, in words; notes: what was left out, a sentence each."""

    name: str
    base: Recipe
    changes: dict[str, str]
    grid: dict[str, tuple[str, ...]]
    points: tuple[Point, ...]
    titles: dict[str, str]
    notes: tuple[str, ...]


def parse(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`["seed=0,1", "model.encoder.hidden=[300, 300],[100]"]` as {field: values as they were typed}.

    Commas inside brackets and quotes separate nothing. Raises RecipeError.
    """
    grid: dict[str, tuple[str, ...]] = {}
    for text in given:
        path, equals, values = text.partition("=")
        path = path.strip().removeprefix("--")
        found = _split(values)
        if not equals or not path or not all(found):
            raise RecipeError(
                f"--grid {text}: a field and its values were expected, as in --grid model.prior.components=10,50,100"
            )
        if path in grid:
            raise RecipeError(f"--grid names {path} twice; give all its values at once")
        grid[path] = found
    return grid


def _split(text: str) -> tuple[str, ...]:
    parts, depth, quoted = [""], 0, False
    for sign in text:
        quoted ^= sign == '"'
        depth += 0 if quoted else (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return tuple(one.strip() for one in parts)


def plan(
    name: str, base: Recipe, grid: Mapping[str, tuple[str, ...]], changes: Mapping[str, str] | None = None
) -> Plan:
    """Every run of a sweep, its recipe validated.

    Args:
        name: of the sweep; its runs' names begin with it.
        base: the recipe that all of them share.
        grid: the values of each factor, as typed on the command line; {} is a single run.
        changes: further fields that are the same for all, as for `recipe.override`.

    Raises:
        RecipeError: a field does not exist for any combination, a value is not allowed, the grid is too large.
        SweepError: the name is none.
    """
    check_name(name)
    changes = dict(changes or {})
    _check(grid, changes)
    document = base.model_dump(mode="json")
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    used = {path for point in combinations for path in _sorted(document, {**changes, **point})[0]}
    points: dict[str, Point] = {}
    left_out: dict[str, set[str]] = {}
    for combination in combinations:
        _, idle = _sorted(document, {**changes, **combination})
        for path, because in idle.items():
            if path in used:
                left_out.setdefault(path, set()).add(because)
        # A field of no combination at all stays: validation then says that there is none, and what there is.
        kept = {path: value for path, value in combination.items() if path not in idle or path not in used}
        fixed = {path: value for path, value in changes.items() if path not in idle or path not in used}
        recipe = _recipe(base, fixed, kept)
        key = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
        if key not in points:
            factors = {path: _at(recipe, path) for path in kept}
            points[key] = Point(_named(name, factors), factors, recipe)
    named = _unique(name, list(points.values()))
    return Plan(
        name,
        base,
        changes,
        dict(grid),
        tuple(named),
        _titles(grid, named),
        _notes(left_out, len(combinations), len(named)),
    )


def _check(grid: Mapping[str, tuple[str, ...]], changes: Mapping[str, str]) -> None:
    for path in grid:
        if path == "name":
            raise RecipeError("--grid name: the runs of a sweep get their names from the sweep's and the factors")
        if path in changes:
            raise RecipeError(f"{path} is both a factor of the grid and given as --{path}; keep one of the two")
    if "name" in changes:
        raise RecipeError("--name is the sweep's name; its runs get theirs from it and the factors")
    size = prod(map(len, grid.values()))
    if size > MOST:
        raise RecipeError(
            f"this grid has {size:,} combinations, but a sweep has at most {MOST:,} runs; take fewer values"
        )


def _recipe(base: Recipe, fixed: Mapping[str, str], kept: Mapping[str, str]) -> Recipe:
    try:
        return override(base, {**fixed, **kept})
    except RecipeError as error:
        where = ", ".join(f"{path}={value}" for path, value in kept.items())
        raise RecipeError(f"with {where}: {error}" if where else str(error)) from None


# -- which fields a combination has ------------------------------------------------------------------------


def _sorted(document: Mapping[str, Any], wanted: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """The fields of `wanted` that exist once its kinds are chosen, and the others with the kind that lacks them."""
    chosen: dict[str, Any] = json.loads(json.dumps(document))
    applied, idle = set(), {}
    # Outer kinds first: which inner ones there are follows from them.
    for path in sorted(wanted, key=lambda path: (not path.endswith(".kind"), path.count("."))):
        because = _lacking(chosen, path)
        if because is not None:
            idle[path] = because
            continue
        applied.add(path)
        if path.endswith(".kind"):
            _choose(chosen, path.split(".")[:-1], wanted[path])
    return applied, idle


def _choose(document: dict[str, Any], section: list[str], kind: str) -> None:
    for name in section:
        below = document.get(name)
        if not isinstance(below, dict):
            below = document[name] = {}
        document = below
    if document.get("kind") != kind:
        document.clear()
        document["kind"] = kind


def _lacking(document: Mapping[str, Any], path: str) -> str | None:
    """None where the recipe `document` has this field, else what it is that has no such field."""
    settings: type[BaseModel] = Recipe
    here: Any = document
    because = "a recipe"
    *sections, last = path.split(".")
    for depth, name in enumerate(sections):
        if name not in settings.model_fields:
            return because
        here = here.get(name) if isinstance(here, Mapping) else None
        if name in sockets_of(settings):
            kind = here.get("kind") if isinstance(here, Mapping) else None
            kind = kind or _default_kind(settings, name)
            because = f"{'.'.join(sections[: depth + 1])}.kind={kind}"
            try:
                settings = part(sockets_of(settings)[name], kind).Settings
            except ValueError:  # no such kind: validation says which there are
                return None
        else:
            annotation = settings.model_fields[name].annotation
            if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                return because
            settings = annotation
    return None if last in settings.model_fields else because


def _default_kind(settings: type[BaseModel], name: str) -> str:
    default = settings.model_fields[name].default
    return default.kind if isinstance(default, PartSettings) else default["kind"]


def _at(recipe: Recipe, path: str) -> Any:
    value: Any = recipe.model_dump(mode="json")
    for name in path.split("."):
        value = value[name]
    return value


# -- names and words ---------------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """The name itself. Raises SweepError when it is none."""
    if not _NAME.fullmatch(name):
        raise SweepError(
            f"{name!r} cannot be the name of a sweep; give up to 40 letters, digits, dots, dashes and underscores, "
            "the first one a letter or a digit"
        )
    return name


def _named(sweep: str, factors: Mapping[str, Any]) -> str:
    """`active-vampprior-components50-seed1`: parts by their kind, other factors by the field's last name."""
    words = [
        str(value) if path.endswith(".kind") else f"{path.rpartition('.')[2]}{_short(value)}"
        for path, value in factors.items()
    ]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join([sweep, *words])).strip("-")


def _short(value: Any) -> str:
    return (
        "x".join(map(str, value))
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _unique(sweep: str, points: list[Point]) -> list[Point]:
    """The points with names that differ and are no longer than a recipe's name may be; their recipes bear them."""
    names = [point.name.lower() for point in points]  # some file systems do not tell capitals from small letters
    found = []
    for point in points:
        name = point.name
        if len(name) > 64 or names.count(name.lower()) > 1:
            digest = hashlib.sha256(json.dumps(point.factors, sort_keys=True).encode()).hexdigest()[:8]
            name = f"{name[:55]}-{digest}"
        recipe = Recipe.parse(point.recipe.model_dump(mode="json") | {"name": name})
        found.append(Point(name, point.factors, recipe))
    return found


def _titles(grid: Mapping[str, Any], points: list[Point]) -> dict[str, str]:
    """What each factor is, from the description of its field; {path: words}."""
    described: dict[str, str] = {}
    seen: set[frozenset[str]] = set()
    for point in points:
        chosen = frozenset(point.factors)
        if chosen not in seen:  # one recipe with these factors describes them all
            seen.add(chosen)
            described |= {row.path: row.description for row in fields(point.recipe) if row.path in chosen}
    return {path: described.get(path, path) for path in grid}


def _notes(left_out: Mapping[str, set[str]], combinations: int, runs: int) -> tuple[str, ...]:
    notes = [
        f"{path} does not apply with {' or '.join(sorted(because))}: left out there."
        for path, because in left_out.items()
    ]
    if runs < combinations:
        notes.append(f"{combinations:,} combinations are {runs:,} different runs: equal ones are one run.")
    return tuple(notes)
