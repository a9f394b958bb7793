"""Interpolate in a real browser: the path on the plane, ends that are dragged and clicked, and the files it gives."""

from __future__ import annotations

import io
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

both_themes = pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
VAMP, WIDE = "mnist-vampprior-2d", "mnist-vampprior-40d"
FIRST_SCREEN = 720


def link(visit) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(visit.page.url).query).items()}


def on_screen(visit, x: float, y: float) -> list[float]:
    return visit.page.locator(".lx").evaluate("(one, [x, y]) => one.latentCanvas.screen(x, y)", [x, y])


def place_of(visit, image: int) -> list[float]:
    places = visit.page.locator(".lx").evaluate("one => one.latentCanvas.places()")
    return places[2 * image : 2 * image + 2]


def quiet(visit) -> None:
    visit.page.wait_for_timeout(500)
    visit.settle()


def comes_to(visit, name: str, place) -> None:
    """The bead, or an end, of the first canvas arrives at a place: the page's answer takes its time."""
    for _ in range(60):
        found = visit.canvases()[0]["bead"] if name == "bead" else visit.canvases()[0]["ends"][1]
        if np.allclose(found, place, atol=1e-3):
            return
        visit.page.wait_for_timeout(250)
    np.testing.assert_allclose(found, place, atol=1e-3)


@both_themes
def test_the_path_its_bead_and_its_ends(visit):
    visit.open("interpolate", model=VAMP, image=12, towards=5)
    visit.assert_healthy()
    (canvas,) = visit.canvases()
    assert canvas["selection"] == [5, 12]
    a, b = canvas["ends"]
    np.testing.assert_allclose([a, b], [place_of(visit, 12), place_of(visit, 5)], atol=1e-3)
    np.testing.assert_allclose(canvas["bead"], np.mean([a, b], axis=0), atol=1e-3)
    assert visit.points()[VAMP] == 9
    bottom = visit.page.locator(".js-plotly-plot").first.bounding_box()
    assert bottom["y"] + bottom["height"] < FIRST_SCREEN
    visit.screenshot(f"interpolate-{visit.theme}")

    slider = visit.page.get_by_role("slider", name="Step")
    slider.focus()
    for _ in range(4):
        visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_url("**step=8**")
    quiet(visit)
    comes_to(visit, "bead", b)
    assert "decoded at t = 1.00" in visit.text()

    x, y = on_screen(visit, *b)  # b is dragged to the zeros, and takes the image nearest to where it is dropped
    to_x, to_y = on_screen(visit, 2.5, -2.5)
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=5)
    visit.page.mouse.move(to_x, to_y, steps=5)
    visit.page.mouse.up()
    visit.page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("towards", ["5"]) != ["5"])
    quiet(visit)
    visit.assert_healthy()
    image = int(link(visit)["towards"])
    assert image != 5
    places = np.array(visit.page.locator(".lx").evaluate("one => one.latentCanvas.places()")).reshape(-1, 2)
    assert np.linalg.norm(places - [2.5, -2.5], axis=1).argmin() == image
    comes_to(visit, "b", places[image])

    x, y = on_screen(visit, *places[2])  # a click on an image sends b there
    visit.page.mouse.move(x - 3, y)
    visit.page.wait_for_timeout(200)
    visit.page.mouse.click(x, y)
    visit.page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("towards", ["0"]) != [str(image)])
    quiet(visit)
    image = int(link(visit).get("towards", 0))
    near = visit.page.locator(".lx").evaluate("(one, [x, y]) => one.latentCanvas.screen(x, y)", places[image].tolist())
    assert np.hypot(near[0] - x, near[1] - y) < 10
    comes_to(visit, "b", places[image])

    with visit.page.expect_download() as film:
        visit.page.get_by_role("button", name="GIF").click()
    found = Image.open(film.value.path())
    assert (found.format, found.n_frames > 20) == ("GIF", True)
    assert film.value.suggested_filename == f"{VAMP}-line-12-{image}.gif"
    with visit.page.expect_download() as strip:
        visit.page.get_by_role("button", name="PNG strip").click()
    with open(strip.value.path(), "rb") as file:
        assert Image.open(io.BytesIO(file.read())).size == (4 * (9 * 28 + 8), 4 * (2 * 28 + 1))

    visit.page.goto(visit.page.url)  # the link gives the same view
    quiet(visit)
    comes_to(visit, "b", places[image])
    visit.page.get_by_test_id("stSidebarNav").get_by_text("Traversals", exact=True).click()
    visit.page.wait_for_url("**/traversals**")
    quiet(visit)
    assert visit.page.locator("input[type=number]").first.input_value() == "12"  # the same image there


@both_themes
def test_corners_walk_and_classes(visit):
    visit.open("interpolate", model=VAMP, mode="Corners")
    visit.assert_healthy()
    assert len(visit.canvases()[0]["selection"]) == 4
    visit.screenshot(f"interpolate_corners-{visit.theme}")
    for mode, words in (("Walk", "A random walk from"), ("Classes", "from the mean of class 1 to that of class 7")):
        visit.page.get_by_role("radio", name=mode).or_(visit.page.get_by_role("button", name=mode, exact=True)).click()
        visit.page.get_by_text(re.compile(words)).wait_for()
        quiet(visit)
        visit.assert_healthy()
        (canvas,) = visit.canvases()
        assert canvas["bead"] is not None
        bottom = visit.page.locator(".js-plotly-plot").first.bounding_box()
        assert bottom["y"] + bottom["height"] < FIRST_SCREEN
        visit.screenshot(f"interpolate_{mode.lower()}-{visit.theme}")
