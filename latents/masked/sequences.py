"""Networks that see an image as one sequence of numbers: a window of it, a recurrent state, dilated convolutions."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks import GatedLinear
from .distribution import CausalNetwork, Shape, Walk, from_sequence, to_sequence
from .outputs import Output


class SequenceNetwork(CausalNetwork):
    """Parameters of number i from the numbers before it, as 2 x - 1; before the first there are zeros.

    Subclasses give `features`, and the last layer is linear. The weights are shared by all places. Beside what a
    network sees there is a bias of its own for each phase i mod P: P = 1 says nothing, P = C says which colour number i
    is, and P = H W C says the place in the image.

    Args:
        place: whether the network is told the place of each number, not its colour alone.
        width: of the bias that a phase adds.
        features: of the last hidden layer.
        cost: floats that the hidden layers hold for one number of an image.
    """

    def __init__(self, shape: Shape, output: Output, place: bool, width: int, features: int, cost: int):
        super().__init__(shape, output, cost + 2 * output.numbers)
        self.size = math.prod(shape)
        self.phases = nn.Parameter(torch.zeros(self.size if place else shape[0], width))
        self.head = nn.Linear(features, output.numbers)

    def features(self, before: Tensor, phases: Tensor) -> Tensor:
        """From the number before each `[n, D]`, and what each place adds `[D, width]`, to `[n, D, features]`."""
        raise NotImplementedError

    def step(self, state: Any, before: Tensor, phase: Tensor) -> tuple[Tensor, Any]:
        """One place of `features`, `[n]` to `[n, features]`, and the new state; the state is None at first."""
        raise NotImplementedError

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        numbers = to_sequence(2 * x - 1).reshape(-1, self.size)
        before = functional.pad(numbers[:, :-1], (1, 0))
        phases = self.phases.repeat(self.size // len(self.phases), 1)
        parameters = self.head(self.features(before, phases)).transpose(-1, -2)  # [n, K, D]
        return from_sequence(parameters, self.shape).reshape(*x.shape[:-3], self.output.numbers, *self.shape)

    def walk(self, count: int, condition: Tensor | None = None) -> Walk:
        state, i = None, -1

        def step(last: Tensor | None) -> Tensor:
            nonlocal state, i
            i += 1
            before = self.head.weight.new_zeros(count) if last is None else 2 * last - 1
            features, state = self.step(state, before, self.phases[i % len(self.phases)])
            return self.head(features)

        return step


class FiniteMemory(SequenceNetwork):
    """A gated MLP over the last `memory` numbers, the same at every place.

    Args:
        hidden: width of each layer.
    """

    def __init__(self, shape: Shape, output: Output, place: bool, memory: int, hidden: tuple[int, ...]):
        super().__init__(shape, output, place, 2 * hidden[0], hidden[-1], memory + 3 * max(hidden))
        self.memory = memory
        self.first = nn.Linear(memory, 2 * hidden[0], bias=False)
        self.layers = nn.ModuleList(GatedLinear(*widths) for widths in pairwise(hidden))

    def features(self, before: Tensor, phases: Tensor) -> Tensor:
        return self._seen(functional.pad(before, (self.memory - 1, 0)).unfold(-1, self.memory, 1), phases)

    def step(self, state: Any, before: Tensor, phase: Tensor) -> tuple[Tensor, Any]:
        older = before.new_zeros(len(before), self.memory - 1) if state is None else state[:, 1:]
        window = torch.cat([older, before.unsqueeze(1)], 1)
        return self._seen(window, phase), window

    def _seen(self, windows: Tensor, phases: Tensor) -> Tensor:
        h = functional.glu(self.first(windows) + phases, -1)
        for layer in self.layers:
            h = layer(h)
        return h


class Recurrent(SequenceNetwork):
    """A recurrent network whose state has seen every number before.

    Args:
        cell: "gru" or "lstm".
        hidden: size of the state of each layer.
    """

    def __init__(self, shape: Shape, output: Output, place: bool, cell: str, hidden: int, layers: int):
        super().__init__(shape, output, place, hidden, hidden, 5 * hidden)
        self.embed = nn.Linear(1, hidden)
        self.cells = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](hidden, hidden, layers, batch_first=True)

    def features(self, before: Tensor, phases: Tensor) -> Tensor:
        return self.cells(self.embed(before.unsqueeze(-1)) + phases)[0]

    def step(self, state: Any, before: Tensor, phase: Tensor) -> tuple[Tensor, Any]:
        found, state = self.cells((self.embed(before.unsqueeze(-1)) + phase).unsqueeze(1), state)
        return found.squeeze(1), state


class CausalConvolution(SequenceNetwork):
    r"""Gated convolutions over the past, `kernel` taps that are 1, 2, 4, ... apart: each layer sees twice as far.

    A layer is h + W g(h), g = a * sigmoid(b); their sum over layers goes on. `reach` numbers are seen in all:
    1 + (kernel - 1) (1 + 2 + 4 + ... + 2^(layers - 1)).

    Reference: van den Oord et al., "WaveNet", 2016.

    Args:
        channels: features of each layer.
    """

    def __init__(self, shape: Shape, output: Output, place: bool, channels: int, layers: int, kernel: int):
        super().__init__(shape, output, place, channels, channels, (kernel + 5) * channels)
        self.kernel, self.gaps = kernel, [2**depth for depth in range(layers)]
        self.reach = 1 + (kernel - 1) * sum(self.gaps)
        self.embed = nn.Linear(1, channels)
        self.taps = nn.ModuleList(nn.Linear(kernel * channels, 2 * channels) for _ in self.gaps)
        self.mix = nn.ModuleList(nn.Linear(channels, channels) for _ in self.gaps)

    def features(self, before: Tensor, phases: Tensor) -> Tensor:
        h = self.embed(before.unsqueeze(-1)) + phases
        total = torch.zeros_like(h)
        for gap, taps, mix in zip(self.gaps, self.taps, self.mix, strict=True):
            padded = functional.pad(h, (0, 0, (self.kernel - 1) * gap, 0))
            past = [padded[:, back * gap : back * gap + self.size] for back in range(self.kernel)]
            added = mix(functional.glu(taps(torch.cat(past, -1)), -1))
            h, total = h + added, total + added
        return functional.silu(total)

    def step(self, state: Any, before: Tensor, phase: Tensor) -> tuple[Tensor, Any]:
        """The state: how many steps were taken, and for each layer a ring of the inputs that it still needs."""
        h = self.embed(before.unsqueeze(-1)) + phase
        if state is None:
            state = 0, [h.new_zeros((self.kernel - 1) * gap + 1, *h.shape) for gap in self.gaps]
        i, rings = state
        total = torch.zeros_like(h)
        for gap, ring, taps, mix in zip(self.gaps, rings, self.taps, self.mix, strict=True):
            ring[i % len(ring)] = h
            past = [ring[(i - back * gap) % len(ring)] for back in reversed(range(self.kernel))]
            added = mix(functional.glu(taps(torch.cat(past, -1)), -1))
            h, total = h + added, total + added
        return functional.silu(total), (i + 1, rings)
