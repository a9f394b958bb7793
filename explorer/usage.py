"""How much of the data each component of a mixture prior explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import library, tensors
from explorer.library import Entry


@dataclass(frozen=True)
class Usage:
    """The components of a prior and the test images.

    shares: [K], the mean responsibility over the test images, summing to one; order: [K], components from the
    largest share to the smallest; images: how many test images there are.
    """

    shares: np.ndarray
    order: np.ndarray
    images: int

    @property
    def half(self) -> int:
        """The smallest number of components that explain half of the images together."""
        return int(np.searchsorted(np.cumsum(self.shares[self.order]), 0.5)) + 1

    @property
    def unused(self) -> int:
        """Components that explain less than one image."""
        return int((self.shares * self.images < 1).sum())


def of(entry: Entry) -> Usage | None:
    """The usage of the model's components on the test images, computed once; None for priors without components."""
    return library.remember("usage", entry, lambda: _compute(entry))


def ready(entry: Entry) -> bool:
    """Whether it is computed already, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _computed


_computed: set[tuple] = set()


def _compute(entry: Entry) -> Usage | None:
    from latents.diagnostics import responsibilities

    x = tensors.tensor(library.images(entry).seen).div_(255)
    table = responsibilities(library.model(entry), x)
    _computed.add((entry.path, entry.stamp))
    if table is None:
        return None
    shares = table.double().mean(0).cpu().numpy()
    return Usage(shares, np.argsort(-shares, kind="stable"), len(table))


def mixture(entry: Entry) -> Any:
    """The prior's mixture (in a hierarchy that of the top layer), made once; None for priors without components.

    A VampPrior's is all its pseudo-inputs encoded.
    """
    import torch

    def make() -> Any:
        with torch.no_grad():
            return library.model(entry).mixture()

    return library.remember("mixture", entry, make)


def layers(entry: Entry) -> tuple[int, ...]:
    """How many numbers each layer of z has, top first; one number where there is one layer."""
    return tuple(layer.size for layer in library.model(entry).space.layers)


def pictures(entry: Entry) -> np.ndarray:
    """A picture of each component, uint8 [K, C, H, W]: the pseudo-input, or the component's point decoded."""

    def compute() -> np.ndarray:
        net = library.model(entry)
        if net.pseudo_inputs is not None:
            return tensors.pixels(net.pseudo_inputs)
        return library.decode(entry, codes(entry))

    return library.remember("pictures of components", entry, compute)


def codes(entry: Entry) -> np.ndarray:
    """A point for each of the prior's components, float32 [K, size]: for a VampPrior those of q(z|u_k).

    A learnt component of a hierarchy's top layer is completed by a seeded draw of the layers below.
    """

    def compute() -> np.ndarray:
        import torch

        from latents.randomness import seeded

        pseudo = library.pseudo_codes(entry)
        if pseudo is not None:
            return pseudo
        net: Any = library.model(entry)
        with torch.no_grad(), seeded(0, tensors.device()):
            return tensors.array(net.complete(net.space.layers[0].point(mixture(entry).components)))

    return library.remember("codes of components", entry, compute)


def nearest_images(entry: Entry, k: int, n: int) -> np.ndarray:
    """The places of the n test images whose points are the most probable under component k, best first.

    In a hierarchy by their top layer.
    """
    import torch

    net: Any = library.model(entry)
    top = net.space.split(tensors.tensor(library.encoding(entry).points))[0]
    with torch.no_grad():
        return mixture(entry).components[k].log_prob(top).topk(min(n, len(top))).indices.cpu().numpy()
