"""Draws: codes from a model's prior and from the parts of it, and their pictures. Seeded: the same again."""

from __future__ import annotations

from typing import Any

import numpy as np

from explorer import library, tensors
from explorer.library import Entry

MOST = 512
"""Codes drawn at a time: a smaller number shows the first of the same ones."""


def prior_codes(entry: Entry, seed: int, n: int) -> np.ndarray:
    """n draws z ~ p(z), float32 [n, d], n up to MOST; fewer are the first of more."""
    import torch

    from latents.randomness import seeded

    with torch.no_grad(), seeded(seed, tensors.device()):
        codes = tensors.array(library.model(entry).prior().sample((MOST,)))
    _drawn.add((entry.path, entry.stamp))
    return codes[:n]


_drawn: set[tuple] = set()


def ready(entry: Entry) -> bool:
    """Whether the model has drawn before, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _drawn


def component_codes(entry: Entry, k: int, seed: int, n: int) -> np.ndarray:
    """n draws from component k of the prior, for a VampPrior z ~ q(z|u_k): float32 [n, d]."""
    import torch

    from latents.randomness import seeded

    prior: Any = library.model(entry).prior()
    with torch.no_grad(), seeded(seed, tensors.device()):
        return tensors.array(prior.components[k].sample((n,)))


def pictures(entry: Entry, z: np.ndarray, seed: int, *, pixels: bool = False) -> tuple[np.ndarray, str]:
    """Pictures of codes z [N, d], uint8 [N, C, H, W], and what they are: "mean" or "sample" of p(x|z).

    pixels: draw every pixel instead of showing its mean.
    """
    import torch

    from latents.randomness import seeded

    net, codes = library.model(entry), tensors.tensor(z)
    with torch.no_grad():
        if pixels:
            with seeded(seed, tensors.device()):
                images, kind = net.decode(codes).sample(), "sample"
        else:
            shown = net.picture(codes, seed)
            images, kind = shown.images, shown.kind
        return tensors.pixels(images), kind
