"""The standard normal prior."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..distributions import DiagonalGaussian
from .base import Prior


class Standard(Prior):
    """p(z) = N(0, I). Kingma and Welling, "Auto-encoding variational Bayes", 2014."""

    kind = "standard"
    zeros: Tensor

    def __init__(self, settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    def forward(self, components: Any = None) -> DiagonalGaussian:
        return DiagonalGaussian(self.zeros, self.zeros)
