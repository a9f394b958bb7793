"""Portable programs as they are written and read: safetensors whose metadata hold a list of operations.

The metadata's "program" is JSON: {"version": 1, "part": "decoder", "inputs": {"z": 2}, "ops": [{"op": "linear",
"in": ["z"], "out": "v1", "weight": "t1", "bias": "t2"}, ...], "outputs": {"pixels": "v7"}, "shape": [C, H, W],
"binarise": "bernoulli"}. Tensors are float16 or float32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .operations import LARGEST, OPERATIONS, PortableError, need, whole

VERSION = 1
MOST = 1000
"""Operations of a program at most."""
TYPES = {"float16": np.float16, "float32": np.float32}


@dataclass(frozen=True)
class Value:
    """A vector that a program makes: its name, how many numbers it has, and as which maps (C, H, W) they are read."""

    name: str
    size: int
    maps: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Program:
    """What a model's decoder or encoder does, as operations.

    Attributes:
        part: "decoder" or "encoder".
        inputs: the size of each input.
        ops: the operations in order, as in the file.
        outputs: the value that each output is.
        shape: (C, H, W) of the model's images.
        binarise: "bernoulli" where the model knows binary images (a gray pixel is a chance to be white), else "none".
        tensors: float32, by name.
        exact: names of the tensors that stay float32 in any file: what was computed from weights.
    """

    part: str
    inputs: dict[str, int]
    ops: list[dict[str, Any]]
    outputs: dict[str, str]
    shape: tuple[int, ...]
    binarise: str
    tensors: dict[str, np.ndarray]
    exact: frozenset[str] = frozenset()

    def rounded(self, dtype: str) -> Program:
        """The same program with its tensors as a file in "float16" or "float32" gives them back."""
        tensors = {name: value.astype(np.float32) for name, value in self._cast(dtype).items()}
        return replace(self, tensors=tensors)

    def _cast(self, dtype: str) -> dict[str, np.ndarray]:
        with np.errstate(over="ignore"):
            return {
                name: value if name in self.exact else value.astype(TYPES[dtype])
                for name, value in self.tensors.items()
            }

    def write(self, dtype: str) -> bytes:
        """The file, with its tensors in "float16" or "float32"."""
        said = {
            "version": VERSION,
            "part": self.part,
            "inputs": self.inputs,
            "ops": self.ops,
            "outputs": self.outputs,
            "shape": list(self.shape),
            "binarise": self.binarise,
        }
        return save(self._cast(dtype), {"program": json.dumps(said, separators=(",", ":"))})

    @classmethod
    def read(cls, blob: bytes) -> Program:
        """A file's program, checked: names, sizes and tensors fit. Raises PortableError, one sentence."""
        try:
            tensors = {name: value.astype(np.float32) for name, value in load(blob).items()}
            header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
            said = json.loads(header["__metadata__"]["program"])
            need(said["version"] == VERSION, f"The program is of version {said['version']}, but 1 was expected")
            program = cls(
                said["part"],
                dict(said["inputs"]),
                list(said["ops"]),
                dict(said["outputs"]),
                tuple(said["shape"]),
                said["binarise"],
                tensors,
            )
        except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise PortableError(
                f"The program is damaged ({type(error).__name__}: {error}); export the model again"
            ) from None
        need(
            all(whole(size, 1) for size in program.inputs.values()),
            f"The program's inputs have the sizes {program.inputs}, but whole numbers from 1 were expected",
        )
        # An empty batch costs nothing and meets every check.
        empty = {name: np.zeros((0, size), np.float32) for name, size in program.inputs.items()}
        pixels = (program.run(empty) | empty).get({"decoder": "pixels", "encoder": "x"}.get(str(program.part), ""))
        need(
            pixels is not None
            and len(program.shape) == 3
            and all(map(whole, program.shape))
            and math.prod(program.shape) == pixels.shape[1],
            f"The program is a {program.part!r} of images of {list(program.shape)}, which does not fit its pixels",
        )
        return program

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Every output `[N, size]` for inputs `[N, size]`, float32. Raises PortableError."""
        values: dict[str, np.ndarray] = {}
        for name, size in self.inputs.items():
            need(name in inputs, f"The program takes {name}, which is not given")
            value = np.asarray(inputs[name], np.float32)
            need(
                value.ndim == 2 and value.shape[1] == size,
                f"{name} is of shape {list(value.shape)}, but [N, {size}] was expected",
            )
            values[name] = value
        need(len(self.ops) <= MOST, f"The program has {len(self.ops)} operations; at most {MOST} are allowed")
        with np.errstate(over="ignore", invalid="ignore"):
            for place, op in enumerate(self.ops):
                values[op["out"]] = self._apply(place, op, values)
        need(
            bool(self.outputs) and all(isinstance(value, str) and value in values for value in self.outputs.values()),
            f"The program's outputs are {self.outputs}, but no operation makes these",
        )
        return {name: values[value] for name, value in self.outputs.items()}

    def _apply(self, place: int, op: Any, values: dict[str, np.ndarray]) -> np.ndarray:
        """The value that one operation makes."""
        where = f"Operation {place + 1} of the program"
        need(isinstance(op, dict) and isinstance(op.get("op"), str), f"{where} has no name")
        kind = OPERATIONS.get(op["op"])
        if kind is None:
            raise PortableError(f"{where} is {op['op']!r}, which is none of {', '.join(OPERATIONS)}")
        where = f"{where}, {op['op']},"
        taken, out = op.get("in"), op.get("out")
        need(isinstance(taken, list) and bool(taken), f"{where} does not say which values it takes")
        need(
            all(isinstance(name, str) and name in values for name in taken),
            f"{where} takes {taken}, which are not all made before it",
        )
        need(kind.inputs in (None, len(taken)), f"{where} takes {kind.inputs} values, but {len(taken)} are given")
        need(isinstance(out, str) and out not in values, f"{where} makes {out!r}, which is no new name")
        for key in kind.tensors:
            named = isinstance(op.get(key), str) and op[key] in self.tensors
            need(named, f"{where} has no tensor {op.get(key)!r} for its {key}")
        tensors = {key: self.tensors[op[key]] for key in kind.tensors}
        numbers = {key: op.get(key) for key in kind.numbers}
        for key, value in numbers.items():
            good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30
            need(good, f"{where} has {value!r} for its {key}, but a number was expected")
        result = kind.call(*(values[name] for name in taken), **tensors, **numbers)
        need(result.shape[1] <= LARGEST, f"{where} makes {result.shape[1]} numbers, more than {LARGEST}")
        return result


@dataclass
class Builder:
    """A program that is being written: operations are called on values and give values.

    Attributes:
        cost: multiply-adds of one run.
    """

    inputs: dict[str, int]
    ops: list[dict[str, Any]] = field(default_factory=list)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)
    cost: int = 0

    def input(self, maps: tuple[int, ...] | None = None) -> Value:
        """The program's only input."""
        ((name, size),) = self.inputs.items()
        return Value(name, size, maps)

    def tensor(self, value: np.ndarray, *, exact: bool = False) -> str:
        """The name under which the program holds a tensor."""
        name = f"t{len(self.tensors) + 1}"
        self.tensors[name] = np.ascontiguousarray(value, np.float32)
        if exact:
            self.exact.add(name)
        return name

    def linear(self, x: Value, weight: np.ndarray, bias: np.ndarray, *, exact: bool = False) -> Value:
        """W x + b, with W `[outputs, inputs]` as torch has it."""
        self.cost += weight.size
        weights = {"weight": self.tensor(weight.T, exact=exact), "bias": self.tensor(bias, exact=exact)}
        return self.add("linear", x, size=len(weight), **weights)

    def convolve(self, x: Value, weight: np.ndarray, bias: np.ndarray, repeat: int, stride: int, padding: int) -> Value:
        """A convolution of maps, each pixel repeated, with W `[outputs, inputs, kernel, kernel]` as torch has it."""
        assert x.maps is not None
        (outputs, _, kernel, _), (_, height, width) = weight.shape, x.maps
        maps = (outputs, *((side * repeat + 2 * padding - kernel) // stride + 1 for side in (height, width)))
        taps = (kernel + repeat - 2) // repeat + 1  # those on one pixel that is repeated are one product
        self.cost += weight.size // kernel**2 * taps**2 * math.prod(maps[1:])
        weights = {"weight": self.tensor(weight.transpose(2, 3, 1, 0)), "bias": self.tensor(bias)}
        numbers = {"height": height, "width": width, "repeat": repeat, "stride": stride, "padding": padding}
        return replace(self.add("convolve", x, size=math.prod(maps), **weights, **numbers), maps=maps)

    def concat(self, *values: Value) -> Value:
        return values[0] if len(values) == 1 else self.add("concat", *values, size=sum(one.size for one in values))

    def slice(self, x: Value, start: int, stop: int) -> Value:
        return self.add("slice", x, size=stop - start, start=start, stop=stop)

    def halves(self, x: Value, parts: int = 2) -> list[Value]:
        """x in equal parts."""
        size = x.size // parts
        return [self.slice(x, place * size, (place + 1) * size) for place in range(parts)]

    def add(self, op: str, *values: Value, size: int | None = None, **arguments: Any) -> Value:
        """Any operation; where the size is not given it is that of the first value."""
        out = Value(f"v{len(self.ops) + 1}", values[0].size if size is None else size)
        self.ops.append({"op": op, "in": [one.name for one in values], "out": out.name, **arguments})
        return out
