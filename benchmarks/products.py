"""The bare matrix products of a model's networks: the least that any implementation on this machine takes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .subjects import HIDDEN, LATENT, PIXELS

# Inputs and outputs of each layer; a gated one makes twice its width.
ENCODER = ((PIXELS, 2 * HIDDEN), (HIDDEN, 2 * HIDDEN), (HIDDEN, 2 * LATENT))
DECODER = ((LATENT, 2 * HIDDEN), (HIDDEN, 2 * HIDDEN), (HIDDEN, PIXELS))


def forward(layers: tuple[tuple[int, int], ...], rows: int) -> Callable[[], None]:
    """The forward products of these layers for so many rows."""
    pairs = [(torch.randn(rows, inputs), torch.randn(inputs, outputs)) for inputs, outputs in layers]
    results = [torch.empty(rows, outputs) for _, outputs in layers]

    def run() -> None:
        for (x, weight), result in zip(pairs, results, strict=True):
            torch.mm(x, weight, out=result)

    return run


def training(rows: int, encoded_too: int = 0) -> Callable[[], None]:
    """Forward and backward products of a step on `rows` images, `encoded_too` pseudo-inputs in the same pass.

    A layer's backward pass takes the gradients of its weights and of its input. The images need none; the
    pseudo-inputs do.
    """
    products = []
    for layers, count in ((ENCODER, rows + encoded_too), (DECODER, rows)):
        for inputs, outputs in layers:
            x, weight, up = torch.randn(count, inputs), torch.randn(outputs, inputs), torch.randn(count, outputs)
            products += [(x, weight.T), (up.T, x)]
            if inputs != PIXELS:
                products.append((up, weight))
            elif encoded_too:
                products.append((up[rows:], weight))
    results = [torch.empty(left.shape[0], right.shape[1]) for left, right in products]

    def run() -> None:
        for (left, right), result in zip(products, results, strict=True):
            torch.mm(left, right, out=result)

    return run
