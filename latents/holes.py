"""Where the prior and the aggregated posterior disagree: holes, which the prior fills and no data live in.

The aggregated posterior is q(z) = 1/N sum_n q(z|x_n) (Makhzani et al., "Adversarial autoencoders", 2016; Hoffman and
Johnson, "ELBO surgery", 2016). Where p(z) is high and q(z) is low, the decoder draws what it has never learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

TAIL = 0.01
"""The share of q(z) that lies below the threshold."""
_PAIRS = 1_000_000  # of draws and images in one pass: what the cache of a processor holds, twice as fast as more


@dataclass(frozen=True)
class Holes:
    """The share of the prior's mass where the aggregated posterior is low.

    Attributes:
        share: P(q(z) < threshold) under p(z), in [0, 1]; `TAIL` where p and q agree.
        standard_error: of the share, from the draws of both (bootstrap).
        threshold: log q(z), nats, below which a share `TAIL` of q(z) itself lies.
        draws: how many z were drawn from p(z), and as many from q(z).
    """

    share: float
    standard_error: float
    threshold: float
    draws: int


@torch.no_grad()
def aggregated_log_prob(mean: Tensor, stddev: Tensor, z: Tensor) -> Tensor:
    """log q(z) at `z [M, d]`, `[M]` nats, for Gaussian posteriors `mean [N, d]`, `stddev [N, d]`, diagonal."""
    size = mean.shape[1]
    inverse = stddev.reciprocal()
    constant = -stddev.log().sum(-1) - 0.5 * size * float(np.log(2 * np.pi))
    found = []
    for part in z.split(max(1, _PAIRS // len(mean))):
        squared = sum(((part[:, None, u] - mean[:, u]) * inverse[:, u]).square_() for u in range(size))
        found.append(torch.logsumexp(constant - 0.5 * torch.as_tensor(squared), -1) - float(np.log(len(mean))))
    return torch.cat(found)


@torch.no_grad()
def holes(mean: Tensor, stddev: Tensor, prior: Tensor, seed: int = 0) -> Holes:
    """The share of the prior's mass in holes of the aggregated posterior.

    Args:
        mean, stddev: of q(z|x) of each image, `[N, d]`, diagonal Gaussians.
        prior: draws of z from p(z), `[M, d]`.
        seed: of as many draws from q(z), and of the bootstrap.
    """
    random = torch.Generator().manual_seed(seed)
    which = torch.randint(len(mean), (len(prior),), generator=random).to(mean.device)
    noise = torch.randn(prior.shape, generator=random).to(mean)
    mine = aggregated_log_prob(mean, stddev, mean[which] + stddev[which] * noise).double().cpu().numpy()
    theirs = aggregated_log_prob(mean, stddev, prior).double().cpu().numpy()
    threshold = float(np.quantile(mine, TAIL))
    share = float((theirs < threshold).mean())
    generator = np.random.default_rng(seed)
    again = [(_drawn(theirs, generator) < np.quantile(_drawn(mine, generator), TAIL)).mean() for _ in range(100)]
    return Holes(share, float(np.std(again, ddof=1)), threshold, len(prior))


def _drawn(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return values[generator.integers(len(values), size=len(values))]
