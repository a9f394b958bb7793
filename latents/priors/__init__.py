"""p(z): what the model expects of latent space before it sees an image; one file each."""

from ..modules import import_all
from .base import Prior
from .mixture import Mixture
from .standard import Standard
from .vampprior import VampPrior

__all__ = ["Mixture", "Prior", "Standard", "VampPrior"]

import_all(__name__, __path__)
