"""The hierarchical variational auto-encoder: layers of latent vectors, one above the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.distributions import kl_divergence
from torch.nn import functional

from .. import bodies, likelihoods, posteriors, priors
from ..bodies.mlp import Width
from ..distributions import DiagonalGaussian, Mixture, draw_and_kl
from ..errors import RecipeError
from ..layered import LayeredPosterior, LayeredPrior
from ..networks import GatedLinear, concatenate, he_linear
from ..parts import Choice, PartSettings, part, setting
from ..posteriors.gaussian import LOG_VARIANCE_BOUNDS
from ..randomness import seeded
from ..spaces import Euclidean, Space
from ..spaces.layers import Layers
from .base import Elbo, Model
from .units import kl_of_units
from .vae import VAE, check_parts, together

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

Size = Annotated[int, Field(ge=1, le=4096)]


class Hierarchical(VAE):
    r"""p(z_1) prod_l p(z_l | above) p(x | z) with q(z_1|x) prod_l q(z_l | x, above): latent vectors in layers.

    The top layer, z_1 here, has any posterior and any prior. The lower ones are diagonal Gaussians given all layers
    above them, in q of the image too; p(x|z) sees all layers. With two layers of 40 units and the sizes as they are
    it is the paper's HVAE, whose z2 is the top and z1 the layer below.

    Reference: Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 3 (arXiv 1705.07120).
    """

    kind = "hierarchical"
    family = "Hierarchies"

    class Settings(PartSettings):
        layers: tuple[Size, ...] = setting(
            (40, 40), "size of each layer of z, the top first", unit="units", min_length=2, max_length=16
        )
        encoder: Annotated[PartSettings, Choice("encoder")] = setting(
            {"kind": "mlp"}, "from the image to features for the top layer"
        )
        posterior: Annotated[PartSettings, Choice("posterior")] = setting(
            {"kind": "gaussian"}, "q of the top layer given x, from the encoder's features"
        )
        prior: Annotated[PartSettings, Choice("prior")] = setting({"kind": "standard"}, "p of the top layer")
        below: Annotated[PartSettings, Choice("encoder")] = setting(
            {"kind": "mlp", "hidden": [300]}, "from the image to features for the layers below the top"
        )
        hidden: Width = setting(300, "width of the gated layers over z", unit="features")
        decoder: Annotated[PartSettings, Choice("decoder")] = setting(
            {"kind": "mlp", "hidden": [300]}, "from a gated layer over each layer of z, joined, to features"
        )
        likelihood: Annotated[PartSettings, Choice("likelihood")] = setting(
            {"kind": "bernoulli"}, "p(x|z), from the decoder's features"
        )

        @property
        def latent(self) -> int:
            """Units of all layers."""
            return sum(self.layers)

        @model_validator(mode="after")
        def _fit_together(self):
            try:
                together(self.posterior, self.prior, self.layers[0])
            except ValueError as error:
                raise ValueError(_of_the_top(error)) from None
            return self

    def __init__(self, settings: Hierarchical.Settings, shape: tuple[int, int, int]):
        Model.__init__(self, settings, shape)
        top, *lower = settings.layers
        self.encoder: bodies.Encoder = part("encoder", settings.encoder.kind)(settings.encoder, shape)
        self.posterior: posteriors.Posterior = part("posterior", settings.posterior.kind)(
            settings.posterior, self.encoder.features, top
        )
        spaces: list[Space] = [self.posterior.space, *map(Euclidean, lower)]
        self.space = Layers(tuple(spaces))
        sizes, hidden = self.space.sizes, settings.hidden
        above = [sum(sizes[:place]) for place in range(1, len(sizes))]  # numbers that a lower layer is given
        self.below: bodies.Encoder = part("encoder", settings.below.kind)(settings.below, shape)
        self.lower_posteriors = nn.ModuleList(
            PosteriorLayer(given, self.below.features, hidden, size) for given, size in zip(above, lower, strict=True)
        )
        self.lower_priors = nn.ModuleList(
            PriorLayer(given, hidden, size) for given, size in zip(above, lower, strict=True)
        )
        self.latent_prior: priors.Prior = part("prior", settings.prior.kind)(settings.prior, top, shape)
        self.decoder = JoinedDecoder(settings.decoder, sizes, hidden, shape)
        self.likelihood: likelihoods.Likelihood = part("likelihood", settings.likelihood.kind)(
            settings.likelihood, self.decoder.features, shape, self.decoder.spatial
        )
        self.cost = max(self.likelihood.cost, self.decoder.features if self.decoder.spatial else 1)

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        settings: Any = recipe.model
        pixels = math.prod(data.shape)
        for place, size in enumerate(settings.layers):
            if size > pixels:
                raise RecipeError(
                    f"model.layers.{place} is {size}, but an image of {data.name} has only {pixels} pixels; "
                    f"set it to at most {pixels}"
                )
        try:
            part("encoder", settings.below.kind).check(settings.below, data.shape)
        except ValueError as error:
            raise RecipeError(f"model.below.{error}") from None
        check_parts(recipe, data)

    # -- the chains --

    def encode(self, x: Tensor) -> Any:
        return self._chain(self.posterior(self.encoder(x)), x)

    def prior(self) -> LayeredPrior:
        inputs = self.latent_prior.inputs()
        return self._prior(None if inputs is None else self.posterior(self.encoder(inputs)))

    def encode_with_prior(self, x: Tensor) -> tuple[Any, LayeredPrior]:
        inputs = self.latent_prior.inputs()
        both = self.posterior(self.encoder(concatenate(x, inputs)))
        if inputs is None:
            return self._chain(both, x), self._prior(None)
        return self._chain(both[: len(x)], x), self._prior(both[len(x) :])

    def _chain(self, top: Any, x: Tensor) -> LayeredPosterior:
        return LayeredPosterior(top, self.lower_posteriors, self.below(x), self.space.sizes)

    def _prior(self, components: Any) -> LayeredPrior:
        return LayeredPrior(self.latent_prior(components), self.lower_priors, self.space.sizes)

    def mixture(self) -> Mixture | None:
        top = self.prior().top
        return top if isinstance(top, Mixture) else None

    def complete(self, z_top: Tensor, seed: int | None = None) -> Tensor:
        """A whole z `[..., size]` from its top layer `[..., top]`, the lower ones drawn from the prior."""
        with torch.no_grad(), seeded(seed, z_top.device):
            return self.prior().complete(z_top)

    # -- the bound --

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        """KLs of the lower layers are exact given one draw of the layers above them."""
        q, p = self.encode_with_prior(x)
        z, kl_per_layer, kl_per_unit = self._descend(q, p, units)
        return Elbo(self.decode(z).log_prob(x), kl_per_layer.sum(-1), kl_per_unit, kl_per_layer)

    def unit_kl(self, x: Tensor) -> Tensor | None:
        """Of the top as in a VAE; below it KL(q(z_u | x, above) || p(z_u | above)) at one draw of the layers above."""
        return self._descend(*self.encode_with_prior(x), units=True)[2]

    def _descend(self, q: LayeredPosterior, p: LayeredPrior, units: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """A draw z `[N, size]` down the chain, with the KL of each layer `[N, layers]` and of each unit `[N, size]`."""
        z, kl = draw_and_kl(q.top, p.top)
        of_layers, of_units = [kl], [kl_of_units(q.top, p.top) if units else None]
        for place in range(1, len(q.sizes)):
            mine, expected = q.layer(place, z), p.layer(place, z)
            of_layers.append(kl_divergence(mine, expected))
            of_units.append(kl_of_units(mine, expected) if units else None)
            z = torch.cat([z, mine.rsample()], -1)
        known = [value for value in of_units if value is not None]
        return z, torch.stack(of_layers, -1), torch.cat(known, -1) if len(known) == len(of_units) else None

    def remarks(self) -> list[str]:
        redundant = part("posterior", self.settings.posterior.kind).redundant
        sentence = redundant(self.settings.posterior, self.settings.layers[0])
        return [] if sentence is None else [_of_the_top(sentence)]


def _of_the_top(sentence: Any) -> str:
    """What a posterior says of its size, with the field that the size of the top layer has here."""
    return str(sentence).replace("model.latent", "the first of model.layers")


class GaussianHead(nn.Module):
    """N(mu(h), diag(sigma^2(h))), both linear in the features, in one product; log sigma^2 clipped to [-6, 2]."""

    def __init__(self, features: int, size: int):
        super().__init__()
        self.both = he_linear(features, 2 * size)

    def forward(self, h: Tensor) -> DiagonalGaussian:
        mean, log_variance = self.both(h).chunk(2, -1)
        return DiagonalGaussian(mean, functional.hardtanh(log_variance, *LOG_VARIANCE_BOUNDS))


class PriorLayer(nn.Module):
    """p(z_l | above): two gated layers over all that is above, and a Gaussian head."""

    def __init__(self, above: int, hidden: int, size: int):
        super().__init__()
        self.body = nn.Sequential(GatedLinear(above, hidden), GatedLinear(hidden, hidden))
        self.head = GaussianHead(hidden, size)

    def forward(self, above: Tensor) -> DiagonalGaussian:
        return self.head(self.body(above))


class PosteriorLayer(nn.Module):
    """q(z_l | x, above): a gated layer over what is above, joined with the image's features, and a Gaussian head."""

    def __init__(self, above: int, features: int, hidden: int, size: int):
        super().__init__()
        self.body = GatedLinear(above, hidden)
        self.joined = GatedLinear(features + hidden, hidden)
        self.head = GaussianHead(hidden, size)

    def forward(self, above: Tensor, features: Tensor) -> DiagonalGaussian:
        """`above [..., N, sizes]` and the image's `features [N, f]`."""
        h = self.body(above)
        if h.shape[:-1] == features.shape[:-1]:
            return self.head(self.joined(torch.cat([features, h], -1)))
        # Many draws for each image: the product with its features is taken once.
        of_image, of_above = self.joined.both.weight.split([features.shape[-1], h.shape[-1]], -1)
        both = functional.linear(h, of_above, self.joined.both.bias) + functional.linear(features, of_image)
        return self.head(functional.glu(both, -1))


class JoinedDecoder(bodies.Decoder):
    """[G(z_1), ..., G(z_L)] joined, then the decoder of the recipe: G is a gated layer of its own for each layer."""

    def __init__(self, settings: PartSettings, sizes: tuple[int, ...], hidden: int, shape: tuple[int, int, int]):
        super().__init__(settings, sum(sizes), shape)
        self.sizes = sizes
        self.layers = nn.ModuleList(GatedLinear(size, hidden) for size in sizes)
        self.body: bodies.Decoder = part("decoder", settings.kind)(settings, len(sizes) * hidden, shape)
        self.features, self.spatial = self.body.features, self.body.spatial

    def forward(self, z: Tensor) -> Tensor:
        of_layers = [layer(part) for layer, part in zip(self.layers, z.split(self.sizes, -1), strict=True)]
        return self.body(torch.cat(of_layers, -1))
