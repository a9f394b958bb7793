"""The model folder: one format for a finished model and for a run that is still writing it.

Files are written whole and renamed into place (the history is appended), so that a reader never sees half a
file and a killed process never spoils a folder. A folder from elsewhere is data, never code: safetensors and
validated JSON only.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import save as tensors_to_bytes

from .errors import FolderError, LatentsError, RecipeError
from .files import write_whole
from .models import Model, build
from .randomness import seeded
from .recipe import Recipe

CONFIG, WEIGHTS, METRICS, HISTORY = "config.json", "model.safetensors", "metrics.json", "history.csv"
SNAPSHOTS, PROJECTIONS, EVALUATION = "snapshots.safetensors", "projections.safetensors", "evaluation.safetensors"
STATUS, LOG, CARD, CHECKPOINT = "status.json", "log.txt", "README.md", "checkpoint/state.pt"


def find(root: Path | str) -> list[Path]:
    """The model folders directly under `root`, by name; hidden ones (`.trash`) are none."""
    root = Path(root)
    return sorted(path.parent for path in root.glob(f"[!.]*/{CONFIG}")) if root.is_dir() else []


class ModelFolder:
    """A model folder, read lazily. Every reader raises FolderError with one sentence that names the file."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not (self.path / CONFIG).is_file():
            raise FolderError(
                f"{self.path} is not a model folder: it has no {CONFIG}; `latents list` shows the folders that are"
            )

    @property
    def name(self) -> str:
        return self.path.name

    # -- reading --

    @cached_property
    def recipe(self) -> Recipe:
        """What the run is. Raises FolderError when config.json is damaged or not a recipe."""
        try:
            return Recipe.parse(self._json(CONFIG))
        except RecipeError as error:
            raise FolderError(f"{self.path / CONFIG} is not a valid recipe: {error}") from None

    @property
    def metrics(self) -> dict[str, Any]:
        """Every reported number with its provenance; empty when none was written yet."""
        return self._json(METRICS) if (self.path / METRICS).is_file() else {}

    @property
    def status(self) -> dict[str, Any]:
        return self._json(STATUS) if (self.path / STATUS).is_file() else {}

    def history(self) -> dict[str, np.ndarray]:
        """The columns of history.csv: numbers, or text where a column is not numeric."""
        path = self.path / HISTORY
        if not path.is_file():
            return {}
        rows = list(csv.reader(self._history_lines()))
        if not rows:
            return {}
        header, body = rows[0], rows[1:]
        if any(len(row) != len(header) for row in body):
            raise FolderError(f"{path} has a row that does not fit its {len(header)} columns; delete that row")
        return {name: _column([row[place] for row in body]) for place, name in enumerate(header)}

    def _history_lines(self) -> list[str]:
        """The lines of history.csv that are whole: a run may be writing the last one."""
        path = self.path / HISTORY
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FolderError(f"cannot read {path} ({error}); copy it again or delete it") from None
        return text[: text.rfind("\n") + 1].splitlines(keepends=True)

    def snapshots(self) -> dict[str, np.ndarray]:
        """What the time scrubber plays; see `latents.snapshots`. Empty when there are none."""
        return self._arrays(SNAPSHOTS)

    def projections(self) -> dict[str, np.ndarray]:
        """PCA and UMAP of the encoded test images; see `latents.projection`. Empty when there are none."""
        return self._arrays(PROJECTIONS)

    def evaluation(self) -> dict[str, np.ndarray]:
        """Per-image numbers behind metrics.json, such as "log_likelihood" [N]. Empty when there are none."""
        return self._arrays(EVALUATION)

    def load(self, device: torch.device | str = "cpu") -> Model:
        """The model with its weights, in eval mode. Raises FolderError when they are missing or do not fit."""
        path = self.path / WEIGHTS
        if not path.is_file():
            state = self.status.get("state", "unknown")
            raise FolderError(f"{self.path} has no {WEIGHTS} (its state is {state}); train it, or copy the file again")
        try:
            with safe_open(path, framework="pt") as file:
                shape = tuple(json.loads((file.metadata() or {}).get("shape", "null")) or ())
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise FolderError(f"{path} is damaged ({error}); copy it again or train the model again") from None
        if len(shape) != 3 or not all(isinstance(size, int) and 0 < size <= 4096 for size in shape):
            raise FolderError(
                f"{path} does not say its image shape [C, H, W] in its metadata; it is not of this format"
            )
        # A recipe from elsewhere may ask for any amount of memory. One that asks for more than the weights hold is
        # built without any first (on the meta device, which costs a second to import: not for others).
        for place in ("meta", "cpu") if _greedy(self.recipe, weights) else ("cpu",):
            try:
                with torch.device(place), seeded(0):  # fresh weights are replaced: nobody's random numbers are used up
                    model = build(self.recipe, shape)
                fault = _misfit(model, weights)
            except (RuntimeError, NotImplementedError) as error:  # some parts cannot be built without memory
                fault = f"a model of its sizes cannot be built ({str(error).splitlines()[0]})"
            if fault:
                raise FolderError(
                    f"{path} does not fit the recipe beside it: {fault}; the two files are of different models"
                )
        model.load_state_dict(weights)
        try:
            return model.to(device).eval()
        except (RuntimeError, AssertionError):  # what torch raises for a device that it does not know or has not
            raise LatentsError(f"the device {str(device)!r} cannot be used on this machine; give cpu") from None

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise FolderError(f"cannot read {path} ({error}); copy it again or train the model again") from None
        if not isinstance(content, dict):
            raise FolderError(f"{path} holds a {type(content).__name__}, but a JSON object was expected")
        return content

    def _arrays(self, name: str) -> dict[str, np.ndarray]:
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            return load_arrays(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise FolderError(f"{path} is damaged ({error}); copy it again, or delete it") from None

    # -- writing --

    @classmethod
    def create(cls, path: Path | str, recipe: Recipe) -> ModelFolder:
        """Begin a folder. Raises FolderError when it already holds a model or cannot be written."""
        path = Path(path)
        if (path / CONFIG).exists():
            raise FolderError(
                f"{path} already holds a model; give another --out, go on with `latents train --resume {path}`, "
                "or delete the folder"
            )
        try:
            write_whole(path / CONFIG, recipe.json_text())
        except OSError as error:
            raise FolderError(f"cannot write to {path} ({error.strerror or error}); choose another folder") from None
        return cls(path)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        write_whole(self.path / name, json.dumps(content, indent=2, allow_nan=False) + "\n")

    def write_tensors(self, name: str, tensors: Mapping[str, torch.Tensor], **metadata: str) -> None:
        ready = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        write_whole(self.path / name, _in_order(tensors_to_bytes(ready, metadata)))

    def write_weights(self, model: Model, weights: Mapping[str, torch.Tensor], precision: str) -> None:
        """model.safetensors, rounded to "float16" or kept in "float32"."""
        rounded = {name: value.to(getattr(torch, precision)) for name, value in weights.items()}
        space = model.space
        said = {"kind": None, "size": 0, "title": "no latent variables"}
        if space is not None:
            said = {"kind": space.kind, "size": space.size, "title": space.title}
        self.write_tensors(
            WEIGHTS, rounded, shape=json.dumps(list(model.shape)), space=json.dumps(said), family=model.family
        )

    def append_history(self, row: Mapping[str, Any]) -> None:
        """One more row. The first one brings the header; one with new columns (of a later stage) widens it."""
        path = self.path / HISTORY
        header = self._header()
        new = [name for name in row if name not in header]
        if new and header:
            lines = list(csv.reader(self._history_lines()))
            whole = io.StringIO(newline="")
            widened = [[*header, *new], *([*line, *[""] * len(new)] for line in lines[1:])]
            csv.writer(whole, lineterminator="\n").writerows(widened)
            write_whole(path, whole.getvalue())
        columns = [*header, *new]
        rows = [[row.get(name, "") for name in columns]]
        with open(path, "a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows if header else [columns, *rows])

    def _header(self) -> list[str]:
        path = self.path / HISTORY
        if not path.exists():
            return []
        with open(path, encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])

    def cut_history(self, rows: int) -> None:
        """Keep the header and the first `rows` rows: what a checkpoint knew."""
        path = self.path / HISTORY
        if path.is_file():
            write_whole(path, "".join(self._history_lines()[: rows + 1]) if rows else "")
            if not rows:
                path.unlink()

    def tidy(self) -> None:
        """Remove what a killed process left half written, but not what another one is writing now."""
        for path in self.path.rglob(".*.part"):
            writer = path.name.split(".")[-2]  # a process's number: see `write_whole`
            if not (writer.isdigit() and int(writer) != os.getpid() and psutil.pid_exists(int(writer))):
                path.unlink(missing_ok=True)

    def update_metrics(self, **entries: Any) -> None:
        self.write_json(METRICS, {**self.metrics, **entries})


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its metadata sorted: equal tensors make equal files."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _column(values: list[str]) -> np.ndarray:
    try:
        return np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return np.array(values)


def _greedy(recipe: Recipe, weights: Mapping[str, torch.Tensor]) -> bool:
    """Whether a model's settings name a larger size, or a longer list, than there is in its weights."""
    largest = max((size for value in weights.values() for size in value.shape), default=0)
    waiting: list[Any] = [recipe.model.model_dump(mode="json")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
            if len(value) > len(weights):
                return True
        elif isinstance(value, int) and value > largest:
            return True
    return False


def _misfit(model: Model, weights: Mapping[str, torch.Tensor]) -> str | None:
    expected = model.state_dict()
    missing, unknown = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or unknown:
        return "; ".join(
            _naming(word, names) for word, names in (("lacks", missing), ("has unknown", unknown)) if names
        )
    for name, value in expected.items():
        if value.shape != weights[name].shape:
            return f"{name} is {list(weights[name].shape)}, but {list(value.shape)} was expected"
        if not torch.isfinite(weights[name]).all():
            return f"{name} holds values that are not finite"
    return None


def _naming(word: str, names: Iterable[str]) -> str:
    names = list(names)
    return f"it {word} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
