"""A training step at batch 100, against the obvious implementation and against its bare matrix products.

What is timed are whole loops, from gray images to new weights: drawing and shuffling the batches belongs to them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch.utils.data import DataLoader, TensorDataset

from latents.batches import Batches
from latents.models import Model

from . import products, subjects
from .reference import Reference
from .subjects import BATCH
from .timing import Claim, race, show

STEPS = 10  # of one epoch
RATE = 1e-6  # all the work of a step, but weights that stay what they were: the reference slows as they sharpen
TOLERANCE = 0.02  # nats of a batch's mean: the float32 mixture, and the probabilities that the reference bounds

# Faster than the reference by, times the bare products, and what the reference itself may take of them.
GOALS = {"standard": (1.5, 2.5, 4.6), "vampprior": (2.5, 1.6, 5.0)}


def claims(prior: str) -> Iterator[Claim]:
    model, reference = copy.deepcopy(subjects.in_training(prior)), Reference(prior)
    reference.copy_weights(model)
    check_equal(model, reference)
    pseudo_inputs = 0 if prior == "standard" else subjects.COMPONENTS
    bare = products.training(BATCH, pseudo_inputs)
    contenders = {
        "ours": our_epoch(model),
        "reference": reference_epoch(reference),
        "products": lambda: [bare() for _ in range(STEPS)],
    }
    times = race(contenders, rounds=25)
    ours, theirs, least = (f"{1e3 * times.median(name) / STEPS:.1f} ms" for name in contenders)
    faster, of_products, reference_of_products = GOALS[prior]
    name = f"training step, {prior}"
    ratio = times.ratio("reference", "ours")
    yield Claim(f"{name}: faster than the reference", ratio, faster, at_least=True, detail=f"{theirs} to {ours}")
    ratio = times.ratio("ours", "products")
    yield Claim(f"{name}: of its matrix products", ratio, of_products, detail=f"{ours} to {least}")
    ratio = times.ratio("reference", "products")
    yield Claim(f"{name}: the reference of them", ratio, reference_of_products, detail=f"{theirs} to {least}")


def check_equal(model: Model, reference: Reference) -> None:
    """Raise unless both compute the same ELBO from the same weights and noise."""
    x = subjects.images()[:BATCH]
    with torch.no_grad():
        torch.manual_seed(1)
        ours = model.train().elbo(x).value.mean()
        torch.manual_seed(1)
        theirs = reference.elbo(x.flatten(1)).mean()
    if abs(ours - theirs) > TOLERANCE:
        raise RuntimeError(f"the reference computes another ELBO: {theirs:.4f}, ours {ours:.4f}; nothing was timed")


def our_epoch(model: Model) -> Callable[[], None]:
    """As in `latents.training`."""
    (stage,) = model.stages(model.recipe)
    optimizer = torch.optim.Adam(stage.train().parameters(), lr=RATE, fused=True)
    batches = Batches(subjects.gray()[: STEPS * BATCH], "dynamic", BATCH, seed=0)
    epochs = count(1000)  # after warm-up

    def run() -> None:
        epoch = next(epochs)
        for batch in batches.epoch(epoch):
            stage(batch, epoch)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()

    return run


def reference_epoch(reference: Reference) -> Callable[[], None]:
    """As in the papers' public code."""
    gray = subjects.gray()[: STEPS * BATCH].flatten(1)
    loader = DataLoader(TensorDataset(gray, torch.zeros(len(gray))), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(reference.parameters(), lr=RATE)

    def run() -> None:
        for batch, _labels in loader:
            optimizer.zero_grad()
            loss = -reference.elbo(torch.bernoulli(batch)).mean()
            loss.backward()
            optimizer.step()

    return run


def all_claims() -> Iterator[Claim]:
    for prior in subjects.PRIORS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
