"""Any distribution over 256 levels, pixel by pixel."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from .base import Likelihood, Shape, image_head
from .levels import LEVELS, from_levels, to_levels


class CategoricalImage(Distribution):
    """Independent pixels of 256 levels, P(k) = softmax(l)_k: no order and no shape is assumed. An image's x is k / 255.

    Args:
        logits: l, `[..., 256, C, H, W]`.
    """

    arg_constraints: ClassVar = {"logits": constraints.independent(constraints.real, 4)}
    support = constraints.independent(constraints.unit_interval, 3)

    def __init__(self, logits: Tensor):
        self.logits = logits
        super().__init__(logits.shape[:-4], logits.shape[-3:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Images `[..., C, H, W]` broadcast against the batch; returns `[...]`, nats."""
        level = to_levels(value).long().unsqueeze(-4)
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[:-3])
        log_p = self.logits.log_softmax(-4)
        log_p, level = (part.expand(*batch, *part.shape[-4:]) for part in (log_p, level))
        return log_p.gather(-4, level).sum((-4, -3, -2, -1))

    @property
    def mean(self) -> Tensor:
        """E[x] = sum_k softmax(l)_k k / 255."""
        levels = torch.arange(LEVELS, dtype=self.logits.dtype, device=self.logits.device)
        return from_levels(torch.einsum("...kchw,k->...chw", self.logits.softmax(-4), levels))

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            rows = self.logits.softmax(-4).movedim(-4, -1).reshape(-1, LEVELS)
            count = torch.Size(sample_shape).numel()
            drawn = torch.multinomial(rows, count, replacement=True).T.reshape(shape)
            return from_levels(drawn.to(self.logits.dtype))


class Categorical(Likelihood):
    """Pixels of 256 levels, independent given z: P(k) = softmax(l(z))_k, 256 logits for each pixel and channel.

    Channels are independent given z. With dense layers the head has 256 C H W outputs: small images, or a decoder
    with convolutions.
    """

    kind = "categorical"
    binary = False
    measure_kind = "discrete"
    cost = 2 * LEVELS  # logits, and their log-softmax

    def __init__(self, settings, features: int, shape: Shape, spatial: bool = False):
        super().__init__(settings, features, shape, spatial)
        self.logits = image_head(features, LEVELS, shape, spatial)

    def forward(self, features: Tensor) -> CategoricalImage:
        return CategoricalImage(self.logits(features))
