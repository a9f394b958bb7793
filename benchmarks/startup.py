"""From `streamlit run` to text and pictures in a real browser, from page to page, and what the app does not import.

Wall-clock time, as a person waits: on a busy machine these numbers are upper bounds.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .timing import Claim, show

HOME = Path(__file__).parents[1] / "explorer" / "Home.py"
RUNS, PATIENCE = 3, 60  # seconds
TEXT, PICTURE, PAGE = 4.0, 9.0, 1.5  # the goals, in seconds
HEAVY = ("torchvision", "umap", "numba", "sklearn")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_TEXT = """() => (document.querySelector('[data-testid="stMain"]')?.innerText || "").trim() !== "" """
_DRAWN = """() => {
    const charts = [...document.querySelectorAll('[data-testid="stMain"] [data-testid="stPlotlyChart"]')];
    const images = [...document.querySelectorAll('[data-testid="stMain"] img')];
    return document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
        && charts.length + images.length > 0
        && charts.every(chart => chart.querySelector('.main-svg .trace, .gl-canvas'))
        && images.every(image => image.complete);
}"""
_DRAWN_AT = f"""title => [...document.querySelectorAll('[data-testid="stMain"] :is(h1, h2, h3)')]
    .some(heading => heading.innerText.trim() === title) && ({_DRAWN})()"""

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
    with _browser() as browser:
        for _ in range(RUNS):
            text, picture, visits = _visit(browser)
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


def _visit(browser) -> tuple[float, float, dict[str, float]]:
    """Seconds to the first text, to the first full picture, and to each page by its title, of a fresh server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port)]
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(HOME), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _open(page, f"http://localhost:{port}")
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
        return text, picture, visits
    finally:
        server.terminate()
        server.wait()
        page.close()


def _open(page, address: str) -> None:
    """Load the page as soon as the server answers."""
    from playwright.sync_api import Error

    until = time.monotonic() + PATIENCE
    while True:
        try:
            page.goto(address, wait_until="commit")
            return
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@contextmanager
def _browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=installed, args=FLAGS)
        yield browser
        browser.close()


def _imported() -> set[str]:
    """The packages that a process has imported after the first page and the warm-up behind it."""
    command = [sys.executable, "-c", _IMPORTS, str(HOME)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[-2].split())


if __name__ == "__main__":
    show(all_claims())
