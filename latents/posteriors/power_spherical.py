"""The power spherical posterior: z on a sphere, without rejection."""

from __future__ import annotations

from ..power_spherical import PowerSpherical as Distribution
from .vmf import Directional


class PowerSpherical(Directional):
    r"""q(z|x) = C (1 + mu . z)^kappa on the sphere S^d in d + 1 coordinates, kappa(x) = 1 + softplus(.).

    Reference: De Cao and Aziz, "The power spherical distribution", 2020 (arXiv 2006.04437).
    """

    kind = "power-spherical"
    distribution = Distribution
