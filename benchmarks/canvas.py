"""The live canvas in a real browser: decoding, frames, first picture, bytes, and the way to the server and back.

Without a GPU, in headless Chromium, as a laptop in a lecture hall may be. Frames are measured from one animation frame
to the next, so 60 of them a second are the most there can be; a browser that does nothing is measured beside them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator

import numpy as np

from .browser import Traffic, browser, go, server
from .timing import Claim, show

MODEL = "mnist-vampprior-2d"
RUNS = 3
SECONDS = 3  # of moving
ORIGIN = "http://canvas.test"
VIEW = {"width": 1280, "height": 720}
DECODE, FRAME, COLD, START, RATE, CLICK = 1.0, 17.0, 1.6, 5.0, 30.0, 200.0  # the goals: ms, ms, s, s, frames, ms
DATA, THUMBNAILS = 2.5, 3.0  # megabytes
DATA_FILES = (".bin", ".js", ".mjs", ".es")  # points, programs and contours, and the script; pictures are .png

_PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="place" style="width:1100px"></div>
<script type="module">import * as bundle from "/bundle.js"; Object.assign(window, bundle, { ready: true });</script>"""

_DECODE = """async () => {
    const program = loadProgram(new Uint8Array(await (await fetch("/decoder")).arrayBuffer()));
    const z = new Float32Array(program.inputs.z), times = [];
    for (let round = 0; round < 45; round++) {  // the clock of a page ticks in tenths of a millisecond: 20 at a time
        const began = performance.now();
        for (let k = 0; k < 20; k++) {
            for (let i = 0; i < z.length; i++) z[i] = 6 * Math.random() - 3;
            program.run({ z });
        }
        if (round >= 5) times.push((performance.now() - began) / 20);
    }
    return times;
}"""

_SHOW = """async options => {
    window.canvas?.destroy();
    window.canvas = createCanvas(document.getElementById("place"), options, {});
    while (!canvas.describe().planes[0].ready || canvas.describe().planes[0].drawn === 0)
        await new Promise(requestAnimationFrame);
}"""

# What happens in a frame: a pointer that moves over the plane in a curve, a wheel that turns, or nothing.
_FRAMES = """async ([what, seconds]) => {
    const over = document.querySelector(".lx-over"), box = over.getBoundingClientRect(), gaps = [];
    const about = { bubbles: true, cancelable: true, pointerId: 1, pointerType: "mouse" };
    const at = t => ({ ...about, clientX: box.left + box.width * (0.5 + 0.4 * Math.sin(3 * t)),
                       clientY: box.top + box.height * (0.5 + 0.4 * Math.sin(2 * t)) });
    const began = performance.now();
    for (let last = began, now = began; now - began < 1000 * seconds; last = now) {
        const t = (now - began) / 1000;
        if (what === "move") over.dispatchEvent(new PointerEvent("pointermove", at(t)));
        if (what === "zoom") over.dispatchEvent(new WheelEvent("wheel", { ...at(t), deltaY: 40 * Math.sin(4 * t) }));
        now = await new Promise(requestAnimationFrame);
        gaps.push(now - last);
    }
    return [gaps.slice(5), canvas.describe().planes[0].drawn];
}"""


def all_claims() -> Iterator[Claim]:
    with browser() as chromium:
        stage = _stage(chromium)
        yield _decoding(stage)
        yield from _frames(stage)
        stage.context.close()
        yield from _in_the_app(chromium)
        yield _from_nothing(chromium)


# -- the canvas alone, without a server ----------------------------------------------------------------------


def _stage(chromium):
    """A page that holds the bundle."""
    from explorer.canvas import bundle

    page = chromium.new_context(viewport=VIEW).new_page()
    page.route(f"{ORIGIN}/", lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    page.route(f"{ORIGIN}/bundle.js", lambda route: route.fulfill(body=bundle.script(), content_type="text/javascript"))
    page.route(f"{ORIGIN}/decoder", lambda route: route.fulfill(body=_decoder()))
    page.goto(f"{ORIGIN}/")
    page.wait_for_function("window.ready")
    return page


def _decoder() -> bytes:
    from explorer import ROOT
    from latents import load, portable

    return portable.export(load(ROOT / "trained" / MODEL, "cpu"), "decoder")


def _decoding(page) -> Claim:
    """One z at a time, against PyTorch in this process."""
    import torch

    from explorer import ROOT
    from latents import load

    times = page.evaluate(_DECODE)
    model, reference = load(ROOT / "trained" / MODEL, "cpu"), []
    with torch.no_grad():
        for _ in range(200):
            z = torch.randn(1, 2)
            began = time.perf_counter()
            _ = model.decode(z).mean
            reference.append(1000 * (time.perf_counter() - began))
    detail = f"median of {len(times)} x 20; PyTorch in Python: {statistics.median(reference):.2f} ms"
    return Claim("canvas: decode of 2-300-300-784", statistics.median(times), DECODE, "ms", detail=detail)


def _frames(page) -> Iterator[Claim]:
    for n, live in ((10_000, True), (70_000, False), (1_000_000, False)):
        _crowd(page, n, live)
        idle = _percentile(page, "idle", 95)[0]
        if live:
            moving, _ = _percentile(page, "move", 95)
            detail = f"95 % of the frames, decoding; idle: {idle:.1f} ms"
            yield Claim(f"canvas: frame interval, pointer over {n:,} points", moving, FRAME, "ms", detail=detail)
            continue
        gap, drawn = _percentile(page, "zoom", 50)
        detail = f"median of {SECONDS * RUNS} s; {drawn:,} points in a frame; idle: {1000 / max(idle, 1):.0f}"
        goal = RATE if n == 70_000 else None
        yield Claim(f"canvas: frames a second, zooming {n:,} points", 1000 / gap, goal, "/s", True, detail)


def _crowd(page, n: int, live: bool) -> None:
    """Show n points of ten classes, with the decoder where it is live."""
    from explorer.canvas import CanvasPlane, Class, blobs, options

    draws = np.random.default_rng(0)
    labels = draws.integers(0, 10, n)
    angle = labels / 10 * 2 * np.pi
    places = np.stack([2 * np.cos(angle), 2 * np.sin(angle)], axis=1) + draws.normal(0, 0.6, (n, 2))
    classes = [Class(label, str(label)) for label in range(10)]
    axes = {"centre": np.zeros(2), "axes": np.eye(2)}
    points = blobs.points(places, kind="units", space="euclidean", labels=labels, classes=classes, **axes)
    plane = CanvasPlane("crowd", "", "z₁", "z₂", points, (1, 28, 28), decoder=_decoder() if live else None)

    def served(content: bytes, _: str) -> str:
        path = f"{ORIGIN}/{n}-{len(content)}"
        page.route(path, lambda route: route.fulfill(body=content))
        return path

    region = ((-4.0, 4.0), (-4.0, 4.0))
    page.evaluate(_SHOW, json.loads(json.dumps(options([plane], region, address=served, classes=classes, height=600))))


def _percentile(page, what: str, share: int) -> tuple[float, int]:
    """A percentile of the time between frames in ms, the median over runs, and the points drawn in a frame."""
    found = [page.evaluate(_FRAMES, [what, SECONDS]) for _ in range(RUNS)]
    return statistics.median(float(np.percentile(gaps, share)) for gaps, _ in found), found[0][1]


# -- in the app ----------------------------------------------------------------------------------------------

_CANVAS = """[...document.querySelectorAll('*')].map(one => one.shadowRoot?.querySelector('.lx'))
    .concat(document.querySelector('.lx')).map(root => root?.latentCanvas)
    .find(canvas => canvas?.describe().planes.length)"""
_DRAWN = f"() => {{ const now = ({_CANVAS})?.describe(); return now && now.planes.every(one => one.drawn > 0); }}"
_TEXT = "() => (document.querySelector('[data-testid=\"stMain\"]')?.innerText || '').trim() !== ''"
_LIVE = f"() => {{ const now = ({_CANVAS})?.describe(); return now && now.planes.every(one => one.ready); }}"
_STILL = 'document.querySelector(\'[data-testid="stApp"][data-test-script-state="notRunning"]\')'
_PICTURE = "[...document.querySelectorAll('img')].find(image => image.alt === 'The decoded picture')"

# From the click to the first frame that shows another picture of the server.
_CLICK = f"""async () => {{
    const before = ({_PICTURE})?.src;
    const began = await new Promise(done => document.addEventListener("pointerup", () => done(performance.now()), {{
        capture: true, once: true }}));
    for (let image = null; !image?.complete || image.src === before; image = {_PICTURE})
        await new Promise(requestAnimationFrame);
    return performance.now() - began;
}}"""


def _in_the_app(chromium) -> Iterator[Claim]:
    """A server that has shown its models once, and browsers that have never seen it."""
    with server() as address:
        seconds, texts = [], []
        for turn in range(1 + RUNS):
            page, text, took = _first_picture(chromium, f"{address}/latent_space?model={MODEL}")
            if turn:  # the first visit loads the model
                seconds.append(took)
                texts.append(text)
            if turn < RUNS:
                page.context.close()
        detail = f"median of {RUNS}, server warm; the page's first text: {statistics.median(texts):.1f} s"
        yield Claim(
            "canvas: first picture of 10,000 points, cold cache", statistics.median(seconds), COLD, "s", detail=detail
        )
        yield from _bytes(page)
        yield _clicks(page)
        page.context.close()


def _first_picture(chromium, address: str):
    """A fresh browser on a page of the app, and the seconds until the first text and until all points are drawn."""
    page = chromium.new_context(viewport=VIEW).new_page()
    page.traffic = Traffic(page)
    began = time.perf_counter()
    go(page, address)
    page.wait_for_function(_TEXT, timeout=120_000)
    text = time.perf_counter() - began
    page.wait_for_function(_DRAWN, timeout=120_000)
    return page, text, time.perf_counter() - began


def _bytes(page) -> Iterator[Claim]:
    """What one model costs, its thumbnails, and a rerun."""
    from explorer import library
    from explorer.canvas import scene

    page.wait_for_function(_LIVE, timeout=120_000)
    page.wait_for_timeout(2000)  # whatever else the page wants by itself
    data = page.traffic.total(DATA_FILES) / 1e6
    yield Claim(
        "canvas: data of a model with 10,000 points",
        data,
        DATA,
        "MB",
        detail="with the script, without thumbnails and encoder",
    )
    sprite = scene.sprite(library.find(MODEL))
    thumbnails = sum(map(len, sprite.tiles)) / 1e6
    detail = f"in {len(sprite.tiles)} sheets, each when it is first wanted"
    yield Claim("canvas: all thumbnails of 10,000 images", thumbnails, THUMBNAILS, "MB", detail=detail)
    files, messages = page.traffic.total(DATA_FILES), page.traffic.messages
    page.get_by_role("button", name="More").click()
    page.get_by_text("A shape for each class").click()
    page.wait_for_timeout(500)
    page.wait_for_function(_STILL)
    page.wait_for_timeout(1500)
    again = (page.traffic.total(DATA_FILES) - files) / 1e3
    detail = f"the websocket carried {(page.traffic.messages - messages) / 1e3:.1f} kB"
    yield Claim("canvas: data sent again on a rerun", again, 0, "kB", detail=detail)
    page.keyboard.press("Escape")


def _clicks(page) -> Claim:
    """On places where there are no dots: Python decodes them too."""
    times = []
    corner = page.evaluate(f"({_CANVAS}).screen(-9, -6)")
    for turn in range(1 + 15):
        page.wait_for_timeout(300)
        page.wait_for_function(_STILL)
        page.mouse.move(corner[0] + 12 * (turn % 5), corner[1] - 9 * (turn % 3))
        answer = page.evaluate_handle(f"() => {{ window.clicked = ({_CLICK})(); }}")
        answer.dispose()
        page.mouse.down()
        page.mouse.up()
        if turn:
            times.append(page.evaluate("window.clicked"))
    detail = f"median of {len(times)}; 9 of 10 under {float(np.percentile(times, 90)):.0f} ms"
    return Claim("canvas: click to changed server picture", statistics.median(times), CLICK, "ms", detail=detail)


def _from_nothing(chromium) -> Claim:
    """`streamlit run` on a disk that is warm, as a person waits who opens the link at once."""
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        with server() as address:
            page, *_ = _first_picture(chromium, f"{address}/latent_space?model={MODEL}")
            seconds.append(time.perf_counter() - began)
            page.context.close()
    detail = f"median of {RUNS}"
    return Claim("canvas: first picture from `streamlit run`", statistics.median(seconds), START, "s", detail=detail)


if __name__ == "__main__":
    show(all_claims())
