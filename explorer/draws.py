"""Draws: from a model's prior and from the parts of it, and their pictures. Seeded: the same again.

They are made in blocks of a fixed size, each kept once made: a smaller number shows the first of the same ones, and a
slow sampler can say how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from explorer import library, tensors, usage
from explorer.library import Entry

MOST = 512
"""Codes drawn at a time where that is quick: no sheet shows more."""
EACH = 64
"""Codes drawn at a time from one component."""
BLOCK = 32
"""Pictures made at a time where each is drawn pixel by pixel."""


@dataclass(frozen=True)
class Drawn:
    """Pictures from the prior, uint8 [n, C, H, W], and what they are: "mean" or "sample" of p(x|z)."""

    pictures: np.ndarray
    kind: str


def slow(entry: Entry) -> bool:
    """Whether each picture is drawn pixel by pixel."""
    return library.shows(entry) == "sample"


def from_prior(
    entry: Entry,
    seed: int,
    n: int,
    *,
    pixels: bool = False,
    watch: Callable[[int], None] = lambda done: None,
) -> Drawn:
    """Pictures of n draws from the prior; pixels: draw every pixel instead of its mean; watch: told how many are done.

    n up to MOST, and any number from a model whose pictures are drawn pixel by pixel.
    """
    if not slow(entry):
        images, kind = pictures(entry, prior_codes(entry, seed, n), seed, pixels=pixels)
        return Drawn(images, kind)
    blocks: list[np.ndarray] = []
    for start in range(0, n, BLOCK):
        watch(start)
        here = _seed(seed, start // BLOCK)
        blocks.append(library.remember("block of samples", entry, partial(_block, entry, here), here))
    _mark(entry)
    return Drawn(np.concatenate(blocks)[:n], "sample")


def _seed(seed: int, block: int) -> int:
    """The seed of a block: the visitor's own for the first."""
    return seed if block == 0 else int(np.random.SeedSequence([seed, block]).generate_state(1)[0])


def _block(entry: Entry, seed: int) -> np.ndarray:
    return tensors.pixels(library.model(entry).sample(BLOCK, seed).images)


def prior_codes(entry: Entry, seed: int, n: int) -> np.ndarray:
    """n draws z ~ p(z), float32 [n, size], n up to MOST; fewer are the first of more."""
    import torch

    from latents.randomness import seeded

    with torch.no_grad(), seeded(seed, tensors.device()):
        codes = tensors.array(library.model(entry).prior().sample((MOST,)))
    _mark(entry)
    return codes[:n]


_drawn: set[tuple] = set()


def _mark(entry: Entry) -> None:
    _drawn.add((entry.path, entry.stamp))


def ready(entry: Entry) -> bool:
    """Whether the model has drawn before, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _drawn


def component_codes(entry: Entry, k: int, seed: int, n: int) -> np.ndarray:
    """n draws from component k of the prior, for a VampPrior z ~ q(z|u_k): float32 [n, size].

    In a hierarchy the component is the top layer's, and the layers below are drawn given it. Up to EACH, fewer are the
    first of more.
    """
    import torch

    from latents.randomness import seeded

    net, component = library.model(entry), usage.mixture(entry).components[k]
    with torch.no_grad(), seeded(seed, tensors.device()):
        return tensors.array(net.complete(component.sample((max(n, EACH),))))[:n]


def pictures(entry: Entry, z: np.ndarray, seed: int, *, pixels: bool = False) -> tuple[np.ndarray, str]:
    """Pictures of codes z [N, size], uint8 [N, C, H, W], and what they are: "mean" or "sample" of p(x|z).

    pixels: draw every pixel instead of showing its mean, where the model can.
    """
    import torch

    from latents.randomness import seeded

    net, codes = library.model(entry), tensors.tensor(z)
    with torch.no_grad():
        if pixels and library.why_not(entry, "draw") is None:
            with seeded(seed, tensors.device()):
                images, kind = net.decode(codes).sample(), "sample"
        else:
            shown = net.picture(codes, seed)
            images, kind = shown.images, shown.kind
        return tensors.pixels(images), kind
