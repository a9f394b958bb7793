"""The form of a recipe: which fields there are for the chosen parts, and the recipe they make.

A form is a recipe to begin with and what was typed since, by dotted names. Fields are listed without asking whether the
whole is valid: a visitor who changes the posterior has to be able to change the prior next. What is wrong comes as
sentences, and nothing typed is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from latents.recipe import FieldInfo, Recipe

Typed = Mapping[str, Any]
"""What was typed, by dotted name: "model.prior.kind" -> "vampprior"."""

LABELS = {"name": "Name of the run", "data.name": "Data", "model.kind": "Family", "model.latent": "Size of z (units)"}
"""Fields whose own names say too little where they stand."""


@dataclass(frozen=True)
class Draft:
    """A form as it stands.

    fields: those that matter for the chosen parts, with their present values; begun: the values they had before
    anything was typed, by name; document: the recipe they make as JSON; recipe: the same, validated, or None;
    problems: a sentence for each thing that is wrong; by_field: those that begin with a field's name, by that name.
    """

    fields: tuple[FieldInfo, ...]
    begun: dict[str, Any]
    document: dict[str, Any]
    recipe: Recipe | None
    problems: tuple[str, ...]

    @property
    def by_field(self) -> dict[str, str]:
        found = {}
        for problem in self.problems:
            name, colon, sentence = problem.partition(": ")
            if colon and any(field.path == name for field in self.fields):
                found[name] = sentence
        return found


def draft(base: Recipe, typed: Typed) -> Draft:
    """The form that begins with `base`, with what was typed since."""
    from latents.data import load
    from latents.errors import DataError, RecipeError
    from latents.recipe import Recipe, fields

    given = base.model_dump(mode="json")
    if not takes_objective(typed.get("model.kind", given["model"]["kind"])):
        typed = {path: value for path, value in typed.items() if not path.startswith("objective.")}
        given.pop("objective", None)
    kinds = {path: value for path, value in typed.items() if path.endswith(".kind")}
    begun = {field.path: field.value for field in fields(_built(Recipe, given, kinds, ""))}  # type: ignore[arg-type]
    built = _built(Recipe, given, typed, "")
    document = _document(built)
    shown = tuple(field for field in fields(built) if _matters(field.path, document))  # type: ignore[arg-type]
    try:
        recipe = Recipe.parse(document)
        recipe.check(load(recipe.data.name))
    except (RecipeError, DataError) as error:
        return Draft(shown, begun, document, None, _sentences(str(error)))
    return Draft(shown, begun, document, recipe, ())


def takes_objective(kind: str) -> bool:
    """Whether models of this kind are trained on the recipe's objective, or on a loss of their own."""
    from latents.parts import kinds

    return kind not in kinds("model") or kinds("model")[kind].takes_objective


def parsed(text: str, example: Any) -> Any:
    """What was typed into a field of text: a list where the field holds one (`300, 300`), else what JSON says it is.

    Text that is neither stays text, and the recipe says what it expected.
    """
    text = text.strip()
    if isinstance(example, str):
        return text
    if isinstance(example, list | tuple) and not text.startswith("["):
        text = f"[{text}]"
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("[]") if isinstance(example, list | tuple) else text


def spelled(value: Any) -> str:
    """A value as it stands in a field of text: `300, 300`, `0.002`."""
    if isinstance(value, list | tuple):
        return ", ".join(spelled(item) if not isinstance(item, list | tuple) else json.dumps(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def help_text(field: FieldInfo) -> str:
    """What a form says about a field when asked: its description, and what it may be."""
    said = field.description[:1].upper() + field.description[1:]
    bounds = field.bounds.replace(">=", "≥").replace("<=", "≤")
    return f"{said}.{f' {bounds}.' if bounds else ''} `{field.path}`"


def label(field: FieldInfo) -> str:
    """The name of a field in a form: its own name and unit; of a kind, the part that it chooses."""
    if field.path in LABELS:
        return LABELS[field.path]
    *_, section, name = ["", *field.path.split(".")]
    name = (section if name == "kind" else name).replace("_", " ")
    unit = f" ({field.unit})" if field.unit and field.unit != name else ""
    return f"{name[:1].upper()}{name[1:]}{unit}"


@lru_cache(maxsize=1)
def presets() -> dict[str, tuple[str, ...]]:
    """The presets' names by family, families in the order in which pages list them."""
    from explorer.entry import FAMILIES, rank
    from latents.parts import part
    from latents.recipe import preset
    from latents.recipe import presets as names

    found: dict[str, list[str]] = {}
    for name in names():
        found.setdefault(part("model", preset(name).model.kind).family, []).append(name)
    return {family: tuple(found[family]) for family in sorted(found, key=lambda one: rank(one, FAMILIES))}


# -- building without validating ---------------------------------------------------------------------------


def _built(settings: type[BaseModel], given: dict[str, Any], typed: Typed, prefix: str) -> BaseModel:
    """Settings with the values of `given`, changed by `typed`; a part of another kind begins with its defaults."""
    from pydantic import BaseModel

    from latents.parts import kinds, part, sockets_of

    values: dict[str, Any] = {}
    sockets = sockets_of(settings)
    for name, field in settings.model_fields.items():
        path, default = f"{prefix}{name}", field.get_default(call_default_factory=True)
        if name in sockets:
            here = given.get(name, default)
            here = here if isinstance(here, dict) else _document(here)
            kind = typed.get(f"{path}.kind", here["kind"])
            kind = kind if kind in kinds(sockets[name]) else here["kind"]
            below = here if kind == here["kind"] else {}
            values[name] = _built(part(sockets[name], kind).Settings, below, typed, f"{path}.")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            values[name] = _built(field.annotation, given.get(name, {}), typed, f"{path}.")
        elif name == "kind":
            values[name] = default
        else:
            values[name] = typed.get(path, given.get(name, default))
    return settings.model_construct(**values)


def _document(section: Any) -> dict[str, Any]:
    from pydantic import BaseModel

    return {
        name: _document(value) if isinstance(value, BaseModel) else _plain(value)
        for name in type(section).model_fields
        for value in [getattr(section, name)]
    }


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _matters(path: str, document: dict[str, Any]) -> bool:
    """Whether a field says anything about such a model."""
    return not path.startswith("objective.") or takes_objective(document["model"]["kind"])


def _sentences(text: str) -> tuple[str, ...]:
    """The sentences of a RecipeError, which are joined by semicolons where a new field's name begins."""
    return tuple(sentence.replace(*_PLAINLY) for sentence in _split(text))


_PLAINLY = ("input should be a valid tuple", "input should be a list with commas, such as 300, 300")


def _split(text: str) -> Iterator[str]:
    parts = text.split("; ")
    sentence = parts[0]
    for part in parts[1:]:
        head = part.partition(": ")[0]
        if ": " in part and " " not in head and head.replace(".", "").replace("_", "").isalnum():
            yield sentence
            sentence = part
        else:
            sentence += f"; {part}"
    yield sentence
