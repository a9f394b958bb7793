"""Rows of a run's history: what is measured after each epoch, and how it is written and said."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .diagnostics import THRESHOLD, encode_all, kl_per_unit
from .models import Model

_IMAGES = 500  # of the validation split, for units (Burda et al. 2016 use as many)


def units(model: Model, valid: Tensor) -> dict[str, float]:
    """What each unit does on some validation images: columns of a row. For models that have units."""
    x = valid[:_IMAGES]
    variances, kl = encode_all(model, x)[0].var(0, correction=0), kl_per_unit(model, x)
    found: dict[str, float] = {"active_units": int((variances > THRESHOLD).sum())}
    found |= {f"variance_{unit}": float(value) for unit, value in enumerate(variances)}
    return found | ({} if kl is None else {f"kl_{unit}": float(value) for unit, value in enumerate(kl)})


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """The row as it is written: numbers with seven digits."""
    return {name: f"{value:.7g}" if isinstance(value, float) else value for name, value in row.items()}


def line(row: dict[str, Any]) -> str:
    """The row in a line of the log."""
    said = [
        f"{words} {float(row[name]):.2f}"
        for name, words in (
            ("train_elbo", "train ELBO"),
            ("valid_elbo", "validation ELBO"),
            ("valid_kl", "KL"),
            ("valid_log_likelihood", "validation log-likelihood"),
            ("valid_loss", "validation loss"),
        )
        if name in row
    ]
    if "active_units" in row:
        said.append(f"{row['active_units']} active units")
    said.append(f"{float(row['seconds']):.0f} s")
    return f"epoch {row['epoch']}: {', '.join(said)}"
