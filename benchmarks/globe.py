"""The sphere in a real browser: turning 10,000 points on map, globe and twin, and decoding under the pointer.

As in `canvas`: headless Chromium without a GPU, from one animation frame to the next, a browser that does nothing
beside it. While the globe is dragged the pictures along the map's middle line are decoded, too.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

import numpy as np

from .browser import browser
from .timing import Claim, show

MODEL, TWIN = "mnist-vmf-2d", "mnist-standard-2d"
RUNS = 3
SECONDS = 3
ORIGIN = "http://globe.test"
VIEW = {"width": 1280, "height": 720}
DRAG, POINT, WORK = 34.0, 17.0, 16.7  # the goals: milliseconds of nine frames in ten, and of work
MAP, GLOBE = 0, 1

_PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="place" style="width:1000px"></div>
<script type="module">import * as bundle from "/bundle.js"; Object.assign(window, bundle, { ready: true });</script>"""

_SHOW = """async options => {
    window.canvas?.destroy();
    window.canvas = createCanvas(document.getElementById("place"), options, {});
    while (!canvas.describe().planes.every(one => one.ready && one.drawn)) await new Promise(requestAnimationFrame);
}"""

# In each frame the pointer moves in a curve over a view, its button down ("drag") or up ("point"); or nothing moves.
_FRAMES = """async ([what, view, seconds]) => {
    const over = document.querySelectorAll(".lx-over")[view], box = over.getBoundingClientRect(), gaps = [];
    const at = t => ({ bubbles: true, cancelable: true, pointerId: 1, pointerType: "mouse", button: 0,
                       clientX: box.left + box.width * (0.5 + 0.3 * Math.sin(3 * t)),
                       clientY: box.top + box.height * (0.5 + 0.2 * Math.sin(2 * t)) });
    over.setPointerCapture = () => {};
    if (what === "drag") over.dispatchEvent(new PointerEvent("pointerdown", at(0)));
    const began = performance.now();
    for (let last = began, now = began; now - began < 1000 * seconds; last = now) {
        if (what !== "idle") over.dispatchEvent(new PointerEvent("pointermove", at((now - began) / 1000)));
        now = await new Promise(requestAnimationFrame);
        gaps.push(now - last);
    }
    if (what === "drag") over.dispatchEvent(new PointerEvent("pointerup", at(seconds)));
    return gaps.slice(5);
}"""


def all_claims() -> Iterator[Claim]:
    with browser() as chromium:
        page = _stage(chromium)
        for name, settings in (("", {}), (", contours and holes", {"aggregate": True, "holes": True})):
            _sphere(page, **settings)
            idle = _gaps(page, "idle", MAP)
            dragged, work = _worked(page, "drag", GLOBE)
            yield _claim(f"globe: frame interval, dragging 10,000 points{name}", dragged, idle, DRAG)
            detail = "CPU time of the page's thread; what else runs on the machine does not count"
            yield Claim(f"globe: work in a frame, dragging{name}", work, WORK, "ms", detail=detail)
        _sphere(page)
        pointed = _gaps(page, "point", MAP)
        yield _claim("globe: frame interval, pointer decodes on the map", pointed, idle, POINT)


def _claim(what: str, gaps: list[list[float]], idle: list[list[float]], goal: float) -> Claim:
    def share(of: list[list[float]], percent: int) -> float:
        return statistics.median(float(np.percentile(run, percent)) for run in of)

    detail = f"9 of 10 frames; median {share(gaps, 50):.1f} ms; idle: {share(idle, 90):.1f} ms"
    return Claim(what, share(gaps, 90), goal, "ms", detail=detail)


def _stage(chromium):
    """A page that holds the bundle."""
    from explorer.canvas import bundle

    page = chromium.new_context(viewport=VIEW).new_page()
    page.route(f"{ORIGIN}/", lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    page.route(f"{ORIGIN}/bundle.js", lambda route: route.fulfill(body=bundle.script(), content_type="text/javascript"))
    page.goto(f"{ORIGIN}/")
    page.wait_for_function("window.ready")
    return page


def _sphere(page, **shown: bool) -> None:
    """Map, globe and twin of the shipped models, as the page has them."""
    from explorer import library, planes
    from explorer.canvas import globes, options, scene

    entry, twin = library.find(MODEL), library.find(TWIN)
    legend = scene.classes([entry])
    layout = planes.of(twin, "PCA")
    region = planes.region([layout])
    views = [*globes.planes(entry, legend, **shown), scene.plane(twin, layout, region, legend)]

    def served(content: bytes, _: str) -> str:
        path = f"{ORIGIN}/{len(content)}-{hash(content)}"
        page.route(path, lambda route: route.fulfill(body=content))
        return path

    made = options(
        views, region, address=served, classes=legend, height=528, linked=False, projection="hammer", **shown
    )
    page.evaluate(_SHOW, json.loads(json.dumps(made)))


def _gaps(page, what: str, view: int) -> list[list[float]]:
    """The times between frames in ms, of each run."""
    return [page.evaluate(_FRAMES, [what, view, SECONDS]) for _ in range(RUNS)]


def _worked(page, what: str, view: int) -> tuple[list[list[float]], float]:
    """The times between frames, and the CPU time in ms of the page's main thread for each frame."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")

    def seconds() -> float:
        return next(
            one["value"] for one in client.send("Performance.getMetrics")["metrics"] if one["name"] == "ThreadTime"
        )

    before = seconds()
    gaps = _gaps(page, what, view)
    return gaps, 1000 * (seconds() - before) / sum(map(len, gaps))


if __name__ == "__main__":
    show(all_claims())
