"""The uniform prior on a sphere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..von_mises_fisher import UniformSphere as Distribution
from .base import Prior


class UniformSphere(Prior):
    """p(z) = 1 / area of the sphere S^d: no direction is preferred. Davidson et al., UAI 2018."""

    kind = "uniform-sphere"
    on = ("sphere",)
    zeros: Tensor

    def __init__(self, settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.register_buffer("zeros", torch.zeros(latent + 1), persistent=False)

    def forward(self, components: Any = None) -> Distribution:
        return Distribution(self.zeros)
