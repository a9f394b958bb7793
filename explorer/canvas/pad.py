"""What the drawing pad (pad.js) is to know of a model's images: their shape, and what surrounds their figures."""

from __future__ import annotations

from typing import Any

import numpy as np

SOME = 2000
"""Images that are looked at."""
INK = 0.12
"""A pixel further than this from the border's tone belongs to the figure, as in picture.js."""
UNIFORM = 0.75
"""A border of which this share has one tone surrounds figures; else the images are photographs."""


def settings(images: np.ndarray, seed: int, why: dict[str, str] | None = None) -> dict[str, Any]:
    """For `createPad`, from gray or colour images uint8 [N, C, H, W] and the seed of their binarisation.

    why: a sentence on each model whose encoder a browser cannot run, by its name.
    """
    ground, margin = surroundings(images)
    stream = np.random.PCG64(seed).state["state"]
    draw = {"state": str(stream["state"]), "increment": str(stream["inc"])}
    return {"shape": list(images.shape[1:]), "ground": ground, "margin": margin, "draw": draw, "why": why or {}}


def surroundings(images: np.ndarray) -> tuple[float | None, float]:
    """The tone around the figures (0.0 or 1.0), and the empty share of the side around a typical one.

    Photographs and colour images have no such tone: None, 0.0.
    """
    if images.shape[1] != 1:
        return None, 0.0
    values = images[:SOME, 0] / 255.0
    border = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], axis=1)
    tone = float(np.median(border))
    if (np.abs(border - tone) < INK).mean() < UNIFORM:
        return None, 0.0
    ink = np.abs(values - tone) > INK
    shares = [_extent(np.any(ink, axis=axis)) / ink.shape[3 - axis] for axis in (1, 2)]
    margin = (1 - np.median(np.maximum(*shares))) / 2
    return float(round(tone)), round(float(np.clip(margin, 0, 0.4)), 4)


def _extent(used: np.ndarray) -> np.ndarray:
    """How long the stretch from the first to the last True of each row [N, side] is."""
    side = used.shape[1]
    return np.where(used.any(axis=1), side - used[:, ::-1].argmax(axis=1) - used.argmax(axis=1), 0)
