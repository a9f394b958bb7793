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
from .batches import Batches
from .card import results, write_card
from .data import ImageData, binarise
from .errors import LatentsError, TrainingError
from .evaluation import measure_units
from .folder import ModelFolder
from .models import Model, build
from .provenance import provenance
from .randomness import seeded, stream
from .reporter import Reporter, disk_sentence
from .snapshots import Snapshots
from .team import Dismissed, Team

_VALIDATION_SEED = 778
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
        logs: what else takes each row and the pictures of snapshots, such as `tensorboard.EventFiles`.
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
        self.epochs = self.recipe.training.epochs
        self.sums: dict[str, Tensor] = {}
        self.best: dict[str, Any] = {}
        self.kept: dict[str, int] = {}  # the best epoch of each stage that is over
        self.waited = 0.0  # seconds that were no training: pauses, and a pace that was asked for
        self.pace_from = 0.0  # when the epoch began, for its pace
        self.last_checkpoint = time.monotonic()

    def go(self, state: dict[str, Any] | None) -> None:
        """Train, and leave the folder in a state that says what happened. `state`: a checkpoint's, or None."""
        try:
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                self.reporter.reserve()
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
        except BaseException as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        finally:
            for log in self.logs:
                log.close()

    # -- before --

    def _prepare(self, state: dict[str, Any] | None) -> None:
        recipe, training = self.recipe, self.recipe.training
        binary = self.data.kind != "binary" and recipe.data.binarisation != "none"
        torch.manual_seed(recipe.seed)
        self.model: Model = build(recipe, self.data.shape)
        images = self.data.train.images
        self.model.initialise(images, stream(recipe.seed, 0))
        self.model.to(self.device)
        self.batches = Batches(
            images.to(self.device), recipe.data.binarisation if binary else "none", training.batch, recipe.seed
        )
        valid = self.data.valid.images
        self.valid = (binarise(valid, _VALIDATION_SEED) if binary else valid).to(self.device)
        self.stages = self.model.stages(recipe)
        self.epochs = sum(stage.epochs(training) for stage in self.stages)
        self.monitor = alarms.Monitor(patience=training.look_ahead)
        self.team.seed(recipe.seed)
        if state is None:
            self._enter(0, 0)
        else:
            self._restore(state)
        size = self.model.space.size if self.model.space is not None else 0
        self.snapshots = Snapshots(self.folder, self.data.test, binary, size, self.epochs, training.snapshots)
        if state is None:
            self.model.eval()
            if self.team.leads:
                self.snapshots.take(self.model, 0)
            self._checkpoint()  # whatever happens from here on, there is something to resume from
            self.reporter.say(f"training {recipe.name} on {self._where()}: {self.model.parameter_count():,} parameters")
            for sentence in self.model.remarks():
                self.reporter.say(sentence)
        else:
            self.snapshots.resume(self.epoch - 1)
            self.reporter.say(f"resumed in epoch {self.epoch} at step {self.step}, on {self._where()}")

    def _where(self) -> str:
        return f"{self.device}" if self.team.size == 1 else f"{self.team.size} processes, the first on {self.device}"

    def _enter(self, place: int, before: int, start: int = 0, last: int | None = None) -> None:
        """Begin a stage: its optimiser, and no best weights yet.

        Args:
            place: of the stage.
            before: the epochs before it.
            start: its epochs that were over when its schedule began: more than 0 where a finished run is prolonged.
            last: the epoch in which it ends at the latest.
        """
        training = self.recipe.training
        self.place, self.before, self.start, self.stage = place, before, start, self.stages[place]
        self.best = {"score": -float("inf"), "epoch": 0, "weights": {}}
        self.last = before + self.stage.epochs(training) if last is None else last
        self.optimizer: Any = None
        self.scheduler: Any = None
        self.call: Any = self.stage
        if not self.stage.closed:
            fused = self.device.type in ("cpu", "cuda")
            moved = list(self.stage.trainable())
            optimizer = torch.optim.Adam(moved, lr=training.learning_rate, fused=fused)
            self.scheduler = _scheduler(optimizer, training, len(self.batches) * (self.last - before - start))
            self.call, self.optimizer = self.fabric.setup(self.stage, optimizer)

    def _restore(self, state: dict[str, Any]) -> None:
        training = self.recipe.training
        added = checkpoint.added(state, training, self.stages[state["place"]])
        last = state["last"] + added
        self.epochs = state["epochs"] + added
        self.model.load_state_dict(state["model"])
        self._enter(state["place"], state["before"], state["start"], last)
        if self.optimizer is not None and state["optimizer"]:
            self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None and state["scheduler"]:
            now = self.scheduler.state_dict()  # a prolonged schedule is stretched: its length is the present one
            length = {name: now[name] for name in ("total_steps", "_schedule_phases")}
            self.scheduler.load_state_dict({**state["scheduler"], **length})
        self.kept, self.best = state["kept"], state["best"]
        self.epoch, self.step, self.rows, self.seconds = (state[k] for k in ("epoch", "step", "rows", "seconds"))
        if self.team.leads:  # the others' parts of the sums are in them
            self.sums = {name: value.to(self.device) for name, value in state["sums"].items()}
            self.folder.tidy()
            self.reporter.reserve()
            self.folder.cut_history(self.rows)
            self.monitor.catch_up(self.folder.history())
        self._restore_random(state)

    def _restore_random(self, state: dict[str, Any]) -> None:
        states = [state["random"], *state["random_others"]]
        if self.team.rank < len(states):
            torch.set_rng_state(states[self.team.rank])
        if self.device.type == "cuda" and self.team.rank < len(state["random_cuda"]):
            torch.cuda.set_rng_state(state["random_cuda"][self.team.rank], self.device)

    # -- the loop --

    def _epochs(self) -> bool:
        """Train until done. False when asked to stop."""
        began, self.waited, self.pace_from = time.monotonic(), 0.0, -math.inf
        while self.epoch <= self.last:
            if not self._may_go_on() or not self._one_epoch():
                self.seconds += time.monotonic() - began - self.waited
                return False
            now = time.monotonic()
            self.seconds, began, self.waited = self.seconds + now - began - self.waited, now, 0.0
            self.sums = self.team.total(self.sums)
            verdict = self.team.agree(self._close_epoch)
            over = bool(verdict & _OVER)
            done = over or self.epoch == self.last
            final = done and self.place == len(self.stages) - 1
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            if over:
                self.reporter.say(f"no better validation for {self.recipe.training.look_ahead} epochs: stopping early")
            if done and not final:
                self._next_stage()
            if final:
                break
            if verdict & _SAVE:
                self._checkpoint()
        return True

    def _close_epoch(self) -> int:
        """What the first process does after an epoch's steps: measure, write, and say how it goes on."""
        training = self.recipe.training
        row = self._row()
        self.folder.append_history(row)
        self.rows += 1
        at = self.epoch - self.before
        over = at - max(self.best["epoch"], self.stage.settled, self.start) >= training.look_ahead
        final = (over or self.epoch == self.last) and self.place == len(self.stages) - 1
        taken = self.snapshots.take(self.model, self.epoch, always=final)
        for log in self.logs:
            log.row(row)
            if taken is not None:
                log.pictures(self.epoch, taken)
        self.reporter.say(history.line(row))
        for alarm in self.monitor.feed(row):
            self.reporter.say(f"alarm: {alarm.sentence}")
        self.watch(Progress(self.epoch, self.epochs, self.steps, self.steps, row))
        self.listener.epoch_done()
        due = time.monotonic() - self.last_checkpoint >= training.checkpoint_seconds
        return (_OVER if over else 0) | (_SAVE if due else 0)

    def _next_stage(self) -> None:
        """Keep the best weights of this stage, and begin the next one."""
        self.model.load_state_dict(self._weights())
        self.team.spread(self.model)
        self.kept[self.stage.name] = self.before + self.best["epoch"]
        self._enter(self.place + 1, self.epoch - 1)
        self.reporter.say(f"stage {self.place + 1} of {len(self.stages)}: {self.stage.name}")

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return 1 if self.stage.closed else len(self.batches)

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
        return self.step / self.steps if self.step else 1.0

    def _one_epoch(self) -> bool:
        """The rest of this epoch's steps. False when asked to stop before the last one."""
        self.pace_from = time.monotonic() - self.step / self.steps * self.listener.now().pace
        if self.stage.closed:
            self._closed()
            return True
        self.call.train()
        at, steps = self.epoch - self.before, self.steps
        for batch in self.batches.epoch(self.epoch, self.step):
            part, weight = self.team.share(batch)
            terms = self.call(part, at)
            self.fabric.backward(terms["loss"] if weight == 1 else terms["loss"] * weight)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.team.average(self.model)
            if self.scheduler is not None:
                self.scheduler.step()
            for name, value in terms.items():
                share = value.detach() * (len(part) if weight else 0)
                self.sums[name] = self.sums[name] + share if name in self.sums else share
            self.step += 1
            if self.reporter.due("running"):
                self._status("running")
                self.watch(Progress(self.epoch, self.epochs, self.step, steps))
            if self.step < steps and not self._may_go_on():
                return False
        return True

    def _closed(self) -> None:
        """A step of a stage that is fitted on all images at once: the first process takes it for all."""
        if self.team.leads:
            self.model.eval()
            images = torch.cat(list(self.batches.epoch(self.epoch)))
            with torch.no_grad():
                terms = self.stage.fit(images, self.epoch - self.before)
            self.sums = {name: torch.as_tensor(float(value) * len(images)) for name, value in terms.items()}
        self.team.agree(lambda: _GO)
        self.team.spread(self.model)

    def _row(self) -> dict[str, Any]:
        """The history's row of the epoch just trained. Raises TrainingError when its loss is not finite."""
        count = len(self.batches.images)
        means = {f"train_{name}": float(value) / count for name, value in self.sums.items()}
        self._check(means)
        self.model.eval()
        at = self.epoch - self.before
        units: dict[str, float] = {}
        with torch.no_grad(), seeded(self.recipe.seed, self.device):
            validated = self.stage.validate(self.valid)
            if self.model.why_not("units") is None:
                units = history.units(self.model, self.valid)
        self._check(validated)
        self._keep_best(validated.pop("score"), at)
        row = {
            "epoch": self.epoch,
            "stage": self.stage.name,
            "seconds": round(self.seconds, 3),
            "learning_rate": self._rate(),
            "beta": self.stage.weight(at),
            **means,
            **validated,
            **units,
        }
        if row["beta"] is None:
            del row["beta"]
        return history.rounded(row)

    def _rate(self) -> float:
        if self.stage.closed:
            return 0.0
        return self.scheduler.get_last_lr()[0] if self.scheduler else self.recipe.training.learning_rate

    def _check(self, values: dict[str, float]) -> None:
        """Raise TrainingError when one of them is not finite."""
        bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"the loss is not finite in epoch {self.epoch} ({', '.join(bad[:3])}); the last good checkpoint is "
                f"kept: lower training.learning_rate (it is {self.recipe.training.learning_rate:g}) and train anew"
            )

    def _keep_best(self, score: float, at: int) -> None:
        closed = self.stage.closed  # a fit is better than the one before it by construction
        if closed or (at >= self.stage.settled and score > self.best["score"]):
            weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
            self.best = {"score": score, "epoch": at, "weights": weights}

    # -- what is written --

    def _checkpoint(self) -> None:
        """Save all, on the first process; the others send what is theirs."""
        cuda = self.device.type == "cuda"
        random = self.team.gather(torch.get_rng_state())
        random_cuda = self.team.gather(torch.cuda.get_rng_state(self.device)) if cuda else []
        self.sums = self.team.total(self.sums)
        self.last_checkpoint = time.monotonic()
        if not self.team.leads:
            return
        self._check({name: float(value.detach().sum()) for name, value in self.model.state_dict().items()})
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else {},
            "scheduler": self.scheduler.state_dict() if self.scheduler else {},
            "place": self.place,
            "before": self.before,
            "start": self.start,
            "last": self.last,
            "kept": self.kept,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "rows": self.rows,
            "seconds": self.seconds,
            "sums": self.sums,
            "best": self.best,
            "random": random[0],
            "random_others": random[1:],
            "random_cuda": random_cuda,
        }
        checkpoint.write(self.folder, state)
        self.folder.write_weights(self.model, self._weights(), "float32")

    def _weights(self) -> dict[str, Tensor]:
        """The best weights so far; the present ones while the objective still changes."""
        return self.best["weights"] or {name: value.detach().cpu() for name, value in self.model.state_dict().items()}

    def _finish(self) -> None:
        recipe = self.recipe
        self.folder.write_weights(self.model, self._weights(), recipe.training.save_as)
        kept = {**self.kept, self.stage.name: self.before + self.best["epoch"]}
        model = self.folder.load(self.device)  # every number is that of the saved weights
        self.folder.update_metrics(
            training={
                "seconds": round(self.seconds, 1),
                "epochs": self.rows,
                "best_epoch": next(iter(kept.values())) or self.rows,
                "best_epochs": kept,
                "parameters": model.parameter_count(),
                "weights": recipe.training.save_as,
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
        begun = hasattr(self, "stage")
        return {
            "epoch": self.rows if state == "finished" else self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps if begun else 0,
            "stage": self.stage.name if begun else "",
        }

    def _fail(self, sentence: str) -> TrainingError:
        """Mark the folder as failed, if it can still be written, and let the others go."""
        self.reporter.fail(sentence, **self._place("failed"))
        self.team.dismiss()
        return TrainingError(sentence)


def _scheduler(optimizer: torch.optim.Optimizer, training: Any, steps: int) -> Any:
    if training.schedule == "constant":
        return None
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=steps, cycle_momentum=False
    )
