"""Where the latent variable z lives, and what one may do there; one file each."""

from .base import Space
from .euclidean import Euclidean

__all__ = ["Euclidean", "Space"]
