"""The models and images that are timed: trained ones, since fresh weights are faster.

A trained mixture has terms that underflow: subnormal numbers, on which processors are slow by orders of magnitude.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

import latents
from latents.batches import Batches
from latents.models import Model, build
from latents.recipe import override, preset

LATENT, HIDDEN, PIXELS, COMPONENTS = 40, 300, 784, 500
PRIORS = ("standard", "vampprior")
BATCH = 100

_TRAINED = Path(__file__).parents[1] / "trained"
_STEPS, _RATE = 500, 2e-3


@cache
def gray() -> Tensor:
    """The 10,000 MNIST test images that come with the package."""
    return latents.data.load("mnist").test.images


@cache
def images() -> Tensor:
    """The same, binarised once."""
    return latents.data.binarise(gray(), latents.data.TEST_SEED)


@cache
def trained(prior: str) -> Model:
    """784-300-300-40 under this prior: the shipped model if it is there, else as in the midst of training."""
    folder = _TRAINED / f"mnist-{prior}-40d"
    return latents.load(folder) if (folder / "model.safetensors").is_file() else in_training(prior)


@cache
def in_training(prior: str) -> Model:
    """The same after 500 steps."""
    recipe = override(preset(f"mnist-{prior}-40d"), {"objective.warm_up": "0"})
    torch.manual_seed(0)
    model = build(recipe, (1, 28, 28))
    model.initialise(gray(), torch.Generator().manual_seed(0))
    (stage,) = model.stages(recipe)
    optimizer = torch.optim.Adam(stage.parameters(), lr=_RATE, fused=True)
    batches = Batches(gray(), "dynamic", BATCH, seed=0)
    for epoch in range(1, 1 + _STEPS // len(batches)):
        for batch in batches.epoch(epoch):
            stage(batch, epoch)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()
