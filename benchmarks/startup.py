"""From `streamlit run` to text and pictures in a real browser, from page to page, and what the app does not import.

Wall-clock time, as a person waits: on a busy machine these numbers are upper bounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from .browser import HOME, browser, go, server
from .timing import Claim, show

RUNS = 3
TEXT, PICTURE, PAGE = 4.0, 9.0, 1.5  # the goals, in seconds
HEAVY = ("torchvision", "umap", "numba", "sklearn")

_TEXT = """() => (document.querySelector('[data-testid="stMain"]')?.innerText || "").trim() !== "" """
_DRAWN = """(some = true) => {
    const charts = [...document.querySelectorAll('[data-testid="stMain"] [data-testid="stPlotlyChart"]')];
    const images = [...document.querySelectorAll('[data-testid="stMain"] img')];
    const canvases = [...document.querySelectorAll('[data-testid="stMain"] *')]
        .map(element => (element.shadowRoot ?? element).querySelector?.('.lx')?.latentCanvas).filter(Boolean);
    return document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
        && (charts.length + images.length + canvases.length > 0 || !some)
        && canvases.every(canvas => canvas.describe().planes.every(plane => plane.drawn > 0))
        && charts.every(chart => chart.querySelector('.main-svg .trace, .gl-canvas'))
        && images.every(image => image.complete);
}"""
_DRAWN_AT = f"""title => [...document.querySelectorAll('[data-testid="stMain"] :is(h1, h2, h3)')]
    .some(heading => heading.innerText.trim() === title) && ({_DRAWN})(false)"""  # a page may be a form, or say why not

_IMPORTS = """
import sys, threading
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=60).run()
assert not app.exception, app.exception
for thread in threading.enumerate():
    if thread.name == "warm-up":
        thread.join()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def all_claims() -> Iterator[Claim]:
    texts, pictures, pages = [], [], {}
    with browser() as chromium:
        for _ in range(RUNS):
            text, picture, visits = _visit(chromium)
            texts.append(text)
            pictures.append(picture)
            for title, seconds in visits.items():
                pages.setdefault(title, []).append(seconds)
    yield Claim("start: first text", statistics.median(texts), TEXT, "s", detail=f"median of {RUNS}")
    yield Claim("start: first full picture", statistics.median(pictures), PICTURE, "s", detail=f"median of {RUNS}")
    for title, seconds in pages.items():
        name = f"page to page: to {title}"
        yield Claim(name, statistics.median(seconds), PAGE, "s", detail=f"first visit, median of {RUNS}")
    found = [name for name in HEAVY if name in _imported()]
    detail = ", ".join(found) or f"neither {', '.join(HEAVY)}"
    yield Claim("heavy packages imported by the first page", len(found), 0, "", detail=detail)


def _visit(chromium) -> tuple[float, float, dict[str, float]]:
    """Seconds to the first text, to the first full picture, and to each page by its title, of a fresh server."""
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    began = time.perf_counter()
    with server() as address:
        go(page, address)
        page.wait_for_function(_TEXT)
        text = time.perf_counter() - began
        page.wait_for_function(_DRAWN)
        picture = time.perf_counter() - began
        visits = {}
        for link in page.locator('[data-testid="stSidebarNavLink"]').all()[1:]:
            title = link.inner_text().splitlines()[-1]  # before it comes the icon's name
            clicked = time.perf_counter()
            link.click()
            page.wait_for_function(_DRAWN_AT, arg=title)
            visits[title] = time.perf_counter() - clicked
        page.close()
    return text, picture, visits


def _imported() -> set[str]:
    """The packages that a process has imported after the first page and the warm-up behind it."""
    command = [sys.executable, "-c", _IMPORTS, str(HOME)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[-2].split())


if __name__ == "__main__":
    show(all_claims())
