"""How a run was launched: `launch.json` in its folder, written by whoever launches, never by the run itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import RunError
from . import records
from .processes import this_host

HERE = "here"
"""The launcher that is this machine."""

CARRIED = ("LATENTS_DATA", "OMP_NUM_THREADS")
"""What goes with a run of the environment of whoever launches: the process that starts it may have another one."""


@dataclass(frozen=True)
class Options:
    """What a run trains on; it changes nothing of what it learns, so it is not part of the recipe.

    accelerator, devices, nodes, strategy: as Fabric's. log: what is written beside history.csv ("tensorboard").
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("devices", "nodes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RunError(f"{name} is a whole number of at least 1, but {value!r} was given")
        object.__setattr__(self, "log", tuple(self.log))

    @classmethod
    def of(cls, given: Any) -> Options:
        """From JSON; what is missing, unknown or no option is left at its default."""
        if not isinstance(given, Mapping):
            return cls()
        try:
            return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})
        except (RunError, TypeError):
            return cls()


def begin(folder: Path, where: str, options: Options, **more: Any) -> None:
    """Write launch.json for a run that is about to be queued. Raises OSError."""
    before, _ = records.read(folder / records.LAUNCH)
    records.write(
        folder / records.LAUNCH,
        {
            "where": where,
            "host": this_host(),
            "options": asdict(options),
            "created": before.get("created") or datetime.now(UTC).isoformat(),
            "cwd": os.getcwd(),
            "environment": {name: os.environ[name] for name in CARRIED if name in os.environ},
            "job": None,
            "task": None,
            **more,
        },
    )


def change(folder: Path, **changes: Any) -> None:
    """Change some fields of launch.json and keep the rest. Raises OSError."""
    before, _ = records.read(folder / records.LAUNCH)
    records.write(folder / records.LAUNCH, {**before, **changes})


def read(folder: Path) -> dict[str, Any]:
    """launch.json; {} for a run that was trained by hand."""
    return records.read(folder / records.LAUNCH)[0]
