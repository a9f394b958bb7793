"""The words for the components of a mixture prior: pseudo-inputs, or plain components."""

from __future__ import annotations

from explorer import library
from explorer.library import Entry


def has_inputs(entry: Entry) -> bool:
    """Whether the components are those of pseudo-inputs."""
    return library.why_not(entry, "pseudo_inputs") is None


def noun(entry: Entry) -> str:
    return "pseudo-input" if has_inputs(entry) else "component"


def source(entry: Entry) -> str:
    """What a component's draws are draws from, in symbols: `q(z|u)`, or `it`."""
    return "q(z|u)" if has_inputs(entry) else "it"


def percent(share: float) -> str:
    """`1.25 %`."""
    return f"{share:.2%}".replace("%", "\N{NO-BREAK SPACE}%") if share >= 0.00005 else "less than 0.01 %"
