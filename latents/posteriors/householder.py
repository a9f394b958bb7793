"""The Householder flow posterior."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..flows.base import Transform
from ..flows.householder import Householder, HouseholderGaussian, unit
from ..parts import PartSettings
from .flow import Flow, steps_setting


class HouseholderFlow(Flow):
    r"""q(z|x) = N(U mu, U diag(sigma^2) U^T), U = H_T ... H_1, a rotation by T reflections: a full covariance.

    H_t = I - 2 v_t v_t^T / |v_t|^2, with v_1 linear in the features and each next v linear in the one before.

    Reference: Tomczak and Welling, "Improving variational auto-encoders using Householder flow", 2016
    (arXiv 1611.09630).
    """

    kind = "householder"

    class Settings(PartSettings):
        steps: int = steps_setting(4)

    def __init__(self, settings: Settings, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.first = nn.Linear(features, latent)
        self.chain = nn.ModuleList(nn.Linear(latent, latent) for _ in range(settings.steps - 1))

    @classmethod
    def redundant(cls, settings: Any, latent: int) -> str | None:
        return too_many("posterior.steps", settings.steps, latent)

    def transforms(self, features: Tensor) -> list[Transform]:
        v = self.first(features)
        normals = [unit(v)]
        for layer in self.chain:
            v = layer(v)
            normals.append(unit(v))
        return [Householder(torch.stack(normals, -2))]

    def forward(self, features: Tensor) -> HouseholderGaussian:
        return HouseholderGaussian(self.base(features), self.transforms(features))


def too_many(field: str, reflections: int, latent: int) -> str | None:
    """One sentence where there are more reflections than dimensions, which is allowed and does nothing more."""
    if reflections <= latent:
        return None
    return (
        f"{field} is {reflections}, but {latent} reflections already make every rotation of model.latent = {latent} "
        "dimensions: the others are redundant."
    )
