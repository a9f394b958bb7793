"""From many latent dimensions to a plane: PCA, which has a way back, and UMAP, which keeps neighbours only.

`projections.safetensors` holds, for the test images as the model sees them, in test order:

    pca            [N, 2]   float32, points of q(z|x) on their first two principal axes
    pca_mean       [d], pca_axes [2, d], pca_explained [2]   the way back, and shares of the variance
    umap           [N, 2]   float32
    pseudo_pca, pseudo_umap [K, 2]   the posterior means of the pseudo-inputs, where there are some

UMAP (and numba below it) takes seconds to import and more to run: it belongs in a process of its own, never in
the web process. `latents project FOLDER` is that process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.torch import save as tensors_to_bytes

from .data import load as load_data
from .data.files import user_cache
from .diagnostics import encode_all
from .errors import FolderError
from .evaluation import evaluation_images
from .folder import PROJECTIONS, WEIGHTS, ModelFolder, write_whole

SEED = 0
_FORMAT = "1"  # part of a cached file's key: raise it when the arrays change their meaning


@dataclass(frozen=True)
class Pca:
    """The affine map to the directions in which codes vary most.

    Attributes:
        mean: `[d]`.
        axes: `[dims, d]`, orthonormal; the largest entry of each is positive, so that its sign is always the same.
        explained: `[dims]`, shares of the total variance.
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    def to_plane(self, z: np.ndarray) -> np.ndarray:
        """`[..., d]` to `[..., dims]`."""
        return (z - self.mean) @ self.axes.T

    def from_plane(self, y: np.ndarray) -> np.ndarray:
        """`[..., dims]` to `[..., d]`: the point of the plane itself, other components at the mean."""
        return self.mean + y @ self.axes


def pca(codes: np.ndarray, dims: int = 2) -> Pca:
    """Principal component analysis of `codes [N, d]` (Hotelling 1933), by singular value decomposition.

    Raises:
        ValueError: there are fewer images or dimensions than axes wanted.
    """
    if min(codes.shape) < dims:
        raise ValueError(f"{dims} principal axes need at least {dims} images and dimensions; codes are {codes.shape}")
    mean = codes.mean(0)
    _, spread, axes = np.linalg.svd(codes - mean, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    shares = spread**2 / max(float((spread**2).sum()), np.finfo(np.float32).tiny)
    return Pca(mean, (axes * signs[:, None])[:dims], shares[:dims])


def umap(codes: np.ndarray, others: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """UMAP of `codes [N, d]` to `[N, 2]`, and where `others [K, d]` fall on the same map.

    15 neighbours, least distance 0.1, a fixed seed: the same map each time on one machine.

    Reference: McInnes et al., "UMAP: uniform manifold approximation and projection", 2018.
    """
    import umap as library  # brings numba: seconds

    threads = torch.get_num_threads()
    reducer = library.UMAP(n_neighbors=min(15, len(codes) - 1), min_dist=0.1, random_state=SEED, n_jobs=1)
    plane = reducer.fit_transform(codes)
    placed = None if others is None else reducer.transform(others)
    torch.set_num_threads(threads)  # numba shares torch's pool of threads, and has set its size
    return plane, placed


def project_folder(
    path: Path | str, out: Path | None = None, report: Callable[[str], None] = lambda sentence: None
) -> Path:
    """Project a model's test images and write the arrays.

    Args:
        path: a model folder.
        out: the file to write; by default projections.safetensors in the folder itself.
        report: told what is being done.

    Returns:
        The file written.

    Raises:
        FolderError: the model has no latent vectors to project, or no more than two dimensions.
    """
    folder = ModelFolder(path)
    model = folder.load()
    reason = model.why_not("encode")
    if reason:
        raise FolderError(f"{folder.path} cannot be projected: {reason}")
    if model.space.kind == "euclidean" and model.space.size <= 2:
        raise FolderError(f"{folder.path} has {model.space.size} latent dimensions: they are a plane already")
    data = load_data(model.recipe.data.name)
    report(f"1 of 3: encoding the {data.sizes['test']:,} test images of {data.title}")
    with torch.no_grad():
        codes = model.space.coordinates(encode_all(model, evaluation_images(model, data)[0])[0]).numpy()
        pseudo = None
        if model.pseudo_inputs is not None:
            pseudo = model.space.coordinates(encode_all(model, model.pseudo_inputs)[0]).numpy()
    report("2 of 3: PCA")
    linear = pca(codes)
    arrays = {
        "pca": linear.to_plane(codes),
        "pca_mean": linear.mean,
        "pca_axes": linear.axes,
        "pca_explained": linear.explained,
    }
    report(f"3 of 3: UMAP of {len(codes):,} points in {codes.shape[1]} dimensions, about a minute")
    arrays["umap"], pseudo_umap = umap(codes, pseudo)
    if pseudo is not None and pseudo_umap is not None:
        arrays |= {"pseudo_pca": linear.to_plane(pseudo), "pseudo_umap": pseudo_umap}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array, np.float32)) for name, array in arrays.items()}
    target = out or folder.path / PROJECTIONS
    write_whole(target, tensors_to_bytes(tensors, {"format": "pt", "seed": str(SEED)}))
    report(f"done: {target}")
    return target


def cache_file(path: Path | str, method: str = "") -> Path:
    """Where the projections of a user's model are cached, keyed by the content of its weights and recipe.

    method: of `neighbour_maps`, or "" for PCA and UMAP.
    """
    folder = ModelFolder(path)
    weights = folder.path / WEIGHTS
    if not weights.is_file():
        raise FolderError(f"{folder.path} has no {WEIGHTS} yet, so there is nothing to project; train it first")
    key = hashlib.sha256(f"{_FORMAT}{method} {folder.recipe.data.model_dump_json()}".encode())
    key.update(weights.read_bytes())
    return user_cache() / "latents" / "projections" / f"{key.hexdigest()[:32]}.safetensors"


def stored(path: Path | str) -> dict[str, np.ndarray]:
    """The projections of a model, from its folder or the user's cache; empty when there are none."""
    found = ModelFolder(path).projections()
    if found:
        return found
    cached = cache_file(path)
    try:
        return load_file(cached) if cached.is_file() else {}
    except (SafetensorError, OSError, ValueError):
        cached.unlink(missing_ok=True)  # a cache may be lost: it is made again
        return {}
