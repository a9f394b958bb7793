"""Decoders and encoders as small lists of operations, which a browser runs without a server.

>>> from latents import load, portable
>>> blob = portable.export(load("trained/mnist-vampprior-2d"), "decoder")
>>> portable.run(blob, {"z": [[0.5, -1.0]]})["pixels"].shape
(1, 784)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from ..models import Model
from ..randomness import seeded
from .models import decode, encode, expected_below
from .modules import NotPortable
from .operations import OPERATIONS, PortableError
from .program import Builder, Program

__all__ = ["OPERATIONS", "NotPortable", "PortableError", "export", "run", "why_not"]

Part = Literal["decoder", "encoder"]

MOST_COST = 10_000_000
"""Multiply-adds of a run at most: 5 ms of a frame's 17 in a desktop's browser, and 10 in a slow one."""
_TRIALS = 32  # inputs on which a program is compared with its model
_ROUNDED = 1 / 512  # most that float16 may change: half a step of a screen's 256 levels
_SAME = 1e-3  # most that a float32 program may differ from its model: sums in another order differ by 1e-6


def export(
    model: Model, part: Part, dtype: Literal["float16", "float32"] | None = None, *, kept: int | None = None
) -> bytes:
    """A decoder or an encoder as safetensors with a program in the metadata (see `latents.portable.program`).

    The decoder takes "z" and gives "pixels", the mean picture `[C * H * W]` in [0, 1]. The encoder takes "x",
    `[C * H * W]` in [0, 1], and gives "point" (see `Space.point`), and where they exist "stddev" of a Gaussian or
    "kappa" of a distribution on a sphere. The program is compared with the model before it is given.

    Args:
        dtype: of the weights; where it is not given, float16 if the outputs stay within 1/512 of the model's
            (relative where they are above one), else float32.
        kept: of a hierarchy's decoder, how many layers of z it takes, the top first; each layer below is at its prior's
            mean given those above. "z" stays the whole vector. None: all.

    Raises:
        NotPortable: with one sentence that says why.
    """
    program = _program(model, part, kept)
    inputs, expected = _trials(model, part, kept)
    found = program.run(inputs)
    if not _close(found, expected, _SAME):
        raise NotPortable(
            "A part of this model does something else than the part that it is derived from, and its portable program "
            "gave other numbers than the model."
        )
    if dtype is None:
        good = _close(program.rounded("float16").run(inputs), expected, _ROUNDED)
        dtype = "float16" if good else "float32"
    return program.write(dtype)


def run(blob: bytes, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Run an exported program with NumPy: every output `[N, size]` for inputs `[N, size]`, float32.

    Raises:
        PortableError: one sentence, where the file is damaged or the inputs do not fit.
    """
    return Program.read(blob).run(inputs)


def why_not(model: Model, part: Part) -> str | None:
    """None where the part is portable, else one sentence that says why it is not. It costs as much as `export`."""
    try:
        export(model, part)
    except NotPortable as error:
        return str(error)
    return None


@torch.no_grad()
def _program(model: Model, part: Part, kept: int | None) -> Program:
    if part not in ("decoder", "encoder"):
        raise ValueError(f"part is {part!r}, but 'decoder' or 'encoder' was expected")
    call = {"decoder": "decode", "encoder": "encode"}[part]
    reason = model.why_not(call)
    if reason is not None:
        raise NotPortable(reason)
    if part == "decoder":
        build = Builder({"z": model.space.size})
        z = build.input() if kept is None else expected_below(model, build, build.input(), kept)
        outputs = {"pixels": decode(model, build, z)}
    else:
        build = Builder({"x": math.prod(model.shape)})
        outputs = encode(model, build, build.input(model.shape))
    if build.cost > MOST_COST:
        raise NotPortable(
            f"One run of this {part} takes {build.cost / 1e6:.0f} million multiply-adds, and a browser does one or two "
            f"million in a millisecond: more than {MOST_COST / 1e6:.0f} million are too many for 60 runs a second."
        )
    return Program(
        part,
        build.inputs,
        build.ops,
        {name: value.name for name, value in outputs.items()},
        tuple(model.shape),
        "none" if model.recipe.data.binarisation == "none" else "bernoulli",
        build.tensors,
        frozenset(build.exact),
    )


@torch.no_grad()
def _trials(model: Model, part: Part, kept: int | None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs of a program, and what the model makes of them: draws from the prior and their pictures."""
    size, mean = model.space.size, model.why_not("mean") is None
    with seeded(0, model.device):
        drawn = model.why_not("sample") is None
        z = model.prior().sample((_TRIALS,)) if drawn else torch.randn(_TRIALS, size, device=model.device)
        shown = z if kept is None else _with_means_below(model, z, kept)
        x = model.decode(shown).mean.clamp(0, 1) if mean else torch.rand(_TRIALS, *model.shape, device=model.device)
        if part == "encoder" and model.recipe.data.binarisation != "none":
            x = torch.bernoulli(x)
    inputs, expected = {"z": z}, {"pixels": x}
    if part == "encoder":
        q = model.encode(x)
        inputs, expected = {"x": x}, {"point": model.space.point(q)}
        top = getattr(q, "top", q)  # of a hierarchy
        if hasattr(top, "concentration"):
            expected["kappa"] = top.concentration
        elif hasattr(q, "stddev"):
            expected["stddev"] = q.stddev
    return _flat(inputs), _flat(expected)


def _with_means_below(model: Any, z: torch.Tensor, kept: int) -> torch.Tensor:
    """z `[N, size]` with each layer below the uppermost `kept` at its prior's mean, as the model itself finds it."""
    prior, sizes = model.prior(), model.space.sizes
    whole = z[:, : sum(sizes[:kept])]
    for place in range(kept, len(sizes)):
        whole = torch.cat([whole, prior.layer(place, whole).mean], -1)
    return whole


def _flat(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Each as `[N, size]`."""
    return {name: value.reshape(len(value), -1).cpu().numpy() for name, value in tensors.items()}


def _close(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], most: float) -> bool:
    """Whether all that is found is what was expected, to within `most` of one or of what is larger than one."""
    with np.errstate(invalid="ignore"):
        return all(
            bool((np.abs(value - expected[name]) <= most * np.maximum(1, np.abs(expected[name]))).all())
            for name, value in found.items()
        )
