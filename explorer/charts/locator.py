"""A small map of the plane with a cross on it: where the decoded point lies. A picture of a few kilobytes, so that
moving the point does not send the big chart again."""

from __future__ import annotations

import numpy as np

from explorer.charts import palette
from explorer.charts.images import png
from explorer.charts.region import Limits
from explorer.charts.theme import Tone


def background(points: np.ndarray, labels: np.ndarray | None, region: Limits, size: int) -> np.ndarray:
    """The points [N, 2] as coloured pixels: uint8 [size, size, 4], transparent where there is none."""
    sheet = np.zeros((size, size, 4), np.uint8)
    column, row = _pixel(points, region, size)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    colours = np.array([_rgb(colour) for colour in palette.CLASSES], np.uint8)
    chosen = np.zeros(len(points), int) if labels is None else labels % len(colours)
    sheet[row[inside], column[inside], :3] = colours[chosen[inside]]
    sheet[row[inside], column[inside], 3] = 150
    return sheet


def locator(sheet: np.ndarray, at: np.ndarray, region: Limits, tones: Tone) -> bytes:
    """The PNG of a `background` with a cross at the point `at` [2]; no cross outside the region."""
    size = len(sheet)
    marked = sheet.copy()
    ink = [*_rgb(tones.ink), 255]
    column, row = (int(v[0]) for v in _pixel(np.asarray(at)[None], region, size))
    if 0 <= column < size and 0 <= row < size:
        marked[row, :] = np.where(np.abs(np.arange(size) - column)[:, None] > 6, ink, marked[row, :])
        marked[:, column] = np.where(np.abs(np.arange(size) - row)[:, None] > 6, ink, marked[:, column])
        marked[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = [*_rgb(tones.accent), 255]
    marked[[0, -1], :] = marked[:, [0, -1]] = [*_rgb(tones.rule), 255]
    return png(marked)


def _pixel(points: np.ndarray, region: Limits, size: int) -> tuple[np.ndarray, np.ndarray]:
    (left, right), (low, high) = region
    column = np.floor((points[:, 0] - left) / (right - left) * size).astype(int)
    row = np.floor((high - points[:, 1]) / (high - low) * size).astype(int)
    return column, row


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
