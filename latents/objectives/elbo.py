"""The evidence lower bound, with a weight on the KL."""

from __future__ import annotations

from torch import Tensor

from ..models.base import Model
from ..parts import setting
from .annealing import Annealed


class ELBO(Annealed):
    r"""E_q[log p(x|z)] - beta_t KL(q(z|x) || p(z)), beta_t = beta min(1, t / warm_up) in epoch t = 1, 2, ...

    With `cycles` above 1 the rise is repeated: cyclic annealing (see `kl_weight`).

    References: Kingma and Welling 2014; beta: Higgins et al., "beta-VAE", 2017.
    """

    kind = "elbo"

    class Settings(Annealed.Settings):
        beta: float = setting(1.0, "weight of the KL after warm-up; 1 is the ELBO", ge=0, le=1000)

    @property
    def full(self) -> float:
        return self.settings.beta

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        elbo = model.elbo(x)
        reconstruction, kl = elbo.reconstruction.mean(), elbo.kl.mean()
        return {
            "loss": self.weight(epoch) * kl - reconstruction,
            "elbo": (reconstruction - kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
        }
