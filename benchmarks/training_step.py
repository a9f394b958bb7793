"""A training step at batch 100, against the obvious implementation and against its bare matrix products."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import cycle

import torch
from torch import Tensor, nn

from latents.models import Model

from . import products, subjects
from .reference import Reference
from .timing import Claim, race, show

BATCH, RATE = 100, 5e-4
TOLERANCE = 0.02  # nats of a batch's mean: the float32 mixture, and the probabilities that the reference bounds

# Faster than the reference by, times the bare products, and what the reference itself may take of them.
GOALS = {"standard": (1.5, 2.5, 4.6), "vampprior": (2.5, 1.6, 5.0)}


def claims(prior: str) -> Iterator[Claim]:
    model, batches = copy.deepcopy(subjects.model(prior)).train(), subjects.images().split(BATCH)
    reference = Reference(prior)
    reference.copy_weights(model)
    check_equal(model, reference, batches[0])
    pseudo_inputs = 0 if prior == "standard" else subjects.COMPONENTS
    contenders = {
        "ours": our_step(model, batches),
        "reference": reference_step(reference, batches),
        "products": products.training(BATCH, pseudo_inputs),
    }
    times = race(contenders, rounds=25, calls=10)
    faster, of_products, reference_of_products = GOALS[prior]
    milliseconds = {name: f"{1e3 * times.median(name):.1f} ms" for name in contenders}
    yield Claim(
        f"training step, {prior}: faster than the reference",
        times.ratio("reference", "ours"),
        faster,
        at_least=True,
        detail=f"{milliseconds['reference']} to {milliseconds['ours']}",
    )
    detail = f"products {milliseconds['products']}"
    name = f"training step, {prior}: of its matrix products"
    yield Claim(name, times.ratio("ours", "products"), of_products, detail=detail)
    name = f"training step, {prior}: the reference of them"
    yield Claim(name, times.ratio("reference", "products"), reference_of_products, detail=detail)


def check_equal(model: Model, reference: Reference, x: Tensor) -> None:
    """Raise unless both compute the same ELBO from the same weights and noise."""
    with torch.no_grad():
        torch.manual_seed(1)
        ours = model.elbo(x).value.mean()
        torch.manual_seed(1)
        theirs = reference.elbo(x.flatten(1)).mean()
    if abs(ours - theirs) > TOLERANCE:
        raise RuntimeError(f"the reference computes another ELBO: {theirs:.4f}, ours {ours:.4f}; nothing was timed")


def our_step(model: Model, batches: tuple[Tensor, ...]) -> Callable[[], None]:
    """As in `latents.training`."""
    (stage,) = model.stages(model.recipe)
    stage.train()
    optimizer = torch.optim.Adam(stage.parameters(), lr=RATE, fused=True)
    order = cycle(batches)

    def step() -> None:
        stage(next(order), 1000)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def reference_step(reference: nn.Module, batches: tuple[Tensor, ...]) -> Callable[[], None]:
    optimizer = torch.optim.Adam(reference.parameters(), lr=RATE)
    order = cycle(batches)

    def step() -> None:
        optimizer.zero_grad()
        loss = -reference.elbo(next(order).flatten(1)).mean()
        loss.backward()
        optimizer.step()

    return step


def all_claims() -> Iterator[Claim]:
    for prior in subjects.PRIORS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
