"""What a run is: data, model, objective, training and seed, in one recipe.

The JSON file, the command line and the form on the training page are the same `Recipe`. Fields carry their
description, unit and bounds once; `fields` lists them for `--help` and forms, `override` edits them by dotted
names, and every error is one sentence that names the field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ValidationError

from .errors import RecipeError
from .parts import Choice, PartErrors, PartSettings, Section, kinds, listed, part, setting, sockets_of, suggest

__all__ = ["Recipe", "fields", "override", "preset", "presets", "read_recipe"]


class DataRecipe(Section):
    """Which images, and how gray becomes black and white."""

    name: str = setting("mnist", "data set by name, a folder of pictures, or an .npz file")
    binarisation: Literal["none", "static", "dynamic"] = setting(
        "dynamic", "how training images become binary: not, once, or anew each epoch"
    )


class TrainingRecipe(Section):
    """How long, how fast, and what is kept."""

    epochs: int = setting(100, "passes over the training images at most", unit="epochs", ge=1, le=100_000)
    batch: int = setting(250, "images per step", unit="images", ge=1, le=100_000)
    learning_rate: float = setting(2e-3, "Adam's step size, at its highest", gt=0, le=1)
    schedule: Literal["one-cycle", "constant"] = setting(
        "one-cycle", "one-cycle rises over the first 30 % of all steps and falls to nothing; constant stays"
    )
    look_ahead: int = setting(
        50, "stop when the validation ELBO has not improved for so long, after warm-up", unit="epochs", ge=1
    )
    snapshots: int = setting(
        30,
        "states kept for the time scrubber (half as many above two dimensions)",
        unit="states",
        ge=2,
        le=200,
        advanced=True,
    )
    checkpoint_seconds: float = setting(30.0, "least time between two checkpoints", unit="s", ge=0, advanced=True)
    save_as: Literal["float32", "float16"] = setting(
        "float32", "precision of the saved weights; every reported number is that of the saved weights", advanced=True
    )


class Recipe(Section):
    """All that makes a model, complete: `latents train config.json` makes the same one again."""

    name: str = setting("model", "short name of the model", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str = setting("", "one or two sentences on what it is for", max_length=600)
    data: DataRecipe = setting(DataRecipe(), "the images")
    model: Annotated[PartSettings, Choice("model")] = setting({"kind": "vae"}, "the model family and its parts")
    objective: Annotated[PartSettings, Choice("objective")] = setting({"kind": "elbo"}, "what training maximises")
    training: TrainingRecipe = setting(TrainingRecipe(), "the training loop")
    seed: int = setting(0, "seed of everything random", ge=0, lt=2**31)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Recipe:
        """Validate a recipe. Raises RecipeError, one sentence for each thing that is wrong."""
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise RecipeError("; ".join(_sentences(error, cls))) from None

    def json_text(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    def check(self, data) -> None:
        """Raise RecipeError when the recipe does not fit the data set (an `ImageData`)."""
        part("model", self.model.kind).check(self, data)
        part("objective", self.objective.kind).check(self)
        if self.data.binarisation != "none" and data.kind == "colour":
            raise RecipeError(
                f"data.binarisation is {self.data.binarisation!r}, but {data.name} has colour images; set it to 'none'"
            )


# -- errors, as sentences ----------------------------------------------------------------------------------


def _sentences(error: ValidationError, settings: type[BaseModel], path: str = "") -> list[str]:
    found = []
    for item in error.errors():
        where = ".".join([path, *map(str, item["loc"])]).strip(".")
        nested = item.get("ctx", {}).get("error")
        if isinstance(nested, PartErrors):
            found += _sentences(nested.error, nested.settings, where)
        elif item["type"] == "extra_forbidden":
            home = _at(settings, item["loc"][:-1])
            known = home.model_fields if home else {}
            found.append(
                f"{where}: there is no such field{suggest(str(item['loc'][-1]), known)}; "
                f"{where.rpartition('.')[0] or 'a recipe'} has {listed(known)}"
            )
        elif isinstance(nested, Exception):
            found.append(f"{where}: {nested}")
        else:
            message = item["msg"][0].lower() + item["msg"][1:]
            found.append(f"{where}: {message}, but {item['input']!r} was given")
    return found


def _at(settings: type[BaseModel], path: tuple) -> type[BaseModel] | None:
    for name in path:
        field = settings.model_fields.get(str(name))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        settings = field.annotation
    return settings


# -- listing and editing -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FieldInfo:
    """One field of a recipe, as a form or `--help` shows it."""

    path: str
    value: Any
    description: str
    unit: str
    bounds: str
    choices: tuple[str, ...]
    advanced: bool


def fields(recipe: Recipe) -> list[FieldInfo]:
    """Every field of this recipe, those of its chosen parts included, in order."""
    return _fields(recipe, "")


def other_fields(recipe: Recipe) -> dict[str, list[FieldInfo]]:
    """The fields that this recipe would have with other parts: by "model.prior.kind vampprior", say."""
    found = {}
    for row in fields(recipe):
        section = row.path.removesuffix(".kind")
        for kind in row.choices if row.path.endswith(".kind") else ():
            if kind != row.value:
                settings = part(_socket(recipe, section), kind).Settings()
                rows = [field for field in _fields(settings, f"{section}.") if not field.path.endswith(".kind")]
                if rows:
                    found[f"{row.path} {kind}"] = rows
    return found


def _socket(recipe: Recipe, path: str) -> str:
    section: BaseModel = recipe
    *parents, last = path.split(".")
    for name in parents:
        section = getattr(section, name)
    return sockets_of(type(section))[last]


def _fields(section: BaseModel, prefix: str) -> list[FieldInfo]:
    rows: list[FieldInfo] = []
    sockets = sockets_of(type(section))
    for name, field in type(section).model_fields.items():
        value, path = getattr(section, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            if isinstance(value, PartSettings):
                rows.append(_row(f"{path}.kind", value.kind, field, tuple(kinds(sockets[name]))))
            rows += [row for row in _fields(value, f"{path}.") if row.path != f"{path}.kind"]
        else:
            rows.append(_row(path, value, field, _literals(field.annotation)))
    return rows


def _row(path: str, value: Any, field: Any, choices: tuple[str, ...]) -> FieldInfo:
    extra = field.json_schema_extra or {}
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = ", ".join(
        f"{signs[name]} {getattr(mark, name):g}" for mark in field.metadata for name in signs if hasattr(mark, name)
    )
    return FieldInfo(
        path, value, field.description or "", extra.get("unit", ""), bounds, choices, extra.get("advanced", False)
    )


def _literals(annotation: Any) -> tuple[str, ...]:
    return tuple(annotation.__args__) if getattr(annotation, "__origin__", None) is Literal else ()


def override(recipe: Mapping[str, Any] | Recipe, changes: Mapping[str, str]) -> Recipe:
    """A recipe with fields changed by dotted names, as on the command line.

    Values are JSON where they parse as JSON (`50`, `true`, `[300, 300]`), else text; what is text in the recipe
    stays text. Changing a `kind` resets that part to its defaults. Raises RecipeError.
    """
    document = recipe.model_dump(mode="json") if isinstance(recipe, Recipe) else json.loads(json.dumps(dict(recipe)))
    kinds_first = sorted(changes, key=lambda path: (not path.endswith(".kind"), path.count(".")))
    for path in kinds_first:
        *parents, last = path.split(".")
        home = document
        for depth, name in enumerate(parents):
            below = home.setdefault(name, {})
            if not isinstance(below, dict):
                given = ".".join(parents[: depth + 1])
                raise RecipeError(f"{path}: {given} is a value, not a section, so it has no field {last!r}")
            home = below
        value = changes[path] if isinstance(home.get(last), str) else _value(changes[path])
        if last == "kind" and home.get("kind") != value:
            home.clear()
        home[last] = value
    return Recipe.parse(document)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, TypeError):
        return text


# -- presets and files -------------------------------------------------------------------------------------


def presets() -> list[str]:
    """The names of the recipes that come with the package."""
    folder = files("latents") / "presets"
    return sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))


def preset(name: str) -> Recipe:
    """A recipe that comes with the package. Raises RecipeError with the names that exist."""
    if name not in presets():
        raise RecipeError(f"there is no preset {name!r}{suggest(name, presets())}; there are {listed(presets())}")
    return Recipe.parse(json.loads((files("latents") / "presets" / f"{name}.json").read_text("utf-8")))


def read_recipe(given: str | Path) -> Recipe:
    """A recipe from a JSON file, or a preset by its name. Raises RecipeError."""
    path = Path(given)
    if path.suffix != ".json" and not path.is_file():
        return preset(str(given))
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror or error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path} is not JSON ({error}); a recipe is an object like a preset's") from None
    if not isinstance(document, dict):
        raise RecipeError(f"{path} holds a {type(document).__name__}, but a recipe is a JSON object")
    return Recipe.parse(document)
