"""The VAE and the VampPrior done the obvious way, as the papers' public code does: what ours is timed against.

Two linear layers for each gated one, an encoder pass for the batch and one for the pseudo-inputs, which are a
linear layer of an identity matrix; probabilities and their logarithms; a mixture density broadcast to
[batch, K, latent]. It has the maths of `latents`, and takes its weights from there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latents.models import Model

from .subjects import COMPONENTS, HIDDEN, LATENT, PIXELS


class GatedDense(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.h, self.g = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.h(x) * torch.sigmoid(self.g(x))


class Reference(nn.Module):
    """784-300-300-40 and back; `prior` is "standard" or "vampprior"."""

    def __init__(self, prior: str):
        super().__init__()
        self.prior = prior
        self.encoder = nn.Sequential(GatedDense(PIXELS, HIDDEN), GatedDense(HIDDEN, HIDDEN))
        self.mean = nn.Linear(HIDDEN, LATENT)
        self.log_variance = nn.Sequential(nn.Linear(HIDDEN, LATENT), nn.Hardtanh(-6, 2))
        self.decoder = nn.Sequential(GatedDense(LATENT, HIDDEN), GatedDense(HIDDEN, HIDDEN))
        self.pixels = nn.Sequential(nn.Linear(HIDDEN, PIXELS), nn.Sigmoid())
        if prior == "vampprior":
            self.pseudo = nn.Sequential(nn.Linear(COMPONENTS, PIXELS, bias=False), nn.Hardtanh(0, 1))
            self.register_buffer("identity", torch.eye(COMPONENTS))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def elbo(self, x: Tensor) -> Tensor:
        """Of each image `[N]`, for x `[N, 784]`."""
        mean, log_variance = self.encode(x)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        p = self.pixels(self.decoder(z)).clamp(1e-5, 1 - 1e-5)
        reconstruction = (x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1)
        if self.prior == "standard":
            return reconstruction + 0.5 * (1 + log_variance - mean**2 - torch.exp(log_variance)).sum(1)
        return reconstruction + self.log_prior(z) - log_normal(z, mean, log_variance)

    def log_prior(self, z: Tensor) -> Tensor:
        mean, log_variance = self.encode(self.pseudo(self.identity))
        table = log_normal(z.unsqueeze(1), mean.unsqueeze(0), log_variance.unsqueeze(0)) - math.log(COMPONENTS)
        largest = table.max(1).values
        return largest + torch.log(torch.exp(table - largest.unsqueeze(1)).sum(1))

    def copy_weights(self, model: Model) -> None:
        """Take those of a model of ours, so that both compute the same ELBO."""
        theirs = model.state_dict()
        weights = {}
        for body in ("encoder", "decoder"):
            for layer in (0, 1):
                for kind in ("weight", "bias"):
                    h, g = theirs[f"{body}.layers.{layer}.both.{kind}"].chunk(2)
                    weights |= {f"{body}.{layer}.h.{kind}": h, f"{body}.{layer}.g.{kind}": g}
        for mine, ours in (
            ("mean", "posterior.mean"),
            ("log_variance.0", "posterior.log_variance"),
            ("pixels.0", "likelihood.logits"),
        ):
            weights |= {f"{mine}.{kind}": theirs[f"{ours}.{kind}"] for kind in ("weight", "bias")}
        if self.prior == "vampprior":
            weights |= {"pseudo.0.weight": theirs["latent_prior.pixels"].flatten(1).T, "identity": self.identity}
        self.load_state_dict(weights)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, exp(log_variance)), summed over the last dimension."""
    square = (z - mean) ** 2 / torch.exp(log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + square).sum(-1)
