"""What a person should know of a run while it trains, in plain words, each with the epoch to look at.

Only the history is needed, as `ModelFolder.history` gives it. Units are counted from one, as on the pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

THRESHOLD = 0.01  # a unit is active when the variance of its posterior mean is above it; Burda et al. 2016
COLLAPSED = 0.1  # nats of KL in total
PATIENCE = 50  # epochs

Kind = Literal["died", "alive", "collapse", "not finite", "no better"]


@dataclass(frozen=True)
class Alarm:
    """A sentence, and the epoch to which it belongs."""

    epoch: int
    kind: Kind
    sentence: str


def alarms(
    history: Mapping[str, np.ndarray],
    *,
    threshold: float = THRESHOLD,
    patience: int = PATIENCE,
    status: Mapping[str, Any] | None = None,
) -> list[Alarm]:
    """All alarms of a history, in order.

    Args:
        history: columns of equal length, with "epoch" among them; others may be missing.
        threshold: a unit with a variance above it is active.
        patience: epochs without a better validation ELBO after which that is said.
        status: the run's status; one that failed for its loss says so as the last alarm.
    """
    monitor = Monitor(threshold=threshold, patience=patience)
    found = monitor.catch_up(history)
    error = str((status or {}).get("error") or "")
    if (status or {}).get("state") == "failed" and "not finite" in error:
        epoch = (status or {}).get("epoch")
        found.append(Alarm(epoch if isinstance(epoch, int) else 0, "not finite", error[0].upper() + error[1:]))
    return found


@dataclass
class Monitor:
    """Takes the history row by row and gives the alarms that each row raises."""

    threshold: float = THRESHOLD
    patience: int = PATIENCE
    _active: dict[str, bool] = field(default_factory=dict)
    _collapsed: bool = False
    _stage: str = ""
    _best: tuple[float, int] = (-math.inf, 0)

    def catch_up(self, history: Mapping[str, np.ndarray]) -> list[Alarm]:
        """Take all rows of a history."""
        found: list[Alarm] = []
        for at in range(len(history.get("epoch", ()))):
            found += self.feed({name: column[at] for name, column in history.items()})
        return found

    def feed(self, row: Mapping[str, Any]) -> list[Alarm]:
        """The alarms of one more row, of numbers or of text; what is "" or nan is skipped."""
        epoch, stage = int(float(row["epoch"])), str(row.get("stage", ""))
        if stage != self._stage:  # another stage is scored anew
            self._stage, self._best = stage, (-math.inf, epoch)
        numbers = {name: number for name, value in row.items() if (number := _number(value)) is not None}
        infinite = [name for name, value in numbers.items() if math.isinf(value)]
        if infinite:
            return [Alarm(epoch, "not finite", f"The loss is not finite at epoch {epoch}: {infinite[0]} is infinite.")]
        return [*self._units(epoch, numbers), *self._collapse(epoch, numbers), *self._no_better(epoch, numbers)]

    def _units(self, epoch: int, numbers: Mapping[str, float]) -> list[Alarm]:
        found: list[Alarm] = []
        for name, variance in numbers.items():
            if not name.startswith("variance_"):
                continue
            unit, active = int(name.removeprefix("variance_")) + 1, variance > self.threshold
            was = self._active.get(name)  # None while it was never active: coming to life is what training is for
            if active or was is not None:
                self._active[name] = active
            said = f"its mean varies by {short(variance)} over the validation images (threshold {self.threshold:g})"
            if was and not active:
                found.append(Alarm(epoch, "died", f"Unit {unit} died at epoch {epoch}: {said}."))
            elif was is False and active:
                found.append(Alarm(epoch, "alive", f"Unit {unit} came back to life at epoch {epoch}: {said}."))
        return found

    def _collapse(self, epoch: int, numbers: Mapping[str, float]) -> list[Alarm]:
        kl = numbers.get("valid_kl", numbers.get("train_kl"))
        was = self._collapsed
        self._collapsed = kl is not None and kl < COLLAPSED
        if kl is None or was or not self._collapsed:
            return []
        said = f"KL is {short(kl)} nats in total at epoch {epoch} (under {COLLAPSED:g}): posterior collapse."
        return [Alarm(epoch, "collapse", said)]

    def _no_better(self, epoch: int, numbers: Mapping[str, float]) -> list[Alarm]:
        elbo = numbers.get("valid_elbo")
        if elbo is None:
            return []
        best, at = self._best
        if elbo > best:
            self._best = (elbo, epoch)
            return []
        if epoch - at != self.patience:
            return []
        said = (
            f"The validation ELBO has not improved for {self.patience} epochs: it was best at epoch {at}, "
            f"with {_minus(f'{best:.2f}')} nats."
        )
        return [Alarm(epoch, "no better", said)]


def short(value: float) -> str:
    """A number with one or two digits that count: "0.004", "0.31", "3.1e−05"."""
    text = f"{value:.2g}" if value == 0 or abs(value) >= 1e-4 else f"{value:.1e}"
    return _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number
