"""p(z) over grids of codes, each code given those before it: what lets a VQ-VAE sample."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, constraints
from torch.nn import functional


class CodeNetwork(nn.Module):
    r"""Logits of every code given those above it and to its left: a small gated PixelCNN without a blind spot.

    Two streams of gated convolutions, tanh(a) * sigmoid(b): one sees the rows above, the other the row so far and
    what the first has seen. Their input is moved down by one row, and right by one place, before the first layer, so
    that the layers themselves need no masks. A place on the grid has its own bias. The last layer begins at zero:
    before it has learnt, every code is equally likely.

    Reference: van den Oord et al., "Conditional image generation with PixelCNN decoders", 2016.

    Args:
        codes: K.
        grid: (h, w).
        channels: of each stream.
        layers: gated layers.
        kernel: width of the convolutions, odd.
    """

    def __init__(self, codes: int, grid: tuple[int, int], channels: int, layers: int, kernel: int):
        super().__init__()
        self.codes, self.grid = codes, grid
        self.embedding = nn.Embedding(codes, channels)
        self.place = nn.Parameter(torch.zeros(channels, *grid))
        self.layers = nn.ModuleList(_Gated(channels, kernel) for _ in range(layers))
        self.before = nn.Conv2d(channels, channels, 1)
        self.logits = nn.Conv2d(channels, codes, 1)
        nn.init.zeros_(self.logits.weight)
        nn.init.zeros_(self.logits.bias)  # type: ignore[arg-type]

    def forward(self, codes: Tensor) -> Tensor:
        """Codes `[N, rows, w]`, integers, as many rows as there are so far, to logits `[N, K, rows, w]`."""
        embedded = self.embedding(codes).movedim(-1, 1)
        place = self.place[:, : codes.shape[-2]]
        above = functional.pad(embedded, (0, 0, 1, 0))[..., :-1, :] + place
        left = functional.pad(embedded, (1, 0))[..., :-1] + place
        for layer in self.layers:
            above, left = layer(above, left)
        return self.logits(functional.relu(self.before(functional.relu(left))))


class _Gated(nn.Module):
    """One layer of both streams, each residual: `above` at a row sees it and those above; `left` the same row."""

    def __init__(self, channels: int, kernel: int):
        super().__init__()
        self.reach = kernel // 2
        self.rows = nn.Conv2d(channels, 2 * channels, (self.reach + 1, kernel))
        self.row = nn.Conv2d(channels, 2 * channels, (1, self.reach + 1))
        self.join = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, above: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        reach = self.reach
        seen = self.rows(functional.pad(above, (reach, reach, reach, 0)))
        row = self.row(functional.pad(left, (reach, 0))) + self.join(seen)
        return above + _gate(seen), left + self.out(_gate(row))


def _gate(both: Tensor) -> Tensor:
    a, b = both.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


class AutoregressiveCodes(Distribution):
    r"""p(z) = prod_i p(z_i | z_1, ..., z_{i-1}), row by row, over z `[..., h w]` of code numbers as floats.

    Args:
        network: a `CodeNetwork`.
    """

    arg_constraints: ClassVar = {}
    support = constraints.independent(constraints.nonnegative_integer, 1)

    def __init__(self, network: CodeNetwork):
        self.network = network
        super().__init__(torch.Size(), torch.Size((network.grid[0] * network.grid[1],)), validate_args=False)

    def expand(self, batch_shape, _instance=None) -> AutoregressiveCodes:
        if torch.Size(batch_shape) != self.batch_shape:
            raise ValueError(f"a prior is one distribution; it cannot expand to the batch {tuple(batch_shape)}")
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(z), nats: `[..., h w]` to `[...]`."""
        codes = value.round().long().reshape(-1, *self.network.grid)
        losses = functional.cross_entropy(self.network(codes), codes, reduction="none")
        return -losses.flatten(1).sum(-1).reshape(value.shape[:-1])

    def sample(self, sample_shape=torch.Size()) -> Tensor:
        """Draws `[*shape, h w]`: one pass over the rows so far for each code."""
        (h, w), n = self.network.grid, torch.Size(sample_shape).numel()
        with torch.no_grad():
            codes = torch.zeros(n, h, w, dtype=torch.long, device=self.network.place.device)
            for i in range(h):
                for j in range(w):
                    logits = self.network(codes[:, : i + 1])[..., i, j]
                    codes[:, i, j] = Categorical(logits=logits, validate_args=False).sample()
        return codes.reshape(*sample_shape, h * w).to(self.network.place)
