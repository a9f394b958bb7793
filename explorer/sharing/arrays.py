"""The numbers and pictures behind what a page shows, as files. They are made when they are asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import draws, library, naming, results, unit_numbers, usage
from explorer.library import Entry


@dataclass(frozen=True)
class File:
    """A file to download: what the button says, its name, its type, and how its bytes are made."""

    label: str
    name: str
    mime: str
    make: Callable[[], bytes]


def of(page: str, entries: list[Entry], state: Mapping[str, Any]) -> list[File]:
    """The files of this page for each model in view; none where the page has no arrays, or they were not made yet."""
    if page == "results":
        return _results()
    find = _PAGES.get(page)
    return [file for entry in entries for file in (find(entry, state) if find else [])]


def _npz(entry: Entry, what: str, make: Callable[[], dict[str, np.ndarray]]) -> File:
    def packed() -> bytes:
        out = io.BytesIO()
        np.savez_compressed(out, **make())  # type: ignore[arg-type]  # (its stub takes the names for options)
        return out.getvalue()

    return File(f"{what} of {entry.name} (npz)", f"{entry.name}-{what.lower()}.npz", "application/zip", packed)


def _csv(entry: Entry, what: str, make: Callable[[], list[list[Any]]]) -> File:
    def written() -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(make())
        return out.getvalue().encode("utf-8")

    return File(f"{what} of {entry.name} (CSV)", f"{entry.name}-{what.lower()}.csv", "text/csv", written)


def _points(entry: Entry, state: Mapping[str, Any]) -> list[File]:
    if not library.ready(entry):  # the page says why, or has not encoded yet
        return []

    def arrays() -> dict[str, np.ndarray]:
        found = library.encoding(entry)
        named = {"points": found.points, "stddev": found.stddev, "labels": found.images.labels}
        return {name: value for name, value in named.items() if value is not None}

    def table() -> list[list[Any]]:
        found = library.encoding(entry)
        labels = found.images.labels
        head = ["image", *([] if labels is None else ["class"]), *(f"z{i + 1}" for i in range(found.points.shape[1]))]
        rows = ([i, *([] if labels is None else [int(labels[i])]), *z.tolist()] for i, z in enumerate(found.points))
        return [head, *rows]

    return [_npz(entry, "Points", arrays), _csv(entry, "Points", table)]


def _samples(entry: Entry, state: Mapping[str, Any]) -> list[File]:
    usual = state.get("source") in (None, "Prior") and state.get("temperature") in (None, 1.0)
    if not draws.ready(entry) or draws.slow(entry) or not usual:
        return []

    def arrays() -> dict[str, np.ndarray]:
        seed, pixels = int(state.get("seed") or 0), state.get("shown") == "Drawn pixels"
        z = draws.prior_codes(entry, seed, draws.MOST)
        return {"z": z, "pictures": draws.pictures(entry, z, seed, pixels=pixels)[0], "seed": np.array(seed)}

    return [_npz(entry, "Samples", arrays)]


def _pseudo(entry: Entry, state: Mapping[str, Any]) -> list[File]:
    if entry.prior != "vampprior":
        return []

    def arrays() -> dict[str, np.ndarray]:
        net, codes = library.model(entry), library.pseudo_codes(entry)
        if net.pseudo_inputs is None or codes is None:
            return {}
        return {"pseudo_inputs": net.pseudo_inputs.detach().float().cpu().numpy(), "points": codes}

    return [_npz(entry, "Pseudo-inputs", arrays)]


def _units(entry: Entry, state: Mapping[str, Any]) -> list[File]:
    if not library.ready(entry) or library.why_not(entry, "units") is not None:
        return []

    def table() -> list[list[Any]]:
        names, variances, kl = naming.units(usage.layers(entry)), unit_numbers.variances(entry), unit_numbers.kl(entry)
        nats = [""] * len(names) if kl is None else kl.tolist()
        rows = zip(names, variances.tolist(), nats, strict=True)
        return [["unit", "variance of its mean", "KL in nats"], *map(list, rows)]

    return [_csv(entry, "Units", table)]


def _results() -> list[File]:
    """The numbers of the whole library: the page shows no model by itself."""
    return [
        File("All results (CSV)", "results.csv", "text/csv", lambda: results.csv_bytes(results.tables(library.whole())))
    ]


_PAGES: dict[str, Callable[[Entry, Mapping[str, Any]], list[File]]] = {
    "": _points,
    "latent_space": _points,
    "interpolate": _points,
    "side_by_side": _points,
    "traversals": _units,
    "samples": _samples,
    "pseudo_inputs": _pseudo,
    "active_units": _units,
}
