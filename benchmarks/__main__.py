"""All claims as one table: `python -m benchmarks`, or some of them: `python -m benchmarks likelihood startup`."""

from __future__ import annotations

import sys

import torch

from . import canvas, convolutions, crowd, globe, hierarchy, likelihood, pages, pixelcnn, sphere, startup, training_step
from .timing import show

SCRIPTS = {
    "training_step": training_step,
    "hierarchy": hierarchy,
    "likelihood": likelihood,
    "sphere": sphere,
    "pixelcnn": pixelcnn,
    "convolutions": convolutions,
    "startup": startup,
    "canvas": canvas,
    "globe": globe,
    "pages": pages,
    "crowd": crowd,
}

torch.set_num_threads(1)
unknown = set(sys.argv[1:]) - set(SCRIPTS)
if unknown:
    sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
show(claim for name in sys.argv[1:] or SCRIPTS for claim in SCRIPTS[name].all_claims())
