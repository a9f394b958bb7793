"""Exchangeable parts: a class becomes a choice in every recipe, `--help` and form by being defined.

A part belongs to a socket ("prior", "posterior", ...) and has a `kind`, the word that a recipe uses for it.
Its nested `Settings` are what a recipe may say about it::

    class Cauchy(Prior):
        kind = "cauchy"

        class Settings(PartSettings):
            scale: float = setting(1.0, "half width at half height", unit="latent units", gt=0)

Parts from other packages come in by the entry point group ``latents.parts``: an entry point names a module,
and importing it defines the parts.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import core_schema


class Section(BaseModel):
    """A part of a recipe. Where it says something about a part without its `kind`, the kind is that of the default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        filled = {
            name: {**_default(cls, name), **given[name]}
            for name in sockets_of(cls)
            if isinstance(given.get(name), dict) and "kind" not in given[name]
        }
        return {**given, **filled}


def _default(settings: type[BaseModel], name: str) -> dict[str, Any]:
    """The kind of part that a field has when nothing is said."""
    default = settings.model_fields[name].default
    if isinstance(default, dict):
        return {"kind": default["kind"]}
    return {"kind": default.kind} if isinstance(default, PartSettings) else {}


class PartSettings(Section):
    """What a recipe says about one part: fields with description, unit and bounds."""

    kind: str = ""


def setting(default: Any = ..., description: str = "", *, unit: str = "", advanced: bool = False, **bounds: Any):
    """A recipe field with all that a form, `--help` and an error message need to know about it."""
    return Field(
        default,
        description=description,
        validate_default=True,
        json_schema_extra={"unit": unit, "advanced": advanced},
        **bounds,
    )


class Part:
    """Something that a recipe chooses by its `kind`. A base class names the socket, a subclass the kind."""

    socket: ClassVar[str]
    kind: ClassVar[str]
    Settings: ClassVar[type[PartSettings]] = PartSettings
    _registry: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "kind" in cls.__dict__:
            other = cls._registry.get(cls.socket, {}).get(cls.kind)
            if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(
                    f"there is a {cls.socket} of kind {cls.kind!r} already: {other.__module__}.{other.__qualname__}"
                )
            cls.Settings = create_model(
                f"{cls.__name__}Settings", __base__=cls.Settings, kind=(cast(Any, Literal)[cls.kind], Field(cls.kind))
            )
            cls._registry.setdefault(cls.socket, {})[cls.kind] = cls


@cache
def _define_parts() -> None:
    """Import what defines parts: our own modules, and those of other packages."""
    import_module("latents.models")
    import_module("latents.objectives")
    for point in entry_points(group="latents.parts"):
        point.load()


def kinds(socket: str) -> dict[str, Any]:
    """The parts that fit a socket, by kind."""
    _define_parts()
    return Part._registry.get(socket, {})


def part(socket: str, kind: str) -> Any:
    """The part of this kind. Raises ValueError with the kinds that exist."""
    known = kinds(socket)
    if kind not in known:
        raise ValueError(f"there is no {socket} of kind {kind!r}{suggest(kind, known)}; there are {listed(known)}")
    return known[kind]


class PartErrors(ValueError):
    """The validation errors inside one part, with their paths below it."""

    def __init__(self, error: ValidationError, settings: type[PartSettings]):
        self.error, self.settings = error, settings
        super().__init__(str(error))


def _resolve(socket: str, given: Any) -> PartSettings:
    if isinstance(given, PartSettings):
        if not isinstance(given, part(socket, given.kind).Settings):
            raise ValueError(f"the settings of a {socket} were expected; got {type(given).__name__}")
        return given
    if isinstance(given, str):
        given = {"kind": given}
    if not isinstance(given, dict) or not isinstance(given.get("kind"), str):
        raise ValueError(f'expected an object with a "kind", one of {listed(kinds(socket))}; got {given!r}')
    chosen = part(socket, given["kind"])
    try:
        return chosen.Settings.model_validate(given)
    except ValidationError as error:
        raise PartErrors(error, chosen.Settings) from None


@dataclass(frozen=True)
class Choice:
    """Marks a recipe field as the choice of a part for `socket`: `prior: Annotated[PartSettings, Choice("prior")]`."""

    socket: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            partial(_resolve, self.socket),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda settings, info: settings.model_dump(mode=info.mode), info_arg=True
            ),
        )


def suggest(given: str, known: Any) -> str:
    """' (did you mean 'x'?)' when something known is near to what was given, else ''."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def listed(names: Any) -> str:
    """'a', 'b' and 'c'."""
    names = [repr(name) for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sockets_of(settings: type[BaseModel]) -> dict[str, str]:
    """The fields of `settings` that choose a part, with their sockets."""
    return {
        name: mark.socket
        for name, field in settings.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Choice)
    }
