"""q(z|x): the heads of encoders, from features to a distribution over latent vectors."""

from .base import Posterior
from .gaussian import Gaussian

__all__ = ["Gaussian", "Posterior"]
