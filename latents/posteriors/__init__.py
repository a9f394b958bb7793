"""q(z|x): the heads of encoders, from features to a distribution over latent vectors; one file each."""

from ..modules import import_all
from .base import Posterior
from .gaussian import Gaussian

__all__ = ["Gaussian", "Posterior"]

import_all(__name__, __path__)
