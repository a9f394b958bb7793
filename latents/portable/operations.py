"""The operations of portable programs, each documented here once; NumPy runs them on batches `[N, size]`.

A value is a vector of float32. An operation names the values that it takes in "in", the one that it makes in "out",
its tensors by their names in the file, and its numbers as they are. `explorer/canvas/interpreter.js` has the same
operations under the same names, for one vector at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray as Array

from ..errors import LatentsError

LARGEST = 1 << 22
"""Numbers of a value at most: a program from elsewhere cannot ask for all memory."""


class PortableError(LatentsError):
    """A portable program is damaged, or is given what it does not take."""


@dataclass(frozen=True)
class Operation:
    """What an operation takes.

    Attributes:
        inputs: how many values; None for any number of them.
        tensors, numbers: names of its tensors and of its numbers.
        call: from values `[N, size]`, tensors and numbers to a value `[N, size]`. Raises PortableError.
    """

    inputs: int | None
    tensors: tuple[str, ...]
    numbers: tuple[str, ...]
    call: Callable[..., Array]


OPERATIONS: dict[str, Operation] = {}


def operation(inputs: int | None = 1, tensors: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> Callable:
    """Enter a function among the operations, under its name."""

    def enter(call: Callable[..., Array]) -> Callable[..., Array]:
        OPERATIONS[call.__name__] = Operation(inputs, tensors, numbers, call)
        return call

    return enter


def need(condition: bool, sentence: str) -> None:
    if not condition:
        raise PortableError(sentence)


def whole(value: object, least: int = 0) -> bool:
    """Whether a number of a file is a whole one that a size can be."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST


@operation(tensors=("weight", "bias"))
def linear(x: Array, weight: Array, bias: Array) -> Array:
    """y = x W + b, W `[inputs, outputs]`: a row for each input, so that an input of zero skips its row."""
    need(
        weight.ndim == 2 and weight.shape[0] == x.shape[1] and bias.shape == weight.shape[1:],
        f"linear takes {x.shape[1]} numbers, but its weight is {list(weight.shape)} and its bias {list(bias.shape)}; "
        f"[{x.shape[1]}, outputs] and [outputs] were expected",
    )
    return x @ weight + bias


@operation(tensors=("weight", "bias"), numbers=("height", "width", "repeat", "stride", "padding"))
def convolve(
    x: Array, weight: Array, bias: Array, height: int, width: int, repeat: int, stride: int, padding: int
) -> Array:
    """Maps `[inputs, height, width]`, each pixel repeated in height and width, to maps `[outputs, height', width']`.

    W is `[kernel, kernel, inputs, outputs]`; around the maps are `padding` zeros. As torch's conv2d after its
    nearest-neighbour interpolate.
    """
    counts = (height, width, repeat, stride, padding)
    fits = all(map(whole, counts)) and min(counts[:4]) > 0
    need(fits, f"convolve has the numbers {list(counts)}, but whole ones were expected")
    need(
        weight.ndim == 4
        and weight.shape[0] == weight.shape[1]
        and weight.shape[2] * height * width == x.shape[1]
        and bias.shape == weight.shape[3:],
        f"convolve takes {x.shape[1]} numbers as maps of {height} x {width}, but its weight is {list(weight.shape)} "
        f"and its bias {list(bias.shape)}",
    )
    kernel, _, inputs, outputs = weight.shape
    high, wide = (side * repeat + 2 * padding for side in (height, width))
    need(kernel <= min(high, wide), f"convolve has a kernel of {kernel} for maps of {high} x {wide}")
    after = [(side - kernel) // stride + 1 for side in (high, wide)]
    need(
        max(inputs * high * wide, outputs * math.prod(after)) <= LARGEST,
        "convolve makes larger maps than a program may",
    )
    maps = x.reshape(len(x), inputs, height, width).repeat(repeat, axis=2).repeat(repeat, axis=3)
    maps = np.pad(maps, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(maps, (kernel, kernel), axis=(2, 3))
    found = np.einsum("nihwab,abio->nohw", windows[:, :, ::stride, ::stride], weight, optimize=True)
    return (found + bias[:, np.newaxis, np.newaxis]).reshape(len(x), outputs * math.prod(after))


@operation()
def glu(x: Array) -> Array:
    """y = h sigmoid(g), h the first half of x and g the second."""
    need(x.shape[1] % 2 == 0, f"glu takes two halves, but it is given {x.shape[1]} numbers")
    h, g = np.split(x, 2, axis=1)
    return h * sigmoid(g)


@operation()
def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + exp(-x))."""
    return 0.5 * (1 + np.tanh(0.5 * x))


@operation()
def softplus(x: Array) -> Array:
    """y = log(1 + exp(x))."""
    return np.logaddexp(x, 0, dtype=x.dtype)


@operation()
def exp(x: Array) -> Array:
    """y = exp(x)."""
    return np.exp(x)


@operation(numbers=("least", "most"))
def clamp(x: Array, least: float, most: float) -> Array:
    """y = min(max(x, least), most)."""
    need(least <= most, f"clamp has no room between {least:g} and {most:g}")
    return np.clip(x, np.float32(least), np.float32(most))


@operation(numbers=("scale", "shift"))
def affine(x: Array, scale: float, shift: float) -> Array:
    """y = scale x + shift."""
    return np.float32(scale) * x + np.float32(shift)


@operation(inputs=None)
def concat(*values: Array) -> Array:
    """The values one after another."""
    return np.concatenate(values, axis=1)


@operation(numbers=("start", "stop"))
def slice(x: Array, start: int, stop: int) -> Array:
    """The numbers from start to before stop."""
    fits = whole(start) and whole(stop) and start < stop <= x.shape[1]
    need(fits, f"slice takes {start} to {stop} of {x.shape[1]} numbers")
    return x[:, start:stop]


@operation()
def normalise(x: Array) -> Array:
    """y = x / |x|, and 0 where |x| is 0."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-12))


@operation(inputs=2)
def reflect(x: Array, v: Array) -> Array:
    """Each row of x, as long as v, reflected: y = x - 2 v (v . x) / |v|^2; x where v is 0."""
    need(x.shape[1] % v.shape[1] == 0, f"reflect takes rows of {v.shape[1]} numbers, but it is given {x.shape[1]}")
    rows = x.reshape(len(x), x.shape[1] // v.shape[1], v.shape[1])
    normal = normalise(v)[:, np.newaxis]
    return (rows - 2 * (rows * normal).sum(-1, keepdims=True) * normal).reshape(x.shape)


@operation()
def diagonal(x: Array) -> Array:
    """The rows of the diagonal matrix with x on it: d numbers become d d."""
    need(x.shape[1] ** 2 <= LARGEST, f"diagonal makes a matrix of {x.shape[1]} rows, more than a program may")
    return (np.eye(x.shape[1], dtype=x.dtype) * x[:, np.newaxis]).reshape(len(x), x.shape[1] ** 2)


@operation()
def column_norms(x: Array) -> Array:
    """The lengths of the columns of a square matrix given row by row: d d numbers become d."""
    side = math.isqrt(x.shape[1])
    need(side * side == x.shape[1], f"column_norms takes a square matrix, but it is given {x.shape[1]} numbers")
    return np.linalg.norm(x.reshape(len(x), side, side), axis=1)


@operation(inputs=2)
def logistic_mean(location: Array, log_scale: Array) -> Array:
    """The mean of discretised logistic pixels, `latents.likelihoods.logistic.DiscretisedLogistic.mean`.

    y = 256/255 s (softplus((mu - 1/512) / s) - softplus((mu - 511/512) / s)), mu the location and log s the log-scale.
    """
    need(
        location.shape == log_scale.shape,
        f"logistic_mean takes two values of one size, but they have {location.shape[1]} and {log_scale.shape[1]}",
    )
    rate = np.exp(-log_scale.astype(np.float64))
    low, high = (np.logaddexp((location - at) * rate, 0) for at in (1 / 512, 511 / 512))
    return ((low - high) / rate * (256 / 255)).astype(location.dtype)


@operation(numbers=("levels",))
def levels_mean(x: Array, levels: int) -> Array:
    """The mean of pixels of K levels: y_i = sum_k softmax(l_i)_k k / (K - 1), x all l_0, then all l_1, and so on."""
    fits = whole(levels, 2) and x.shape[1] % levels == 0
    need(fits, f"levels_mean takes {levels} logits for each pixel, but it is given {x.shape[1]} numbers")
    logits = x.reshape(len(x), levels, x.shape[1] // levels)
    chance = np.exp(logits - logits.max(1, keepdims=True))
    k = np.arange(levels, dtype=x.dtype)[:, np.newaxis]
    return (chance * k).sum(1) / chance.sum(1) / np.float32(levels - 1)


@operation(inputs=2)
def stick_breaking_mean(a: Array, b: Array) -> Array:
    """The mean weights of sticks v_k ~ Kumaraswamy(a_k, b_k): y_k = m_k prod_{j<k} (1 - m_j), and last what is left.

    m = E[v] = b Gamma(1 + 1/a) Gamma(b) / Gamma(1 + 1/a + b); see `latents.stick_breaking.StickBreaking.mean`.
    """
    need(
        a.shape == b.shape, f"stick_breaking_mean takes values of one size, but they have {a.shape[1]} and {b.shape[1]}"
    )
    a, b = a.astype(np.float64), b.astype(np.float64)
    m = b * np.exp(_log_gamma(1 + 1 / a) + _log_gamma(b) - _log_gamma(1 + 1 / a + b))
    one = np.ones((len(m), 1))
    left = np.concatenate([one, (1 - m).cumprod(1)], axis=1)
    return (np.concatenate([m, one], axis=1) * left).astype(np.float32)


_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])
