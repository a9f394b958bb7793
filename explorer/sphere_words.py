"""What the Sphere page says under its figure: what is seen, what is lost, what densities and caps are."""

from __future__ import annotations

from typing import Any

import numpy as np

from explorer import globe, library, parts, planes, sphere_density, view, words
from explorer.entry import Entry

PHRASES = {
    "hammer": "a Hammer map",
    "mollweide": "a Mollweide map",
    "lambert": "a Lambert azimuthal map",
    "orthographic": "two hemispheres",
    "equirectangular": "an equirectangular map",
}


def caption(entry: Entry, partner: Entry | None, selected: tuple[int, ...], how: dict[str, Any]) -> str:
    """The sentences of the page's caption. how: the page's controls, by name."""
    from latents.maps import MAPS

    made = how["map"] == globe.UMAP
    drawn = MAPS[globe.projection(how["map"])]
    found = globe.umap(entry) if made else globe.of(entry)
    assert found is not None
    said = [_dots(entry, how, drawn)]
    if how["caps"] and globe.concentration(entry) is not None and selected:
        said.append("caps hold 50\u202f% (line) and 95\u202f% (dashed) of q(z|x)")
    if partner is not None:
        layout = None if globe.why_none(partner) is None else planes.of(partner, "PCA")
        how_shown = " by PCA" if layout is not None and layout.kind == "PCA" else ""
        said.append(f"below the globe the same images in {partner.name}{how_shown}")
    sentences = ["; ".join(said) + "."]
    why = undecoded(entry)
    if why is not None:
        sentences.append(f"Nothing is decoded here: {why.rstrip('.')}.")
    sentences.append(
        sphere_density.words_for(
            entry,
            shown=how["prior"],
            aggregated=how["aggregate"],
            holes=how["holes"],
            equal_area=drawn.equal_area,
            beside=partner is not None and partner.flat,
        )
        if not made
        else ""
    )
    sentences.append(found.lost or "")
    return " ".join(filter(None, sentences))


def _dots(entry: Entry, how: dict[str, Any], drawn: Any) -> str:
    on = f"on {PHRASES[drawn.name]} (areas are {'kept' if drawn.equal_area else 'not kept'})"
    if how["view"] == "Lattice":
        shown = parts.shown([entry])
        return f"Each picture is {shown} at one of many directions spread evenly over the sphere, {on}"
    placed = ", placed by UMAP on a sphere" if how["map"] == globe.UMAP else ""
    sentence = f"Each dot is a test image at {parts.points([entry])}{placed}, {on} and on the globe"
    narrow = globe.concentration(entry)
    if narrow is not None:
        low, middle, high = (_rounded(k) for k in np.quantile(narrow.kappa, [0.05, 0.5, 0.95]))
        sentence += f" (κ: median {middle}, 90\u202f% from {low} to {high})"
    if how["pseudo"]:
        sentence += f"; {'white' if view.dark() else 'black'} dots are pseudo-inputs"
    return sentence


def _rounded(value: float) -> str:
    """With the two digits that count: `2,200`, `46`, `3.1`."""
    return words.number(float(f"{value:.2g}"), 0 if value >= 10 else 1)


def undecoded(entry: Entry) -> str | None:
    """One sentence on why the browser cannot decode, or None."""
    from latents import portable

    return library.remember("why no decoder", entry, lambda: portable.why_not(library.model(entry), "decoder"))
