"""KL(q(z_u|x) || p(z_u)): what each unit of a latent vector carries, with the prior's own marginals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily, Normal, kl_divergence

from ..distributions import LOG_TWO_PI, log_sum_exp

_NODES = 12  # of the Gauss-Hermite rule
_TABLE = 1 << 20  # entries of points x components that exist at a time: what stays in a processor's cache


def kl_of_units(q: Any, p: Distribution) -> Tensor | None:
    r"""KL(q(z_u|x) || p(z_u)) for each image and unit, `[N, d]`, nats; None where q or p has no marginals.

    Closed form between Gaussians. Against a mixture, `-H(q_u) - E_{q_u}[log p(z_u)]` with the expectation by a
    Gauss-Hermite rule of 12 nodes: deterministic, so that curves over epochs do not jitter. On shipped 2-D models
    it errs by at most 6e-3 nats for one image and 4e-4 in the mean, against numerical integration.
    """
    if not (hasattr(q, "marginals") and hasattr(p, "marginals")):
        return None
    q_unit, p_unit = q.marginals(), p.marginals()
    if isinstance(p_unit, Normal):
        return kl_divergence(q_unit, p_unit)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    at = torch.as_tensor(nodes).to(q_unit.loc).view(-1, 1, 1)
    share = torch.as_tensor(weights / math.sqrt(2 * math.pi)).to(q_unit.loc).view(-1, 1, 1)
    rows = max(1, _TABLE // (_NODES * p_unit.mixture_distribution.logits.numel()))
    cross = [
        _mixture_log_prob(p_unit, loc + scale * at).mul(share).sum(0)
        for loc, scale in zip(q_unit.loc.split(rows), q_unit.scale.split(rows), strict=True)
    ]
    return -q_unit.entropy() - torch.cat(cross)


def _mixture_log_prob(p: MixtureSameFamily, z: Tensor) -> Tensor:
    """log p_u(z_u) for 1-D mixtures, one per unit: `[..., d]` to `[..., d]`, by one batched product."""
    units: Any = p.component_distribution
    mean, variance = units.loc, units.variance  # [d, K]
    constant = p.mixture_distribution.logits - 0.5 * (mean**2 / variance + variance.log() + LOG_TWO_PI)
    factors = torch.stack([-0.5 / variance, mean / variance], 1)  # [d, 2, K]
    points = z.reshape(-1, z.shape[-1]).T  # [d, M]
    table = torch.baddbmm(constant.unsqueeze(1), torch.stack([points**2, points], -1), factors)
    return log_sum_exp(table).T.reshape(z.shape)
