"""The page's figure as SVG, PNG and HTML: whole, of the same shapes and words, and as it looks on the screen."""

from __future__ import annotations

import base64
import io
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import library

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SVG, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
FINER = 2


@dataclass
class Drawn:
    """A figure that was saved, and where the top left corner of its first part was on the page."""

    root: ET.Element
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        return int(self.root.get("width")), int(self.root.get("height"))

    @property
    def shift(self) -> tuple[float, float]:
        """What takes the first part from the page into the figure."""
        moved = next(group.get("transform") for group in self.root.iter(f"{SVG}g"))
        dx, dy = re.fullmatch(r"translate\(([-\d.]+) ([-\d.]+)\)", moved).groups()
        return float(dx), float(dy)

    def all(self, name: str) -> list[ET.Element]:
        return list(self.root.iter(f"{SVG}{name}"))

    def says(self, sentence: str) -> bool:
        """Whether it holds these words, however they are parted into runs and lines."""
        bare = "".join("".join(one.itertext()) for one in self.all("text"))
        return "".join(sentence.split()) in "".join(bare.split())


def menu(visit):
    if visit.page.locator(".lx-share").count() == 0:
        visit.page.get_by_role("button", name="Share").click()
        visit.page.wait_for_selector(".lx-share button")
    return visit.page.locator(".lx-share").first


def save(visit, kind: str, folder: Path) -> Path:
    with visit.page.expect_download(timeout=30_000) as download:
        menu(visit).get_by_role("button", name=f"Download figure as {kind}").click()
    name = download.value.suggested_filename
    download.value.save_as(folder / name)
    visit.page.wait_for_function("name => document.querySelector('.lx-said').textContent.includes(name)", arg=name)
    assert menu(visit).locator(".lx-said").inner_text() == f"Saved {name}."
    return folder / name


def saved(visit, folder: Path) -> tuple[Drawn, np.ndarray]:
    """The figure as SVG, and as the pixels of its PNG, uint8 [height, width, 3]."""
    path = save(visit, "SVG", folder)
    found = Drawn(ET.parse(path).getroot(), path)
    pixels = np.asarray(Image.open(save(visit, "PNG", folder)).convert("RGB"))
    assert pixels.shape[:2] == (FINER * found.size[1], FINER * found.size[0])
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector(".lx-share", state="detached")
    visit.page.mouse.move(5, 5)
    visit.page.wait_for_timeout(500)
    visit.assert_healthy()
    return found, pixels


def on_screen(visit, place: str) -> tuple[dict, np.ndarray]:
    """Where an element is, and its pixels on the screen."""
    element = visit.page.locator(place).first
    box = element.bounding_box()
    edges = {"x": round(box["x"]), "y": round(box["y"]), "width": int(box["width"]), "height": int(box["height"])}
    picture = visit.page.screenshot(clip=edges, animations="disabled")
    return edges, np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def part(pixels: np.ndarray, box: dict, shift: tuple[float, float]) -> np.ndarray:
    """What of the PNG shows this place of the page, at the screen's size."""
    left, top = (FINER * round(box[axis] + by) for axis, by in zip("xy", shift, strict=True))
    cut = pixels[top : top + FINER * box["height"], left : left + FINER * box["width"]].astype(float)
    return cut.reshape(box["height"], FINER, box["width"], FINER, 3).mean(axis=(1, 3))


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    """Two pictures of the same: their coarse pixels, and how often each tone comes."""
    assert one.shape == other.shape
    assert len(np.unique(other.reshape(-1, 3).astype(np.uint8), axis=0)) > 30, "the picture is not empty"

    def coarse(pixels: np.ndarray) -> np.ndarray:
        height, width = (size // 8 for size in pixels.shape[:2])
        return pixels[: 8 * height, : 8 * width].astype(float).reshape(height, 8, width, 8, 3).mean(axis=(1, 3))

    assert np.abs(coarse(one) - coarse(other)).mean() < 4
    assert np.corrcoef(coarse(one).ravel(), coarse(other).ravel())[0, 1] > 0.95
    counts = [
        np.histogramdd(each.reshape(-1, 3), bins=6, range=[(0, 256)] * 3)[0] / each[..., 0].size
        for each in (one, other)
    ]
    assert np.abs(counts[0] - counts[1]).sum() < 0.12


def test_the_plane_of_latent_space_is_saved_as_shapes(visit, browser, tmp_path):
    from explorer.canvas import scene

    visit.open("latent_space", model="digits-vampprior-2d", size="6")
    found, pixels = saved(visit, tmp_path)
    assert found.path.name == "digits-vampprior-2d-latent-space.svg"
    [canvas] = visit.canvases()
    [plane] = canvas["planes"]
    legend = scene.classes([library.find("digits-vampprior-2d")])
    colours = {one.json()["colour"].lower() for one in legend}
    dots = [one for one in found.all("circle") if one.get("fill") in colours]
    assert len(dots) == plane["drawn"] + len(legend)
    assert plane["drawn"] == sum(plane["classes"].values())
    assert len([one for one in found.all("circle") if one.get("fill") == "#000000"]) == plane["pseudo"] + 1

    places = visit.page.locator(".lx").evaluate(
        """one => { const all = one.latentCanvas.places();
            return all.filter((_, i) => i % 2 === 0).map((x, i) => one.latentCanvas.screen(x, all[2 * i + 1])) }"""
    )
    expected = np.array(places) + np.array(found.shift)
    drawn = np.array([(float(one.get("cx")), float(one.get("cy"))) for one in dots]) + np.array(found.shift)
    distances = np.linalg.norm(expected[:, None] - drawn[None], axis=2)
    assert distances.min(axis=1).max() < 0.05, "each test image is where the screen has it"

    assert found.says("Each dot is a test image at the mean of q(z|x), coloured by class")
    assert found.says("digits-vampprior-2d (2 dimensions) · Digits 8x8 test, 300 images")
    assert found.says("z₁ (latent units)")
    assert not found.says("What am I looking at")
    assert not any(one.get(HREF, "").startswith("http") for one in found.root.iter())

    box, screen = on_screen(visit, ".lx-cell")
    assert_alike(screen, part(pixels, box, found.shift))
    context = browser.new_context(viewport={"width": found.size[0], "height": found.size[1]}, offline=True)
    alone = context.new_page()
    alone.goto(found.path.as_uri())
    rendered = np.asarray(Image.open(io.BytesIO(alone.screenshot())).convert("RGB"))
    context.close()
    assert rendered.shape[1::-1] == found.size
    left, top = (round(box[axis] + by) for axis, by in zip("xy", found.shift, strict=True))
    assert_alike(screen, rendered[top : top + box["height"], left : left + box["width"]])


def test_samples_are_saved_with_the_keyboard_and_keep_their_pixels(visit, tmp_path):
    visit.open("samples", model="digits-standard-2d")
    visit.page.get_by_role("button", name="Share").focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".lx-share button")
    for _ in range(12):
        if visit.page.evaluate("document.activeElement.ariaLabel") == "Download figure as SVG":
            break
        visit.page.keyboard.press("Tab")
    with visit.page.expect_download(timeout=30_000) as download:
        visit.page.keyboard.press("Enter")
    assert download.value.suggested_filename == "digits-standard-2d-samples.svg"
    found, pixels = saved(visit, tmp_path)
    assert found.says("digits-standard-2d · seed 0")
    source = visit.page.locator('[data-testid="stImage"] img').first.get_attribute("src")
    bytes_of = visit.page.evaluate("async url => [...new Uint8Array(await (await fetch(url)).arrayBuffer())]", source)
    held = [base64.b64decode(one.get(HREF).split(",")[1]) for one in found.all("image")]
    assert bytes(bytes_of) in held, "the very picture of the page"
    box, screen = on_screen(visit, '[data-testid="stImage"] img')
    assert_alike(screen, part(pixels, box, found.shift))


@pytest.mark.parametrize("visit", ["dark"], indirect=True)
def test_charts_are_saved_as_seen_in_the_dark(visit, tmp_path):
    visit.open("active_units", model="digits-standard-8d")
    found, pixels = saved(visit, tmp_path)
    assert tuple(pixels[0, 0]) == (13, 19, 31), "the ground of the dark theme"
    bars = [one for one in found.all("g") if one.get("class") == "point"]
    assert len(bars) >= 16, "variance and KL of each of eight units"
    for sentence in ("units are active", "variance of μ (latent units²)", "digits-standard-8d · Digits"):
        assert found.says(sentence)
    assert not re.search(r"url\([^#)]", found.path.read_text("utf-8").replace("url(data:font/woff2", ""))
    box, screen = on_screen(visit, '[data-testid="stPlotlyChart"]')
    assert_alike(screen, part(pixels, box, found.shift))


def test_a_page_of_several_figures_is_saved_whole_and_as_a_page_of_its_own(visit, browser, tmp_path):
    visit.open("interpolate", model="digits-vampprior-2d")
    found, pixels = saved(visit, tmp_path)
    [canvas] = visit.canvases()
    assert len(found.all("circle")) >= canvas["planes"][0]["drawn"] > 200
    assert len(found.all("image")) >= 4
    for sentence in (
        "Latent line: the decoder at each step",
        "log p(z) (nats)",
        "digits-vampprior-2d · Digits 8x8 test",
    ):
        assert found.says(sentence)
    box, screen = on_screen(visit, ".lx-cell")
    assert_alike(screen, part(pixels, box, found.shift))

    file = save(visit, "HTML", tmp_path)
    context = browser.new_context(viewport={"width": 1100, "height": 800}, offline=True)
    asked, page = [], context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert page.title() == "digits-vampprior-2d: Interpolate"
    assert page.locator("figure svg circle").count() == len(found.all("circle"))
    assert page.locator("footer a").get_attribute("href") == visit.page.url
    page.locator("summary").click()
    assert "equal steps along a straight line" in page.locator("figcaption").inner_text()
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    context.close()


def test_a_page_without_a_figure_says_so(visit):
    files = []
    visit.page.on("download", lambda download: files.append(download.suggested_filename))
    visit.open("pseudo_inputs", model="digits-standard-2d")
    menu(visit).get_by_role("button", name="Download figure as PNG").click()
    visit.page.wait_for_function("() => document.querySelector('.lx-said').textContent.includes('no figure')")
    said = menu(visit).locator(".lx-said").inner_text()
    assert said.startswith("This page shows no figure to save. It says: This model has no pseudo-inputs")
    time.sleep(1)
    assert not files
    visit.assert_healthy()
