"""The stick-breaking prior over weights that sum to one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..parts import PartSettings, setting
from ..stick_breaking import GEM
from .base import Prior


class StickBreaking(Prior):
    """p(z) = GEM(alpha): z_k = v_k prod_{j<k} (1 - v_j), v_k ~ Beta(1, alpha). Nalisnick and Smyth, ICLR 2017."""

    kind = "stick-breaking"
    on = ("simplex",)
    like: Tensor

    class Settings(PartSettings):
        alpha: float = setting(5.0, "concentration: about alpha + 1 weights matter", gt=0, le=1000)

    def __init__(self, settings: Settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.alpha, self.weights = settings.alpha, latent
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def forward(self, components: Any = None) -> GEM:
        return GEM(self.alpha, self.weights, self.like)
