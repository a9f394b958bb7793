"""The largest importance weight: an objective that is no lower bound."""

from __future__ import annotations

from torch import Tensor

from ..models.base import Model
from .iwae import Importance, draw


class VRMax(Importance):
    r"""E[max_i log w_i], w_i = p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x), i = 1..k: no lower bound of log p(x).

    The Rényi bound's limit at alpha = minus infinity, estimated with k draws: at least the importance-weighted bound
    of the same draws, at most log k above it, and it can exceed log p(x). Each image trains on its best draw alone.
    Early stopping goes by the importance-weighted bound, and the column "vr_max" is not to be read as a likelihood.

    Reference: Li and Turner, "Rényi divergence variational inference", 2016, section 4.2.
    """

    kind = "vr-max"

    class Settings(Importance.Settings):
        pass

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        draws = draw(model, x, self.settings.samples)
        largest = draws.log_weights(self.weight(epoch)).amax(0)
        return {"loss": -largest.mean(), **draws.terms(), "vr_max": draws.log_weights().detach().amax(0).mean()}
