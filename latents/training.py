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

from . import checkpoint
from .batches import Batches
from .card import results, write_card
from .data import ImageData, binarise
from .data import load as load_data
from .diagnostics import THRESHOLD, encode_all, kl_per_unit
from .errors import LatentsError, TrainingError
from .evaluation import measure_units
from .folder import LOG, STATUS, ModelFolder
from .models import Model, Stage, build
from .objectives import Objective
from .parts import part
from .provenance import provenance
from .randomness import seeded, stream
from .recipe import Recipe
from .snapshots import Snapshots

_UNIT_IMAGES = 500  # of the validation split, for units in the history (Burda et al. 2016 use as many)
_VALIDATION_SEED, _VALIDATION_ROWS = 778, 2000
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
        self.sums: dict[str, Tensor] = {}
        self.best: dict[str, Any] = {"score": -float("inf"), "epoch": 0, "weights": {}}
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
        self.objective: Objective = part("objective", recipe.objective.kind)(recipe.objective)
        (stage,) = self.model.stages(recipe)
        self.stage_name = stage.name
        fused = self.device.type in ("cpu", "cuda")
        optimizer = torch.optim.Adam(stage.parameters(), lr=training.learning_rate, fused=fused)
        self.scheduler = _scheduler(optimizer, training, len(self.batches))
        self.stage: Stage
        self.stage, self.optimizer = self.fabric.setup(stage, optimizer)
        self.snapshots = Snapshots(
            self.folder, self.data.test, binary, self.model.space.size, training.epochs, training.snapshots
        )
        if state is None:
            self.model.eval()
            self.snapshots.take(self.model, 0)
            self._checkpoint()  # whatever happens from here on, there is something to resume from
            self._log(f"training {recipe.name} on {self.device}: {self.model.parameter_count():,} parameters")
        else:
            self._restore(state)
            self._log(f"resumed in epoch {self.epoch} at step {self.step}")

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
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
        while self.epoch <= training.epochs:
            if self.stop() or not self._one_epoch():
                self.seconds += time.monotonic() - began
                return False
            now = time.monotonic()
            self.seconds, began = self.seconds + now - began, now
            row = self._row()
            self.folder.append_history(row)
            self.rows += 1
            waited = self.epoch - max(self.best["epoch"], self.objective.settled)
            over = waited >= training.look_ahead
            self.snapshots.take(self.model, self.epoch, always=over)
            self._log(_line(row))
            self.watch(Progress(self.epoch, training.epochs, len(self.batches), len(self.batches), row))
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            if over:
                self._log(f"no better validation for {training.look_ahead} epochs: stopping early")
                break
            if time.monotonic() - self.last_checkpoint >= training.checkpoint_seconds:
                self._checkpoint()
        return True

    def _one_epoch(self) -> bool:
        """The rest of this epoch's steps. False when asked to stop before the last one."""
        self.stage.train()
        steps = len(self.batches)
        for batch in self.batches.epoch(self.epoch, self.step):
            terms = self.stage(batch, self.epoch)
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
                self.watch(Progress(self.epoch, self.recipe.training.epochs, self.step, steps))
            if self.step < steps and self.stop():
                return False
        return True

    def _row(self) -> dict[str, Any]:
        """The history's row of the epoch just trained. Raises TrainingError when its loss is not finite."""
        count = len(self.batches.images)
        means = {f"train_{name}": float(value) / count for name, value in self.sums.items()}
        self._check(means)
        self.model.eval()
        with torch.no_grad(), seeded(self.recipe.seed, self.device):
            elbos = [self.model.elbo(part) for part in self.valid.split(_VALIDATION_ROWS)]
            reconstruction = float(torch.cat([elbo.reconstruction for elbo in elbos]).mean())
            kl = float(torch.cat([elbo.kl for elbo in elbos]).mean())
            subset = self.valid[:_UNIT_IMAGES]
            variances = encode_all(self.model, subset)[0].var(0, correction=0)
            units = kl_per_unit(self.model, subset)
        self._check({"valid_reconstruction": reconstruction, "valid_kl": kl})
        self._keep_best(self.objective.score(reconstruction, kl))
        rates = self.scheduler.get_last_lr() if self.scheduler else [self.recipe.training.learning_rate]
        row = {
            "epoch": self.epoch,
            "stage": self.stage_name,
            "seconds": round(self.seconds, 3),
            "learning_rate": rates[0],
            "beta": self.objective.weight(self.epoch),
            **means,
            "valid_elbo": reconstruction - kl,
            "valid_reconstruction": reconstruction,
            "valid_kl": kl,
            "active_units": int((variances > THRESHOLD).sum()),
            **{f"variance_{unit}": float(value) for unit, value in enumerate(variances)},
        }
        if units is not None:
            row |= {f"kl_{unit}": float(value) for unit, value in enumerate(units)}
        return {name: f"{value:.7g}" if isinstance(value, float) else value for name, value in row.items()}

    def _check(self, values: dict[str, float]) -> None:
        """Raise TrainingError when one of them is not finite."""
        bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"the loss is not finite in epoch {self.epoch} ({', '.join(bad[:3])}); the last good checkpoint is "
                f"kept: lower training.learning_rate (it is {self.recipe.training.learning_rate:g}) and train anew"
            )

    def _keep_best(self, score: float) -> None:
        if self.epoch >= self.objective.settled and score > self.best["score"]:
            weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
            self.best = {"score": score, "epoch": self.epoch, "weights": weights}

    # -- what is written --

    def _checkpoint(self) -> None:
        self._check({name: float(value.detach().sum()) for name, value in self.model.state_dict().items()})
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else {},
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
        model = self.folder.load(self.device)  # every number is that of the saved weights
        self.folder.update_metrics(
            training={
                "seconds": round(self.seconds, 1),
                "epochs": self.rows,
                "best_epoch": self.best["epoch"] or self.rows,
                "parameters": model.parameter_count(),
                "weights": recipe.training.save_as,
                **provenance(self.device),
            },
            units=measure_units(model, self.data, device=self.device),
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
                "epochs": self.recipe.training.epochs,
                "step": self.step,
                "steps": len(self.batches) if hasattr(self, "batches") else 0,
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
        optimizer, training.learning_rate, total_steps=training.epochs * steps, cycle_momentum=False
    )


def _line(row: dict[str, Any]) -> str:
    return (
        f"epoch {row['epoch']}: train ELBO {float(row['train_elbo']):.2f}, "
        f"validation ELBO {float(row['valid_elbo']):.2f} "
        f"(KL {float(row['valid_kl']):.2f}), {row['active_units']} active units, {float(row['seconds']):.0f} s"
    )


def _disk_sentence(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full at {path}; free some space, then `latents train --resume {path}`"
    return f"cannot write to {path}: {error.strerror or error}; mend that, then `latents train --resume {path}`"
