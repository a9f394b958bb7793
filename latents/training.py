"""The training loop: our own, on Lightning Fabric.

A run is a model folder that is being written. Every epoch adds a row to its history; every so often the
complete state goes into its checkpoint, from which `resume` goes on exactly: on a CPU, a resumed run equals an
uninterrupted one to the last bit.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning_fabric import Fabric
from torch import Tensor

from . import checkpoint, history
from .batches import Batches
from .card import results, write_card
from .data import ImageData, binarise
from .data import load as load_data
from .errors import LatentsError, TrainingError
from .evaluation import measure_units
from .folder import LOG, STATUS, ModelFolder
from .models import Model, build
from .provenance import provenance
from .randomness import seeded, stream
from .recipe import Recipe
from .snapshots import Snapshots

_VALIDATION_SEED = 778
_HEARTBEAT = 2.0  # seconds


@dataclass(frozen=True)
class Progress:
    """Where a run is. `row` is the history's newest row, once after each epoch, else None."""

    epoch: int
    epochs: int
    step: int
    steps: int
    row: dict[str, Any] | None = None


def train(
    recipe: Recipe,
    out: Path | str,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    accelerator: str = "auto",
    data_root: Path | None = None,
) -> ModelFolder:
    """Train a recipe into a new folder.

    Args:
        recipe: what to train.
        out: the folder; it may not hold a model yet.
        watch: called after each epoch and now and then within one.
        stop: asked after each step; when true, the run is saved, marked "stopped", and can be resumed.
        accelerator: as Fabric's: "auto" takes a GPU where there is one.
        data_root: where data sets are; by default `latents.data.data_root()`.

    Raises:
        RecipeError, DataError: before anything is written.
        FolderError: the folder already holds a model.
        TrainingError: the loss is not finite, or the disk is full; the last good checkpoint is kept.
    """
    data = load_data(recipe.data.name, data_root)
    recipe.check(data)
    for split in (data.train, data.valid, data.test):  # read now: what is missing is said before a folder is begun
        del split
    fabric = _fabric(accelerator)
    return _Run(ModelFolder.create(out, recipe), data, watch, stop, fabric).go(None)


def resume(
    path: Path | str,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    accelerator: str = "auto",
    data_root: Path | None = None,
) -> ModelFolder:
    """Go on from the checkpoint of a folder; arguments and errors as for `train`."""
    folder = ModelFolder(path)
    state = checkpoint.read(folder)
    data = load_data(folder.recipe.data.name, data_root)
    return _Run(folder, data, watch, stop, _fabric(accelerator)).go(state)


def _fabric(accelerator: str) -> Fabric:
    try:
        return Fabric(accelerator=accelerator, devices=1, precision="32-true")
    except (ValueError, RuntimeError, ImportError):
        raise TrainingError(f"there is no accelerator {accelerator!r} on this machine; give auto or cpu") from None


class _Run:
    """One run of the loop: what it knows, and the steps it takes."""

    def __init__(self, folder: ModelFolder, data: ImageData, watch, stop, fabric: Fabric):
        self.folder, self.recipe, self.data, self.watch, self.stop = folder, folder.recipe, data, watch, stop
        self.fabric, self.device = fabric, fabric.device
        self.process = psutil.Process()
        self.epoch, self.step, self.rows, self.seconds = 1, 0, 0, 0.0
        self.place, self.before = 0, 0  # of the stage, and the epochs before it
        self.sums: dict[str, Tensor] = {}
        self.best: dict[str, Any] = {}
        self.kept: dict[str, int] = {}  # the best epoch of each stage that is over
        self.last_beat = self.last_checkpoint = time.monotonic()

    def go(self, state: dict[str, Any] | None) -> ModelFolder:
        """Train, and leave the folder in a state that says what happened."""
        try:
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                self._prepare(state)
                self._status("running")
                if self._epochs():
                    self._finish()
                else:
                    self._checkpoint()
                    self._status("stopped")
        except OSError as error:
            raise self._fail(_disk_sentence(error, self.folder.path)) from error
        except LatentsError as error:
            raise self._fail(str(error)) from None
        except BaseException as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        return self.folder

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
        size = self.model.space.size if self.model.space is not None else 0
        self.snapshots = Snapshots(self.folder, self.data.test, binary, size, self.epochs, training.snapshots)
        self._enter(0 if state is None else state["place"])
        if state is None:
            self.model.eval()
            self.snapshots.take(self.model, 0)
            self._checkpoint()  # whatever happens from here on, there is something to resume from
            self._log(f"training {recipe.name} on {self.device}: {self.model.parameter_count():,} parameters")
            for sentence in self.model.remarks():
                self._log(sentence)
        else:
            self._restore(state)
            self._log(f"resumed in epoch {self.epoch} at step {self.step}")

    def _enter(self, place: int) -> None:
        """Begin a stage: its optimiser, and no best weights yet."""
        training = self.recipe.training
        self.place, self.best = place, {"score": -float("inf"), "epoch": 0, "weights": {}}
        self.stage = self.stages[place]
        self.optimizer: Any = None
        self.scheduler: Any = None
        self.last = self.before + self.stage.epochs(training)
        self.call: Any = self.stage
        if not self.stage.closed:
            fused = self.device.type in ("cpu", "cuda")
            moved = list(self.stage.trainable())
            optimizer = torch.optim.Adam(moved, lr=training.learning_rate, fused=fused)
            self.scheduler = _scheduler(optimizer, training, len(self.batches) * self.stage.epochs(training))
            self.call, self.optimizer = self.fabric.setup(self.stage, optimizer)

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.place, self.before, self.kept = state["place"], state["before"], state["kept"]
        self.last = self.before + self.stage.epochs(self.recipe.training)
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.epoch, self.step, self.rows, self.seconds = (state[k] for k in ("epoch", "step", "rows", "seconds"))
        self.sums = {name: value.to(self.device) for name, value in state["sums"].items()}
        self.best = state["best"]
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
        self.folder.tidy()
        self.folder.cut_history(self.rows)
        self.snapshots.resume(self.epoch - 1)

    # -- the loop --

    def _epochs(self) -> bool:
        """Train until done. False when asked to stop."""
        training = self.recipe.training
        began = time.monotonic()
        while self.epoch <= self.last:
            if self.stop() or not self._one_epoch():
                self.seconds += time.monotonic() - began
                return False
            now = time.monotonic()
            self.seconds, began = self.seconds + now - began, now
            row = self._row()
            self.folder.append_history(row)
            self.rows += 1
            at = self.epoch - self.before
            over = at - max(self.best["epoch"], self.stage.settled) >= training.look_ahead
            done = over or self.epoch == self.last
            final = done and self.place == len(self.stages) - 1
            self.snapshots.take(self.model, self.epoch, always=final)
            self._log(history.line(row))
            self.watch(Progress(self.epoch, self.epochs, self.steps, self.steps, row))
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            if over:
                self._log(f"no better validation for {training.look_ahead} epochs: stopping early")
            if done and not final:
                self._next_stage()
            if final:
                break
            if time.monotonic() - self.last_checkpoint >= training.checkpoint_seconds:
                self._checkpoint()
        return True

    def _next_stage(self) -> None:
        """Keep the best weights of this stage, and begin the next one."""
        self.model.load_state_dict(self._weights())
        self.kept[self.stage.name] = self.before + self.best["epoch"]
        self.before = self.epoch - 1
        self._enter(self.place + 1)
        self._log(f"stage {self.place + 1} of {len(self.stages)}: {self.stage.name}")

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return 1 if self.stage.closed else len(self.batches)

    def _one_epoch(self) -> bool:
        """The rest of this epoch's steps. False when asked to stop before the last one."""
        if self.stage.closed:
            self._closed()
            return True
        self.call.train()
        at, steps = self.epoch - self.before, self.steps
        for batch in self.batches.epoch(self.epoch, self.step):
            terms = self.call(batch, at)
            self.fabric.backward(terms["loss"])
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.scheduler is not None:
                self.scheduler.step()
            for name, value in terms.items():
                share = value.detach() * len(batch)
                self.sums[name] = self.sums[name] + share if name in self.sums else share
            self.step += 1
            if time.monotonic() - self.last_beat >= _HEARTBEAT:
                self._status("running")
                self.watch(Progress(self.epoch, self.epochs, self.step, steps))
            if self.step < steps and self.stop():
                return False
        return True

    def _closed(self) -> None:
        """A step of a stage that is fitted on all images at once."""
        self.model.eval()
        images = torch.cat(list(self.batches.epoch(self.epoch)))
        with torch.no_grad():
            terms = self.stage.fit(images, self.epoch - self.before)
        self.sums = {name: torch.as_tensor(float(value) * len(images)) for name, value in terms.items()}

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
        self._check({name: float(value.detach().sum()) for name, value in self.model.state_dict().items()})
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else {},
            "scheduler": self.scheduler.state_dict() if self.scheduler else {},
            "place": self.place,
            "before": self.before,
            "kept": self.kept,
            "epoch": self.epoch,
            "step": self.step,
            "rows": self.rows,
            "seconds": self.seconds,
            "sums": self.sums,
            "best": self.best,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }
        checkpoint.write(self.folder, state)
        self.folder.write_weights(self.model, self._weights(), "float32")
        self.last_checkpoint = time.monotonic()

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
        checkpoint.remove(self.folder)
        self._status("finished")
        self._log(f"finished: {'; '.join(results(self.folder.metrics))}")

    def _status(self, state: str, error: str | None = None) -> None:
        self.last_beat = time.monotonic()
        self.folder.write_json(
            STATUS,
            {
                "state": state,
                "pid": self.process.pid,
                "started": self.process.create_time(),
                "heartbeat": datetime.now(UTC).isoformat(timespec="seconds"),
                "epoch": self.rows if state == "finished" else self.epoch,
                "stage": self.stage.name if hasattr(self, "stage") else "",
                "epochs": getattr(self, "epochs", self.recipe.training.epochs),
                "step": self.step,
                "steps": self.steps if hasattr(self, "stage") else 0,
                "device": str(self.device),
                "error": error,
            },
        )

    def _log(self, line: str) -> None:
        with open(self.folder.path / LOG, "a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def _fail(self, sentence: str) -> TrainingError:
        """Mark the folder as failed, if it can still be written."""
        try:
            self._log(f"failed: {sentence}")
            self._status("failed", sentence)
        except OSError:
            pass  # the same full disk: the sentence still reaches the user as the error itself
        return TrainingError(sentence)


def _scheduler(optimizer: torch.optim.Optimizer, training: Any, steps: int):
    if training.schedule == "constant":
        return None
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=steps, cycle_momentum=False
    )


def _disk_sentence(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full at {path}; free some space, then `latents train --resume {path}`"
    return f"cannot write to {path}: {error.strerror or error}; mend that, then `latents train --resume {path}`"
