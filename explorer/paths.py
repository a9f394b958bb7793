"""Ways through latent space: the points of lines, great circles, grids and walks, and what the prior says of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from explorer import library, tensors
from explorer.library import Entry, Images

MANY = 10
"""Dimensions from which a Gaussian's mass lies in a shell so thin that a great circle is worth offering."""
STRAIGHT, CIRCLE = "Straight", "Great circle"


# -- pure mathematics ------------------------------------------------------------------------------------------


def arc(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Slerp with interpolated norms, [T, ..., n]: from a to b [..., n] at the shares t [T] of the way.

    The direction turns at a constant angular speed, the shorter way, and the distance from the origin changes evenly.
    Where the directions are equal or opposite, or one end is the origin, there is no one circle: a straight line.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    at = np.asarray(t, np.float64).reshape(-1, *[1] * a.ndim)
    long_a, long_b = (np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    first, last = (x / np.where(size > 0, size, 1) for x, size in ((a, long_a), (b, long_b)))
    angle = 2 * np.arctan2(
        np.linalg.norm(first - last, axis=-1, keepdims=True), np.linalg.norm(first + last, axis=-1, keepdims=True)
    )
    line = (1 - at) * a + at * b
    turns = (np.sin(angle) > 1e-6) & (long_a > 0) & (long_b > 0)
    sine = np.where(turns, np.sin(angle), 1)
    turned = (np.sin((1 - at) * angle) * first + np.sin(at * angle) * last) / sine
    return np.where(turns, ((1 - at) * long_a + at * long_b) * turned, line)


def bilinear(four: np.ndarray, n: int, way: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """A grid [n, n, size] between four corners [4, size]: top left, top right, bottom left, bottom right.

    way: `(a, b, t)` to the points [T, ..., size] between a and b [..., size]. Along the upper and the lower edge first,
    then from the one to the other; of straight lines that is bilinear interpolation.
    """
    t = np.linspace(0, 1, n)
    top, bottom = way(four[0], four[1], t), way(four[2], four[3], t)
    return way(top, bottom, t)


def walk(
    start: np.ndarray,
    steps: int,
    length: float,
    spread: np.ndarray,
    seed: int,
    nearest: Callable[[np.ndarray], np.ndarray] = lambda y: y,
) -> np.ndarray:
    """A random walk [steps, n] from start [n]: each step is `length` long, then goes to the `nearest` allowed point.

    The direction of a step is drawn anew, N(0, diag(spread^2)) brought to length 1, so that a walk of data goes more
    often where they vary more. The same seed gives the same walk; a longer one begins with the shorter.
    """
    generator = np.random.default_rng(seed)
    found = [np.asarray(start, np.float64)]
    for _ in range(steps - 1):
        direction = generator.normal(size=len(start)) * spread
        found.append(np.asarray(nearest(found[-1] + length * direction / np.linalg.norm(direction)), np.float64))
    return np.stack(found)


def spherical_walk(start: np.ndarray, steps: int, angle: float, seed: int) -> np.ndarray:
    """A random walk [steps, n] on the unit sphere from start [n]: each step goes `angle` radians along a great circle,
    in a direction that is uniform in the tangent plane."""
    generator = np.random.default_rng(seed)
    found = [np.asarray(start, np.float64) / np.linalg.norm(start)]
    for _ in range(steps - 1):
        here = found[-1]
        direction = generator.normal(size=len(here))
        direction -= (direction @ here) * here
        there = np.cos(angle) * here + np.sin(angle) * direction / np.linalg.norm(direction)
        found.append(there / np.linalg.norm(there))
    return np.stack(found)


def share_of_length(places: np.ndarray, i: int) -> float:
    """How much of the length of a line of places [F, n] lies before place i; 0 where it has no length."""
    lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    return float(lengths[:i].sum() / lengths.sum()) if lengths.sum() > 0 else 0.0


# -- in a model's space ----------------------------------------------------------------------------------------


def between(entry: Entry, a: np.ndarray, b: np.ndarray, t: np.ndarray, way: str = STRAIGHT) -> np.ndarray:
    """The points [T, ..., size] at the shares t [T] of the way from a to b [..., size], along the path of the space.

    way: CIRCLE takes `arc` in each vector space of `MANY` dimensions or more.
    """
    import torch

    space = library.model(entry).space
    with torch.no_grad():
        found = tensors.array(space.path(tensors.tensor(a), tensors.tensor(b), tensors.tensor(t)))
    if way == CIRCLE:
        for part in shells(entry):
            found[..., part] = arc(a[..., part], b[..., part], t)
    return found


def shells(entry: Entry) -> list[slice]:
    """The parts of z that are vectors of `MANY` dimensions or more, where a great circle may be taken."""
    found, first = [], 0
    for layer in library.model(entry).space.layers:
        if layer.kind == "euclidean" and layer.size >= MANY:
            found.append(slice(first, first + layer.size))
        first += layer.size
    return found


def words(entry: Entry, way: str = STRAIGHT) -> str:
    """What the path is, in the words of the model's space."""
    if way == CIRCLE and shells(entry):
        layers = len(library.model(entry).space.layers) > 1
        return "a great circle with evenly changing norm" + (" in every large layer" if layers else "")
    return _WORDS.get(entry.space_kind or "", "the path of its space")


def why_circle(entry: Entry, a: np.ndarray, b: np.ndarray) -> str | None:
    """One sentence, with numbers, on why a great circle may be the better way from a to b; None where there is none."""
    parts = shells(entry)
    if not parts:
        return None
    part = max(parts, key=lambda one: one.stop - one.start)
    norms = np.linalg.norm(library.encoding(entry).points[:, part].astype(np.float64), axis=1)
    middle = float(np.linalg.norm(between(entry, a, b, np.array([0.5]))[0][part]))
    return (
        f"In {part.stop - part.start} dimensions the codes of the test images lie in a shell, {norms.mean():.1f} ± "
        f"{norms.std():.1f} from the origin; the middle of the straight line lies at {middle:.1f}, and the great "
        "circle keeps to the shell."
    )


_WORDS = {
    "euclidean": "a straight line",
    "sphere": "a great circle",
    "simplex": "a straight line within the simplex",
    "layers": "a path in every layer",
    "codes": "a straight line between the codes' vectors (each step at the codes nearest to it)",
}


def pixel_path(first: np.ndarray, last: np.ndarray, steps: int) -> np.ndarray:
    """(1 - t) x_a + t x_b of two images of uint8 [C, H, W], at `steps` places: uint8 [steps, C, H, W]."""
    t = np.linspace(0, 1, steps)[:, None, None, None]
    mixed = (1 - t) * first.astype(np.float64) + t * last.astype(np.float64)
    return np.round(mixed).astype(np.uint8)


def log_density(entry: Entry, z: np.ndarray) -> np.ndarray:
    """log p(z) of codes [N, d] under the model's prior, float64 [N], nats."""
    import torch

    with torch.no_grad():
        prior = library.prior(entry)
        parts = [tensors.array(prior.log_prob(part)) for part in tensors.tensor(z).split(2000)]
    return np.concatenate(parts).astype(np.float64)


def usual(entry: Entry) -> tuple[float, float]:
    """The range of log p(z) that holds the middle 90 % of the test images, at their points, nats."""

    def compute() -> tuple[float, float]:
        low, high = np.quantile(log_density(entry, library.encoding(entry).points), [0.05, 0.95])
        return float(low), float(high)

    return library.remember("usual log density", entry, compute)


def first_of(images: Images, label: int) -> int | None:
    """The first test image of a class; None where there is none."""
    if images.labels is None:
        return None
    found = np.flatnonzero(images.labels == label)
    return int(found[0]) if found.size else None


def next_of(images: Images, label: int, after: int) -> int:
    """The next test image of a class after the place `after`, from the start again after the last one."""
    found = np.flatnonzero(images.labels == label)
    return int(found[np.searchsorted(found, after, side="right") % len(found)])


def pair_of_classes(images: Images, seed: int) -> tuple[int, int]:
    """Two random test images, of different classes where there are classes."""
    generator = np.random.default_rng(seed)
    first = int(generator.integers(len(images.gray)))
    others = np.arange(len(images.gray)) != first
    if images.labels is not None and len(np.unique(images.labels)) > 1:
        others = images.labels != images.labels[first]
    return first, int(generator.choice(np.flatnonzero(others)))
