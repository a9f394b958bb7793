"""The shipped models: each trained by its own preset, evaluated, compared with its twin, and projected.

`python -m latents.zoo` (or `make train-zoo`) makes them all in `trained/` and skips those that are whole; a run
that was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .card import write_card
from .cli import watching
from .errors import LatentsError
from .evaluation import compare, evaluate
from .folder import CARD, CHECKPOINT, METRICS, PROJECTIONS, WEIGHTS, ModelFolder
from .projection import project_folder
from .recipe import preset
from .training import resume, train

SAMPLES = 500  # importance samples per test image

# Each with the model that it is compared with: its twin, which differs from it in the part that it shows. None: there
# is none, or its likelihood is one of another measure.
SHIPPED: dict[str, str | None] = {
    "mnist-standard-2d": None,
    "mnist-vampprior-2d": "mnist-standard-2d",
    "mnist-mog-2d": "mnist-standard-2d",
    "mnist-vmf-2d": "mnist-standard-2d",
    "mnist-standard-5d": None,
    "mnist-vmf-5d": "mnist-standard-5d",
    "mnist-standard-40d": None,
    "mnist-vampprior-40d": "mnist-standard-40d",
    "mnist-collapsed-40d": "mnist-standard-40d",
    "mnist-hvae": "mnist-standard-40d",
    "mnist-hvae-vampprior": "mnist-hvae",
    "mnist-conv-40d": "mnist-standard-40d",
    "mnist-pixelcnn": "mnist-standard-40d",
    "mnist-vq": "mnist-standard-40d",
    "digits-standard-2d": None,
    "digits-vampprior-2d": "digits-standard-2d",
    "digits-standard-8d": None,
    # TODO(lead): digits family
}

# Decoders that cost more: fewer samples, and of so many test images.
DEAR: dict[str, tuple[int, int | None]] = {
    "mnist-conv-40d": (100, 1000),
    "mnist-pixelcnn": (100, 1000),
}


def make(root: Path, names: list[str]) -> None:
    """Make what is missing of these models under `root`."""
    for name in names:
        path = root / name
        if _whole(path):
            print(f"{name}: whole")
            continue
        print(f"{name}: making it", flush=True)
        folder = ModelFolder(path) if (path / WEIGHTS).is_file() else None
        with watching() as watch:
            if (path / CHECKPOINT).is_file():
                folder = resume(path, watch=watch)
            elif folder is None:
                folder = train(preset(name), path, watch=watch)
        if "log_likelihood" not in folder.metrics and folder.load().why_not("log_likelihood") is None:
            samples, images = DEAR.get(name, (SAMPLES, None))
            evaluate(folder, samples=samples, images=images)
        twin = SHIPPED[name]
        if twin is not None:
            compare(folder, ModelFolder(root / twin))
        if not (_flat(folder) or (path / PROJECTIONS).is_file()):
            project_folder(path, report=print)
        write_card(folder)


def _whole(path: Path) -> bool:
    if not all((path / name).is_file() for name in (WEIGHTS, METRICS, CARD)) or (path / CHECKPOINT).is_file():
        return False
    folder = ModelFolder(path)
    compared = SHIPPED[path.name] is None or bool(folder.metrics.get("comparisons"))
    projected = _flat(folder) or (path / PROJECTIONS).is_file()
    return "log_likelihood" in folder.metrics and compared and projected


def _flat(folder: ModelFolder) -> bool:
    return getattr(folder.recipe.model, "latent", 0) <= 2


if __name__ == "__main__":
    try:
        make(Path(__file__).resolve().parent.parent / "trained", sys.argv[1:] or list(SHIPPED))
    except LatentsError as error:
        sys.exit(f"error: {error}")
