"""A model while it is fitted: its stages, their optimisers, the best weights so far, and all of it as a state."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from . import checkpoint
from .batches import Batches
from .data import ImageData, binarise
from .models import Model, build
from .randomness import stream
from .recipe import Recipe
from .team import Team

_VALIDATION_SEED = 778


class Learner:
    """Builds the model of a recipe and moves it step by step.

    Epochs count from 1 over all stages; those of a stage (`at`) from 1 within it.

    Args:
        recipe: what is fitted.
        data: all images.
        fabric: launched.
        team: the processes that train together, this one among them.
    """

    def __init__(self, recipe: Recipe, data: ImageData, fabric: Fabric, team: Team):
        self.recipe, self.training, self.fabric, self.team = recipe, recipe.training, fabric, team
        self.device = fabric.device
        self.binary = data.kind != "binary" and recipe.data.binarisation != "none"
        torch.manual_seed(recipe.seed)
        self.model: Model = build(recipe, data.shape)
        images = data.train.images
        self.model.initialise(images, stream(recipe.seed, 0))
        self.model.to(self.device)
        binarisation = recipe.data.binarisation if self.binary else "none"
        self.batches = Batches(images.to(self.device), binarisation, self.training.batch, recipe.seed)
        valid = data.valid.images
        self.valid = (binarise(valid, _VALIDATION_SEED) if self.binary else valid).to(self.device)
        self.stages = self.model.stages(recipe)
        self.planned = sum(stage.epochs(self.training) for stage in self.stages)
        self.kept: dict[str, int] = {}  # the best epoch of each stage that is over
        self.prolonged: list[int] = []  # the epochs after which the run was finished, and then prolonged
        self.team.seed(recipe.seed)
        self.enter(0, 0)

    # -- stages --

    def enter(self, place: int, before: int, start: int = 0, last: int | None = None) -> None:
        """Begin a stage: its optimiser, and no best weights yet.

        Args:
            place: of the stage.
            before: the epochs before it.
            start: its epochs that were over when its schedule began: more than 0 where a finished run is prolonged.
            last: the epoch in which it ends at the latest.
        """
        self.place, self.before, self.start, self.stage = place, before, start, self.stages[place]
        self.best: dict[str, Any] = {"score": -float("inf"), "epoch": 0, "overall": before, "weights": {}}
        self.last = before + self.stage.epochs(self.training) if last is None else last
        self.optimizer: Any = None
        self.scheduler: Any = None
        self.call: Any = self.stage
        if not self.stage.closed:
            fused = self.device.type in ("cpu", "cuda")
            moved = list(self.stage.trainable())
            optimizer = torch.optim.Adam(moved, lr=self.training.learning_rate, fused=fused)
            self.scheduler = _scheduler(optimizer, self.training, len(self.batches) * (self.last - before - start))
            self.call, self.optimizer = self.fabric.setup(self.stage, optimizer)

    def next_stage(self, epoch: int) -> None:
        """Keep the best weights of the stage that ends with this epoch, and begin the next one."""
        self.model.load_state_dict(self.weights())
        self.team.spread(self.model)
        self.kept = self.best_epochs()
        self.enter(self.place + 1, epoch)

    @property
    def is_last(self) -> bool:
        return self.place == len(self.stages) - 1

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return 1 if self.stage.closed else len(self.batches)

    def rate(self) -> float:
        """The learning rate."""
        if self.stage.closed:
            return 0.0
        return self.scheduler.get_last_lr()[0] if self.scheduler else self.training.learning_rate

    # -- steps --

    def step(self, batch: Tensor, at: int) -> dict[str, Tensor]:
        """One step of gradients on a batch; returns the sums over this process's images of the stage's terms."""
        part, weight = self.team.share(batch)
        terms = self.call(part, at)
        self.fabric.backward(terms["loss"] if weight == 1 else terms["loss"] * weight)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.team.average(self.model)
        if self.scheduler is not None:
            self.scheduler.step()
        return {name: value.detach() * (len(part) if weight else 0) for name, value in terms.items()}

    def fit(self, epoch: int) -> dict[str, Tensor]:
        """A step of a closed stage, on all images at once: the first process takes it for all."""
        sums: dict[str, Tensor] = {}
        if self.team.leads:
            self.model.eval()
            images = torch.cat(list(self.batches.epoch(epoch)))
            with torch.no_grad():
                terms = self.stage.fit(images, epoch - self.before)
            sums = {name: torch.as_tensor(float(value) * len(images)) for name, value in terms.items()}
        self.team.agree(lambda: 0)
        self.team.spread(self.model)
        return sums

    # -- the best --

    def keep_best(self, score: float, at: int) -> None:
        """Keep the present weights when they are the best of their stage."""
        closed = self.stage.closed  # a fit is better than the one before it by construction
        if closed or (at >= self.stage.settled and score > self.best["score"]):
            self.best = {"score": score, "epoch": at, "overall": self.before + at, "weights": self.present()}

    def weights(self) -> dict[str, Tensor]:
        """The best weights so far; the present ones while the objective still changes."""
        return self.best["weights"] or self.present()

    def present(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def best_epochs(self) -> dict[str, int]:
        """The best epoch of each stage so far, counted over all stages."""
        return {**self.kept, self.stage.name: self.best["overall"]}

    # -- as a state --

    def state(self) -> dict[str, Any]:
        """All that is needed to go on exactly. Every process of the team asks for it at the same time."""
        cuda = self.device.type == "cuda"
        random = self.team.gather(torch.get_rng_state())
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else {},
            "scheduler": self.scheduler.state_dict() if self.scheduler else {},
            "place": self.place,
            "before": self.before,
            "start": self.start,
            "last": self.last,
            "planned": self.planned,
            "kept": self.kept,
            "prolonged": self.prolonged,
            "best": self.best,
            "random": random[0],
            "random_others": random[1:],
            "random_cuda": self.team.gather(torch.cuda.get_rng_state(self.device)) if cuda else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. When the recipe has been prolonged since, the schedule is stretched."""
        added = checkpoint.added(state, self.training, self.stages[state["place"]])
        self.planned = state["planned"] + added
        self.model.load_state_dict(state["model"])
        self.enter(state["place"], state["before"], state["start"], state["last"] + added)
        if self.optimizer is not None and state["optimizer"]:
            self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None and state["scheduler"]:
            now = self.scheduler.state_dict()
            length = {name: now[name] for name in ("total_steps", "_schedule_phases")}
            self.scheduler.load_state_dict({**state["scheduler"], **length})
        self.kept, self.best, self.prolonged = state["kept"], state["best"], state["prolonged"]
        states = [state["random"], *state["random_others"]]
        if self.team.rank < len(states):
            torch.set_rng_state(states[self.team.rank])
        if self.device.type == "cuda" and self.team.rank < len(state["random_cuda"]):
            torch.cuda.set_rng_state(state["random_cuda"][self.team.rank], self.device)


def _scheduler(optimizer: torch.optim.Optimizer, training: Any, steps: int) -> Any:
    if training.schedule == "constant":
        return None
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=steps, cycle_momentum=False
    )
