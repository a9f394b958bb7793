"""Paired differences of two models' numbers, image by image; only where the numbers are of the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from explorer import library
from explorer.library import Entry

Number = Literal["log_likelihood", "elbo"]


@dataclass(frozen=True)
class Difference:
    """The mean of a model's number minus another's over the same images, and its standard error; nats."""

    value: float
    error: float
    images: int
    measure: str


def difference(entry: Entry, first: Entry, number: Number) -> Difference | str:
    """What `entry` has more of than `first`; or one sentence on why the two do not compare. Needs torch."""
    stamp = tuple(_written(one) for one in (entry, first))
    return library.remember("difference", entry, lambda: _difference(entry, first, number), first.path, number, stamp)


def _difference(entry: Entry, first: Entry, number: Number) -> Difference | str:
    from latents.errors import LatentsError
    from latents.evaluation import paired_difference
    from latents.folder import ModelFolder

    for one in (entry, first):
        why = missing(one, number)
        if why is not None:
            return why
    try:
        found = paired_difference(ModelFolder(entry.path), ModelFolder(first.path), number)
    except LatentsError as error:
        return sentence(str(error))
    except (KeyError, TypeError, ValueError):  # metrics.json of another make
        return f"The numbers of {entry.name} and {first.name} do not say how they were taken: evaluate both again."
    return Difference(found["difference"], found["standard_error"], found["images"], found["measure"])


def missing(entry: Entry, number: Number) -> str | None:
    """Why the model has no such number, or None."""
    word = {"log_likelihood": "log-likelihood", "elbo": "ELBO"}[number]
    if isinstance(entry.metrics.get(number), dict):
        return None
    never = entry.metrics.get("no_likelihood") or library.why_not(entry, number)
    if never:
        return f"{entry.name} has no {word}. {never}"
    return f"{entry.name} has no {word} yet: `latents evaluate` measures it."


def sentence(text: str) -> str:
    """A message as a sentence: a capital at its beginning, a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _written(entry: Entry) -> int:
    try:
        return (entry.path / "evaluation.safetensors").stat().st_mtime_ns
    except OSError:
        return 0
