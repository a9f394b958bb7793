"""The variational mixture of posteriors prior."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..distributions import Mixture, mixture
from ..errors import RecipeError
from ..parts import PartSettings, setting
from .base import Prior

_INSET = 1e-3  # of black and white, where pseudo-inputs begin as training images


class VampPrior(Prior):
    r"""p(z) = 1/K sum_k q(z | u_k): a mixture of the encoder's own posteriors at K learnt pseudo-inputs u_k.

    Pixels are kept in [0, 1] by clipping the learnt values (hardtanh in the paper's code).

    Reference: Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, equation 9 (arXiv 1705.07120).
    """

    kind = "vampprior"
    needs_density = True
    on = None

    class Settings(PartSettings):
        components: int = setting(500, "number of pseudo-inputs, K", unit="pseudo-inputs", ge=1, le=100_000)
        initialisation: Literal["random", "data"] = setting(
            "random", "first pseudo-inputs: noise around a gray level, or random training images"
        )
        level: float = setting(
            0.05, "mean pixel of a random first pseudo-input", unit="of white", ge=0, le=1, advanced=True
        )
        noise: float = setting(
            0.01,
            "standard deviation of a random first pseudo-input's pixels",
            unit="of white",
            ge=0,
            le=1,
            advanced=True,
        )

    def __init__(self, settings: Settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.from_data = settings.initialisation == "data"
        self.pixels = nn.Parameter(settings.level + settings.noise * torch.randn(settings.components, *shape))

    @classmethod
    def check(cls, settings: Settings, images: int) -> None:
        if settings.initialisation == "data" and settings.components > images:
            raise RecipeError(
                f"model.prior.components is {settings.components}, but there are only {images} training images to "
                "start the pseudo-inputs from; lower it or set model.prior.initialisation to 'random'"
            )

    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        if self.from_data:
            chosen = torch.randperm(len(images), generator=generator)[: len(self.pixels)]
            with torch.no_grad():
                # hardtanh has no gradient at its bounds: pixels that began there could never be learnt.
                self.pixels.copy_(images[chosen.to(images.device)].clamp(_INSET, 1 - _INSET))

    def inputs(self) -> Tensor:
        return functional.hardtanh(self.pixels, 0, 1)

    def forward(self, components: Any = None) -> Mixture:
        count = len(self.pixels)
        weights = self.pixels.new_full((count,), -math.log(count))
        return mixture(components, weights, exact=not self.training)
