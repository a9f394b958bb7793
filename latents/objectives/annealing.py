"""The weight of the KL over the epochs: linear warm-up, and warm-up in cycles."""

from __future__ import annotations

import math

from ..parts import PartSettings, setting
from .base import Objective


def kl_weight(epoch: int, warm_up: int, cycles: int = 1, rise: float = 0.5) -> float:
    r"""The weight in epoch t = 1, 2, ...: in each cycle it rises linearly, min(1, t' / warm_up), then stays at 1.

    A cycle lasts `warm_up / rise` epochs (rounded up), of which t' = 1, 2, ... counts; after the last one the weight
    stays at 1. One cycle is the linear warm-up.

    References: linear: Sønderby et al., "Ladder variational autoencoders", 2016; cyclic: Fu et al., "Cyclical
    annealing schedule", 2019, equation 6 (its R is `rise`), which begins a cycle at 0 where this begins one step later.
    """
    if warm_up == 0:
        return 1.0
    length = math.ceil(warm_up / rise)
    begun = min((epoch - 1) // length, cycles - 1)
    return min(1.0, (epoch - begun * length) / warm_up)


class Annealed(Objective):
    """An objective in which the weight of the KL rises from nothing to `full`, once or in cycles."""

    class Settings(PartSettings):
        warm_up: int = setting(20, "the KL's weight rises linearly over so long", unit="epochs", ge=0, le=100_000)
        cycles: int = setting(1, "how many times it rises so; 1 is the linear warm-up", ge=1, le=1000)
        rise: float = setting(
            0.5, "how much of a cycle the rise takes; the weight is full for the rest", gt=0, le=1, advanced=True
        )

    @property
    def full(self) -> float:
        """The weight when it has risen."""
        return 1.0

    def weight(self, epoch: int) -> float:
        settings = self.settings
        return self.full * kl_weight(epoch, settings.warm_up, settings.cycles, settings.rise)

    @property
    def settled(self) -> int:
        settings = self.settings
        return (settings.cycles - 1) * math.ceil(settings.warm_up / settings.rise) + settings.warm_up
