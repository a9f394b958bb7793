"""States of a model during training: what the time scrubber plays.

`snapshots.safetensors` holds, for S epochs:

    epochs            [S]             int64, 0 is the fresh model
    index, labels     [n]             which test images are followed, and their classes (-1: unlabelled)
    mean              [S, n, d]       float16, the points of q(z|x): means, or what stands for them (`Space.point`)
    variances, kl     [S, d]          float32, of the posterior mean, and mean KL in nats, per unit
    pseudo_means      [S, K, d]       float16, where the prior has pseudo-inputs
    pseudo_pictures   [S, 50, C, H, W] uint8, the first 50 of them
    originals         [32, C, H, W]   uint8
    reconstructions   [S, 32, C, H, W] uint8, as `Model.reconstruct` gives them
    samples           [S, 32, C, H, W] uint8, pictures of the same 32 draws from the prior

What a model does not answer (see `Model.why_not`) is left out. While a run trains, the last state is that of an epoch a
few seconds ago, so that whoever watches sees it move; it makes way for the next one.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from .data import TEST_SEED, Split, binarise
from .diagnostics import kl_per_unit
from .folder import SNAPSHOTS, ModelFolder
from .models import Model

_PICTURES, _PSEUDO_PICTURES, _KL_IMAGES = 32, 50, 200
_FIXED = ("index", "labels", "originals")
_PASSING = "passing"  # in the file's metadata: its last state makes way for the next one
_LIVE = 5.0  # seconds between the states that are shown while a run trains
_COST = 20  # and at least so many times as long as one takes


def chosen_epochs(epochs: int, count: int) -> set[int]:
    """`count` epochs from 0 to `epochs`, denser at the start, where things change fast."""
    if count > epochs:
        return set(range(epochs + 1))
    spread = 1.0
    while True:  # rounding merges early epochs: stretch until `count` different ones are left
        steps = np.linspace(0, 1, int(count * spread)) ** 2
        found = np.unique(np.round(steps * epochs).astype(int))
        if len(found) >= count:
            return set(found[np.linspace(0, len(found) - 1, count).astype(int)].tolist())
        spread *= 1.1


class Snapshots:
    """Collects the states of one run and keeps its file up to date."""

    def __init__(self, folder: ModelFolder, test: Split, binary: bool, latent: int, epochs: int, count: int):
        flat = latent <= 2
        self.folder = folder
        self.at = chosen_epochs(epochs, count if flat else max(2, count // 2))
        index = np.linspace(0, len(test.images) - 1, min(2000 if flat else 500, len(test.images))).astype(np.int64)
        self.images = test.images[index]
        shown = self.images[np.linspace(0, len(index) - 1, min(_PICTURES, len(index))).astype(int)]
        if binary:
            self.images = binarise(test.images, TEST_SEED)[index]
        self.pictured = self.images[np.linspace(0, len(index) - 1, min(_PICTURES, len(index))).astype(int)]
        labels = torch.full((len(index),), -1) if test.labels is None else test.labels[index]
        self.fixed = {"index": torch.from_numpy(index), "labels": labels, "originals": _bytes(shown)}
        self.states: list[dict[str, Tensor]] = []
        self.passing = False  # whether the last one makes way for the next
        self.next_live = time.monotonic() + _LIVE

    def resume(self, epoch: int) -> None:
        """Read the file back, without what came after `epoch` or was there for the time being."""
        stored = {name: torch.from_numpy(array) for name, array in self.folder.snapshots().items()}
        if stored:
            with safe_open(self.folder.path / SNAPSHOTS, framework="pt") as file:
                staying = len(stored["epochs"]) - (_PASSING in (file.metadata() or {}))
            rows = [row for row, at in enumerate(stored["epochs"][:staying].tolist()) if at <= epoch]
            moving = [name for name in stored if name not in _FIXED]
            self.states = [{name: stored[name][row] for name in moving} for row in rows]

    @torch.no_grad()
    def take(self, model: Model, epoch: int, *, always: bool = False) -> dict[str, Tensor] | None:
        """Add the model's present state and write the file, when this epoch is one of the chosen (or `always`).

        In another epoch, a state is added for the time being when the last one is a few seconds old. Returns a state
        that was added to stay.
        """
        stays = always or epoch in self.at
        began = time.monotonic()
        if not (stays or began >= self.next_live) or any(int(state["epochs"]) == epoch for state in self._staying()):
            return None
        self.states = [*self._staying(), self._state(model, epoch)]
        self.passing = not stays
        common = [name for name in self.states[0] if all(name in state for state in self.states)]
        stacked = {name: torch.stack([state[name] for state in self.states]) for name in common}
        self.folder.write_tensors(SNAPSHOTS, {**self.fixed, **stacked}, **({} if stays else {_PASSING: "last"}))
        now = time.monotonic()
        self.next_live = now + max(_LIVE, _COST * (now - began))
        return self.states[-1] if stays else None

    def _staying(self) -> list[dict[str, Tensor]]:
        return self.states[:-1] if self.passing else self.states

    def _state(self, model: Model, epoch: int) -> dict[str, Tensor]:
        x = self.images.to(model.device)
        state = {"epochs": torch.tensor(epoch)}
        if model.why_not("encode") is None:
            points = model.points(x)
            state["mean"] = points.half()
            if model.why_not("units") is None:
                state["variances"] = points.var(0, correction=0)
                kl = kl_per_unit(model, x[:_KL_IMAGES])
                if kl is not None:
                    state["kl"] = kl
        if model.why_not("reconstruct") is None:
            state["reconstructions"] = _bytes(model.reconstruct(self.pictured.to(model.device)))
        if model.why_not("sample") is None:
            state["samples"] = _bytes(model.sample(_PICTURES, seed=0).images)
        if model.pseudo_inputs is not None:
            state["pseudo_means"] = model.points(model.pseudo_inputs).half()
            state["pseudo_pictures"] = _bytes(model.pseudo_inputs[:_PSEUDO_PICTURES])
        return {name: value.cpu() for name, value in state.items()}


def _bytes(images: Tensor) -> Tensor:
    return (images * 255).round().clamp(0, 255).to(torch.uint8).cpu()
