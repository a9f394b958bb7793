"""What a model's latent units and prior components do: active units, KL per unit, usage of components."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .distributions import GaussianMixture
from .models import Model
from .models.units import kl_of_units

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
def encode_all(model: Model, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z|x) for all images, `[N, d]` each, encoded in passes of bounded size."""
    posteriors = [model.encode(part) for part in x.split(_IMAGES)]
    return torch.cat([q.mean for q in posteriors]), torch.cat([q.stddev for q in posteriors])


def active_units(model: Model, x: Tensor, threshold: float = THRESHOLD) -> ActiveUnits:
    """A_u = Var_x(E_{q(z|x)}[z_u]); unit u is active when A_u > threshold.

    Reference: Burda et al., "Importance weighted autoencoders", 2016, section 5.2.
    """
    mean, _ = encode_all(model, x)
    return ActiveUnits(mean.var(0, correction=0), threshold, len(x))


@torch.no_grad()
def kl_per_unit(model: Model, x: Tensor) -> Tensor | None:
    """Mean over the images of KL(q(z_u|x) || p(z_u)), `[d]`, nats; None where the model has no marginals."""
    p = model.prior()
    parts = [kl_of_units(model.encode(part), p) for part in x.split(_IMAGES)]
    known = [part for part in parts if part is not None]
    return torch.cat(known).mean(0) if known else None


@torch.no_grad()
def responsibilities(model: Model, x: Tensor) -> Tensor | None:
    """p(k|z) at z = mean of q(z|x): how far each component explains each image, `[N, K]`; None without components."""
    p = model.prior()
    if not isinstance(p, GaussianMixture):
        return None
    mean, _ = encode_all(model, x)
    return torch.cat([torch.softmax(p.joint(part), -1).to(mean.dtype) for part in mean.split(_IMAGES)])


def usage(model: Model, x: Tensor) -> Tensor | None:
    """The share of the images that each component explains, `[K]`, summing to one; None without components."""
    table = responsibilities(model, x)
    return None if table is None else table.mean(0)
