"""The inverse autoregressive flow posterior."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..flows.gate import Gate
from ..parts import PartSettings, setting
from .flow import NetworkFlow, Width, hidden_setting, steps_setting


class IAF(NetworkFlow):
    r"""q(z|x) by f(z)_i = s_i z_i + (1 - s_i) m_i, T times over a Gaussian; s_i and m_i see z_1, ..., z_{i-1} and x.

    A masked network with a context, linear in the features, gives all s and m in one pass, so a draw is fast; a
    density elsewhere goes back unit by unit, d passes for each map. The order turns round every second step.

    Reference: Kingma et al., "Improving variational inference with inverse autoregressive flow", 2016
    (arXiv 1606.04934).
    """

    kind = "iaf"
    most_components = 20

    class Settings(PartSettings):
        steps: int = steps_setting(4)
        hidden: tuple[Width, ...] = hidden_setting()
        context: int = setting(
            16, "numbers from the features that each map's network sees", unit="features", ge=1, le=1024, advanced=True
        )

    @classmethod
    def check(cls, settings: Any, latent: int) -> None:
        if min(settings.hidden) < latent:
            raise ValueError(
                f"posterior.hidden has a layer of {min(settings.hidden)} features, but a masked network needs one for "
                f"each of model.latent = {latent} units; set each to at least {latent}"
            )

    @staticmethod
    def map(settings: Any, latent: int, step: int) -> nn.Module:
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform

        order = torch.arange(latent)
        return MaskedAutoregressiveTransform(
            latent,
            settings.context,
            order=order.flip(0) if step % 2 else order,
            univariate=Gate,
            shapes=[(), ()],
            hidden_features=settings.hidden,
            activation=nn.ELU,
        )
