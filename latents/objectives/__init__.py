"""What training maximises; one file each."""

from ..modules import import_all
from .base import Objective
from .elbo import ELBO

__all__ = ["ELBO", "Objective"]

import_all(__name__, __path__)
