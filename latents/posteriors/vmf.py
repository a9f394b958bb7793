"""The von Mises-Fisher posterior: z on a sphere."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ..networks import he_linear
from ..parts import PartSettings, setting
from ..rotational import MOST_CONCENTRATION, Rotational
from ..spaces.sphere import Sphere
from ..von_mises_fisher import VonMisesFisher
from .base import Posterior


class Directional(Posterior):
    """A mean direction and a concentration: the heads that posteriors on a sphere share."""

    lives = "sphere"
    distribution: ClassVar[type[Rotational]]

    class Settings(PartSettings):
        most: float = setting(
            MOST_CONCENTRATION, "largest concentration kappa", ge=2, le=MOST_CONCENTRATION, advanced=True
        )

    def __init__(self, settings: Settings, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.space = Sphere(latent)
        self.most = settings.most
        self.direction, self.concentration = he_linear(features, latent + 1), he_linear(features, 1)

    def forward(self, features: Tensor) -> Rotational:
        concentration = functional.softplus(self.concentration(features).squeeze(-1)) + 1
        direction = functional.normalize(self.direction(features), dim=-1)
        return self.distribution(direction, concentration.clamp_max(self.most))


class VMF(Directional):
    r"""q(z|x) = C(kappa) exp(kappa mu . z) on the sphere S^d in d + 1 coordinates, kappa(x) = 1 + softplus(.).

    Reference: Davidson et al., "Hyperspherical variational auto-encoders", UAI 2018 (arXiv 1804.00891).
    """

    kind = "vmf"
    distribution = VonMisesFisher
