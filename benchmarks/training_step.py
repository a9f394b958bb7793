"""A training step at batch 100, against the obvious implementation and against its bare matrix products."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import cycle

import torch

from latents.models import Model

from . import products, subjects
from .reference import Reference
from .subjects import BATCH
from .timing import Claim, race, show

STEPS, ROUNDS = 10, 25  # of each contender in a round
EPOCH = 1000  # after warm-up
RATE = 1e-6  # all the work of a step, but weights that stay: the reference grows slower as its mixture sharpens
TOLERANCE = 0.02  # nats of a batch's mean: the float32 mixture, and the probabilities that the reference bounds

# Faster than the reference by, times the bare products, and what the reference itself may take of them.
GOALS = {"standard": (1.5, 2.5, 4.6), "vampprior": (2.5, 1.6, 5.0)}


def claims(prior: str) -> Iterator[Claim]:
    model, reference = copy.deepcopy(subjects.in_training(prior)), Reference(prior)
    reference.copy_weights(model)
    check_equal(model, reference)
    contenders = {
        "ours": our_step(model),
        "reference": reference_step(reference),
        "products": products.training(BATCH, 0 if prior == "standard" else subjects.COMPONENTS),
    }
    times = race(contenders, rounds=ROUNDS, calls=STEPS)
    ours, theirs, least = (f"{1e3 * times.median(name):.1f} ms" for name in contenders)
    faster, of_products, reference_of_products = GOALS[prior]
    name, ratio = f"training step, {prior}", times.ratio
    yield Claim(
        f"{name}: faster than the reference",
        ratio("reference", "ours"),
        faster,
        at_least=True,
        detail=f"{theirs} to {ours}",
    )
    yield Claim(f"{name}: of its matrix products", ratio("ours", "products"), of_products, detail=f"{ours} to {least}")
    yield Claim(
        f"{name}: the reference of them",
        ratio("reference", "products"),
        reference_of_products,
        detail=f"{theirs} to {least}",
    )


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


def our_step(model: Model) -> Callable[[], None]:
    """As in `latents.training`."""
    (stage,) = model.stages(model.recipe)
    optimizer = torch.optim.Adam(stage.train().parameters(), lr=RATE, fused=True)
    batches = cycle(subjects.images().split(BATCH))

    def step() -> None:
        stage(next(batches), EPOCH)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def reference_step(reference: Reference) -> Callable[[], None]:
    optimizer = torch.optim.Adam(reference.parameters(), lr=RATE)
    batches = cycle(subjects.images().split(BATCH))

    def step() -> None:
        optimizer.zero_grad()
        loss = -reference.elbo(next(batches).flatten(1)).mean()
        loss.backward()
        optimizer.step()

    return step


def all_claims() -> Iterator[Claim]:
    for prior in subjects.PRIORS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
