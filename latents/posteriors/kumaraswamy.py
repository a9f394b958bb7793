"""The stick-breaking posterior: z are weights that sum to one."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ..networks import he_linear
from ..parts import PartSettings
from ..spaces.simplex import Simplex
from ..stick_breaking import StickBreaking
from .base import Posterior

LEAST, MOST = 0.1, 1000.0  # of a and b: beyond, sticks are 0 or 1 in float32


class Kumaraswamy(Posterior):
    r"""q(z|x): weights z_k = v_k prod_{j<k} (1 - v_j), v_k ~ Kumaraswamy(a_k(x), b_k(x)), a, b = 0.1 + softplus(.).

    Reference: Nalisnick and Smyth, "Stick-breaking variational autoencoders", ICLR 2017 (arXiv 1605.06197).
    """

    kind = "stick-breaking"
    lives = "simplex"

    def __init__(self, settings: PartSettings, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.space = Simplex(latent)
        self.a, self.b = he_linear(features, latent - 1), he_linear(features, latent - 1)

    @classmethod
    def check(cls, settings: PartSettings, latent: int) -> None:
        if latent < 2:
            raise ValueError(
                f"model.latent is {latent}, but a 'stick-breaking' posterior breaks a stick into weights: set it to at "
                "least 2"
            )

    def forward(self, features: Tensor) -> StickBreaking:
        a, b = (functional.softplus(head(features)).add(LEAST).clamp_max(MOST) for head in (self.a, self.b))
        return StickBreaking(a, b)
