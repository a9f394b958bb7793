"""The three Sylvester flow posteriors."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..flows.base import Transform
from ..flows.householder import Householder, unit
from ..flows.orthonormal import orthonormal
from ..flows.sylvester import Columns, Ordered, Reflected, Sylvester, triangles
from ..parts import PartSettings, setting
from .flow import Flow, steps_setting
from .householder import too_many


class SylvesterFlow(Flow):
    """f(z) = z + Q R tanh(R~ Q^T z + b); subclasses give Q, with M orthonormal columns.

    All parameters are linear in the features; R and R~ are upper triangular with r_ii r~_ii > -1. The inverse has no
    closed form, so a draw can be scored but no other z can.

    Reference: van den Berg et al., "Sylvester normalizing flows for variational inference", UAI 2018
    (arXiv 1803.05649).
    """

    has_density = False

    def __init__(self, settings: Any, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.units, more = self.sizes(settings, latent)
        self.parts = [self.units**2, self.units, self.units, more]  # R and R~, the diagonal of R~, b, and Q's own
        self.parameters_of_maps = nn.Linear(features, settings.steps * sum(self.parts))

    def sizes(self, settings: Any, latent: int) -> tuple[int, int]:
        """M, and how many numbers give one Q."""
        raise NotImplementedError

    def bases(self, given: Tensor) -> list[Columns | Reflected | Ordered]:
        """Q of each step, from its numbers `[..., T, n]`."""
        raise NotImplementedError

    def transforms(self, features: Tensor) -> list[Transform]:
        given = self.parameters_of_maps(features).unflatten(-1, (self.steps, -1))
        square, diagonal, b, own = given.split(self.parts, -1)
        r, r_tilde = triangles(square.unflatten(-1, (self.units, self.units)), diagonal)
        return [
            Sylvester(basis, r[..., t, :, :], r_tilde[..., t, :, :], b[..., t, :])
            for t, basis in enumerate(self.bases(own))
        ]


class OrthogonalSylvester(SylvesterFlow):
    r"""q(z|x) by f(z) = z + Q R tanh(R~ Q^T z + b), T times over a Gaussian; Q: M orthonormal columns, from x.

    Q is the matrix with orthonormal columns that is nearest to one that is linear in the features, by an iteration
    that is run until it has converged. O-SNF of van den Berg et al. 2018 (arXiv 1803.05649).
    """

    kind = "sylvester-orthogonal"

    class Settings(PartSettings):
        steps: int = steps_setting(4)
        bottleneck: int = setting(4, "columns of Q, M", unit="units", ge=1, le=4096)

    @classmethod
    def check(cls, settings: Any, latent: int) -> None:
        if settings.bottleneck > latent:
            raise ValueError(
                f"posterior.bottleneck is {settings.bottleneck}, but Q has that many orthonormal columns of "
                f"model.latent = {latent} dimensions; set it to at most {latent}"
            )

    def sizes(self, settings: Settings, latent: int) -> tuple[int, int]:
        self.latent = latent
        return settings.bottleneck, latent * settings.bottleneck

    def bases(self, given: Tensor) -> list[Columns | Reflected | Ordered]:
        q = orthonormal(given.unflatten(-1, (self.latent, self.units)))
        return [Columns(one) for one in q.unbind(-3)]


class HouseholderSylvester(SylvesterFlow):
    r"""q(z|x) by f(z) = z + Q R tanh(R~ Q^T z + b), T times over a Gaussian; Q: a product of H reflections, from x.

    H-SNF of van den Berg et al. 2018 (arXiv 1803.05649); M = d.
    """

    kind = "sylvester-householder"

    class Settings(PartSettings):
        steps: int = steps_setting(4)
        reflections: int = setting(4, "Householder reflections in each Q, H", unit="reflections", ge=1, le=64)

    @classmethod
    def redundant(cls, settings: Any, latent: int) -> str | None:
        return too_many("posterior.reflections", settings.reflections, latent)

    def sizes(self, settings: Settings, latent: int) -> tuple[int, int]:
        self.reflections = settings.reflections
        return latent, settings.reflections * latent

    def bases(self, given: Tensor) -> list[Columns | Reflected | Ordered]:
        normals = unit(given.unflatten(-1, (self.reflections, self.units)))
        return [Reflected(Householder(one)) for one in normals.unbind(-3)]


class TriangularSylvester(SylvesterFlow):
    r"""q(z|x) by f(z) = z + Q R tanh(R~ Q^T z + b), T times over a Gaussian; Q: z's order, turned round in turn.

    T-SNF of van den Berg et al. 2018 (arXiv 1803.05649); M = d.
    """

    kind = "sylvester-triangular"

    class Settings(PartSettings):
        steps: int = steps_setting(4)

    def sizes(self, settings: Settings, latent: int) -> tuple[int, int]:
        return latent, 0

    def bases(self, given: Tensor) -> list[Columns | Reflected | Ordered]:
        return [Ordered(bool(step % 2)) for step in range(self.steps)]
