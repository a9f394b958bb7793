"""Maps that keep neighbours, beside UMAP: supervised by the classes, on a sphere, and t-SNE.

Each is a file of its own in the user's cache, keyed by the model's content and the method, with `places` [N, 2] (on a
sphere unit vectors [N, 3]) of the test images and `pseudo` [K, 2 or 3] of the pseudo-inputs, where there are some,
float32. They take a minute and more: `latents project FOLDER --cache --method METHOD` is the process for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.torch import save as tensors_to_bytes

from .data import load as load_data
from .diagnostics import encode_all
from .errors import FolderError
from .evaluation import evaluation_images
from .folder import ModelFolder, write_whole
from .projection import SEED, cache_file

Method = Literal["umap-class", "umap-sphere", "tsne"]
METHODS: tuple[str, ...] = get_args(Method)
Report = Callable[[str], None]
_FEWEST = 10
PERPLEXITY, EARLY, STEPS = 30, 250, 500
"""Of t-SNE, with openTSNE's defaults for all else."""


def umap(
    codes: np.ndarray, others: np.ndarray | None = None, labels: np.ndarray | None = None, *, sphere: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """UMAP of `codes [N, d]`, and where `others [K, d]` fall on the same map; a fixed seed, 15 neighbours.

    labels: classes that pull their images together (supervised UMAP: half of the weight). sphere: distances on the map
    are great circles, and the answer is unit vectors `[N, 3]`.
    """
    import umap as library  # brings numba: seconds

    threads = torch.get_num_threads()
    output = {"output_metric": "haversine"} if sphere else {}
    reducer = library.UMAP(
        n_neighbors=min(15, len(codes) - 1), min_dist=0.1, random_state=SEED, n_jobs=1, target_weight=0.5, **output
    )
    plane = reducer.fit_transform(codes, y=labels)
    placed = None if others is None else reducer.transform(others)
    torch.set_num_threads(threads)  # numba shares torch's pool of threads, and has set its size
    if not sphere:
        return plane, placed
    return _vectors(plane), None if placed is None else _vectors(placed)


def _vectors(angles: np.ndarray) -> np.ndarray:
    """Unit vectors of UMAP's pairs (angle from the pole, longitude), which may be any numbers."""
    theta, phi = angles.astype(np.float64).T
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)


def tsne(
    codes: np.ndarray, others: np.ndarray | None = None, report: Report = lambda sentence: None
) -> tuple[np.ndarray, np.ndarray | None]:
    """t-SNE of `codes [N, d]` to `[N, 2]` by openTSNE: perplexity 30, begun with PCA, a fixed seed.

    Reference: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008; Policar et al., "openTSNE", 2024.

    Raises:
        FolderError: openTSNE is not installed.
    """
    why = why_not("tsne")
    if why:
        raise FolderError(why)
    from openTSNE import TSNE

    def watch(step: int, error: float, embedding: np.ndarray) -> None:
        report(f"2 of 3: t-SNE, step {step} of a phase of {EARLY} or {STEPS}, KL divergence {error:.2f} nats")

    fitted = TSNE(
        perplexity=min(PERPLEXITY, (len(codes) - 1) / 3),
        early_exaggeration_iter=EARLY,
        n_iter=STEPS,
        random_state=SEED,
        n_jobs=1,
        callbacks=watch,
        callbacks_every_iters=50,
    ).fit(codes)
    placed = None if others is None else np.asarray(fitted.transform(others, perplexity=5))
    return np.asarray(fitted), placed


def why_not(method: str) -> str | None:
    """One sentence on why this installation cannot make such a map, or None."""
    from importlib.util import find_spec

    if method == "tsne" and find_spec("openTSNE") is None:
        return "t-SNE needs openTSNE, which is not installed: pip install 'latent-explorer[tsne]'"
    return None


def project(path: Path | str, method: Method, report: Report = lambda sentence: None) -> Path:
    """Make the map of a model's test images, and keep it in the user's cache.

    Returns:
        The file written.

    Raises:
        FolderError: the model cannot encode, has fewer than three dimensions or too few images, its data have no
            classes to be supervised by, or openTSNE is missing.
    """
    if method not in METHODS:
        raise FolderError(f"there is no map {method!r}; there are {', '.join(METHODS)}")
    why = why_not(method)
    if why:
        raise FolderError(why)
    folder = ModelFolder(path)
    model = folder.load()
    reason = model.why_not("encode")
    if reason:
        raise FolderError(f"{folder.path} cannot be projected: {reason}")
    if model.space.kind == "euclidean" and model.space.size <= 2:
        raise FolderError(f"{folder.path} has {model.space.size} latent dimensions: they are a plane already")
    data = load_data(model.recipe.data.name)
    labels = data.test.labels
    if method == "umap-class" and labels is None:
        raise FolderError(f"{data.title} has no classes that UMAP could be supervised by")
    report(f"1 of 3: encoding the {data.sizes['test']:,} test images of {data.title}")
    with torch.no_grad():
        codes = model.space.coordinates(encode_all(model, evaluation_images(model, data)[0])[0]).numpy()
        inputs = model.pseudo_inputs
        pseudo = None if inputs is None else model.space.coordinates(encode_all(model, inputs)[0]).numpy()
    if len(codes) < _FEWEST:
        raise FolderError(f"{data.title} has {len(codes)} test images: a map of neighbours needs {_FEWEST} or more")
    report(f"2 of 3: {method} of {len(codes):,} points in {codes.shape[1]} dimensions, a minute or two")
    if method == "tsne":
        places, others = tsne(codes, pseudo, report)
    else:
        classes = labels.numpy() if method == "umap-class" and labels is not None else None
        places, others = umap(codes, pseudo, classes, sphere=method == "umap-sphere")
    report("3 of 3: writing")
    arrays = {"places": places} | ({} if others is None else {"pseudo": others})
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array, np.float32)) for name, array in arrays.items()}
    target = cache_file(path, method)
    write_whole(target, tensors_to_bytes(tensors, {"format": "pt", "seed": str(SEED), "method": method}))
    report(f"done: {target}")
    return target


def stored(path: Path | str, method: str) -> dict[str, np.ndarray]:
    """The map from the user's cache; empty where there is none."""
    cached = cache_file(path, method)
    try:
        return load_file(cached) if cached.is_file() else {}
    except (SafetensorError, OSError, ValueError):
        cached.unlink(missing_ok=True)  # a cache may be lost: it is made again
        return {}
