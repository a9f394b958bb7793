"""Latent-variable models whose parts can be exchanged, and what one wants to know of them.

>>> import latents
>>> model = latents.load("trained/mnist-vampprior-2d")
>>> model.sample(16).images.shape
torch.Size([16, 1, 28, 28])

Names are imported when they are first used: looking after runs needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import data, diagnostics, folder, recipe
    from .models import Model
    from .recipe import Recipe

__all__ = ["Model", "Recipe", "data", "diagnostics", "folder", "load", "recipe", "train"]

_HOMES = {"Model": "models", "Recipe": "recipe"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(path: str | Path, device: str = "cpu") -> Model:
    """A model from its folder, in eval mode. Raises FolderError with one sentence."""
    from .folder import ModelFolder

    return ModelFolder(path).load(device)


def train(recipe: Recipe, out: str | Path, **options) -> folder.ModelFolder:
    """Train a recipe into a folder; see `latents.training.train`."""
    from .training import train as run  # brings Fabric, which a reader of models does not need

    return run(recipe, out, **options)
