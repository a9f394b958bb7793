"""The real app in a real browser, with all traffic to the outside blocked and counted."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
TIMEOUT = 90_000
"""Milliseconds that a page may take: two processes test at once, on as many cores."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running explorer, started from a folder that is not the project's; it can be stopped and started again."""

    def __init__(self, folder: Path, **environment: str):
        self.folder, self.environment, self.port = folder, {**os.environ, **environment}, free_port()
        self.address = f"http://localhost:{self.port}"
        self._log = folder / "server.txt"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [Path(sys.executable).with_name("streamlit"), "run", ROOT / "explorer" / "Home.py"]
        options = ["--server.headless", "true", "--server.port", str(self.port), "--server.fileWatcherType", "none"]
        with open(self._log, "a") as output:
            self._process = subprocess.Popen(
                [*map(str, command), *options],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        for _ in range(240):
            if self._process.poll() is not None:
                pytest.fail(f"the server ended at once:\n{self._log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2) as answer:
                    if answer.read() == b"ok":
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        pytest.fail(f"the server did not answer within two minutes:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Ask it to end, and end it where it takes long: with a page open, it may."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[str]:
    """The address of a running explorer."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def browser():
    """A headless browser: Debian's or Google's where there is one, else playwright's own."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, BROWSERS)), None)
        try:
            found = playwright.chromium.launch(executable_path=installed, args=FLAGS)
        except Error as error:
            pytest.skip(f"no browser: install chromium, or run `playwright install chromium` ({error.message[:80]})")
        yield found
        found.close()


class Visit:
    """A page of the app in a browser window, and what it asked of the outside world."""

    def __init__(self, context, address: str, theme: str):
        self.address, self.theme = address, theme
        self.outside: list[str] = []
        self.errors: list[str] = []
        context.set_default_timeout(TIMEOUT)
        context.route("**/*", self._guard)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _guard(self, route) -> None:
        url = route.request.url
        if url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def open(self, path: str, **parameters: str) -> None:
        """Open a page of the app and wait until it has stopped running."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        self.page.goto(f"{self.address}/{path}" + (f"?{query}" if query else ""))
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and every chart, canvas and picture is drawn."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=TIMEOUT)
        self.page.wait_for_function(
            """() => !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
                && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')]
                    .every(chart => chart.querySelector('.main-svg'))
                && [...document.querySelectorAll('[data-testid="stMain"] img')].every(image => image.complete)
                && [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
                    .every(({shadowRoot}) => shadowRoot && !shadowRoot.querySelector('.lx-loading')
                        && [...shadowRoot.querySelectorAll('.lx')]
                            .every(one => one.latentCanvas.describe().planes.every(plane => plane.ready)))""",
            timeout=TIMEOUT,
        )
        self.page.wait_for_timeout(300)

    def points(self) -> dict[str, int]:
        """How many points or bars each trace of the page's charts holds, by name, and each class of its canvases;
        equal names are summed."""
        found = self.page.evaluate(
            """() => {
                const found = {};
                for (const chart of document.querySelectorAll('.js-plotly-plot'))
                    for (const trace of chart._fullData || [])
                        if (trace.type.startsWith('scatter') || trace.type === 'bar')
                            found[trace.name] = (found[trace.name] || 0)
                                + Array.from(trace.x || []).filter(Number.isFinite).length;
                return found;
            }"""
        )
        for plane in (plane for canvas in self.canvases() for plane in canvas["planes"]):
            for name, count in {**plane["classes"], "pseudo-input": plane["pseudo"]}.items():
                found[name] = found.get(name, 0) + count
        return found

    def canvases(self) -> list[dict]:
        """What each live canvas of the page says of itself (describe.js)."""
        return self.page.locator(".lx").evaluate_all("found => found.map(one => one.latentCanvas.describe())")

    def pictures(self) -> int:
        """How many pictures of the page have been drawn."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll('[data-testid="stMain"] img')]
                .filter(image => image.complete && image.naturalWidth > 0).length"""
        )

    def assert_healthy(self) -> None:
        """No exception on the page or in its scripts, and nothing asked of the outside."""
        assert self.page.locator('[data-testid="stException"]').count() == 0, self.text()
        assert not self.errors, self.errors
        assert not self.outside, self.outside

    def text(self) -> str:
        return self.page.locator('[data-testid="stMain"]').inner_text()

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))


@pytest.fixture
def visit(request, app, browser) -> Iterator[Visit]:
    """A fresh window at a projector's size, in the light theme, or in the one that a test asks for."""
    theme = getattr(request, "param", "light")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=theme)
    found = Visit(context, app, theme)
    yield found
    context.close()


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Server]]:
    """Starts explorers of the test's own, with runs in tmp_path / "runs": `serve(EXPLORER_READ_ONLY="1")`."""
    started = []

    def start(**environment: str) -> Server:
        started.append(Server(tmp_path, EXPLORER_RUNS=str(tmp_path / "runs"), **environment))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def window(browser) -> Iterator[Callable[[str], Visit]]:
    """Opens windows on an address."""
    contexts = []

    def look(address: str) -> Visit:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="light"))
        return Visit(contexts[-1], address, "light")

    yield look
    for context in contexts:
        context.close()


@pytest.fixture
def own_app(serve, tmp_path) -> Iterator[Server]:
    """An explorer of the test's own; whatever trains in it ends with the test."""
    from latents import runs

    yield serve()
    for run in runs.find(tmp_path / "runs"):
        if run.live:
            runs.kill(run)
