"""The processes that train one model together: who decides, who writes, and how the batch is shared.

Lightning Fabric starts them and averages their gradients. Every process takes its share of every batch, so that the
batch is the recipe's however many they are; the first one alone decides, measures and writes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed

from .randomness import stream

_PATIENCE = timedelta(days=30)  # a lecturer's pause, or a long validation, is no fault
_GONE = -1


class Dismissed(Exception):
    """The first process has given up, and this one ends with it."""


class Team:
    """One process of the team, most often the only one; then nothing here costs anything."""

    def __init__(self, fabric: Fabric):
        self.rank, self.size = fabric.global_rank, fabric.world_size
        # Decisions and sums go by way of the processor, so that no step waits for an accelerator.
        self._group: Any = distributed.new_group(backend="gloo", timeout=_PATIENCE) if self.size > 1 else None

    @property
    def leads(self) -> bool:
        """Whether this is the process that decides, measures and writes."""
        return self.rank == 0

    def agree(self, decide: Callable[[], int]) -> int:
        """What the first process decides (0 or more), on all. What it raises ends the others with Dismissed."""
        if self.size == 1:
            return decide()
        said = torch.tensor([decide() if self.leads else 0])
        distributed.broadcast(said, 0, self._group)
        if int(said) == _GONE:
            raise Dismissed
        return int(said)

    def dismiss(self) -> None:
        """Tell the others, who wait for a decision, that there will be none."""
        if self.size > 1 and self.leads:
            with suppress(RuntimeError):  # some have ended by themselves
                distributed.broadcast(torch.tensor([_GONE]), 0, self._group)

    def share(self, batch: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch, and the part's weight: the images in it over those of an even share.

        Weighted so, the average of all gradients is that of the batch. Who gets none takes the first, for nothing.
        """
        if self.size == 1:
            return batch, 1.0
        mine = batch.tensor_split(self.size)[self.rank]
        return (mine, len(mine) * self.size / len(batch)) if len(mine) else (batch[:1], 0.0)

    def total(self, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        """The sums of all processes, on each of them. What only the first one has is added to nothing."""
        if self.size == 1:
            return sums
        names: list[Any] = [list(sums)]
        distributed.broadcast_object_list(names, 0, self._group)
        nothing = torch.zeros((), dtype=torch.float64)
        found = [sums.get(name, nothing).detach().double().cpu() for name in names[0]]
        if found:
            added = torch.stack(found)
            distributed.all_reduce(added, group=self._group)
            found = list(added)
        return dict(zip(names[0], found, strict=True))

    def average(self, module: torch.nn.Module) -> None:
        """Bring together what each process learnt without gradients: its buffers, such as moving averages."""
        for buffer in module.buffers() if self.size > 1 else ():
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer /= self.size

    def spread(self, module: torch.nn.Module) -> None:
        """Give all the weights of the first one."""
        for value in module.state_dict().values() if self.size > 1 else ():
            distributed.broadcast(value, 0)

    def gather(self, value: Tensor) -> list[Tensor]:
        """The same small tensor of each process."""
        if self.size == 1:
            return [value]
        found = [torch.empty_like(value) for _ in range(self.size)]
        distributed.all_gather(found, value, group=self._group)
        return found

    def seed(self, seed: int) -> None:
        """Draws of its own for each process after the first, so that no two add the same noise."""
        if not self.leads:
            torch.manual_seed(stream(seed, self.rank, 0).initial_seed())
