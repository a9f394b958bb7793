"""The files of Traversals and Active units: walks and their ranges, what units carry, and how that came to be."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import draws, fates, layered, library, naming, traversal, unit_numbers, usage
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, table
from explorer.sharing.settings import State, Traversal
from explorer.traversal import Walk


def traversals(entries: list[Entry], state: State) -> list[File]:
    """The walks of each model."""
    able = [one for one in entries if library.why_not(one, "decode") is None and library.ready(one)]
    able = [one for one in able if one.data == able[0].data]
    made = []
    for entry in able:
        chosen = settings.traversing(entry, able, state)
        if chosen.units or library.why_not(entry, "units") is not None:
            made += [
                arrays(entry.name, "Walks", partial(packed, entry, chosen)),
                table(entry.name, "Ranges", partial(ranges, entry, chosen)),
            ]
    return made


def starts_of(entry: Entry, chosen: Traversal) -> np.ndarray:
    """Where the walks start, [starts, d]."""
    if not chosen.mean:
        return library.encoding(entry).points[chosen.starts]
    more = len(chosen.starts) - 1
    mean = layered.prior_mean(entry)[0][None]
    return np.concatenate([mean, draws.prior_codes(entry, 0, more)]) if more else mean


def walks(entry: Entry, chosen: Traversal, z: np.ndarray) -> list[Walk]:
    """The walks of all units (or directions) that can be shown, from z [d]."""
    if library.why_not(entry, "units") is not None:
        return traversal.by_direction(entry, z, chosen.steps)[: chosen.directions]
    return traversal.by_unit(entry, z, np.array(chosen.units), chosen.steps, follow=chosen.follow)


def packed(entry: Entry, chosen: Traversal) -> dict[str, np.ndarray | None]:
    """Names [W]; of each start values [starts, W, S], z [starts, W, S, d] and pictures [starts, W, S, C, H, W]."""
    z = starts_of(entry, chosen)
    found = [walks(entry, chosen, start) for start in z]
    flat = traversal.pictures(entry, [walk for some in found for walk in some])
    return {
        "names": np.array([walk.name for walk in found[0]]),
        "images": None if chosen.mean else np.array(chosen.starts),
        "starts": z,
        "values": np.stack([[walk.values for walk in some] for some in found]),
        "z": np.stack([[walk.z for walk in some] for some in found]),
        "pictures": flat.reshape(len(z), -1, *flat.shape[1:]),
    }


def ranges(entry: Entry, chosen: Traversal) -> dict:
    """A row for each walk: from where to where it goes, where it started, and what its unit carries."""
    z = starts_of(entry, chosen)
    found = [walk for start in z for walk in walks(entry, chosen, start)]
    weight = {"nats": "KL in nats", "variance": "variance of its mean"}.get(found[0].unit, "share of the variance")
    of = np.arange(len(z)) if chosen.mean else np.array(chosen.starts)
    return {
        "start" if chosen.mean else "image": np.repeat(of, len(found) // len(z)),
        "unit": [walk.name for walk in found],
        "low": [float(walk.values[0]) for walk in found],
        "high": [float(walk.values[-1]) for walk in found],
        "own value": [walk.own for walk in found],
        weight: [walk.weight for walk in found],
        "dead": [walk.dead for walk in found],
    }


def active_units(entries: list[Entry], state: State) -> list[File]:
    """What each unit carries, and its history."""
    made = []
    for entry in entries:
        if library.ready(entry) and library.why_not(entry, "units") is None:
            made.append(table(entry.name, "Units", partial(carried, entry)))
            if fates.history(entry) is not None:
                made.append(table(entry.name, "History of units", partial(history, entry)))
    return made


def carried(entry: Entry) -> dict:
    """A row for each unit."""
    names, variances = naming.units(usage.layers(entry)), unit_numbers.variances(entry)
    return {"unit": names, "variance of its mean": variances, "KL in nats": unit_numbers.kl(entry)}


def history(entry: Entry) -> dict:
    """A row for each epoch: the variance of each unit's mean, and its KL in nats where that was measured."""
    found = fates.history(entry)
    assert found is not None
    n = found.variances.shape[1]
    names = naming.units(usage.layers(entry)) if sum(usage.layers(entry)) == n else [str(i + 1) for i in range(n)]
    rows = {"epoch": found.epochs} | {f"variance of z{name}": found.variances[:, i] for i, name in enumerate(names)}
    return rows | {f"KL of z{name}": column for name, column in zip(names, _kl(entry, found.epochs, n), strict=False)}


def _kl(entry: Entry, epochs: np.ndarray, units: int) -> list[np.ndarray]:
    """The KL of each unit [E] at these epochs, from the history or the snapshots; empty where it was not kept."""
    from latents.folder import ModelFolder

    folder = ModelFolder(entry.path)
    rows = folder.history()
    if "kl_0" in rows:
        place = {int(epoch): i for i, epoch in enumerate(rows["epoch"])}
        at = [place[int(epoch)] for epoch in epochs if int(epoch) in place]
        return [rows[f"kl_{unit}"][at] for unit in range(units)] if len(at) == len(epochs) else []
    kept = folder.snapshots()
    return list(kept["kl"].T) if "kl" in kept and kept["kl"].shape == (len(epochs), units) else []
