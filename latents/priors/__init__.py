"""p(z): what the model expects of latent space before it sees an image."""

from .base import Prior
from .mixture import Mixture
from .standard import Standard
from .vampprior import VampPrior

__all__ = ["Mixture", "Prior", "Standard", "VampPrior"]
