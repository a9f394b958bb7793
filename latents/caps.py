r"""How wide a distribution on a sphere is: the cap around its mean direction that holds a given share of it.

The angle theta between z and the mean direction has the density f(theta) ~ exp(kappa T(cos theta)) sin^(m - 2) theta
on the unit sphere in m coordinates. On S^2 (m = 3) its distribution function can be inverted:

    von Mises-Fisher   1 - cos theta = -log(1 - p (1 - e^(-2 kappa))) / kappa
    power spherical    1 - cos theta = 2 (1 - (1 - p)^(1 / (1 + kappa)))

In other dimensions it is summed up on a grid.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NODES = 1025
_TAIL = 60.0  # nats below the density's peak beyond which nothing is summed
_ROWS = 512  # concentrations whose grids exist at a time


def cap(kind: str, concentration: np.ndarray, share: float, coordinates: int = 3) -> np.ndarray:
    """The angle (radians) of the cap around the mean direction that holds this share of the distribution.

    kind: "vmf" or "power-spherical"; concentration: kappa > 0, any shape; share: in (0, 1); coordinates: m >= 2.

    Raises:
        ValueError: the kind is not one of these, or the share is no share.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of a cap lies between 0 and 1, but {share} was given")
    if kind not in _SCORES:
        raise ValueError(f"caps are known for {' and '.join(_SCORES)}, but {kind!r} was given")
    kappa = np.asarray(concentration, np.float64)
    if coordinates == 3:
        gap = _vmf_gap(kappa, share) if kind == "vmf" else _power_gap(kappa, share)
        return 2 * np.arcsin(np.sqrt(np.clip(gap / 2, 0, 1)))  # keeps its digits where the cap is small
    return _summed(_SCORES[kind], kappa.ravel(), share, coordinates).reshape(kappa.shape)


def rim(centre: np.ndarray, angle: float, points: int = 101) -> np.ndarray:
    """The edge of a cap on S^2, closed: `[points, 3]` at this angle (radians) from a unit vector `[3]`."""
    _, _, (_, across, up) = np.linalg.svd(np.asarray(centre, np.float64)[None])
    around = np.linspace(0, 2 * np.pi, points)[:, None]
    return np.cos(angle) * centre + np.sin(angle) * (np.cos(around) * across + np.sin(around) * up)


def shadow(angle: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The angle of the part of a cap that lies on a great sphere of fewer dimensions; pi where it holds all of that.

    length: of the projection of the cap's centre to that sphere's space, in (0, 1].
    """
    return np.arccos(np.clip(1 - (1 - np.cos(angle)) / np.square(length), -1, 1))


def _vmf_gap(kappa: np.ndarray, share: float) -> np.ndarray:
    return -np.log1p(share * np.expm1(-2 * kappa)) / kappa


def _power_gap(kappa: np.ndarray, share: float) -> np.ndarray:
    return -2 * np.expm1(np.log1p(-share) / (1 + kappa))


def _summed(score: Callable, kappa: np.ndarray, share: float, coordinates: int) -> np.ndarray:
    """By the trapezoid rule on a grid that reaches as far as there is mass."""
    found = np.empty(len(kappa))
    unit = np.linspace(0, 1, NODES)
    for start in range(0, len(kappa), _ROWS):
        part = kappa[start : start + _ROWS, None]
        far = np.minimum(np.pi, 2 * np.arcsin(np.minimum(1, np.sqrt((_TAIL + 2 * coordinates) / (2 * part)))))
        theta = far * unit
        with np.errstate(divide="ignore"):
            log_f = score(part, theta)
            if coordinates > 2:
                log_f = log_f + (coordinates - 2) * np.log(np.sin(theta))
        f = np.exp(log_f - log_f.max(axis=1, keepdims=True))
        mass = np.concatenate([np.zeros((len(part), 1)), np.cumsum((f[:, 1:] + f[:, :-1]) / 2, axis=1)], axis=1)
        mass /= mass[:, -1:]
        found[start : start + _ROWS] = [np.interp(share, row, nodes) for row, nodes in zip(mass, theta, strict=True)]
    return found


def _vmf_score(kappa: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return -2 * kappa * np.sin(theta / 2) ** 2


def _power_score(kappa: np.ndarray, theta: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 2 * kappa * np.log(np.abs(np.cos(theta / 2)))


_SCORES = {"vmf": _vmf_score, "power-spherical": _power_score}
