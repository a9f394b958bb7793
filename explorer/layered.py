"""The layers of a hierarchy: what is kept of an image's z, and what the prior fills in below it."""

from __future__ import annotations

from typing import Any

import numpy as np

from explorer import library, tensors, usage
from explorer.library import Entry

MEAN_DRAWS = 4096
"""A prior's mean that has no closed form is that of so many draws."""


def able(entry: Entry) -> bool:
    """Whether the model's z has layers."""
    return library.why_not(entry, "encode") is None and len(usage.layers(entry)) > 1


def parts(entry: Entry, z: np.ndarray) -> list[np.ndarray]:
    """z [..., size] as its layers, top first."""
    return np.split(z, np.cumsum(usage.layers(entry))[:-1], axis=-1)


def prior_mean(entry: Entry) -> tuple[np.ndarray, str]:
    """The mean of p(z), [size], and what it is: `the mean of the prior`.

    In a hierarchy the chain of means: the top's, then each layer's given the means above it. Where there is no closed
    form, the mean of seeded draws, put back into the space.
    """
    return library.remember("prior mean", entry, lambda: _prior_mean(entry))


def _prior_mean(entry: Entry) -> tuple[np.ndarray, str]:
    import torch

    from latents.randomness import seeded

    net: Any = library.model(entry)
    chained = len(usage.layers(entry)) > 1
    with torch.no_grad():
        prior = net.prior()
        top = prior.top if chained else prior
        space = net.space.layers[0]
        try:
            mean, words = top.mean, "the mean of the prior"
        except NotImplementedError:
            with seeded(0, tensors.device()):
                draws = top.sample((MEAN_DRAWS,))
            mean = space.from_coordinates(space.coordinates(draws).mean(0))
            words = f"the mean of {MEAN_DRAWS:,} draws from the prior"
        if chained:
            mean, words = tensors.tensor(below_at_mean(entry, tensors.array(mean)[None]))[0], f"{words}, layer by layer"
    return tensors.array(mean), words


def below_at_mean(entry: Entry, above: np.ndarray) -> np.ndarray:
    """Whole z [N, size] from their upper layers [N, some]: each layer below at its prior's mean given those above."""
    import torch

    net: Any = library.model(entry)
    z = tensors.tensor(above)
    with torch.no_grad():
        prior = net.prior()
        for place in range(_given(entry, above), len(usage.layers(entry))):
            z = torch.cat([z, prior.layer(place, z).mean], -1)
    return tensors.array(z)


def below_drawn(entry: Entry, above: np.ndarray, seed: int) -> np.ndarray:
    """Whole z [N, size] from their upper layers [N, some], those below drawn from the prior given those above."""
    import torch

    from latents.randomness import seeded

    net: Any = library.model(entry)
    with torch.no_grad(), seeded(seed, tensors.device()):
        return tensors.array(net.prior().complete(tensors.tensor(above)))


def kept(entry: Entry, z: np.ndarray, layers: int, seed: int | None = None) -> np.ndarray:
    """z [N, size] of which only the uppermost `layers` are kept; the rest is the prior's.

    seed: the rest is drawn with it; None: the rest is at the prior's mean. With no layer kept, all N are the prior's.
    """
    if layers == 0:
        if seed is None:
            return np.repeat(prior_mean(entry)[0][None], len(z), axis=0)
        top = _tops(entry, len(z), seed)
    else:
        top = z[:, : sum(usage.layers(entry)[:layers])]
    return below_at_mean(entry, top) if seed is None else below_drawn(entry, top, seed)


def _tops(entry: Entry, n: int, seed: int) -> np.ndarray:
    import torch

    from latents.randomness import seeded

    net: Any = library.model(entry)
    with torch.no_grad(), seeded(seed, tensors.device()):
        return tensors.array(net.prior().top.sample((n,)))


def _given(entry: Entry, above: np.ndarray) -> int:
    """How many layers these numbers are."""
    ends = np.cumsum(usage.layers(entry))
    return int(np.flatnonzero(ends == above.shape[-1])[0]) + 1


# -- over many images ------------------------------------------------------------------------------------------

COUNTED = 1000
"""Test images on which errors are measured, spread evenly."""


def errors(entry: Entry) -> tuple[list[float], int]:
    """The mean squared error of a pixel when 0, 1, ... all layers are kept and the rest is at its prior's mean.

    And on how many test images, spread evenly over all. Pixels are in [0, 1], as the model sees them.
    """

    def compute() -> tuple[list[float], int]:
        test = library.encoding(entry)
        chosen = np.linspace(0, len(test.points) - 1, min(COUNTED, len(test.points))).astype(int)
        seen = test.images.seen[chosen].astype(np.float64) / 255
        found = []
        for layers in range(len(usage.layers(entry)) + 1):
            pictures = library.decode(entry, kept(entry, test.points[chosen], layers)) / 255
            found.append(float(np.square(pictures - seen).mean()))
        return found, len(chosen)

    return library.remember("errors of layers", entry, compute)
