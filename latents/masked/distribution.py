"""A distribution over images that is a product of conditionals, whatever network gives them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from .outputs import Output

# Floats that exist at a time while images are scored without gradients: 32 MB; elsewhere few large passes are faster.
_FLOATS, _FLOATS_ELSEWHERE = 1 << 23, 1 << 27

Shape = tuple[int, int, int]
Walk = Callable[[Tensor | None], Tensor]
"""From the number just drawn `[n]`, None at the start, to the parameters of the next one `[n, K]`."""


class CausalNetwork(nn.Module):
    """Parameters of every number of an image, each from the numbers before it (and from a condition, seen whole).

    Args:
        shape: (C, H, W) of an image.
        output: what the parameters are of.
        cost: floats that scoring one number of an image holds.
    """

    def __init__(self, shape: Shape, output: Output, cost: int):
        super().__init__()
        self.shape, self.output, self.cost = shape, output, cost

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images `[..., C, H, W]`, broadcast against maps `[..., M, H, W]`, to `[..., K, C, H, W]`."""
        raise NotImplementedError

    def walk(self, count: int, condition: Tensor | None = None) -> Walk:
        """The same parameters one number after the other, for `count` images at a time that are still being drawn.

        What was computed for earlier numbers is kept, so a step costs what is new in it. Without gradients.
        """
        raise NotImplementedError


class AutoregressiveImage(Distribution):
    r"""p(x) = prod_i p(x_i | x_1, ..., x_{i-1}), over images with event shape (C, H, W). It has no cheap mean.

    Args:
        network: what gives the conditionals.
        condition: maps `[..., M, H, W]` that every conditional sees whole; their leading dimensions are the batch.
    """

    arg_constraints: ClassVar = {}
    support = constraints.independent(constraints.unit_interval, 3)

    def __init__(self, network: CausalNetwork, condition: Tensor | None = None):
        self.network, self.condition = network, condition
        batch = torch.Size() if condition is None else condition.shape[:-3]
        super().__init__(batch, torch.Size(network.shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Images `[..., C, H, W]`, broadcast against the batch; returns `[...]`, nats.

        Without gradients, many images go in parts of bounded memory.
        """
        floats = _FLOATS if value.device.type == "cpu" else _FLOATS_ELSEWHERE
        rows = max(1, floats // (self.network.cost * math.prod(self.event_shape)))
        alike = self.condition is None or self.condition.shape[:-3] == value.shape[:-3]
        if torch.is_grad_enabled() or value.dim() != 4 or len(value) <= rows or not alike:
            return self._log_prob(value, self.condition)
        parts = value.split(rows)
        conditions = [None] * len(parts) if self.condition is None else self.condition.split(rows)
        return torch.cat([self._log_prob(*pair) for pair in zip(parts, conditions, strict=True)])

    def _log_prob(self, x: Tensor, condition: Tensor | None) -> Tensor:
        return self.network.output.log_prob(self.network(x, condition), x).flatten(-3).sum(-1)

    def sample(
        self,
        sample_shape=torch.Size(),
        *,
        uniforms: Tensor | None = None,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> Tensor:
        """Ancestral draws `[*sample_shape, ..., C, H, W]`, one number after the other.

        Args:
            uniforms: the random numbers in [0, 1) to draw with, of the images' shape; fresh ones by default.
            progress: called after each row of pixels, with the rows done and their number.
        """
        shape, size = self._extended_shape(sample_shape), math.prod(self.event_shape)
        count, condition, rows = math.prod(shape[:-3]), self.condition, self.event_shape[1]
        device = next(self.network.parameters()).device
        with torch.no_grad():
            if condition is not None:
                maps = condition.shape[-3:]
                condition = condition.expand(*shape[:-3], *maps).reshape(count, *maps)
            if uniforms is None:
                uniforms = torch.rand(shape, device=device)
            chances = to_sequence(uniforms).reshape(count, size).T.contiguous()
            drawn: list[Tensor] = []
            step, last = self.network.walk(count, condition), None
            for i, chance in enumerate(chances, start=1):
                last = self.network.output.draw(step(last), chance)
                drawn.append(last)
                if i % (size // rows) == 0:
                    progress(i * rows // size, rows)
            return from_sequence(torch.stack(drawn, -1).reshape(*shape[:-3], size), self.network.shape).contiguous()


def to_sequence(x: Tensor) -> Tensor:
    """The numbers of images `[..., C, H, W]` in their order: `[..., H W C]`."""
    return x.movedim(-3, -1).flatten(-3)


def from_sequence(numbers: Tensor, shape: Shape) -> Tensor:
    """The images `[..., C, H, W]` of numbers in their order `[..., H W C]`."""
    channels, height, width = shape
    return numbers.unflatten(-1, (height, width, channels)).movedim(-1, -3)
