"""The GPUs of this machine, counted without torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


def visible() -> list[str]:
    """Their names as CUDA_VISIBLE_DEVICES would list them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() and name.strip() != "-1"]
    try:
        return [str(place) for place in range(len(list(_DRIVER.iterdir())))]
    except OSError:
        return []


def count() -> int:
    return len(visible())


def choose(there: list[str], taken: Iterable[str], wanted: int) -> list[str]:
    """The `wanted` GPUs that the fewest runs use."""
    uses = Counter(taken)
    return sorted(there, key=lambda name: (uses[name], there.index(name)))[:wanted]
