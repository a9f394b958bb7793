"""Codes of a vector-quantised model: how often each is used, and what happens when one is put in another's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import library
from explorer.library import Entry


@dataclass(frozen=True)
class Book:
    """A codebook in use.

    grid: (h, w); shares [K]: of all places of all test images, summing to one; places: how many those are.
    """

    grid: tuple[int, int]
    shares: np.ndarray
    places: int

    @property
    def size(self) -> int:
        return len(self.shares)

    @property
    def used(self) -> int:
        """How many codes are used at all."""
        return int((self.shares > 0).sum())

    @property
    def perplexity(self) -> float:
        """exp of the entropy of the shares: how many codes an equal use would be, from 1 to K."""
        taken = self.shares[self.shares > 0]
        return float(np.exp(-(taken * np.log(taken)).sum()))

    @property
    def order(self) -> np.ndarray:
        """The codes [K], most used first."""
        return np.argsort(-self.shares, kind="stable")


def able(entry: Entry) -> bool:
    """Whether the model's z is a grid of codes."""
    return library.why_not(entry, "encode") is None and hasattr(library.model(entry).space, "grid")


def of(entry: Entry) -> Book:
    """The codes of all test images, counted once."""

    def count() -> Book:
        space: Any = library.model(entry).space
        taken = np.bincount(codes(entry).ravel(), minlength=space.codes)
        return Book(tuple(space.grid), taken / taken.sum(), int(taken.sum()))

    return library.remember("codebook", entry, count)


def codes(entry: Entry) -> np.ndarray:
    """The codes of the test images, int64 [N, h w], row by row."""
    return np.rint(library.encoding(entry).points).astype(np.int64)


def swapped(z: np.ndarray, place: int, code: int) -> np.ndarray:
    """The codes z [h w] with another one in one place."""
    changed = z.copy()
    changed[place] = code
    return changed


def another(book: Book, code: int) -> int:
    """The code to try in place of this one: the most used of all others."""
    return int(next(other for other in book.order if other != code))
