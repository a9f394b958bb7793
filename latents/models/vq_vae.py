"""The vector-quantised auto-encoder: a grid of codes for each image, and a prior over such grids."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.distributions import Distribution

from .. import bodies, likelihoods
from ..code_prior import AutoregressiveCodes, CodeNetwork
from ..errors import RecipeError
from ..likelihoods import Measure
from ..networks import he_linear
from ..parts import Choice, PartSettings, part, setting
from ..spaces.codes import Codes
from ..vector_quantiser import Quantised, VectorQuantiser, perplexity
from .base import Elbo, Model, Stage
from .points import Point, check_objective
from .vae import check_parts

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

_FIRST = 1000  # training images whose vectors the first codebook is made of
_ROWS = 1000  # validation images in one pass

Side = Annotated[int, Field(ge=1, le=256)]


class VQVAE(Model):
    r"""p(x|e_z) p(z), z the codes nearest to the encoder's vectors, e_z their vectors; p(z) a PixelCNN fitted after.

    First stage, "fit": log p(x|e_z) - commitment sum |h - sg(e_z)|^2 with straight-through gradients; codes are equally
    likely then, so that the KL is h w log K. Second stage, "code prior": log p(z) of the training images' codes.
    The first codebook is made of the untrained encoder's vectors for training images, put at random ones of them and
    then at the means of their neighbours (ten rounds of k-means).

    q(z|x) is all at one z, so log p(x|z) + log p(z) at that z is a lower bound of log p(x) = log sum_z p(x|z) p(z):
    this is its ELBO and what it reports as likelihood.

    Reference: van den Oord et al., "Neural discrete representation learning", 2017.
    """

    kind = "vq-vae"
    family = "Codes"
    estimator = "bound"

    class Settings(PartSettings):
        codes: int = setting(64, "codes in the codebook, K", unit="codes", ge=2, le=2048)
        dimension: int = setting(16, "numbers of a code's vector, D", unit="numbers", ge=1, le=1024)
        grid: tuple[Side, Side] = setting((4, 4), "height and width of the grid of codes", unit="codes")
        encoder: Annotated[PartSettings, Choice("encoder")] = setting({"kind": "mlp"}, "from the image to features")
        decoder: Annotated[PartSettings, Choice("decoder")] = setting({"kind": "mlp"}, "from codes to features")
        likelihood: Annotated[PartSettings, Choice("likelihood")] = setting(
            {"kind": "bernoulli"}, "p(x|z), from the decoder's features"
        )
        commitment: float = setting(0.25, "weight of the distance from the encoder's vectors to their codes", ge=0)
        codebook: Literal["ema", "loss"] = setting(
            "ema", "how codes learn: moving averages of the vectors that fall to them, or by gradient"
        )
        decay: float = setting(0.99, "of the moving averages, for each step", gt=0, lt=1, advanced=True)
        revive: float = setting(
            0.05,
            "a code with less than this part of an equal share begins anew; 0 for never",
            ge=0,
            lt=1,
            advanced=True,
        )
        prior_epochs: int = setting(100, "passes for the prior over codes", unit="epochs", ge=1, le=100_000)
        prior_channels: int = setting(32, "of each stream of the prior's network", unit="features", ge=1, le=4096)
        prior_layers: int = setting(3, "gated layers of the prior's network", unit="layers", ge=1, le=100)
        prior_kernel: int = setting(3, "width of its convolutions, odd", unit="codes", ge=1, le=31, advanced=True)

        @field_validator("prior_kernel")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError(f"it must be odd, so that a convolution has a middle; {value} was given")
            return value

    def __init__(self, settings: VQVAE.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        size = math.prod(settings.grid)
        self.encoder: bodies.Encoder = part("encoder", settings.encoder.kind)(settings.encoder, shape)
        maps = getattr(self.encoder, "maps", None)
        self.head: nn.Module = (
            _MapsHead(maps, settings.dimension) if maps else _DenseHead(self.encoder.features, size, settings.dimension)
        )
        self.quantiser = VectorQuantiser(
            settings.codes,
            settings.dimension,
            codebook=settings.codebook,
            decay=settings.decay,
            revive=settings.revive,
        )
        self.decoder: bodies.Decoder = part("decoder", settings.decoder.kind)(
            settings.decoder, size * settings.dimension, shape
        )
        self.likelihood: likelihoods.Likelihood = part("likelihood", settings.likelihood.kind)(
            settings.likelihood, self.decoder.features, shape, self.decoder.spatial
        )
        self.code_prior = CodeNetwork(
            settings.codes, settings.grid, settings.prior_channels, settings.prior_layers, settings.prior_kernel
        )
        self.space = Codes(settings.grid, settings.codes, self.quantiser)
        self.cost = self.likelihood.cost

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        settings: Any = recipe.model
        check_parts(recipe, data)
        _check_grid(settings, data)
        images, size = data.sizes["train"], math.prod(settings.grid)
        if settings.codes > images * size:
            raise RecipeError(
                f"model.codes is {settings.codes}, but {images} training images of {size} codes each give only "
                f"{images * size} vectors to begin them at; set it to at most {images * size}"
            )
        check_objective(recipe, "a VQ-VAE has a loss of its own (model.commitment), and its q(z|x) has nothing to draw")

    # -- the calls --

    def vectors(self, x: Tensor) -> Tensor:
        """The encoder's vectors h, before quantising: `[..., h w, D]`."""
        return self.head(self.encoder(x))

    def encode(self, x: Tensor) -> Any:
        return Point(self.quantiser.nearest(self.vectors(x)).to(x.dtype))

    def decode(self, z: Tensor) -> Distribution:
        return self.decode_vectors(self.space.vectors(z))

    def decode_vectors(self, e: Tensor) -> Distribution:
        """p(x|e) for vectors `[..., h w, D]`, those of codes or not."""
        return self.likelihood(self.decoder(e.movedim(-1, -2).flatten(-2)))

    def prior(self) -> AutoregressiveCodes:
        return AutoregressiveCodes(self.code_prior)

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        """log p(x|z) + log p(z) at the image's codes z: their KL is -log p(z)."""
        z = self.encode(x).z
        return Elbo(self.decode(z).log_prob(x), -self.prior().log_prob(z))

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, samples: int = 1) -> Tensor:
        """The bound log p(x|z) + log p(z) at the image's codes, `[N]`, nats; nothing is drawn."""
        return torch.cat([self.elbo(part).value for part in x.split(_ROWS)])

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [FitCodes(self), FitCodePrior(self)]

    @torch.no_grad()
    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """The first codebook, from the vectors of random training images."""
        count = max(_FIRST, -(-self.space.codes // self.space.size))
        chosen = torch.randperm(len(images), generator=generator)[:count].to(images.device)
        self.quantiser.initialise(self.vectors(images[chosen]).flatten(0, 1), generator)

    @property
    def measure(self) -> Measure:
        return Measure(self.likelihood.measure_kind, self.recipe.data.binarisation)

    def reasons(self) -> dict[str, str]:
        reasons = {
            "units": self.space.why_no_units,
            "pseudo_inputs": "This model has no pseudo-inputs: its prior is a PixelCNN over grids of codes.",
            "components": "This model's prior has no components: it is a PixelCNN over grids of codes.",
            "prior_density": "Codes have probabilities, not a density: there is none on a plane to draw.",
        }
        if not self.likelihood.has_mean:
            reasons["mean"] = (
                "This decoder draws a picture pixel by pixel, each given those before it: its pictures are samples."
            )
        return reasons


class _DenseHead(nn.Module):
    """From features `[..., f]` to a vector for each place of the grid: `[..., h w, D]`."""

    def __init__(self, features: int, size: int, dimension: int):
        super().__init__()
        self.linear, self.parts = he_linear(features, size * dimension), (size, dimension)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features).unflatten(-1, self.parts)


class _MapsHead(nn.Module):
    """From flattened maps `[..., C h w]` to a vector for each of their places: `[..., h w, D]`."""

    def __init__(self, maps: tuple[int, int, int], dimension: int):
        super().__init__()
        self.linear, self.parts = he_linear(maps[0], dimension), (maps[0], maps[1] * maps[2])

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features.unflatten(-1, self.parts).movedim(-1, -2))


def _check_grid(settings: Any, data: ImageData) -> None:
    """Raise RecipeError when the grid has more places than pixels, or is not the one that the encoder makes."""
    (h, w), (_, height, width) = settings.grid, data.shape
    if h > height or w > width:
        raise RecipeError(
            f"model.grid is {h} x {w}, but images of {data.name} have only {height} x {width} pixels; "
            f"set it to at most [{height}, {width}]"
        )
    with torch.device("meta"):  # nothing is allocated, and no random number drawn
        maps = getattr(part("encoder", settings.encoder.kind)(settings.encoder, data.shape), "maps", None)
    if maps is not None and (found := maps[1:]) != (h, w):
        raise RecipeError(
            f"model.grid is {h} x {w}, but the encoder {settings.encoder.kind!r} makes {found[0]} x {found[1]} places "
            f"of images of {height} x {width} pixels; set it to [{found[0]}, {found[1]}]"
        )


class FitCodes(Stage):
    """Encoder, codebook and decoder, with all grids of codes equally likely."""

    def __init__(self, model: VQVAE):
        super().__init__()
        self.model = model
        self.uniform = model.space.size * math.log(model.space.codes)

    def trainable(self) -> Iterable[nn.Parameter]:
        prior = set(self.model.code_prior.parameters())
        return [parameter for parameter in self.model.parameters() if parameter not in prior]

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        quantiser, h = self.model.quantiser, self.model.vectors(x)
        quantised: Quantised = quantiser(h)
        reconstruction = self.model.decode_vectors(quantised.vectors).log_prob(x).mean()
        commitment = quantised.commitment.sum(-1).mean()
        loss = self.model.settings.commitment * commitment - reconstruction
        if not quantiser.moving:
            loss = loss + quantiser.codebook_loss(h, quantised.codes).sum(-1).mean()
        revived = quantiser.update(h, quantised.codes)
        return {
            "loss": loss,
            "elbo": reconstruction.detach() - self.uniform,
            "reconstruction": reconstruction.detach(),
            "kl": loss.new_tensor(self.uniform),
            "commitment": commitment.detach(),
            "perplexity": perplexity(quantised.codes, self.model.space.codes),
            "revived": loss.new_tensor(float(revived)),
        }

    def validate(self, x: Tensor) -> dict[str, float]:
        model, found, codes = self.model, [], []
        for part_of_x in x.split(_ROWS):
            quantised = model.quantiser(model.vectors(part_of_x))
            log_prob = model.decode_vectors(quantised.vectors).log_prob(part_of_x)
            found.append(torch.stack([log_prob, quantised.commitment.sum(-1)]))
            codes.append(quantised.codes)
        reconstruction, commitment = torch.cat(found, 1).mean(1).tolist()
        return {
            "valid_elbo": reconstruction - self.uniform,
            "valid_reconstruction": reconstruction,
            "valid_kl": self.uniform,
            "valid_commitment": commitment,
            "valid_perplexity": float(perplexity(torch.cat(codes), model.space.codes)),
            "score": reconstruction,
        }


class FitCodePrior(Stage):
    """The prior over codes, on the training images' codes; the rest of the model stays as it is."""

    name = "code prior"

    def __init__(self, model: VQVAE):
        super().__init__()
        self.model = model

    def epochs(self, training: Any) -> int:
        return self.model.settings.prior_epochs

    def trainable(self) -> Iterable[nn.Parameter]:
        return self.model.code_prior.parameters()

    def train(self, mode: bool = True) -> FitCodePrior:
        super().train(mode)
        self.model.eval()
        self.model.code_prior.train(mode)
        return self

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        with torch.no_grad():
            z = self.model.encode(x).z
            reconstruction = self.model.decode(z).log_prob(x).mean()
        kl = -self.model.prior().log_prob(z).mean()
        return {
            "loss": kl,
            "elbo": reconstruction - kl.detach(),
            "reconstruction": reconstruction,
            "kl": kl.detach(),
        }

    def validate(self, x: Tensor) -> dict[str, float]:
        elbos = [self.model.elbo(part_of_x) for part_of_x in x.split(_ROWS)]
        reconstruction = float(torch.cat([elbo.reconstruction for elbo in elbos]).mean())
        kl = float(torch.cat([elbo.kl for elbo in elbos]).mean())
        elbo = reconstruction - kl
        return {"valid_elbo": elbo, "valid_reconstruction": reconstruction, "valid_kl": kl, "score": elbo}
