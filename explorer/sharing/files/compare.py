"""The files of Side by side: numbers of each test image with paired differences, planes, pictures and units."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from explorer import draws, library, naming, pairs, planes, results, unit_numbers, usage
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.files.file import File, arrays, of_images, table
from explorer.sharing.scripts.compare import SAMPLES
from explorer.sharing.settings import State

NUMBERS: dict[str, pairs.Number] = {"log p(x)": "log_likelihood", "ELBO": "elbo"}


def side_by_side(entries: list[Entry], state: State) -> list[File]:
    """One file for all chosen models of what the part shows, and always the numbers of each image."""
    found = settings.compared(entries, state)
    if not found:
        return []
    of, part, made = " | ".join(one.name for one in found), state.get("compare") or "Planes", []
    of = of if len(of) < 60 else f"the {len(found)} models"
    alike = [one for one in found if one.data == found[0].data and library.ready(one)]
    if part == "Planes" and alike:
        made.append(table(of, "Planes", partial(on_planes, alike)))
    if part == "Pictures":
        made.append(arrays(of, "Pictures", partial(pictures, found, alike, state)))
    if part == "Units":
        made.append(table(of, "Units", partial(units, [one for one in found if library.ready(one)])))
    if any(settings.evaluated(one, number) for one in found for number in NUMBERS.values()):
        made.append(table(of, "Numbers by image", partial(numbers, found)))
    return made


def numbers(entries: list[Entry]) -> dict:
    """A row for each test image of the first model's data: the models' numbers, and their differences to the first's.

    In nats; empty where a model was not evaluated on the image. Differences are only of numbers that compare.
    """
    from latents.evaluation import evenly
    from latents.folder import ModelFolder

    first = entries[0]
    total = len(library.images(first).gray)
    known: dict[tuple[str, str], np.ndarray] = {}
    rows: dict[str, Any] = dict(of_images(first))
    for entry in entries:
        found = ModelFolder(entry.path).evaluation() if entry.data == first.data else {}
        for title, number in NUMBERS.items():
            if number not in found:
                continue
            value = np.full(total, np.nan)
            value[evenly(total, len(found[number]))] = found[number]
            known[entry.name, number] = value
            rows[f"{title} of {entry.name}"] = _blank(value)
    for entry in entries[1:]:
        for title, number in NUMBERS.items():
            both = (entry.name, number), (first.name, number)
            if all(one in known for one in both) and not isinstance(pairs.difference(entry, first, number), str):
                rows[f"{title} of {entry.name} - {first.name}"] = _blank(known[both[0]] - known[both[1]])
    return rows


def _blank(values: np.ndarray) -> list:
    """The numbers, with None where there are none."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def all_results(entries: list[Entry], state: State) -> list[File]:
    """The numbers of the whole library: the page shows no model by itself."""

    def make() -> bytes:
        return results.csv_bytes(results.tables(library.whole()))

    return [File("the library", "All results", "CSV", "text/csv", make)]


def on_planes(entries: list[Entry]) -> dict:
    """A row for each test image: its class, and its place on each model's plane."""
    rows = dict(of_images(entries[0]))
    for entry in entries:
        layout = planes.of(entry, "PCA") if planes.kinds(entry) else None
        if layout is not None:
            rows |= {f"{entry.name} across": layout.points[:, 0], f"{entry.name} up": layout.points[:, 1]}
    return rows


def pictures(entries: list[Entry], alike: list[Entry], state: State) -> dict[str, np.ndarray]:
    """The test images, and each model's reconstructions of them and samples, uint8 [n, C, H, W]."""
    test, seed = library.images(entries[0]), settings.number(state, "seed")
    first = min(settings.number(state, "image"), len(test.gray) - 1)
    who = (first + np.arange(min(SAMPLES, len(test.gray)))) % len(test.gray)
    found = {"test_images": who, "images": test.gray[who]}
    for entry in alike:
        if library.why_not(entry, "decode") is None:
            found[f"{entry.name} reconstructed"] = library.decode(entry, library.encoding(entry).points[who])
    for entry in entries:
        if library.why_not(entry, "sample") is None:
            found[f"{entry.name} sampled"] = draws.from_prior(entry, seed, len(who)).pictures
    return found


def units(entries: list[Entry]) -> dict:
    """A row for each unit of each model: variance of its mean, and its KL in nats where that was measured."""
    rows: dict[str, list] = {"model": [], "unit": [], "variance of its mean": [], "KL in nats": []}
    for entry in entries:
        if library.why_not(entry, "units") is not None:
            continue
        names, kl = naming.units(usage.layers(entry)), unit_numbers.kl(entry)
        rows["model"] += [entry.name] * len(names)
        rows["unit"] += names
        rows["variance of its mean"] += unit_numbers.variances(entry).tolist()
        rows["KL in nats"] += [None] * len(names) if kl is None else kl.tolist()
    return rows
