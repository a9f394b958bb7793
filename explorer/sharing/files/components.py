"""The files of Pseudo-inputs: the components with their shares, their samples, and the pairs that are alike."""

from __future__ import annotations

from functools import partial

import numpy as np

from explorer import draws, duplicates, library, usage
from explorer.components import has_inputs
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, table
from explorer.sharing.scripts.components import ALIKE, AROUND, SHARES, ranks_of
from explorer.sharing.settings import State


def components(entries: list[Entry], state: State) -> list[File]:
    """The components of each model that has some, and what the chosen figure shows of them."""
    able = [one for one in entries if library.why_not(one, "components") is None and usage.ready(one)]
    figure, made = state.get("figure") or SHARES, []
    for entry in able:
        what = "Pseudo-inputs" if has_inputs(entry) else "Components"
        made += [
            arrays(entry.name, what, partial(packed, entry)),
            table(entry.name, "Shares", partial(shares, entry)),
        ]
        if figure == AROUND:
            ranks, each = ranks_of(entries, able, entry, state)
            seed = settings.number(state, "draws")
            made.append(arrays(entry.name, "Samples", partial(sampled, entry, ranks, each, seed)))
        elif figure == ALIKE:
            made.append(table(entry.name, "Duplicates", partial(alike, entry)))
    return made


def packed(entry: Entry) -> dict[str, np.ndarray | None]:
    """The pseudo-inputs as they were learnt, [K, C, H, W] in [0, 1]; pictures of the components; points; shares."""
    net, found = library.model(entry), usage.of(entry)
    inputs = None if net.pseudo_inputs is None else net.pseudo_inputs.detach().float().cpu().numpy()
    named = {"pseudo_inputs": inputs, "pictures": usage.pictures(entry), "points": usage.codes(entry)}
    return named | {"shares": None if found is None else found.shares}


def shares(entry: Entry) -> dict:
    """A row for each component, the one that explains most of the test images first."""
    found = usage.of(entry)
    assert found is not None
    ranks = np.arange(1, len(found.order) + 1)
    return {"rank": ranks, "component": found.order, "share": found.shares[found.order]}


def sampled(entry: Entry, ranks: list[int], each: int, seed: int) -> dict[str, np.ndarray]:
    """Samples of the components that are shown: z [k, n, d], pictures [k, n, C, H, W]."""
    found = usage.of(entry)
    assert found is not None
    chosen = found.order[ranks]
    z = np.stack([draws.component_codes(entry, int(k), seed, each) for k in chosen])
    pictures = np.stack([draws.pictures(entry, codes, seed)[0] for codes in z])
    return {"components": chosen, "z": z, "pictures": pictures, "seed": np.array(seed)}


def alike(entry: Entry) -> dict:
    """A row for each pair, the most alike first."""
    found = duplicates.of(entry)
    first, second = found.pairs.T
    named = {"component": first, "other": second, "symmetric KL in nats": found.divergence}
    return named | {"means apart in standard deviations": found.apart}
