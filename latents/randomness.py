"""Seeds: the same numbers again, without disturbing anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int | None, device: torch.device | str = "cpu") -> Iterator[None]:
    """Within the block, torch draws from this seed; afterwards its generators are as before.

    With None, nothing is changed: draws go on from where they were.
    """
    if seed is None:
        yield
        return
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if device.type == "cpu":  # `torch.manual_seed` would note down the whole stack for GPUs that are not used
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)
        yield


def stream(seed: int, *keys: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for (seed, keys): say, for epoch 7 of a run, whatever came before."""
    mixed = int(np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator(device).manual_seed(mixed)
