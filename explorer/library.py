"""The models there are: finds the folders, loads them once, and encodes their test images once.

What the shell needs (names, recipes, numbers, thumbnails) comes from the folders' JSON and safetensors headers, so
that a page is on the screen before torch is imported. Loaded models and encodings are shared by all sessions and
keyed by path and modification time: a folder that is trained again is read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import streamlit as st

from explorer import ROOT, tensors

if TYPE_CHECKING:
    from latents import Model

Stamp = tuple[int, ...]
T = TypeVar("T")
_MODEL, _ALL = ("config.json", "model.safetensors"), ("config.json", "model.safetensors", "metrics.json")


@dataclass(frozen=True)
class Entry:
    """One model folder, as far as it can be read without torch.

    recipe, metrics: the JSON of config.json and metrics.json ({} if there is none); error: None, or one sentence on
    why the model cannot be used; stamp: when recipe and weights were written, part of every cache's key.
    """

    name: str
    path: Path
    shipped: bool
    stamp: Stamp
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def data(self) -> str:
        """The data set's name, such as `mnist`."""
        return str(self._get("data", "name", default="unknown data"))

    @property
    def data_title(self) -> str:
        """The data set's name for people, such as `MNIST`; known without reading any data."""
        return _TITLES.get(self.data, self.data)

    @property
    def binarisation(self) -> str:
        return str(self._get("data", "binarisation", default="none"))

    @property
    def latent(self) -> int | None:
        """The number of latent dimensions."""
        size = self._get("model", "latent", default=None)
        return int(size) if isinstance(size, int) else None

    @property
    def prior(self) -> str:
        """The kind of prior: `standard`, `mixture`, `vampprior`, ..."""
        return str(self._get("model", "prior", "kind", default="none"))

    @property
    def components(self) -> int | None:
        """The number of the prior's components, where it is a mixture."""
        found = self._get("model", "prior", "components", default=None)
        return int(found) if isinstance(found, int) else None

    @property
    def prior_title(self) -> str:
        """The prior in words: `VampPrior, 500 pseudo-inputs`."""
        if self.prior == "standard":
            return "standard normal prior"
        if self.prior == "vampprior":
            return f"VampPrior, {self.components} pseudo-inputs"
        if self.prior == "mixture":
            return f"mixture of {self.components} Gaussians"
        return f"{self.prior} prior"

    def _get(self, *path: str, default: Any) -> Any:
        here: Any = self.recipe
        for name in path:
            if not isinstance(here, dict) or name not in here:
                return default
            here = here[name]
        return default if here is None else here


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
    """The test images in a model's latent space: mu and sd of q(z|x), float32 [N, d], in test order."""

    mu: np.ndarray
    sd: np.ndarray
    images: Images


# -- finding -----------------------------------------------------------------------------------------------


def roots() -> list[tuple[Path, bool]]:
    """The folders that are searched, each with whether its models are shipped.

    `EXPLORER_LIBRARY` (folders separated as in PATH) replaces the project's own `trained/` and `runs/`.
    """
    given = os.environ.get("EXPLORER_LIBRARY")
    if given:
        return [(Path(part).expanduser(), True) for part in given.split(os.pathsep) if part]
    return [(ROOT / "trained", True), (ROOT / "runs", False)]


def entries() -> list[Entry]:
    """All model folders, broken ones included, ordered by data set, latent size and prior.

    A first visit opens on the first that can be used: MNIST in two dimensions with the VampPrior.
    """
    found: dict[str, Entry] = {}
    for root, shipped in roots():
        for config in sorted(root.glob("*/config.json")):
            entry = _read(config.parent, shipped, _stamp(config.parent, _ALL))
            found.setdefault(entry.name, entry)
    return sorted(found.values(), key=_order)


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


_PRIORS = ("vampprior", "standard", "mixture")
_TITLES = {
    "mnist": "MNIST",
    "mnist-static": "static MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "omniglot": "Omniglot",
    "caltech-silhouettes": "Caltech silhouettes",
    "frey-faces": "Frey faces",
    "digits": "Digits 8x8",
}
_DATA = tuple(_TITLES)


def _order(entry: Entry) -> tuple:
    data = _DATA.index(entry.data) if entry.data in _DATA else len(_DATA)
    prior = _PRIORS.index(entry.prior) if entry.prior in _PRIORS else len(_PRIORS)
    return (
        not entry.shipped,
        data,
        entry.data,
        entry.latent or 0,
        "collapsed" in entry.name,
        prior,
        entry.name,
    )


def _stamp(path: Path, files: tuple[str, ...]) -> Stamp:
    return tuple(_modified(path / name) for name in files)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=512)
def _read(path: Path, shipped: bool, written: Stamp) -> Entry:
    blank = Entry(path.name, path, shipped, _stamp(path, _MODEL))
    try:
        recipe = _json(path / "config.json")
        metrics = _json(path / "metrics.json") if (path / "metrics.json").exists() else {}
    except (OSError, ValueError) as error:
        return replace(blank, error=str(error))
    return replace(blank, recipe=recipe, metrics=metrics, error=_weights_error(path))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name} of {path.parent.name} is not JSON ({error}): mend it, or copy it again."
        ) from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} of {path.parent.name} holds no JSON object: mend it or copy it again.")
    return found


def _weights_error(path: Path) -> str | None:
    """What is wrong with the weights, as far as the file's header and length tell."""
    weights = path / "model.safetensors"
    if not weights.exists():
        return (
            f"{path.name} has no weights (model.safetensors): its training has not got so far, or copy the file again."
        )
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 0 < length < 10_000_000 else {}
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        complete = bool(ends) and weights.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, KeyError, TypeError):
        complete = False
    damaged = f"{path.name}'s model.safetensors is damaged: copy it again, or train the model again."
    return None if complete else damaged


# -- caching -----------------------------------------------------------------------------------------------


def remember(what: str, entry: Entry, compute: Callable[[], T], *settings: Hashable) -> T:
    """`compute()`, once for this model (as its files now are), this `what` and these settings.

    The result is one object for all sessions: never change it.
    """
    return _remembered((what, entry.path, entry.stamp, *settings), compute)


@st.cache_resource(show_spinner=False, max_entries=256)
def _remembered(key: tuple[Hashable, ...], _compute: Callable[[], T]) -> T:
    return _compute()


def thumbnails(entry: Entry, n: int) -> np.ndarray | None:
    """n decoded samples from the model's last snapshot, uint8 [n, C, H, W], or None. Needs no torch."""
    path = entry.path / "snapshots.safetensors"
    return remember("thumbnails", entry, lambda: _last_samples(path, n), _modified(path), n)


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


def encoding(entry: Entry) -> Encoding:
    """mu and sd of q(z|x) for every test image, computed once. Raises LatentsError with one sentence."""
    return remember("encoding", entry, lambda: _encode(entry))


def _encode(entry: Entry) -> Encoding:
    from latents.diagnostics import encode_all

    pictures = images(entry)
    mu, sd = encode_all(model(entry), tensors.tensor(pictures.seen).div_(255))
    _encoded.add((entry.path, entry.stamp))
    return Encoding(tensors.array(mu), tensors.array(sd), pictures)


_encoded: set[tuple[Path, Stamp]] = set()


def ready(entry: Entry) -> bool:
    """Whether the model's encoding is there already, so that a page need not say that it waits."""
    return (entry.path, entry.stamp) in _encoded


def decode(entry: Entry, z: np.ndarray, seed: int = 0) -> np.ndarray:
    """The model's pictures at z [N, d]: uint8 [N, C, H, W] (means where the model has them, else samples)."""
    import torch

    with torch.no_grad():
        return tensors.pixels(model(entry).picture(tensors.tensor(z), seed).images)


def pseudo_codes(entry: Entry) -> np.ndarray | None:
    """Where the pseudo-inputs sit: the means of q(z|u_k), [K, d], or None for priors without pseudo-inputs."""
    import torch

    net = model(entry)
    if net.pseudo_inputs is None:
        return None
    with torch.no_grad():
        return tensors.array(net.encode(net.pseudo_inputs).mean)


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
