"""Maps of a model (UMAP, t-SNE), computed once in a process of its own: started here, watched by the page, cached."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from explorer import access
from explorer.library import Entry, Stamp


@dataclass
class Job:
    """A running `latents project`: what it has printed so far, and how it ended."""

    process: subprocess.Popen
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        return not self.running and self.process.returncode != 0

    def last_line(self) -> str:
        """The latest sentence of the process, such as `2 of 3: PCA`."""
        lines = [line for line in self.log.read_text("utf-8").splitlines() if line.strip()]
        return lines[-1] if lines else "starting"


@st.cache_resource(show_spinner=False)
def _jobs() -> dict[tuple[Path, Stamp, str], Job]:
    """The jobs of this server, for all sessions: two visitors who ask for the same map share one process."""
    return {}


def find(entry: Entry, method: str = "umap") -> Job | None:
    """The job of this model as it now is and this method of `latents project`, running or ended."""
    return _jobs().get((entry.path, entry.stamp, method))


def start(entry: Entry, method: str = "umap") -> Job:
    """Start the process for this model, unless it runs already. The map goes to the user's cache.

    Raises:
        ReadOnlyError: the app is read-only. Nothing shared would change, but any visitor could keep a machine busy.
    """
    access.refuse_if_read_only("compute maps")
    job = find(entry, method)
    if job is None or job.failed:
        log = Path(tempfile.mkdtemp(prefix="latent-explorer-")) / "project.log"
        command = [sys.executable, "-m", "latents", "project", str(entry.path), "--cache", "--method", method]
        with log.open("w", encoding="utf-8") as printed:
            process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True)
        job = _jobs()[entry.path, entry.stamp, method] = Job(process, log)
    return job


@st.fragment(run_every=1)
def progress(entry: Entry, method: str = "umap") -> None:
    """Says what the process is doing; draws the page again when the map is there."""
    job = find(entry, method)
    if job is None:
        return
    if job.running:
        step = job.last_line()
        done = int(step[0]) - 1 if step[:1].isdigit() else 0
        st.progress(done / 3, text=f"{entry.name}: {step}")
    elif job.failed:
        st.error(f"The map ({method}) of {entry.name} failed: {job.last_line()}", icon=":material/error:")
    else:  # the map is there; or the model was trained on meanwhile, and the page offers to compute it again
        _jobs().pop((entry.path, entry.stamp, method), None)
        st.rerun()
