"""Numbers as the pages write them: a real minus, an error, a unit."""

from __future__ import annotations

import math
import re
from typing import Any

MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int = 2) -> str:
    """`-138.214` as `−138.21`."""
    return f"{value:,.{digits}f}".replace("-", MINUS)


def minus(text: str) -> str:
    """The text with real minus signs before its numbers."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def with_error(value: float, error: float | None, unit: str = "nats", digits: int = 2) -> str:
    """`−138.21 ± 0.42 nats`; without an error where none is known."""
    spread = "" if error is None else f" ± {number(error, digits)}"
    return f"{number(value, digits)}{spread} {unit}"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `10,000 images`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def log_likelihood(metrics: dict[str, Any]) -> str | None:
    """The test log-likelihood of metrics.json with its standard error, or None where it was not measured.

    A bound is marked by ≥. A density's unit says so: it does not compare with the probability of a picture.
    """
    found = metrics.get("log_likelihood")
    if not isinstance(found, dict) or found.get("value") is None:
        return None
    unit = found.get("unit", "nats")
    if str(found.get("measure", "")).startswith("density"):
        unit += " (density)"
    bound = "≥ " if found.get("estimator") == "bound" else ""
    return bound + with_error(found["value"], found.get("standard_error"), unit)


def unmeasured(metrics: dict[str, Any]) -> str:
    """What to say where neither likelihood nor units are known: not measured, or there is nothing to measure."""
    return "no likelihood" if metrics.get("no_likelihood") else "not measured yet"


def comparison(metrics: dict[str, Any], other: str) -> str | None:
    """`0.57 ± 0.15 nats better than mnist-standard-2d`, from the paired comparison in metrics.json, or None."""
    for found in metrics.get("comparisons") or []:
        if found.get("with") == other:
            by = with_error(abs(found["difference"]), found.get("standard_error"), found.get("unit", "nats"))
            return f"{by} {'better' if found['difference'] >= 0 else 'worse'} than {other}"
    return None


def active_units(metrics: dict[str, Any]) -> str | None:
    """`2 of 2` active units from metrics.json, or None where they were not counted."""
    units = metrics.get("units")
    if not isinstance(units, dict) or units.get("active") is None:
        return None
    return f"{units['active']} of {units['total']}"


def likelihood_provenance(metrics: dict[str, Any]) -> str | None:
    """How the log-likelihood was measured: `importance sampling, 500 samples`; with the images if not all."""
    found = metrics.get("log_likelihood")
    if not isinstance(found, dict):
        return None
    estimator = "importance sampling" if found.get("estimator") == "importance" else found.get("estimator")
    samples = count(found["samples"], "sample") if found.get("samples") else None
    return ", ".join(part for part in (estimator, samples) if part)


def subscript(n: int) -> str:
    """12 as ₁₂."""
    return "".join(chr(0x2080 + int(digit)) for digit in str(n))


def numbers(typed: str) -> list[float]:
    """The finite numbers of `0.5, −1.2`, with commas, semicolons or blanks between them.

    Raises ValueError where something else stands there.
    """
    found = [float(part) for part in typed.replace(MINUS, "-").replace(",", " ").replace(";", " ").split()]
    if not all(math.isfinite(value) for value in found):
        raise ValueError("not finite")
    return found


def duration(seconds: float) -> str:
    """`40 ms`, `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 days`."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"


def size(number: float) -> str:
    """Bytes as `0.4 GB`, `120 MB`."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{max(1, round(number / 1e6))} MB"
