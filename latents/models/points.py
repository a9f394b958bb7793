"""What models share whose q(z|x) or p(x|z) is one point, and models that are not fitted on an objective."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..distributions import VectorDistribution
from ..errors import RecipeError

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe


class Point(VectorDistribution):
    """All probability at one z `[..., d]`: log q(z) = 0 there and minus infinity elsewhere.

    It has no density, so its KL to any prior with one is infinite.
    """

    arg_constraints: ClassVar = {}

    def __init__(self, z: Tensor):
        self.z = z
        super().__init__(z.shape[:-1], z.shape[-1])

    @property
    def mean(self) -> Tensor:
        return self.z

    @property
    def stddev(self) -> Tensor:
        return torch.zeros_like(self.z)

    def __getitem__(self, index: Any) -> Point:
        return Point(self.z[index])

    def detach(self) -> Point:
        return Point(self.z.detach())

    def rsample(self, sample_shape=torch.Size()) -> Tensor:
        return self.z.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.where((value == self.z).all(-1), 0.0, -torch.inf)


class PointImage(Distribution):
    """All probability at one image `[..., C, H, W]`, which is its mean and every draw of it."""

    arg_constraints: ClassVar = {}

    def __init__(self, image: Tensor):
        self.image = image
        super().__init__(image.shape[:-3], image.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.image

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.image)

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        return self.image.detach().expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """0 at the image, minus infinity elsewhere: `[...]`."""
        return torch.where((value == self.image).flatten(-3).all(-1), 0.0, -torch.inf)


def squared_error(x: Tensor, image: Tensor) -> Tensor:
    """|x - image|^2, summed over the pixels of each image: `[...]`."""
    return (x - image).square().flatten(-3).sum(-1)


def check_latent(recipe: Recipe, data: ImageData, *, noise: bool = False, images: bool = False) -> None:
    """Raise RecipeError when model.latent is more than the pixels, or the training images, can tell apart.

    Args:
        noise: whether one direction at least must be left to the noise.
        images: whether each unit is a direction in which the training images vary.
    """
    settings: Any = recipe.model
    pixels = math.prod(data.shape)
    if settings.latent > pixels - noise:
        left = " and one direction must be left to the noise" if noise else ""
        raise RecipeError(
            f"model.latent is {settings.latent}, but an image of {data.name} has only {pixels} pixels{left}; "
            f"set it to at most {pixels - noise}"
        )
    most = data.sizes["train"] - 1
    if images and settings.latent > most:
        raise RecipeError(
            f"model.latent is {settings.latent}, but {most + 1} training images vary in only {most} directions around "
            f"their mean; set it to at most {most}, or take a data set with more images"
        )


def check_objective(recipe: Recipe, why: str) -> None:
    """Raise RecipeError when another objective than the default was chosen for a model that uses none."""
    if recipe.objective.kind != "elbo":
        raise RecipeError(f"objective is {recipe.objective.kind!r}, but {why}; leave objective at 'elbo'")
