"""Latent-variable models whose parts can be exchanged, and what one wants to know of them.

>>> import latents
>>> model = latents.load("trained/mnist-vampprior-2d")
>>> model.sample(16).images.shape
torch.Size([16, 1, 28, 28])
"""

from __future__ import annotations

from pathlib import Path

from . import data, diagnostics, folder, recipe
from .models import Model
from .recipe import Recipe

__all__ = ["Model", "Recipe", "data", "diagnostics", "folder", "load", "recipe", "train"]


def load(path: str | Path, device: str = "cpu") -> Model:
    """A model from its folder, in eval mode. Raises FolderError with one sentence."""
    return folder.ModelFolder(path).load(device)


def train(recipe: Recipe, out: str | Path, **options) -> folder.ModelFolder:
    """Train a recipe into a folder; see `latents.training.train`."""
    from .training import train as run  # brings Fabric, which a reader of models does not need

    return run(recipe, out, **options)
