"""What a model's latent units and prior components do: active units, KL per unit, usage of components."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .models import Model
from .randomness import seeded

THRESHOLD = 0.01  # of the variance of a posterior mean; Burda et al. 2016
_IMAGES = 2000  # encoded in one pass


@dataclass(frozen=True)
class ActiveUnits:
    """Which units carry information about the image.

    Attributes:
        variances: Var_x(E_q[z_u|x]) of each unit over the images, `[d]`.
        threshold: a unit is active when its variance is above it.
        images: how many images it was measured on.
    """

    variances: Tensor
    threshold: float
    images: int

    @property
    def active(self) -> Tensor:
        return self.variances > self.threshold

    @property
    def count(self) -> int:
        return int(self.active.sum())

    @property
    def total(self) -> int:
        return len(self.variances)


@torch.no_grad()
def encode_all(model: Model, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The point of q(z|x) for all images (`Space.point`) and its standard deviation, `[N, d]` each.

    Encoded in passes of bounded size. The standard deviation is None where it has no closed form. A point that is a
    mean of draws is the same each time: the draws are seeded.
    """
    points, spreads = [], []
    for part in x.split(_IMAGES):
        with seeded(0, x.device):
            q = model.encode(part)
            points.append(model.space.point(q))
        try:
            spreads.append(q.stddev)
        except NotImplementedError:
            continue
    return torch.cat(points), torch.cat(spreads) if spreads else None


@torch.no_grad()
def sample_all(model: Model, x: Tensor, seed: int = 0) -> Tensor:
    """One draw of z from q(z|x) of each image, `[N, d]`, in passes of bounded size; the same for the same seed."""
    draws = []
    for start, part in zip(range(0, len(x), _IMAGES), x.split(_IMAGES), strict=True):
        with seeded(seed + start, x.device):
            draws.append(model.encode(part).rsample())
    return torch.cat(draws)


def active_units(model: Model, x: Tensor, threshold: float = THRESHOLD) -> ActiveUnits:
    """A_u = Var_x(E_{q(z|x)}[z_u]); unit u is active when A_u > threshold.

    Reference: Burda et al., "Importance weighted autoencoders", 2016, section 5.2.
    """
    mean, _ = encode_all(model, x)
    return ActiveUnits(mean.var(0, correction=0), threshold, len(x))


@torch.no_grad()
def kl_per_unit(model: Model, x: Tensor) -> Tensor | None:
    """Mean over the images of KL(q(z_u|x) || p(z_u)), `[d]`, nats; None where the model has no marginals."""
    with seeded(0, x.device):
        parts = [model.unit_kl(part) for part in x.split(_IMAGES)]
    known = [part for part in parts if part is not None]
    return torch.cat(known).mean(0) if known else None


@torch.no_grad()
def responsibilities(model: Model, x: Tensor) -> Tensor | None:
    """p(k|z) at the point z of q(z|x): how far each component explains each image, `[N, K]`; None without components.

    In a hierarchy the components are those of the top layer.
    """
    p = model.mixture()
    if p is None:
        return None
    top = model.space.split(encode_all(model, x)[0])[0]
    return torch.cat([torch.softmax(p.joint(part), -1).to(top.dtype) for part in top.split(_IMAGES)])


def usage(model: Model, x: Tensor) -> Tensor | None:
    """The share of the images that each component explains, `[K]`, summing to one; None without components."""
    table = responsibilities(model, x)
    return None if table is None else table.mean(0)
