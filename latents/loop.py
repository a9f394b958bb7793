"""The training loop itself: steps, epochs and stages, and what is kept of them.

One `Run` is one process's part in one run. Where several processes train together (see `latents.team`), all of them
go through the same steps; the first alone decides, measures and writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from . import alarms, checkpoint, control, history
from .card import results, write_card
from .data import ImageData
from .errors import LatentsError, TrainingError
from .evaluation import measure_units
from .folder import ModelFolder
from .learner import Learner
from .provenance import provenance
from .randomness import seeded
from .reporter import Reporter, disk_sentence
from .snapshots import Snapshots
from .team import Dismissed, Team

_GO, _WAIT, _STOP = 0, 1, 2  # what the first process says before a step
_OVER, _SAVE = 1, 2  # and after an epoch
_WAITING = 0.05  # seconds between two looks of a run that waits


@dataclass(frozen=True)
class Progress:
    """Where a run is. `row` is the history's newest row, once after each epoch, else None."""

    epoch: int
    epochs: int
    step: int
    steps: int
    row: dict[str, Any] | None = None


class Run:
    """One run of the loop: what it knows, and the steps it takes.

    Args:
        folder: with its recipe.
        data: all images.
        watch: called after each epoch and now and then within one.
        stop: asked before each epoch and after each step.
        fabric: launched; one process or a team of them.
        logs: what else takes each row and the pictures of snapshots, such as `event_files.EventFiles`.
    """

    def __init__(
        self,
        folder: ModelFolder,
        data: ImageData,
        watch: Callable[[Progress], None],
        stop: Callable[[], bool],
        fabric: Fabric,
        logs: Iterable[Any] = (),
    ):
        self.folder, self.recipe, self.data, self.watch, self.stop = folder, folder.recipe, data, watch, stop
        self.fabric, self.device, self.team, self.logs = fabric, fabric.device, Team(fabric), list(logs)
        self.reporter = Reporter(folder, str(self.device), self.team.leads)
        self.listener = control.Listener(folder.path)
        self.epoch, self.step, self.rows, self.seconds = 1, 0, 0, 0.0
        self.sums: dict[str, Tensor] = {}
        self.learner: Any = None  # a Learner, once there is one
        self.waited = 0.0  # seconds that were no training: pauses, and a pace that was asked for
        self.pace_from = 0.0  # when the epoch began, for its pace
        self.last_checkpoint = time.monotonic()

    def go(self, state: dict[str, Any] | None) -> None:
        """Train, and leave the folder in a state that says what happened. `state`: a checkpoint's, or None."""
        try:
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                if self.team.leads:
                    self.folder.tidy()
                self.reporter.reserve()
                self.epoch = state["epoch"] if state else 1
                self._status("running")  # as soon as there is a folder, it says whose it is
                self._prepare(state)
                self._status("running")
                if not self._epochs():
                    self._checkpoint()
                    self.reporter.release()
                    self._status("stopped")
                elif self.team.leads:
                    self._finish()
        except Dismissed:
            return
        except OSError as error:
            raise self._fail(disk_sentence(error, self.folder.path)) from error
        except LatentsError as error:
            raise self._fail(str(error)) from None
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                self._fail(f"{type(error).__name__}: {error}")
                raise
            raise self._fail(
                f"there is not enough memory on {self.device}; lower training.batch (it is "
                f"{self.recipe.training.batch}) or the model's sizes, and train anew"
            ) from None
        except BaseException as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        finally:
            for log in self.logs:
                log.close()

    # -- before --

    def _prepare(self, state: dict[str, Any] | None) -> None:
        learner = self.learner = Learner(self.recipe, self.data, self.fabric, self.team)
        training = self.recipe.training
        self.monitor = alarms.Monitor(patience=training.look_ahead)
        if state is not None:
            self._restore(state)
        space = learner.model.space
        size = space.size if space is not None else 0
        self.snapshots = Snapshots(
            self.folder, self.data.test, learner.binary, size, learner.planned, training.snapshots
        )
        if state is None:
            learner.model.eval()
            if self.team.leads:
                self.snapshots.take(learner.model, 0)
            self._checkpoint()  # whatever happens from here on, there is something to resume from
            count = learner.model.parameter_count()
            self.reporter.say(f"training {self.recipe.name} on {self._where()}: {count:,} parameters")
            for sentence in learner.model.remarks():
                self.reporter.say(sentence)
        else:
            self.snapshots.resume(self.epoch - 1)
            self.reporter.say(f"resumed in epoch {self.epoch} at step {self.step}, on {self._where()}")

    def _restore(self, state: dict[str, Any]) -> None:
        self.learner.restore(state)
        self.epoch, self.step, self.rows, self.seconds = (state[k] for k in ("epoch", "step", "rows", "seconds"))
        if self.team.leads:  # the others' parts of the sums are in them
            self.sums = {name: value.to(self.device) for name, value in state["sums"].items()}
            self.folder.cut_history(self.rows)
            self.monitor.catch_up(self.folder.history())

    def _where(self) -> str:
        return f"{self.device}" if self.team.size == 1 else f"{self.team.size} processes, the first on {self.device}"

    # -- the loop --

    def _epochs(self) -> bool:
        """Train until done. False when asked to stop."""
        began, self.waited, self.pace_from = time.monotonic(), 0.0, -math.inf
        learner = self.learner
        while self.epoch <= learner.last:
            if not self._may_go_on() or not self._one_epoch():
                self.seconds += time.monotonic() - began - self.waited
                return False
            now = time.monotonic()
            self.seconds, began, self.waited = self.seconds + now - began - self.waited, now, 0.0
            self.sums = self.team.total(self.sums)
            verdict = self.team.agree(self._close_epoch)
            over = bool(verdict & _OVER)
            done = over or self.epoch == learner.last
            final = done and learner.is_last
            if over:
                self.reporter.say(f"no better validation for {self.recipe.training.look_ahead} epochs: stopping early")
            if done and not final:
                learner.next_stage(self.epoch)
                self.reporter.say(f"stage {learner.place + 1} of {len(learner.stages)}: {learner.stage.name}")
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            if final:
                break
            if verdict & _SAVE:
                self._checkpoint()
        return True

    def _close_epoch(self) -> int:
        """What the first process does after an epoch's steps: measure, write, and say how it goes on."""
        learner, training = self.learner, self.recipe.training
        row = self._row()
        self.folder.append_history(row)
        self.rows += 1
        since = max(learner.best["epoch"], learner.stage.settled, learner.start)
        over = self.epoch - learner.before - since >= training.look_ahead
        final = (over or self.epoch == learner.last) and learner.is_last
        taken = self.snapshots.take(learner.model, self.epoch, always=final)
        for log in self.logs:
            log.row(row)
            if taken is not None:
                log.pictures(self.epoch, taken)
        self.reporter.say(history.line(row))
        for alarm in self.monitor.feed(row):
            self.reporter.say(f"alarm: {alarm.sentence}")
        self.watch(Progress(self.epoch, learner.planned, learner.steps, learner.steps, row))
        self.listener.epoch_done()
        due = time.monotonic() - self.last_checkpoint >= training.checkpoint_seconds
        return (_OVER if over else 0) | (_SAVE if due else 0)

    def _may_go_on(self) -> bool:
        """Wait while paused, and as long as the pace says. False when asked to stop. The first process decides."""
        began, verdict = time.monotonic(), self.team.agree(self._verdict)
        while verdict == _WAIT:
            time.sleep(_WAITING)
            verdict = self.team.agree(self._verdict)
            if verdict != _WAIT:
                self.waited += time.monotonic() - began
        return verdict == _GO

    def _verdict(self) -> int:
        if self.stop() or self.listener.now().stop:
            return _STOP
        paused = self.listener.paused
        state = "paused" if paused else "running"
        if self.reporter.due(state) and (paused or self.reporter.state == "paused"):
            self._status(state)
        if paused:
            self.pace_from = time.monotonic() - self._pace_share() * self.listener.now().pace  # its clock stands still
            return _WAIT
        if self.listener.late(self.pace_from, self._pace_share()) > 0:
            if self.reporter.due("running"):
                self._status("running")
            return _WAIT
        return _GO

    def _pace_share(self) -> float:
        """How much of the epoch that the pace is measured on is done: between two epochs, all of the last one."""
        return self.step / self.learner.steps if self.step else 1.0

    def _one_epoch(self) -> bool:
        """The rest of this epoch's steps. False when asked to stop before the last one."""
        learner = self.learner
        at, steps = self.epoch - learner.before, learner.steps
        self.pace_from = time.monotonic() - self.step / steps * self.listener.now().pace
        if learner.stage.closed:
            self.sums = learner.fit(self.epoch)
            return True
        learner.call.train()
        for batch in learner.batches.epoch(self.epoch, self.step):
            for name, value in learner.step(batch, at).items():
                self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.step += 1
            if self.reporter.due("running"):
                self._status("running")
                self.watch(Progress(self.epoch, learner.planned, self.step, steps))
            if self.step < steps and not self._may_go_on():
                return False
        return True

    def _row(self) -> dict[str, Any]:
        """The history's row of the epoch just trained. Raises TrainingError when its loss is not finite."""
        learner = self.learner
        count = len(learner.batches.images)
        means = {f"train_{name}": float(value) / count for name, value in self.sums.items()}
        self._check(means)
        learner.model.eval()
        at = self.epoch - learner.before
        units: dict[str, float] = {}
        with torch.no_grad(), seeded(self.recipe.seed, self.device):
            validated = learner.stage.validate(learner.valid)
            if learner.model.why_not("units") is None:
                units = history.units(learner.model, learner.valid)
        self._check(validated)
        learner.keep_best(validated.pop("score"), at)
        row = {
            "epoch": self.epoch,
            "stage": learner.stage.name,
            "seconds": round(self.seconds, 3),
            "learning_rate": learner.rate(),
            "beta": learner.stage.weight(at),
            **means,
            **validated,
            **units,
        }
        if row["beta"] is None:
            del row["beta"]
        return history.rounded(row)

    def _check(self, values: dict[str, float]) -> None:
        """Raise TrainingError when one of them is not finite."""
        bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"the loss is not finite in epoch {self.epoch} ({', '.join(bad[:3])}); the last good checkpoint is "
                f"kept: lower training.learning_rate (it is {self.recipe.training.learning_rate:g}) and train anew"
            )

    # -- what is written --

    def _checkpoint(self) -> None:
        """Save all, on the first process; the others send what is theirs."""
        state = self.learner.state()
        self.sums = self.team.total(self.sums)
        self.last_checkpoint = time.monotonic()
        if not self.team.leads:
            return
        self._check({name: float(value.detach().sum()) for name, value in state["model"].items()})
        own = {name: getattr(self, name) for name in ("epoch", "step", "rows", "seconds", "sums")}
        checkpoint.write(self.folder, {**state, **own})
        self.folder.write_weights(self.learner.model, self.learner.weights(), "float32")

    def _finish(self) -> None:
        recipe = self.recipe
        self.folder.write_weights(self.learner.model, self.learner.weights(), recipe.training.save_as)
        kept = self.learner.best_epochs()
        model = self.folder.load(self.device)  # every number is that of the saved weights
        self.folder.update_metrics(
            training={
                "seconds": round(self.seconds, 1),
                "epochs": self.rows,
                "best_epoch": next(iter(kept.values())) or self.rows,
                "best_epochs": kept,
                "parameters": model.parameter_count(),
                "weights": recipe.training.save_as,
                **({"prolonged_after": self.learner.prolonged} if self.learner.prolonged else {}),
                **provenance(self.device),
            },
            units=measure_units(model, self.data, device=self.device),
            **({} if model.why_not("log_likelihood") is None else {"no_likelihood": model.why_not("log_likelihood")}),
        )
        write_card(self.folder)
        self.reporter.say(f"finished: {'; '.join(results(self.folder.metrics))}")
        self.reporter.release()
        self._status("finished")  # before the checkpoint goes: whenever the process dies, the run is whole
        checkpoint.remove(self.folder)

    def _status(self, state: str, error: str | None = None) -> None:
        self.reporter.status(state, error, **self._place(state))

    def _place(self, state: str) -> dict[str, Any]:
        learner = self.learner
        return {
            "epoch": self.rows if state == "finished" else self.epoch,
            "epochs": learner.planned if learner else self.recipe.training.epochs,
            "step": self.step,
            "steps": learner.steps if learner else 0,
            "stage": learner.stage.name if learner else "",
        }

    def _fail(self, sentence: str) -> TrainingError:
        """Mark the folder as failed, if it can still be written, and let the others go."""
        self.reporter.fail(sentence, **self._place("failed"))
        self.team.dismiss()
        return TrainingError(sentence)


def _out_of_memory(error: BaseException) -> bool:
    """PyTorch has a kind of error for a GPU that is full, and none for a machine."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
