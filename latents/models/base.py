"""What every model answers, so that nothing above it needs to know its family."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..distributions import Mixture
from ..likelihoods import Measure
from ..parts import Part
from ..randomness import seeded
from .units import kl_of_units

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

CALLS = (
    "encode",  # q(z|x)
    "decode",  # p(x|z)
    "reconstruct",  # pictures of images, by way of z
    "sample",  # pictures from the prior
    "draw",  # every pixel drawn from p(x|z)
    "mean",  # a mean picture that costs one pass
    "elbo",
    "log_likelihood",
    "units",  # coordinates of z that carry information, or not
    "pseudo_inputs",
    "components",  # of a mixture prior
    "prior_density",  # log p(z) at any z
)

# Decoded pixels that exist at a time while a likelihood is estimated: 2 MB in float32, a processor core's cache;
# 64 MB elsewhere, where few large passes are faster.
_PIXELS, _PIXELS_ELSEWHERE = 1 << 19, 1 << 24
_ENCODED = 1000  # images encoded at a time, then


class Posterior(Protocol):
    """q(z|x) of a batch: a distribution that draws and scores in one go."""

    def rsample_and_log_prob(self, shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]: ...

    def detach(self) -> Any: ...

    def __getitem__(self, index: Any) -> Any: ...

    def __getattr__(self, name: str) -> Any: ...


@dataclass(frozen=True)
class Picture:
    """Images to show, `[N, C, H, W]` in [0, 1], and what they are."""

    images: Tensor
    kind: Literal["mean", "sample"]


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound of each image, in nats: `value = reconstruction - kl`.

    Attributes:
        reconstruction: E_q[log p(x|z)], `[N]`.
        kl: KL(q(z|x) || p(z)), `[N]`.
        kl_per_unit: KL(q(z_u|x) || p(z_u)) with the prior's marginals, `[N, units]`; None where not asked for
            or where q has no marginals. It sums to `kl` only for factorised priors.
        kl_per_layer: of a hierarchy, `[N, layers]`, top first, summing to `kl`; None elsewhere.
    """

    reconstruction: Tensor
    kl: Tensor
    kl_per_unit: Tensor | None = None
    kl_per_layer: Tensor | None = None

    @property
    def value(self) -> Tensor:
        return self.reconstruction - self.kl


class Stage(nn.Module):
    """One stage of fitting. Stages run one after another, each with its own optimiser.

    A stage with gradients gives `forward(x, epoch)`: named means over a batch, "loss" among them. A `closed` stage
    gives `fit(x, epoch)` instead, called once an epoch with all training images. The names are columns of the history.
    Epochs count from 1 within the stage.
    """

    name: str = "fit"
    closed: bool = False

    def epochs(self, training: Any) -> int:
        """How many epochs at most, for these settings of the loop."""
        return training.epochs

    def trainable(self) -> Iterable[nn.Parameter]:
        """What the optimiser moves."""
        return self.parameters()

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        raise NotImplementedError

    def fit(self, x: Tensor, epoch: int) -> dict[str, float]:
        raise NotImplementedError

    def validate(self, x: Tensor) -> dict[str, float]:
        """Numbers on the validation images: columns of the history, and "score", by which the best epoch is kept."""
        raise NotImplementedError

    def weight(self, epoch: int) -> float | None:
        """The weight of the KL in this epoch; None where there is none."""
        return None

    @property
    def settled(self) -> int:
        """The last epoch in which what is optimised still changes: scores count from there."""
        return 0


class Model(Part, nn.Module):
    """p(z) p(x|z) with q(z|x). Subclasses give the parts; what is built from them is written here once."""

    socket: ClassVar[str] = "model"
    family: ClassVar[str] = "Other models"  # the heading under which it is listed
    takes_objective: ClassVar[bool] = False  # whether it is trained on the recipe's objective, or on a loss of its own
    estimator: ClassVar[Literal["importance", "exact", "bound"] | None] = "importance"
    recipe: Recipe
    space: Any  # a Space; None for a model without latents
    shape: tuple[int, int, int]
    cost: int = 1  # floats that scoring one pixel holds
    _reasons: dict[str, str] | None = None

    def __init__(self, settings, shape: tuple[int, int, int]):
        super().__init__()
        self.settings, self.shape = settings, shape

    # -- to be given by a family --

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        """Raise RecipeError when the recipe cannot work on these images."""

    def encode(self, x: Tensor) -> Posterior:
        """q(z|x) for images `[N, C, H, W]` in [0, 1]."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z) for `z [..., size]`, event shape (C, H, W)."""
        raise NotImplementedError

    def prior(self) -> Distribution:
        """p(z)."""
        raise NotImplementedError

    def encode_with_prior(self, x: Tensor) -> tuple[Posterior, Distribution]:
        """q(z|x) and p(z). A prior made of encoded images shares the pass."""
        return self.encode(x), self.prior()

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        """One-sample ELBO of each image; `units=True` adds the KL of each unit."""
        raise NotImplementedError

    def stages(self, recipe: Recipe) -> list[Stage]:
        """The stages of fitting, in order."""
        raise NotImplementedError

    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """Start from training images, before the first stage."""

    @property
    def measure(self) -> Measure | None:
        """What this model's likelihoods are likelihoods of."""
        raise NotImplementedError

    @property
    def pseudo_inputs(self) -> Tensor | None:
        """`[K, C, H, W]` in [0, 1], or None."""
        return None

    def unit_kl(self, x: Tensor) -> Tensor | None:
        """KL(q(z_u|x) || p(z_u)) of each image and unit, `[N, d]`, nats; None without marginals."""
        return kl_of_units(*self.encode_with_prior(x))

    def remarks(self) -> list[str]:
        """Sentences on what is odd about this recipe, though it works: for the log and the card."""
        return []

    def mixture(self) -> Mixture | None:
        """The prior as a mixture (in a hierarchy, that of the top layer); None where it is none."""
        p = self.prior()
        return p if isinstance(p, Mixture) else None

    def reasons(self) -> dict[str, str]:
        """For each of `CALLS` that this model does not answer, one sentence that says why."""
        return {}

    # -- the same for all --

    def why_not(self, call: str) -> str | None:
        """None when the model answers `call`, else one sentence for the page."""
        if call not in CALLS:
            raise ValueError(f"why_not knows {', '.join(CALLS)}; got {call!r}")
        if self._reasons is None:  # they follow from the recipe, and may cost a pass over all pseudo-inputs
            self._reasons = self.reasons()
        return self._reasons.get(call)

    @property
    def device(self) -> torch.device:
        return next(chain(self.parameters(), self.buffers())).device

    def log_weights(self, x: Tensor, samples: int, beta: float = 1.0) -> Tensor:
        """log p(x|z) + beta (log p(z) - log q(z|x)) at `samples` draws z ~ q(z|x): `[samples, N]`, nats.

        ELBO, IWAE and importance sampling are reductions of it over the samples. Each image is encoded once and
        the prior's components are computed once. Without gradients, decoding goes in chunks of bounded memory.
        """
        q, p = self.encode_with_prior(x)
        if torch.is_grad_enabled():
            z, log_q = q.rsample_and_log_prob((samples,))
            return self.decode(z).log_prob(x) + beta * (p.log_prob(z) - log_q)
        return self._weights(q, p, x, samples, beta)

    def _weights(self, q: Posterior, p: Distribution, x: Tensor, samples: int, beta: float = 1.0) -> Tensor:
        # Filled in place: small results kept between the large passes would pin the memory that those give back.
        found, together = x.new_empty(samples, len(x)), max(1, self._rows(x) // len(x))
        for start in range(0, samples, together):
            z, log_q = q.rsample_and_log_prob((min(together, samples - start),))
            found[start : start + together] = self.decode(z).log_prob(x) + beta * (p.log_prob(z) - log_q)
        return found

    def _rows(self, x: Tensor) -> int:
        pixels = _PIXELS if x.device.type == "cpu" else _PIXELS_ELSEWHERE
        return max(1, pixels // (math.prod(self.shape) * self.cost))

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, samples: int = 5000) -> Tensor:
        r"""log p(x) of each image `[N]`, nats, by importance sampling from q.

        log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x), z_s ~ q(z|x): a lower bound in expectation that tightens with
        S (Burda et al., "Importance weighted autoencoders", 2016, equation 8).
        """
        p, estimates = self.prior(), x.new_empty(len(x))
        together = max(1, self._rows(x) // samples)  # images whose samples are decoded in one pass
        for block, found in zip(x.split(_ENCODED), estimates.split(_ENCODED), strict=True):
            q = self.encode(block)
            for start in range(0, len(block), together):
                rows = slice(start, start + together)
                found[rows] = torch.logsumexp(self._weights(q[rows], p, block[rows], samples), 0)
        return estimates - math.log(samples)

    @torch.no_grad()
    def picture(self, z: Tensor, seed: int = 0) -> Picture:
        """Images to show for `z [N, size]`: the mean of p(x|z), or a seeded draw where a mean is not cheap."""
        if self.why_not("mean") is None:
            return Picture(self.decode(z).mean.clamp(0, 1), "mean")
        with seeded(seed, z.device):
            return Picture(self.decode(z).sample().clamp(0, 1), "sample")

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Picture:
        """Pictures of `n` draws from the prior."""
        with seeded(seed, self.device):
            z = self.prior().sample((n,))
        return self.picture(z, seed or 0)

    @torch.no_grad()
    def points(self, x: Tensor) -> Tensor:
        """One point of latent space for each image, `[N, size]`: see `Space.point`. Seeded where it draws."""
        with seeded(0, x.device):
            return self.space.point(self.encode(x))

    @property
    def point_words(self) -> str:
        """What `points` are: "mean of q(z|x)", "mean of 64 draws of q(z|x)", "mean direction of q(z|x)"."""
        with torch.no_grad():
            return f"{self.space.point_words(self.encode(torch.zeros(1, *self.shape, device=self.device)))} of q(z|x)"

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The pictures at the points of q(z|x): `[N, C, H, W]`."""
        return self.picture(self.points(x)).images

    def complete(self, z_top: Tensor, seed: int | None = None) -> Tensor:
        """A whole z from its top layer, the lower ones drawn from the prior. One layer is already whole."""
        return z_top

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
