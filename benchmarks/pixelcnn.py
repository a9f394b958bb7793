"""Draws of a 28x28 image from a PixelCNN decoder, against the loop that runs the whole network for every pixel.

Both draw with the same random numbers, and must draw the same images. Beside it, what scoring one image under many z
gains from computing once what depends on the image alone, against scoring repeated images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from latents.masked import AutoregressiveImage
from latents.models import build
from latents.recipe import preset

from .timing import Claim, race, show

SHAPE = (1, 28, 28)
IMAGES = (1, 8)  # drawn at a time
ROUNDS, GOAL = 3, 5
SAMPLES = 200  # of z, for one image


def decoder(count: int) -> AutoregressiveImage:
    """p(x|z) of the shipped recipe for `count` draws of z. Weights are fresh: none of the work depends on them."""
    torch.manual_seed(0)
    model = build(preset("mnist-pixelcnn"), SHAPE).eval()
    with torch.no_grad():
        p = model.decode(model.prior().sample((count,)))
    assert isinstance(p, AutoregressiveImage)
    return p


@torch.no_grad()
def naive(p: AutoregressiveImage, uniforms: Tensor) -> Tensor:
    """The obvious loop."""
    x = torch.zeros_like(uniforms)
    for row in range(SHAPE[1]):
        for column in range(SHAPE[2]):
            logits = p.network(x, p.condition)[:, 0, 0, row, column]
            x[:, 0, row, column] = (uniforms[:, 0, row, column] < torch.sigmoid(logits)).float()
    return x


def check_equal(p: AutoregressiveImage, uniforms: Tensor) -> None:
    if not torch.equal(p.sample(uniforms=uniforms), naive(p, uniforms)):
        raise AssertionError("the two do not draw the same images")


def claims(count: int) -> Iterator[Claim]:
    p, uniforms = decoder(count), torch.rand(count, *SHAPE)
    check_equal(p, uniforms)
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: p.sample(uniforms=uniforms),
        "naive": lambda: naive(p, uniforms),
    }
    times = race(contenders, rounds=ROUNDS, warm=0)
    ours, theirs = (1e3 * times.median(name) / count for name in contenders)
    yield Claim(
        f"PixelCNN, draws of 28x28, {count} at a time: faster than the naive loop",
        times.ratio("naive", "ours"),
        GOAL,
        at_least=True,
        detail=f"{theirs:.0f} ms to {ours:.1f} ms per image",
    )


def scoring() -> Iterator[Claim]:
    p, x = decoder(SAMPLES), torch.rand(1, *SHAPE).round()
    repeated = x.repeat(SAMPLES, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(p.log_prob(x), p.log_prob(repeated), rtol=1e-5, atol=1e-3)
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda: p.log_prob(x),
            "repeated": lambda: p.log_prob(repeated),
        }
        times = race(contenders, rounds=2 * ROUNDS)
    ours, theirs = (1e6 * times.median(name) / SAMPLES for name in contenders)
    yield Claim(
        "PixelCNN, scoring one image under many z: faster than repeated images",
        times.ratio("repeated", "ours"),
        detail=f"{theirs:.0f} us to {ours:.0f} us for each z",
    )


def all_claims() -> Iterator[Claim]:
    for count in IMAGES:
        yield from claims(count)
    yield from scoring()


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
