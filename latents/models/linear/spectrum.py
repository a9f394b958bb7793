"""The principal directions of many images, in float64 and without holding all of them in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_ROWS = 8192  # images that exist in float64 at a time


@dataclass(frozen=True)
class Spectrum:
    """S = 1/N sum_n (x_n - mu)(x_n - mu)^T, by its largest eigenvalues.

    Attributes:
        mean: mu, `[D]`.
        axes: the eigenvectors, `[D, M]`, orthonormal; the largest entry of each is positive.
        variances: the eigenvalues, `[M]`, falling.
        total: the trace of S, the sum of all eigenvalues.
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    total: Tensor


def wide(x: Tensor) -> Tensor:
    """In float64 where the device has it."""
    return x if x.device.type == "mps" else x.double()


def rows(x: Tensor) -> Iterator[Tensor]:
    """Images `[N, ...]` as wide vectors `[n, D]`, some at a time."""
    for part in x.split(_ROWS):
        yield wide(part.flatten(1))


def mean_of(x: Tensor) -> Tensor:
    """The mean image as a vector `[D]`."""
    return torch.stack([part.sum(0) for part in rows(x)]).sum(0) / len(x)


def spectrum(x: Tensor, count: int) -> Spectrum:
    """The `count` largest of images `[N, C, H, W]`, by the smaller one of the two Gram matrices."""
    mean = mean_of(x)
    if len(x) >= len(mean):
        covariance = torch.stack([(part - mean).T @ (part - mean) for part in rows(x)]).sum(0) / len(x)
        values, vectors = _largest(covariance, count)
        total = covariance.trace()
    else:
        centred = torch.cat(list(rows(x))) - mean
        gram = centred @ centred.T / len(x)
        values, left = _largest(gram, count)
        vectors = torch.linalg.qr(centred.T @ left)[0]
        total = gram.trace()
    return Spectrum(mean, upright(vectors), values, total)


def upright(vectors: Tensor) -> Tensor:
    """The same columns `[D, M]` with signs such that the largest entry of each is positive."""
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return vectors * torch.where(largest < 0, -1.0, 1.0)


def _largest(symmetric: Tensor, count: int) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(symmetric)
    return values[-count:].flip(0).clamp_min(0), vectors[:, -count:].flip(1)
