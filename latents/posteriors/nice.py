"""The posterior of additive couplings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..parts import PartSettings, setting
from .flow import NetworkFlow, Width, hidden_setting, steps_setting


class NICE(NetworkFlow):
    r"""q(z|x) by f(z)_b = z_b + m(z_a; x), T times over a Gaussian: additive couplings, which keep volumes.

    z_a and z_b are the units at odd and at even places, in turn; m is a network that also sees a context, linear in
    the features. Both directions cost the same, so q(z|x) is known everywhere.

    Reference: Dinh et al., "NICE: non-linear independent components estimation", 2015 (arXiv 1410.8516), as a
    posterior in Tomczak and Welling 2016 (arXiv 1611.09630).
    """

    kind = "nice"
    most_components = 50

    class Settings(PartSettings):
        steps: int = steps_setting(4)
        hidden: tuple[Width, ...] = hidden_setting()
        context: int = setting(
            16, "numbers from the features that each map's network sees", unit="features", ge=1, le=1024, advanced=True
        )

    @classmethod
    def check(cls, settings: Any, latent: int) -> None:
        if latent < 2:
            raise ValueError(
                f"model.latent is {latent}, but a 'nice' posterior moves one half of z given the other; set it to at "
                "least 2"
            )

    @staticmethod
    def map(settings: Any, latent: int, step: int) -> nn.Module:
        from zuko.flows.coupling import GeneralCouplingTransform
        from zuko.transforms import AdditiveTransform

        return GeneralCouplingTransform(
            latent,
            settings.context,
            mask=torch.arange(latent) % 2 == step % 2,
            univariate=AdditiveTransform,
            shapes=[()],
            hidden_features=settings.hidden,
        )
