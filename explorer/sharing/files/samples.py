"""The files of Samples: the codes and pictures of the sheet, and what is nearest to them."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import draws, library, memorised
from explorer.library import Entry
from explorer.sharing.files.file import File, arrays, table
from explorer.sharing.scripts.samples import Sheet, able_to, sheet_of
from explorer.sharing.settings import State


def samples(entries: list[Entry], state: State) -> list[File]:
    """The sheet of each model, and a table of its nearest images where they are shown."""
    able, made = able_to(entries), []
    for entry in able:
        shown = sheet_of(entries, able, entry, state)
        if shown.posterior and (library.why_not(entry, "encode") is not None or not library.ready(entry)):
            continue
        made.append(arrays(entry.name, "Samples", partial(packed, entry, shown)))
        if shown.nearest:
            made.append(table(entry.name, "Nearest images", partial(nearest, entry, shown)))
    return made


def _pictures(entry: Entry, shown: Sheet) -> np.ndarray:
    """The pictures of the sheet; those that are drawn pixel by pixel were kept."""
    if shown.posterior:
        return draws.from_posterior(entry, shown.seed, shown.n, pixels=shown.pixels).pictures
    warm = shown.temperature
    return draws.from_prior(entry, shown.seed, shown.n, pixels=shown.pixels, temperature=warm).pictures


def packed(entry: Entry, shown: Sheet) -> dict[str, np.ndarray | None]:
    """Pictures [n, C, H, W], their z [n, d] (but from a prior pixel by pixel), and how they were made."""
    pictures, z, images = _pictures(entry, shown), None, None
    if shown.posterior:
        z, images = draws.posterior_codes(entry, shown.seed), draws.posterior_images(entry, shown.seed)
    elif not draws.slow(entry):
        z = draws.prior_codes(entry, shown.seed, shown.n, shown.temperature)
    found = {"seed": np.array(shown.seed), "temperature": np.array(shown.temperature)}
    found |= {} if z is None else {"z": z[: shown.n]}
    found |= {} if images is None else {"test_images": images[: shown.n]}
    if shown.nearest:
        near = memorised.nearest(pictures, memorised.shelf(entry))
        found |= {"nearest": near.images, "nearest_places": near.places, "distances": near.distances}
    return {"pictures": pictures, **found}


def nearest(entry: Entry, shown: Sheet) -> dict:
    """A row for each sample: its nearest image and how far that is."""
    shelf = memorised.shelf(entry)
    near = memorised.nearest(_pictures(entry, shown), shelf)
    return {"sample": np.arange(shown.n), f"nearest {shelf.split} image": near.places, "distance": near.distances}
