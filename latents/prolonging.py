"""More epochs than a recipe asked for.

A run that was stopped goes on as it would have, with the schedule of its learning rate stretched over the new number
of epochs. A finished one has no checkpoint any more: it goes on from its final weights, which are those of its best
epoch, with a fresh optimiser and a schedule of its own over the added epochs. Either way the history goes on counting,
and weights are only replaced by better ones. Stages that follow the prolonged one are fitted anew.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric

from . import checkpoint
from .data import ImageData
from .errors import TrainingError
from .files import write_whole
from .folder import CHECKPOINT, CONFIG, ModelFolder
from .learner import Learner
from .models import build
from .randomness import seeded, stream
from .recipe import Recipe, override
from .team import Team

_LEG = 3  # key of the random stream of an added part


def prepare(folder: ModelFolder, epochs: int, data: ImageData, fabric: Fabric) -> ModelFolder:
    """Make a folder such that it is resumed for `epochs` epochs more than its recipe says; returns it anew.

    Raises TrainingError when the model has no stage that the number of epochs bears on (PCA, say), and RecipeError
    when there are too many.
    """
    if isinstance(epochs, bool) or epochs < 1:
        raise TrainingError(f"a run is prolonged by at least 1 epoch, but {epochs!r} was given")
    recipe = folder.recipe
    longer = override(recipe, {"training.epochs": str(recipe.training.epochs + epochs)})
    with seeded(0):
        place = _place(folder, recipe, longer, data)
    if not (folder.path / CHECKPOINT).is_file():
        with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
            state = _from_the_end(folder, longer, place, data, fabric)
        checkpoint.write(folder, state, longer)  # first: if this process dies here, nothing is lost
    write_whole(folder.path / CONFIG, longer.json_text())
    return ModelFolder(folder.path)


def _place(folder: ModelFolder, recipe: Recipe, longer: Recipe, data: ImageData) -> int:
    """The stage that gets longer."""
    stages = build(recipe, data.shape).stages(recipe)
    for place, stage in enumerate(stages):
        if stage.epochs(longer.training) > stage.epochs(recipe.training):
            return place
    raise TrainingError(
        f"{folder.path} cannot be prolonged: a model of kind {recipe.model.kind!r} is fitted in one go, whatever "
        "training.epochs says"
    )


def _from_the_end(folder: ModelFolder, longer: Recipe, place: int, data: ImageData, fabric: Fabric) -> dict[str, Any]:
    """The state of a finished run, as if it had been stopped after its last epoch."""
    trained, history = folder.metrics.get("training", {}), folder.history()
    if not trained or "epoch" not in history:
        raise TrainingError(
            f"{folder.path} has no checkpoint, and is not finished either: there is nothing to prolong; delete it and "
            f"train its {CONFIG} anew"
        )
    learner = Learner(longer, data, fabric, Team(fabric))
    learner.model.load_state_dict(folder.load(fabric.device).state_dict())
    names, rows = [stage.name for stage in learner.stages], len(history["epoch"])
    own = int((history["stage"] == names[place]).sum())
    added = learner.stages[place].epochs(longer.training) - learner.stages[place].epochs(folder.recipe.training)
    learner.enter(place, rows - own, own, rows + added)
    learner.planned = learner.last + sum(stage.epochs(longer.training) for stage in learner.stages[place + 1 :])
    learner.prolonged = [*trained.get("prolonged_after", []), rows]
    learner.kept = {name: epoch for name, epoch in trained["best_epochs"].items() if name in names[:place]}
    learner.model.eval()
    with torch.no_grad(), seeded(longer.seed, fabric.device):
        score = learner.stage.validate(learner.valid)["score"]
    learner.keep_best(score, own)
    learner.best["overall"] = trained["best_epochs"].get(names[place]) or rows
    torch.manual_seed(stream(longer.seed, rows, _LEG).initial_seed())
    seconds = float(history["seconds"][-1])
    return {**learner.state(), "epoch": rows + 1, "step": 0, "rows": rows, "seconds": seconds, "sums": {}}
