"""What posteriors with a flow share: a diagonal Gaussian from the features, and the maps that it is sent through."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, cast

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..distributions import DiagonalGaussian
from ..flows.base import Transform
from ..flows.distribution import TransformedGaussian
from ..flows.network import Lazy, Network
from ..networks import he_linear
from ..parts import setting
from ..spaces import Euclidean
from .base import Posterior
from .gaussian import LOG_VARIANCE_BOUNDS

Width = Annotated[int, Field(ge=1, le=1024)]


def steps_setting(default: int) -> Any:
    """How many maps one after another: the field of every flow."""
    return setting(default, "maps that z goes through, T", unit="maps", ge=1, le=64)


def hidden_setting() -> Any:
    """The layers of the network of one map."""
    return setting(
        (64, 64), "width of each hidden layer of a map's network", unit="features", min_length=1, max_length=4
    )


class Flow(Posterior):
    """q(z|x): z_0 ~ N(mu(x), diag(sigma^2(x))), z = f_T(... f_1(z_0; x); x). Subclasses give the maps."""

    def __init__(self, settings: Any, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.space = Euclidean(latent)
        self.steps: int = settings.steps
        self.mean, self.log_variance = he_linear(features, latent), he_linear(features, latent)

    def transforms(self, features: Tensor) -> list[Transform]:
        """f_1, ..., f_T for features `[..., f]`."""
        raise NotImplementedError

    def base(self, features: Tensor) -> DiagonalGaussian:
        log_variance = functional.hardtanh(self.log_variance(features), *LOG_VARIANCE_BOUNDS)
        return DiagonalGaussian(self.mean(features), log_variance)

    def forward(self, features: Tensor) -> TransformedGaussian:
        return TransformedGaussian(self.base(features), self.transforms(features))


class NetworkFlow(Flow):
    """A flow whose maps are networks that see a context, linear in the features, beside z."""

    def __init__(self, settings: Any, features: int, latent: int):
        super().__init__(settings, features, latent)
        self.context = he_linear(features, settings.context)
        self.maps = nn.ModuleList(Lazy(partial(self.map, settings, latent, step)) for step in range(self.steps))

    @staticmethod
    def map(settings: Any, latent: int, step: int) -> nn.Module:
        """The lazy transformation of one step, counted from 0."""
        raise NotImplementedError

    def transforms(self, features: Tensor) -> list[Transform]:
        context = self.context(features)
        return [Network(cast(Lazy, each), context) for each in self.maps]
