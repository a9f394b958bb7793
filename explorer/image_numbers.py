"""Numbers of each test image under a model: ELBO, reconstruction error, KL, and the component that explains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from explorer import library, tensors
from explorer.library import Entry

PASS = 1000
"""Test images between two reports of progress."""


@dataclass(frozen=True)
class Numbers:
    """Of each test image, float32 [N], in test order; None where the model has none.

    error: −E[log p(x|z)] in nats, or, of a model without a likelihood, the sum over the pixels of (x − x̂)²; kl: of
    q(z|x) from the prior, nats; elbo: −error − kl, nats. One draw of z per image, seeded.
    """

    error: np.ndarray | None
    kl: np.ndarray | None
    elbo: np.ndarray | None

    @property
    def error_unit(self) -> str:
        """What the error is counted in."""
        return "squared gray levels" if self.elbo is None else "nats"


def ready(entry: Entry) -> bool:
    """Whether the numbers are there already, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _measured


_measured: set[tuple] = set()


def of(entry: Entry, watch: Callable[[int, int], None] = lambda done, total: None) -> Numbers:
    """The numbers of the model's test images, computed once, in passes.

    watch: told after each pass how many images are done, of how many. What is done is kept if the visitor leaves.
    """
    bounded, pictured = library.why_not(entry, "elbo") is None, library.why_not(entry, "mean") is None
    if not bounded and not pictured:
        return Numbers(None, None, None)
    total = len(library.images(entry).seen)
    passes = []
    for start in range(0, total, PASS):
        passes.append(library.remember("image numbers", entry, partial(_pass, entry, start, bounded), start))
        watch(min(start + PASS, total), total)
    _measured.add((entry.path, entry.stamp))
    return library.remember("all image numbers", entry, lambda: _joined(passes, bounded))


def _joined(passes: list[np.ndarray], bounded: bool) -> Numbers:
    error, *kl = np.concatenate(passes, axis=1)
    return Numbers(error, kl[0], -error - kl[0]) if bounded else Numbers(error, None, None)


def _pass(entry: Entry, start: int, bounded: bool) -> np.ndarray:
    """[2, n]: error and KL; [1, n] where there is no likelihood."""
    import torch

    from latents.randomness import seeded

    net = library.model(entry)
    x = tensors.tensor(library.images(entry).seen[start : start + PASS]).div_(255)
    with torch.no_grad(), seeded(start, tensors.device()):
        if bounded:
            found = net.elbo(x)
            return np.stack([tensors.array(-found.reconstruction), tensors.array(found.kl)])
        z = tensors.tensor(library.encoding(entry).points[start : start + PASS])
        return tensors.array((x - net.picture(z, 0).images).square().flatten(1).sum(1))[None]


def component(entry: Entry) -> np.ndarray | None:
    """The component of the prior that explains each image most, int64 [N]; None for priors without components."""

    def compute() -> np.ndarray | None:
        from latents.diagnostics import responsibilities

        x = tensors.tensor(library.images(entry).seen).div_(255)
        table = responsibilities(library.model(entry), x)
        return None if table is None else table.argmax(1).cpu().numpy()

    return library.remember("responsible component", entry, compute)
