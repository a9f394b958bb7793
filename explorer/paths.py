"""Paths between two test images: through latent space, decoded, and through the pixels themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer import library, tensors
from explorer.library import Entry, Images

FINE = 201
"""Points at which the density along a path is computed, so that its curve is smooth."""


@dataclass(frozen=True)
class LatentPath:
    """From the code of one image to that of another.

    t [T] in [0, 1]; z [T, size]; pictures: the decoder's answers, uint8 [T, C, H, W]; fine_t [FINE] and log_prior
    [FINE]: log p(z) along the path, nats, or None where the prior has no density.
    """

    t: np.ndarray
    z: np.ndarray
    pictures: np.ndarray
    fine_t: np.ndarray
    log_prior: np.ndarray | None


def latent_path(entry: Entry, first: int, last: int, steps: int) -> LatentPath:
    """The path of the model's space between the points of two test images, given by their places."""
    points = library.encoding(entry).points
    t, fine_t = np.linspace(0, 1, steps), np.linspace(0, 1, FINE)
    z, fine = (between(entry, points[first], points[last], places) for places in (t, fine_t))
    log_prior = log_density(entry, fine) if library.why_not(entry, "prior_density") is None else None
    pictures = library.remember("pictures of a path", entry, lambda: library.decode(entry, z), first, last, steps)
    return LatentPath(t, z, pictures, fine_t, log_prior)


def between(entry: Entry, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The points [T, size] at the shares t [T] of the way from a to b [size], along the path of the model's space."""
    import torch

    with torch.no_grad():
        path = library.model(entry).space.path
        return tensors.array(path(tensors.tensor(a), tensors.tensor(b), tensors.tensor(t)))


def words(entry: Entry) -> str:
    """What the path is, in the words of the model's space."""
    return _WORDS.get(entry.space_kind or "", "the path of its space")


_WORDS = {
    "euclidean": "a straight line",
    "sphere": "a great circle",
    "simplex": "a straight line within the simplex",
    "layers": "a path in every layer",
    "codes": "a straight line between the codes' vectors (each step at the codes nearest to it)",
}


def pixel_path(images: np.ndarray, first: int, last: int, steps: int) -> np.ndarray:
    """(1 - t) x_a + t x_b of two images of uint8 [N, C, H, W], at `steps` places: uint8 [steps, C, H, W]."""
    t = np.linspace(0, 1, steps)[:, None, None, None]
    mixed = (1 - t) * images[first].astype(np.float64) + t * images[last].astype(np.float64)
    return np.round(mixed).astype(np.uint8)


def log_density(entry: Entry, z: np.ndarray) -> np.ndarray:
    """log p(z) of codes [N, d] under the model's prior, float64 [N], nats."""
    import torch

    with torch.no_grad():
        prior = library.model(entry).prior()
        parts = [tensors.array(prior.log_prob(part)) for part in tensors.tensor(z).split(2000)]
    return np.concatenate(parts).astype(np.float64)


def usual(entry: Entry) -> tuple[float, float]:
    """The range of log p(z) that holds the middle 90 % of the test images, at their points, nats."""

    def compute() -> tuple[float, float]:
        low, high = np.quantile(log_density(entry, library.encoding(entry).points), [0.05, 0.95])
        return float(low), float(high)

    return library.remember("usual log density", entry, compute)


def first_of(images: Images, label: int) -> int | None:
    """The first test image of a class; None where there is none."""
    if images.labels is None:
        return None
    found = np.flatnonzero(images.labels == label)
    return int(found[0]) if found.size else None


def next_of(images: Images, label: int, after: int) -> int:
    """The next test image of a class after the place `after`, from the start again after the last one."""
    found = np.flatnonzero(images.labels == label)
    return int(found[np.searchsorted(found, after, side="right") % len(found)])


def pair_of_classes(images: Images, seed: int) -> tuple[int, int]:
    """Two random test images, of different classes where there are classes."""
    generator = np.random.default_rng(seed)
    first = int(generator.integers(len(images.gray)))
    others = np.arange(len(images.gray)) != first
    if images.labels is not None and len(np.unique(images.labels)) > 1:
        others = images.labels != images.labels[first]
    return first, int(generator.choice(np.flatnonzero(others)))
