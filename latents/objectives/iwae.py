"""The importance-weighted bound, and its two gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import RecipeError
from ..models.base import Model
from ..parts import part, setting
from .annealing import Annealed

if TYPE_CHECKING:
    from ..recipe import Recipe


class Draws(NamedTuple):
    """k draws z ~ q(z|x) for each image, `[k, N]` each, nats: log p(x|z), and log q(z|x) - log p(z)."""

    reconstruction: Tensor
    kl: Tensor

    def log_weights(self, beta: float = 1.0) -> Tensor:
        """log w = log p(x|z) + beta (log p(z) - log q(z|x)): as `Model.log_weights`."""
        return self.reconstruction - beta * self.kl

    def terms(self) -> dict[str, Tensor]:
        """The history's columns that do not depend on how the draws are reduced."""
        return {
            "elbo": self.log_weights().detach().mean(),
            "reconstruction": self.reconstruction.detach().mean(),
            "kl": self.kl.detach().mean(),
            "iwae": importance_bound(self.log_weights().detach()).mean(),
        }


def draw(model: Model, x: Tensor, samples: int) -> Draws:
    """`samples` draws with their gradients; all are decoded in one pass."""
    q, p = model.encode_with_prior(x)
    z, log_q = q.rsample_and_log_prob((samples,))
    return Draws(model.decode(z).log_prob(x), log_q - p.log_prob(z))


def draw_doubly(model: Model, x: Tensor, samples: int, beta: float) -> Draws:
    r"""As `draw`, with gradients such that those of -log mean_i w_i are doubly reparameterised.

    The parameters of q get none from log q(z|x) itself, only by way of z, whose gradient is multiplied by the share
    s_i = w_i / sum_j w_j: so it counts s_i^2 instead of s_i. At a weight `beta` of the KL below 1 the factor is
    1 - beta (1 - s_i). A VampPrior's components keep their own gradient.

    Reference: Tucker et al., "Doubly reparameterized gradient estimators", 2019, equation 8.
    """
    q, p = model.encode_with_prior(x)
    drawn = q.rsample((samples,))
    z = drawn.view_as(drawn)  # so that the factor is for what is computed from z here, and for nothing inside q
    draws = Draws(model.decode(z).log_prob(x), q.detach().log_prob(z) - p.log_prob(z))
    shares = torch.softmax(draws.log_weights(beta).detach(), 0)
    factor = (1 - beta * (1 - shares)).unsqueeze(-1)
    if z.requires_grad:
        z.register_hook(lambda gradient: gradient * factor)
    return draws


def importance_bound(log_weights: Tensor) -> Tensor:
    """log 1/k sum_i w_i of log weights `[k, N]`: `[N]`, nats."""
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


class Importance(Annealed):
    """An objective made of k draws for each image, scored by the importance-weighted bound on validation images."""

    class Settings(Annealed.Settings):
        samples: int = setting(10, "draws of z for each image and step, k", unit="draws", ge=1, le=10_000)

    def validate(self, model: Model, x: Tensor) -> dict[str, float]:
        """The columns of the ELBO and the importance-weighted bound, which is the score."""
        found = super().validate(model, x)
        rows = max(1, 2000 // self.settings.samples)
        bounds = [importance_bound(model.log_weights(part, self.settings.samples)) for part in x.split(rows)]
        iwae = float(torch.cat(bounds).mean())
        return found | {"valid_iwae": iwae, "score": iwae}


class IWAE(Importance):
    r"""E[log 1/k sum_i w_i], w_i = p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x): a bound that rises with k to log p(x).

    One draw is the ELBO. During warm-up w_i = p(x|z_i) (p(z_i) / q(z_i|x))^beta. The standard gradient of the encoder
    gets noisier the larger k; the doubly reparameterised one has the same mean and does not.

    References: Burda et al., "Importance weighted autoencoders", 2016, equation 8; Tucker et al., "Doubly
    reparameterized gradient estimators for Monte Carlo objectives", 2019.
    """

    kind = "iwae"

    class Settings(Importance.Settings):
        gradient: Literal["standard", "doubly-reparameterised"] = setting(
            "standard", "of the encoder: of the bound as it stands, or with the score of q(z|x) taken out"
        )

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Raise RecipeError when the posterior cannot be scored at a given z, which one of the gradients needs."""
        settings: Any = recipe.objective
        kinds = [recipe.model.posterior] if hasattr(recipe.model, "posterior") else []
        for posterior in kinds:
            if settings.gradient != "standard" and not part("posterior", posterior.kind).has_density:
                raise RecipeError(_sentence(f"the posterior {posterior.kind!r} can score only its own samples"))

    def __call__(self, model: Model, x: Tensor, epoch: int) -> dict[str, Tensor]:
        samples, beta = self.settings.samples, self.weight(epoch)
        if self.settings.gradient == "standard":
            draws = draw(model, x, samples)
        else:
            try:
                draws = draw_doubly(model, x, samples, beta)
            except NotImplementedError as error:
                raise RecipeError(_sentence(str(error) or "this model's q(z|x) cannot be scored so")) from None
        return {"loss": -importance_bound(draws.log_weights(beta)).mean(), **draws.terms()}


def _sentence(reason: str) -> str:
    return (
        "objective.gradient is 'doubly-reparameterised', which scores q(z|x) at given z with its parameters held, but "
        f"{reason.rstrip('.')}; set it to 'standard'"
    )
