"""Where the visitor points on a canvas: the point of latent space there, and its exact picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from explorer import library, one_point, planes
from explorer.canvas import CanvasPlane, Probe, data_address, state
from explorer.charts import images
from explorer.charts.region import Limits
from explorer.library import Entry


def pointed(key: str, entries: list[Entry], layouts: list[planes.Layout], region: Limits) -> None:
    """The `on_probe` of the canvas with this key: a rest asks for the exact picture, all else moves the chosen z."""
    probe = state(key).probe
    if probe is None:
        return
    st.session_state["rested"] = probe
    if probe.how != "rest":
        _move(probe, entries, layouts, region)
        st.session_state["pointed"] = _typed()


def _move(probe: Probe, entries: list[Entry], layouts: list[planes.Layout], region: Limits) -> None:
    """The widgets of the chosen z follow the probe."""
    entry, layout = next(pair for pair in zip(entries, layouts, strict=True) if pair[0].name == probe.plane)
    if entry.flat:
        for name, value, (low, high) in zip(("z1", "z2"), (probe.x, probe.y), region, strict=True):
            st.session_state[name] = float(np.clip(round(value, 2), low, high))
        st.session_state["z"] = ""
        return
    z = there(entry, layout, probe)
    if z is not None and library.encoding(entry).coordinates.shape[1] == len(z) <= one_point.TYPED:
        st.session_state["z"] = ", ".join(f"{value:.4g}" for value in z)


def there(entry: Entry, layout: planes.Layout, probe: Probe) -> np.ndarray | None:
    """The point of latent space [size] at a place that was pointed at; None on a map without a way back."""
    if probe.z is not None and probe.plane == entry.name:
        return library.from_coordinates(entry, np.array(probe.z, np.float32))
    return None if layout.axes is None else planes.back(entry, layout, np.array([probe.x, probe.y], np.float32))


def exact(entries: list[Entry], layouts: list[planes.Layout], shown: list[CanvasPlane]) -> dict[str, Any] | None:
    """The exact pictures at the place where the pointer rested, of models that the browser cannot run."""
    probe: Probe | None = st.session_state.get("rested")
    names = [entry.name for entry in entries]
    if probe is None or probe.plane not in names or all(plane.lattice is None for plane in shown):
        return None
    alike = entries[names.index(probe.plane)].flat
    pictures: list[str | None] = []
    for entry, layout, plane in zip(entries, layouts, shown, strict=True):
        meant = entry.name == probe.plane or (alike and entry.flat)
        z = there(entry, layout, probe) if meant and plane.lattice is not None else None
        picture = None if z is None else images.image_png(library.decode(entry, z[None])[0])
        pictures.append(None if picture is None else data_address(picture, "image/png"))
    return {"number": probe.number, "images": pictures}


def place(entry: Entry, layout: planes.Layout, z: np.ndarray | None) -> list[float] | None:
    """Where the visitor's own z lies on the plane, for the canvas's probe.

    None for the z that a first visit finds there, and for one that was pointed at: its probe is there already, and may
    have moved on.
    """
    own = any(_typed()) and _typed() != st.session_state.get("pointed")
    at = planes.forth(entry, layout, z) if own and z is not None else None
    return None if at is None else [round(float(value), 4) for value in at]


def _typed() -> tuple:
    """What the widgets of the chosen z hold."""
    return tuple(st.session_state.get(key) for key in ("z", "z1", "z2", "by", "share"))
