"""The log-likelihood with 5,000 samples per image, against its decoder's bare matrix products; and its memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import torch

from . import memory, products, subjects
from .timing import Claim, race, show

SAMPLES = 5000
GOALS = {"standard": 1.9, "vampprior": 2.2}  # times the bare products
SECONDS, MEGABYTES = 0.08, 1024
LOADS = ((5000, 1), (200, 1000))  # samples, images


def claims(prior: str) -> Iterator[Claim]:
    model = subjects.trained(prior)
    images = cycle(subjects.images()[::500].split(1))
    contenders = {
        "ours": lambda: model.log_likelihood(next(images), SAMPLES),
        "products": products.forward(products.DECODER, SAMPLES),
    }
    times = race(contenders, rounds=15)
    detail = f"{1e3 * times.median('ours'):.1f} ms to {1e3 * times.median('products'):.1f} ms"
    name = f"log-likelihood, {prior}: of the decoder's matrix products"
    yield Claim(name, times.ratio("ours", "products"), GOALS[prior], detail=detail)
    yield Claim(f"log-likelihood, {prior}: per image", times.median("ours"), SECONDS, "s", detail="one thread")
    for samples, count in LOADS:
        whole, before = memory.peak(prior, samples, count)
        name = f"memory, {prior}: {samples:,} samples, {count:,} image{'s' * (count > 1)}"
        yield Claim(name, whole, MEGABYTES, "MB", detail=f"whole process; {before:.0f} MB before, torch and images")


def all_claims() -> Iterator[Claim]:
    for prior in subjects.PRIORS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
