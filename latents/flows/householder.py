"""Householder reflections: rotations of a Gaussian, applied to vectors and never built as matrices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal, register_kl

from ..distributions import DiagonalGaussian
from .base import Transform
from .distribution import TransformedGaussian

_SHORTEST = 1e-12  # vectors that are shorter have no direction


def unit(v: Tensor) -> Tensor:
    """v / |v| along the last axis, and 0 (which reflects nothing) where v is shorter than 1e-12: never NaN."""
    largest = v.detach().abs().amax(-1, keepdim=True)
    there = largest > _SHORTEST
    scaled = torch.where(there, v / torch.where(there, largest, 1), 0)  # so that squares neither vanish nor overflow
    return scaled * torch.where(there, scaled.square().sum(-1, keepdim=True), 1).rsqrt()


def reflect(z: Tensor, normal: Tensor) -> Tensor:
    """(I - 2 n n^T) z for unit vectors n: `[..., d]` each."""
    return z - 2 * (z * normal).sum(-1, keepdim=True) * normal


@dataclass(frozen=True, eq=False)
class Householder(Transform):
    r"""f(z) = U z, U = H_T ... H_1, H_t = I - 2 n_t n_t^T: T reflections; |det U| = 1.

    Reference: Tomczak and Welling, "Improving variational auto-encoders using Householder flow", 2016
    (arXiv 1611.09630), equation 8.

    Args:
        normals: the unit vectors n_1, ..., n_T, `[..., T, d]`; a zero vector reflects nothing.
    """

    normals: Tensor

    def rotate(self, z: Tensor) -> Tensor:
        """U z."""
        for normal in self.normals.unbind(-2):
            z = reflect(z, normal)
        return z

    def rotate_back(self, y: Tensor) -> Tensor:
        """U^T y."""
        for normal in reversed(self.normals.unbind(-2)):
            y = reflect(y, normal)
        return y

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        y = self.rotate(z)
        return y, y.new_zeros(())

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z = self.rotate_back(y)
        return z, z.new_zeros(())


class HouseholderGaussian(TransformedGaussian):
    r"""N(U mu, U diag(sigma^2) U^T): a Gaussian with a full covariance, known everywhere and in closed form."""

    @property
    def rotation(self) -> Householder:
        (rotation,) = self.transforms
        assert isinstance(rotation, Householder)
        return rotation

    @property
    def mean(self) -> Tensor:
        return self.rotation.rotate(self.base.mean)

    @property
    def variance(self) -> Tensor:
        """The covariance's diagonal, sum_j (U_ij sigma_j)^2: U applied to the d vectors sigma_j e_j."""
        axes = torch.diag_embed(self.base.stddev)  # [..., N, d, d]: a row for each vector
        return self.rotation._each(lambda value: value.unsqueeze(-3)).rotate(axes).square().sum(-2)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def entropy(self) -> Tensor:
        return self.base.entropy()

    def marginals(self) -> Normal:
        """Each unit's own density, `[..., d]`."""
        return Normal(self.mean, self.stddev, validate_args=False)


@register_kl(HouseholderGaussian, DiagonalGaussian)
def _kl_to_gaussian(q: HouseholderGaussian, p: DiagonalGaussian) -> Tensor:
    r"""tr(P^-1 U S U^T)/2 + ...: as between diagonal Gaussians, with the rotated mean and the covariance's diagonal.

    A prior of one variance, as the standard normal's, is the same after any rotation: then the trace needs no U.
    """
    size = q.event_shape[0]
    same = not p.log_variance.requires_grad and bool((p.log_variance == p.log_variance[..., :1]).all())
    variance = q.base.variance if same else q.variance
    square = (variance + (q.mean - p.mean).square()) * torch.exp(-p.log_variance)
    return 0.5 * ((square + p.log_variance).sum(-1) - q.base.log_variance.sum(-1) - size)
