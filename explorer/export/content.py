"""What a file shows of one or two models: planes, pad, numbers, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from explorer import library, parts, planes, pointing, words
from explorer.canvas import CanvasPlane, options, pad
from explorer.charts.density import SHARES
from explorer.charts.region import Limits
from explorer.entry import Entry

HEIGHT = 440
"""Pixels of the canvas until page.js knows the window."""


def content(
    entries: list[Entry],
    shown: list[CanvasPlane],
    layouts: list[planes.Layout],
    region: Limits,
    why: dict[str, str],
    pictures: str,
    address: Callable[[bytes, str], str],
) -> dict[str, Any]:
    """The JSON that page.js shows.

    why: a sentence on each model that answers no drawings, by its name; pictures: what the thumbnails are, in words,
    or "" where there is nothing to say.
    """
    from explorer.canvas import scene
    from latents.data import TEST_SEED

    canvas = options(
        shown,
        region,
        address=address,
        classes=scene.classes(entries),
        height=HEIGHT,
        pseudo=True,
        prior=True,
        pseudoShares=True,
        lens=112 if len(entries) == 1 else 84,
    )
    return {
        "version": 1,
        "models": [entry.name for entry in entries],
        "canvas": canvas,
        "pad": pad.settings(library.images(entries[0]).gray, TEST_SEED, why),
        "numbers": [_numbers(entry, [other for other in entries if other is not entry]) for entry in entries],
        "caption": _caption(entries, shown, layouts),
        "provenance": _provenance(entries, pictures),
    }


# -- in words ------------------------------------------------------------------------------------------------


def title(entries: list[Entry]) -> str:
    """`MNIST in 2 dimensions: standard normal prior | VampPrior, 500 pseudo-inputs`."""
    return f"{entries[0].title}: {' | '.join(entry.prior_title for entry in entries)}"


def description(entries: list[Entry]) -> str:
    """The one sentence of the page."""
    move = "Move the pointer over the plane: the decoder answers."
    if len(entries) == 2 and library.are_twins(*entries):
        return f"Same data, same network, different prior. {move}"
    return move


def _numbers(entry: Entry, others: list[Entry]) -> list[str]:
    """Under a plane: log-likelihood with error, active units, and the comparison with the other model."""
    likelihood, active = words.log_likelihood(entry.metrics), words.active_units(entry.metrics)
    told = [
        f"{likelihood} log-likelihood" if likelihood else words.unmeasured(entry.metrics),
        f"{active} units active" if active else None,
    ]
    lines = [" · ".join(part for part in told if part)]
    compared = next(filter(None, (words.comparison(entry.metrics, other.name) for other in others)), None)
    return [*lines, compared] if compared else lines


def _caption(entries: list[Entry], shown: list[CanvasPlane], layouts: list[planes.Layout]) -> str:
    layout = layouts[0]
    sentence = f"Each dot is a test image at {parts.points(entries)}"
    if library.images(entries[0]).labels is not None:
        sentence += ", coloured by class"
    if any(_has_pseudo(entry) for entry in entries):
        sentence += "; dots with a halo are pseudo-inputs, larger for a larger share of the images"
    if any("prior" in plane.contours for plane in shown):
        sentence += f"; gray lines enclose {SHARES} of the prior"
    sentence += f". {pointing.way(entries[0], layout, shown[0], exact=False)} {layout.lost or ''}"
    return " ".join(f"{sentence} {pointing.drawing(entries, layouts, shown)}".split())


def _has_pseudo(entry: Entry) -> bool:
    """Whether the model's prior has pseudo-inputs."""
    return library.why_not(entry, "pseudo_inputs") is None


def _provenance(entries: list[Entry], pictures: str) -> list[str]:
    """Where it all comes from: models, images, numbers, programs and licence."""
    from latents import data

    names = " | ".join(f"{entry.name} ({entry.space_title})" for entry in entries)
    images = " | ".join(dict.fromkeys(library.images(entry).provenance for entry in entries))
    measured = dict.fromkeys(filter(None, (words.likelihood_provenance(entry.metrics) for entry in entries)))
    likelihood = f" · log-likelihood: higher is better, {' | '.join(measured)}" if measured else ""
    source = data.load(entries[0].data).source
    return [
        f"{names} · {images}{likelihood}{f' · {pictures}' if pictures else ''}",
        f"Images: {source}. Made with Latent Explorer {version()}; the models run in this page, and nothing leaves it.",
    ]


def version() -> str:
    from importlib.metadata import version as installed

    return installed("latent-explorer")
