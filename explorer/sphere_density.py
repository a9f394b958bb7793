"""The prior, the aggregated posterior and the holes between them on a model's sphere S^2, for its map and globe.

As `charts.density.Density`, with degrees of longitude and latitude as x and y and nats per steradian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from explorer import globe, library, parts, tensors, words
from explorer.charts.density import SHARES, Density
from explorer.library import Entry

if TYPE_CHECKING:
    from latents.sphere_density import Disagreement, Grid

STEP = 2.0
"""Degrees between the grid points of a prior whose components are not known."""


def why_none(entry: Entry, *, made: bool = False) -> str | None:
    """One sentence on why no densities are drawn, or None. made: on UMAP's sphere."""
    if made:
        return "Densities have no place on UMAP's sphere, which keeps neighbours only."
    if entry.size == 3 and entry.space_kind == "sphere":
        return None
    return (
        "Densities are drawn on S² only: here the globe is a shadow of the model's sphere, whose own densities have no "
        "place on it."
    )


def uniform(entry: Entry) -> bool:
    """Whether the prior is constant."""
    return entry.prior == "uniform-sphere"


def prior(entry: Entry) -> Density | None:
    """The prior's contours; None where it is constant. Needs torch."""
    return None if uniform(entry) or why_none(entry) else library.remember("density", entry, lambda: _prior(entry))


def aggregate(entry: Entry) -> Density | None:
    """The contours of q(z), the mean of all q(z|x) of the test images; seconds for 10,000 images."""
    if why_none(entry) or globe.concentration(entry) is None:
        return None
    return library.remember("aggregate on the sphere", entry, lambda: _aggregate(entry))


def ready(entry: Entry) -> None:
    """Sum up q(z) where it was not yet, and say that it is being done."""
    if why_none(entry) is None:
        with parts.working(f"Adding up all q(z|x) of {entry.name}, once …"):
            aggregate(entry)


def heat(entry: Entry) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """x [X], y [Y] in degrees and p(z) over the threshold of q(z), [Y, X], in holes; 0 elsewhere."""
    found = aggregate(entry)
    if found is None:
        return None
    holes = _holes(entry, found)
    return found.x, found.y, np.where(holes.where, np.exp(_prior_there(entry, found) - holes.threshold), 0)


def words_for(
    entry: Entry, *, shown: bool, aggregated: bool, holes: bool, equal_area: bool, beside: bool = False
) -> str:
    """What a caption says of densities and holes; shown: whether the prior's contours are wanted; equal_area: of the
    map; beside: whether a plane with contours of its own prior stands beside it."""
    if why_none(entry):
        return ""
    said = []
    own = shown and not uniform(entry)
    if own or aggregated:
        lines = [
            *(["of the prior (full)"] if own else []),
            *(["of all q(z|x) together (dashed)"] if aggregated else []),
        ]
        on = "" if equal_area else ", of the sphere's area and not of the map's"
        said.append(f"Contours {' and '.join(lines)} enclose {SHARES}{on}.")
    if shown and uniform(entry):
        other = f"; the twin's enclose {SHARES}" if beside and not aggregated else ""
        said.append(f"The prior is 1/(4π) everywhere, without contours{other}.")
    if holes:
        found = aggregate(entry)
        assert found is not None
        share = words.number(100 * _holes(entry, found).share, 1)
        said.append(
            f"Red are holes: the prior puts {share}\u202f% of its mass where q(z), all q(z|x) together, is lower than "
            "at 99\u202f% of its own codes (it would be 1\u202f% if the two agreed)."
        )
    return " ".join(said)


# -- computed once -------------------------------------------------------------------------------------------


def _prior(entry: Entry) -> Density:
    from latents import sphere_density as on_sphere

    kappa = getattr(getattr(library.model(entry).prior(), "components", None), "concentration", None)
    grid = on_sphere.grid(STEP if kappa is None else on_sphere.step(tensors.array(kappa)))
    return _density(grid, _log_prior(entry, grid.directions()))


def _aggregate(entry: Entry) -> Density:
    from latents import sphere_density as on_sphere

    narrow = globe.concentration(entry)
    assert narrow is not None
    q = _family(entry)(tensors.tensor(library.encoding(entry).points), tensors.tensor(narrow.kappa))
    grid = on_sphere.grid(on_sphere.step(narrow.kappa))
    return _density(grid, on_sphere.aggregated_on(q, grid))


def _density(grid: Grid, log_p: np.ndarray) -> Density:
    from latents.sphere_density import thresholds

    degrees = np.degrees(grid.longitude), np.degrees(grid.latitude)
    return Density(*degrees, log_p.astype(np.float32), thresholds(grid, log_p).astype(np.float32))


def _log_prior(entry: Entry, z: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return tensors.array(library.model(entry).prior().log_prob(tensors.tensor(z.astype(np.float32))))


def _family(entry: Entry) -> Any:
    from latents.power_spherical import PowerSpherical
    from latents.von_mises_fisher import VonMisesFisher

    kind = entry.recipe["model"]["posterior"]["kind"]
    return {"vmf": VonMisesFisher, "power-spherical": PowerSpherical}[kind]


def _prior_there(entry: Entry, found: Density) -> np.ndarray:
    """log p(z) on the grid of the aggregated posterior."""
    from latents.maps import vectors

    if uniform(entry):
        return np.full(found.log_p.shape, -np.log(4 * np.pi))
    z = vectors(np.radians(found.x)[None], np.radians(found.y)[:, None])
    return library.remember("prior on the sphere", entry, lambda: _log_prior(entry, z), len(found.y))


def _holes(entry: Entry, found: Density) -> Disagreement:
    from latents import sphere_density as on_sphere

    grid = on_sphere.grid(180 / len(found.y))
    return library.remember(
        "holes on the sphere", entry, lambda: on_sphere.disagreement(grid, _prior_there(entry, found), found.log_p)
    )
