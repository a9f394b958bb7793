"""The planes of a hierarchy's layers on one live canvas: the top one beside those below, with one selection.

On the plane of a layer the pointer changes that layer alone. Layers above it stay at the chosen image's; layers below
go to the mean that the prior expects of them, which is what the layer by itself says of a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from explorer import layered, library, naming, parts, planes, usage
from explorer.canvas import CanvasPlane, Class, canvas
from explorer.charts.region import limits
from explorer.library import Entry

MOST = 4
"""Planes, at most: those of the top layers."""


def symbols(entry: Entry) -> list[str]:
    """The names of the layers, top first: z₂, z₁."""
    return [naming.symbol(str(number)) for number, _ in naming.numbered(usage.layers(entry))]


def draw(
    entry: Entry,
    height: int,
    selected: tuple[int, ...],
    on_select: Callable[[], None],
    *,
    key: str,
    decoded: bool,
    pseudo: bool,
) -> list[CanvasPlane]:
    """The canvas, `height` pixels high; selected: places of test images, marked on all planes; decoded: tiles of
    pictures in place of the points; pseudo: with pseudo-inputs. What was drawn, for the words under it."""
    from explorer.canvas import scene

    legend = scene.classes([entry])
    shown = [plane(entry, layer, legend) for layer in range(min(MOST, len(usage.layers(entry))))]
    assert shown[0].region is not None
    decoded = decoded and shown[0].decoder is not None
    canvas(
        shown,
        shown[0].region,
        key=key,
        height=height,
        classes=legend,
        selection=selected,
        on_select=on_select,
        linked=False,
        prior=False,
        neighbours=0,
        points=not decoded,
        decoded=decoded,
        pseudo=pseudo and not decoded,
    )
    return shown


def plane(entry: Entry, layer: int, legend: list[Class]) -> CanvasPlane:
    """The plane of one layer, 0 the top: its points, and the decoder with the layers below at their prior's means."""
    from explorer.canvas import scene

    found = layout(entry, layer)
    region = limits([found.points])
    made = scene.plane(entry, found, region, legend)
    names, size = symbols(entry), usage.layers(entry)[layer]
    return replace(
        made,
        title=f"{names[layer]}, {'the top' if layer == 0 else f'{size} units' if size > 1 else 'one unit'}",
        region=region,
        decoder=None if made.decoder is None else decoder(entry, layer),
        frames=None,
        words=words(names, layer),
    )


def words(names: list[str], layer: int) -> tuple[str, str]:
    """What is decoded at a place of the layer's plane, and at a test image's dot."""
    below = names[layer + 1 :]
    rest = f", {', '.join(below)} expected" if below else ""
    return f"{names[layer]} here{rest}", f"its {', '.join(names[: layer + 1])}{rest}"


def decoder(entry: Entry, layer: int) -> bytes | None:
    """The program that decodes z down to this layer, what is below being at its prior's mean; None if not portable."""

    def export() -> bytes | None:
        from latents import portable

        try:
            return portable.export(library.model(entry), "decoder", kept=layer + 1)
        except portable.NotPortable:
            return None

    return library.remember("program of a layer", entry, export, layer)


def why_not_decoded(entry: Entry) -> str:
    """One sentence on why nothing is decoded at the pointer."""
    from latents import portable

    why = library.remember("why no decoder", entry, lambda: portable.why_not(library.model(entry), "decoder"))
    return why or "A layer of this model is no plain vector: it lies on a space that the planes do not know."


def layout(entry: Entry, layer: int) -> planes.Layout:
    """The test images in one layer, 0 the top: its two units, two principal components of more, a line for one.

    Pseudo-inputs stand on the top layer's plane alone: the prior has them there.
    """
    return library.remember("plane of a layer", entry, lambda: _layout(entry, layer), layer)


def _layout(entry: Entry, layer: int) -> planes.Layout:
    coordinates, pseudo = library.encoding(entry).coordinates, library.pseudo_codes(entry)
    sizes, name = usage.layers(entry), symbols(entry)[layer]
    start, size = sum(sizes[:layer]), sizes[layer]
    axes, centre = np.zeros((2, coordinates.shape[1]), np.float32), coordinates.mean(axis=0)
    if size > 2:
        from latents.projection import pca

        found = pca(coordinates[:, start : start + size])
        axes[:, start : start + size] = found.axes
        titles = [f"{name}: PC {i + 1} ({100 * share:.0f} %)" for i, share in enumerate(found.explained)]
    else:
        axes[np.arange(size), start + np.arange(size)] = 1
        centre[start : start + size] = 0
        titles = [f"{name}, unit 1", f"{name}, unit 2" if size == 2 else "(one unit)"]
    x, y = titles
    blank = planes.Layout("PCA", np.zeros((0, 2)), None, x, y, centre=centre, axes=axes, name=f"layer {layer} alone")
    tops = None if pseudo is None or layer > 0 else blank.to_plane(library.coordinates(entry, pseudo))
    return replace(blank, points=blank.to_plane(coordinates), pseudo=tops)


def sentence(entry: Entry, shown: list[CanvasPlane], decoded: bool) -> str:
    """What the planes show, and how a place of one layer's plane becomes a picture."""
    names = symbols(entry)
    said = (
        f"Each picture is {parts.shown([entry])} at its place on the layer's plane."
        if decoded and shown[0].decoder
        else f"Each dot is a test image at {parts.points([entry])}, once in each layer."
    )
    if shown[0].decoder is None:
        said += f" Nothing is decoded at the pointer. {why_not_decoded(entry)}"
    else:
        said += (
            f" At the pointer that layer alone changes: layers above stay the chosen image’s, and those below go to "
            f"the mean that the prior expects of them, so {names[0]}’s plane shows what {names[0]} says by itself."
        )
    more = "" if len(names) <= len(shown) else f" Only the top {len(shown)} layers are shown."
    return said + more


# -- what each layer holds of an image --------------------------------------------------------------------------


def pictures(entry: Entry, z: np.ndarray) -> np.ndarray:
    """The pictures of one z [size] with 1, 2, ... all layers kept and the rest at its prior's mean, uint8
    [layers, C, H, W]."""
    rows = [layered.kept(entry, z[None], k + 1)[0] for k in range(len(usage.layers(entry)))]
    return library.decode(entry, np.stack(rows))


def nearest(entry: Entry, i: int, layer: int, n: int) -> np.ndarray:
    """The n test images nearest to image i in one layer alone, by Euclidean distance of its coordinates."""
    sizes = usage.layers(entry)
    start = sum(sizes[:layer])
    own = library.encoding(entry).coordinates[:, start : start + sizes[layer]]
    found, _ = planes.nearest(own, own[i], n + 1)
    return found[found != i][:n]
