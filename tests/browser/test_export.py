"""The exported file in a real browser, from disk and without a network: it decodes and encodes as PyTorch does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import latents
from explorer import export, library

from .conftest import ROOT

pytestmark = pytest.mark.browser

LECTURE = ROOT / "docs" / "lecture.html"
TWINS = ("mnist-standard-2d", "mnist-vampprior-2d")


class File:
    """A file opened from disk in a browser that is offline; what it asks of any network is counted."""

    def __init__(self, browser, path: Path, theme: str = "light", **window):
        window = {"viewport": {"width": 1280, "height": 720}} | window
        self.context = browser.new_context(color_scheme=theme, offline=True, **window)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.context.route(re.compile("^(?!file:)"), self._refuse)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())

    def _refuse(self, route) -> None:
        self.asked.append(route.request.url)
        route.abort()

    def ask(self, expression: str, given=None):
        return self.page.evaluate(expression, given)

    def until(self, expression: str, seconds: float = 120) -> None:
        """(The page's policy forbids what `wait_for_function` does.)"""
        end = time.monotonic() + seconds
        while not self.ask(f"Boolean({expression})"):
            assert time.monotonic() < end, f"never: {expression}"
            self.page.wait_for_timeout(50)

    def ready(self) -> None:
        self.until("globalThis.explorer && explorer.canvas.describe().planes.every(one => one.ready && one.drawn)")
        self.ask("async () => { window.pad = await explorer.pad; }")

    def settle(self) -> None:
        self.ask("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def point(self, x: float, y: float, plane: int = 0) -> None:
        """Move the pointer to a place of a plane."""
        self.page.mouse.move(*self.ask("([x, y, plane]) => explorer.canvas.screen(x, y, plane)", [x, y, plane]))
        self.settle()

    def stroke(self, *places: tuple[float, float]) -> None:
        page = self.page.locator(".pad-page")
        page.scroll_into_view_if_needed()
        box = page.bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for place in at[1:]:
            self.page.mouse.move(*place, steps=6)
            self.settle()
        self.page.mouse.up()
        self.settle()

    def close(self) -> None:
        assert not self.errors, self.errors
        assert not self.asked, "the file asked for something"
        self.context.close()


@pytest.fixture
def lecture(browser) -> Iterator[File]:
    found = File(browser, LECTURE)
    found.ready()
    yield found
    found.close()


def model(name: str):
    return latents.load(ROOT / "trained" / name, "cpu")


def seven(file: File) -> None:
    file.stroke((0.28, 0.25), (0.72, 0.25), (0.45, 0.8))


def test_the_pointer_decodes_what_pytorch_decodes_on_both_planes(lecture):
    for plane, name in enumerate(TWINS):
        net = model(name)
        for x, y in ((0.4, -0.7), (1.6, 2.2), (-1.9, 0.3)):
            lecture.point(x, y, plane)
            found = lecture.ask("plane => explorer.canvas.decoded(plane)", plane)
            assert np.allclose([found["x"], found["y"]], [x, y], atol=0.4), "there, or at the point that lies there"
            with torch.no_grad():
                expected = net.decode(torch.tensor([found["z"]])).mean.flatten().numpy()
            np.testing.assert_allclose(found["pixels"], expected, atol=1e-5)
    shown = lecture.ask(
        "() => [...document.querySelectorAll('.lx-lens')[1].querySelectorAll('.lx-picture')[1]"
        ".getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    np.testing.assert_allclose(np.array(shown).reshape(-1, 4)[:, 0], 255 * expected, atol=1)


def test_a_drawing_has_pytorchs_posteriors(lecture):
    seven(lecture)
    x = np.array(lecture.ask("[...pad.pixels()]"), np.float32)
    answers = lecture.ask("pad.last.map(one => ({ point: [...one.point], stddev: [...one.stddev] }))")
    assert len(answers) == 2
    for name, answer in zip(TWINS, answers, strict=True):
        with torch.no_grad():
            q = model(name).encode(torch.from_numpy(x).reshape(1, 1, 28, 28))
        np.testing.assert_allclose(answer["point"], q.mean[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(answer["stddev"], q.stddev[0].numpy(), atol=1e-4)


def test_the_planes_are_linked_and_a_chosen_image_goes_to_the_pad(lecture):
    points = library.encoding(library.find(TWINS[0])).points
    far = int(np.argmax(np.linalg.norm(points, axis=1)))  # nothing else lies there
    lecture.point(*map(float, points[far]))
    state = lecture.ask("explorer.canvas.describe()")
    assert state["hover"] == far
    assert all(not plane["hidden"] for plane in state["planes"]), "the same image on both planes"
    lecture.page.mouse.down()
    lecture.page.mouse.up()
    assert lecture.ask("explorer.canvas.describe().selection") == [far]
    lecture.page.get_by_role("button", name="From dot").click()
    lecture.until("pad.last")
    seen = library.images(library.find(TWINS[0])).seen[far].ravel() / 255
    np.testing.assert_array_equal(lecture.ask("[...pad.pixels()]"), seen)
    np.testing.assert_allclose(lecture.ask("[...pad.last[0].point]"), points[far], atol=1e-4)


def test_its_policy_lets_nothing_else_run_and_nothing_out(lecture):
    assert lecture.ask("fetch('https://example.com/').then(() => 'sent', () => 'refused')") == "refused"
    ran = lecture.ask(
        """async () => {
            const made = document.createElement("script");
            made.textContent = "window.hacked = true";
            document.body.append(made);
            const picture = new Image();
            const answer = new Promise(done => {
                [picture.onerror, picture.onload] = [() => done("refused"), () => done("sent")];
            });
            picture.src = "https://example.com/a.png";
            return [window.hacked ?? false, await answer];
        }"""
    )
    assert ran == [False, "refused"]
    assert len(LECTURE.read_bytes()) < 6_000_000


def test_dark_and_narrow_with_a_finger(browser):
    file = File(browser, LECTURE, "dark", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    file.ready()
    assert file.ask("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 31)"
    assert file.ask("document.querySelector('.lx').dataset.tone") == "dark"
    assert file.ask("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
    page = file.page.locator(".pad-page")
    page.scroll_into_view_if_needed()
    box, client = page.bounding_box(), file.context.new_cdp_session(file.page)
    for kind, share in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.8)):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + share * box["height"]}
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
        file.settle()
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    file.settle()
    assert file.ask("pad.last.length") == 2
    file.close()


def test_a_damaged_file_says_so(browser, tmp_path):
    """Of one model on small images, written by the exporter now; then with a part of its bytes lost."""
    page = export.html([library.find("digits-vampprior-2d")])
    good, bad = tmp_path / "good.html", tmp_path / "bad.html"
    good.write_text(page, "utf-8")
    file = File(browser, good)
    file.ready()
    assert file.ask("explorer.canvas.describe().planes[0].points") == 300
    file.close()
    bad.write_text(re.sub(r'(id="b0" data-packed="deflated">.{40}).{60}', r"\1", page), "utf-8")
    file = File(browser, bad)
    file.until("document.querySelector('.problem')")
    assert "damaged" in file.page.locator(".problem").inner_text()
    assert "log-likelihood" in file.page.locator("#numbers").inner_text(), "the rest of the page is there"
    file.close()


def test_the_page_gives_the_file(visit, tmp_path):
    visit.open("latent_space", model="digits-vampprior-2d")
    visit.page.get_by_role("button", name="Share").click()
    with visit.page.expect_download(timeout=120_000) as download:
        visit.page.get_by_role("button", name="Save as one HTML file").click()
    assert download.value.suggested_filename == "digits-vampprior-2d.html"
    download.value.save_as(tmp_path / "saved.html")
    saved = (tmp_path / "saved.html").read_text("utf-8")
    assert saved == export.html([library.find("digits-vampprior-2d")])
    visit.assert_healthy()
