"""Draws from a prior whose spread is scaled: the temperature.

A Gaussian's standard deviation is multiplied by the temperature around its mean, a mixture's within each component
(the component is drawn as ever), a hierarchy's in every layer, a flow's in the noise that it begins with. The noise is
the same at every temperature, and at 1 the draws are the prior's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def why_not(p: Any) -> str | None:
    """One sentence on why the spread of p(z) cannot be scaled, or None."""
    from torch.distributions import MultivariateNormal

    from latents.distributions import DiagonalGaussian, Mixture
    from latents.flows.distribution import TransformedGaussian
    from latents.layered import Chain

    if isinstance(p, Chain):
        return why_not(p.top)
    if isinstance(p, Mixture):
        if isinstance(p.components, DiagonalGaussian | TransformedGaussian):
            return None
        return "The prior's components are no Gaussians: they have no standard deviation that could be scaled."
    if isinstance(p, DiagonalGaussian | MultivariateNormal | TransformedGaussian):
        return None
    return "The prior is no Gaussian and no mixture of them: it has no standard deviation that could be scaled."


def sample(p: Any, n: int, temperature: float) -> torch.Tensor:
    """n draws [n, size] from p(z) at this temperature, from the generator's present state.

    Raises ValueError where `why_not` has a reason and the temperature is not 1.
    """
    import torch
    from torch.distributions import Categorical

    from latents.distributions import Mixture
    from latents.layered import Chain

    if temperature == 1:
        return p.sample((n,))
    why = why_not(p)
    if why is not None:
        raise ValueError(why)
    if isinstance(p, Chain):
        z = sample(p.top, n, temperature)
        for place in range(1, len(p.sizes)):
            z = torch.cat([z, _scaled(p.layer(place, z), (), temperature)], -1)
        return z
    if isinstance(p, Mixture):
        chosen = Categorical(logits=p.log_weights, validate_args=False).sample((n,))
        return _scaled(p.components[chosen], (), temperature)
    return _scaled(p, (n,), temperature)


def _scaled(p: Any, shape: tuple[int, ...], temperature: float) -> torch.Tensor:
    """Draws of Gaussians, or of Gaussians sent through maps, drawn nearer to their mean or away from it."""
    from latents.flows.distribution import TransformedGaussian

    if isinstance(p, TransformedGaussian):
        z = _scaled(p.base, shape, temperature)
        for step in p.transforms:
            z, _ = step.forward(z)
        return z
    return p.mean + temperature * (p.sample(shape) - p.mean)
