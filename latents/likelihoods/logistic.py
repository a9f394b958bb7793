"""A logistic density cut into 256 levels."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional

from ..parts import PartSettings, setting
from .base import Likelihood, Shape, image_head
from .levels import LEVELS, from_levels, to_levels

_CENTRES = (0.5 / LEVELS, 1 - 0.5 / LEVELS)  # of black and of white
_START = -2.0  # the log-scale that training begins with


class DiscretisedLogistic(Distribution):
    r"""Independent pixels of 256 levels, the level that a logistic variable y ~ Logistic(mu, s) falls into.

    P(k) = sigma((e_{k+1} - mu) / s) - sigma((e_k - mu) / s) with edges e_k = k / 256, but e_0 = -inf and
    e_256 = inf: the tails belong to black and white, so that the 256 probabilities sum to one. Pixels and channels
    are independent. An image's x is k / 255.

    `tails=False` is the paper's form, for comparing with the paper: e_0 = 0, e_256 = 1, and 1e-7 is added inside the
    logarithm. Its "probabilities" do NOT sum to one (to 0.24 for mu = 1/2, s = 1). Means and samples are those
    with tails.

    Reference: Kingma et al., "Improved variational inference with inverse autoregressive flow", 2016; Tomczak and
    Welling, "VAE with a VampPrior", AISTATS 2018.

    Args:
        location: mu, `[..., C, H, W]`, with 0 at black's edge and 1 at white's.
        log_scale: log s, of the same shape.
        tails: whether the outermost levels have their tails.
    """

    arg_constraints: ClassVar = {
        "location": constraints.independent(constraints.real, 3),
        "log_scale": constraints.independent(constraints.real, 3),
    }
    support = constraints.independent(constraints.unit_interval, 3)

    def __init__(self, location: Tensor, log_scale: Tensor, *, tails: bool = True):
        self.location, self.log_scale, self.tails = location, log_scale, tails
        super().__init__(location.shape[:-3], location.shape[-3:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        r"""Images `[..., C, H, W]` broadcast against the batch; returns `[...]`, nats.

        With a = (e_k - mu) / s and b = (e_{k+1} - mu) / s, sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - e^(a-b)):
        no difference is taken, so nothing is lost however small the probability.
        """
        level, rate = to_levels(value), torch.exp(-self.log_scale)
        if not self.tails:
            below, above = (((level + step) / LEVELS - self.location) * rate for step in (0, 1))
            return torch.log(torch.sigmoid(above) - torch.sigmoid(below) + 1e-7).sum((-3, -2, -1))
        black, white = level == 0, level == LEVELS - 1
        below = ((level / LEVELS - self.location) * rate).masked_fill(black, -math.inf)
        above = (((level + 1) / LEVELS - self.location) * rate).masked_fill(white, math.inf)
        width = torch.log(-torch.expm1(-rate / LEVELS))
        between = (~(black | white)).to(rate)
        return (between * width - functional.softplus(below) - functional.softplus(-above)).sum((-3, -2, -1))

    @property
    def mean(self) -> Tensor:
        r"""E[x] = 1/255 sum_{k=1}^{255} sigma((mu - e_k) / s), the sum as the integral that it is the midpoint rule of.

        Off by at most 2e-5 for log s >= -4.5, and 3e-4 for log s >= -7.
        """
        rate = torch.exp(-self.log_scale)
        low, high = (functional.softplus((self.location - at) * rate) for at in _CENTRES)
        return (low - high) / rate * (LEVELS / (LEVELS - 1))

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            uniform = torch.rand(shape, dtype=self.location.dtype, device=self.location.device)
            drawn = self.location + torch.exp(self.log_scale) * torch.logit(uniform)
            return from_levels((drawn * LEVELS).floor().clamp(0, LEVELS - 1))


class Logistic(Likelihood):
    """Pixels of 256 levels, independent given z: P(k) = sigma((e_{k+1} - mu) / s) - sigma((e_k - mu) / s).

    mu and s of each pixel and channel come from z: mu between the centres of black and white, 1/512 and 511/512, and
    log s clipped to [least_log_scale, 0]. Channels are independent given z too: a colour is tied together by z alone.
    """

    kind = "discretised-logistic"
    binary = False
    measure_kind: Literal["discrete", "density", "unnormalised"] = "discrete"
    cost = 4

    class Settings(PartSettings):
        tails: bool = setting(
            True,
            "black and white have their tails; without them it is the paper's form, which does not sum to one",
            advanced=True,
        )
        least_log_scale: float = setting(
            -4.5, "log s is clipped to this and 0; the paper's is -4.5", ge=-7, le=-1, advanced=True
        )

    def __init__(self, settings: Settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__(settings, features, shape, spatial)
        self.settings = settings
        self.head = cast(Any, image_head(features, 2, shape, spatial))
        with torch.no_grad():
            self.head.bias.view(2, -1)[1].fill_(_START)
        if not settings.tails:
            self.measure_kind = "unnormalised"

    def forward(self, features: Tensor) -> DiscretisedLogistic:
        location, log_scale = self.head(features).unbind(-4)
        black, white = _CENTRES
        return DiscretisedLogistic(
            black + (white - black) * torch.sigmoid(location),
            functional.hardtanh(log_scale, self.settings.least_log_scale, 0.0),
            tails=self.settings.tails,
        )
