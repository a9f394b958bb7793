"""Pixels with Gaussian noise."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional

from ..parts import PartSettings, setting
from .base import Likelihood, Shape, image_head


class Gaussian(Likelihood):
    """Real pixels, independent given z: p(x|z) = prod_i N(x_i; mu_i(z), s_i^2), s learnt or fixed. A density.

    mu is linear in the features; s = least + softplus(r) where it is learnt. The log-likelihood is that of a density,
    so it may be positive, and it does not compare with probabilities of levels. Channels are independent given z.
    """

    kind = "gaussian"
    binary = False
    measure_kind = "density"
    cost = 3

    class Settings(PartSettings):
        variance: Literal["shared", "pixel", "fixed"] = setting(
            "shared", "learnt as one number, learnt for each pixel from z, or fixed"
        )
        deviation: float = setting(
            0.1, "standard deviation where it is fixed, and where learning begins", unit="of white", ge=1e-4, le=10
        )
        least: float = setting(
            0.01,
            "smallest standard deviation learnt: a pixel that never changes has else an infinite density",
            unit="of white",
            ge=1e-5,
            le=1,
            advanced=True,
        )

        @model_validator(mode="after")
        def _begins_above(self):
            if self.variance != "fixed" and self.deviation <= self.least:
                raise ValueError(
                    f"deviation is {self.deviation:g}, but learning begins above the smallest standard deviation, "
                    f"least = {self.least:g}; raise it above that"
                )
            return self

    def __init__(self, settings: Settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__(settings, features, shape, spatial)
        self.settings = settings
        each = settings.variance == "pixel"
        self.head = cast(Any, image_head(features, 2 if each else 1, shape, spatial))
        if settings.variance == "fixed":
            return
        start = math.log(math.expm1(settings.deviation - settings.least))
        if each:
            with torch.no_grad():
                self.head.bias.view(2, -1)[1].fill_(start)
        else:
            self.spread = nn.Parameter(torch.full((1,), start))

    def forward(self, features: Tensor) -> Independent:
        found = self.head(features)
        mean = found.select(-4, 0)
        return Independent(Normal(mean, self._scale(found).expand_as(mean), validate_args=False), 3)

    def _scale(self, found: Tensor) -> Tensor:
        if self.settings.variance == "fixed":
            return found.new_full((1,), self.settings.deviation)
        spread = found.select(-4, 1) if self.settings.variance == "pixel" else self.spread
        return self.settings.least + functional.softplus(spread)
