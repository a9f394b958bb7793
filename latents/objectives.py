"""What training maximises."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from .models.base import Model
from .parts import Part, PartSettings, setting


class Objective(Part):
    """Called with the model, a batch and the epoch (from 1): named means over the batch, "loss" among them."""

    socket: ClassVar[str] = "objective"

    def __init__(self, settings):
        self.settings = settings

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

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        raise NotImplementedError


class ELBO(Objective):
    r"""E_q[log p(x|z)] - beta_t KL(q(z|x) || p(z)), beta_t = beta min(1, t / warm_up) in epoch t = 1, 2, ...

    References: Kingma and Welling 2014; warm-up: Sønderby et al., "Ladder variational autoencoders", 2016;
    beta: Higgins et al., "beta-VAE", 2017.
    """

    kind = "elbo"

    class Settings(PartSettings):
        beta: float = setting(1.0, "weight of the KL after warm-up; 1 is the ELBO", ge=0, le=1000)
        warm_up: int = setting(20, "the KL's weight rises linearly over so long", unit="epochs", ge=0)

    def weight(self, epoch: int) -> float:
        warm_up = self.settings.warm_up
        return self.settings.beta * (min(1.0, epoch / warm_up) if warm_up else 1.0)

    @property
    def settled(self) -> int:
        return self.settings.warm_up

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        elbo = model.elbo(x)
        reconstruction, kl = elbo.reconstruction.mean(), elbo.kl.mean()
        return {
            "loss": self.weight(epoch) * kl - reconstruction,
            "elbo": (reconstruction - kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
        }
