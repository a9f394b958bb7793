"""How figures look in light and in dark: the few tones a chart may use, and the layout all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = '"Source Sans", "Source Sans Pro", sans-serif'
SMALL, BODY = 13, 15
"""Sizes of ticks and of titles, in pixels."""


@dataclass(frozen=True)
class Tone:
    """The tones of one theme.

    ink: text and marks that must be read; muted: ticks and captions; rule: grid lines and frames;
    contour: density lines; dot, halo: pseudo-inputs; accent: what can be acted on.
    """

    name: str
    paper: str
    ink: str
    muted: str
    rule: str
    contour: str
    dot: str
    halo: str
    accent: str


LIGHT = Tone(
    name="light",
    paper="#fcfaf6",
    ink="#1c2330",
    muted="#625c52",
    rule="#e7e1d6",
    contour="rgba(72, 72, 72, 0.55)",
    dot="#000000",
    halo="#ffffff",
    accent="#0b7560",
)
DARK = Tone(
    name="dark",
    paper="#0d131f",
    ink="#e7eaf1",
    muted="#9aa5b8",
    rule="#1f2a3d",
    contour="rgba(205, 212, 224, 0.5)",
    dot="#ffffff",
    halo="#000000",
    accent="#2fb391",
)


def tone(dark: bool) -> Tone:
    """The tones of the dark or of the light theme."""
    return DARK if dark else LIGHT


def layout(tones: Tone, height: int, **more: Any) -> dict[str, Any]:
    """The layout every figure starts from: transparent paper, the app's font, small margins, no toolbar clutter.

    height: pixels; more: further keys of Plotly's layout, which win.
    """
    base: dict[str, Any] = {
        "height": height,
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": SMALL, "color": tones.ink},
        "margin": {"l": 52, "r": 12, "t": 12, "b": 46},
        "hoverlabel": {
            "bgcolor": tones.paper,
            "bordercolor": tones.rule,
            "font": {"family": FONT, "size": SMALL, "color": tones.ink},
        },
        "modebar": {
            "orientation": "v",
            "bgcolor": "rgba(0,0,0,0)",
            "color": tones.muted,
            "activecolor": tones.accent,
        },
        "dragmode": "pan",
        "showlegend": False,
    }
    return base | more


def axis(tones: Tone, title: str, **more: Any) -> dict[str, Any]:
    """A quiet axis with its title: symbol and unit."""
    base: dict[str, Any] = {
        "title": {"text": title, "font": {"size": BODY, "color": tones.ink}, "standoff": 8},
        "tickfont": {"size": SMALL, "color": tones.muted},
        "gridcolor": tones.rule,
        "gridwidth": 1,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": False,
    }
    return base | more


CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtons": [["pan2d", "zoom2d", "resetScale2d", "toImage"]],
    "responsive": True,
}
"""Plotly's own settings, for `view.figure`: the few tools that are of use, nothing that reaches a network."""
