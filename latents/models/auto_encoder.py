"""Auto-encoders: a point for each image, and no density of images; with a Gaussian fitted to the points afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal

from .. import bodies, likelihoods
from ..networks import he_linear
from ..parts import Choice, PartSettings, part, setting
from ..randomness import stream
from ..spaces import Euclidean
from .base import Model, Stage
from .points import Point, PointImage, check_latent, check_objective, squared_error
from .vae import check_parts

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

_ROWS = 2000  # images in one pass
_VALIDATION_SEED = 779  # of the corruption of validation images


def sampler_setting() -> Any:
    """Where samples come from: the field of every auto-encoder."""
    return setting(
        "gaussian", "where samples come from: a Gaussian fitted to the codes after training, or nowhere ('none')"
    )


class Points(Model):
    """What auto-encoders share: q(z|x) at one point, a loss on images, and a sampler fitted to the codes."""

    family = "Auto-encoders"
    estimator = None
    centre: Tensor
    factor: Tensor

    def __init__(self, settings: Any, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.space = Euclidean(settings.latent)
        if settings.sampler == "gaussian":
            self.register_buffer("centre", torch.zeros(settings.latent))
            self.register_buffer("factor", torch.eye(settings.latent))

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        settings: Any = recipe.model
        check_latent(recipe, data, images=settings.sampler == "gaussian")
        check_parts(recipe, data)
        check_objective(recipe, "an auto-encoder has a loss of its own, that of its reconstructions")

    # -- to be given --

    def code(self, x: Tensor) -> Tensor:
        """z of images `[N, C, H, W]`: `[N, d]`."""
        raise NotImplementedError

    def loss(self, x: Tensor, seen: Tensor) -> Tensor:
        """What training lowers: the loss of each image of x, reconstructed from the one that was seen, `[N]`."""
        raise NotImplementedError

    def corrupted(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The images that the encoder sees in training."""
        return x

    # -- the calls --

    def encode(self, x: Tensor) -> Any:
        return Point(self.code(x))

    def prior(self) -> Distribution:
        """The Gaussian fitted to the codes of the training images; N(0, I) before the fit. Not part of the training."""
        if self.settings.sampler == "none":
            raise NotImplementedError(_NO_SAMPLER)
        return MultivariateNormal(self.centre, scale_tril=self.factor, validate_args=False)

    def mixture(self) -> None:
        return None

    def unit_kl(self, x: Tensor) -> None:
        """None: a point has no KL to a density."""
        return None

    @torch.no_grad()
    def fit_sampler(self, x: Tensor) -> None:
        """Mean and covariance of the codes of images `[N, C, H, W]`; the covariance is kept by its Cholesky factor."""
        codes = torch.cat([self.code(part) for part in x.split(_ROWS)])
        codes = codes if codes.device.type == "mps" else codes.double()
        mean = codes.mean(0)
        self.centre.copy_(mean)
        self.factor.copy_(cholesky((codes - mean).T @ (codes - mean) / len(codes)))

    def stages(self, recipe: Recipe) -> list[Stage]:
        sampler: list[Stage] = [FitSampler(self)] if self.settings.sampler == "gaussian" else []
        return [Fit(self), *sampler]

    @property
    def measure(self) -> None:
        return None

    @property
    def prior_words(self) -> str:
        """The prior in a sentence."""
        if self.settings.sampler == "none":
            return "none: an auto-encoder is trained without one"
        return "a Gaussian fitted to the codes after training"

    def remarks(self) -> list[str]:
        if self.settings.sampler == "none":
            return []
        return [
            "An auto-encoder is trained without a prior: its samples come from a Gaussian fitted to the codes of the "
            "training images afterwards, and are as bad as the codes are far from Gaussian."
        ]

    def reasons(self) -> dict[str, str]:
        point = "An auto-encoder puts each image at one point of latent space and is trained without a prior"
        reasons = {
            "elbo": f"{point}, so there is no bound on a likelihood.",
            "log_likelihood": f"{point}, so it has no likelihood of images.",
            "pseudo_inputs": f"This model has no pseudo-inputs: its prior is {self.prior_words}.",
            "components": f"This model's prior has no components: it is {self.prior_words}.",
        }
        if self.settings.sampler == "none":
            reasons |= {"sample": _NO_SAMPLER, "prior_density": _NO_SAMPLER}
        return reasons


_NO_SAMPLER = (
    "This auto-encoder was trained without a prior, and no Gaussian was fitted to its codes (model.sampler is 'none')."
)


def cholesky(covariance: Tensor) -> Tensor:
    """The lower factor of a covariance `[d, d]`; directions without variance get next to none, 1e-6 of the largest."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed and bool((factor.diagonal() > 1e-4 * factor.diagonal().max()).all()):
        return factor
    values, vectors = torch.linalg.eigh(covariance)
    least = 1e-6 * float(values[-1]) if values[-1] > 0 else 1e-6
    return torch.linalg.cholesky((vectors * values.clamp_min(least)) @ vectors.T)


class AutoEncoder(Points):
    r"""z = f(x), trained on log p(x | z = f(x)) alone: no density of z. Samples: a Gaussian fitted to z afterwards.

    The loss is the likelihood's: cross-entropy for binary pixels, squared error for a Gaussian of fixed variance.
    With nothing to keep q(z|x) wide or near to a prior, codes spread as they like and have holes between them; the
    Gaussian does not know of these, and samples from it show it.

    Reference: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.
    """

    kind = "auto-encoder"

    class Settings(PartSettings):
        latent: int = setting(2, "size of z", unit="units", ge=1, le=4096)
        encoder: Annotated[PartSettings, Choice("encoder")] = setting({"kind": "mlp"}, "from the image to features")
        decoder: Annotated[PartSettings, Choice("decoder")] = setting({"kind": "mlp"}, "from z to features")
        likelihood: Annotated[PartSettings, Choice("likelihood")] = setting(
            {"kind": "bernoulli"}, "p(x|z), from the decoder's features: the loss of a reconstruction"
        )
        sampler: Literal["gaussian", "none"] = sampler_setting()

    def __init__(self, settings: AutoEncoder.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.encoder: bodies.Encoder = part("encoder", settings.encoder.kind)(settings.encoder, shape)
        self.head = he_linear(self.encoder.features, settings.latent)
        self.decoder: bodies.Decoder = part("decoder", settings.decoder.kind)(settings.decoder, settings.latent, shape)
        self.likelihood: likelihoods.Likelihood = part("likelihood", settings.likelihood.kind)(
            settings.likelihood, self.decoder.features, shape, self.decoder.spatial
        )
        self.cost = self.likelihood.cost

    def code(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))

    def decode(self, z: Tensor) -> Distribution:
        return self.likelihood(self.decoder(z))

    def loss(self, x: Tensor, seen: Tensor) -> Tensor:
        return -self.decode(self.code(seen)).log_prob(x)

    def reasons(self) -> dict[str, str]:
        reasons = super().reasons()
        if not self.likelihood.has_mean:
            reasons["mean"] = (
                "This decoder draws a picture pixel by pixel, each given those before it: its pictures are samples."
            )
        return reasons


class DenoisingAutoEncoder(AutoEncoder):
    r"""z = f(x~), x~ a corrupted x, trained on log p(x | z = f(x~)) of the clean x: an auto-encoder that mends.

    Masking makes a share of the pixels black, salt and pepper makes a share black or white, and Gaussian noise of a
    standard deviation is added to all. Only training corrupts: `encode` takes images as they are.

    Reference: Vincent et al., "Stacked denoising autoencoders", 2010, section 3.
    """

    kind = "denoising-auto-encoder"

    class Settings(AutoEncoder.Settings):
        corruption: Literal["masking", "salt-and-pepper", "gaussian"] = setting(
            "masking", "what is done to images in training: pixels made black, black or white, or noise added"
        )
        strength: float = setting(
            0.3, "share of pixels corrupted, or standard deviation of the Gaussian noise (white is 1)", gt=0, le=1
        )

    def corrupted(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        kind, strength = self.settings.corruption, self.settings.strength
        if kind == "gaussian":
            return x + strength * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        chance = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        made = (chance < strength / 2).to(x.dtype) if kind == "salt-and-pepper" else torch.zeros_like(x)
        return torch.where(chance < strength, made, x)


class LinearAutoEncoder(Points):
    r"""z = A x + a, x ~ B z + b, trained on |x - (B z + b)|^2: its plane is that of the principal components.

    The columns of B span what PCA's do, though they need be neither orthogonal nor in order. Samples come from a
    Gaussian fitted to the codes afterwards.

    Reference: Baldi and Hornik, "Neural networks and principal component analysis", 1989.
    """

    kind = "linear-auto-encoder"

    class Settings(PartSettings):
        latent: int = setting(2, "size of z", unit="units", ge=1, le=4096)
        sampler: Literal["gaussian", "none"] = sampler_setting()

    def __init__(self, settings: LinearAutoEncoder.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.encoder = nn.Linear(math.prod(shape), settings.latent)
        self.decoder = nn.Linear(settings.latent, math.prod(shape))

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        check_latent(recipe, data, images=True)
        check_objective(recipe, "a linear auto-encoder has a loss of its own, the squared error")

    @torch.no_grad()
    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """z = 0 is the mean image, and the mean image is z = 0."""
        mean = images.flatten(1).mean(0)
        self.decoder.bias.copy_(mean)
        self.encoder.bias.copy_(-self.encoder.weight @ mean)

    def code(self, x: Tensor) -> Tensor:
        return self.encoder(x.flatten(1))

    def decode(self, z: Tensor) -> PointImage:
        return PointImage(self.decoder(z).unflatten(-1, self.shape))

    def loss(self, x: Tensor, seen: Tensor) -> Tensor:
        return squared_error(x, self.decode(self.code(seen)).image)

    def reasons(self) -> dict[str, str]:
        return {
            **super().reasons(),
            "draw": "A linear auto-encoder gives one image for each z: there is no p(x|z) to draw pixels from.",
        }


class Fit(Stage):
    """Encoder and decoder, by gradient, on clean images reconstructed from what the encoder sees."""

    def __init__(self, model: Points):
        super().__init__()
        self.model = model

    def trainable(self) -> Iterable[nn.Parameter]:
        return self.model.parameters()

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        return {"loss": self.model.loss(x, self.model.corrupted(x)).mean()}

    def validate(self, x: Tensor) -> dict[str, float]:
        return _validated(self.model, x)


class FitSampler(Stage):
    """The Gaussian from which samples come, in closed form from the codes of all training images."""

    name = "gaussian sampler"
    closed = True

    def __init__(self, model: Points):
        super().__init__()
        self.model = model

    def epochs(self, training: object) -> int:
        return 1

    def fit(self, x: Tensor, epoch: int) -> dict[str, float]:
        self.model.fit_sampler(x)
        return {"code_log_density": _code_log_density(self.model, x)}

    def validate(self, x: Tensor) -> dict[str, float]:
        density = _code_log_density(self.model, x)
        return {**_validated(self.model, x), "valid_code_log_density": density, "score": density}


def _validated(model: Points, x: Tensor) -> dict[str, float]:
    """The loss on images corrupted in the same way each time."""
    generator = stream(_VALIDATION_SEED, device=x.device)
    loss = torch.cat([model.loss(part, model.corrupted(part, generator)) for part in x.split(_ROWS)])
    return {"valid_loss": float(loss.mean()), "score": -float(loss.mean())}


def _code_log_density(model: Points, x: Tensor) -> float:
    """The mean log density of the images' codes under the sampler, nats."""
    return float(torch.cat([model.prior().log_prob(model.code(part)) for part in x.split(_ROWS)]).mean())
