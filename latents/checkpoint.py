"""The latest complete state of a run, from which it can go on: `checkpoint/state.pt` in its folder."""

from __future__ import annotations

import io
import os
import shutil
import socket
from datetime import UTC, datetime
from pickle import UnpicklingError
from typing import Any

import psutil
import torch

from .errors import TrainingError
from .folder import CHECKPOINT, CONFIG, HISTORY, ModelFolder, write_whole
from .recipe import Recipe

HERE = socket.gethostname()
_STALE = 60  # seconds without a sign of life, after which a process elsewhere counts as gone

FIELDS = (
    "model",
    "optimizer",
    "scheduler",
    "place",
    "before",
    "start",
    "last",
    "kept",
    "prolonged",
    "epoch",
    "planned",
    "step",
    "rows",
    "seconds",
    "sums",
    "best",
    "random",
    "random_others",
    "random_cuda",
)


def write(folder: ModelFolder, state: dict[str, Any], recipe: Recipe | None = None) -> None:
    """Put a state (the `FIELDS`) in place of the last one, made under this recipe: the folder's, unless it is given.

    Raises OSError; the last one is then still there.
    """
    buffer = io.BytesIO()
    torch.save({**state, "recipe": (recipe or folder.recipe).json_text()}, buffer)
    write_whole(folder.path / CHECKPOINT, buffer.getbuffer())


def read(folder: ModelFolder) -> dict[str, Any]:
    """The state to go on from. Raises TrainingError when there is none or it does not fit."""
    path, status = folder.path / CHECKPOINT, folder.status
    anew = f"delete the folder and train its {CONFIG} anew"
    if status.get("state") == "finished":
        raise TrainingError(
            f"{folder.path} is finished: there is nothing to resume; prolong it, or train its {CONFIG} into another "
            "folder"
        )
    if not path.is_file():
        raise TrainingError(f"{folder.path} has no {CHECKPOINT} to resume from; {anew}")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError):
        raise TrainingError(f"{path} is damaged; {anew}") from None  # torch's own advice would be to run its code
    missing = [name for name in (*FIELDS, "recipe") if name not in state]
    if missing:
        raise TrainingError(f"{path} is damaged (it has no {missing[0]}); {anew}")
    if not _same(state["recipe"], folder.recipe):
        raise TrainingError(
            f"{path} was written under another recipe than the {CONFIG} beside it; put that one back, or {anew}"
        )
    return state


def begun(folder: ModelFolder) -> bool:
    """Whether there is anything to go on from: a run that was killed at its very start, or is queued, has nothing."""
    return (folder.path / CHECKPOINT).is_file() or (folder.path / HISTORY).is_file()


def refuse_if_running(folder: ModelFolder) -> None:
    """Raise TrainingError when another process is at work on this folder: two would spoil it."""
    status = folder.status
    if status.get("state") in ("running", "paused") and _alive(status):
        there = f" on {status['host']}" if status.get("host", HERE) != HERE else ""
        raise TrainingError(
            f"{folder.path} is running, as process {status['pid']}{there}; wait for it, or stop it first"
        )


def added(state: dict[str, Any], training: Any, stage: Any) -> int:
    """The epochs by which the recipe was prolonged since this state was written, for the stage that it is in."""
    before = Recipe.model_validate_json(state["recipe"]).training
    return stage.epochs(training) - stage.epochs(before)


def _same(written: str, recipe: Recipe) -> bool:
    """Whether it is the same recipe, but for the number of epochs."""
    try:
        before = Recipe.model_validate_json(written)
    except ValueError:
        return False
    training = before.training.model_copy(update={"epochs": recipe.training.epochs})
    return before.model_copy(update={"training": training}).json_text() == recipe.json_text()


def remove(folder: ModelFolder) -> None:
    """A run that ended well needs none."""
    shutil.rmtree((folder.path / CHECKPOINT).parent, ignore_errors=True)


def _alive(status: dict[str, Any]) -> bool:
    """Whether another process is at work on this folder.

    Here, a process is known by its number and when it started: the number may be in use again. Of one elsewhere only
    its sign of life is known.
    """
    if status.get("host", HERE) != HERE:
        try:
            return (datetime.now(UTC) - datetime.fromisoformat(status["heartbeat"])).total_seconds() < _STALE
        except (KeyError, TypeError, ValueError):
            return False
    try:
        pid = int(status["pid"])
        process = psutil.Process(pid)
        same = abs(process.create_time() - float(status["started"])) < 1
        return pid != os.getpid() and same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
