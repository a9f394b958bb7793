"""The diagonal Gaussian posterior."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ..distributions import DiagonalGaussian
from ..networks import he_linear
from ..parts import PartSettings
from ..spaces import Euclidean
from .base import Posterior

LOG_VARIANCE_BOUNDS = (-6.0, 2.0)


class Gaussian(Posterior):
    r"""q(z|x) = N(mu(x), diag(sigma^2(x))), both linear in the features.

    The log-variance is clipped to [-6, 2], as in the VampPrior's code (Tomczak and Welling 2018).
    """

    kind = "gaussian"

    def __init__(self, settings: PartSettings, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.space = Euclidean(latent)
        self.mean, self.log_variance = he_linear(features, latent), he_linear(features, latent)

    def forward(self, features: Tensor) -> DiagonalGaussian:
        log_variance = functional.hardtanh(self.log_variance(features), *LOG_VARIANCE_BOUNDS)
        return DiagonalGaussian(self.mean(features), log_variance)
