"""Autoregressive models on images: no latent variables, an exact likelihood, samples number by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..errors import RecipeError
from ..likelihoods import Measure
from ..masked import OUTPUTS, AutoregressiveImage, CausalNetwork
from ..masked.sequences import CausalConvolution, FiniteMemory, Recurrent
from ..parts import PartSettings, setting
from ..randomness import seeded
from .base import Model, Picture, Stage

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

Width = Annotated[int, Field(ge=1, le=65_536)]


class AutoregressiveModel(Model):
    r"""p(x) = prod_i p(x_i | x_1, ..., x_{i-1}), rows from the top, pixels from the left, colours as they come."""

    family = "Autoregressive models"
    estimator = "exact"
    space = None
    network: CausalNetwork  # given by a kind

    class Settings(PartSettings):
        output: Literal["bernoulli", "categorical", "logistic"] = setting(
            "bernoulli", "each pixel's own distribution: binary; or over 256 levels, any or a discretised logistic"
        )
        place: bool = setting(True, "whether the network is told each pixel's place, by a bias that is learnt for it")

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        output = getattr(recipe.model, "output", "bernoulli")
        drawn = recipe.data.binarisation
        binary = data.kind == "binary" or (drawn != "none" and data.kind != "colour")
        if OUTPUTS[output].binary and not binary:
            how = (
                "choose 'categorical' or 'logistic'"
                if data.kind == "colour"
                else "set data.binarisation to 'dynamic' or 'static', or choose 'categorical' or 'logistic'"
            )
            raise RecipeError(
                f"model.output is {output!r}, which needs binary images, but {data.name} is {data.kind} and "
                f"data.binarisation is {drawn!r}; {how}"
            )
        if not OUTPUTS[output].binary and binary:
            raise RecipeError(
                f"model.output is {output!r}, which is for images of many levels, but these are binary "
                f"(data.binarisation is {drawn!r}); choose 'bernoulli', or gray images with data.binarisation 'none'"
            )
        if recipe.objective.kind != "elbo":
            raise RecipeError(
                f"objective is {recipe.objective.kind!r}, but a model without latent variables is trained on its exact "
                "likelihood, which is its ELBO; leave objective at 'elbo'"
            )

    def distribution(self) -> AutoregressiveImage:
        """p(x), event shape (C, H, W)."""
        return AutoregressiveImage(self.network)

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, samples: int = 1) -> Tensor:
        """log p(x) of each image, `[N]`, nats; exact, so `samples` changes nothing."""
        return self.distribution().log_prob(x)

    @torch.no_grad()
    def sample(
        self, n: int, seed: int | None = None, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> Picture:
        """`n` draws. `progress` is called after each row of pixels, with the rows done and their number."""
        with seeded(seed, self.device):
            return Picture(self.distribution().sample((n,), progress=progress), "sample")

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [FitLikelihood(self)]

    @property
    def measure(self) -> Measure:
        return Measure("discrete", self.recipe.data.binarisation)

    def reasons(self) -> dict[str, str]:
        has_none = "An autoregressive model has no latent variables, so"
        return {
            "encode": f"{has_none} there is nothing to encode an image to.",
            "decode": f"{has_none} there is nothing to decode: each pixel depends on the pixels before it.",
            "reconstruct": f"{has_none} an image cannot go through them and back.",
            "draw": f"{has_none} there is no p(x|z) to draw from; whole images are drawn from p(x).",
            "mean": "This model draws a picture pixel by pixel, each given those before it: its pictures are samples.",
            "elbo": f"{has_none} there is no bound: its log-likelihood is exact.",
            "units": f"{has_none} it has no units that could be active.",
            "pseudo_inputs": f"{has_none} there is no prior over them that could have pseudo-inputs.",
            "components": f"{has_none} there is no prior over them that could have components.",
            "prior_density": f"{has_none} there is no prior over them whose density could be drawn.",
        }


class FitLikelihood(Stage):
    """Training on the exact log-likelihood."""

    def __init__(self, model: AutoregressiveModel):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        found = self.model.distribution().log_prob(x).mean()
        return {"loss": -found, "log_likelihood": found.detach()}

    def validate(self, x: Tensor) -> dict[str, float]:
        found = float(self.model.log_likelihood(x).mean())
        return {"valid_log_likelihood": found, "score": found}


class FiniteMemoryModel(AutoregressiveModel):
    """Each pixel from the last M: p(x) = prod_i p(x_i | x_{i-M}, ..., x_{i-1}), by one gated MLP for all places."""

    kind = "finite-memory"

    class Settings(AutoregressiveModel.Settings):
        memory: int = setting(16, "how many numbers back a pixel looks, M", unit="numbers", ge=1, le=4096)
        hidden: tuple[Width, ...] = setting((128, 128), "width of each gated layer", unit="features", min_length=1)

    def __init__(self, settings: Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        output = OUTPUTS[settings.output]
        self.network = FiniteMemory(shape, output, settings.place, settings.memory, settings.hidden)

    def remarks(self) -> list[str]:
        memory, most = self.settings.memory, math.prod(self.shape) - 1
        if memory <= most:
            return []
        return [
            f"model.memory is {memory}, but the last of an image's {most + 1} numbers has only {most} before it: "
            f"what is more than {most} stays unused."
        ]


class RecurrentModel(AutoregressiveModel):
    """Each pixel from a state that has read all before: h_i = GRU(h_{i-1}, x_{i-1}), p(x) = prod_i p(x_i | h_i)."""

    kind = "recurrent"

    class Settings(AutoregressiveModel.Settings):
        cell: Literal["gru", "lstm"] = setting("gru", "how the state is updated")
        hidden: int = setting(128, "size of each layer's state", unit="features", ge=1, le=8192)
        layers: int = setting(1, "recurrent layers, each above the other", unit="layers", ge=1, le=10)

    def __init__(self, settings: Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        output = OUTPUTS[settings.output]
        self.network = Recurrent(shape, output, settings.place, settings.cell, settings.hidden, settings.layers)


class CausalConvolutionModel(AutoregressiveModel):
    """Each pixel from dilated convolutions over those before it: p(x) = prod_i p(x_i | f(x_{i-R}, ..., x_{i-1}))."""

    kind = "causal-convolution"

    class Settings(AutoregressiveModel.Settings):
        channels: int = setting(32, "features of each layer", unit="features", ge=1, le=4096)
        layers: int = setting(5, "layers; their taps are 1, 2, 4, ... apart", unit="layers", ge=1, le=16)
        kernel: int = setting(3, "taps of each convolution", unit="taps", ge=2, le=64)

    def __init__(self, settings: Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        self.network = CausalConvolution(
            shape,
            OUTPUTS[settings.output],
            settings.place,
            settings.channels,
            settings.layers,
            settings.kernel,
        )
