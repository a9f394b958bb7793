"""Chains of distributions: what q(z|x) and p(z) of a hierarchy are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .distributions import DiagonalGaussian, VectorDistribution


class Chain(VectorDistribution):
    r"""d(z) = d_1(z_1) prod_{l > 1} d_l(z_l | z_1 ... z_{l-1}): layers of vectors, the top first.

    z is one tensor `[..., size]`, its layers side by side.

    Args:
        top: the top layer's distribution.
        sizes: of the layers, top first.
    """

    def __init__(self, top: Any, sizes: tuple[int, ...]):
        super().__init__(top.batch_shape, sum(sizes))
        self.top, self.sizes = top, sizes

    def layer(self, place: int, above: Tensor) -> DiagonalGaussian:
        """The distribution of layer `place` (from 1: the one under the top), given all above it, `[..., sizes]`."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum of the layers' conditional log densities: `[..., size]` to `[...]`."""
        layers = value.split(self.sizes, -1)
        total, end = self.top.log_prob(layers[0]), self.sizes[0]
        for place, below in enumerate(layers[1:], 1):
            total = total + self.layer(place, value[..., :end]).log_prob(below)
            end += self.sizes[place]
        return total

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        """Ancestral: the top, then each layer given those above it."""
        with torch.no_grad():
            return self.complete(self.top.sample(torch.Size(sample_shape)))

    def complete(self, z: Tensor) -> Tensor:
        """A whole z from its uppermost layers `[..., some]`: those below are drawn."""
        for place in range(1, len(self.sizes)):
            if z.shape[-1] == sum(self.sizes[:place]):
                z = torch.cat([z, self.layer(place, z).rsample()], -1)
        return z


class LayeredPrior(Chain):
    r"""p(z) = p(z_1) prod_{l > 1} p(z_l | z_1 ... z_{l-1}).

    Args:
        top: p(z_1), any prior's.
        layers: for each lower layer, a module from what is above it to a `DiagonalGaussian`.
        sizes: of the layers, top first.
    """

    def __init__(self, top: Any, layers: nn.ModuleList, sizes: tuple[int, ...]):
        super().__init__(top, sizes)
        self.layers = layers

    def layer(self, place: int, above: Tensor) -> DiagonalGaussian:
        return self.layers[place - 1](above)


class LayeredPosterior(Chain):
    r"""q(z|x) = q(z_1|x) prod_{l > 1} q(z_l | x, z_1 ... z_{l-1}).

    Args:
        top: q(z_1|x), batch `[N]`.
        layers: for each lower layer, a module from what is above it and the image's features to a `DiagonalGaussian`.
        features: of x, for the lower layers, `[N, f]`.
        sizes: of the layers, top first.
        fixed: whether parameters get no gradient (z still does).
    """

    def __init__(
        self, top: Any, layers: nn.ModuleList, features: Tensor, sizes: tuple[int, ...], *, fixed: bool = False
    ):
        super().__init__(top, sizes)
        self.layers, self.features, self.fixed = layers, features, fixed

    def layer(self, place: int, above: Tensor) -> DiagonalGaussian:
        module = self.layers[place - 1]
        if not self.fixed:
            return module(above, self.features)
        parameters = {name: value.detach() for name, value in module.named_parameters()}
        return functional_call(module, parameters, (above, self.features))

    def __getitem__(self, index: Any) -> LayeredPosterior:
        return LayeredPosterior(self.top[index], self.layers, self.features[index], self.sizes, fixed=self.fixed)

    def detach(self) -> LayeredPosterior:
        return LayeredPosterior(self.top.detach(), self.layers, self.features.detach(), self.sizes, fixed=True)

    def rsample(self, sample_shape=torch.Size()) -> Tensor:
        return self.complete(self.top.rsample(torch.Size(sample_shape)))

    def rsample_and_log_prob(self, shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        """A draw down the chain `[*shape, N, size]` and its log density `[*shape, N]`."""
        z, log_q = self.top.rsample_and_log_prob(shape)
        for place in range(1, len(self.sizes)):
            below, log_below = self.layer(place, z).rsample_and_log_prob()
            z, log_q = torch.cat([z, below], -1), log_q + log_below
        return z, log_q

    @property
    def mean(self) -> Tensor:
        """The chain of means: E[z_1|x], then each layer's mean at the means above it. Only the top's is E_q[z|x]."""
        return self._at_means()[0]

    @property
    def stddev(self) -> Tensor:
        """Of the top, and of each lower layer given the means above it: below the top it is conditional."""
        return self._at_means()[1]

    def _at_means(self) -> tuple[Tensor, Tensor]:
        mean, stddev = self.top.mean, self.top.stddev
        for place in range(1, len(self.sizes)):
            below = self.layer(place, mean)
            mean, stddev = torch.cat([mean, below.mean], -1), torch.cat([stddev, below.stddev], -1)
        return mean, stddev
