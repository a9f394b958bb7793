"""A model folder as far as it can be read without torch: names, recipe, numbers, and what kind of space it has.

The recipe and the numbers are JSON; the space and the family stand in the metadata of the weights' safetensors header.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Stamp = tuple[int, ...]
VAES = "Variational auto-encoders"
FAMILIES = (
    VAES,
    "Hierarchies",
    "Codes",
    "Flows on images",
    "Autoregressive models",
    "Auto-encoders",
    "Linear models",
)
"""The order in which families are listed; others follow by name."""

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
_WORDS = {
    "vae": "VAE",
    "vq-vae": "VQ-VAE",
    "pca": "PCA",
    "ppca": "probabilistic PCA",
    "realnvp": "RealNVP",
    "nice": "NICE",
    "iaf": "IAF",
    "vmf": "von Mises-Fisher",
    "von-mises-fisher": "von Mises-Fisher",
    "stick-breaking": "stick-breaking",
    "power-spherical": "power-spherical",
    "pixelcnn": "PixelCNN",
    "iwae": "IWAE",
    "vr-max": "VR-max",
    "mlp": "MLP",
}


@dataclass(frozen=True)
class Entry:
    """One model folder.

    recipe, metrics: the JSON of config.json and metrics.json ({} if there is none); error: None, or one sentence on
    why the model cannot be used; stamp: when recipe and weights were written, part of every cache's key; space,
    family: as the weights' file says them ({} and "" where it does not: the folder is an older one, of a VAE).
    """

    name: str
    path: Path
    shipped: bool
    stamp: Stamp
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    space: dict[str, Any] = field(default_factory=dict)
    said_family: str = ""

    # -- the data --

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

    # -- the space --

    @property
    def family(self) -> str:
        """The heading under which the model is listed."""
        return self.said_family or VAES

    @property
    def space_kind(self) -> str | None:
        """ "euclidean", "sphere", "simplex", "codes" or "layers"; None for a model without latent variables."""
        if "kind" not in self.space:
            return "euclidean"
        return None if self.space["kind"] is None else str(self.space["kind"])

    @property
    def size(self) -> int:
        """How many numbers z has; 0 without latent variables, or where neither weights nor recipe say it."""
        size = self.space.get("size", self._get("model", "latent", default=0))
        return size if isinstance(size, int) and not isinstance(size, bool) and self.space_kind is not None else 0

    @property
    def space_title(self) -> str:
        """Where z lives: `2 dimensions`, `the sphere S²`, `no latent variables`."""
        if self.space_kind is None:
            return "no latent variables"
        return str(self.space.get("title") or f"{self.size} dimension{'' if self.size == 1 else 's'}")

    @property
    def flat(self) -> bool:
        """Whether latent space is a plane already."""
        return self.space_kind == "euclidean" and self.size == 2

    @property
    def title(self) -> str:
        """`MNIST in 2 dimensions`, `Digits 8x8 on the sphere S²`, `Digits 8x8, no latent variables`."""
        if self.space_kind is None:
            return f"{self.data_title}, {self.space_title}"
        on = {"euclidean": "in", "sphere": "on", "simplex": "on", "layers": "in"}.get(self.space_kind, "as")
        return f"{self.data_title} {on} {self.space_title}"

    # -- the parts --

    @property
    def prior(self) -> str:
        """The kind of prior: `standard`, `mixture`, `vampprior`, ...; `none` where the recipe names none."""
        return str(self._get("model", "prior", "kind", default="none"))

    @property
    def components(self) -> int | None:
        """The number of the prior's components, where it is a mixture."""
        found = self._get("model", "prior", "components", default=None)
        return int(found) if isinstance(found, int) else None

    @property
    def prior_title(self) -> str:
        """The prior in words: `VampPrior, 500 pseudo-inputs`; of a model without one, the model's own kind."""
        titles = {
            "none": _words(str(self._get("model", "kind", default="model"))),
            "standard": "standard normal prior",
            "vampprior": f"VampPrior, {self.components} pseudo-inputs",
            "vampprior-data": f"VampPrior, {self.components} training images",
            "mixture": f"mixture of {self.components} Gaussians",
            "uniform-sphere": "uniform prior",
        }
        return titles.get(self.prior) or f"{_words(self.prior)} prior"

    @property
    def parts_title(self) -> str:
        """What a card says of the model: its prior, and the parts in which it is not the plain one."""
        parts = [
            f"{_words(kind)} {name}"
            for name, plain in (("posterior", "gaussian"), ("decoder", "mlp"), ("likelihood", "bernoulli"))
            if (kind := str(self._get("model", name, "kind", default=plain))) not in (plain, "gated-mlp")
        ]
        objective = str(self._get("objective", "kind", default="elbo"))
        if objective != "elbo":
            parts.append(f"{_words(objective)} objective")
        beta = self._get("objective", "beta", default=1)
        if isinstance(beta, int | float) and beta != 1:
            parts.append(f"β = {beta:g}")
        return ", ".join([self.prior_title, *parts])

    def _get(self, *path: str, default: Any) -> Any:
        here: Any = self.recipe
        for name in path:
            if not isinstance(here, dict) or name not in here:
                return default
            here = here[name]
        return default if here is None else here


def _words(kind: str) -> str:
    return _WORDS.get(kind, kind.replace("-", " ").replace("_", " ").replace("auto encoder", "auto-encoder"))


def rank(value: str, order: tuple[str, ...]) -> tuple[int, str]:
    """A key that sorts by the place in `order`; what is not in it follows by name."""
    return (order.index(value) if value in order else len(order), value)


def order(entry: Entry) -> tuple:
    """A key that sorts models by data set, family, size and prior: MNIST in two dimensions, VampPrior, comes first."""
    return (
        not entry.shipped,
        rank(entry.data, _DATA),
        rank(entry.family, FAMILIES),
        not entry.flat,
        entry.space_kind != "euclidean",
        entry.size,
        "collapsed" in entry.name,
        rank(entry.prior, _PRIORS),
        entry.name,
    )


# -- reading -------------------------------------------------------------------------------------------------


def read(path: Path, shipped: bool, stamp: Stamp) -> Entry:
    """The entry of a folder, with its error where it is broken."""
    blank = Entry(path.name, path, shipped, stamp)
    try:
        recipe = _json(path / "config.json")
        metrics = _json(path / "metrics.json") if (path / "metrics.json").exists() else {}
    except (OSError, ValueError) as error:
        return replace(blank, error=str(error))
    said, damage = _weights(path)
    family = said.get("family")
    return replace(
        blank,
        recipe=recipe,
        metrics=metrics,
        error=damage,
        space=_space(said.get("space")),
        said_family=family if isinstance(family, str) else "",
    )


def _space(text: Any) -> dict[str, Any]:
    """The weights' own words on their space; {} where there are none that can be read."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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


def _weights(path: Path) -> tuple[dict[str, Any], str | None]:
    """The metadata of the weights, and what is wrong with them as far as the file's header and length tell."""
    weights = path / "model.safetensors"
    if not weights.exists():
        return {}, (
            f"{path.name} has no weights (model.safetensors): its training has not got so far, or copy the file again."
        )
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 0 < length < 10_000_000 else {}
        said = header.pop("__metadata__", {})
        ends = [tensor["data_offsets"][1] for tensor in header.values()]
        complete = bool(ends) and weights.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        complete = False
    if not complete:
        return {}, f"{path.name}'s model.safetensors is damaged: copy it again, or train the model again."
    return said if isinstance(said, dict) else {}, None
