"""The names of latent units: counted from one, and from one in every layer of a hierarchy, whose top has the highest
number, as in the papers: z₂ above z₁."""

from __future__ import annotations

from explorer.words import subscript


def units(layers: tuple[int, ...]) -> list[str]:
    """One name for each number of z: `7`, and in a hierarchy `2.7` for unit 7 of layer 2. layers: sizes, top first."""
    if len(layers) < 2:
        return [str(unit + 1) for size in layers for unit in range(size)]
    return [f"{number}.{unit + 1}" for number, size in numbered(layers) for unit in range(size)]


def numbered(layers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Each layer's number and size, the top first: [(2, 8), (1, 8)]."""
    return [(len(layers) - place, size) for place, size in enumerate(layers)]


def symbol(name: str) -> str:
    """`7` as z₇, `2.7` as z₂,₇."""
    return "z" + ",".join(subscript(int(part)) for part in name.split("."))


def spoken(name: str) -> str:
    """How a sentence names a unit: `unit 7`, `unit z₂,₇`."""
    return f"unit {symbol(name) if '.' in name else name}"
