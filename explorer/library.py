"""The models there are: finds the folders, loads them once, and encodes their test images once.

What the shell needs (names, recipes, numbers, thumbnails) comes from the folders' JSON and safetensors headers, so
that a page is on the screen before torch is imported. Loaded models and encodings are shared by all sessions and
keyed by path and modification time: a folder that is trained again is read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import streamlit as st

from explorer import ROOT, tensors
from explorer.entry import Entry, Stamp, order, read

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from latents import Model

T = TypeVar("T")
_SNAPSHOTS = "snapshots.safetensors"
_MODEL, _ALL = ("config.json", "model.safetensors"), ("config.json", "model.safetensors", "metrics.json")


@dataclass(frozen=True)
class Images:
    """The test images of a data set as one array per kind, shared by all models of that data set.

    gray: uint8 [N, C, H, W], as they came; seen: uint8 [N, C, H, W], as a binary model sees them (one fixed, seeded
    draw; the same array as gray for models of gray images); labels: int64 [N] or None; class_names: one per class.
    """

    gray: np.ndarray
    seen: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    title: str
    binarised: str

    @property
    def provenance(self) -> str:
        """`MNIST test, 10,000 images, binarised with seed 777`."""
        return f"{self.title} test, {len(self.gray):,} images, {self.binarised}"


@dataclass(frozen=True)
class Encoding:
    """The test images in a model's latent space, float32, in test order.

    points [N, size]: one point for each q(z|x), its mean where that is known (`point_words` says what they are);
    stddev [N, size]: of q(z|x), or None where it has no closed form; coordinates [N, n]: the points as real vectors,
    for planes and neighbours (the same array in Euclidean space).
    """

    points: np.ndarray
    stddev: np.ndarray | None
    coordinates: np.ndarray
    images: Images


# -- finding -----------------------------------------------------------------------------------------------


def roots() -> list[tuple[Path, bool]]:
    """The folders that are searched, each with whether its models are shipped.

    `EXPLORER_LIBRARY` (folders separated as in PATH) replaces the project's own `trained/` and `runs/`;
    `EXPLORER_RUNS` is where runs are, instead of `runs/`, and is searched in any case.
    """
    given, runs = os.environ.get("EXPLORER_LIBRARY"), os.environ.get("EXPLORER_RUNS")
    shelves = [Path(part) for part in given.split(os.pathsep) if part] if given else [ROOT / "trained"]
    found = {shelf.expanduser(): True for shelf in shelves}
    if runs or not given:
        found.setdefault(Path(runs).expanduser() if runs else ROOT / "runs", False)
    return list(found.items())


def entries() -> list[Entry]:
    """All model folders, broken ones included, ordered by data set, family, size and prior.

    A first visit opens on the first that can be used: MNIST in two dimensions with the VampPrior.
    """
    return list(_listed(tuple((root, shipped, tuple(_folders(root))) for root, shipped in roots())))


def _folders(root: Path) -> Iterator[tuple[str, Stamp]]:
    """The model folders of a root with the stamps of their files, hidden ones left out.

    (Each run of a page asks several times: so there are plain strings here, and no paths.)
    """
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return
    for name in names:
        stamp = (0,) if name.startswith(".") else _stamp(f"{root}/{name}", _ALL)
        if stamp[0] and not _only_a_run(f"{root}/{name}", stamp):
            yield name, stamp


@lru_cache(maxsize=8)
def _listed(found: tuple[tuple[Path, bool, tuple[tuple[str, Stamp], ...]], ...]) -> tuple[Entry, ...]:
    """What is in these folders as they are now, in order."""
    listed: dict[str, Entry] = {}
    for root, shipped, folders in found:
        for folder, stamp in folders:
            entry = _read(root / folder, shipped, stamp)
            if entry.name in listed:  # a run may have the name of a shipped model: both can be chosen
                entry = replace(entry, name=f"{root.name}/{entry.name}")
            listed.setdefault(entry.name, entry)
    return tuple(sorted(listed.values(), key=order))


def _only_a_run(path: str, stamp: Stamp) -> bool:
    """Whether this is a run that has no weights yet, or will have none: the Runs page tells of it."""
    return stamp[_ALL.index("model.safetensors")] == 0 and os.path.exists(f"{path}/status.json")


def at(path: Path) -> Entry | None:
    """The usable model in this folder."""
    return next((entry for entry in whole() if entry.path == path), None)


def whole() -> list[Entry]:
    """The models that can be used."""
    return [entry for entry in entries() if entry.error is None]


def find(name: str | None) -> Entry | None:
    """The usable model of this name."""
    return next((entry for entry in whole() if entry.name == name), None)


def twin(entry: Entry) -> Entry | None:
    """The model to set beside this one: see `are_twins`.

    The VampPrior's twin is the standard normal, every other prior's is the VampPrior where there is one.
    """
    wanted = "standard" if entry.prior == "vampprior" else "vampprior"
    alike = [other for other in whole() if are_twins(entry, other)]
    return min(alike, key=lambda other: other.prior != wanted, default=None)


def are_twins(one: Entry, other: Entry) -> bool:
    """Whether the two have the same data, network and objective, but another prior."""
    return one.prior != other.prior and _but_for_the_prior(one) == _but_for_the_prior(other)


def _but_for_the_prior(entry: Entry) -> tuple[Any, ...]:
    parts = entry.recipe.get("model")
    others = {name: part for name, part in parts.items() if name != "prior"} if isinstance(parts, dict) else None
    return entry.recipe.get("data"), others, entry.recipe.get("objective")


def _stamp(path: str | Path, files: tuple[str, ...]) -> Stamp:
    return tuple(_modified(f"{path}/{name}") for name in files)


def _modified(path: str | Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4096)
def _read(path: Path, shipped: bool, written: Stamp) -> Entry:
    return read(path, shipped, _stamp(path, _MODEL))


# -- caching -----------------------------------------------------------------------------------------------


def remember(what: str, entry: Entry, compute: Callable[[], T], *settings: Hashable) -> T:
    """`compute()`, once for this model (as its files now are), this `what` and these settings.

    The result is one object for all sessions: never change it.
    """
    return _remembered((what, entry.path, entry.stamp, *settings), compute)


@st.cache_resource(show_spinner=False, max_entries=1024)
def _remembered(key: tuple[Hashable, ...], _compute: Callable[[], T]) -> T:
    return _compute()


def thumbnails(entry: Entry, n: int) -> np.ndarray | None:
    """n decoded samples from the model's last snapshot, uint8 [n, C, H, W], or None. Needs no torch."""
    path = entry.path / _SNAPSHOTS
    return remember("thumbnails", entry, lambda: _last_samples(path, n), samples_stamp(entry), n)


def samples_stamp(entry: Entry) -> int:
    """When the thumbnails were written: part of the key of what is made of them."""
    return _modified(entry.path / _SNAPSHOTS)


def _last_samples(path: Path, n: int) -> np.ndarray | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            samples = file.get_slice("samples")
            return samples[samples.get_shape()[0] - 1, :n]
    except (OSError, SafetensorError):
        return None


# -- loading (from here on torch is needed) ------------------------------------------------------------------


def model(entry: Entry) -> Model:
    """The model in eval mode on the models' device, loaded once. Raises LatentsError with one sentence."""
    return remember("model", entry, lambda: _load(entry))


def _load(entry: Entry) -> Model:
    import torch

    import latents

    with torch.inference_mode(False):  # weights made in a caller's inference mode could never have gradients
        return latents.load(entry.path, tensors.device())


def prior(entry: Entry) -> Distribution:
    """p(z) of the model, made once: a VampPrior encodes its pseudo-inputs whenever it is asked for. Never change it."""
    import torch

    def make() -> Distribution:
        with torch.no_grad():
            return model(entry).prior()

    return remember("prior", entry, make)


def images(entry: Entry) -> Images:
    """The test images of the model's data set. Raises LatentsError with one sentence."""
    return _images(entry.data, entry.binarisation != "none")


@st.cache_resource(show_spinner=False, max_entries=8)
def _images(name: str, binary: bool) -> Images:
    from latents import data

    source = data.load(name)
    test = source.test
    gray = tensors.pixels(test.images)
    if binary:
        seen, how = tensors.pixels(data.binarise(test.images, data.TEST_SEED)), f"binarised with seed {data.TEST_SEED}"
    else:
        seen, how = gray, "binary as they come" if source.kind == "binary" else source.kind
    labels = None if test.labels is None else test.labels.numpy()
    return Images(gray, seen, labels, source.class_names, source.title, how)


def why_not(entry: Entry, call: str) -> str | None:
    """`Model.why_not`, asked once. Raises LatentsError where the model cannot be read."""

    def ask() -> dict[str, str | None]:
        from latents.models.base import CALLS

        net = model(entry)
        return {name: net.why_not(name) for name in CALLS}

    return remember("why not", entry, ask)[call]


def shows(entry: Entry) -> Literal["mean", "sample"]:
    """What the model's pictures of a z are: the mean of p(x|z), or a draw where a mean is not cheap."""
    return "mean" if why_not(entry, "mean") is None else "sample"


def encoding(entry: Entry) -> Encoding:
    """The point of q(z|x) for every test image, computed once. Raises LatentsError with one sentence."""
    return remember("encoding", entry, lambda: _encode(entry))


def _encode(entry: Entry) -> Encoding:
    import torch

    from latents.diagnostics import encode_all

    pictures, net = images(entry), model(entry)
    with torch.no_grad():
        found, stddev = encode_all(net, tensors.tensor(pictures.seen).div_(255))
        placed = net.space.coordinates(found)
    points = tensors.array(found)
    coordinates = points if placed is found else tensors.array(placed)
    _encoded.add((entry.path, entry.stamp))
    return Encoding(points, None if stddev is None else tensors.array(stddev), coordinates, pictures)


_encoded: set[tuple[Path, Stamp]] = set()


def ready(entry: Entry) -> bool:
    """Whether the model's encoding is there already, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _encoded


def point_words(entry: Entry) -> str:
    """What the points are: `mean of q(z|x)`, `mean of 64 draws of q(z|x)`, `mean direction of q(z|x)`."""
    return remember("point words", entry, lambda: model(entry).point_words)


def coordinates(entry: Entry, z: np.ndarray) -> np.ndarray:
    """Real vectors [..., n] of points z [..., size] of the model's space."""
    return tensors.array(model(entry).space.coordinates(tensors.tensor(z)))


def from_coordinates(entry: Entry, y: np.ndarray) -> np.ndarray:
    """The points [..., size] of the model's space that are nearest to real vectors y [..., n]."""
    return tensors.array(model(entry).space.from_coordinates(tensors.tensor(y)))


def decode(entry: Entry, z: np.ndarray, seed: int = 0) -> np.ndarray:
    """The model's pictures at z [N, size]: uint8 [N, C, H, W]; `shows` says whether they are means or samples."""
    import torch

    with torch.no_grad():
        return tensors.pixels(model(entry).picture(tensors.tensor(z), seed).images)


def pseudo_codes(entry: Entry) -> np.ndarray | None:
    """Where the pseudo-inputs sit: the points of q(z|u_k), [K, size], or None for priors without pseudo-inputs."""

    def compute() -> np.ndarray | None:
        net = model(entry)
        return None if net.pseudo_inputs is None else tensors.array(net.points(net.pseudo_inputs))

    return remember("pseudo codes", entry, compute)


def umap(entry: Entry) -> tuple[np.ndarray, np.ndarray | None] | None:
    """UMAP of the test images [N, 2] and of the pseudo-inputs [K, 2] or None; None where it was not computed yet."""
    from latents import projection
    from latents.errors import FolderError

    try:
        found = projection.stored(entry.path)
    except FolderError:  # a damaged file: as if it were not there
        return None
    if len(found.get("umap", ())) != len(images(entry).gray):
        return None
    return found["umap"], found.get("pseudo_umap")
