"""The few lines of Python that make what a page shows, with `latents` and this app's charts. Each test runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from explorer.library import Entry

State = Mapping[str, Any]
"""The page's own settings, by the keys of its widgets; what was never touched may be missing."""


def of(page: str, entries: list[Entry], state: State) -> str:
    """The lines for the first model in view; empty where a page, or this setting of it, has none."""
    make = _PAGES.get(page)
    return make(entries[0], state) if make and entries else ""


def _load(entry: Entry) -> str:
    where = f"{entry.path.parent.name}/{entry.path.name}"
    return f"import latents\n\nmodel = latents.load({where!r})\n"


def _images(entry: Entry) -> str:
    lines = f"test = latents.data.load({entry.data!r}).test\n"
    if entry.binarisation == "none":
        return lines + "images = test.images\n"
    return lines + "images = latents.data.binarise(test.images, latents.data.TEST_SEED)\n"


def _plane(entry: Entry, state: State) -> str:
    if entry.space_kind is None or state.get("plane") not in (None, "PCA") or state.get("of-q") not in (None, "Mean"):
        return ""
    if entry.space_kind == "layers" and state.get("layer") not in (None, "All layers"):
        return ""
    flat = "points = points.cpu()\n" if entry.flat else _SHADOW
    return (
        f"import plotly.graph_objects as go\n{_load(entry)}{_images(entry)}"
        f"points, stddev = latents.diagnostics.encode_all(model, images)  # q(z|x)\n{flat}"
        "classes = None if test.labels is None else test.labels.numpy()\n"
        'marker = {"size": 4, "color": classes, "colorscale": "Viridis"}\n'
        'figure = go.Figure(go.Scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker))\n'
        'figure.write_html("plane.html")\n'
    )


_SHADOW = """from latents.projection import pca

coordinates = model.space.coordinates(points).cpu().numpy()
points = pca(coordinates).to_plane(coordinates)
"""


def _samples(entry: Entry, state: State) -> str:
    changed = {"source": "Prior", "shown": "Means", "temperature": 1.0, "nearest": False}
    if any(state.get(key) not in (None, usual) for key, usual in changed.items()) or entry.space_kind is None:
        return ""
    seed = int(state.get("seed") or 0)
    return (
        f"import torch\n{_load(entry)}from latents.randomness import seeded\n"
        "from explorer.charts import images, sheet\n\n"
        f"with torch.no_grad(), seeded({seed}):\n"
        "    z = model.prior().sample((512,))[:64]  # drawn as the app does\n"
        f"pictures = model.picture(z, {seed}).images  # [64, C, H, W] in [0, 1]\n"
        'open("samples.png", "wb").write(sheet.grid(images.to_uint8(pictures.detach().numpy()), 16, 2))\n'
    )


def _pseudo_inputs(entry: Entry, state: State) -> str:
    if entry.prior != "vampprior":
        return ""
    return (
        f"{_load(entry)}from explorer.charts import images, sheet\n\n"
        "pseudo = model.pseudo_inputs.detach().numpy()  # [K, C, H, W] in [0, 1]\n"
        'open("pseudo-inputs.png", "wb").write(sheet.grid(images.to_uint8(pseudo), 25, 1))\n'
    )


def _units(entry: Entry, state: State) -> str:
    if entry.space_kind not in ("euclidean", "layers"):
        return ""
    threshold = float(state.get("threshold") or 0.01)
    return (
        f"{_load(entry)}{_images(entry)}"
        "points, _ = latents.diagnostics.encode_all(model, images)  # the means of q(z|x), [N, d]\n"
        "variances = points.double().var(dim=0, correction=0)\n"
        f'print(int((variances > {threshold:g}).sum()), "of", len(variances), "units are active")\n'
    )


_PAGES: dict[str, Callable[[Entry, State], str]] = {
    "": _plane,
    "latent_space": _plane,
    "samples": _samples,
    "pseudo_inputs": _pseudo_inputs,
    "active_units": _units,
}
