"""Where the latent variable z lives, and what one may do there; one file each."""

from .base import Space
from .codes import Codes
from .euclidean import Euclidean
from .layers import Layers
from .simplex import Simplex
from .sphere import Sphere

__all__ = ["Codes", "Euclidean", "Layers", "Simplex", "Space", "Sphere"]
