"""Where a model trains: Lightning Fabric's accelerator, devices, nodes and strategy, with errors that are sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen, TimeoutExpired

from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from .errors import TrainingError

STRATEGIES = ("auto", "ddp")
_GRACE = 10.0  # seconds for the other processes to end by themselves


def fabric(accelerator: str = "auto", devices: int | str = 1, nodes: int = 1, strategy: str = "auto") -> Fabric:
    """The Fabric to train on. Raises TrainingError when there is no such thing on this machine."""
    if strategy not in STRATEGIES:
        raise TrainingError(f"there is no strategy {strategy!r}; give one of {', '.join(STRATEGIES)}")
    count = _count(devices)
    if nodes < 1:
        raise TrainingError(f"nodes is {nodes}, but a model trains on at least 1; give 1 or more")
    several = count != 1 or nodes > 1 or strategy == "ddp"
    # A later stage moves a part of the model only, and a loss need not use all of it: what is unused is looked for.
    chosen = DDPStrategy(find_unused_parameters=True) if several else "auto"
    try:
        return Fabric(accelerator=accelerator, devices=count, num_nodes=nodes, strategy=chosen, precision="32-true")
    except Exception as error:  # its own kinds of error, and several of Python's
        if count == 1:
            raise TrainingError(f"there is no accelerator {accelerator!r} on this machine; give auto or cpu") from None
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise TrainingError(
            f"cannot train on {count} devices of accelerator {accelerator!r} ({reason}); give fewer --devices"
        ) from None


def _count(devices: int | str) -> int | str:
    if devices == "auto":
        return "auto"
    try:
        count = int(devices)
    except ValueError:
        count = 0
    if count < 1:
        raise TrainingError(f"devices is {devices!r}, but a model trains on 1 or more; give a number, or auto for all")
    return count


@contextmanager
def launch(fabric: Fabric) -> Iterator[None]:
    """Start the other processes, which run this same command; none of them outlives the block."""
    if fabric.world_size == 1:
        yield
        return
    fabric.launch()
    try:
        yield
    finally:
        for process in getattr(fabric.strategy.launcher, "procs", []):
            _end(process)


def _end(process: Popen) -> None:
    try:
        process.wait(_GRACE)
    except TimeoutExpired:
        process.kill()
        process.wait()
