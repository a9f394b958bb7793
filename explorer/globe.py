"""A spherical model's points on a globe: its own sphere where that is S^2, else the great sphere closest to the points.

Of S^d with d > 2 the globe is the great sphere {A^T g: |g| = 1} through the three directions A in which the points'
mean square is largest; a point z is shown at g = A z / |A z|, the nearest point of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer import library, maps_made, tensors
from explorer.library import Entry

SHARES = (0.5, 0.95)
"""What the caps hold of q(z|x)."""
_BATCH = 2000


@dataclass(frozen=True)
class Globe:
    """The test images (and pseudo-inputs) of a spherical model as unit vectors.

    points [N, 3], pseudo [K, 3] or None; axes [3, m]: A, orthonormal; reach [N]: |A z|, 1 on S^2; held: the mean of
    |A z|^2, how much of the points' squared length the globe holds; lost: what the globe does not show, or None.
    On UMAP's sphere axes and reach are None: there is no way back.
    """

    points: np.ndarray
    pseudo: np.ndarray | None
    axes: np.ndarray | None
    reach: np.ndarray | None
    held: float
    lost: str | None

    def back(self, g: np.ndarray) -> np.ndarray:
        """Points `[..., m]` of the model's sphere at directions g `[..., 3]` of the globe."""
        assert self.axes is not None
        return g @ self.axes


@dataclass(frozen=True)
class Concentration:
    """How narrow q(z|x) is. kappa [N]; caps [N, 2]: angles (radians) of the caps that hold SHARES of it."""

    kappa: np.ndarray
    caps: np.ndarray


def why_none(entry: Entry) -> str | None:
    """One sentence on why a model has no globe, or None. Needs no torch."""
    if entry.space_kind == "sphere":
        return CIRCLE if entry.size < 3 else None
    return _WHY_NONE.get(entry.space_kind or "", _WHY_NONE["euclidean"])


UMAP = "umap-sphere"
"""The name of UMAP's sphere among the maps, and that of `latents project --method`."""
_LOST = (
    "UMAP keeps neighbours: distances between groups, their sizes, poles and meridians mean nothing. At the pointer z "
    "is the mean of the eight nearest images' codes."
)
_TOO_FEW = "This model's z has two numbers: its plane shows all of them, and there is nothing for UMAP to place."
CIRCLE = "This model's sphere is a circle, S¹: there is no globe to turn, and its plane shows all of it."
_ONLY = "only a posterior on a sphere (von Mises-Fisher, power spherical) puts it on one."
_WHY_NONE = {
    "": "This model has no latent variables: there is nothing to put on a sphere.",
    "euclidean": f"This model's z may lie anywhere in space: {_ONLY}",
    "simplex": f"This model's z lies on a simplex: {_ONLY}",
    "codes": f"This model's z is a grid of codes: {_ONLY}",
    "layers": f"This model's z has layers, and as a whole lies on no sphere: {_ONLY}",
}


def of(entry: Entry) -> Globe:
    """The model's points on a globe. Needs torch; raises LatentsError with one sentence."""
    return library.remember("globe", entry, lambda: _globe(entry))


def _globe(entry: Entry) -> Globe:
    points, pseudo = library.encoding(entry).points, library.pseudo_codes(entry)
    m = points.shape[1]
    axes = np.eye(3, dtype=np.float32) if m == 3 else directions(points)
    placed, reach = _onto(points, axes)
    held = float(np.mean(reach.astype(np.float64) ** 2))
    lost = None
    if m > 3:
        directions_lost = f"{m - 3} other direction{'' if m == 4 else 's'}"
        lost = (
            f"This is a shadow: the globe is the great sphere of {entry.space_title.removeprefix('the sphere ')} "
            f"closest to the points; it holds {held * 100:.0f}\u202f% of their squared length, and what overlaps "
            f"may lie apart in the {directions_lost}."
        )
    return Globe(placed, None if pseudo is None else _onto(pseudo, axes)[0], axes, reach, held, lost)


def why_no_umap(entry: Entry) -> str | None:
    """One sentence on why UMAP cannot place a model's images on a sphere, or None. Needs no torch."""
    if entry.space_kind is None:
        return _WHY_NONE[""]
    return None if entry.size > 2 or entry.space_kind == "codes" else _TOO_FEW


def umap(entry: Entry) -> Globe | None:
    """The sphere that UMAP has placed a model's images on, or None where it has not been computed yet."""
    found = maps_made.stored(entry, UMAP)
    if found is None:
        return None
    return Globe(found["places"], found.get("pseudo"), None, None, float("nan"), _LOST)


def projection(name: str) -> str:
    """The map (of `latents.maps`) that is drawn where this one is chosen."""
    return "hammer" if name == UMAP else name


def directions(points: np.ndarray) -> np.ndarray:
    """The three orthonormal directions [3, m] of largest mean square of unit vectors [N, m], the largest first.

    Around the origin, not around the mean: a plane through the middle cuts the sphere in a great sphere. The largest
    entry of each is positive.
    """
    _, axes = np.linalg.eigh(points.T.astype(np.float64) @ points / len(points))
    found = axes.T[::-1][:3]
    signs = np.sign(found[np.arange(3), np.abs(found).argmax(axis=1)])
    return (found * signs[:, None]).astype(np.float32)


def _onto(points: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shadow = points @ axes.T
    reach = np.linalg.norm(shadow, axis=1, keepdims=True)
    return (shadow / np.maximum(reach, 1e-12)).astype(np.float32), np.clip(reach[:, 0], 1e-6, 1)


def concentration(entry: Entry) -> Concentration | None:
    """kappa and caps of q(z|x) of all test images; None for a posterior whose caps are not known."""
    kind = entry.recipe.get("model", {}).get("posterior", {}).get("kind")
    if kind not in ("vmf", "power-spherical"):
        return None
    return library.remember("concentration", entry, lambda: _concentration(entry, kind))


def _concentration(entry: Entry, kind: str) -> Concentration:
    import torch

    from latents.caps import cap

    net, seen = library.model(entry), library.images(entry).seen
    with torch.no_grad():
        parts = [
            net.encode(tensors.tensor(seen[start : start + _BATCH]).div_(255)).concentration  # type: ignore[attr-defined]
            for start in range(0, len(seen), _BATCH)
        ]
    kappa = tensors.array(torch.cat(parts))
    caps = np.stack([cap(kind, kappa, share, entry.size) for share in SHARES], axis=1)
    return Concentration(kappa, caps.astype(np.float32))


def roles(entries: list[Entry], *, made: bool = False) -> tuple[Entry | None, Entry | None]:
    """The model on the sphere (made: on that of UMAP), and the one beside it: the other in view, else the twin."""
    reason = why_no_umap if made else why_none
    first = next((entry for entry in entries if reason(entry) is None), None)
    if first is None:
        return None, None
    other = twin(first) if why_none(first) is None else None
    return first, next((entry for entry in entries if entry != first), other)


def twin(entry: Entry) -> Entry | None:
    """The Gaussian model to set beside a spherical one: same data, as many dimensions, standard normal prior, and as
    far as possible the same networks."""
    wanted = _of_the_recipe(entry)
    alike = [
        other
        for other in library.whole()
        if other.space_kind == "euclidean"
        and other.prior == "standard"
        and (other.data, other.binarisation) == (entry.data, entry.binarisation)
        and other.size == entry.size - 1
        and other.recipe.get("model", {}).get("posterior", {}).get("kind", "gaussian") == "gaussian"
    ]
    return min(alike, key=lambda other: _of_the_recipe(other) != wanted, default=None)


def _of_the_recipe(entry: Entry) -> tuple:
    model = entry.recipe.get("model", {})
    return (model.get("encoder"), model.get("decoder"), model.get("likelihood"), entry.recipe.get("objective"))
