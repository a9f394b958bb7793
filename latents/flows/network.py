"""Maps given by a neural network that sees part of z and a context: zuko's, with the context of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .base import Transform


class Lazy(nn.Module):
    """A lazy transformation of zuko's as one module, whose call is the whole map.

    Its masks and orders follow from its settings, so they are built again and never saved.

    Args:
        make: builds the transformation.
    """

    def __init__(self, make: Callable[[], nn.Module]):
        super().__init__()
        with torch.device("cpu"):  # masks are computed, which a model that is built only for its shapes cannot do
            self.transform = make()
        self.transform.to(torch.get_default_device())
        for module in self.transform.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                module.register_buffer(name, buffer, persistent=False)

    def forward(self, z: Tensor, context: Tensor | None, back: bool) -> tuple[Tensor, Tensor]:
        """f(z) or, going `back`, f^-1(z); with log |det df| at the point before f."""
        f: Any = self.transform(context)
        if back:
            before = f.inv(z)
            return before, f.log_abs_det_jacobian(before, z)
        return f.call_and_ladj(z)


@dataclass(frozen=True, eq=False)
class Network(Transform):
    """f(z; c): one network for all, a context `[..., N, c]` for each image.

    Args:
        network: what maps z, given the context.
        context: None where the map is the same for all (a prior's).
        frozen: whether the network's weights get no gradient.
    """

    network: Lazy
    context: Tensor | None = None
    frozen: bool = False

    def detach(self) -> Self:
        return replace(super().detach(), frozen=True)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self._run(z, back=False)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return self._run(y, back=True)

    def _run(self, z: Tensor, back: bool) -> tuple[Tensor, Tensor]:
        if self.context is not None:
            z = z.expand(*torch.broadcast_shapes(z.shape[:-1], self.context.shape[:-1]), z.shape[-1])
        if not self.frozen:
            return self.network(z, self.context, back)
        weights = {name: weight.detach() for name, weight in self.network.named_parameters()}
        return functional_call(self.network, weights, (z, self.context, back))
