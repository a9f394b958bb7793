"""How long an epoch of a recipe takes on this machine, and how much memory: measured on a few steps, in a process of
its own (`latents estimate RECIPE --json`). A recipe that was measured is not measured again while the app runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import access


@dataclass
class Measurement:
    """A running or ended `latents estimate`: what it found, or why it could not."""

    process: subprocess.Popen
    folder: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def found(self) -> dict[str, Any] | None:
        """The JSON that the process printed; None while it runs and where it failed."""
        if self.running or self.process.returncode != 0:
            return None
        try:
            return json.loads((self.folder / "found.json").read_text("utf-8"))
        except ValueError:
            return None

    @property
    def problem(self) -> str:
        """Why there is nothing: the last line of what the process complained of."""
        lines = [line for line in (self.folder / "said.txt").read_text("utf-8").splitlines() if line.strip()]
        return lines[-1].removeprefix("error: ") if lines else "the measurement ended without a word"


@st.cache_resource(show_spinner=False, max_entries=1)
def _measurements() -> dict[str, Measurement]:
    """By recipe, for all sessions: two visitors who ask for the same share a process."""
    return {}


def _key(document: dict[str, Any]) -> str:
    """What an epoch costs hangs on neither the name nor the number of epochs."""
    kept = {name: value for name, value in document.items() if name not in ("name", "description", "seed")}
    training = {name: value for name, value in document["training"].items() if name != "epochs"}
    return json.dumps(kept | {"training": training}, sort_keys=True)


def find(document: dict[str, Any]) -> Measurement | None:
    """The measurement of this recipe (as JSON), running or ended."""
    return _measurements().get(_key(document))


def start(document: dict[str, Any]) -> Measurement:
    """Measure, unless that goes on already. A measurement that failed is tried again.

    Raises:
        ReadOnlyError: the app is read-only.
    """
    access.refuse_if_read_only("measure recipes")
    known = find(document)
    if known is not None and (known.running or known.found is not None):
        return known
    folder = Path(tempfile.mkdtemp(prefix="latent-explorer-"))
    (folder / "recipe.json").write_text(json.dumps(document), "utf-8")
    command = [sys.executable, "-m", "latents", "estimate", str(folder / "recipe.json"), "--json"]
    with open(folder / "found.json", "w") as found, open(folder / "said.txt", "w") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=found, stderr=said, start_new_session=True, cwd=folder
        )
    measurement = _measurements()[_key(document)] = Measurement(process, folder)
    return measurement
