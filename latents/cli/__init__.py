"""`latents`: train, evaluate, diagnose, list and show models from the command line.

A module for each group of commands; importing them is what adds the commands to the application.
"""

from . import estimate, evaluate, library, runs, sweep, train
from .app import console, main
from .library import default_roots
from .train import stopping, watching

__all__ = [
    "console",
    "default_roots",
    "estimate",
    "evaluate",
    "library",
    "main",
    "runs",
    "stopping",
    "sweep",
    "train",
    "watching",
]
