"""The holes of a model in two dimensions, for Latent space: how much of the prior lies in them, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from explorer import library, parts, tensors, words
from explorer.charts.region import Limits
from explorer.library import Entry

if TYPE_CHECKING:
    from latents.holes import Holes

DRAWS = 3000
FULL = 5.0
"""Where the prior is so many times denser than q(z) at the threshold, the tint is full."""


def can(entry: Entry) -> bool:
    """Whether both densities are known here: two dimensions, Gaussian posteriors, a prior with density and draws."""
    return (
        entry.flat
        and entry.space_kind == "euclidean"
        and library.why_not(entry, "prior_density") is None
        and library.encoding(entry).stddev is not None
    )


def of(entry: Entry) -> Holes:
    """How much of the prior lies in holes, by 3,000 seeded draws of it. Once per model: seconds for 10,000 images."""

    def compute() -> Holes:
        import torch

        from latents.holes import holes
        from latents.randomness import seeded

        encoding = library.encoding(entry)
        assert encoding.stddev is not None
        with torch.no_grad(), seeded(0, tensors.device()):
            prior = library.model(entry).prior().sample((DRAWS,))
        return holes(tensors.tensor(encoding.points), tensors.tensor(encoding.stddev), prior)

    return library.remember("holes", entry, compute)


def ready(entries: list[Entry]) -> None:
    """Count the holes where they were not yet, and say that it is done."""
    for entry in entries:
        if can(entry):
            with parts.working(f"Comparing the prior of {entry.name} with all its q(z|x), once …"):
                of(entry)


def heat(entry: Entry, region: Limits) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """x [X], y [Y] and p(z) over the threshold, [Y, X], where q(z) is below the threshold; 0 elsewhere."""
    from explorer.canvas import scene

    if not can(entry):
        return None
    aggregated = scene.aggregated(entry, region)
    if aggregated is None:
        return None

    def compute() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        import torch

        points = np.stack(np.meshgrid(aggregated.x, aggregated.y), axis=-1).astype(np.float32)
        with torch.no_grad():
            log_p = tensors.array(library.model(entry).prior().log_prob(tensors.tensor(points)))
        threshold = of(entry).threshold
        return aggregated.x, aggregated.y, np.where(aggregated.log_p < threshold, np.exp(log_p - threshold), 0)

    return library.remember("heat of holes", entry, compute, region)


def sentence(entries: list[Entry]) -> str:
    """For the caption: what is red, and how much of each prior lies there."""
    able = [entry for entry in entries if can(entry)]
    told = []
    for entry in able:
        found = of(entry)
        error = words.number(100 * found.standard_error, 1)
        name = "" if len(entries) == 1 else f" ({entry.name})"
        told.append(f"{words.number(100 * found.share, 1)} ± {error} %{name}")
    spoken = " and ".join(told)
    return (
        f" Red are holes, the redder the denser: the prior puts {spoken} of its mass where q(z), all q(z|x) together, "
        "is lower than at 99 % of its own codes (1 % if they agreed)."
    )
