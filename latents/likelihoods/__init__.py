"""p(x|z): the decoder's last layer, from features to a distribution over images; one file each."""

from ..modules import import_all
from .base import Likelihood, Measure
from .bernoulli import Bernoulli, BernoulliImage

__all__ = ["Bernoulli", "BernoulliImage", "Likelihood", "Measure"]

import_all(__name__, __path__)
