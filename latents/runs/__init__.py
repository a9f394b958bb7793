"""Runs: model folders that are being written, each by a process of its own.

A run survives whoever started it: its process has a session of its own, its state is on the disk, and what is said
of it is read from there. Nothing here imports torch.
"""

from ..errors import RunError
from . import following
from .actions import go_on, kill, launch, limit, pace, pause, prolong, rename, resume, set_limit, step, stop
from .commands import command
from .listing import at, default_root, find, get
from .options import HERE, Options
from .run import FAILED, FINISHED, LIVE, LOST, PAUSED, QUEUED, RUNNING, STATES, STOPPED, STOPPING, Run
from .trash import Trashed, restore, trash, trashed

__all__ = [
    "FAILED",
    "FINISHED",
    "HERE",
    "LIVE",
    "LOST",
    "PAUSED",
    "QUEUED",
    "RUNNING",
    "STATES",
    "STOPPED",
    "STOPPING",
    "Options",
    "Run",
    "RunError",
    "Trashed",
    "at",
    "command",
    "default_root",
    "find",
    "following",
    "get",
    "go_on",
    "kill",
    "launch",
    "limit",
    "pace",
    "pause",
    "prolong",
    "rename",
    "restore",
    "resume",
    "set_limit",
    "step",
    "stop",
    "trash",
    "trashed",
]
