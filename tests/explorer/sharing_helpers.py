"""What the tests of the menu share: lines that run in a folder of their own, beside the trained models."""

from __future__ import annotations

from typing import Any

import numpy as np

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
