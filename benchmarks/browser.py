"""A real browser and a real server for benchmarks, and what travels between them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = Path(__file__).parents[1] / "explorer" / "Home.py"
PATIENCE = 60  # seconds
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator:
    """Headless, without a GPU: Debian's or Google's, else playwright's own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, BROWSERS)), None)
        found = playwright.chromium.launch(executable_path=installed, args=FLAGS)
        yield found
        found.close()


class Address(str):
    """`http://localhost:8501`, and the number of the process that answers there."""

    pid: int


@contextmanager
def server() -> Iterator[Address]:
    """The address of a fresh explorer; it may not answer yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(HOME), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = Address(f"http://localhost:{port}")
        address.pid = process.pid
        yield address
    finally:
        process.terminate()
        process.wait()


def answering(address: str) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def go(page, address: str) -> None:
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


class Traffic:
    """Bytes that a page has received: of each answer by its path, and of the websocket."""

    def __init__(self, page):
        self.answers: dict[str, int] = {}
        self.messages = 0
        self._paths: dict[str, str] = {}
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.on("Network.responseReceived", lambda event: self._begun(event))
        client.on("Network.loadingFinished", lambda event: self._ended(event))
        client.on("Network.webSocketFrameReceived", lambda event: self._message(event))

    def _begun(self, event) -> None:
        path = "/" + event["response"]["url"].split("//", 1)[-1].partition("/")[2]
        if not event["response"].get("fromDiskCache"):
            self._paths[event["requestId"]] = path

    def _ended(self, event) -> None:
        path = self._paths.pop(event["requestId"], None)
        if path is not None:
            self.answers[path] = self.answers.get(path, 0) + int(event["encodedDataLength"])

    def _message(self, event) -> None:
        payload = event["response"]["payloadData"]  # base64 where the message is binary
        self.messages += len(payload) * 3 // 4 if event["response"]["opcode"] == 2 else len(payload)

    def total(self, suffixes: tuple[str, ...]) -> int:
        """Bytes of the server's media files whose names end so."""
        return sum(n for path, n in self.answers.items() if path.startswith("/media/") and path.endswith(suffixes))
