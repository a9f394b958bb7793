"""Where a model's points lie on a plane: the two units themselves, or a projection of many coordinates.

For two latent dimensions the plane is latent space itself. Else it is PCA of the points' coordinates (a linear shadow,
with a way back) or UMAP (neighbourhoods only), from the model folder or the user's cache; each says what is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from explorer import library, tensors
from explorer.charts import density
from explorer.charts.region import Limits, limits, widened
from explorer.library import Entry

Kind = Literal["units", "PCA", "Units", "UMAP", "UMAP by class", "UMAP on a sphere", "t-SNE"]
CELLS = 160
"""Cells of the density grid along the side of the region in view."""
MARGIN = 1.5
"""The density grid is so much wider than the region in view: a wide figure shows more of the plane."""


@dataclass(frozen=True)
class Layout:
    """The test images (and pseudo-inputs) of a model on a plane.

    points [N, 2], pseudo [K, 2] or None; lost: what the plane does not show, or None; centre [n] and axes [2, n] lead
    from the plane back to coordinates, `centre + y @ axes`, and are None where there is no way back; name: what tells
    layouts of a kind apart (which units, which layer, means or draws); drawn: coordinates [N, n] of the draws that are
    shown in place of the points of q(z|x), or None.
    """

    kind: Kind
    points: np.ndarray
    pseudo: np.ndarray | None
    x_title: str
    y_title: str
    lost: str | None = None
    centre: np.ndarray | None = None
    axes: np.ndarray | None = None
    name: str = ""
    drawn: np.ndarray | None = None

    def to_plane(self, coordinates: np.ndarray) -> np.ndarray:
        """[..., n] to [..., 2]."""
        assert self.axes is not None
        return (coordinates - self.centre) @ self.axes.T

    def from_plane(self, y: np.ndarray) -> np.ndarray:
        """[..., 2] to [..., n]: the point of the plane itself."""
        assert self.axes is not None
        return self.centre + y @ self.axes


def kinds(entry: Entry) -> list[Kind]:
    """The planes a model can be shown on; none without latent variables and for a single number."""
    if entry.flat:
        return ["units"]
    return ["PCA", "UMAP"] if entry.size > 1 or entry.space_kind == "codes" else []


def why_none(entry: Entry) -> str:
    """One sentence on why a model without `kinds` has no plane."""
    if entry.space_kind is None:
        return f"{entry.name} has no latent variables: there is no latent space to show."
    return f"{entry.name} has fewer than two latent dimensions: there is no plane to show."


def of(entry: Entry, kind: Kind) -> Layout | None:
    """The model's layout on this plane (or on the first that it has, if not on this one).

    None where UMAP has not been computed yet. Needs torch.
    """
    if kind not in kinds(entry):
        kind = kinds(entry)[0]
    if kind == "UMAP":
        found = library.umap(entry)
        return None if found is None else _umap(*found)
    return library.remember("layout", entry, lambda: _units(entry) if kind == "units" else _pca(entry), kind)


def _units(entry: Entry) -> Layout:
    unit = "prior standard deviations" if entry.prior == "standard" else "latent units"
    return Layout(
        "units",
        library.encoding(entry).points,
        library.pseudo_codes(entry),
        f"z₁ ({unit})",
        f"z₂ ({unit})",
        centre=np.zeros(2, np.float32),
        axes=np.eye(2, dtype=np.float32),
    )


def _pca(entry: Entry) -> Layout:
    from latents.projection import pca

    coordinates, pseudo = library.encoding(entry).coordinates, library.pseudo_codes(entry)
    found = pca(coordinates)
    first, second = (
        f"principal component {i + 1} ({share * 100:.0f} % of the variance)" for i, share in enumerate(found.explained)
    )
    others = coordinates.shape[1] - 2
    return Layout(
        "PCA",
        found.to_plane(coordinates),
        None if pseudo is None else found.to_plane(library.coordinates(entry, pseudo)),
        first,
        second,
        lost=_lost(others) if others > 0 else None,
        centre=found.mean,
        axes=found.axes,
    )


def _lost(others: int) -> str:
    directions = "direction" if others == 1 else f"{others:,} directions"
    return f"This is a shadow: what overlaps here may lie apart in the other {directions}."


def _umap(points: np.ndarray, pseudo: np.ndarray | None) -> Layout:
    lost = "UMAP keeps neighbours: distances between groups, their sizes and the axes mean nothing."
    return Layout("UMAP", points, pseudo, "UMAP 1 (no unit)", "UMAP 2 (no unit)", lost=lost)


def region(layouts: list[Layout]) -> Limits:
    """One square region for all layouts in view."""
    clouds = [cloud for one in layouts for cloud in (one.points, one.pseudo) if cloud is not None]
    return limits(clouds)


def prior_density(entry: Entry, view: Limits) -> density.Density | None:
    """The prior's contours around the region in view; None off a latent plane or where p(z) has no density."""
    if not entry.flat or library.why_not(entry, "prior_density") is not None:
        return None
    return library.remember("density", entry, lambda: _density(entry, view), view)


def _density(entry: Entry, view: Limits) -> density.Density:
    import torch

    x, y = density.grid((widened(view, MARGIN)[0], widened(view, 1.1)[1]), int(CELLS * MARGIN))
    points = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
    with torch.no_grad():
        log_p = tensors.array(library.model(entry).prior().log_prob(tensors.tensor(points))).astype(np.float64)
    return density.density(x, y, log_p)


def lattice(view: Limits, columns: int) -> np.ndarray:
    """The places [rows * columns, 2] of a lattice over the region, row by row from the top left."""
    (left, right), (low, high) = view
    size = (right - left) / columns
    rows = max(1, round((high - low) / size))
    x = left + size * (np.arange(columns) + 0.5)
    y = high - (high - low) / rows * (np.arange(rows) + 0.5)
    across, down = np.meshgrid(x, y)
    return np.stack([across.ravel(), down.ravel()], axis=1)


def back(entry: Entry, shown: Layout, y: np.ndarray) -> np.ndarray:
    """The points [..., size] of latent space at, or nearest to, places y [..., 2] of the plane."""
    return library.from_coordinates(entry, shown.from_plane(y))


def forth(entry: Entry, shown: Layout, z: np.ndarray) -> np.ndarray | None:
    """Where z [..., size] falls on the plane, [..., 2]; None where the plane has no map."""
    return None if shown.axes is None else shown.to_plane(library.coordinates(entry, z))


def nearest(points: np.ndarray, at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n of points [N, n] nearest to one of them [n], nearest first: their places and Euclidean distances."""
    distances = np.linalg.norm(points - at, axis=1)
    order = np.argsort(distances)[:n]
    return order, distances[order]
