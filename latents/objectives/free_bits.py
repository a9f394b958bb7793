"""Free bits: each group of units may carry so much for nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.base import Elbo, Model
from ..parts import setting
from .annealing import Annealed

_ROWS = 2000  # validation images in one pass


class FreeBits(Annealed):
    r"""E_q[log p(x|z)] - sum_j max(lambda, KL_j), KL_j the mean over the batch of the KL of group j.

    A group is a unit where the posterior has marginals, else a layer, else all of z. Below lambda a group costs
    nothing more and gets no gradient from its KL, so nothing drives it to collapse.

    Written as KL + sum_j max(0, lambda - KL_j): the same where the groups sum to the KL, and for priors where they
    do not (a mixture's marginals) the ELBO stays what is maximised above the bound.

    Reference: Kingma et al., "Improved variational inference with inverse autoregressive flow", 2016, equation 15.
    """

    kind = "free-bits"

    class Settings(Annealed.Settings):
        free: float = setting(
            0.25, "lambda: what each unit (else layer, else all of z) may carry for nothing", unit="nats", ge=0
        )
        warm_up: int = setting(0, "the KL's weight rises linearly over so long", unit="epochs", ge=0, le=100_000)

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        elbo = model.elbo(x, units=True)
        reconstruction, kl = elbo.reconstruction.mean(), elbo.kl.mean()
        lifted = kl + self.allowance(groups(elbo).mean(0))
        return {
            "loss": self.weight(epoch) * lifted - reconstruction,
            "elbo": (reconstruction - kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
        }

    def allowance(self, kl: Tensor) -> Tensor:
        """sum_j max(0, lambda - KL_j) of the groups' mean KL `[J]`: a number, nats."""
        return (self.settings.free - kl).relu().sum()

    def validate(self, model: Model, x: Tensor) -> dict[str, float]:
        """As for the ELBO, scored by the objective itself: bits that are free at training are free here."""
        found = super().validate(model, x)
        kl = torch.cat([groups(model.elbo(part, units=True)) for part in x.split(_ROWS)]).mean(0)
        found["score"] -= float(self.allowance(kl))
        return found


def groups(elbo: Elbo) -> Tensor:
    """The KL of each group `[N, J]`: units where they are known, else layers, else the whole."""
    if elbo.kl_per_unit is not None:
        return elbo.kl_per_unit
    if elbo.kl_per_layer is not None:
        return elbo.kl_per_layer
    return elbo.kl.unsqueeze(-1)
