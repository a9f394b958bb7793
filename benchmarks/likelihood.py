"""The log-likelihood with 5,000 samples per image, against its decoder's bare matrix products; and its memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import torch

from . import memory, products, subjects
from .timing import Claim, race, show

SAMPLES, IMAGES = 5000, 5  # per image, and images per call: the prior is encoded once for them
ROUNDS = 11
GOALS = {"standard": 1.9, "vampprior": 2.2}  # times the bare products
SECONDS, MEGABYTES = 0.08, 1024
LOADS = ((5000, 1), (200, 1000))  # samples, images


def claims(prior: str) -> Iterator[Claim]:
    model = subjects.trained(prior)
    batches = cycle(subjects.images()[::200].split(IMAGES))
    contenders = {
        "ours": lambda: model.log_likelihood(next(batches), SAMPLES),
        "products": products.forward(products.DECODER, IMAGES * SAMPLES),
    }
    times = race(contenders, rounds=ROUNDS)
    ours, least = (times.median(name) / IMAGES for name in contenders)
    yield Claim(
        f"log-likelihood, {prior}: of the decoder's matrix products",
        times.ratio("ours", "products"),
        GOALS[prior],
        detail=f"{1e3 * ours:.1f} ms to {1e3 * least:.1f} ms per image",
    )
    yield Claim(f"log-likelihood, {prior}: per image", ours, SECONDS, "s", detail=f"{SAMPLES:,} samples, one thread")
    for samples, count in LOADS:
        whole, before = memory.peak(prior, samples, count)
        name = f"memory, {prior}: {samples:,} samples, {count:,} image{'s' * (count > 1)}"
        detail = f"whole process; {before:.0f} MB before, torch and images"
        yield Claim(name, whole, MEGABYTES, "MB", detail=detail)


def all_claims() -> Iterator[Claim]:
    for prior in subjects.PRIORS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
