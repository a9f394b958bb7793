"""The live latent canvas: test images on one or two linked planes, decoded in the browser under the pointer.

The JavaScript beside this file (`createCanvas` in canvas.js; docs/canvas.md describes it) knows nothing of Streamlit;
`component.js` adapts it, and `explorer.export` puts the same bundle into a file. A page makes its planes with
`scene.plane` and shows them::

    state = canvas([scene.plane(entry, layout, region)], region, key="points", height=558)
    if state.selection: ...

Points, programs, codes, frames and pictures travel as files of the server with an address made from their content: the
browser fetches each once and again never, and reruns send a few hundred bytes of settings.
"""

from __future__ import annotations

from explorer.canvas.component import CanvasState, Probe, canvas, data_address, options, state, waiting
from explorer.canvas.plane import CanvasPlane, Class, Lattice, Sprite

__all__ = [
    "CanvasPlane",
    "CanvasState",
    "Class",
    "Lattice",
    "Probe",
    "Sprite",
    "canvas",
    "data_address",
    "options",
    "state",
    "waiting",
]
