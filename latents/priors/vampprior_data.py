"""The VampPrior on training images."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..distributions import Mixture, mixture
from ..errors import RecipeError
from ..parts import PartSettings, setting
from .base import Prior


class VampPriorOnData(Prior):
    r"""p(z) = 1/K sum_k q(z | x_k): a mixture of the encoder's own posteriors at K random training images, not learnt.

    The baseline "VampPrior data" of the paper: what pseudo-inputs gain by being learnt is the difference to it. The
    encoder gets gradients through the components; the images stay as they are and are part of the weights file.

    Reference: Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 4 (arXiv 1705.07120).
    """

    kind = "vampprior-data"
    needs_density = True
    on = None
    images: Tensor

    class Settings(PartSettings):
        components: int = setting(500, "number of training images, K", unit="images", ge=1, le=100_000)

    def __init__(self, settings: Settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.register_buffer("images", torch.zeros(settings.components, *shape))

    @classmethod
    def check(cls, settings: Settings, images: int) -> None:
        if settings.components > images:
            raise RecipeError(
                f"model.prior.components is {settings.components}, but there are only {images} training images to "
                f"take them from; set it to at most {images}"
            )

    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """Take K different ones of these images, in random order."""
        chosen = torch.randperm(len(images), generator=generator)[: len(self.images)]
        self.images.copy_(images[chosen.to(images.device)])

    def inputs(self) -> Tensor:
        return self.images

    def forward(self, components: Any = None) -> Mixture:
        count = len(self.images)
        weights = self.images.new_full((count,), -math.log(count))
        return mixture(components, weights, exact=not self.training)
