"""The variational auto-encoder: one latent vector, three sockets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import model_validator
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from .. import likelihoods, posteriors, priors
from ..distributions import DiagonalGaussian, GaussianMixture, monte_carlo_kl
from ..errors import RecipeError
from ..likelihoods import Measure
from ..networks import Body, concatenate
from ..parts import Choice, PartSettings, part, setting
from .base import Elbo, Model, Stage
from .units import kl_of_units

if TYPE_CHECKING:
    from ..data import ImageData
    from ..objectives import Objective
    from ..recipe import Recipe


class VAE(Model):
    r"""p(z) p(x|z) with q(z|x), trained on E_q[log p(x|z)] - KL(q(z|x) || p(z)).

    The prior, the posterior, the likelihood and the two bodies are parts that a recipe exchanges.

    Reference: Kingma and Welling, "Auto-encoding variational Bayes", 2014.
    """

    kind = "vae"

    class Settings(PartSettings):
        latent: int = setting(40, "size of z", unit="units", ge=1, le=4096)
        encoder: Annotated[PartSettings, Choice("body")] = setting({"kind": "mlp"}, "from the image to features")
        posterior: Annotated[PartSettings, Choice("posterior")] = setting(
            {"kind": "gaussian"}, "q(z|x), from the encoder's features"
        )
        prior: Annotated[PartSettings, Choice("prior")] = setting({"kind": "standard"}, "p(z)")
        decoder: Annotated[PartSettings, Choice("body")] = setting({"kind": "mlp"}, "from z to features")
        likelihood: Annotated[PartSettings, Choice("likelihood")] = setting(
            {"kind": "bernoulli"}, "p(x|z), from the decoder's features"
        )

        @model_validator(mode="after")
        def _density(self):
            prior, posterior = part("prior", self.prior.kind), part("posterior", self.posterior.kind)
            if prior.needs_density and not posterior.has_density:
                raise ValueError(
                    f"the prior {self.prior.kind!r} evaluates q(z|x) at any z, but the posterior "
                    f"{self.posterior.kind!r} can score only its own samples; choose another of the two"
                )
            return self

    def __init__(self, settings: VAE.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.encoder: Body = part("body", settings.encoder.kind)(settings.encoder, shape)
        self.posterior: posteriors.Posterior = part("posterior", settings.posterior.kind)(
            settings.posterior, self.encoder.features, settings.latent
        )
        self.space = self.posterior.space
        self.decoder: Body = part("body", settings.decoder.kind)(settings.decoder, (self.space.size,))
        self.likelihood: likelihoods.Likelihood = part("likelihood", settings.likelihood.kind)(
            settings.likelihood, self.decoder.features, shape
        )
        self.latent_prior: priors.Prior = part("prior", settings.prior.kind)(settings.prior, settings.latent, shape)

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        settings: Any = recipe.model
        pixels = math.prod(data.shape)
        if settings.latent > pixels:
            raise RecipeError(
                f"model.latent is {settings.latent}, but an image of {data.name} has only {pixels} pixels; "
                f"set it to at most {pixels}"
            )
        binary = data.kind == "binary" or recipe.data.binarisation != "none"
        if part("likelihood", settings.likelihood.kind).binary and data.kind == "colour":
            raise RecipeError(
                f"model.likelihood is {settings.likelihood.kind!r}, which needs binary images, but {data.name} has "
                "colour images; choose gray or binary images"
            )
        if part("likelihood", settings.likelihood.kind).binary and not binary:
            raise RecipeError(
                f"model.likelihood is {settings.likelihood.kind!r}, which needs binary images, but {data.name} is "
                f"{data.kind} and data.binarisation is 'none'; set data.binarisation to 'dynamic' or 'static'"
            )
        part("prior", settings.prior.kind).check(settings.prior, data.sizes["train"])

    # -- the three sockets --

    def encode(self, x: Tensor) -> Any:
        return self.posterior(self.encoder(x))

    def decode(self, z: Tensor) -> Distribution:
        return self.likelihood(self.decoder(z))

    def prior(self) -> Distribution:
        inputs = self.latent_prior.inputs()
        return self.latent_prior(None if inputs is None else self.encode(inputs))

    def encode_with_prior(self, x: Tensor) -> tuple[Any, Distribution]:
        inputs = self.latent_prior.inputs()
        both = self.encode(concatenate(x, inputs))
        if inputs is None:
            return both, self.latent_prior(None)
        return both[: len(x)], self.latent_prior(both[len(x) :])

    # -- what is built from them --

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        q, p = self.encode_with_prior(x)
        if isinstance(q, DiagonalGaussian) and isinstance(p, DiagonalGaussian):
            z, kl = q.rsample(), kl_divergence(q, p)
        else:
            z, log_q = q.rsample_and_log_prob()
            kl = monte_carlo_kl(p, z, log_q)
        return Elbo(self.decode(z).log_prob(x), kl, kl_of_units(q, p) if units else None)

    def stages(self, recipe: Recipe) -> list[Stage]:
        objective: Objective = part("objective", recipe.objective.kind)(recipe.objective)
        return [_Fit(self, objective)]

    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        self.latent_prior.initialise(images, generator)

    @property
    def measure(self) -> Measure:
        return Measure(self.likelihood.measure_kind, self.recipe.data.binarisation)

    @property
    def pseudo_inputs(self) -> Tensor | None:
        inputs = self.latent_prior.inputs()
        return None if inputs is None else inputs.detach()

    def reasons(self) -> dict[str, str]:
        reasons = {}
        with torch.no_grad():
            mixture = isinstance(self.prior(), GaussianMixture)
        named = {"standard": "the standard normal", "mixture": "a mixture of Gaussians"}
        prior = named.get(self.settings.prior.kind, f"of kind {self.settings.prior.kind!r}")
        if self.pseudo_inputs is None:
            reasons["pseudo_inputs"] = f"This model has no pseudo-inputs: its prior is {prior}."
        if not mixture:
            reasons["components"] = f"This model's prior has no components: it is {prior}."
        return reasons


class _Fit(Stage):
    """The one stage of a VAE: its objective, batch by batch."""

    name = "fit"

    def __init__(self, model: Model, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        return self.objective(self.model, x, epoch)
