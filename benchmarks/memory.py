"""Memory that a log-likelihood takes, in its own process: `python -m benchmarks.memory PRIOR SAMPLES IMAGES`."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import psutil
import torch

from . import subjects

_MEGABYTE = 1 << 20


def peak(prior: str, samples: int, images: int) -> tuple[float, float]:
    """Megabytes of a fresh process at its peak, and what it had before it began to estimate."""
    command = [sys.executable, "-m", "benchmarks.memory", prior, str(samples), str(images)]
    root = Path(__file__).parents[1]
    printed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    whole, before = map(float, printed.split())
    return whole, before


def peak_of_this_process() -> float:
    """Megabytes. Linux hands ru_maxrss down from the parent, so its own record of the peak is read there."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / _MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE  # bytes on macOS


if __name__ == "__main__":
    torch.set_num_threads(1)
    prior, samples, images = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    model, x = subjects.trained(prior), subjects.images()[:images]
    before = psutil.Process().memory_info().rss
    model.log_likelihood(x, samples)
    print(peak_of_this_process(), before / _MEGABYTE)
