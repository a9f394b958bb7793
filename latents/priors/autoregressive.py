"""A masked autoregressive flow as the prior."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ..distributions import DiagonalGaussian
from ..flows.base import Inverse
from ..flows.distribution import TransformedGaussian
from ..flows.network import Lazy, Network
from ..parts import PartSettings, setting
from .base import Prior

Width = Annotated[int, Field(ge=1, le=1024)]


class Autoregressive(Prior):
    r"""p(z) by e = g_T(... g_1(z)) ~ N(0, I) with g(z)_i = exp(a_i) z_i + m_i, where a_i and m_i see z_1, ..., z_{i-1}.

    A masked autoregressive flow: log p(z) in one pass, a draw unit by unit, d passes for each map. The order turns
    round every second step. It is the same model as an inverse autoregressive flow as the posterior of a standard
    normal prior, where it cannot help the decoder (Chen et al., section 3.2).

    References: Papamakarios et al., "Masked autoregressive flow for density estimation", 2017 (arXiv 1705.07057);
    as a prior: Chen et al., "Variational lossy autoencoder", 2017 (arXiv 1611.02731).
    """

    kind = "autoregressive"
    zeros: Tensor

    class Settings(PartSettings):
        steps: int = setting(4, "maps that z goes through, T", unit="maps", ge=1, le=64)
        hidden: tuple[Width, ...] = setting(
            (64, 64),
            "width of each hidden layer of a map's network (never less than the size of z)",
            unit="features",
            min_length=1,
            max_length=4,
        )

    def __init__(self, settings: Settings, latent: int, shape: tuple[int, int, int]):
        super().__init__(settings, latent, shape)
        self.maps = nn.ModuleList(Lazy(partial(self.map, settings, latent, step)) for step in range(settings.steps))
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    @staticmethod
    def map(settings: Any, latent: int, step: int) -> nn.Module:
        """The lazy transformation of one step of a density, counted from 0."""
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform

        order = torch.arange(latent)
        return MaskedAutoregressiveTransform(
            latent,
            order=order.flip(0) if step % 2 else order,
            hidden_features=[max(width, latent) for width in settings.hidden],
            activation=nn.ELU,
        )

    def forward(self, components: Any = None) -> TransformedGaussian:
        noise = DiagonalGaussian(self.zeros, self.zeros)
        return TransformedGaussian(noise, [Inverse(Network(cast(Lazy, each))) for each in reversed(self.maps)])
