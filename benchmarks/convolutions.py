"""Convolutional bodies in channels-last, against the same weights and images in the contiguous layout.

Ours choose the layout by the size of their largest map (`latents.bodies.gated_conv.layout`): both sides of that choice
are timed, the paper's stacks and small ones, forward alone and with gradients. The small decoder is near the boundary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from latents.bodies.conv import ConvDecoder, ConvEncoder
from latents.recipe import preset

from . import subjects
from .timing import Claim, race, show

ROUNDS = 15
GOAL = 0.95  # of the speed of the other layout: as fast, but for noise, or faster
LATENT = 40
SMALL, LARGE = (1, 8, 8), (1, 28, 28)


def bodies() -> Iterator[tuple[str, Any, Tensor]]:
    """Name, body and a batch for it."""
    paper = ConvEncoder.Settings(), ConvDecoder.Settings()
    sets = (("paper's", paper, LARGE, 20), ("small", _preset("mnist-conv-40d"), LARGE, 50))
    for name, settings, shape, rows in (*sets, ("8 x 8", _preset("digits-conv"), SMALL, 100)):
        x = subjects.images()[:rows, :, : shape[1], : shape[2]].clone()
        yield f"{name} encoder", ConvEncoder(settings[0], shape), x
        yield f"{name} decoder", ConvDecoder(settings[1], LATENT, shape), torch.randn(rows, LATENT)


def _preset(name: str) -> tuple[Any, Any]:
    model: Any = preset(name).model
    return model.encoder, model.decoder


def in_layout(body: Any, memory_format: torch.memory_format) -> Any:
    """A copy of a body that works in this layout."""
    other = copy.deepcopy(body).to(memory_format=memory_format)
    other.layout = memory_format
    return other


def step(body: Any, batch: Tensor) -> Callable[[], None]:
    def run() -> None:
        body.zero_grad()
        body(batch).square().mean().backward()

    return run


def forward(body: Any, batch: Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        body(batch)

    return run


def check_equal(mine: Any, other: Any, batch: Tensor) -> None:
    """Raise unless both compute the same."""
    with torch.no_grad():
        if not torch.allclose(mine(batch), other(batch), rtol=1e-4, atol=1e-5):
            raise RuntimeError("the two layouts compute different features; nothing was timed")


def claims(name: str, body: Any, batch: Tensor) -> Iterator[Claim]:
    layouts = {"channels-last": torch.channels_last, "contiguous": torch.contiguous_format}
    chosen = next(word for word, memory_format in layouts.items() if memory_format == body.layout)
    (unchosen,) = layouts.keys() - {chosen}
    mine, other = (in_layout(body, layouts[word]) for word in (chosen, unchosen))
    check_equal(mine, other, batch)
    for what, call in (("forward", forward), ("with gradients", step)):
        times = race({"mine": call(mine, batch), "other": call(other, batch)}, rounds=ROUNDS)
        yield Claim(
            f"{name}, {what}: speed of {chosen} to {unchosen}",
            times.ratio("other", "mine"),
            GOAL,
            at_least=True,
            detail=f"{1e3 * times.median('other'):.1f} ms to {1e3 * times.median('mine'):.1f} ms",
        )


def all_claims() -> Iterator[Claim]:
    torch.manual_seed(0)
    for name, body, batch in bodies():
        yield from claims(name, body, batch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
