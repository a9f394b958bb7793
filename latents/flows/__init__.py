"""Invertible maps of latent space, one for each image of a batch, and Gaussians sent through them; one file each."""

from .base import Inverse, Transform
from .distribution import TransformedGaussian
from .householder import Householder, HouseholderGaussian
from .network import Network
from .planar import Planar
from .sylvester import Sylvester

__all__ = [
    "Householder",
    "HouseholderGaussian",
    "Inverse",
    "Network",
    "Planar",
    "Sylvester",
    "Transform",
    "TransformedGaussian",
]
