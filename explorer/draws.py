"""Draws from a model's prior, from its parts and from the aggregated posterior. Seeded: the same again.

They are made in blocks of a fixed size, each kept once made: a smaller number shows the first of the same ones, and a
slow sampler can say how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from explorer import library, tempering, tensors, usage
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
    temperature: float = 1.0,
    watch: Callable[[int], None] = lambda done: None,
) -> Drawn:
    """Pictures of n draws from the prior; pixels: draw every pixel instead of its mean; watch: told how many are done.

    n up to MOST, and any number from a model whose pictures are drawn pixel by pixel. temperature: see `tempering`.
    """
    if not slow(entry):
        images, kind = pictures(entry, prior_codes(entry, seed, n, temperature), seed, pixels=pixels)
        return Drawn(images, kind)

    def block(start: int, here: int) -> np.ndarray:
        return _block(entry, here, temperature)

    return Drawn(_in_blocks(entry, seed, n, block, watch, temperature), "sample")


def from_posterior(
    entry: Entry,
    seed: int,
    n: int,
    *,
    pixels: bool = False,
    watch: Callable[[int], None] = lambda done: None,
) -> Drawn:
    """The same of the aggregated posterior: a random test image each, then z ~ q(z|x). n up to MOST."""
    codes = posterior_codes(entry, seed)
    if not slow(entry):
        images, kind = pictures(entry, codes[:n], seed, pixels=pixels)
        return Drawn(images, kind)

    def block(start: int, here: int) -> np.ndarray:
        return pictures(entry, codes[start : start + BLOCK], here)[0]

    return Drawn(_in_blocks(entry, seed, n, block, watch, "posterior"), "sample")


def _in_blocks(
    entry: Entry,
    seed: int,
    n: int,
    block: Callable[[int, int], np.ndarray],
    watch: Callable[[int], None],
    what: float | str,
) -> np.ndarray:
    """n pictures, made by `block(start, seed of the block)` and each block kept; what: part of what it is kept by."""
    blocks: list[np.ndarray] = []
    for start in range(0, n, BLOCK):
        watch(start)
        here = _seed(seed, start // BLOCK)
        blocks.append(library.remember("block of samples", entry, partial(block, start, here), start, here, what))
    _mark(entry)
    return np.concatenate(blocks)[:n]


def _seed(seed: int, block: int) -> int:
    """The seed of a block: the visitor's own for the first."""
    return seed if block == 0 else int(np.random.SeedSequence([seed, block]).generate_state(1)[0])


def _block(entry: Entry, seed: int, temperature: float) -> np.ndarray:
    import torch

    from latents.randomness import seeded

    net = library.model(entry)
    if temperature == 1:
        return tensors.pixels(net.sample(BLOCK, seed).images)
    with torch.no_grad(), seeded(seed, tensors.device()):
        z = tempering.sample(net.prior(), BLOCK, temperature)
    return tensors.pixels(net.picture(z, seed).images)


def prior_codes(entry: Entry, seed: int, n: int, temperature: float = 1.0) -> np.ndarray:
    """n draws z ~ p(z), float32 [n, size], n up to MOST; fewer are the first of more. temperature: see `tempering`."""
    import torch

    from latents.randomness import seeded

    with torch.no_grad(), seeded(seed, tensors.device()):
        codes = tensors.array(tempering.sample(library.prior(entry), MOST, temperature))
    _mark(entry)
    return codes[:n]


def why_not_tempered(entry: Entry) -> str | None:
    """One sentence on why the model's draws have no temperature, or None."""
    if entry.space_kind is None:
        return "An autoregressive model draws pixels, not z: it has no prior whose spread could be scaled."
    return library.remember("why not tempered", entry, lambda: tempering.why_not(library.model(entry).prior()))


def fitted(entry: Entry) -> str | None:
    """What the prior is where it was put on after training (`a Gaussian fitted to the codes after training`)."""
    words = getattr(library.model(entry), "prior_words", None)
    return words if isinstance(words, str) and "after" in words else None


def certain(entry: Entry) -> bool:
    """Whether q(z|x) is a single point, so that a draw of it, decoded, is the reconstruction."""
    from latents.models.points import Point

    def ask() -> bool:
        import torch

        with torch.no_grad():
            x = tensors.tensor(library.images(entry).seen[:1]).div_(255)
            return isinstance(library.model(entry).encode(x), Point)

    return library.remember("certain", entry, ask)


def posterior_images(entry: Entry, seed: int) -> np.ndarray:
    """The places of MOST random test images, drawn with replacement: the same for all models of one data set."""
    return np.random.default_rng(seed).integers(0, len(library.images(entry).seen), MOST)


def posterior_codes(entry: Entry, seed: int) -> np.ndarray:
    """One draw z ~ q(z|x) for each of the `posterior_images`: float32 [MOST, size]."""
    import torch

    from latents.randomness import seeded

    def draw() -> np.ndarray:
        x = tensors.tensor(library.images(entry).seen[posterior_images(entry, seed)]).div_(255)
        with torch.no_grad(), seeded(seed, tensors.device()):
            return tensors.array(library.model(entry).encode(x).rsample_and_log_prob()[0])

    return library.remember("posterior codes", entry, draw, seed)


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
