"""The models and images that are timed: as trained, since fresh weights are faster than trained ones.

A trained mixture has terms that underflow: subnormal numbers, on which processors are slow by orders of magnitude.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

import latents
from latents.models import Model, build
from latents.recipe import override, preset
from latents.batches import Batches

LATENT, HIDDEN, PIXELS, COMPONENTS = 40, 300, 784, 500
PRIORS = ("standard", "vampprior")

_TRAINED = Path(__file__).parents[1] / "trained"
_STEPS, _BATCH, _RATE = 300, 100, 1e-3


@cache
def images() -> Tensor:
    """The 10,000 MNIST test images that come with the package, binarised."""
    return latents.data.binarise(latents.data.load("mnist").test.images, latents.data.TEST_SEED)


@cache
def model(prior: str) -> Model:
    """784-300-300-40 under this prior: the shipped model if it is there, else one of 300 steps."""
    folder = _TRAINED / f"mnist-{prior}-40d"
    if (folder / "model.safetensors").is_file():
        return latents.load(folder)
    return briefly_trained(prior)


@cache
def briefly_trained(prior: str) -> Model:
    recipe = override(preset(f"mnist-{prior}-40d"), {"objective.warm_up": "0"})
    torch.manual_seed(0)
    model = build(recipe, (1, 28, 28))
    model.initialise(images(), torch.Generator().manual_seed(0))
    (stage,) = model.stages(recipe)
    optimizer = torch.optim.Adam(stage.parameters(), lr=_RATE, fused=True)
    batches = Batches(images(), "none", _BATCH, seed=0)
    for epoch in range(1, 1 + _STEPS // len(batches)):
        for batch in batches.epoch(epoch):
            stage(batch, epoch)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()
