"""The latest complete state of a run, from which it can go on: `checkpoint/state.pt` in its folder."""

from __future__ import annotations

import io
import os
import shutil
from pickle import UnpicklingError
from typing import Any

import psutil
import torch

from .errors import TrainingError
from .folder import CHECKPOINT, CONFIG, ModelFolder, write_whole

FIELDS = (
    "model",
    "optimizer",
    "scheduler",
    "place",
    "before",
    "kept",
    "epoch",
    "step",
    "rows",
    "seconds",
    "sums",
    "best",
    "random",
    "random_cuda",
)


def write(folder: ModelFolder, state: dict[str, Any]) -> None:
    """Put a state (the `FIELDS`) in place of the last one. Raises OSError; the last one is then still there."""
    buffer = io.BytesIO()
    torch.save({**state, "recipe": folder.recipe.json_text()}, buffer)
    write_whole(folder.path / CHECKPOINT, buffer.getvalue())


def read(folder: ModelFolder) -> dict[str, Any]:
    """The state to go on from. Raises TrainingError when there is none, it does not fit, or the run is going on."""
    path, status = folder.path / CHECKPOINT, folder.status
    anew = f"delete the folder and train its {CONFIG} anew"
    if status.get("state") == "running" and _alive(status):
        raise TrainingError(f"{folder.path} is running, as process {status['pid']}; wait for it, or stop it first")
    if not path.is_file():
        if status.get("state") == "finished":
            raise TrainingError(
                f"{folder.path} is finished: there is nothing to resume; train its {CONFIG} into another folder"
            )
        raise TrainingError(f"{folder.path} has no {CHECKPOINT} to resume from; {anew}")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError):
        raise TrainingError(f"{path} is damaged; {anew}") from None  # torch's own advice would be to run its code
    missing = [name for name in FIELDS if name not in state]
    if missing:
        raise TrainingError(f"{path} is damaged (it has no {missing[0]}); {anew}")
    if state.get("recipe", recipe := folder.recipe.json_text()) != recipe:
        raise TrainingError(
            f"{path} was written under another recipe than the {CONFIG} beside it; put that one back, or {anew}"
        )
    return state


def remove(folder: ModelFolder) -> None:
    """A run that ended well needs none."""
    if (folder.path / CHECKPOINT).exists():
        shutil.rmtree((folder.path / CHECKPOINT).parent)


def _alive(status: dict[str, Any]) -> bool:
    """Whether another process is at work on this folder: its number may be in use again, hence the starting time."""
    try:
        pid = int(status["pid"])
        return pid != os.getpid() and abs(psutil.Process(pid).create_time() - float(status["started"])) < 1
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
