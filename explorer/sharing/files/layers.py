"""The files of Layers and codes: z by layer and what is made of it; codes and how often each is used."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import codebook, layer_planes, layered, library, naming, usage
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, of_images, table
from explorer.sharing.settings import Layers, State


def layers_and_codes(entries: list[Entry], state: State) -> list[File]:
    """What there is of each model, and what the chosen figure shows of it."""
    made = []
    for entry in settings.with_layers_or_codes(entries):
        chosen = settings.layers(entry, entries, state)
        if not layered.able(entry):
            made += [
                arrays(entry.name, "Codes", partial(codes, entry, chosen)),
                table(entry.name, "Usage of codes", partial(used, entry)),
            ]
            continue
        made.append(arrays(entry.name, "Layers", partial(by_layer, entry)))
        if chosen.show == settings.PLANE:
            made.append(table(entry.name, "Planes of layers", partial(on_planes, entry)))
        else:
            made.append(arrays(entry.name, chosen.show, partial(pictured, entry, chosen)))
    return made


def _names(entry: Entry) -> list[str]:
    """z2, z1: the layers, the top first."""
    return [f"z{number}" for number, _ in naming.numbered(usage.layers(entry))]


def by_layer(entry: Entry) -> dict[str, np.ndarray | None]:
    """The points of the test images, an array for each layer: z2 [N, 8], z1 [N, 8]."""
    found = library.encoding(entry)
    parts = dict(zip(_names(entry), layered.parts(entry, found.points), strict=True))
    return {**parts, "labels": found.images.labels}


def on_planes(entry: Entry) -> dict:
    """A row for each test image: its class, and its place on each layer's plane."""
    rows = dict(of_images(entry))
    for place, name in enumerate(_names(entry)):
        points = layer_planes.layout(entry, place).points
        rows |= {f"{name} across": points[:, 0], f"{name} up": points[:, 1]}
    return rows


def pictured(entry: Entry, chosen: Layers) -> dict[str, np.ndarray]:
    """The sheet: z [images, columns, d] and pictures [images, columns, C, H, W].

    Redrawn below: all layers of the image, the mean below those that are kept, the draws. Layer by layer: with none,
    one, ... all layers of the image.
    """
    z = library.encoding(entry).points[chosen.who]
    if chosen.show == settings.REDRAWN:
        drawn = layered.kept(entry, np.repeat(z, chosen.draws, axis=0), chosen.keep, chosen.seed)
        mean = layered.kept(entry, z, chosen.keep)
        whole = np.concatenate([z[:, None], mean[:, None], drawn.reshape(len(z), chosen.draws, -1)], axis=1)
        pictures = library.decode(entry, whole.reshape(-1, z.shape[1]))
        pictures = pictures.reshape(*whole.shape[:2], *pictures.shape[1:])
    else:
        steps = [layered.kept(entry, z, k) for k in range(len(usage.layers(entry)) + 1)]
        whole, pictures = np.stack(steps, axis=1), np.stack([library.decode(entry, step) for step in steps], axis=1)
    return {"images": np.array(chosen.who), "z": whole, "pictures": pictures}


def codes(entry: Entry, chosen: Layers) -> dict[str, np.ndarray | None]:
    """The codes of all test images [N, h, w], their shares [K], and the swap: the image's codes and pictures."""
    book, found = codebook.of(entry), codebook.codes(entry)
    mine = found[chosen.image]
    both = np.stack([mine, codebook.swapped(mine, chosen.place, chosen.code)])
    before, after = library.decode(entry, both.astype(np.float32))
    return {
        "codes": found.reshape(-1, *book.grid),
        "shares": book.shares,
        "labels": library.images(entry).labels,
        "image": np.array(chosen.image),
        "swapped": both.reshape(2, *book.grid),
        "before": before,
        "after": after,
    }


def used(entry: Entry) -> dict:
    """A row for each code: at how many places of all test images it is, and what share that is."""
    book = codebook.of(entry)
    counts = np.bincount(codebook.codes(entry).ravel(), minlength=book.size)
    return {"code": np.arange(book.size), "places": counts, "share": book.shares}
