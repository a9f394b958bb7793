"""Distributions over vectors and their mixtures, with what latent-variable models need of them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import cache
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    MixtureSameFamily,
    Normal,
    constraints,
    kl_divergence,
    register_kl,
)
from torch.distributions.kl import _KL_REGISTRY
from torch.nn import functional

LOG_TWO_PI = math.log(2 * math.pi)

# Entries of a points x components table that exist at a time: what stays in a processor's cache.
_TABLE = 1 << 20


class VectorDistribution(Distribution):
    """A batch of distributions over vectors: what posteriors and priors are.

    Subclasses give `rsample` and `log_prob`, and `mean`, `stddev` and `marginals` only where they have a closed form.
    """

    has_rsample = True

    def __init__(self, batch_shape: tuple[int, ...], size: int):
        super().__init__(torch.Size(batch_shape), torch.Size((size,)), validate_args=False)

    def __getitem__(self, index: Any) -> VectorDistribution:
        """The distributions at these places of the batch."""
        raise NotImplementedError

    def detach(self) -> VectorDistribution:
        """The same distributions, whose parameters get no gradient."""
        raise NotImplementedError

    def rsample_and_log_prob(self, shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        """A reparameterised draw `[*shape, ..., d]` and its log density `[*shape, ...]`."""
        z = self.rsample(torch.Size(shape))
        return z, self.log_prob(z)

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        with torch.no_grad():
            return self.rsample(sample_shape)

    def table(self, z: Tensor) -> Tensor:
        """log density of every point under each of a batch of K: `[..., d]` to `[..., K]`."""
        return self.log_prob(z.unsqueeze(-2))


class DiagonalGaussian(VectorDistribution):
    r"""N(z; mu, diag(sigma^2)) over vectors.

    What `Independent(Normal)` is, kept by the logarithm of the variance: fewer operations in a training step.

    Args:
        mean: mu, `[..., d]`.
        log_variance: log sigma^2, `[..., d]`.
    """

    arg_constraints: ClassVar = {"mean": constraints.real_vector, "log_variance": constraints.real_vector}
    support = constraints.real_vector

    def __init__(self, mean: Tensor, log_variance: Tensor):
        self._mean, self.log_variance = mean, log_variance
        super().__init__(mean.shape[:-1], mean.shape[-1])

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def stddev(self) -> Tensor:
        return torch.exp(0.5 * self.log_variance)

    @property
    def variance(self) -> Tensor:
        return torch.exp(self.log_variance)

    def expand(self, batch_shape, _instance=None) -> DiagonalGaussian:
        shape = torch.Size(batch_shape) + self.event_shape
        return DiagonalGaussian(self.mean.expand(shape), self.log_variance.expand(shape))

    def __getitem__(self, index) -> DiagonalGaussian:
        """The Gaussians at these places of the batch."""
        return DiagonalGaussian(self.mean[index], self.log_variance[index])

    def detach(self) -> DiagonalGaussian:
        return DiagonalGaussian(self.mean.detach(), self.log_variance.detach())

    def log_prob(self, value: Tensor) -> Tensor:
        square = (value - self.mean).square() * torch.exp(-self.log_variance)
        return -0.5 * ((square + self.log_variance).sum(-1) + self.mean.shape[-1] * LOG_TWO_PI)

    def entropy(self) -> Tensor:
        return 0.5 * (self.log_variance.sum(-1) + self.mean.shape[-1] * (1 + LOG_TWO_PI))

    def rsample(self, sample_shape=()) -> Tensor:
        return self._at(self._noise(sample_shape))

    def rsample_and_log_prob(self, shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        """A reparameterised draw `[*shape, ..., d]` and its log density `[*shape, ...]`, from the noise itself."""
        noise = self._noise(shape)
        constant = self.log_variance.sum(-1) + self.mean.shape[-1] * LOG_TWO_PI
        return self._at(noise), -0.5 * (noise.square().sum(-1) + constant)

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(*shape, *self.mean.shape, dtype=self.mean.dtype, device=self.mean.device)

    def _at(self, noise: Tensor) -> Tensor:
        return torch.addcmul(self.mean, noise, self.stddev)

    def marginals(self) -> Normal:
        """Each unit's own density, `[..., d]`."""
        return Normal(self.mean, self.stddev, validate_args=False)


@register_kl(DiagonalGaussian, DiagonalGaussian)
def _kl_of_gaussians(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    square = torch.exp(q.log_variance) + (q.mean - p.mean).square()
    return 0.5 * (square * torch.exp(-p.log_variance) - q.log_variance + (p.log_variance - 1)).sum(-1)


class Mixture(Distribution):
    r"""p(z) = sum_k w_k q_k(z): a mixture of vectors, whatever the K distributions are.

    Args:
        components: K distributions over vectors, batch `[K]`.
        log_weights: log w, `[K]`, summing to one after exp.
    """

    arg_constraints: ClassVar = {}
    cost = 1  # numbers that one entry of the table holds

    def __init__(self, components: Any, log_weights: Tensor):
        self.components, self.log_weights = components, log_weights
        super().__init__(torch.Size(), components.event_shape, validate_args=False)
        self.cost = components.event_shape[0] if type(self) is Mixture else 1

    def expand(self, batch_shape, _instance=None) -> Mixture:
        if torch.Size(batch_shape) != self.batch_shape:
            raise ValueError(f"a mixture is one density; it cannot expand to the batch {tuple(batch_shape)}")
        return self

    def joint(self, z: Tensor) -> Tensor:
        """log w_k + log q_k(z) for every component: `[..., d]` to `[..., K]`."""
        return self.log_weights + self.components.table(z)

    def log_prob(self, value: Tensor) -> Tensor:
        """`[..., d]` to `[...]`, in the dtype of `value`."""
        width = self.log_weights.numel() * self.cost
        if value.shape[:-1].numel() * width <= _TABLE:
            return log_sum_exp(self.joint(value).to(value.dtype))
        flat = value.reshape(-1, value.shape[-1])
        parts = [log_sum_exp(self.joint(part).to(value.dtype)) for part in flat.split(max(1, _TABLE // width))]
        return torch.cat(parts).reshape(value.shape[:-1])

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        """Ancestral: a component by its weight, then a point of it, so all K are used in proportion."""
        with torch.no_grad():
            chosen = Categorical(logits=self.log_weights, validate_args=False).sample(sample_shape)
            return self.components[chosen].sample()


class GaussianMixture(Mixture):
    r"""p(z) = sum_k w_k N(z; mu_k, diag(sigma_k^2)), by matrix products.

    The quadratic form is expanded, `-z^2 / (2 s^2) + z mu / s^2 - mu^2 / (2 s^2)`, so that a table of
    points x components costs one matrix product and never a points x components x d tensor. In float32 the
    expansion cancels: it errs by up to 2e-2 nats at small variances, which is well for training. With
    `exact=True`, for every number that is reported, the products are taken in float64.

    Args:
        components: the K Gaussians, batch `[K]`.
        log_weights: log w, `[K]`, summing to one after exp.
        exact: products in float64.
    """

    def __init__(self, components: DiagonalGaussian, log_weights: Tensor, *, exact: bool = True):
        super().__init__(components, log_weights)
        self.exact = exact
        self._products: Tensor | None = None
        if components.mean.device.type == "mps":
            self.cost = components.mean.shape[-1]

    @property
    def mean(self) -> Tensor:
        return (self.log_weights.exp().unsqueeze(-1) * self.components.mean).sum(0)

    @property
    def variance(self) -> Tensor:
        weights = self.log_weights.exp().unsqueeze(-1)
        second = (weights * (self.components.variance + self.components.mean.square())).sum(0)
        return second - self.mean.square()

    def joint(self, z: Tensor) -> Tensor:
        if self.exact and z.device.type == "mps":  # has no float64: the direct form instead
            return super().joint(z)
        factors = self._factors()
        flat = z.reshape(-1, z.shape[-1]).to(factors.dtype)
        points = torch.cat([flat.square(), flat, torch.ones_like(flat[:, :1])], -1)
        return (points @ factors).reshape(*z.shape[:-1], -1)

    def _factors(self) -> Tensor:
        """What [z^2, z, 1] is multiplied by: `[2 d + 1, K]`, made once."""
        if self._products is None:
            dtype = torch.float64 if self.exact else self.components.mean.dtype
            mean, log_variance = self.components.mean.to(dtype), self.components.log_variance.to(dtype)
            precision = torch.exp(-log_variance)
            scaled = mean * precision
            constant = self.log_weights.to(dtype) - 0.5 * (
                (mean * scaled + log_variance).sum(-1) + mean.shape[-1] * LOG_TWO_PI
            )
            self._products = torch.cat([-0.5 * precision, scaled, constant.unsqueeze(-1)], -1).T
        return self._products

    def marginals(self) -> MixtureSameFamily:
        """Each unit's own density, a mixture of 1-D Gaussians, batch `[d]`."""
        logits = self.log_weights.expand(self.components.mean.shape[-1], -1)
        units = Normal(self.components.mean.T, self.components.stddev.T, validate_args=False)
        return MixtureSameFamily(Categorical(logits=logits, validate_args=False), units, validate_args=False)


def mixture(components: Any, log_weights: Tensor, *, exact: bool = True) -> Mixture:
    """The mixture of these components, by matrix products where they are Gaussians."""
    if isinstance(components, DiagonalGaussian):
        return GaussianMixture(components, log_weights, exact=exact)
    return Mixture(components, log_weights)


def log_sum_exp(table: Tensor) -> Tensor:
    """log sum_k exp(table[..., k]), leaving out terms below e^-60 of the largest.

    They change nothing in floating point, but as subnormal numbers in `exp` and in the backward pass's matrix
    products they make a training step ten times slower.
    """
    largest = table.detach().amax(-1, keepdim=True)
    below = table - largest
    if below.requires_grad:
        shares = torch.exp(functional.threshold(below, -60, -60))
    else:  # in place: half the time
        shares = functional.threshold(below, -60, -60, inplace=True).exp_()
    return shares.sum(-1).log() + largest.squeeze(-1)


def draw_and_kl(q: Any, p: Any) -> tuple[Tensor, Tensor]:
    """A draw z ~ q and KL(q || p): the closed form where one is registered, else log q(z) - log p(z) at the draw."""
    if has_closed_kl(cast(Hashable, type(q)), cast(Hashable, type(p))):
        return q.rsample(), kl_divergence(q, p)
    z, log_q = q.rsample_and_log_prob()
    return z, log_q - p.log_prob(z)


@cache
def has_closed_kl(q: Hashable, p: Hashable) -> bool:
    """Whether a closed form of KL(q || p) is registered for these classes or their bases."""
    return any(issubclass(cast(type, q), left) and issubclass(cast(type, p), right) for left, right in _KL_REGISTRY)
