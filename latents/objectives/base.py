"""What every objective answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ..models.base import Model
from ..parts import Part

if TYPE_CHECKING:
    from ..recipe import Recipe

_ROWS = 2000  # validation images in one pass


class Objective(Part):
    """Called with the model, a batch and the epoch (from 1): named means over the batch, "loss" among them."""

    socket: ClassVar[str] = "objective"

    def __init__(self, settings):
        self.settings = settings

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Raise RecipeError when it cannot train such a model."""

    def weight(self, epoch: int) -> float:
        """The weight of the KL term in this epoch."""
        return 1.0

    @property
    def settled(self) -> int:
        """The last epoch in which the objective still changes: early stopping counts from there."""
        return 0

    def score(self, reconstruction: float, kl: float) -> float:
        """What early stopping and the best epoch go by: the settled objective, on validation images."""
        return reconstruction - self.weight(max(1, self.settled)) * kl

    def validate(self, model: Model, x: Tensor) -> dict[str, float]:
        """Numbers on validation images: columns of the history, and "score"."""
        elbos = [model.elbo(part) for part in x.split(_ROWS)]
        reconstruction = float(torch.cat([elbo.reconstruction for elbo in elbos]).mean())
        kl = float(torch.cat([elbo.kl for elbo in elbos]).mean())
        found = {
            "valid_elbo": reconstruction - kl,
            "valid_reconstruction": reconstruction,
            "valid_kl": kl,
            "score": self.score(reconstruction, kl),
        }
        layers = [elbo.kl_per_layer for elbo in elbos if elbo.kl_per_layer is not None]
        if layers:
            found |= {f"valid_kl_layer_{i}": float(value) for i, value in enumerate(torch.cat(layers).mean(0))}
        return found

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        raise NotImplementedError
