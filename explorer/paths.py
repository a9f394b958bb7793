"""Paths between two test images: through latent space, decoded, and through the pixels themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer import library
from explorer.library import Entry, Images

FINE = 201
"""Points at which the density along a path is computed, so that its curve is smooth."""


@dataclass(frozen=True)
class LatentPath:
    """From the code of one image to that of another.

    t [T] in [0, 1]; z [T, d]; pictures: the decoder's answers, uint8 [T, C, H, W]; fine_t [FINE] and log_prior
    [FINE]: log p(z) along the path, nats, or None where the prior has no density.
    """

    t: np.ndarray
    z: np.ndarray
    pictures: np.ndarray
    fine_t: np.ndarray
    log_prior: np.ndarray | None


def latent_path(entry: Entry, first: int, last: int, steps: int) -> LatentPath:
    """The path of the model's space between the posterior means of two test images, given by their places."""
    import torch

    net, mu = library.model(entry), library.encoding(entry).mu
    t, fine_t = np.linspace(0, 1, steps), np.linspace(0, 1, FINE)
    with torch.inference_mode():
        a, b = torch.from_numpy(mu[first]), torch.from_numpy(mu[last])
        z, fine = (net.space.path(a, b, torch.from_numpy(places).float()) for places in (t, fine_t))
    log_prior = log_density(entry, fine.numpy()) if net.why_not("prior_density") is None else None
    return LatentPath(t, z.numpy(), library.decode(entry, z.numpy()), fine_t, log_prior)


def pixel_path(images: np.ndarray, first: int, last: int, steps: int) -> np.ndarray:
    """(1 - t) x_a + t x_b of two images of uint8 [N, C, H, W], at `steps` places: uint8 [steps, C, H, W]."""
    t = np.linspace(0, 1, steps)[:, None, None, None]
    mixed = (1 - t) * images[first].astype(np.float64) + t * images[last].astype(np.float64)
    return np.round(mixed).astype(np.uint8)


def log_density(entry: Entry, z: np.ndarray) -> np.ndarray:
    """log p(z) of codes [N, d] under the model's prior, float64 [N], nats."""
    import torch

    with torch.inference_mode():
        prior = library.model(entry).prior()
        return np.concatenate([prior.log_prob(part).double().numpy() for part in torch.from_numpy(z).split(2000)])


def usual(entry: Entry) -> tuple[float, float]:
    """The range of log p(z) that holds the middle 90 % of the test images, at their posterior means, nats."""

    def compute() -> tuple[float, float]:
        low, high = np.quantile(log_density(entry, library.encoding(entry).mu), [0.05, 0.95])
        return float(low), float(high)

    return library.remember("usual log density", entry, compute)


def first_of(images: Images, label: int) -> int | None:
    """The first test image of a class; None where there is none."""
    found = np.flatnonzero(images.labels == label) if images.labels is not None else ()
    return int(found[0]) if len(found) else None


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
