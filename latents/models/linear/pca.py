"""Principal component analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...distributions import DiagonalGaussian
from ...parts import PartSettings, setting
from ...spaces import Euclidean
from ..base import Model, Stage
from ..points import Point, PointImage, check_latent, check_objective, squared_error
from .spectrum import spectrum

if TYPE_CHECKING:
    from ...data import ImageData
    from ...recipe import Recipe

_ROWS = 2000  # validation images in one pass
_LEAST = 1e-12  # variance of a direction in which nothing varies, for log p(z)


class PCA(Model):
    r"""z = U^T (x - mu), x ~ mu + U z, U the M directions in which the images vary most: principal components.

    The limit of probabilistic PCA in which the noise vanishes: q(z|x) is one point, and no image off the plane has a
    density. Its samples come from N(0, diag(lambda)), lambda the variances of the components: a Gaussian put on
    afterwards, which the images need not follow.

    References: Pearson 1901; Hotelling, "Analysis of a complex of statistical variables", 1933.
    """

    kind = "pca"
    family = "Linear models"
    estimator = None
    prior_words = "a Gaussian with the variances of the components, put on afterwards"

    class Settings(PartSettings):
        latent: int = setting(2, "components, M", unit="units", ge=1, le=4096)

    def __init__(self, settings: PCA.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        pixels = shape[0] * shape[1] * shape[2]
        self.space = Euclidean(settings.latent)
        self.centre = nn.Parameter(torch.zeros(pixels))
        self.axes = nn.Parameter(torch.eye(pixels, settings.latent))
        self.log_variance = nn.Parameter(torch.zeros(settings.latent))

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        check_latent(recipe, data, images=True)
        check_objective(recipe, "PCA has a closed form and maximises none")

    def encode(self, x: Tensor) -> Any:
        return Point((x.flatten(1) - self.centre) @ self.axes)

    def decode(self, z: Tensor) -> PointImage:
        return PointImage((self.centre + z @ self.axes.T).unflatten(-1, self.shape))

    def prior(self) -> DiagonalGaussian:
        """N(0, diag(lambda)): the variances of the components, fitted and not part of the model."""
        return DiagonalGaussian(torch.zeros_like(self.log_variance), self.log_variance)

    def unit_kl(self, x: Tensor) -> None:
        """None: a point has no KL to a density."""
        return None

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Mean, directions and variances of images `[N, C, H, W]`."""
        found = spectrum(x, self.settings.latent)
        self.centre.copy_(found.mean)
        self.axes.copy_(found.axes)
        self.log_variance.copy_(found.variances.clamp_min(_LEAST).log())

    def loss(self, x: Tensor) -> Tensor:
        """The squared distance of each image from its point on the plane, `[N]`."""
        return squared_error(x, self.decode(self.encode(x).z).image)

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [Fit(self)]

    @property
    def measure(self) -> None:
        return None

    def remarks(self) -> list[str]:
        return [f"PCA is no model of how images come about: its samples are from {self.prior_words}."]

    def reasons(self) -> dict[str, str]:
        density = "PCA is a projection on a plane, not a density of images, so it has no"
        return {
            "draw": "PCA gives one image for each z: there is no p(x|z) to draw pixels from.",
            "elbo": f"{density} likelihood and no bound on one; probabilistic PCA has.",
            "log_likelihood": f"{density} likelihood; probabilistic PCA is the density that belongs to it.",
            "pseudo_inputs": f"This model has no pseudo-inputs: its prior is {self.prior_words}.",
            "components": f"This model's prior has no components: it is {self.prior_words}.",
        }


class Fit(Stage):
    """PCA's closed form, in one epoch."""

    closed = True

    def __init__(self, model: PCA):
        super().__init__()
        self.model = model

    def epochs(self, training: object) -> int:
        return 1

    def fit(self, x: Tensor, epoch: int) -> dict[str, float]:
        self.model.fit(x)
        return {"loss": self._mean(x)}

    def validate(self, x: Tensor) -> dict[str, float]:
        loss = self._mean(x)
        return {"valid_loss": loss, "score": -loss}

    def _mean(self, x: Tensor) -> float:
        return float(torch.cat([self.model.loss(part) for part in x.split(_ROWS)]).mean())
