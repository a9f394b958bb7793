"""The variational auto-encoder: one latent vector, three sockets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import model_validator
from torch import Tensor
from torch.distributions import Distribution

from .. import bodies, likelihoods, posteriors, priors
from ..distributions import draw_and_kl
from ..errors import RecipeError
from ..likelihoods import Measure
from ..networks import concatenate
from ..parts import Choice, PartSettings, kinds, listed, part, setting
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
    family = "Variational auto-encoders"
    takes_objective = True

    class Settings(PartSettings):
        latent: int = setting(40, "size of z", unit="units", ge=1, le=4096)
        encoder: Annotated[PartSettings, Choice("encoder")] = setting({"kind": "mlp"}, "from the image to features")
        posterior: Annotated[PartSettings, Choice("posterior")] = setting(
            {"kind": "gaussian"}, "q(z|x), from the encoder's features"
        )
        prior: Annotated[PartSettings, Choice("prior")] = setting({"kind": "standard"}, "p(z)")
        decoder: Annotated[PartSettings, Choice("decoder")] = setting({"kind": "mlp"}, "from z to features")
        likelihood: Annotated[PartSettings, Choice("likelihood")] = setting(
            {"kind": "bernoulli"}, "p(x|z), from the decoder's features"
        )

        @model_validator(mode="after")
        def _fit_together(self):
            together(self.posterior, self.prior, self.latent)
            return self

    def __init__(self, settings: VAE.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.encoder: bodies.Encoder = part("encoder", settings.encoder.kind)(settings.encoder, shape)
        self.posterior: posteriors.Posterior = part("posterior", settings.posterior.kind)(
            settings.posterior, self.encoder.features, settings.latent
        )
        self.space = self.posterior.space
        self.decoder: bodies.Decoder = part("decoder", settings.decoder.kind)(settings.decoder, self.space.size, shape)
        self.likelihood: likelihoods.Likelihood = part("likelihood", settings.likelihood.kind)(
            settings.likelihood, self.decoder.features, shape, self.decoder.spatial
        )
        self.latent_prior: priors.Prior = part("prior", settings.prior.kind)(settings.prior, settings.latent, shape)
        self.cost = max(self.likelihood.cost, self.decoder.features if self.decoder.spatial else 1)

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        settings: Any = recipe.model
        pixels = math.prod(data.shape)
        if settings.latent > pixels:
            raise RecipeError(
                f"model.latent is {settings.latent}, but an image of {data.name} has only {pixels} pixels; "
                f"set it to at most {pixels}"
            )
        check_parts(recipe, data)

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
        z, kl = draw_and_kl(q, p)
        return Elbo(self.decode(z).log_prob(x), kl, kl_of_units(q, p) if units else None)

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [Fit(self, part("objective", recipe.objective.kind)(recipe.objective))]

    def remarks(self) -> list[str]:
        redundant = part("posterior", self.settings.posterior.kind).redundant
        sentence = redundant(self.settings.posterior, self.settings.latent)
        return [] if sentence is None else [sentence]

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
        prior = prior_words(self.settings.prior)
        if self.pseudo_inputs is None:
            reasons["pseudo_inputs"] = f"This model has no pseudo-inputs: its prior is {prior}."
        with torch.no_grad():
            if self.mixture() is None:
                reasons["components"] = f"This model's prior has no components: it is {prior}."
        if self.space.why_no_units:
            reasons["units"] = self.space.why_no_units
        if not self.likelihood.has_mean:
            reasons["mean"] = (
                "This decoder draws a picture pixel by pixel, each given those before it: its pictures are samples."
            )
        return reasons


def prior_words(settings: PartSettings) -> str:
    """The prior in a sentence: "the standard normal"."""
    named = {
        "standard": "the standard normal",
        "mixture": "a mixture of Gaussians",
        "vampprior": "a mixture of posteriors at learnt pseudo-inputs",
        "vampprior-data": "a mixture of posteriors at training images",
        "autoregressive": "a masked autoregressive flow",
        "uniform-sphere": "the uniform density on the sphere",
        "stick-breaking": "the stick-breaking (GEM) prior",
    }
    return named.get(settings.kind, f"of kind {settings.kind!r}")


def together(posterior: PartSettings, prior: PartSettings, latent: int) -> None:
    """Raise ValueError, one sentence, when these two cannot be the q(z|x) and the p(z) of one model."""
    q, p = part("posterior", posterior.kind), part("prior", prior.kind)
    q.check(posterior, latent)
    if p.on is not None and q.lives not in p.on:
        fits = [kind for kind, other in kinds("prior").items() if other.on is None or q.lives in other.on]
        raise ValueError(
            f"the prior {prior.kind!r} is a density on {_place(p.on[0])}, but the posterior {posterior.kind!r} lives "
            f"on {_place(q.lives)}; choose one of the priors {listed(fits)}"
        )
    if not p.needs_density:
        return
    if not q.has_density:
        raise ValueError(
            f"the prior {prior.kind!r} evaluates q(z|x) at any z, but the posterior {posterior.kind!r} can score "
            "only its own samples; choose another of the two"
        )
    components, most = getattr(prior, "components", 0), q.most_components
    if most is not None and components > most:
        raise ValueError(
            f"prior.components is {components}, but every component of a {posterior.kind!r} posterior is a flow that "
            f"each z is sent back through: a batch of 100 images would be {components} x 100 = {components * 100:,} "
            f"inversions in each step; set it to at most {most}"
        )


def _place(kind: str) -> str:
    return {"euclidean": "Euclidean space", "sphere": "a sphere", "simplex": "a simplex"}.get(kind, kind)


def check_parts(recipe: Recipe, data: ImageData) -> None:
    """Raise RecipeError when encoder, decoder, likelihood or prior do not fit these images."""
    settings: Any = recipe.model
    for name in ("encoder", "decoder"):
        chosen = getattr(settings, name, None)
        if chosen is not None:
            try:
                part(name, chosen.kind).check(chosen, data.shape)
            except ValueError as error:
                raise RecipeError(f"model.{name}.{error}") from None
    check_likelihood(recipe, data)
    if hasattr(settings, "prior"):
        part("prior", settings.prior.kind).check(settings.prior, data.sizes["train"])


def check_likelihood(recipe: Recipe, data: ImageData) -> None:
    """Raise RecipeError when the likelihood is not one of such images."""
    settings: Any = recipe.model
    likelihood = part("likelihood", settings.likelihood.kind)
    needs_binary = getattr(settings.likelihood, "binary", likelihood.binary)
    binary = data.kind == "binary" or recipe.data.binarisation != "none"
    named = f"model.likelihood is {settings.likelihood.kind!r}"
    if needs_binary and data.kind == "colour":
        raise RecipeError(
            f"{named}, which needs binary images, but {data.name} has colour images; choose gray or binary images"
        )
    if needs_binary and not binary:
        raise RecipeError(
            f"{named}, which needs binary images, but {data.name} is {data.kind} and data.binarisation is 'none'; "
            "set data.binarisation to 'dynamic' or 'static'"
        )
    if not needs_binary and binary and data.kind != "colour":
        raise RecipeError(
            f"{named}, which is for images of many levels, but these are binary (data.binarisation is "
            f"{recipe.data.binarisation!r}); choose 'bernoulli', or gray images with data.binarisation 'none'"
        )


class Fit(Stage):
    """The stage of a model that is trained on an objective, batch by batch."""

    def __init__(self, model: Model, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        return self.objective(self.model, x, epoch)

    def validate(self, x: Tensor) -> dict[str, float]:
        return self.objective.validate(self.model, x)

    def weight(self, epoch: int) -> float:
        return self.objective.weight(epoch)

    @property
    def settled(self) -> int:
        return self.objective.settled
