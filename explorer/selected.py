"""What is known of a selection of test images under a model, and the file that keeps it."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np

from explorer import image_numbers, library, naming, usage, words
from explorer.charts import images
from explorer.charts.region import class_name
from explorer.library import Entry

FEW = 2
"""Units that are spelled out."""
PICTURES = 2000
"""Images whose pictures are put into a file at most; its table has all of them."""


def elbo_words(entry: Entry, chosen: tuple[int, ...]) -> str:
    """Their mean ELBO against that of all test images, with standard errors; "" where the model has none."""
    found = image_numbers.of(entry).elbo
    if found is None:
        return ""
    return f"mean ELBO {_mean(found[list(chosen)])} nats; of all {len(found):,} {_mean(found)} nats"


def posterior_words(entry: Entry, i: int) -> str:
    """What q(z|x) of image i is: its units with their standard deviations, few of them, and its terms of the ELBO."""
    encoding = library.encoding(entry)
    parts = []
    if encoding.stddev is not None and library.why_not(entry, "units") is None:
        names = naming.units(usage.layers(entry))
        order = np.argsort(-encoding.points.var(axis=0), kind="stable")[:FEW]
        spoken = (
            f"{naming.symbol(names[u])} = {encoding.points[i, u]:.2f} ± {encoding.stddev[i, u]:.2f}"
            for u in sorted(order)
        )
        rest = encoding.points.shape[1] - len(order)
        parts.append("q(z|x): " + ", ".join(spoken) + (f" and {rest} more" if rest > 0 else ""))
    if image_numbers.ready(entry):
        numbers = image_numbers.of(entry)
        if numbers.elbo is not None and numbers.error is not None and numbers.kl is not None:
            terms = f"error {numbers.error[i]:.1f}, KL {numbers.kl[i]:.1f}"
            parts.append(f"ELBO {numbers.elbo[i]:.1f} nats ({terms})")
    return words.minus("; ".join(parts))


def _mean(values: np.ndarray) -> str:
    """`−138.2 ± 0.4`: the mean and its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return words.minus(f"{values.mean():.1f} ± {error:.1f}")


def archive(entries: list[Entry], chosen: tuple[int, ...]) -> bytes:
    """A zip: `selection.csv` with a row for each image, and of each image, for up to 2,000 of them, a PNG.

    Each model's columns begin with its name: the point of q(z|x), and ELBO, error and KL where there are any.
    """
    test = library.images(entries[0])
    columns: dict[str, list] = {"image": list(chosen)}
    if test.labels is not None:
        columns["class"] = [class_name(int(test.labels[i]), test.class_names) for i in chosen]
    for entry in entries:
        columns |= _columns(entry, chosen)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        file.writestr("selection.csv", table.getvalue())
        file.writestr("about.txt", _about(entries, chosen))
        for i in chosen[:PICTURES]:
            file.writestr(f"images/{i:05d}.png", images.image_png(test.gray[i], 1))
    return out.getvalue()


def _columns(entry: Entry, chosen: tuple[int, ...]) -> dict[str, list]:
    places = np.array(chosen)
    z, numbers = library.encoding(entry).points[places], image_numbers.of(entry)
    units = library.why_not(entry, "units") is None
    names = naming.units(usage.layers(entry)) if units else [str(i + 1) for i in range(z.shape[1])]
    found = {f"{entry.name} z{name}": z[:, i].tolist() for i, name in enumerate(names)}
    measured = {
        "ELBO (nats)": numbers.elbo,
        f"error ({numbers.error_unit})": numbers.error,
        "KL (nats)": numbers.kl,
    }
    return found | {
        f"{entry.name} {name}": value[places].tolist() for name, value in measured.items() if value is not None
    }


def _about(entries: list[Entry], chosen: tuple[int, ...]) -> str:
    test = library.images(entries[0])
    lines = [
        f"{len(chosen):,} of: {test.provenance}",
        "image: the place in the test set, counted from 0; the pictures are named by it",
        *(f"{entry.name}: z is the {library.point_words(entry)}" for entry in entries),
    ]
    if len(chosen) > PICTURES:
        lines.append(f"Pictures of the first {PICTURES:,} only; the table has all of them.")
    return "\n".join(lines) + "\n"
