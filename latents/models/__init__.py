"""The model families, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..modules import import_all
from ..parts import part
from .base import CALLS, Elbo, Model, Picture, Stage
from .vae import VAE

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["CALLS", "VAE", "Elbo", "Model", "Picture", "Stage", "build"]

import_all(__name__, __path__)


def build(recipe: Recipe, shape: tuple[int, int, int]) -> Model:
    """The model that a recipe describes, for images (C, H, W), with fresh weights."""
    model = part("model", recipe.model.kind)(recipe.model, tuple(shape))
    model.recipe = recipe
    return model
