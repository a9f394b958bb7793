"""What a recipe costs before it is trained: memory, and seconds per epoch on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, cycle
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from torch import Tensor

from . import history
from .data import ImageData
from .data import load as load_data
from .errors import RecipeError
from .models import build
from .randomness import seeded
from .recipe import Recipe, fields

_FLOAT = 4  # bytes
_ROWS = 2000  # validation images in one pass
_VALIDATED = 250  # of them, when their time is measured
_PAIR = (2, 6)  # images in the two passes from which a batch's memory is extrapolated
_RESERVE = 1 << 28  # bytes for what no part says: the libraries' own, and what is allocated for a moment


@dataclass(frozen=True)
class Memory:
    """Bytes that training takes.

    Attributes:
        parts: by what they are for: "weights", "batch", "validation", "images".
        per_image: of "batch", what each further image of a batch costs.
        parameters: numbers that are learnt.
    """

    parts: dict[str, int]
    per_image: int
    parameters: int

    @property
    def bytes(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Speed:
    """How fast a recipe trains here.

    Attributes:
        stages: of each stage: name, epochs at most, steps of an epoch, seconds of an epoch (None where that was not
            measured: a later stage in closed form).
        seconds: of the whole run at most, as far as it was measured.
        measured: steps that were measured.
        device: where.
        memory: what it takes.
        available: bytes of memory that are free there.
    """

    stages: list[dict[str, Any]]
    seconds: float
    measured: int
    device: str
    memory: Memory
    available: int
    threads: int = field(default_factory=torch.get_num_threads)

    @property
    def seconds_per_epoch(self) -> float:
        """Of the first stage."""
        return self.stages[0]["seconds_per_epoch"]

    def json(self) -> dict[str, Any]:
        return {
            "seconds_per_epoch": self.seconds_per_epoch,
            "steps": self.stages[0]["steps"],
            "epochs": sum(stage["epochs"] for stage in self.stages),
            "seconds": self.seconds,
            "stages": self.stages,
            "measured": self.measured,
            "device": self.device,
            "threads": self.threads,
            "parameters": self.memory.parameters,
            "memory": {"bytes": self.memory.bytes, "parts": self.memory.parts, "available": self.available},
        }


# -- memory ------------------------------------------------------------------------------------------------------


def memory(recipe: Recipe, shape: tuple[int, int, int], train_images: int, other_images: int = 0) -> Memory:
    """What training takes, in bytes, to within a third or so.

    Weights are counted; what a batch keeps for its gradients is measured on passes of a few images and extrapolated.

    Args:
        recipe: what would be trained.
        shape: (C, H, W) of an image.
        train_images: how many there are.
        other_images: of validation and test.

    Raises:
        RecipeError: the weights alone are more than there is, so that nothing can be measured.
    """
    pixels = math.prod(shape)
    parameters = _parameters(recipe, shape)
    _enough(recipe, {"weights": 6 * _FLOAT * parameters}, free_memory("cpu"), "cpu", None)
    with seeded(0):
        kept, fixed, largest = _passes(recipe, shape)
    batch = min(recipe.training.batch, max(1, train_images))
    binary = recipe.data.binarisation != "none"
    images = _FLOAT * (train_images + other_images)  # as they are read
    images += 2 * train_images if binary else _FLOAT * train_images  # drawn, and shuffled
    return Memory(
        {
            # themselves, their gradients, Adam's two averages, the best ones so far, and a checkpoint of these
            "weights": 9 * _FLOAT * parameters,
            "batch": fixed + kept * batch + _FLOAT * pixels * batch,
            "validation": 2 * largest * min(_ROWS, max(1, other_images)),
            "images": images * pixels,
        },
        kept,
        parameters,
    )


def check_memory(recipe: Recipe, data: ImageData, device: torch.device | str) -> Memory:
    """Raise RecipeError when a recipe needs more memory than there is: what it needs, and which field to lower."""
    found = memory(recipe, data.shape, data.sizes["train"], data.sizes["valid"] + data.sizes["test"])
    _enough(recipe, found.parts, free_memory(device), str(device), found)
    return found


def free_memory(device: torch.device | str) -> int:
    """Bytes that are free where the model would be trained."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _group_limit())


def _group_limit() -> int:
    """What a container leaves to its processes (Linux); without bound elsewhere."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return 1 << 62 if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return 1 << 62


def _enough(recipe: Recipe, parts: dict[str, int], there: int, device: str, found: Memory | None) -> None:
    needed = sum(parts.values()) + _RESERVE
    if needed <= there or sum(parts.values()) < _RESERVE:  # a small model is never what a machine is too small for
        return
    most = max(parts, key=lambda name: parts[name])
    said = ", ".join(f"{name} {size(count)}" for name, count in sorted(parts.items(), key=lambda one: -one[1]) if count)
    raise RecipeError(
        f"this recipe needs about {size(needed)} of memory ({said}), but on {device} {size(there)} are free; "
        f"lower {_culprit(recipe, most, found)}"
    )


def _culprit(recipe: Recipe, most: str, found: Memory | None) -> str:
    """The field whose lowering helps."""
    if most == "images":
        return f"the number of images of data.name (it is {recipe.data.name!r})"
    if most == "batch" and found is not None and found.per_image * recipe.training.batch > 0.5 * found.parts["batch"]:
        return f"training.batch (it is {recipe.training.batch})"
    sizes = [
        (max(values), row) for row in fields(recipe) if row.path.startswith("model.") and (values := _sizes(row.value))
    ]
    if not sizes:
        return "the sizes of the model"
    row = max(sizes, key=lambda one: one[0])[1]
    value = list(row.value) if isinstance(row.value, tuple) else row.value
    return f"{row.path} (it is {value})"


def _sizes(value: Any) -> list[int]:
    values = value if isinstance(value, list | tuple) else [value]
    return [one for one in values if isinstance(one, int) and not isinstance(one, bool)]


def size(count: float) -> str:
    """Bytes for people: "1.3 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _parameters(recipe: Recipe, shape: tuple[int, int, int]) -> int:
    """How many numbers the model learns and keeps, without allocating them where its parts allow that."""
    for place in ("meta", "cpu"):
        try:
            with torch.device(place), seeded(0):
                return sum(value.numel() for value in build(recipe, shape).state_dict().values())
        except (RuntimeError, NotImplementedError) as error:
            if place == "cpu":
                said = str(error).splitlines()[0]
                raise RecipeError(f"a model of these sizes cannot be built ({said}); lower them") from None
    raise AssertionError


def _passes(recipe: Recipe, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Bytes that a training pass keeps for each image, and whatever the batch; and of its largest tensor per image."""
    try:
        return _measured_passes(recipe, shape)
    except Exception:  # whatever is wrong with this model shows in its training, in its own words
        return 0, 0, 0


def _measured_passes(recipe: Recipe, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    model = build(recipe, shape)
    few = torch.rand(max(_PAIR), *shape).round()
    stage = next((stage for stage in model.stages(recipe) if not stage.closed), None)
    if stage is None:
        return 0, 0, 0
    stage.train()
    owned = {value.untyped_storage().data_ptr() for value in (*stage.parameters(), *stage.buffers())}
    kept: list[int] = []
    largest: list[int] = []
    for count in _PAIR:
        seen: dict[int, int] = {}

        def note(value: Tensor, seen: dict[int, int] = seen) -> Tensor:
            storage = value.untyped_storage()
            if storage.data_ptr() not in owned:
                seen[storage.data_ptr()] = storage.nbytes()
            return value

        with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            terms = stage(few[:count], 1)  # kept until all is counted: what is freed gives its address to others
        kept.append(sum(seen.values()))
        largest.append(max(seen.values(), default=0))
        del terms
    each = max(0, kept[1] - kept[0]) // (_PAIR[1] - _PAIR[0])
    most = max(0, largest[1] - largest[0]) // (_PAIR[1] - _PAIR[0])
    return each, max(0, kept[0] - each * _PAIR[0]), most


# -- speed -------------------------------------------------------------------------------------------------------


def measure(recipe: Recipe, seconds: float = 3.0, *, accelerator: str = "auto", data_root: Path | None = None) -> Speed:
    """Train for about so many seconds, into nothing, and say how long an epoch takes.

    Raises:
        RecipeError, DataError: as `latents.training.train`.
    """
    from .devices import fabric as make_fabric  # brings Fabric
    from .learner import Learner
    from .team import Team

    data = load_data(recipe.data.name, data_root)
    recipe.check(data)
    fabric = make_fabric(accelerator)
    there = free_memory(fabric.device)
    found = check_memory(recipe, data, fabric.device)
    with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
        learner = Learner(recipe, data, fabric, Team(fabric))
        stages: list[dict[str, Any]] = []
        measured = 0
        for place, stage in enumerate(learner.stages):
            taken: float | None = None
            if not stage.closed or place == 0:
                learner.enter(place, 0)
                taken, steps = _epoch(learner, seconds / len(learner.stages))
                measured += steps
            length = 1 if stage.closed else len(learner.batches)
            entry = {"name": stage.name, "epochs": stage.epochs(recipe.training), "steps": length}
            stages.append({**entry, "seconds_per_epoch": taken})
    total = sum(stage["epochs"] * (stage["seconds_per_epoch"] or 0.0) for stage in stages)
    return Speed(stages, total, measured, str(fabric.device), found, there)


def _epoch(learner: Any, seconds: float) -> tuple[float, int]:
    """Seconds of an epoch of the present stage, its measurements on validation images included; and steps taken."""
    stage, device = learner.stage, learner.device
    if stage.closed:
        taken = _seconds(device, lambda: learner.fit(1))
        steps, whole = 1, taken
    else:
        learner.call.train()
        end = time.monotonic() + seconds
        times: list[float] = []
        batches = learner.batches.epoch(1)
        drawn = _seconds(device, partial(next, batches))  # the draws and the order of all images
        for batch in chain(batches, cycle([next(learner.batches.epoch(1))])):  # few batches are used again
            times.append(_seconds(device, partial(learner.step, batch, 1)))
            if len(times) > 2 and (time.monotonic() > end or len(times) >= 2 * len(learner.batches)):
                break
        steps = len(times)
        whole = drawn + median(times[1:]) * len(learner.batches)
    learner.model.eval()
    some = learner.valid[:_VALIDATED]
    with torch.no_grad(), seeded(0, device):
        whole += _seconds(device, lambda: stage.validate(some)) * len(learner.valid) / len(some)
        if learner.model.why_not("units") is None:
            whole += _seconds(device, lambda: history.units(learner.model, learner.valid))
    return whole, steps


def _seconds(device: torch.device, do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
