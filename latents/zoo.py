"""The shipped models: each trained by its own preset, evaluated, compared with its twin, and projected.

`python -m latents.zoo` (or `make train-zoo`) makes them all in `trained/` and skips those that are whole; a run
that was interrupted goes on from its checkpoint. `docs/models.md` is written from their numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .card import write_card
from .cli import watching
from .errors import LatentsError
from .evaluation import compare, evaluate
from .folder import CARD, CHECKPOINT, METRICS, PROJECTIONS, WEIGHTS, ModelFolder
from .parts import part
from .projection import project_folder
from .recipe import preset
from .training import resume, train

SAMPLES = 500  # importance samples per test image

# Each with the model that it is compared with: its twin, which differs from it in the part that it shows. None: there
# is none of the same data, schedule and measure.
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
    "mnist-conv-40d": None,
    "mnist-pixelcnn": None,
    "mnist-vq": None,
    "digits-standard-2d": None,
    "digits-vampprior-2d": "digits-standard-2d",
    "digits-vmf": None,
    "digits-vmf-vampprior": "digits-vmf",
    "digits-power-spherical": "digits-vmf",
    "digits-standard-8d": None,
    "digits-householder": "digits-standard-8d",
    "digits-planar": "digits-standard-8d",
    "digits-sylvester-orthogonal": "digits-standard-8d",
    "digits-sylvester-householder": "digits-standard-8d",
    "digits-sylvester-triangular": "digits-standard-8d",
    "digits-nice": "digits-standard-8d",
    "digits-iaf": "digits-standard-8d",
    "digits-maf-prior": "digits-standard-8d",
    "digits-vampprior-8d": "digits-standard-8d",
    "digits-vampprior-data": "digits-standard-8d",
    "digits-vampprior-householder": "digits-standard-8d",
    "digits-conv": "digits-standard-8d",
    "digits-pixelcnn": "digits-standard-8d",
    "digits-iwae": "digits-standard-8d",
    "digits-iwae-dreg": "digits-standard-8d",
    "digits-iwae-vampprior": "digits-standard-8d",
    "digits-vr-max": "digits-standard-8d",
    "digits-free-bits": "digits-standard-8d",
    "digits-beta": "digits-standard-8d",
    "digits-cyclic": "digits-standard-8d",
    "digits-hvae": "digits-standard-8d",
    "digits-hvae-vampprior": "digits-standard-8d",
    "digits-hvae-3-layers": "digits-standard-8d",
    "digits-conv-hvae": "digits-standard-8d",
    "digits-pixel-hvae": "digits-standard-8d",
    "digits-stick-breaking": "digits-standard-8d",
    "digits-vmf-5d": None,
    "digits-logistic": None,
    "digits-categorical": None,
    "digits-gaussian": None,
    "digits-vq-vae": None,
    "digits-pca": None,
    "digits-ppca": None,
    "digits-factor-analysis": None,
    "digits-auto-encoder": None,
    "digits-conv-auto-encoder": None,
    "digits-linear-auto-encoder": None,
    "digits-denoising-auto-encoder": None,
    "digits-realnvp": None,
    "digits-finite-memory": None,
    "digits-recurrent": None,
    "digits-causal-convolution": None,
}

# Decoders that cost more: fewer samples, and of so many test images.
DEAR: dict[str, tuple[int, int | None]] = {
    "mnist-hvae": (500, 2000),
    "mnist-hvae-vampprior": (500, 2000),
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
        if twin is not None and "log_likelihood" in folder.metrics:
            compare(folder, ModelFolder(root / twin))
        if not (_flat(folder) or (path / PROJECTIONS).is_file()):
            project_folder(path, report=print)
        write_card(folder)


def _whole(path: Path) -> bool:
    if not all((path / name).is_file() for name in (WEIGHTS, METRICS, CARD)) or (path / CHECKPOINT).is_file():
        return False
    folder = ModelFolder(path)
    likely = folder.load().why_not("log_likelihood") is None
    evaluated = "log_likelihood" in folder.metrics or not likely
    compared = SHIPPED[path.name] is None or bool(folder.metrics.get("comparisons"))
    return evaluated and compared and (_flat(folder) or (path / PROJECTIONS).is_file())


def _flat(folder: ModelFolder) -> bool:
    """Whether there is nothing to project: codes on a plane, or none."""
    model = folder.load()
    return model.why_not("encode") is not None or (model.space.kind == "euclidean" and model.space.size <= 2)


def table(root: Path) -> str:
    """All shipped models with their numbers, by family, in Markdown."""
    lines = [_HEAD]
    families: dict[str, list[str]] = {}
    for name in SHIPPED:
        folder = ModelFolder(root / name)
        family = part("model", folder.recipe.model.kind).family
        families.setdefault(family, []).append(_row(folder))
    for family, rows in families.items():
        lines += [
            f"## {family}",
            "",
            "| model | what it is for | test log-likelihood, nats | against its twin | active units |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    return "\n".join(lines)


_HEAD = """# The shipped models

Written by `make train-zoo` from each model's `metrics.json`, where every number stands with its provenance.

Log-likelihoods are on the test images, in nats; higher is better. Importance-sampled with 500 samples unless it says
exact, a bound, or another number; gray images that a model sees as binary were binarised once, with seed 777.
**Numbers compare only within one data set and one measure**: *density* stands for probability densities of gray images
(they may be above zero), *256 levels* for probabilities of gray images, all others are probabilities of binary images.
Differences are paired over the same images; each model was trained once, so errors are over images, not over seeds.
"""


def _row(folder: ModelFolder) -> str:
    metrics = folder.metrics
    found, units = metrics.get("log_likelihood"), metrics.get("units", {})
    likelihood, twin = "none", ""
    if found:
        likelihood = f"{_signed(found['value'])} ± {found['standard_error']:.2f}{_notes(folder.name, found)}"
    for entry in metrics.get("comparisons", []):
        twin = f"{_signed(entry['difference'], '+')} ± {entry['standard_error']:.2f} `{entry['with']}`"
    active = f"{units['active']} of {units['total']}" if "active" in units else "none"
    return f"| `{folder.name}` | {folder.recipe.description} | {likelihood} | {twin} | {active} |"


def _notes(name: str, entry: dict) -> str:
    notes = []
    if entry["estimator"] != "importance":
        notes.append({"exact": "exact", "bound": "a lower bound"}[entry["estimator"]])
    if name in DEAR:
        notes.append(f"{entry['samples']} samples, {entry['images']:,} images")
    if entry["measure"].startswith("density"):
        notes.append("density")
    elif entry["measure"].endswith("none"):
        notes.append("256 levels")
    return f" ({'; '.join(notes)})" if notes else ""


def _signed(value: float, sign: str = "") -> str:
    return f"{value:{sign}.2f}".replace("-", "\N{MINUS SIGN}")


if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    try:
        make(home / "trained", sys.argv[1:] or list(SHIPPED))
        if (home / "docs").is_dir() and all((home / "trained" / name).is_dir() for name in SHIPPED):
            (home / "docs" / "models.md").write_text(table(home / "trained"), "utf-8")
    except LatentsError as error:
        sys.exit(f"error: {error}")
