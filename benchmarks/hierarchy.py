"""A training step of the two-layer hierarchy at batch 100, against the obvious implementation of the paper's HVAE.

The reference goes as the paper's public code does: two linear layers for each gated one and for each Gaussian, an
encoder pass for the batch and one for the pseudo-inputs, probabilities and their logarithms, every KL from one draw, a
mixture density broadcast to [batch, K, latent]. It takes its weights from ours, and must find the same bound from the
same draw; ours then trains on KLs in closed form where there is one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from latents.batches import Batches
from latents.models import Model, build
from latents.recipe import override, preset

from . import subjects
from .reference import GatedDense, log_normal
from .subjects import BATCH, COMPONENTS, HIDDEN, LATENT, PIXELS
from .timing import Claim, race, show
from .training_step import TOLERANCE, our_step, reference_step

STEPS, ROUNDS = 5, 21  # of each contender in a round
WARM = 200  # steps before anything is timed: fresh weights are faster
GOALS = {"standard": 1.5, "vampprior": 2.3}
PRESETS = {"standard": "mnist-hvae", "vampprior": "mnist-hvae-vampprior"}


class Gaussian(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(HIDDEN, LATENT)
        self.log_variance = nn.Sequential(nn.Linear(HIDDEN, LATENT), nn.Hardtanh(-6, 2))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(h), self.log_variance(h)


class Reference(nn.Module):
    """z2 of 40 units above z1 of 40; `prior`, that of z2, is "standard" or "vampprior"."""

    def __init__(self, prior: str):
        super().__init__()
        self.prior = prior
        self.q_z2 = nn.Sequential(GatedDense(PIXELS, HIDDEN), GatedDense(HIDDEN, HIDDEN), Gaussian())
        self.q_z1_x, self.q_z1_z2 = GatedDense(PIXELS, HIDDEN), GatedDense(LATENT, HIDDEN)
        self.q_z1 = nn.Sequential(GatedDense(2 * HIDDEN, HIDDEN), Gaussian())
        self.p_z1 = nn.Sequential(GatedDense(LATENT, HIDDEN), GatedDense(HIDDEN, HIDDEN), Gaussian())
        self.p_x_z1, self.p_x_z2 = GatedDense(LATENT, HIDDEN), GatedDense(LATENT, HIDDEN)
        self.p_x = nn.Sequential(GatedDense(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, PIXELS), nn.Sigmoid())
        if prior == "vampprior":
            self.pseudo = nn.Sequential(nn.Linear(COMPONENTS, PIXELS, bias=False), nn.Hardtanh(0, 1))
            self.register_buffer("identity", torch.eye(COMPONENTS))

    def elbo(self, x: Tensor) -> Tensor:
        """Of each image `[N]`, for x `[N, 784]`, from one draw of both layers."""
        mean2, log_variance2 = self.q_z2(x)
        z2 = draw(mean2, log_variance2)
        mean1, log_variance1 = self.q_z1(torch.cat([self.q_z1_x(x), self.q_z1_z2(z2)], 1))
        z1 = draw(mean1, log_variance1)
        p = self.p_x(torch.cat([self.p_x_z2(z2), self.p_x_z1(z1)], 1)).clamp(1e-5, 1 - 1e-5)
        reconstruction = (x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1)
        log_q = log_normal(z1, mean1, log_variance1) + log_normal(z2, mean2, log_variance2)
        return reconstruction + log_normal(z1, *self.p_z1(z2)) + self.log_prior(z2) - log_q

    def log_prior(self, z2: Tensor) -> Tensor:
        if self.prior == "standard":
            return -0.5 * (math.log(2 * math.pi) + z2**2).sum(1)
        mean, log_variance = self.q_z2(self.pseudo(self.identity))
        table = log_normal(z2.unsqueeze(1), mean.unsqueeze(0), log_variance.unsqueeze(0)) - math.log(COMPONENTS)
        largest = table.max(1).values
        return largest + torch.log(torch.exp(table - largest.unsqueeze(1)).sum(1))

    def copy_weights(self, model: Any) -> None:
        """Take those of a model of ours, so that both compute the same ELBO."""
        posterior, prior, decoder = model.lower_posteriors[0], model.lower_priors[0], model.decoder
        for mine, weight, bias in (
            *(
                (self.q_z2[place], layer.both.weight, layer.both.bias)
                for place, layer in enumerate(model.encoder.layers)
            ),
            (self.q_z1_x, model.below.layers[0].both.weight, model.below.layers[0].both.bias),
            (self.q_z1_z2, posterior.body.both.weight, posterior.body.both.bias),
            (self.q_z1[0], posterior.joined.both.weight, posterior.joined.both.bias),
            *((self.p_z1[place], layer.both.weight, layer.both.bias) for place, layer in enumerate(prior.body)),
            (self.p_x_z2, decoder.layers[0].both.weight, decoder.layers[0].both.bias),
            (self.p_x_z1, decoder.layers[1].both.weight, decoder.layers[1].both.bias),
            (self.p_x[0], decoder.body.layers[0].both.weight, decoder.body.layers[0].both.bias),
        ):
            put(mine.h, *(half.chunk(2)[0] for half in (weight, bias)))
            put(mine.g, *(half.chunk(2)[1] for half in (weight, bias)))
        for mine, head in ((self.q_z1[1], posterior.head.both), (self.p_z1[2], prior.head.both)):
            put(mine.mean, head.weight[:LATENT], head.bias[:LATENT])
            put(mine.log_variance[0], head.weight[LATENT:], head.bias[LATENT:])
        put(self.q_z2[2].mean, model.posterior.mean.weight, model.posterior.mean.bias)
        put(self.q_z2[2].log_variance[0], model.posterior.log_variance.weight, model.posterior.log_variance.bias)
        put(self.p_x[1], model.likelihood.logits.weight, model.likelihood.logits.bias)
        if self.prior == "vampprior":
            put(self.pseudo[0], model.latent_prior.pixels.flatten(1).T)


def put(layer: nn.Linear, weight: Tensor, bias: Tensor | None = None) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


@cache
def in_training(prior: str) -> Model:
    """The preset's model after some steps."""
    recipe = override(preset(PRESETS[prior]), {"objective.warm_up": "0"})
    torch.manual_seed(0)
    model = build(recipe, (1, 28, 28))
    model.initialise(subjects.gray(), torch.Generator().manual_seed(0))
    (stage,) = model.stages(recipe)
    optimizer = torch.optim.Adam(stage.parameters(), lr=2e-3, fused=True)
    batches = Batches(subjects.gray(), "dynamic", BATCH, seed=0)
    for epoch in range(1, 1 + WARM // len(batches)):
        for batch in batches.epoch(epoch):
            stage(batch, epoch)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def check_equal(model: Model, reference: Reference) -> None:
    """Raise unless both find the same bound from the same weights and noise."""
    x = subjects.images()[:BATCH]
    with torch.no_grad():
        torch.manual_seed(1)
        ours = model.train().log_weights(x, 1).mean()
        torch.manual_seed(1)
        theirs = reference.elbo(x.flatten(1)).mean()
    if abs(ours - theirs) > TOLERANCE:
        raise RuntimeError(f"the reference computes another ELBO: {theirs:.4f}, ours {ours:.4f}; nothing was timed")


def claims(prior: str) -> Iterator[Claim]:
    model, reference = copy.deepcopy(in_training(prior)), Reference(prior)
    reference.copy_weights(model)
    check_equal(model, reference)
    contenders = {"ours": our_step(model), "reference": reference_step(reference)}
    times = race(contenders, rounds=ROUNDS, calls=STEPS)
    ours, theirs = (f"{1e3 * times.median(name):.1f} ms" for name in contenders)
    yield Claim(
        f"hierarchy's training step, {prior}: faster than the reference",
        times.ratio("reference", "ours"),
        GOALS[prior],
        at_least=True,
        detail=f"{theirs} to {ours}",
    )


def all_claims() -> Iterator[Claim]:
    for prior in PRESETS:
        yield from claims(prior)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
