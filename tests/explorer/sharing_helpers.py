"""What the tests of the menu share: lines that run in a folder of their own, beside the trained models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explorer import ROOT, draws, library, usage
from explorer.library import Entry
from explorer.sharing import scripts


def warmed(page: str, *names: str) -> list[Entry]:
    """The models, as a page leaves them that has drawn them."""
    found = {entry.name: entry for entry in library.whole()}
    entries = [found[name] for name in names]
    for entry in entries:
        if library.why_not(entry, "encode") is None:
            library.encoding(entry)
        draws._mark(entry)
        if page == "pseudo_inputs":
            usage.of(entry)
    return entries


def written(page: str, *names: str, **state: Any) -> dict[str, str]:
    """The lines of a page for each model, by its name; "" for those of all models."""
    return {made.name: made.text for made in scripts.of(page, warmed(page, *names), state)}


def ran(text: str, folder, monkeypatch) -> dict[str, Any]:
    """What lines leave behind when they run in this folder."""
    if not (folder / "trained").exists():
        (folder / "trained").symlink_to(ROOT / "trained")
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(compile(text, "lines", "exec"), found)
    return found


def same_pictures(found: Any, shown: np.ndarray) -> None:
    """Pictures in [0, 1] are those that a page shows as bytes."""
    found = np.asarray(found)
    assert found.reshape(shown.shape).shape == shown.shape
    apart = np.abs(np.clip(found.reshape(shown.shape), 0, 1) * 255 - shown.astype(float))
    assert apart.max() <= 1
    assert shown.std() > 0


def runner(folder, monkeypatch) -> Callable[..., tuple[Entry, dict[str, Any]]]:
    """Writes the lines of a page for one model, runs them, and gives the model and what they leave behind."""

    def run(page: str, name: str, **state: Any) -> tuple[Entry, dict[str, Any]]:
        [entry] = warmed(page, name)
        found = written(page, name, **state)
        return entry, ran(found.get(name) or found[""], folder, monkeypatch)

    return run


def first_quick(names: str | tuple[str, ...], cases: list) -> pytest.MarkDecorator:
    """All cases, of which all but the first wait for the slow tests."""
    several = isinstance(names, tuple)
    rest = [pytest.param(*(one if several else (one,)), marks=pytest.mark.slow) for one in cases[1:]]
    return pytest.mark.parametrize(names, [cases[0], *rest])
