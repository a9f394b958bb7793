"""TensorBoard's event files: a history's numbers and the pictures of snapshots, in `tensorboard/` of the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from .errors import TrainingError
from .folder import ModelFolder

LOGS = ("tensorboard",)
FOLDER = "tensorboard"

_PICTURES = {
    "samples": "samples from the prior",
    "reconstructions": "reconstructions of test images",
    "pseudo_pictures": "pseudo-inputs",
}


def check_logs(names: Sequence[str]) -> None:
    """Raise TrainingError when something is asked for that cannot be written here."""
    for name in names:
        if name not in LOGS:
            raise TrainingError(f"there is no log {name!r}; give {', '.join(LOGS)}, or none")
        if find_spec("tensorboard") is None:
            raise TrainingError(
                "the log 'tensorboard' needs the package tensorboard: pip install 'latent-explorer[tensorboard]'"
            )


def open_logs(names: Sequence[str], folder: ModelFolder, epoch: int) -> list[EventFiles]:
    """What a run that goes on after `epoch` epochs writes besides its history."""
    return [EventFiles(folder, epoch) for _ in names]


class EventFiles:
    """Writes the events of one run.

    Args:
        folder: of the run.
        epoch: after which it begins; later events of an earlier process are hidden.
    """

    def __init__(self, folder: ModelFolder, epoch: int):
        from torch.utils.tensorboard import SummaryWriter  # takes a second, and is an optional extra

        self._writer: Any = SummaryWriter(str(folder.path / FOLDER), purge_step=epoch + 1 if epoch else None)

    def row(self, row: Mapping[str, Any]) -> None:
        """The numbers of a row of the history, at its epoch."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name not in ("epoch", "stage"):
                self._writer.add_scalar(tag(name), float(value), epoch)
        self._writer.flush()

    def pictures(self, epoch: int, state: Mapping[str, Tensor]) -> None:
        """The pictures of a snapshot, uint8 `[N, C, H, W]` each."""
        for name, words in _PICTURES.items():
            if name in state:
                self._writer.add_images(words, state[name], epoch)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def tag(column: str) -> str:
    """TensorBoard's name of a column, grouped by what stands before the slash. Units are counted from one."""
    kind, _, rest = column.partition("_")
    if kind in ("train", "valid"):
        return f"{'validation' if kind == 'valid' else kind}/{rest}"
    if kind in ("variance", "kl") and rest.isdigit():
        return f"{'variance of the mean' if kind == 'variance' else 'KL in nats'}/unit {int(rest) + 1}"
    return f"run/{column}"
