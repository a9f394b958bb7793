"""A class that clicks at once: how long each waits, that nobody waits where the browser decodes, and what pages cost.

Where Python decodes, nineteen visitors without a browser (visitor.py) and one page in a real one press at the same
moment: twenty browsers on this machine would measure the browsers. Where the browser decodes, twenty real pages are
open, and what they send to the server is counted.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil

from .browser import PATIENCE, Address, answering, browser, go, server
from .pages import _STILL, _WATCH, VIEW, Visit, chart, clicked, drawn, images, pressed
from .timing import Claim, show
from .visitor import Visitor

CROWD, ROUNDS, OPEN = 20, 5, 50
ASKED, MEMORY = 2.5, 1024.0  # the goals: seconds, MB
SECONDS = 5  # of moving
WARM = "model=mnist-vampprior-2d"
FLAT, WIDE, CONVOLUTIONAL = "mnist-vampprior-2d", "mnist-vampprior-40d", "mnist-conv-40d"
OPENED = (  # what fifty people may look at
    ("latent_space", f"model={FLAT}"),
    ("samples", f"model={FLAT}"),
    ("interpolate", f"model={FLAT}"),
    ("pseudo_inputs", f"model={FLAT}"),
    ("traversals", f"model={WIDE}"),
    ("sphere", "model=mnist-vmf-2d"),
    ("layers_and_codes", "model=mnist-hvae"),
    ("active_units", f"model={WIDE}"),
    ("side_by_side", f"model={FLAT}&beside=mnist-standard-2d"),
    ("latent_space", f"model={CONVOLUTIONAL}"),
)

# The pointer goes over the plane (or draws on the pad) in a curve, frame by frame. The pen stays down.
_MOVE = """async ([over, pressed, seconds]) => {
    const found = [...document.querySelectorAll('*')].map(one => one.shadowRoot?.querySelector(over)).find(Boolean)
        ?? document.querySelector(over);
    const box = found.getBoundingClientRect(), began = performance.now();
    const about = { bubbles: true, composed: true, cancelable: true, pointerId: 1, pointerType: "mouse",
        button: pressed ? 0 : -1, buttons: pressed ? 1 : 0 };
    const at = t => ({ ...about, clientX: box.left + box.width * (0.5 + 0.3 * Math.sin(3 * t)),
                       clientY: box.top + box.height * (0.5 + 0.3 * Math.sin(2 * t)) });
    if (pressed) found.dispatchEvent(new PointerEvent("pointerdown", at(0)));
    let frames = 0;
    for (let now = began; now - began < 1000 * seconds; frames++) {
        found.dispatchEvent(new PointerEvent("pointermove", at((now - began) / 1000)));
        now = await new Promise(requestAnimationFrame);
    }
    return frames;
}"""


def all_claims() -> Iterator[Claim]:
    with browser() as chromium:
        with server() as address:
            answering(address)
            yield from _asked(chromium, address)
            yield from _unasked(chromium, address)
        with server() as address:  # a fresh one: memory that others have left behind does not count
            answering(address)
            yield from _memory(address)


# -- where Python decodes --------------------------------------------------------------------------------------------


def _asked(chromium, address: Address) -> Iterator[Claim]:
    samples = "Samples, draw again"
    yield _at_once(chromium, address, samples, "samples", FLAT, "redraw", clicked("redraw"), images("samples from"))
    yield _at_once(
        chromium, address, f"{samples}", "samples", CONVOLUTIONAL, "redraw", clicked("redraw"), images("samples from")
    )
    walks = chart(f"walks-{WIDE}")
    yield _at_once(
        chromium, address, "Traversals, next image", "traversals", WIDE, "image", pressed("image", "ArrowUp"), walks
    )


def _at_once(chromium, address: Address, what: str, page: str, model: str, key: str, act: Callable, mark: str) -> Claim:
    """All press at the same moment, and again when the last one has the answer.

    key: of the button, or of the number that goes up; act, mark: the same in a browser (pages.py).
    """
    seed = 1000  # each visitor asks for pictures of its own, which were not computed before
    with _loop() as run:
        query = f"model={model}"
        visitors = run(_arrive(address, [(page, query)] * (CROWD - 1)))
        visit = Visit(chromium.new_context(viewport=VIEW).new_page())
        go(visit.page, f"{address}/{page}?{query}")
        visit.page.wait_for_function(f"() => Boolean(({mark})())", timeout=1000 * PATIENCE)
        without, within = [], []
        for turn in range(1 + ROUNDS):
            visit.page.wait_for_function(_STILL, timeout=1000 * PATIENCE)
            doing = act(visit, turn)
            next(doing)
            visit.page.evaluate(_WATCH, [mark, 1000 * PATIENCE])
            answers = run(_press(visitors, key, seed + 100 * turn), wait=False)
            next(doing, None)
            took = visit.page.evaluate("window.watched")
            if took is None:
                raise RuntimeError(f"{what}, {model}: a click in the browser changed nothing within {PATIENCE} s")
            within.append(took / 1000)
            without.append(answers.result(timeout=PATIENCE))
        visit.page.context.close()
        run(_leave(visitors))
    times = [took for turn in without[1:] for took in turn] + within[1:]
    detail = f"{CROWD - 1} without a browser, 1 with: {statistics.median(within[1:]):.2f} s there; "
    detail += f"{ROUNDS} rounds, 9 of 10 under {np.percentile(times, 90):.2f} s; load {os.getloadavg()[0]:.1f}"
    return Claim(f"{CROWD} at once: {what}, {model}", statistics.median(times), ASKED, "s", detail=detail)


async def _press(visitors: list[Visitor], key: str, seed: int) -> list[float]:
    return await asyncio.gather(*(_one(visitor, key, seed + i) for i, visitor in enumerate(visitors)))


async def _one(visitor: Visitor, key: str, number: int) -> float:
    if key == "redraw":  # the button adds one to the seed; so that all have another, it is typed
        key = "seed"
    typed = visitor.widget(key)
    typed.double_value = number
    return await visitor.rerun(typed, key)


async def _arrive(address: str, pages: list[tuple[str, str]]) -> list[Visitor]:
    return [await Visitor.open(address, page, query) for page, query in pages]


async def _leave(visitors: list[Visitor]) -> None:
    for visitor in visitors:
        await visitor.close()


@contextmanager
def _loop() -> Iterator[Callable[..., Any]]:
    """Runs coroutines in a thread of its own, beside playwright: `run(coroutine)`, or its future with wait=False."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine, wait: bool = True):
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        return future.result() if wait else future

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


# -- where the browser decodes ---------------------------------------------------------------------------------------


def _unasked(chromium, address: Address) -> Iterator[Claim]:
    """Most move the pointer over the plane, some draw; what was fetched the first time does not count.

    (A drawing that is finished is told to the page, once: it may be an end of Interpolate. So pens stay on the paper.)
    """
    context = chromium.new_context(viewport={"width": 1024, "height": 640})
    pages = [context.new_page() for _ in range(CROWD)]
    drawing = [i % 5 == 4 for i in range(CROWD)]
    counted = [_Sent(page) for page in pages]
    for page, draws in zip(pages, drawing, strict=True):
        go(page, f"{address}/latent_space?{WARM}{'&view=Draw' if draws else ''}")
    for page, draws in zip(pages, drawing, strict=True):
        page.wait_for_function(f"() => Boolean(({drawn()})())", timeout=1000 * PATIENCE)
        page.wait_for_function(_STILL, timeout=1000 * PATIENCE)
        if draws:
            page.locator(".pad-page").wait_for(timeout=1000 * PATIENCE)
    frames = _together(pages, drawing, 1)
    for page in pages:
        page.wait_for_function(_STILL, timeout=1000 * PATIENCE)
    process = psutil.Process(address.pid)
    for one in counted:
        one.reset()
    idle = _busy(process, lambda: pages[0].wait_for_timeout(1000 * SECONDS))
    busy = _busy(process, lambda: frames.extend(_together(pages, drawing, SECONDS)))
    pages[0].wait_for_timeout(200)
    messages, bytes_, files = (sum(getattr(one, what) for one in counted) for what in ("messages", "bytes", "files"))
    runs = sum(one.runs for one in counted)
    detail = (
        f"{sum(frames[CROWD:]):,} frames of pointers in {SECONDS} s on {CROWD} pages, {sum(drawing)} of them draw; "
    )
    detail += f"{messages} messages, {bytes_} bytes, {files} files; the server was busy {busy:.2f} s, idle {idle:.2f} s"
    yield Claim(f"{CROWD} at once where the browser decodes: runs of scripts", runs, 0, "", detail=detail)
    yield Claim(f"{CROWD} at once where the browser decodes: messages", messages, 0, "", detail="of both ways")
    context.close()


def _together(pages: list, drawing: list[bool], seconds: float) -> list[int]:
    """All pointers move at once for so long; the frames of each page."""
    for page, draws in zip(pages, drawing, strict=True):
        over = ".pad-page" if draws else ".lx-over"
        page.evaluate(f"about => {{ window.moved = ({_MOVE})(about); }}", [over, draws, seconds])
    return [page.evaluate("window.moved") for page in pages]


def _busy(process: psutil.Process, during: Callable[[], object]) -> float:
    """Seconds of the processor that the server takes meanwhile."""
    before = process.cpu_times()
    during()
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


class _Sent:
    """What goes between a page and its server: messages of the websocket, runs of scripts among them, and files."""

    def __init__(self, page):
        self.reset()
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.on("Network.webSocketFrameSent", lambda event: self._message(event, sent=True))
        client.on("Network.webSocketFrameReceived", lambda event: self._message(event, sent=False))
        client.on("Network.requestWillBeSent", lambda event: self._file(event["request"]["url"]))

    def reset(self) -> None:
        self.messages = self.bytes = self.files = self.runs = 0

    def _message(self, event, sent: bool) -> None:
        self.messages += 1
        self.bytes += len(event["response"]["payloadData"]) * 3 // 4
        self.runs += sent  # what a page says to its server makes the script run

    def _file(self, url: str) -> None:
        self.files += url.startswith("http")


# -- what open pages cost --------------------------------------------------------------------------------------------


def _memory(address: Address) -> Iterator[Claim]:
    """Each page once, so that all models are there; then fifty sessions, each with its page open."""
    process = psutil.Process(address.pid)
    with _loop() as run:
        first = run(_arrive(address, 2 * list(OPENED)))
        before = _megabytes(process)
        visitors = run(_arrive(address, [OPENED[i % len(OPENED)] for i in range(OPEN)]))
        after = _megabytes(process)
        run(_leave(first + visitors))
    grown = after - before
    detail = f"{1024 * grown / OPEN:.0f} kB each, on {len(OPENED)} pages; visitors without a browser"
    yield Claim(f"memory of {OPEN} open pages", grown, MEMORY, "MB", detail=detail)
    whole = process.memory_info().rss / 2**20
    detail = f"resident; of its own {before:.0f} MB before, with PyTorch and the models of {len(OPENED)} pages"
    yield Claim(f"memory of the server with {OPEN} open pages", whole, MEMORY, "MB", detail=detail)


def _megabytes(process: psutil.Process) -> float:
    """Memory of its own: what it shares with other processes comes and goes with them."""
    return process.memory_full_info().uss / 2**20


if __name__ == "__main__":
    show(all_claims())
