"""RealNVP: a flow between images and Gaussian noise of the same size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..bodies.mlp import Width
from ..data.draws import uniforms
from ..distributions import DiagonalGaussian
from ..errors import RecipeError
from ..likelihoods import Measure
from ..parts import PartSettings, setting
from ..spaces import Euclidean
from .base import Elbo, Model, Stage
from .points import Point, PointImage, check_objective

if TYPE_CHECKING:
    from ..data import ImageData
    from ..recipe import Recipe

_ROWS = 2000  # validation images in one pass
_SLOPE = 0.1  # least factor of a coupling, and one over the largest
_LEAST = 1e-2  # standard deviation of a pixel on the flow's scale that the first step divides by


class RealNVP(Model):
    r"""x = the level of f^-1(z), z ~ N(0, I), f affine couplings: P(x) = E_u[p(x + u)], u uniform within a level.

    A pixel of level k out of L becomes y = (k + u) / L, then logit(alpha + (1 - 2 alpha) y), standardised by the
    training images' mean and standard deviation; T couplings follow, each

        z_a = y_a,   z_b = y_b exp(s(y_a)) + t(y_a)

    with s and t from one network. log P(x) >= E_u[log p(x + u)] is the ELBO, of which training raises one draw; the
    mean of p(x + u) over many draws is P(x), a probability of discrete images. What f^-1 puts below the first level or
    above the last counts for no image (pictures cut it to the nearest), so that all P(x) sum to less than one.
    Images that are binary have two levels, others 256.

    z has as many numbers as the image has pixels. `encode` puts an image at the z of the middles of its levels, and
    `decode` is the image whose levels hold f^-1(z).

    References: Dinh et al., "Density estimation using Real NVP", 2017, equations 4 to 9; dequantisation: Theis et
    al., "A note on the evaluation of generative models", 2016, section 3.1.
    """

    kind = "realnvp"
    family = "Flows on images"
    cost = 4
    prior_words = "the standard normal"
    levels_found: Tensor
    centre: Tensor
    scale: Tensor

    class Settings(PartSettings):
        couplings: int = setting(8, "affine couplings, T", unit="couplings", ge=2, le=256)
        hidden: tuple[Width, ...] = setting(
            (128, 128), "width of each hidden layer of a coupling's network", unit="features", min_length=1
        )
        masks: Literal["checkerboard", "random"] = setting(
            "checkerboard", "which half of the pixels moves the other, in turn: the fields of a board, or random ones"
        )
        alpha: float = setting(
            0.05, "how far intensities are kept from 0 and 1 before the logit", gt=0, lt=0.5, advanced=True
        )

    def __init__(self, settings: RealNVP.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape)
        pixels = math.prod(shape)
        self.space = Euclidean(pixels)
        self.register_buffer("levels_found", torch.zeros(1))
        self.register_buffer("centre", torch.zeros(pixels))
        self.register_buffer("scale", torch.ones(pixels))
        self.couplings = nn.ModuleList(
            Coupling(mask(settings.masks, shape, place), settings.hidden) for place in range(settings.couplings)
        )

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        if math.prod(data.shape) < 2:
            raise RecipeError(
                f"model is 'realnvp', which moves one half of the pixels given the other, but an image of {data.name} "
                "has one pixel; choose images of at least 2"
            )
        check_objective(recipe, "a flow is trained on the bound of its own likelihood")

    # -- between images and z --

    @property
    def levels(self) -> int:
        """L: 2 for binary images, else 256. Known by the recipe, or found in training images that are binary."""
        return int(self.levels_found) or (256 if self.recipe.data.binarisation == "none" else 2)

    @torch.no_grad()
    def initialise(self, images: Tensor, generator: torch.Generator) -> None:
        """The number of levels, and each pixel's mean and standard deviation on the flow's scale."""
        binary = self.recipe.data.binarisation != "none" or bool(((images == 0) | (images == 1)).all())
        self.levels_found.fill_(2 if binary else 256)
        drawn = torch.rand(images.shape, generator=generator).to(images)
        if self.recipe.data.binarisation != "none":
            images = torch.bernoulli(images.cpu(), generator=generator).to(images)
        y, _ = self.logit(images, drawn)
        self.centre.copy_(y.mean(0))
        self.scale.copy_(y.std(0, correction=0).clamp_min(_LEAST))

    def logit(self, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Images `[N, C, H, W]` and draws u in [0, 1), `[..., N, C, H, W]`, as vectors, and the log-determinant.

        The determinant is that of y with respect to k + u, so that the density that follows is one of levels.
        """
        alpha, levels = self.settings.alpha, self.levels
        y = ((x * (levels - 1)).round() + u) / levels
        y = (alpha + (1 - 2 * alpha) * y).flatten(-3)
        v = torch.logit(y)
        steps = math.log((1 - 2 * alpha) / levels) * y.shape[-1]
        return v, functional.softplus(v).add(functional.softplus(-v)).sum(-1) + steps

    def forward_flow(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """z of vectors on the logit scale `[..., D]`, and log |det dz/dv| `[...]`."""
        z = (v - self.centre) / self.scale
        log_det = -self.scale.log().sum().expand(z.shape[:-1])
        for coupling in self.couplings:
            z, more = coupling(z)
            log_det = log_det + more
        return z, log_det

    def inverse_flow(self, z: Tensor) -> Tensor:
        """v of z, `[..., D]`."""
        for coupling in reversed(cast(list[Coupling], self.couplings)):
            z = coupling.inverse(z)
        return z * self.scale + self.centre

    def log_density(self, x: Tensor, u: Tensor) -> Tensor:
        """log p(x + u), a density per level: `[..., N]`, nats."""
        v, steps = self.logit(x, u)
        z, log_det = self.forward_flow(v)
        return self.prior().log_prob(z) + log_det + steps

    # -- the calls --

    def encode(self, x: Tensor) -> Any:
        """The z of the image whose every level is at its middle."""
        return Point(self.forward_flow(self.logit(x, torch.full_like(x, 0.5))[0])[0])

    def decode(self, z: Tensor) -> PointImage:
        alpha, levels = self.settings.alpha, self.levels
        y = (torch.sigmoid(self.inverse_flow(z)) - alpha) / (1 - 2 * alpha)
        level = (y * levels).floor().clamp(0, levels - 1)
        return PointImage((level / (levels - 1)).unflatten(-1, self.shape))

    def prior(self) -> DiagonalGaussian:
        zeros = torch.zeros_like(self.centre)
        return DiagonalGaussian(zeros, zeros)

    def unit_kl(self, x: Tensor) -> None:
        """None: see `reasons`."""
        return None

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        """log p(x + u) at one draw of u. z gives x back exactly, so that all of it is KL: -log p(x + u)."""
        kl = -self.log_density(x, torch.rand_like(x))
        return Elbo(torch.zeros_like(kl), kl)

    def log_weights(self, x: Tensor, samples: int, beta: float = 1.0) -> Tensor:
        """beta log p(x + u) at `samples` draws of u: `[samples, N]`, nats."""
        if torch.is_grad_enabled():
            return beta * self.log_density(x, self._noise(x, samples))
        return self._weights(Point(x), self.prior(), x, samples, beta)

    def _weights(self, q: Any, p: Any, x: Tensor, samples: int, beta: float = 1.0) -> Tensor:
        found, together = x.new_empty(samples, len(x)), max(1, self._rows(x) // len(x))
        for start in range(0, samples, together):
            noise = self._noise(x, min(together, samples - start))
            found[start : start + together] = beta * self.log_density(x, noise)
        return found

    def _noise(self, x: Tensor, samples: int) -> Tensor:
        return torch.rand(samples, *x.shape, dtype=x.dtype, device=x.device)

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [Fit(self)]

    @property
    def measure(self) -> Measure:
        return Measure("discrete", self.recipe.data.binarisation)

    @property
    def point_words(self) -> str:
        return "z of the image with every level at its middle"

    def reasons(self) -> dict[str, str]:
        return {
            "units": (
                f"A flow's z has as many numbers as an image has pixels ({self.space.size}), and none can go without "
                "changing the image: there are no units to be active or dead."
            ),
            "draw": "In a flow the image follows from z: there is nothing left to draw.",
            "pseudo_inputs": f"This model has no pseudo-inputs: its prior is {self.prior_words}.",
            "components": f"This model's prior has no components: it is {self.prior_words}.",
        }


class Coupling(nn.Module):
    """z_b = y_b exp(s(y_a)) + t(y_a), y_a kept: half of the pixels moved by a network of the others.

    The network's last hidden layer is bounded, by tanh, and so are s and t: a pixel that is white where it was black
    in all training images moves the others by no more than any. With unbounded layers such images get densities of
    minus millions of nats.

    Args:
        kept: for each pixel, whether it is of y_a.
        hidden: widths of the network's layers.
    """

    kept: Tensor

    def __init__(self, kept: list[bool], hidden: tuple[int, ...]):
        from zuko.nn import MLP  # here: importing zuko takes a while

        super().__init__()
        self.register_buffer("kept", torch.tensor(kept), persistent=False)
        self.network = MLP(sum(kept), 2 * (len(kept) - sum(kept)), hidden, activation=nn.Tanh)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """z and log |det dz/dy|, `[..., D]` and `[...]`."""
        return self._transform().call_and_ladj(y)

    def inverse(self, z: Tensor) -> Tensor:
        return self._transform().inv(z)

    def _transform(self) -> Any:
        from zuko.transforms import CouplingTransform

        return CouplingTransform(self._affine, self.kept)

    def _affine(self, y_a: Tensor) -> Any:
        from zuko.transforms import DependentTransform, MonotonicAffineTransform

        shift, scale = self.network(y_a).chunk(2, -1)
        return DependentTransform(MonotonicAffineTransform(shift, scale, slope=_SLOPE), 1)


def mask(kind: str, shape: tuple[int, int, int], place: int) -> list[bool]:
    """Which pixels the coupling at this place keeps; the next one keeps the others."""
    channels, height, width = shape
    if kind == "checkerboard":
        board = np.indices((channels, height, width)).sum(0).reshape(-1)
    else:  # the same on every machine: the order of random numbers of a fixed stream
        order = np.argsort(uniforms(np.random.PCG64(place // 2), channels * height * width), kind="stable")
        board = np.argsort(order, kind="stable")
    return (board % 2 == place % 2).tolist()


class Fit(Stage):
    """The flow, on log p(x + u) at one draw of u for each image."""

    def __init__(self, model: RealNVP):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, epoch: int) -> dict[str, Tensor]:
        elbo = self.model.elbo(x).value.mean()
        return {"loss": -elbo, "elbo": elbo.detach()}

    def validate(self, x: Tensor) -> dict[str, float]:
        elbo = float(torch.cat([self.model.elbo(part).value for part in x.split(_ROWS)]).mean())
        return {"valid_elbo": elbo, "score": elbo}
