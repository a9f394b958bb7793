r"""Maps of the sphere S^2 on a plane, with their exact inverses, and directions spread evenly over it.

A point is a unit vector g = (x, y, z); its longitude is atan2(y, x), its latitude asin(z), in radians. A map is seen
from (1, 0, 0), its middle, with z up; `turn` brings another point there. Lengths are in units of the sphere's radius,
so an area-preserving map of the whole sphere has the area 4 pi.

References: Snyder, "Map projections: a working manual", 1987 (orthographic, Lambert azimuthal, equirectangular,
Mollweide); Hammer, "Ueber die Planisphaeren von Aitow und verwandte Entwuerfe", 1892.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GAP = 0.04
"""Half the space between the two discs of the orthographic map."""
_ROOT = np.sqrt(2.0)
_SERIES = 0.2  # below, angle - sin(angle) is summed as a series, which keeps its digits
_GOLDEN = (1 + 5**0.5) / 2

Pair = tuple[np.ndarray, np.ndarray]
Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Map:
    """One way to draw the whole sphere on a plane.

    name, title: for addresses and for people; equal_area: whether equal areas stay equal; formula: Markdown;
    width, height: half of the smallest box around it.
    """

    name: str
    title: str
    equal_area: bool
    formula: str
    width: float
    height: float
    _forward: Callable[[np.ndarray, np.ndarray, np.ndarray], Pair]
    _inverse: Callable[[np.ndarray, np.ndarray], Triple]
    _inside: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def forward(self, g: np.ndarray) -> np.ndarray:
        """Unit vectors `[..., 3]` to places `[..., 2]` of the map."""
        x, y, z = np.moveaxis(np.asarray(g, np.float64), -1, 0)
        return np.stack(self._forward(x, y, z), axis=-1)

    def inverse(self, places: np.ndarray) -> np.ndarray:
        """Places `[..., 2]` to unit vectors `[..., 3]`; nan outside of the map."""
        across, up = np.moveaxis(np.asarray(places, np.float64), -1, 0)
        inside = self._inside(across, up)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.stack(self._inverse(across, up), axis=-1)
        return np.where(inside[..., None], found, np.nan)


def turn(longitude: float, latitude: float) -> np.ndarray:
    """The rotation R [3, 3] that brings the point at these angles (radians) to the middle of a map, north staying up.

    R g is g as the map sees it, and R.T leads back.
    """
    (c, s), (u, v) = (np.cos(longitude), np.sin(longitude)), (np.cos(latitude), np.sin(latitude))
    return np.array([[u * c, u * s, v], [-s, c, 0.0], [-v * c, -v * s, u]])


def vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Unit vectors `[..., 3]` at these angles, radians."""
    longitude, latitude = np.broadcast_arrays(longitude, latitude)
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=-1)


def angles(g: np.ndarray) -> Pair:
    """Longitude and latitude of unit vectors `[..., 3]`, radians."""
    x, y, z = np.moveaxis(np.asarray(g, np.float64), -1, 0)
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def spread(n: int) -> np.ndarray:
    """n directions `[n, 3]` spread evenly over the sphere: a spiral that turns by the golden angle, z in equal steps.

    Reference: Swinbank and Purser, "Fibonacci grids", 2006.
    """
    z = 1 - (2 * np.arange(n) + 1) / n
    longitude = 2 * np.pi * np.mod(np.arange(n) / _GOLDEN, 1)
    across = np.sqrt(1 - z * z)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), z], axis=1)


def great_circle(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The points `[T, 3]` at the shares t `[T]` of the shorter way from a to b, unit vectors; nan between opposites."""
    angle = 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    if angle == 0:
        return np.broadcast_to(a, (len(t), len(a))).copy()
    t = np.asarray(t)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


# -- the maps ------------------------------------------------------------------------------------------------


def _hammer(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Pair:
    half, across = np.arctan2(y, x) / 2, np.hypot(x, y)
    scale = _ROOT / np.sqrt(1 + across * np.cos(half))
    return 2 * scale * across * np.sin(half), scale * z


def _from_hammer(across: np.ndarray, up: np.ndarray) -> Triple:
    q = np.sqrt(np.maximum(0, 1 - (across / 4) ** 2 - (up / 2) ** 2))
    longitude = 2 * np.arctan2(q * across, 2 * (2 * q * q - 1))
    z = np.clip(q * up, -1, 1)
    flat = np.sqrt(1 - z * z)
    return flat * np.cos(longitude), flat * np.sin(longitude), z


def _mollweide(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Pair:
    """With the auxiliary angle theta, 2 theta + sin 2 theta = pi sin(latitude).

    For e = pi - 2 |theta| that is e - sin e = pi (1 - |sin(latitude)|), convex and without cancellation at the poles.
    """
    across = np.hypot(x, y)
    wanted = np.pi * across**2 / (1 + np.abs(z))
    e = np.cbrt(6 * wanted)  # the series' first term: never too large
    for _ in range(8):
        slope = 2 * np.sin(e / 2) ** 2
        e = np.where(slope > 0, e - (_excess(e) - wanted) / np.where(slope > 0, slope, 1), e)
    return 2 * _ROOT / np.pi * np.arctan2(y, x) * np.sin(e / 2), np.sign(z) * _ROOT * np.cos(e / 2)


def _excess(e: np.ndarray) -> np.ndarray:
    """e - sin e."""
    square = e * e
    series = e * square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
    return np.where(np.abs(e) < _SERIES, series, e - np.sin(e))


def _from_mollweide(across: np.ndarray, up: np.ndarray) -> Triple:
    theta = np.arcsin(np.clip(up / _ROOT, -1, 1))
    flat = np.cos(theta)
    longitude = np.clip(np.pi * across / (2 * _ROOT * np.where(flat > 0, flat, 1)), -np.pi, np.pi)
    e = np.pi - 2 * np.abs(theta)
    rest = _excess(e) / np.pi  # 1 - |sin(latitude)|
    width = np.sqrt(rest * (2 - rest))
    return width * np.cos(longitude), width * np.sin(longitude), np.sign(up) * (1 - rest)


def _lambert(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Pair:
    away = np.hypot(y, z)
    opposite = (away == 0) & (x < 0)  # becomes the whole rim: one point of it is taken
    scale = np.where(x > 0, np.sqrt(2 / (1 + np.maximum(x, 0))), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.sqrt(2 * (1 - np.minimum(x, 0))) / np.where(opposite, 1, away)  # the same, where 1 + x loses digits
    scale = np.where(x > 0, scale, far)
    return np.where(opposite, 2.0, scale * y), np.where(opposite, 0.0, scale * z)


def _from_lambert(across: np.ndarray, up: np.ndarray) -> Triple:
    square = across**2 + up**2
    scale = np.sqrt(np.maximum(0, 1 - square / 4))
    return 1 - square / 2, across * scale, up * scale


def _equirectangular(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Pair:
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def _from_equirectangular(across: np.ndarray, up: np.ndarray) -> Triple:
    flat = np.cos(up)
    return flat * np.cos(across), flat * np.sin(across), np.sin(up)


def _orthographic(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Pair:
    """The front half at the left; at the right the back half, as whoever goes around the sphere sees it."""
    return np.where(x >= 0, y - 1 - GAP, 1 + GAP - y), z


def _from_orthographic(across: np.ndarray, up: np.ndarray) -> Triple:
    front = across < 0
    y = np.where(front, across + 1 + GAP, 1 + GAP - across)
    x = np.sqrt(np.maximum(0, 1 - y * y - up * up))
    return np.where(front, x, -x), y, up


def _ellipse(across: np.ndarray, up: np.ndarray) -> np.ndarray:
    return across**2 / 8 + up**2 / 2 <= 1


MAPS = {
    one.name: one
    for one in (
        Map(
            "hammer",
            "Hammer",
            True,
            r"x = \frac{2\sqrt2\,\cos\varphi\,\sin(\lambda/2)}{\sqrt{1 + \cos\varphi\,\cos(\lambda/2)}},\quad"
            r"y = \frac{\sqrt2\,\sin\varphi}{\sqrt{1 + \cos\varphi\,\cos(\lambda/2)}}",
            2 * _ROOT,
            _ROOT,
            _hammer,
            _from_hammer,
            _ellipse,
        ),
        Map(
            "mollweide",
            "Mollweide",
            True,
            r"x = \tfrac{2\sqrt2}{\pi}\,\lambda\cos\theta,\quad y = \sqrt2\,\sin\theta,\quad"
            r"2\theta + \sin 2\theta = \pi\sin\varphi",
            2 * _ROOT,
            _ROOT,
            _mollweide,
            _from_mollweide,
            _ellipse,
        ),
        Map(
            "lambert",
            "Lambert",
            True,
            r"(x, y) = \sqrt{\frac{2}{1 + \cos\varphi\cos\lambda}}\;(\cos\varphi\,\sin\lambda,\ \sin\varphi)",
            2.0,
            2.0,
            _lambert,
            _from_lambert,
            lambda across, up: across**2 + up**2 <= 4,
        ),
        Map(
            "orthographic",
            "Two hemispheres",
            False,
            r"(x, y) = (\cos\varphi\,\sin\lambda,\ \sin\varphi)"
            r"\ \text{of the front half, and of the back half from behind}",
            2 + GAP,
            1.0,
            _orthographic,
            _from_orthographic,
            lambda across, up: (np.abs(across) - 1 - GAP) ** 2 + up**2 <= 1,
        ),
        Map(
            "equirectangular",
            "Equirectangular",
            False,
            r"x = \lambda,\quad y = \varphi",
            np.pi,
            np.pi / 2,
            _equirectangular,
            _from_equirectangular,
            lambda across, up: (np.abs(across) <= np.pi) & (np.abs(up) <= np.pi / 2),
        ),
    )
}
