"""The nearest training image of every sample: whether the model shows images that it has learnt by heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import library, tensors
from explorer.library import Entry

_CHUNK = 10_000
"""Images that are floats at a time."""
USUAL = 300
"""Test images whose own distances say what is usual."""


@dataclass(frozen=True)
class Shelf:
    """The images that samples are compared with: uint8 [N, C, H, W], as they came; split: "training" or "test"."""

    images: np.ndarray
    split: str


@dataclass(frozen=True)
class Nearest:
    """For each of n pictures the nearest image, uint8 [n, C, H, W], its place on the shelf [n], and how far it is [n]:
    the Euclidean distance over all pixels in [0, 1]."""

    images: np.ndarray
    places: np.ndarray
    distances: np.ndarray


def shelf(entry: Entry) -> Shelf:
    """The training images of the model's data set where they are on this computer, else its test images.

    Nothing is downloaded for it.
    """
    return _shelf(entry.data)


@st.cache_resource(show_spinner=False, max_entries=4)
def _shelf(name: str) -> Shelf:
    from latents import data
    from latents.data.download import no_downloads
    from latents.errors import DataError

    source = data.load(name)
    try:
        with no_downloads():
            return Shelf(tensors.pixels(source.train.images), "training")
    except DataError:
        return Shelf(tensors.pixels(source.test.images), "test")


def nearest(pictures: np.ndarray, among: Shelf) -> Nearest:
    """The images on the shelf that are nearest to pictures, uint8 [n, C, H, W] of their shape."""
    queries = _rows(pictures)
    best, places = np.full(len(queries), np.inf, np.float32), np.zeros(len(queries), np.int64)
    for start in range(0, len(among.images), _CHUNK):
        rows = _rows(among.images[start : start + _CHUNK])
        scores = (rows**2).sum(1) - 2 * queries @ rows.T  # the squared distance, but for what all share
        found = scores.argmin(1)
        score = scores[np.arange(len(queries)), found]
        better = score < best
        best[better], places[better] = score[better], start + found[better]
    images = among.images[places]
    return Nearest(images, places, np.sqrt(((queries - _rows(images)) ** 2).sum(1)))


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def usual(entry: Entry) -> float | None:
    """The median distance of USUAL random test images to their nearest training images; None without those."""

    def compute() -> float | None:
        among, test = shelf(entry), library.images(entry).gray
        if among.split != "training":
            return None
        chosen = np.random.default_rng(0).permutation(len(test))[:USUAL]
        return float(np.median(nearest(test[chosen], among).distances))

    return library.remember("usual distance", entry, compute)
