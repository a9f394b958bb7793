"""Matrices with orthonormal columns, by an iteration that is run until it has converged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_STEPS = 100  # enough for a condition number of 1e16
_TOLERANCE = 16  # times the precision of the numbers, and the number of columns


def orthonormal(a: Tensor) -> Tensor:
    r"""The matrix Q with Q^T Q = I that is nearest to A, `[..., d, M]` with M <= d: A (A^T A)^(-1/2).

    Q <- Q (I + (I - Q^T Q) / 2), from A / |A|_F, until the largest entry of |Q^T Q - I| is a few times the rounding
    error (van den Berg et al. 2018, equations 14-15, after Björck and Bowie 1971). The gradient is that of the limit,
    in closed form, and not one through the iterations. Where the columns of A depend on each other no nearest Q
    exists; some Q is then taken, which gets no gradient.
    """
    return _Orthonormal.apply(a)


def off_by(q: Tensor) -> Tensor:
    """The largest entry of |Q^T Q - I| of each matrix, `[...]`."""
    return (_eye(q) - q.mT @ q).abs().amax((-2, -1))


def _eye(q: Tensor) -> Tensor:
    return torch.eye(q.shape[-1], dtype=q.dtype, device=q.device)


def _iterate(a: Tensor) -> tuple[Tensor, Tensor]:
    """Q, and which of the matrices have one, `[..., 1, 1]`."""
    tolerance = _TOLERANCE * torch.finfo(a.dtype).eps * a.shape[-1]
    size = torch.linalg.matrix_norm(a, keepdim=True)
    q, eye = a / torch.where(size > 0, size, 1), _eye(a)
    for _ in range(_STEPS):
        rest = eye - q.mT @ q
        if bool(rest.abs().max() <= tolerance):
            return q, torch.ones_like(size, dtype=torch.bool)
        q = q + 0.5 * (q @ rest)
    well = (off_by(q) <= tolerance)[..., None, None]
    return torch.where(well, q, torch.linalg.qr(a).Q), well


class _Orthonormal(torch.autograd.Function):
    """A = Q P with P = (A^T A)^(1/2), the polar decomposition, and the gradient of its Q."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        q, well = _iterate(a)
        ctx.save_for_backward(a, q, well)
        return q

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        # From dA = dQ P + Q dP: dQ = Q W + (I - Q Q^T) dA P^-1, with W P + P W = Q^T dA - dA^T Q. In the basis of
        # P's eigenvectors that equation, which is its own adjoint, is a division.
        a, q, well = ctx.saved_tensors
        squares, v = torch.linalg.eigh(torch.where(well, a.mT @ a, _eye(a)))
        s = squares.clamp_min(torch.finfo(a.dtype).tiny).sqrt()
        s = s.maximum(torch.finfo(a.dtype).eps * s[..., -1:])
        along = q.mT @ grad
        turned = v.mT @ (along - along.mT) @ v / (s.unsqueeze(-1) + s.unsqueeze(-2))
        across = (grad - q @ along) @ v / s.unsqueeze(-2)
        return torch.where(well, (q @ v @ turned + across) @ v.mT, 0)
