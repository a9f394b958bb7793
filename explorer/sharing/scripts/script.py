"""How lines are put together: what they import, and the steps with which most of them begin."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from explorer import library
from explorer.library import Entry

_IMPORTS = {
    "np": "import numpy as np",
    "go": "import plotly.graph_objects as go",
    "torch": "import torch",
    "latents": "import latents",
    "caps": "from latents import caps",
    "maps": "from latents import maps",
    "evaluation_images": "from latents.evaluation import evaluation_images",
    "paired_difference": "from latents.evaluation import paired_difference",
    "ModelFolder": "from latents.folder import ModelFolder",
    "find": "from latents.folder import find",
    "neighbour_maps": "from latents import neighbour_maps",
    "pca": "from latents.projection import pca",
    "aggregated_log_prob": "from latents.holes import aggregated_log_prob",
    "holes": "from latents.holes import holes",
    "stored": "from latents.projection import stored",
    "seeded": "from latents.randomness import seeded",
    "CLASSES": "from explorer.charts.palette import CLASSES",
    "density": "from explorer.charts import density",
    "grid": "from explorer.charts.sheet import grid",
    "limits": "from explorer.charts.region import limits",
    "compute": "from explorer.duplicates import compute",
    "directions": "from explorer.globe import directions",
    "decode": "from explorer.picture_code import decode",
    "arc": "from explorer.paths import arc",
    "lattice": "from explorer.planes import lattice",
    "walk": "from explorer.paths import walk",
    "spherical_walk": "from explorer.paths import spherical_walk",
    "tempering": "from explorer import tempering",
    "logarithm": "from explorer.traversal import logarithm",
}
"""What each name in the lines is imported by."""
_OURS = re.compile(r"^(?:from|import) (?:latents|explorer)")


@dataclass(frozen=True)
class Script:
    """Lines that run. name: of the model they are of, "" for those of all models in view."""

    name: str
    text: str


def script(name: str, *parts: str) -> Script:
    """The parts, one below the other, under the imports of the names that they use."""
    body = "\n".join(part.strip("\n") for part in parts if part) + "\n"
    body = re.sub(r"(?m)^(def .*\n(?: .*\n)+)", r"\n\n\1\n\n", body).strip("\n")
    code = re.sub(r'"[^"\n]*"|#.*', "", body)
    used = [line for known, line in _IMPORTS.items() if re.search(rf"(?<![\w.]){known}\b(?=[.(\[,)])", code)]
    others, ours = [one for one in used if not _OURS.match(one)], [one for one in used if _OURS.match(one)]
    groups = [sorted(group, key=_order) for group in (others, ours) if group]
    text = "\n\n".join(_merged(group) for group in groups)
    return Script(name, f"{text}\n\n{body}\n")


def _merged(lines: list[str]) -> str:
    """The imports, those from one module in one line."""
    found: dict[str, list[str]] = {}
    for line in lines:
        source, _, name = line.partition(" import ")
        found.setdefault(source, []).extend([name] if name else [])
    return "\n".join(
        f"{source} import {', '.join(sorted(names))}" if names else source for source, names in found.items()
    )


def _order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line.lower()


# -- the first steps -----------------------------------------------------------------------------------------


def where(entry: Entry) -> str:
    """The model's folder, quoted, as it is found from the folder that holds the shelf."""
    return quoted(f"{entry.path.parent.name}/{entry.path.name}")


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def load(entry: Entry) -> str:
    return f"model = latents.load({where(entry)})"


def test_images(entry: Entry) -> str:
    """`test`, and `images` as the model sees them."""
    lines = f"test = latents.data.load({quoted(entry.data)}).test\n"
    if entry.binarisation == "none":
        return lines + "images = test.images"
    return lines + "images = latents.data.binarise(test.images, latents.data.TEST_SEED)"


def points(entry: Entry, spread: str = "_") -> str:
    """`points` of all test images; spread: the name of the standard deviations of q(z|x)."""
    encoded = f"points, {spread} = latents.diagnostics.encode_all(model, images)"
    return f"{encoded}  # {library.point_words(entry)}, [N, {entry.size}]"


def begin(entry: Entry) -> str:
    """The model, the test images and their points."""
    return "\n".join([load(entry), test_images(entry), points(entry)])


def sheet(pictures: str, columns: int, entry: Entry, file: str) -> str:
    """Write pictures [N, C, H, W] as a PNG."""
    return f'open("{file}", "wb").write(grid({pictures}, {columns}, {scale(entry)}))'


def scale(entry: Entry) -> int:
    """How much a picture is enlarged in a file."""
    width = library.images(entry).gray.shape[-1]
    return max(1, 64 // width)
