"""The gated PixelCNN: two streams of masked convolutions, conditioned on maps that it sees whole."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from .distribution import CausalNetwork, Shape, Walk
from .outputs import Output


class PixelCNN(CausalNetwork):
    r"""Gated masked convolutions without a blind spot, on x in [-1, 1] with zeros around the image.

    Each layer has two streams. `above` at row r convolves all rows of x above r, `left` the pixels of row r to the left
    (and, after the first layer, its own place), and takes in what `above` has seen; both are gated, a * sigmoid(b).
    A pixel's parameters depend on the `reach` pixels to its left and on the rectangle of `reach` + 1 rows above it that
    is 2 `reach` + 1 wide.

    Features belong to colours in equal parts. Of the same pixel, masks let those of a colour see the colours before it
    (in the first layer), and their own features too (after it): red first, then green given red, then blue.

    The condition's maps enter `left` in every layer, and the parameters themselves, by 1x1 convolutions without a mask.
    `above` knows only the image: it is computed once, under however many conditions the image is scored.

    Reference: van den Oord et al., "Conditional image generation with PixelCNN decoders", 2016.

    Args:
        maps: M, of the condition.
        channels: features of each stream.
        layers: gated layers.
        first, kernel: widths of the convolutions of the first layer and of the others, odd.
    """

    def __init__(self, shape: Shape, output: Output, maps: int, channels: int, layers: int, first: int, kernel: int):
        super().__init__(shape, output, 10 * channels + maps + 3 * output.numbers)
        colours = shape[0]
        self.owners = [place * colours // channels for place in range(channels)]  # the colour of each feature
        self.layers = nn.ModuleList(
            _Layer(self.owners, colours, maps, kernel if depth else first, begins=not depth) for depth in range(layers)
        )
        asked = list(range(colours)) * output.numbers
        self.head = _MaskedConv(self.owners, asked, 0, own=True)
        self.direct = nn.Conv2d(maps, output.numbers * colours, 1, bias=False)
        self.reach = first // 2 + (layers - 1) * (kernel // 2)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        assert condition is not None
        batch = torch.broadcast_shapes(x.shape[:-3], condition.shape[:-3])
        maps = _flat(condition.expand(*batch, *condition.shape[-3:]))
        above = left = _flat(2 * x - 1)
        for layer in self.layers:
            above, left = layer(above, left, maps, x.shape[:-3], batch)
        found = self.head(functional.silu(left)) + self.direct(maps)
        return found.reshape(*batch, self.output.numbers, *self.shape)

    def walk(self, count: int, condition: Tensor | None = None) -> Walk:
        assert condition is not None
        return _Walk(self, count, condition)


class _Layer(nn.Module):
    """One gated layer of both streams. The first one `begins` with the image; after it, `left` is residual."""

    def __init__(self, owners: list[int], colours: int, maps: int, kernel: int, *, begins: bool):
        super().__init__()
        channels, self.reach, self.begins = len(owners), kernel // 2, begins
        inputs = list(range(colours)) if begins else owners
        # The rows of the first layer are those above; of the others, above and at: they see no more by that.
        self.rows = nn.Conv2d(
            len(inputs), 2 * channels, (self.reach + 1, kernel), padding=(self.reach + begins, self.reach)
        )
        self.row = _MaskedConv(inputs, owners * 2, self.reach, own=not begins)
        self.join = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.condition = nn.Conv2d(maps, 2 * channels, 1, bias=False)
        self.out = _MaskedConv(owners, owners, 0, own=True)

    def forward(
        self, above: Tensor, left: Tensor, maps: Tensor, images: torch.Size, batch: torch.Size
    ) -> tuple[Tensor, Tensor]:
        """`above` goes by images; `left`, after the first layer, by the whole batch, which images broadcast to."""
        height, width = left.shape[-2:]
        above = functional.glu(self.rows(above)[..., :height, :], 1)
        seen, row = self.join(above), self.row(left)[..., :width]
        if self.begins:
            found = self.out(functional.glu(_added(self.condition(maps), seen + row, batch, images), 1))
            return above, found
        return above, left + self.out(functional.glu(_added(row + self.condition(maps), seen, batch, images), 1))


class _MaskedConv(nn.Conv2d):
    """A convolution over `reach` places to the left and the place itself: there, only features of earlier colours.

    Features of the same colour count as earlier when `own`. Where a mask would hide nothing, there is none.
    """

    mask: Tensor | None

    def __init__(self, inputs: list[int], outputs: list[int], reach: int, *, own: bool):
        super().__init__(len(inputs), len(outputs), (1, reach + 1), padding=(0, reach))
        seen = [[here < there + own for here in inputs] for there in outputs]
        mask = None
        if not all(map(all, seen)):
            mask = torch.ones(self.weight.shape, dtype=torch.bool)
            mask[..., 0, -1] = torch.tensor(seen)
        self.register_buffer("mask", mask, persistent=False)

    def masked(self) -> Tensor:
        """The weights that count, `[outputs, inputs, 1, reach + 1]`."""
        return self.weight if self.mask is None else self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.masked(), self.bias, padding=self.padding)


def _flat(maps: Tensor) -> Tensor:
    """All leading dimensions as one."""
    return maps.reshape(-1, *maps.shape[-3:])


def _added(maps: Tensor, more: Tensor, batch: torch.Size, own: torch.Size) -> Tensor:
    """Maps of a batch plus maps of another, `own`, that broadcasts to it; each with one leading dimension."""
    if own == batch:
        return maps + more
    return _flat(maps.reshape(*batch, *maps.shape[1:]) + more.reshape(*own, *more.shape[1:]))


class _Kept:
    """What a walk keeps of one layer. Views are made once: a step is then a handful of calls.

    Attributes:
        rows: the input of `above` in the rows that the next one needs, `[n, F, reach + 1, W]`.
        row: the input of `left` in this row, after `reach` zeros, `[n, reach + W, F]`; `windows` are what each place
            convolves of it, `[n, (reach + 1) F]`.
        gated: the gated features at this place, `[n, channels]`.
        waiting: of each colour and place, what `left` takes from above and the condition, `[n, 2 features]`.
        weights, mixing, bias: of each colour, the masked weights of `row` and of `out`, and the bias of `out`.
    """

    waiting: list[tuple[Tensor, ...]]

    def __init__(self, layer: _Layer, like: Tensor, width: int, slices: list[slice]):
        self.layer, self.slices = layer, slices
        count, features, channels = len(like), layer.row.in_channels, layer.out.out_channels
        self.rows = like.new_zeros(count, features, layer.reach + 1, width)
        self.row = like.new_zeros(count, layer.reach + width, features)
        self.windows = [self.row[:, at : at + layer.reach + 1].flatten(1) for at in range(width)]
        self.gated = like.new_zeros(count, channels)
        row, out = layer.row.masked().squeeze(2), layer.out.masked().flatten(1)
        halves = [torch.cat([row[mine], row[channels:][mine]]) for mine in slices]
        self.weights = [half.permute(2, 1, 0).flatten(0, 1).contiguous() for half in halves]
        self.mixing = [out[mine].T.contiguous() for mine in slices]
        self.bias = [layer.out.bias[mine] for mine in slices]  # type: ignore[index]

    def begin_row(self, newest: Tensor, condition: Tensor) -> Tensor:
        """Take in the newest row of the input of `above`, `[n, F, W]`; returns what `above` makes of it."""
        layer, channels = self.layer, self.layer.out.out_channels
        self.rows = torch.cat([self.rows[:, :, 1:], newest.unsqueeze(2)], 2)
        self.row.zero_()
        rows = functional.conv2d(self.rows, layer.rows.weight, layer.rows.bias, padding=(0, layer.reach))
        above = functional.glu(rows, 1)
        left = (layer.join(above) + layer.condition(condition)).squeeze(2) + layer.row.bias.unsqueeze(-1)  # type: ignore[union-attr]
        self.waiting = [
            torch.cat([left[:, mine], left[:, channels:][:, mine]], 1).permute(2, 0, 1).contiguous().unbind()
            for mine in self.slices
        ]
        return above.squeeze(2)

    def gate(self, at: int, colour: int) -> Tensor:
        """The gated features at a place, those of this colour new and those of earlier ones as they were."""
        both = torch.addmm(self.waiting[colour][at], self.windows[at], self.weights[colour])
        if len(self.slices) == 1:
            return functional.glu(both, 1)
        self.gated[:, self.slices[colour]] = functional.glu(both, 1)
        return self.gated


class _Walk:
    """The steps of a draw: `above` is computed a row at a time, `left` at the new place alone."""

    def __init__(self, network: PixelCNN, count: int, condition: Tensor):
        self.network, self.condition = network, condition
        self.colours, _, self.width = network.shape
        self.i, self.minus_one = 0, condition.new_tensor(-1.0)
        ends = [network.owners.index(colour) for colour in range(self.colours)] + [len(network.owners)]
        slices = [slice(*pair) for pair in pairwise(ends)]  # the features of each colour
        self.kept = [_Kept(layer, condition, self.width, slices) for layer in network.layers]  # type: ignore[arg-type]
        self.last = condition.new_zeros(count, len(network.owners))  # `left` after the last layer, at this place
        # Where the numbers of this row go, and what each layer but the first begins with: the input of the next one.
        self.numbers = self._places(self.kept[0], [slice(colour, colour + 1) for colour in range(self.colours)])
        self.outputs = [self._places(kept, slices) for kept in self.kept[1:]]
        self.outputs.append([[self.last[:, mine] for mine in slices]] * self.width)
        head = network.head.masked().flatten(1)
        self.heads = [head[colour :: self.colours].T.contiguous() for colour in range(self.colours)]
        self.direct: list[tuple[Tensor, ...]] = []

    def _places(self, kept: _Kept, slices: list[slice]) -> list[list[Tensor]]:
        places = kept.row[:, kept.layer.reach :].unbind(1)
        return [[place[:, mine] for mine in slices] for place in places]

    def __call__(self, last: Tensor | None) -> Tensor:
        pixel, colour = divmod(self.i, self.colours)
        at = pixel % self.width
        if last is not None:  # the number just drawn, as 2 x - 1
            before, previous = divmod(self.i - 1, self.colours)
            place = self.numbers[before % self.width][previous]
            torch.add(self.minus_one, last.unsqueeze(1), alpha=2, out=place)
        if at == 0 and colour == 0:
            self._begin_row(pixel // self.width)
        self.i += 1
        for depth, kept in enumerate(self.kept):
            found, gated = self.outputs[depth][at][colour], kept.gate(at, colour)
            if depth:
                torch.addmm(self.outputs[depth - 1][at][colour], gated, kept.mixing[colour], out=found)
                found += kept.bias[colour]
            else:
                torch.addmm(kept.bias[colour], gated, kept.mixing[colour], out=found)
        return torch.addmm(self.direct[colour][at], functional.silu(self.last), self.heads[colour])

    def _begin_row(self, r: int) -> None:
        """All that the new row needs of the rows above it and of the condition."""
        condition = self.condition[:, :, r : r + 1]
        newest = self.kept[0].row[:, self.kept[0].layer.reach :].transpose(1, 2)  # the image's row just finished
        for kept in self.kept:
            newest = kept.begin_row(newest, condition)
        head = self.network.direct(condition).squeeze(2) + self.network.head.bias.unsqueeze(-1)  # type: ignore[union-attr]
        self.direct = [
            head[:, colour :: self.colours].permute(2, 0, 1).contiguous().unbind() for colour in range(self.colours)
        ]
