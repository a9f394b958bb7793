"""Courses through a model's latent space, decoded: from one point to another, at random, or from class to class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from explorer import library, paths
from explorer.library import Entry

FINE = 201
"""Points at which a line is drawn and the density along it is computed, so that both are smooth."""
STRENGTHS = np.linspace(-1, 2, 13)
"""How many times the difference of two classes' means is added: 0 is the image, 1 the whole difference."""


@dataclass(frozen=True)
class Course:
    """A line through latent space and its steps.

    t [T]: where the steps are (shares of the way, steps, strengths); z [T, size]; pictures: the decoder's answers,
    uint8 [T, C, H, W]; fine_t [F] and fine_z [F, size]: the line itself; log_prior [F]: log p(z) along it, nats, or
    None where the prior has no density.
    """

    t: np.ndarray
    z: np.ndarray
    pictures: np.ndarray
    fine_t: np.ndarray
    fine_z: np.ndarray
    log_prior: np.ndarray | None

    def nearest(self, step: int) -> int:
        """The place of a step on the fine line."""
        return int(np.abs(self.fine_t - self.t[step]).argmin())


def line(entry: Entry, a: np.ndarray, b: np.ndarray, steps: int, way: str = paths.STRAIGHT) -> Course:
    """From a to b [size] along the path of the model's space, or `way`."""
    coarse, fine = np.linspace(0, 1, steps), np.linspace(0, 1, FINE)
    return _course(entry, coarse, fine, lambda t: paths.between(entry, a, b, t, way))


def walk(entry: Entry, start: np.ndarray, steps: int, stride: float, seed: int) -> Course:
    """A random walk from start [size]; stride: the length of a step as a share of the data's spread.

    On a sphere the step is an angle. Among codes the walk itself goes through the space of their vectors, since a
    short step from a code would always lead back to it.
    """
    origin = library.coordinates(entry, start).astype(np.float64)
    deviations = library.encoding(entry).coordinates.astype(np.float64).std(axis=0)
    length = stride * float(np.linalg.norm(deviations))

    def nearest(y: np.ndarray) -> np.ndarray:
        return library.coordinates(entry, library.from_coordinates(entry, y))

    def points() -> np.ndarray:
        if entry.space_kind == "sphere":
            return paths.spherical_walk(origin, steps, length, seed)
        free = entry.space_kind in ("euclidean", "codes")
        return paths.walk(origin, steps, length, deviations, seed, *(() if free else (nearest,)))

    z = library.from_coordinates(entry, points().astype(np.float32))
    t = np.arange(steps, dtype=np.float64)
    return _course(entry, t, t, lambda _: z)


def class_mean(entry: Entry, label: int) -> np.ndarray:
    """The mean [n] of the coordinates of a class's test images. The data must have classes."""
    test = library.images(entry)
    assert test.labels is not None
    return library.encoding(entry).coordinates[test.labels == label].astype(np.float64).mean(axis=0)


def towards(entry: Entry, start: np.ndarray, origin: int, target: int) -> Course:
    """z + s (mean of class `target` - mean of class `origin`) at the strengths s, at the space's nearest points."""
    from_z = library.coordinates(entry, start).astype(np.float64)
    difference = class_mean(entry, target) - class_mean(entry, origin)

    def points(s: np.ndarray) -> np.ndarray:
        return library.from_coordinates(entry, (from_z + s[:, None] * difference).astype(np.float32))

    return _course(entry, STRENGTHS, np.linspace(STRENGTHS[0], STRENGTHS[-1], FINE), points)


def nearest_image(entry: Entry, z: np.ndarray) -> int:
    """The place of the test image whose point is nearest to z [size], by the points' coordinates."""
    apart = library.encoding(entry).coordinates - library.coordinates(entry, z)
    return int(np.linalg.norm(apart, axis=1).argmin())


def corners(entry: Entry, four: np.ndarray, n: int, way: str = paths.STRAIGHT) -> tuple[np.ndarray, np.ndarray]:
    """The grid between four points [4, size]: z [n, n, size] and pictures uint8 [n, n, C, H, W]."""
    z = paths.bilinear(four, n, lambda a, b, t: paths.between(entry, a, b, t, way))
    flat = z.reshape(n * n, -1)
    pictures = library.remember("pictures of a grid", entry, lambda: library.decode(entry, flat), flat.tobytes())
    return z, pictures.reshape(n, n, *pictures.shape[1:])


def density(entry: Entry, z: np.ndarray) -> np.ndarray:
    """log p(z) at z [T, size], nats, once."""
    return library.remember("density along a path", entry, lambda: paths.log_density(entry, z), z.tobytes())


def decoded(entry: Entry, z: np.ndarray) -> np.ndarray:
    """The decoder's pictures at z [T, size], once."""
    return library.remember("pictures of a path", entry, lambda: library.decode(entry, z), z.tobytes())


def _course(entry: Entry, t: np.ndarray, fine_t: np.ndarray, points: Callable[[np.ndarray], np.ndarray]) -> Course:
    z, fine_z = points(t), points(fine_t)
    known = library.why_not(entry, "prior_density") is None
    log_prior = density(entry, fine_z) if known else None
    return Course(t, z, decoded(entry, z), fine_t, fine_z, log_prior)
