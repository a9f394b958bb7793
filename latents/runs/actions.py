"""What can be done with a run. Each raises RunError, one sentence, when it makes no sense in the run's state."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .. import control
from ..errors import RunError
from . import names, processes, queue, records
from . import options as launched
from .launchers import launcher
from .options import HERE, Options
from .run import FINISHED, LOST, PAUSED, QUEUED, RUNNING, STOPPED, Run, is_whole, look, planned

if TYPE_CHECKING:
    from ..recipe import Recipe

KILLED = "It was killed on request: what it learnt after its last checkpoint is lost; it can be resumed from there."


def launch(
    recipe: Recipe, root: Path | str, name: str | None = None, *, where: str = HERE, options: Options | None = None
) -> Run:
    """Queue a recipe as a new run; it starts as soon as there is room.

    Args:
        recipe: what to train.
        root: the folder of runs.
        name: of the new folder, by default the recipe's; name-2, name-3, ... where it is taken.
        where: "here", or a Ray address, which has a queue of its own.
        options: accelerator, devices and the like.

    Raises:
        RunError: the name is none, the folder cannot be written, or the cluster does not answer.
    """
    root, chosen = Path(root), names.check(recipe.name if name is None else name)
    _on_one_machine(options)
    launcher(where).reach()  # what is missing for it is said before a folder is made
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        with queue.locked(root):
            path = names.take(root, chosen)
            _enqueue(path, where, Options() if options is None else options)
            records.write_whole(path / records.CONFIG, recipe.json_text())  # last: only now is it a run
        _send(path, where)
    return look(path)


def resume(run: Run, *, where: str | None = None, options: Options | None = None) -> Run:
    """Queue a run that was stopped, failed or is lost, to go on from its last checkpoint; without one, from the start.

    It goes where it went before, with the options that it had, unless others are given.
    """
    return _again(run, None, where, options)


def prolong(run: Run, epochs: int, *, where: str | None = None, options: Options | None = None) -> Run:
    """Queue a run that is not going on, to train so many epochs more than its recipe says.

    A finished one goes on from its final weights; see `latents.training.prolong`.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= 100_000:
        raise RunError(f"a run is prolonged by 1 to 100,000 epochs, but {epochs!r} was given")
    return _again(run, {"prolong": epochs, "from": planned(run.recipe_json)}, where, options)


def _again(run: Run, task: dict[str, int] | None, where: str | None, chosen: Options | None) -> Run:
    path, where = run.path, where or run.where
    _on_one_machine(chosen)
    launcher(where).reach()
    with writing(path.parent):
        with queue.locked(path.parent):
            now = now_of(run)
            if now.live:
                raise RunError(f"{run.name} is {now.state}; wait until it has stopped, or stop it")
            if now.state == FINISHED and task is None:
                raise RunError(f"{run.name} is finished: there is nothing to resume; prolong it to train more epochs")
            elsewhere = launched.read(path).get("host") not in (None, processes.this_host())
            if now.state == QUEUED and not (elsewhere and task is None):
                raise RunError(f"{run.name} is queued already; stop it first to change that")
            task = task or _still_to_do(now)
            _enqueue(path, where, chosen or now.options, task)
        _send(path, where)
    return look(path)


def _still_to_do(run: Run) -> dict[str, int] | None:
    """A prolongation that was asked for and has not begun: the recipe does not say so yet."""
    task = launched.read(run.path).get("task")
    return task if isinstance(task, dict) and task.get("from") == planned(run.recipe_json) else None


def stop(run: Run) -> Run:
    """End a run after the step it is in; it saves, and can be resumed. One that is queued leaves the queue."""
    with writing(run.path.parent):
        with queue.locked(run.path.parent):
            now = now_of(run)
            if now.state == QUEUED:
                leave_the_queue(now)
                return look(run.path)
        if not now.live:
            raise RunError(f"{run.name} is {now.state}: there is nothing to stop")
        control.write(run.path, stop=True)
    return look(run.path)


def kill(run: Run) -> Run:
    """End a run at once. What it learnt after its last checkpoint is lost; it can be resumed from there."""
    with writing(run.path.parent):
        with queue.locked(run.path.parent):
            now = now_of(run)
            if now.state == QUEUED:
                leave_the_queue(now)
                return look(run.path)
        if not now.live:
            raise RunError(f"{run.name} is {now.state}: there is nothing to kill")
        if now.where == HERE and now.status.get("host") not in (None, processes.this_host()):
            raise RunError(f"{run.name} runs on {now.status['host']}: kill it there, or stop it from here")
        launcher(now.where).kill(now.status)
        with queue.locked(run.path.parent):
            ended = look(run.path)
            if ended.state == LOST or (ended.where != HERE and ended.live):
                status, _ = records.read(run.path / records.STATUS)
                records.write(run.path / records.STATUS, {**status, "state": STOPPED, "error": KILLED})
    return look(run.path)


def pause(run: Run) -> Run:
    """Let a run wait after the step it is in, until it is continued."""
    return _ask(run, "pause", paused=True)


def go_on(run: Run) -> Run:
    """Continue a run that was paused."""
    return _ask(run, "continue", paused=False)


def pace(run: Run, seconds: float) -> Run:
    """Let each epoch take so many seconds at least, for people to watch; 0: as fast as it can."""
    return _ask(run, "slow down", pace=float(seconds))


def step(run: Run) -> Run:
    """Let a paused run train until one more epoch is complete."""
    now = now_of(run)
    if now.state not in (RUNNING, PAUSED, QUEUED):
        raise RunError(f"{run.name} is {now.state}: it cannot take a step")
    with writing(run.path.parent):
        control.step(run.path)
    return look(run.path)


def _ask(run: Run, what: str, **changes) -> Run:
    now = now_of(run)
    if now.state not in (RUNNING, PAUSED, QUEUED):
        raise RunError(f"{run.name} is {now.state}: there is nothing to {what}")
    with writing(run.path.parent):
        try:
            control.write(run.path, **changes)
        except ValueError as error:
            raise RunError(str(error)) from None
    return look(run.path)


def rename(run: Run, new: str) -> Run:
    """Give the run's folder another name. Not while a process is at work in it."""
    root, target = run.path.parent, run.path.parent / names.check(new)
    with writing(root), queue.locked(root):
        now = now_of(run)
        if now.live:
            raise RunError(f"{run.name} is {now.state}; a run can be renamed when it has stopped")
        if now.state == QUEUED and now.where != HERE:  # the cluster's job has the folder's name in its command
            raise RunError(f"{run.name} is queued at {now.where}, which knows it by this name; stop it first")
        if os.path.lexists(target):
            raise RunError(f"there is a {new!r} in {root} already; choose another name")
        os.rename(run.path, target)
    queue.ensure_tended(root)
    return look(target)


def set_limit(root: Path | str, n: int) -> int:
    """How many runs may be at work at once on this machine; those that run already go on."""
    root = Path(root)
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        queue.write_limit(root, n)
        queue.ensure_tended(root)
    return queue.limit(root)


def limit(root: Path | str) -> int:
    """How many runs may be at work at once on this machine: one for each GPU, else one, if nobody said otherwise."""
    return queue.limit(Path(root))


# -- what they share -----------------------------------------------------------------------------------------


def now_of(run: Run) -> Run:
    """The run as it is now. Raises RunError when it is gone."""
    if not records.mark(run.path / records.CONFIG):
        raise RunError(f"{run.path} is not there any more: it was renamed, or moved to the trash")
    return look(run.path)


def _on_one_machine(chosen: Options | None) -> None:
    """Raise RunError for a run of several machines: it would wait for the others, whom nobody starts."""
    if chosen is not None and chosen.nodes > 1:
        raise RunError(
            f"a run in a queue is on one machine, but {chosen.nodes} nodes were asked for; ask for more devices, or "
            "start `latents train --nodes` on the machines themselves"
        )


def _enqueue(path: Path, where: str, chosen: Options, task: dict[str, int] | None = None) -> None:
    launched.begin(path, where, chosen, task=task)
    asked = control.read(path)
    if asked.stop or asked.paused:
        control.write(path, stop=False, paused=False)
    queue.put(path, where)


def _send(path: Path, where: str) -> None:
    """To this machine's tender, or to the cluster's own queue."""
    if where == HERE:
        queue.ensure_tended(path.parent)
        return
    try:
        launched.change(path, job=launcher(where).start(path))
    except Exception as error:
        with contextlib.suppress(OSError), queue.locked(path.parent):
            status, _ = records.read(path / records.STATUS)
            if status.get("state") == QUEUED:
                records.write(path / records.STATUS, {**status, "state": "failed", "error": str(error)})
        raise


def leave_the_queue(run: Run) -> None:
    """Mark a queued run as stopped, or as finished if it was. Call it with the queue's lock held."""
    if run.where != HERE:
        with contextlib.suppress(RunError):  # a cluster out of reach: its job will see that the run is not its any more
            launcher(run.where).kill(run.status)
    status, _ = records.read(run.path / records.STATUS)
    state = FINISHED if is_whole(run.path) else STOPPED  # one that was finished was to be prolonged
    records.write(run.path / records.STATUS, {**status, "state": state})


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """What the disk refuses, as one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write to {root}: {error.strerror or error}; mend that and try again") from None
