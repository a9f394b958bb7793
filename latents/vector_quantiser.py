"""Vectors replaced by the nearest of K codes, and how the codes are learnt."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_TABLE = 1 << 20  # distances that exist at a time: what stays in a processor's cache
_ROUNDS = 10  # of k-means, for the first codebook


class Quantised(NamedTuple):
    """What becomes of vectors `[..., D]`.

    Attributes:
        codes: the number of the nearest code, `[...]`, integers.
        vectors: that code's vector `[..., D]`; its gradient goes to the given vectors unchanged (straight-through).
        commitment: |h - sg(e)|^2 of each vector `[...]`.
    """

    codes: Tensor
    vectors: Tensor
    commitment: Tensor


class VectorQuantiser(nn.Module):
    r"""A codebook e_1..e_K in R^D; a vector h becomes e_k, k = argmin_j |h - e_j|^2.

    The gradient skips the argmin: d e_k / d h is taken to be the identity (straight-through). The codes follow the
    vectors that fall to them, by moving averages of their number and sum::

        N_k <- g N_k + (1 - g) n_k        m_k <- g m_k + (1 - g) sum_{i: code k} h_i        e_k = m_k / N_k

    with n_k and the sum divided by the number of vectors, or by the gradient of `codebook_loss`. Only `update` changes
    the codebook or the averages; a code that has fallen out of use is put at one of the vectors then.

    Reference: van den Oord et al., "Neural discrete representation learning", 2017, section 3.2 and appendix A.1.

    Args:
        codes: K, at least 2.
        dimension: D.
        codebook: how the codes learn, "ema" (moving averages) or "loss" (gradient).
        decay: g.
        revive: a code whose share N_k falls below `revive / K` begins anew; 0 for never.
    """

    codebook: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(
        self,
        codes: int,
        dimension: int,
        *,
        codebook: Literal["ema", "loss"] = "ema",
        decay: float = 0.99,
        revive: float = 0.2,
    ):
        super().__init__()
        if codes < 2:
            raise ValueError(f"a codebook has at least 2 codes; got {codes}")
        self.codes, self.decay, self.revive, self.moving = codes, decay, revive, codebook == "ema"
        vectors = torch.randn(codes, dimension) / math.sqrt(dimension)
        if self.moving:
            self.register_buffer("codebook", vectors)
        else:
            self.codebook = nn.Parameter(vectors)
        self.register_buffer("usage", torch.full((codes,), 1 / codes))
        self.register_buffer("sums", vectors / codes)

    def nearest(self, h: Tensor) -> Tensor:
        """The number of the code nearest to each vector: `[..., D]` to `[...]`, integers."""
        with torch.no_grad():
            half = 0.5 * self.codebook.square().sum(-1)
            rows = h.reshape(-1, h.shape[-1]).split(max(1, _TABLE // self.codes))
            found = [torch.addmm(half, part, self.codebook.T, alpha=-1).argmin(-1) for part in rows]
            return torch.cat(found).reshape(h.shape[:-1])

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of these codes: `[...]` to `[..., D]`."""
        return functional.embedding(codes, self.codebook)

    def forward(self, h: Tensor) -> Quantised:
        codes = self.nearest(h)
        vectors = self.look_up(codes).detach()
        return Quantised(codes, h + (vectors - h).detach(), (h - vectors).square().sum(-1))

    def codebook_loss(self, h: Tensor, codes: Tensor) -> Tensor:
        """|sg(h) - e|^2 of each vector `[...]`: what moves a codebook that learns by gradient."""
        return (h.detach() - self.look_up(codes)).square().sum(-1)

    @torch.no_grad()
    def update(self, h: Tensor, codes: Tensor) -> int:
        """One step of the moving averages; returns how many codes began anew, at random ones of the vectors."""
        flat, taken = h.detach().reshape(-1, h.shape[-1]), codes.reshape(-1)
        share = 1 / len(taken)
        self.usage.lerp_(torch.bincount(taken, minlength=self.codes).to(flat) * share, 1 - self.decay)
        if self.moving:
            sums = torch.zeros_like(self.sums).index_add_(0, taken, flat, alpha=share)
            self.sums.lerp_(sums, 1 - self.decay)
            used = self.usage > torch.finfo(self.usage.dtype).tiny
            means = self.sums / self.usage.clamp_min(torch.finfo(self.usage.dtype).tiny).unsqueeze(-1)
            self.codebook.copy_(torch.where(used.unsqueeze(-1), means, self.codebook))
        return self._revive(flat)

    def _revive(self, h: Tensor) -> int:
        dead = (self.usage < self.revive / self.codes).nonzero().squeeze(-1)
        dead = dead[: len(h)]
        if len(dead):
            chosen = torch.randperm(len(h), device=h.device)[: len(dead)]
            self._begin(dead, h[chosen])
        return len(dead)

    def _begin(self, codes: Tensor, vectors: Tensor) -> None:
        """These codes at these vectors, as if they had had an equal share all along."""
        self.codebook.data[codes] = vectors
        self.usage[codes] = 1 / self.codes
        self.sums[codes] = vectors / self.codes

    @torch.no_grad()
    def initialise(self, h: Tensor, generator: torch.Generator) -> None:
        """Put the codes at random ones of these vectors `[M, D]`, M >= K, then at the means of their neighbours."""
        if len(h) < self.codes:
            raise ValueError(f"a codebook of {self.codes} codes begins at as many vectors; got {len(h)}")
        chosen = torch.randperm(len(h), generator=generator)[: self.codes].to(h.device)
        everything = torch.arange(self.codes, device=h.device)
        self._begin(everything, h[chosen])
        for _ in range(_ROUNDS):
            taken = self.nearest(h)
            count = torch.bincount(taken, minlength=self.codes).unsqueeze(-1)
            sums = torch.zeros_like(self.sums).index_add_(0, taken, h)
            self._begin(everything, torch.where(count > 0, sums / count.clamp_min(1), self.codebook))


def perplexity(codes: Tensor, size: int) -> Tensor:
    """exp(-sum_k p_k log p_k), p_k the share of code k of `size`: how many codes an equal use would be. 1 to `size`."""
    share = torch.bincount(codes.reshape(-1), minlength=size).float() / codes.numel()
    return torch.special.entr(share).sum().exp()
