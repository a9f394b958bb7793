"""Training a recipe into a folder, and going on with one: our own loop, on Lightning Fabric.

A run is a model folder that is being written. Every epoch adds a row to its history; every so often the
complete state goes into its checkpoint, from which `resume` goes on exactly: on a CPU, a resumed run equals an
uninterrupted one to the last bit. The loop itself is in `latents.loop`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import checkpoint, control
from .data import ImageData
from .data import load as load_data
from .devices import fabric as make_fabric
from .devices import launch
from .estimate import check_memory
from .event_files import check_logs, open_logs
from .folder import CONFIG, STATUS, ModelFolder
from .loop import Progress, Run
from .prolonging import prepare
from .recipe import Recipe

__all__ = ["Progress", "prolong", "resume", "train", "work"]


def train(
    recipe: Recipe,
    out: Path | str,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    accelerator: str = "auto",
    devices: int | str = 1,
    nodes: int = 1,
    strategy: str = "auto",
    log: Sequence[str] = (),
    data_root: Path | None = None,
) -> ModelFolder:
    """Train a recipe into a new folder.

    Args:
        recipe: what to train.
        out: the folder; it may not hold a model yet.
        watch: called after each epoch and now and then within one.
        stop: asked after each step; when true, the run is saved, marked "stopped", and can be resumed. So it is when
            `latents.control` asks for it.
        accelerator: as Fabric's: "auto" takes a GPU where there is one.
        devices: how many of them train this one model together, each on its share of every batch; "auto" for all.
        nodes: on how many machines, each with so many devices.
        strategy: how they do: "auto" or "ddp".
        log: what else is written: "tensorboard".
        data_root: where data sets are; by default `latents.data.data_root()`.

    Raises:
        RecipeError, DataError: before anything is written.
        FolderError: the folder already holds a model.
        TrainingError: the loss is not finite, or the disk is full; the last good checkpoint is kept.
    """
    options: dict[str, Any] = {
        "accelerator": accelerator,
        "devices": devices,
        "nodes": nodes,
        "strategy": strategy,
        "log": log,
    }
    return _go(Path(out), lambda: ModelFolder.create(out, recipe), recipe, watch, stop, data_root, **options)


def resume(
    path: Path | str,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    accelerator: str = "auto",
    devices: int | str = 1,
    nodes: int = 1,
    strategy: str = "auto",
    log: Sequence[str] = (),
    data_root: Path | None = None,
) -> ModelFolder:
    """Go on from the checkpoint of a folder; arguments and errors as for `train`. An old wish to stop is forgotten.

    A run that was killed before its first checkpoint begins anew.
    """
    options: dict[str, Any] = {
        "accelerator": accelerator,
        "devices": devices,
        "nodes": nodes,
        "strategy": strategy,
        "log": log,
    }
    folder = ModelFolder(path)

    def begin() -> ModelFolder:
        _forget_stop(folder)
        return folder

    return _go(folder.path, begin, folder.recipe, watch, stop, data_root, **options)


def work(
    path: Path | str,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    data_root: Path | None = None,
    **options: Any,
) -> ModelFolder:
    """Begin or go on with the run of a folder that has its recipe: what the process of a launched run does.

    As `resume`, but a wish to stop that was uttered before counts.
    """
    folder = ModelFolder(path)
    return _go(folder.path, lambda: folder, folder.recipe, watch, stop, data_root, **options)


def prolong(
    path: Path | str,
    epochs: int,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    data_root: Path | None = None,
    **options: Any,
) -> ModelFolder:
    """Train a run that was stopped, or is finished, for so many epochs more than its recipe says.

    Its recipe then says as many. See `latents.prolonging` for what is exact about it; arguments and errors are those
    of `work`.
    """
    folder = ModelFolder(path)

    def begin() -> ModelFolder:
        data = _data(folder.recipe, data_root)
        if folder.status.get("state") in ("stopped", "failed", "finished"):  # by hand: a launched run is running by now
            _forget_stop(folder)
        longer = prepare(folder, epochs, data, make_fabric(options.get("accelerator", "auto")))
        if longer.status.get("state") == "finished":
            longer.write_json(STATUS, {**longer.status, "state": "stopped"})
        return longer

    return _go(folder.path, begin, folder.recipe, watch, stop, data_root, **options)


def _go(
    path: Path,
    begin: Callable[[], ModelFolder],
    recipe: Recipe,
    watch: Callable[[Progress], None],
    stop: Callable[[], bool],
    data_root: Path | None,
    *,
    accelerator: str = "auto",
    devices: int | str = 1,
    nodes: int = 1,
    strategy: str = "auto",
    log: Sequence[str] = (),
) -> ModelFolder:
    """Check all that can be checked, then begin the folder, start the other processes, and train."""
    fabric = make_fabric(accelerator, devices, nodes, strategy)
    leads = fabric.global_rank == 0
    if leads and (path / CONFIG).exists():
        checkpoint.refuse_if_running(ModelFolder(path))
    data = _data(recipe, data_root)
    if leads:
        check_logs(log)
        check_memory(recipe, data, fabric.device)
    folder = begin() if leads else None
    state = None if folder is None else _state(folder)
    with launch(fabric):
        if folder is None:  # another process of the team: the first one has begun the folder by now
            folder = ModelFolder(path)
            state = _state(folder)
        logs = open_logs(log, folder, state["rows"] if state else 0) if leads else []
        Run(folder, data, watch, stop, fabric, logs).go(state)
    return folder


def _forget_stop(folder: ModelFolder) -> None:
    if control.read(folder.path).stop:
        control.write(folder.path, stop=False)


def _data(recipe: Recipe, root: Path | None) -> ImageData:
    data = load_data(recipe.data.name, root)
    recipe.check(data)
    for split in (data.train, data.valid, data.test):  # read now: what is missing is said before a folder is begun
        del split
    return data


def _state(folder: ModelFolder) -> dict[str, Any] | None:
    """What to go on from; None where there is nothing yet."""
    finished = folder.status.get("state") == "finished"
    return checkpoint.read(folder) if finished or checkpoint.begun(folder) else None
