"""What every posterior answers."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from ..parts import Part
from ..spaces import Space


class Posterior(Part, nn.Module):
    """The head of an encoder: `forward(features [N, f])` returns q(z|x), a `VectorDistribution`.

    Attributes:
        space: where z lives.
        lives: the kind of that space, known before a model is built: a prior must be a density on it.
        has_density: whether q(z|x) can be evaluated at any given z, which a VampPrior needs.
        most_components: the largest VampPrior whose components can be evaluated in a training step; None: any.
    """

    socket: ClassVar[str] = "posterior"
    lives: ClassVar[str] = "euclidean"
    has_density: ClassVar[bool] = True
    most_components: ClassVar[int | None] = None
    space: Space

    def __init__(self, settings, features: int, latent: int):
        super().__init__()

    @classmethod
    def check(cls, settings, latent: int) -> None:
        """Raise ValueError (one sentence: field, value, bound) when it cannot be built over so many dimensions."""

    @classmethod
    def redundant(cls, settings, latent: int) -> str | None:
        """One sentence on what is allowed but does nothing, or None."""
        return None

    def forward(self, features: Tensor) -> Any:
        raise NotImplementedError
