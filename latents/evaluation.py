"""The numbers of a trained model, with their provenance: log-likelihood, ELBO, units, paired differences."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .data import TEST_SEED, ImageData, binarise
from .data import load as load_data
from .data.files import dimensions
from .diagnostics import THRESHOLD, active_units, kl_per_unit
from .errors import FolderError
from .folder import EVALUATION, ModelFolder
from .models import Model
from .provenance import provenance
from .randomness import seeded

_PASS = 100  # images between two reports of progress


def evaluation_images(model: Model, data: ImageData, count: int | None = None) -> tuple[Tensor, dict[str, Any]]:
    """The test images that numbers are taken on, as this model sees them, and what to say of them.

    Gray images that a model sees as binary are binarised once, with a fixed seed. A part of the split is spread
    evenly over it, since some sets are sorted by class.
    """
    if tuple(data.shape) != tuple(model.shape):
        raise FolderError(
            f"the images of {data.name} are {dimensions(data.shape)}, but this model is for {dimensions(model.shape)}; "
            "put back the images that it was trained on"
        )
    images, drawn = data.test.images, "as given"
    if data.kind != "binary" and model.recipe.data.binarisation != "none":
        images, drawn = binarise(images, TEST_SEED), f"one fixed draw, seed {TEST_SEED}"
    if count is not None and count < len(images):
        images = images[evenly(len(images), count)]
    return images, {"data": data.name, "split": "test", "images": len(images), "binarisation": drawn}


def evenly(total: int, count: int) -> np.ndarray:
    """The places of `count` images spread evenly over `total`."""
    return np.linspace(0, total - 1, count).astype(np.int64)


def mean_with_error(values: Tensor) -> dict[str, float]:
    """The mean over images and its standard error, s / sqrt(N)."""
    values = values.double()
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else 0.0
    return {"value": round(float(values.mean()), 4), "standard_error": round(error, 4)}


def evaluate(
    folder: ModelFolder,
    *,
    samples: int = 5000,
    images: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    watch: Callable[[int, int], None] = lambda done, of: None,
    data_root: Path | None = None,
) -> dict[str, Any]:
    """Write ELBO and log-likelihood on the test images into metrics.json, with provenance.

    The log-likelihood of each image goes into evaluation.safetensors: what paired differences are made from.

    Args:
        folder: a trained model.
        samples: importance samples per image.
        images: how many test images; None takes all.
        seed: of the samples.
        watch: called with the images done and their number.

    Returns:
        The entries written.
    """
    model = folder.load(device)
    reason = model.why_not("log_likelihood")
    if reason:
        raise FolderError(f"{folder.path} cannot be evaluated: {reason}")
    data = load_data(model.recipe.data.name, data_root)
    x, said = evaluation_images(model, data, images)
    x = x.to(device)
    began = time.monotonic()
    likelihoods, bounds = [], []
    bounded = model.why_not("elbo") is None
    with torch.no_grad(), seeded(seed, device):
        for part in x.split(_PASS):
            likelihoods.append(model.log_likelihood(part, samples))
            if bounded:
                bounds.append(model.elbo(part))
            watch(sum(map(len, likelihoods)), len(x))
    log_likelihood = torch.cat(likelihoods)
    measure = model.measure
    if measure is not None and data.kind == "binary":
        measure = replace(measure, binarisation="given")
    said |= {"seed": seed, "unit": "nats", "measure": str(measure), **provenance(device)}
    entries = {
        "log_likelihood": {
            **mean_with_error(log_likelihood),
            "estimator": model.estimator,
            "samples": samples if model.estimator == "importance" else 1,
            **said,
            "seconds": round(time.monotonic() - began, 1),
        },
        "units": measure_units(model, data, device=device),
    }
    arrays = {"log_likelihood": log_likelihood.float()}
    if bounded:
        arrays["elbo"] = torch.cat([bound.value for bound in bounds]).float()
        entries["elbo"] = {
            **mean_with_error(arrays["elbo"]),
            "reconstruction": round(float(torch.cat([bound.reconstruction for bound in bounds]).mean()), 4),
            "kl": round(float(torch.cat([bound.kl for bound in bounds]).mean()), 4),
            "samples": 1,
            **said,
        }
        layers = [bound.kl_per_layer for bound in bounds if bound.kl_per_layer is not None]
        if layers:
            entries["elbo"]["kl_per_layer"] = [round(float(value), 4) for value in torch.cat(layers).mean(0)]
    folder.write_tensors(EVALUATION, arrays, seed=str(seed), samples=str(entries["log_likelihood"]["samples"]))
    folder.update_metrics(**entries)
    return entries


def measure_units(
    model: Model, data: ImageData, *, device: str | torch.device = "cpu", threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Variance of the posterior mean and KL of each unit, over the whole test split."""
    if model.why_not("units"):
        return {"reason": model.why_not("units")}
    x, said = evaluation_images(model, data)
    x = x.to(device)
    found = active_units(model, x, threshold)
    kl = kl_per_unit(model, x)
    return {
        "variances": [round(float(value), 6) for value in found.variances],
        "kl": None if kl is None else [round(float(value), 6) for value in kl],
        "active": found.count,
        "total": found.total,
        "layers": [layer.size for layer in model.space.layers],
        "point": model.point_words,
        "threshold": threshold,
        **said,
        **provenance(device),
    }


def paired_difference(folder: ModelFolder, other: ModelFolder, number: str = "log_likelihood") -> dict[str, Any]:
    """The mean difference of two models' numbers on the same images, with its standard error and provenance.

    Where one was evaluated on the whole split and the other on a part of it, spread evenly, the pairs are the part's.

    Args:
        folder: the model that is compared.
        other: the one whose numbers are taken off.
        number: "log_likelihood" or "elbo".

    Raises FolderError when the two numbers may not be compared: another measure, other images, not evaluated.
    """
    word = {"log_likelihood": "log-likelihood", "elbo": "ELBO"}[number]
    for where in (folder, other):
        if number not in where.metrics:
            raise FolderError(f"{where.path} has no {word} yet; run `latents evaluate {where.path}` first")
    mine, theirs = folder.metrics[number], other.metrics[number]
    estimators = {mine.get("estimator"), theirs.get("estimator")}
    drawn = ("samples",) if estimators == {"importance"} else ()
    whole = load_data(folder.recipe.data.name).sizes["test"]
    part_of_whole = max(mine["images"], theirs["images"]) == whole
    images = () if part_of_whole else ("images",)
    for field in ("measure", "data", "split", *images, "binarisation", *drawn):
        if mine[field] != theirs[field]:
            raise FolderError(
                f"the {word}s of {folder.name} and {other.name} do not compare: their {field} differs "
                f"({mine[field]} and {theirs[field]}); evaluate both in the same way"
            )
    values = []
    for where in (folder, other):
        found = where.evaluation().get(number, np.empty(0))
        if len(found) != where.metrics[number]["images"]:
            raise FolderError(
                f"{where.path / EVALUATION} lacks the numbers per image; run `latents evaluate {where.path}`"
            )
        values.append(torch.from_numpy(found))
    count = min(map(len, values))
    values = [found[evenly(len(found), count)] for found in values]
    spread = mean_with_error(values[0] - values[1])
    return {
        "with": other.name,
        "difference": spread["value"],
        "standard_error": spread["standard_error"],
        "paired": True,
        "images": count,
        **{field: mine[field] for field in ("unit", "split", "binarisation", "samples", "measure")},
    }


def compare(folder: ModelFolder, other: ModelFolder) -> dict[str, Any]:
    """`paired_difference` of the log-likelihoods, into metrics.json of the first; raises FolderError as it does."""
    entry = paired_difference(folder, other)
    kept = [old for old in folder.metrics.get("comparisons", []) if old["with"] != other.name]
    folder.update_metrics(comparisons=[*kept, entry])
    return entry
