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


@operation(tensors=("weight", "bias"))
def linear(x: Array, weight: Array, bias: Array) -> Array:
    """y = x W + b, W `[inputs, outputs]`: a row for each input, so that an input of zero skips its row."""
    need(
        weight.ndim == 2 and weight.shape[0] == x.shape[1] and bias.shape == weight.shape[1:],
        f"linear takes {x.shape[1]} numbers, but its weight is {list(weight.shape)} and its bias {list(bias.shape)}; "
        f"[{x.shape[1]}, outputs] and [outputs] were expected",
    )
    return x @ weight + bias


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
    fits = isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop <= x.shape[1]
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
    rows, normal = x.reshape(len(x), -1, v.shape[1]), normalise(v)[:, np.newaxis]
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
    fits = isinstance(levels, int) and levels > 1 and x.shape[1] % levels == 0
    need(fits, f"levels_mean takes {levels} logits for each pixel, but it is given {x.shape[1]} numbers")
    logits = x.reshape(len(x), levels, x.shape[1] // levels)
    chance = np.exp(logits - logits.max(1, keepdims=True))
    k = np.arange(levels, dtype=x.dtype)[:, np.newaxis]
    return (chance * k).sum(1) / chance.sum(1) / np.float32(levels - 1)
