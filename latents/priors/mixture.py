"""A mixture of Gaussians whose means and variances are learnt."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from ..distributions import DiagonalGaussian, GaussianMixture
from ..parts import PartSettings, setting
from .base import Prior


class Mixture(Prior):
    r"""p(z) = sum_k w_k N(mu_k, diag(sigma_k^2)): the MoG baseline of Tomczak and Welling 2018, Table 2.

    It has the VampPrior's K components, but their parameters are free instead of encoded pseudo-inputs.
    """

    kind = "mixture"

    class Settings(PartSettings):
        components: int = setting(500, "number of Gaussians, K", unit="components", ge=1, le=100_000)
        weights: Literal["equal", "learnt"] = setting("equal", "all 1 / K, or learnt")
        spread: float = setting(1.0, "standard deviation of the first means", unit="latent units", gt=0, advanced=True)

    def __init__(self, settings: Settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.mean = nn.Parameter(settings.spread * torch.randn(settings.components, latent))
        self.log_variance = nn.Parameter(torch.zeros(settings.components, latent))
        self.logits = nn.Parameter(torch.zeros(settings.components), requires_grad=settings.weights == "learnt")

    def forward(self, components: Any = None) -> GaussianMixture:
        weights = torch.log_softmax(self.logits, 0)
        return GaussianMixture(DiagonalGaussian(self.mean, self.log_variance), weights, exact=not self.training)
