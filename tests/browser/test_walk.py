"""A walk through every page with models of six families, doing what a visitor does there; and what is seen at the end
of it is seen, to the pixel, by whoever opens its link in another browser.

One window for each family goes from page to page; another window, of a fresh browser context each time, opens the link
that the Share menu copies.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest
from PIL import Image

from .conftest import SCREENSHOTS, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAMILIES = {
    "vae": "digits-standard-2d",
    "vampprior": "mnist-vampprior-2d",
    "hierarchy": "digits-hvae-vampprior",
    "vmf": "digits-vmf",
    "vq": "digits-vq-vae",
    "pca": "digits-pca",
}
PAGES = (
    "",
    "latent_space",
    "samples",
    "interpolate",
    "pseudo_inputs",
    "traversals",
    "sphere",
    "layers_and_codes",
    "active_units",
    "side_by_side",
    "results",
)
ABOUT_RUNS = ("open_your_own", "new_run", "runs")
SIZE = {"width": 1280, "height": 720}
KNOWN = ("Failed to load resource",)
"""What a browser's console may say: each answer that failed is looked at by its address."""


class Walk(Visit):
    """A visit that keeps what the console says, and does what visitors do."""

    def __init__(self, context, address: str):
        super().__init__(context, address, "light")
        self.page.on("console", self._hear)
        self.page.on("response", self._answered)

    def _hear(self, message) -> None:
        if message.type == "error" and not any(word in message.text for word in KNOWN):
            self.errors.append(message.text)

    def _answered(self, response) -> None:
        if response.status >= 400 and "/_stcore/" not in response.url:  # Streamlit looks for its own root by trying
            self.errors.append(f"{response.status} {response.url}")

    def assert_whole(self) -> None:
        """Healthy, and every figure holds something; a page has a figure or a sentence in its place."""
        self.assert_healthy()
        assert self.page.locator('[data-testid="stAlert"] [data-testid="stAlertContentError"]').count() == 0
        found = self.page.evaluate(
            """() => {
                const main = document.querySelector('[data-testid="stMain"]');
                const images = [...main.querySelectorAll('img')].map(one => one.complete && one.naturalWidth > 0);
                const charts = [...main.querySelectorAll('.js-plotly-plot')].map(one =>
                    (one._fullData || []).length + (one._fullLayout?.images || []).length > 0);
                return { images, charts, said: main.querySelectorAll('[data-testid="stAlert"]').length,
                         tables: main.querySelectorAll('table, [data-testid="stDataFrame"]').length };
            }"""
        )
        for _ in range(40):  # a canvas that has just been mounted fetches its points
            planes = [plane for canvas in self.canvases() for plane in canvas["planes"]]
            if all(plane["drawn"] or plane["tiles"] or plane["error"] for plane in planes):
                break
            self.page.wait_for_timeout(250)
        for plane in planes:
            assert not plane["error"], plane["error"]
            assert plane["drawn"] > 0 or plane["tiles"] > 0, plane
        assert all(found["images"]), "a picture did not load"
        assert all(found["charts"]), "a chart is empty"
        assert found["images"] or found["charts"] or planes or found["said"] or found["tables"], "nothing is shown"

    @property
    def shows(self) -> bool:
        """Whether the page has a figure; else it has a sentence on why there is none."""
        figures = ".lx, .js-plotly-plot, [data-testid='stMain'] img, [data-testid='stDataFrame']"
        return self.page.locator(figures).count() > 0

    def quiet(self, milliseconds: int = 250) -> None:
        """Wait for the answer to what was just done."""
        self.page.wait_for_timeout(milliseconds)
        self.settle()

    def until(self, condition: str, argument: object = None) -> None:
        self.page.wait_for_function(condition, arg=argument)
        self.quiet()

    def choose(self, option: str) -> None:
        """An option of a segmented control."""
        radio = self.page.get_by_role("radio", name=option, exact=True)
        radio.or_(self.page.get_by_role("button", name=option, exact=True)).first.click()
        self.quiet(400)

    def number(self, label: str, value: int) -> None:
        self.page.get_by_role("spinbutton", name=label, exact=True).fill(str(value))
        self.page.keyboard.press("Enter")
        self.quiet(400)

    def press_slider(self, label: str, key: str = "ArrowRight", times: int = 1) -> None:
        self.page.get_by_role("slider", name=label).first.focus()
        for _ in range(times):
            self.page.keyboard.press(key)
        self.quiet(400)

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()
        self.quiet(400)

    # -- the canvas --

    def on_plane(self, image: int, plane: int = 0) -> tuple[float, float]:
        """Where a test image's dot is on the screen."""
        canvas = self.page.locator(".lx").first
        x, y = canvas.evaluate(
            """(one, [i, plane]) => {
                const handle = one.latentCanvas, places = handle.places(plane);
                return handle.screen(places[2 * i], places[2 * i + 1], plane);
            }""",
            [image, plane],
        )
        return x, y

    def click_dot(self) -> None:
        """A click on a dot that is well in view, and away from those that are chosen: another may lie on top."""
        box = self.page.locator(".lx-over").first.bounding_box()
        chosen = [self.on_plane(image) for image in self.canvases()[0]["selection"][:4]]
        for image in range(60):
            x, y = self.on_plane(image)
            inside = 40 < x - box["x"] < box["width"] - 40 and 40 < y - box["y"] < box["height"] - 40
            if inside and all(math.dist((x, y), one) > 40 for one in chosen):
                break
        self.page.mouse.move(x - 3, y)
        self.page.wait_for_timeout(150)
        self.page.mouse.click(x, y)

    def lasso(self, radius: float = 60) -> None:
        """A round lasso about the middle of the dots of the first plane."""
        middle = np.median([self.on_plane(i) for i in range(40)], axis=0)
        corners = [
            (middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle))
            for angle in np.linspace(0, 2 * math.pi, 13)
        ]
        self.page.keyboard.down("Shift")
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in corners[1:]:
            self.page.mouse.move(*corner)
            self.page.wait_for_timeout(20)
        self.page.mouse.up()
        self.page.keyboard.up("Shift")
        self.until("() => new URLSearchParams(location.search).get('picked')")

    def selected(self) -> int:
        return len(self.canvases()[0]["selection"])

    # -- the link --

    def copied_link(self) -> str:
        """The link as the Share menu gives it."""
        self.page.get_by_role("button", name="Share", exact=True).click()
        self.page.locator(".lx-share").get_by_role("button", name="Copy link").click()
        self.page.wait_for_function("() => document.querySelector('.lx-said')?.textContent === 'The link is copied.'")
        link = self.page.evaluate("() => navigator.clipboard.readText()")
        self.page.keyboard.press("Escape")
        self.page.wait_for_selector(".lx-share", state="detached")
        return link

    def pixels(self) -> np.ndarray:
        """What is seen of the page below its row of controls, with nothing focused and the pointer elsewhere.

        (Controls fade and move by parts of a pixel.)
        """
        self.page.mouse.move(5, 5)
        self.page.evaluate(
            """() => {
                document.activeElement?.blur();
                document.activeElement?.shadowRoot?.activeElement?.blur();
                document.querySelector('[data-testid="stMain"]').scrollTo(0, 0);
            }"""
        )
        self.page.wait_for_timeout(500)
        self.settle()
        box = self.page.locator('[data-testid="stMain"]').bounding_box()
        header = self.page.locator(".st-key-header").bounding_box()
        top = header["y"] + header["height"]
        clip = {"x": box["x"], "y": top, "width": box["width"], "height": SIZE["height"] - top}
        content = self.page.screenshot(clip=clip, animations="disabled", caret="hide")
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def walks(browser, app) -> Iterator[Callable[[str], Walk]]:
    """Windows, one for each name; a window whose name is new has a browser context of its own."""
    found: dict[str, tuple] = {}
    fresh = count()

    def walk(name: str = "") -> Walk:
        name = name or f"fresh {next(fresh)}"
        if name not in found:
            context = browser.new_context(viewport=SIZE, color_scheme="light")
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            found[name] = context, Walk(context, app)
        return found[name][1]

    yield walk
    for context, _ in found.values():
        context.close()


# -- what a visitor does on each page ---------------------------------------------------------------------------


def home(walk: Walk, family: str) -> None:
    walk.choose("Digits 8x8")


def latent_space(walk: Walk, family: str) -> None:
    walk.choose("Draw")
    pad = walk.page.locator(".pad-page")
    if pad.count():
        box = pad.bounding_box()
        walk.page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.25)
        walk.page.mouse.down()
        for share in (0.4, 0.6, 0.8):
            walk.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * share)
            walk.page.wait_for_timeout(30)
        walk.page.mouse.up()
        walk.page.wait_for_function(
            """() => [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
                .some(one => [...one.shadowRoot.querySelectorAll('canvas')].some(canvas => canvas.offsetWidth > 0))"""
        )
    walk.assert_whole()
    walk.choose("Points")
    walk.click_dot()
    walk.page.get_by_text("nearest test images").first.wait_for()
    walk.quiet()
    assert walk.selected() == 1
    walk.lasso()
    assert walk.selected() > 3
    walk.page.get_by_text(f"{walk.selected():,} test images").first.wait_for()


def samples(walk: Walk, family: str) -> None:
    before = walk.page.locator('[data-testid="stMain"] img').first.get_attribute("src")
    walk.page.get_by_role("spinbutton", name="Seed").fill("11")
    walk.page.keyboard.press("Enter")
    walk.until(
        """src => { const now = document.querySelector('[data-testid="stMain"] img');
                    return now && now.complete && now.getAttribute('src') !== src; }""",
        before,
    )


def interpolate(walk: Walk, family: str) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.tril(np.full((40, 40), 255, np.uint8))).save(picture, "PNG")
    walk.page.get_by_role("button", name="More").click()
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    walk.page.locator('input[type="file"]').first.set_input_files(file)
    walk.page.get_by_text("It is part of the link").wait_for()
    walk.page.keyboard.press("Escape")
    walk.page.get_by_text("your picture").first.wait_for()
    walk.quiet()
    walk.press_slider("Step", times=2)
    walk.until("() => new URLSearchParams(location.search).get('step') === '6'")
    walk.quiet(600)  # a click while the page still answers another one may be lost
    if walk.page.locator(".lx").count():
        walk.number("To test image", 45)  # none of those that are clicked: the first one may be the end already
        walk.click_dot()
        walk.until("() => new URLSearchParams(location.search).get('towards') !== '45'")
    assert walk.page.get_by_text("your picture").count()


def pseudo_inputs(walk: Walk, family: str) -> None:
    if walk.shows:
        walk.number("Rank by share", 3)
        walk.choose("Samples")


def traversals(walk: Walk, family: str) -> None:
    before = walk.page.get_by_role("spinbutton").first.input_value()
    walk.page.locator(".st-key-random-image button").first.click()
    walk.until("before => document.querySelector('input[type=number]').value !== before", before)
    if family == "hierarchy":
        walk.choose("1")


def sphere(walk: Walk, family: str) -> None:
    if walk.shows:
        walk.button("A pair")
        box = walk.page.locator(".lx-over").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        walk.page.mouse.move(x, y)
        walk.page.mouse.down()
        for step in range(1, 7):
            walk.page.mouse.move(x + 10 * step, y)
            walk.page.wait_for_timeout(30)
        walk.page.mouse.up()
        walk.until("() => new URLSearchParams(location.search).get('longitude')")


def layers_and_codes(walk: Walk, family: str) -> None:
    if family == "hierarchy":
        walk.page.locator(".st-key-random-image button").first.click()
        walk.quiet(400)
        walk.choose("Layer by layer")
    elif family == "vq":
        box = walk.page.locator(".js-plotly-plot").first.bounding_box()
        x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3
        walk.page.mouse.move(x - 4, y)
        walk.page.wait_for_timeout(200)
        walk.page.mouse.click(x, y)
        walk.until("() => new URLSearchParams(location.search).get('place')")
        walk.number("New code", 2)


def active_units(walk: Walk, family: str) -> None:
    if walk.shows:
        walk.press_slider("Threshold on the variance", times=3)


def side_by_side(walk: Walk, family: str) -> None:
    walk.lasso()
    walk.page.get_by_text("selected, marked on every plane").wait_for()
    assert walk.selected() > 3
    walk.quiet()


def results(walk: Walk, family: str) -> None:
    pass


# -- the walk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_page_is_used_and_its_link_gives_the_same_picture(walks, family, page):
    walk, name = walks(family), FAMILIES[family]
    walk.errors.clear()
    walk.open(page, model=name)
    walk.assert_whole()
    globals()[page or "home"](walk, family)
    walk.assert_whole()
    if not walk.shows:  # a sentence on why there is no figure, in its place
        assert walk.page.locator('[data-testid="stAlert"]').first.inner_text().strip().endswith(".")
        return
    link = walk.copied_link()
    assert f"model={name}" in link
    first = walk.pixels()
    walk.screenshot(f"walk-{family}-{page or 'home'}")
    other = walks()
    other.page.goto(link)
    other.settle()
    other.assert_whole()
    second = other.pixels()
    other.page.context.close()
    assert first.shape == second.shape
    differ = (first != second).any(axis=2)
    if differ.any():
        Image.fromarray(second.astype(np.uint8)).save(SCREENSHOTS / f"walk-{family}-{page or 'home'}-by-link.png")
    assert not differ.any(), f"{differ.sum()} pixels differ, rows {np.flatnonzero(differ.any(1))[[0, -1]]}"
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 20  # not two empty pages


@pytest.mark.parametrize("page", ABOUT_RUNS)
def test_pages_about_runs_open(walks, page):
    walk = walks("runs")
    walk.errors.clear()
    walk.open(page)
    walk.assert_healthy()
    assert len(walk.text()) > 40
    walk.screenshot(f"walk-{page}")
