"""The command line that does what a form does, as a list of arguments; `shlex.join` makes the line to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import HERE, Options

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..recipe import Recipe


def command(
    given: str | Path | Recipe,
    changes: Mapping[str, Any] | None = None,
    *,
    base: str | None = None,
    name: str | None = None,
    where: str = HERE,
    options: Options | None = None,
) -> list[str]:
    """`latents runs start ...` for a preset's name or a recipe's file with changes, or for a whole recipe.

    A whole recipe is said as changes of a preset: of `base`, else of the one from which it differs least.
    """
    from ..recipe import Recipe, preset

    if isinstance(given, Recipe):
        recipe, given = given, base or nearest(given)
        changes = {**differences(preset(given), recipe), **(changes or {})}
    words = ["latents", "runs", "start", str(given)]
    for field, value in (changes or {}).items():
        words += [f"--{field}", value if isinstance(value, str) else json.dumps(value)]
    if name is not None:
        words += ["--as", name]
    if where != HERE:
        words += ["--on", where]
    plain, options = Options(), options or Options()
    for option in ("accelerator", "devices", "nodes", "strategy"):
        if getattr(options, option) != getattr(plain, option):
            words += [f"--{option}", str(getattr(options, option))]
    for log in options.log:
        words += ["--log", log]
    return words


def nearest(recipe: Recipe) -> str:
    """The preset that becomes this recipe by the fewest changes."""
    from ..recipe import preset, presets

    def far(name: str) -> tuple[bool, int, bool]:
        there = preset(name)
        changes = differences(there, recipe)
        return there.data.name != recipe.data.name, len(changes), name != recipe.name

    return min(presets(), key=far)


def differences(have: BaseModel, wanted: BaseModel, prefix: str = "", fresh: bool = False) -> dict[str, Any]:
    """The fields by dotted names, and their values as JSON, that make one recipe of another.

    fresh: `have` holds a part's defaults, which a changed kind brings; its own parts are then said with their kinds.
    """
    from ..parts import PartSettings

    found: dict[str, Any] = {}
    for name in type(wanted).model_fields:
        value, before, path = getattr(wanted, name), getattr(have, name), f"{prefix}{name}"
        if isinstance(value, PartSettings):
            other = value.kind != before.kind
            inner = differences(type(value)() if other else before, value, f"{path}.", fresh or other)
            if other or (fresh and inner):
                found[f"{path}.kind"] = value.kind
            found |= {field: inner[field] for field in inner if field != f"{path}.kind"}
        elif hasattr(value, "model_fields"):
            found |= differences(before, value, f"{path}.", fresh)
        elif value != before:
            found[path] = list(value) if isinstance(value, tuple) else value
    return found
