"""What every prior answers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..parts import Part


class Prior(Part, nn.Module):
    """p(z), as a module whose call returns a distribution.

    A prior made of encoded images (a VampPrior) gives those images in `inputs`; the model encodes them in the
    same pass as its batch and hands the posteriors to `forward`. Others get None.
    """

    socket: ClassVar[str] = "prior"
    on: ClassVar[tuple[str, ...] | None] = ("euclidean",)  # kinds of space it is a density on; None: any
    needs_density: ClassVar[bool] = False  # of the posterior, at any z

    def __init__(self, settings, latent: int, shape: tuple[int, int, int]):
        super().__init__()

    @classmethod
    def check(cls, settings, images: int) -> None:
        """Raise RecipeError when these settings do not fit so many training images."""

    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """Start from training images `[N, C, H, W]`; most priors start from their settings alone."""

    def inputs(self) -> Tensor | None:
        """Images `[K, C, H, W]` in [0, 1] to be encoded, or None."""
        return None

    def forward(self, components: Any = None) -> Distribution:
        """p(z), given q(z|u) of the `inputs` (None where there are none)."""
        raise NotImplementedError
