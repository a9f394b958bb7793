"""The numbers of several models in words, a column for each: what they are, what they cost, and how they differ."""

from __future__ import annotations

from explorer import library, pairs, speed, words
from explorer.library import Entry


def table(entries: list[Entry]) -> dict[str, list[str]]:
    """A row for each quantity, a column for each model."""
    rows = {
        "Model": lambda entry: f"{entry.family}: {entry.parts_title}",
        "Latent space": lambda entry: entry.space_title,
        "Likelihood": likelihood_kind,
        "log p(x)": log_likelihood,
        "Difference": lambda entry: difference(entry, entries[0], "log_likelihood"),
        "ELBO": elbo,
        "Difference of ELBO": lambda entry: difference(entry, entries[0], "elbo"),
        "Active units": lambda entry: words.active_units(entry.metrics) or "—",
        "Training": training,
        "Sampling": sampling,
    }
    return {"": [f"**{name}**" for name in rows]} | {
        entry.name: [escaped(row(entry)) for row in rows.values()] for entry in entries
    }


def escaped(text: str) -> str:
    """Text for a cell, which is Markdown."""
    return text.replace("|", "\\|").replace("*", "\\*")


def likelihood_kind(entry: Entry) -> str:
    """Exact, a bound, or none: of what, and how it was had."""
    found = entry.metrics.get("log_likelihood")
    if not isinstance(found, dict):
        return "none" if entry.metrics.get("no_likelihood") else "not measured yet"
    kind = {
        "exact": "exact",
        "bound": "lower bound",
        "importance": f"importance sampling, {words.count(found.get('samples') or 0, 'sample')}",
    }.get(str(found.get("estimator")), str(found.get("estimator")))
    return f"{kind}; {found.get('measure')}"


def log_likelihood(entry: Entry) -> str:
    said = words.log_likelihood(entry.metrics)
    if said is None:
        return "—"
    images_measured = entry.metrics["log_likelihood"].get("images")
    return f"{said}, {words.count(images_measured, 'image')}" if isinstance(images_measured, int) else said


def elbo(entry: Entry) -> str:
    found = entry.metrics.get("elbo")
    if not isinstance(found, dict) or found.get("value") is None:
        return "—"
    return words.with_error(found["value"], found.get("standard_error"), found.get("unit", "nats"))


def difference(entry: Entry, first: Entry, number: pairs.Number) -> str:
    if entry.name == first.name:
        return "the first"
    found = pairs.difference(entry, first, number)
    if isinstance(found, str):
        return "does not compare"
    sign = "+" if found.value > 0 else ""
    return f"{sign}{words.with_error(found.value, found.error)}, {words.count(found.images, 'pair')}"


def training(entry: Entry) -> str:
    found = entry.metrics.get("training")
    if not isinstance(found, dict) or not isinstance(found.get("seconds"), int | float):
        return "—"
    seconds = found["seconds"]
    lasted = f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.1f} s"
    epochs, parameters = found.get("epochs"), found.get("parameters")
    more = [words.count(epochs, "epoch")] if isinstance(epochs, int) else []
    more += [words.count(parameters, "parameter")] if isinstance(parameters, int) else []
    return ", ".join([lasted, *more])


def sampling(entry: Entry) -> str:
    if library.why_not(entry, "sample") is not None:
        return "does not sample"
    found = speed.known(entry)
    if found is None:
        return "not measured yet"
    return f"{found.per_second:,.0f} pictures/s ({words.number(1000 * found.seconds, 1)} ms for {found.pictures})"
