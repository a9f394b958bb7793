"""The canvas as a Streamlit component: `canvas(...)` draws it and returns what the visitor did."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import library, view
from explorer.canvas.plane import Address, CanvasPlane, Class, Limits
from explorer.canvas.track import Track
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

NAME = "latent_canvas"
LARGE = 1 << 17
"""Bytes of what has a file of its own even where the next run may replace it."""
LOADER = Path(__file__).with_name("loader.mjs")


@dataclass(frozen=True)
class Probe:
    """A place that the visitor pointed at.

    plane: the name of the model; x, y: in the plane's units; z: the point of latent space that the browser decoded
    there, or None where only Python knows the way; how: "click", "drag" (let go of), "rest" (stood still), "key";
    number: counts up, so that two equal probes differ.
    """

    plane: str
    x: float
    y: float
    z: tuple[float, ...] | None
    how: str
    number: int


@dataclass(frozen=True)
class Drawing:
    """What is on the drawing pad: its gray (or colour) bytes [C * H * W], and the test image by whose draw a model of
    binary images sees it."""

    pixels: bytes
    place: int


@dataclass(frozen=True)
class CanvasState:
    """What the visitor did last. selection: places of test images, ascending; ends: the draggable points; turn:
    longitude and latitude of the middle of a map of the sphere, degrees; drawing: None where nothing is drawn; pseudo:
    the pseudo-input that was clicked; bead: the step of the path that its bead was let go at."""

    selection: tuple[int, ...] = ()
    probe: Probe | None = None
    hover: int | None = None
    ends: tuple[tuple[float, float], ...] | None = None
    turn: tuple[float, float] | None = None
    drawing: Drawing | None = None
    pseudo: int | None = None
    bead: int | None = None


def canvas(
    planes: list[CanvasPlane],
    region: Limits,
    *,
    key: str,
    height: int = 558,
    classes: list[Class] | None = None,
    selection: tuple[int, ...] = (),
    message: str = "",
    on_select: Callable[[], None] | None = None,
    on_probe: Callable[[], None] | None = None,
    on_hover: Callable[[], None] | None = None,
    on_ends: Callable[[], None] | None = None,
    on_turn: Callable[[], None] | None = None,
    on_drawing: Callable[[], None] | None = None,
    on_pseudo: Callable[[], None] | None = None,
    on_bead: Callable[[], None] | None = None,
    track: Track | None = None,
    **settings: Any,
) -> CanvasState:
    """One or two linked planes, `height` pixels high over the whole width of their place.

    planes: of the same size and axes; none of them with a `message`: an empty canvas that says it. region: what is in
    view at first. classes: for legend and colours. selection: what is to be selected (the visitor's own choice comes
    back in the state). track: the steps of the first plane's path, along which its bead is dragged. settings: see
    SETTINGS of canvas.js, such as `size=3.5`, `shapes=True`, `decoded=True`, and `pad`, made by
    `explorer.canvas.pad.settings`: a pad to draw on at the right of the planes.

    on_select, on_probe, on_hover, on_ends, on_turn, on_drawing, on_pseudo, on_bead: called (before the script runs)
    when the visitor has selected images, pointed at a place, stood on an image for a while, let go of one of the
    draggable points, turned a sphere, drawn on the pad, clicked a pseudo-input (with `pseudoClicks`), let go of the
    bead. What has no callback is not sent, so it costs no rerun. Read `state(key)` in them. Inside a fragment only the
    fragment reruns.
    """
    tall = view.taller(height)
    address = addresses(key)
    data = options(planes, region, address=address, classes=classes, height=tall, **settings)
    if track is not None:
        data["settings"]["track"] = track.json(passing(key))
    data |= {"script": script_address(key), "message": message, "selection": list(selection)}
    named = {"selection": on_select, "probe": on_probe, "hover": on_hover, "ends": on_ends, "turn": on_turn}
    named |= {"drawing": on_drawing, "pseudo": on_pseudo, "bead": on_bead}
    data["wanted"] = [name for name, call in named.items() if call is not None]
    calls = {f"on_{name}_change": call for name, call in named.items() if call is not None}
    _component()(key=key, data=data, height="content", **calls)  # (on a phone two planes are higher)
    return state(key)


def waiting(key: str, height: int, sentence: str, entries: list[Entry]) -> DeltaGenerator:
    """The place of a canvas. While models are read for the first time it holds an empty canvas of the same height that
    says what it waits for; that also makes the browser fetch the canvas's script while Python loads torch."""
    place = st.empty()
    if not all(library.ready(entry) for entry in entries):
        with place.container():
            canvas([], ((-1.0, 1.0), (-1.0, 1.0)), key=f"{key}-waiting", height=height, message=sentence, tools=False)
    return place


def options(
    planes: list[CanvasPlane],
    region: Limits,
    *,
    address: Address,
    classes: list[Class] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """The first argument after the element of `createCanvas` (canvas.js), as JSON.

    address: gives bytes an address; `data_address` makes one that holds the bytes themselves, for a file.
    """
    return {
        "planes": [plane.json(address) for plane in planes],
        "region": [list(edge) for edge in region],
        "classes": [one.json() for one in classes or []],
        "settings": settings,
    }


def data_address(content: bytes, mimetype: str) -> str:
    """An address that is the content itself: `data:image/png;base64,...`."""
    return f"data:{mimetype};base64,{base64.b64encode(content).decode('ascii')}"


def state(key: str) -> CanvasState:
    """What the visitor did last on the canvas of this key; in a callback, what has just been done."""
    found = st.session_state.get(key) or {}
    selection, probe, ends = found.get("selection") or {}, found.get("probe"), found.get("ends")
    return CanvasState(
        selection=tuple(int(i) for i in selection.get("indices", ())),
        probe=None if probe is None else _probe(probe),
        hover=found.get("hover"),
        ends=None if ends is None else tuple((float(x), float(y)) for x, y in ends),
        turn=None if found.get("turn") is None else (float(found["turn"][0]), float(found["turn"][1])),
        drawing=drawing(found.get("drawing")),
        pseudo=None if found.get("pseudo") is None else int(found["pseudo"]["k"]),
        bead=None if found.get("bead") is None else int(found["bead"]["step"]),
    )


def drawing(found: Any) -> Drawing | None:
    """What the pad has sent, or None for nothing and for what is none."""
    try:
        return Drawing(base64.b64decode(found["pixels"], validate=True), max(0, int(found["place"])))
    except (TypeError, KeyError, ValueError):
        return None


def _probe(found: dict[str, Any]) -> Probe:
    z = found.get("z")
    return Probe(
        str(found["plane"]),
        float(found["x"]),
        float(found["y"]),
        None if z is None else tuple(float(value) for value in z),
        str(found["how"]),
        int(found["number"]),
    )


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(NAME, js=LOADER.read_text("utf-8"))


# -- files of this server ------------------------------------------------------------------------------------


def addresses(key: str) -> Address:
    """Gives bytes an address on this server, made from their content, for as long as the page shows them."""
    places = iter(range(10**6))

    def address(content: bytes, mimetype: str) -> str:
        return served(content, mimetype, f"canvas/{key}/{next(places)}")

    return address


def passing(key: str) -> Address:
    """Addresses for what the next run of the page may replace before the browser has fetched it, such as the pictures
    at a slider's step. The server forgets files that are replaced: what is not large comes with the page itself.
    """
    address = addresses(f"{key}/passing")

    def inline(content: bytes, mimetype: str) -> str:
        return data_address(content, mimetype) if len(content) <= LARGE else address(content, mimetype)

    return inline


def script_address(key: str) -> str:
    from explorer.canvas.bundle import script

    return served(script().encode("utf-8"), "text/javascript", f"canvas/{key}/script")


def served(content: bytes, mimetype: str, place: str) -> str:
    """The address of a file of this server, for as long as the page asks for it at this place; "" without a server.

    (Streamlit has no public call for this; `st.image` does the same.)
    """
    from streamlit.runtime import exists, get_instance

    if not exists():
        return ""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return (f"/{base}" if base else "") + get_instance().media_file_mgr.add(content, mimetype, place)
