"""A model's plane for the canvas: its points, programs, contours, thumbnails and frames, each made once and kept.

Needs torch. The parts that cost something are made only when they are asked for: a page says which it shows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from explorer import draws, library, mismatch, planes, tensors, usage
from explorer.canvas import blobs
from explorer.canvas.plane import CanvasPlane, Class, Lattice, Limits, Sprite
from explorer.charts import density
from explorer.charts.region import class_name
from explorer.library import Entry

MOST_CODES = 6_000_000
"""Bytes of codes that a browser is asked to fetch at most."""
ROWS, SLOW_ROWS = 20, 6
"""Rows of a lattice that Python decodes, and where every picture is drawn pixel by pixel."""
AGGREGATE_CELLS = 96


def classes(entries: list[Entry]) -> list[Class]:
    """The classes of the test images of all models in view, in the order of their numbers."""
    found: dict[int, str] = {}
    for entry in entries:
        test = library.images(entry)
        for label in [] if test.labels is None else np.unique(test.labels):
            found.setdefault(int(label), class_name(int(label), test.class_names))
    return [Class(label, name) for label, name in sorted(found.items())]


def plane(
    entry: Entry,
    layout: planes.Layout,
    region: Limits,
    legend: list[Class],
    *,
    title: str = "",
    aggregate: bool = False,
    lattice: bool = False,
    encoder: bool = False,
    coloured: tuple[str, np.ndarray] | None = None,
    holes: bool = False,
) -> CanvasPlane:
    """Everything the canvas can show of a model on this layout.

    region: what is in view at first, which contours and lattice cover; legend: `classes`; aggregate: with the contours
    of the aggregated posterior; lattice: decoded by Python if the browser cannot run the decoder; encoder: for a pad;
    coloured: a name and a number [N] of each test image, to colour by; holes: with their tint.
    """
    settings = (layout.kind, layout.name, region, tuple(one.label for one in legend))
    made = library.remember("canvas plane", entry, lambda: _plane(entry, layout, region, legend), *settings)
    contours = dict(made.contours)
    if aggregate and (found := aggregated(entry, region)) is not None:
        contours["aggregate"] = library.remember("aggregate bytes", entry, lambda: blobs.contours(found), region)
    if holes and (tint := mismatch.heat(entry, region)) is not None:
        contours["holes"] = library.remember("holes bytes", entry, lambda: blobs.heat(*tint, mismatch.FULL), region)
    tiles = _lattice(entry, layout, region) if lattice and made.decoder is None else None
    if coloured is not None:
        made = replace(made, values={**made.values, coloured[0]: blobs.values(coloured[1])})
    return replace(
        made, title=title, contours=contours, lattice=tiles, encoder=program(entry, "encoder") if encoder else None
    )


def _plane(entry: Entry, layout: planes.Layout, region: Limits, legend: list[Class]) -> CanvasPlane:
    test, encoding = library.images(entry), library.encoding(entry)
    found = planes.prior_density(entry, region)
    decoder = program(entry, "decoder") if _space(entry) is not None else None
    return CanvasPlane(
        name=entry.name,
        title="",
        x_title=layout.x_title,
        y_title=layout.y_title,
        points=blobs.points(
            layout.points,
            kind=layout.kind,
            space=_space(entry) or "other",
            labels=test.labels,
            classes=legend,
            pseudo=layout.pseudo,
            shares=_shares(entry, layout),
            spread=_spread(encoding.stddev, layout) if layout.drawn is None else None,
            centre=layout.centre,
            axes=layout.axes,
        ),
        shape=test.gray.shape[1:],
        contours={} if found is None else {"prior": blobs.contours(found)},
        values=_values(entry, len(test.gray)),
        decoder=decoder,
        codes=_codes(encoding.coordinates if layout.drawn is None else layout.drawn)
        if layout.kind != "units"
        else None,
        frames=_frames(entry, layout),
        sprite=sprite(entry),
        pseudo_sprite=None if layout.pseudo is None else _pseudo_sprite(entry),
        decoded=library.shows(entry),
    )


def _space(entry: Entry) -> str | None:
    """What is nearest to a vector, in the canvas's words; None where the canvas does not know this space."""
    space = library.model(entry).space
    if space.kind == "layers" and all(layer.kind == "euclidean" for layer in space.layers):
        return "euclidean"
    return space.kind if space.kind in ("euclidean", "sphere", "simplex") else None


def program(entry: Entry, part: str) -> bytes | None:
    """The model's decoder or encoder as a program for the browser, or None where it is not portable."""

    def export() -> bytes | None:
        from latents import portable

        try:
            return portable.export(library.model(entry), part)  # type: ignore[arg-type]
        except portable.NotPortable:
            return None

    return library.remember("program", entry, export, part)


def why_no_encoder(entries: list[Entry], shown: list[CanvasPlane]) -> dict[str, str]:
    """For the pad: one sentence on each model whose encoder the browser cannot run, by its name."""

    def ask(entry: Entry) -> str:
        from latents import portable

        return portable.why_not(library.model(entry), "encoder") or ""

    return {
        entry.name: library.remember("why no encoder", entry, partial(ask, entry))
        for entry, plane in zip(entries, shown, strict=True)
        if plane.encoder is None
    }


def sprite(entry: Entry) -> Sprite:
    """Thumbnails of the test images, shared by all models of a data set."""
    return _sprite(entry.data, entry)


@st.cache_resource(show_spinner=False, max_entries=8)
def _sprite(name: str, _entry: Entry) -> Sprite:
    return blobs.sprite(library.images(_entry).gray)


def _pseudo_sprite(entry: Entry) -> Sprite:
    return library.remember("pseudo sprite", entry, lambda: blobs.sprite(usage.pictures(entry)))


def _shares(entry: Entry, layout: planes.Layout) -> np.ndarray | None:
    """How much of the test images each pseudo-input explains, where the prior says so."""
    if layout.pseudo is None:
        return None
    found = usage.of(entry)
    return None if found is None or len(found.shares) != len(layout.pseudo) else found.shares


def _spread(stddev: np.ndarray | None, layout: planes.Layout) -> np.ndarray | None:
    """The covariances (xx, xy, yy) of q(z|x) on a linear plane, [N, 3]."""
    if stddev is None or layout.axes is None or stddev.shape[1] != layout.axes.shape[1]:
        return None
    first, second = layout.axes.astype(np.float64)
    variance = stddev.astype(np.float64) ** 2
    return np.stack([variance @ (first * first), variance @ (first * second), variance @ (second * second)], axis=1)


def _codes(coordinates: np.ndarray) -> bytes | None:
    return blobs.codes(coordinates) if 2 * coordinates.size <= MOST_CODES else None


def _values(entry: Entry, n: int) -> dict[str, bytes]:
    """The ELBO of each test image, where it was kept."""
    from latents.errors import LatentsError
    from latents.folder import ModelFolder

    try:
        elbo = ModelFolder(entry.path).evaluation().get("elbo")
    except LatentsError:
        return {}
    return {} if elbo is None or elbo.shape != (n,) else {"elbo": blobs.values(elbo)}


def _frames(entry: Entry, layout: planes.Layout) -> bytes | None:
    """The states of training on this plane; None on a map without a way from z."""
    from latents.errors import LatentsError
    from latents.folder import ModelFolder

    try:
        kept = ModelFolder(entry.path).snapshots()
    except LatentsError:
        return None
    if layout.axes is None or "mean" not in kept or len(kept["epochs"]) < 2:
        return None

    def placed(z: np.ndarray) -> np.ndarray:
        return np.stack([layout.to_plane(library.coordinates(entry, state)) for state in z.astype(np.float32)])

    index, mean = kept["index"], kept["mean"]
    if mean.shape[2] != library.encoding(entry).points.shape[1] or index.max() >= len(layout.points):
        return None
    pseudo = kept.get("pseudo_means") if layout.pseudo is not None else None
    return blobs.frames(kept["epochs"], placed(mean), index, None if pseudo is None else placed(pseudo))


def followed(entry: Entry) -> int:
    """How many of the test images the frames show: those that were followed in training."""
    from latents.folder import ModelFolder

    return library.remember("followed", entry, lambda: len(ModelFolder(entry.path).snapshots()["index"]))


def _lattice(entry: Entry, layout: planes.Layout, region: Limits) -> Lattice | None:
    """The region decoded here, tile by tile; None where there is no way back from the plane."""
    if layout.axes is None:
        return None
    rows = SLOW_ROWS if draws.slow(entry) else ROWS

    def draw() -> Lattice:
        z = planes.back(entry, layout, planes.lattice(region, rows))
        pictures = library.decode(entry, z)
        return Lattice(blobs.sheet(pictures, rows), region, rows, len(pictures) // rows, pictures.shape[1:])

    return library.remember("lattice", entry, draw, layout.kind, layout.name, region, rows)


def aggregated(entry: Entry, region: Limits) -> density.Density | None:
    """The contours of the aggregated posterior, the mean of q(z|x) over the test images, on a latent plane."""
    encoding = library.encoding(entry)
    points, spread = encoding.points, encoding.stddev
    if not entry.flat or spread is None:
        return None

    def compute() -> density.Density:
        import torch

        x, y = density.grid((planes.widened(region, planes.MARGIN)[0], planes.widened(region, 1.1)[1]), AGGREGATE_CELLS)
        mean, stddev = (tensors.tensor(array).double() for array in (points, spread))
        with torch.no_grad():
            across = torch.distributions.Normal(mean[:, 0], stddev[:, 0]).log_prob(torch.as_tensor(x)[:, None].to(mean))
            up = torch.distributions.Normal(mean[:, 1], stddev[:, 1]).log_prob(torch.as_tensor(y)[:, None].to(mean))
            total = up.exp() @ across.exp().T  # the two units are independent given x: a product of matrices
            log_p = (total / len(mean)).clamp_min(1e-300).log()
        return density.density(x, y, log_p.cpu().numpy())

    return library.remember("aggregate", entry, compute, region)
