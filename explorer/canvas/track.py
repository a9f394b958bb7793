"""The steps of a path on the canvas: what its bead needs to be led along it in the browser (track.js)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.canvas import blobs
from explorer.canvas.plane import PICTURE, TENSORS, Address


@dataclass(frozen=True)
class Track:
    """stops: where the T steps are among the F places of the path; values, names: their numbers and what these are
    called, "t = 0.50"; symbol: "t", or "" where nothing lies between two steps; codes [F, d]: z at each place, for
    decoders that a browser runs; pictures: uint8 [T, C, H, W], what is decoded at the steps, for the others; slider:
    the label of the page's slider that chooses the step and leads the bead; places: its value at each step."""

    stops: tuple[int, ...]
    values: tuple[float, ...]
    names: tuple[str, ...]
    symbol: str
    codes: np.ndarray | None
    pictures: np.ndarray
    slider: str = ""
    places: tuple[float, ...] = ()

    def json(self, address: Address) -> dict[str, Any]:
        """As track.js wants it: the bytes by their addresses."""
        found: dict[str, Any] = {"codes": None, "sheet": None}
        if self.codes is not None:
            found["codes"] = address(blobs.tensors({"codes": self.codes.astype(np.float32)}), TENSORS)
        else:
            found["sheet"] = address(blobs.sheet(self.pictures, len(self.pictures)), PICTURE)
        return found | {
            "stops": list(self.stops),
            "values": list(self.values),
            "names": list(self.names),
            "symbol": self.symbol or None,
            "slider": self.slider or None,
            "places": list(self.places),
        }
