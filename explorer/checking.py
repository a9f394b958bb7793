"""Whether a folder from elsewhere holds a whole model: everything that pages read of it is read here first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer import library, words
from explorer.entry import Entry, read
from latents.errors import DataError, LatentsError

if TYPE_CHECKING:
    from latents import Model, Recipe

_TYPES_OF_BAD_NUMBERS = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError)


class NotAModelError(ValueError):
    """One sentence on why something is not taken as a model."""


def check(path: Path) -> Recipe:
    """The recipe of the model in this folder.

    Raises NotAModelError, one sentence that does not name the folder, where the recipe is not valid, weights are
    missing, damaged, not finite or of another model, or where another file of the folder cannot be used.
    """
    from latents.folder import ModelFolder

    try:
        folder = ModelFolder(path)
        recipe = folder.recipe
        model = folder.load()
        shape = tuple(model.shape)
        _check_metrics(folder.metrics)
        _check_words(read(path, False, ()), model)
        folder.history()
        _check_arrays(folder.snapshots(), folder.projections(), shape)
        folder.evaluation()
    except LatentsError as error:
        raise NotAModelError(f"{str(error).replace(str(path) + '/', '').replace(str(path), 'The folder')}.") from error
    return recipe


def _check_words(entry: Entry, model: Model) -> None:
    """Raise NotAModelError where the folder says something else of its space or its images than the model."""
    if entry.error is not None:
        raise NotAModelError(entry.error.replace(entry.name, "The folder"))
    kind, n = (None, 0) if model.space is None else (model.space.kind, model.space.size)
    if entry.space and (entry.space_kind, entry.size) != (kind, n):
        raise NotAModelError(
            f"model.safetensors says that z is {entry.space_kind}, {entry.size} numbers, "
            f"but the recipe's is {kind}, {n}."
        )
    try:
        test = library.images(entry)
    except DataError:  # the data set is not on this machine: pages say so
        return
    if test.gray.shape[1:] != tuple(model.shape):
        raise NotAModelError(
            f"The weights are for images of {list(model.shape)}, but those of {entry.data_title} are "
            f"{list(test.gray.shape[1:])} [channels, height, width]."
        )


def _check_metrics(metrics: dict[str, Any]) -> None:
    """Raise NotAModelError where the numbers of metrics.json cannot be written out, as the gallery does."""
    try:
        words.log_likelihood(metrics)
        words.active_units(metrics)
        words.likelihood_provenance(metrics)
        words.unmeasured(metrics)
        for other in metrics.get("comparisons") or []:
            words.comparison({"comparisons": [other]}, other["with"])
    except _TYPES_OF_BAD_NUMBERS as error:
        raise NotAModelError(
            f"metrics.json does not hold a model's numbers ({error}). Leave it out, or run `latents evaluate` again."
        ) from error


def _check_arrays(snapshots: dict[str, np.ndarray], projections: dict[str, np.ndarray], shape: tuple[int, ...]) -> None:
    samples = snapshots.get("samples")
    if samples is not None and not (
        samples.ndim == 5 and len(samples) and samples.dtype == np.uint8 and samples.shape[2:] == shape
    ):
        raise NotAModelError(
            f"The samples in snapshots.safetensors are {samples.dtype} {list(samples.shape)}, but uint8 "
            f"[times, samples, {', '.join(map(str, shape))}] was expected. Leave the file out."
        )
    if any(not np.isfinite(found).all() for found in projections.values() if found.dtype.kind == "f"):
        raise NotAModelError("projections.safetensors holds values that are not finite. Leave the file out.")
