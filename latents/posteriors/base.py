"""What every posterior answers."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from ..parts import Part
from ..spaces import Space


class Posterior(Part, nn.Module):
    """The head of an encoder: `forward(features [N, f])` returns q(z|x) with `rsample_and_log_prob`.

    Attributes:
        space: where z lives.
        has_density: whether q(z|x) can be evaluated at any given z, which a VampPrior needs.
    """

    socket: ClassVar[str] = "posterior"
    has_density: ClassVar[bool] = True
    space: Space

    def forward(self, features: Tensor) -> Distribution:
        raise NotImplementedError
