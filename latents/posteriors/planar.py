"""The planar flow posterior."""

from __future__ import annotations

from torch import Tensor, nn

from ..flows.base import Transform
from ..flows.planar import Planar, constrained
from ..parts import PartSettings
from .flow import Flow, steps_setting


class PlanarFlow(Flow):
    r"""q(z|x) by f(z) = z + u tanh(w^T z + b), T times over a Gaussian; u, w and b are linear in the features.

    u is moved along w until the map is invertible (w^T u > -1). Its inverse has no closed form, so a draw can be
    scored but no other z can.

    Reference: Rezende and Mohamed, "Variational inference with normalizing flows", 2015.
    """

    kind = "planar"
    has_density = False

    class Settings(PartSettings):
        steps: int = steps_setting(10)

    def __init__(self, settings: Settings, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.sizes = [latent, latent, 1]
        self.parameters_of_maps = nn.Linear(features, settings.steps * sum(self.sizes))

    def transforms(self, features: Tensor) -> list[Transform]:
        given = self.parameters_of_maps(features).unflatten(-1, (self.steps, -1))
        u, w, b = given.split(self.sizes, -1)
        u = constrained(u, w)
        return [Planar(u[..., t, :], w[..., t, :], b[..., t, 0]) for t in range(self.steps)]
