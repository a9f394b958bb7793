"""Files to download: arrays as npz, tables as CSV. Their bytes are made when they are asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import library
from explorer.library import Entry


@dataclass(frozen=True)
class File:
    """A file to download. of: the model's name, or what else it is of; what: what it holds ("Points"); kind: "npz"."""

    of: str
    what: str
    kind: str
    mime: str
    make: Callable[[], bytes]

    @property
    def label(self) -> str:
        """`Points of digits-vmf (npz)`."""
        return f"{self.what} of {self.of} ({self.kind})"

    @property
    def name(self) -> str:
        """`digits-vmf-points.npz`."""
        kept = (letter if letter.isalnum() or letter in "-_." else "-" for letter in f"{self.of}-{self.what.lower()}")
        return f"{''.join(kept)}.{self.kind.lower()}"


def arrays(of: str, what: str, make: Callable[[], Mapping[str, np.ndarray | None]]) -> File:
    """Named arrays as an npz file; those that are None are left out. of: the model's name; what: "Points"."""

    def packed() -> bytes:
        out = io.BytesIO()
        found = {name: value for name, value in make().items() if value is not None}
        np.savez_compressed(out, **found)  # type: ignore[arg-type]  # (its stub takes the names for options)
        return out.getvalue()

    return File(of, what, "npz", "application/zip", packed)


def table(of: str, what: str, make: Callable[[], Mapping[str, Sequence[Any] | np.ndarray | None]]) -> File:
    """Named columns of one length as a CSV file; those that are None are left out, and None in them is left empty."""

    def written() -> bytes:
        found = {name: _plain(values) for name, values in make().items() if values is not None}
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(found)
        writer.writerows(zip(*found.values(), strict=True))
        return out.getvalue().encode("utf-8")

    return File(of, what, "CSV", "text/csv", written)


def _plain(values: Sequence[Any] | np.ndarray) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


# -- columns that many tables have -----------------------------------------------------------------------------


def of_images(entry: Entry) -> dict[str, np.ndarray | None]:
    """The test images' numbers and classes: how the tables of images begin."""
    test = library.images(entry)
    return {"image": np.arange(len(test.gray)), "class": test.labels}


def columns(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of an array [N, d]: z1, z2, ..."""
    return {f"{name}{i + 1}": column for i, column in enumerate(values.T)}
