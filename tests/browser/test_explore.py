"""Traversals, Layers and codes, Side by side in a real browser: charts hold what they should, clicks arrive."""

from __future__ import annotations

import math

import numpy as np
import pytest

from explorer import library

pytestmark = pytest.mark.browser

both_themes = pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
WIDE, COLLAPSED, HIERARCHY, CODES = "mnist-vampprior-40d", "mnist-collapsed-40d", "mnist-hvae-vampprior", "mnist-vq"
FIRST_SCREEN = 720


def rows(visit) -> int:
    """How many rows of pictures the page's charts show."""
    return visit.page.locator(".js-plotly-plot .layer-below image, .js-plotly-plot .imagelayer image").count()


def assert_first_screen(visit, share: float = 0.6) -> None:
    """The figure takes so much of the first screen, in height."""
    boxes = [one.bounding_box() for one in visit.page.locator(".js-plotly-plot, .lx").all()]
    top, bottom = min(box["y"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
    assert min(bottom, FIRST_SCREEN) - max(top, 0) >= share * FIRST_SCREEN


@both_themes
def test_traversals(visit):
    visit.open("traversals", model=WIDE, image=3)
    visit.assert_healthy()
    assert_first_screen(visit)
    shown = visit.points()
    assert shown["z₃₅"] == 7  # the unit that carries most, in seven steps
    assert rows(visit) == 18
    assert "4 dead units are folded away" in visit.text()
    visit.screenshot(f"traversals-{visit.theme}")


@both_themes
def test_layers(visit):
    visit.open("layers_and_codes", model=HIERARCHY)
    visit.assert_healthy()
    assert_first_screen(visit)
    assert rows(visit) == 5
    assert "z₁ drawn anew" in visit.text()
    visit.screenshot(f"layers-{visit.theme}")


@both_themes
def test_codes_and_a_click_on_a_place(visit):
    visit.open("layers_and_codes", model=CODES, image=7)
    visit.assert_healthy()
    assert_first_screen(visit)
    assert visit.points()["place"] == 49
    assert visit.points()["code"] == 32
    box = visit.page.locator(".js-plotly-plot").first.bounding_box()
    x, y = box["x"] + box["width"] * 2.5 / 7, box["y"] + box["height"] * 4.5 / 7
    visit.page.mouse.move(x - 4, y)
    visit.page.wait_for_timeout(200)
    visit.page.mouse.click(x, y)
    visit.page.wait_for_url("**place=30**")  # row 5, column 3
    visit.settle()
    visit.assert_healthy()
    assert "row 5, column 3" in visit.text()
    visit.screenshot(f"codes-{visit.theme}")


@both_themes
def test_side_by_side_a_lasso_on_one_plane_chooses_on_all(visit):
    models = f"{WIDE}&models={COLLAPSED}&models={CODES}"
    visit.open("side_by_side", model=WIDE, models=models)
    visit.assert_healthy()
    (canvas,) = visit.canvases()
    assert [plane["name"] for plane in canvas["planes"]] == [WIDE, COLLAPSED, CODES]
    assert visit.points()["7"] == 3 * 1028  # all sevens of the test images, on each plane
    box = visit.page.locator(".lx").bounding_box()
    x, y = box["x"] + box["width"] * 0.22, box["y"] + box["height"] * 0.5
    visit.page.keyboard.down("Shift")
    visit.page.mouse.move(x + 30, y)
    visit.page.mouse.down()
    for step in range(1, 13):
        angle = 2 * math.pi * step / 12
        visit.page.mouse.move(x + 30 * math.cos(angle), y + 30 * math.sin(angle))
        visit.page.wait_for_timeout(30)
    visit.page.mouse.up()
    visit.page.keyboard.up("Shift")
    visit.page.get_by_text("selected, marked on every plane").wait_for()
    visit.settle()
    visit.assert_healthy()
    assert rows(visit) == 4  # the images, and each model's reconstructions
    chosen = visit.text().split(" test images selected")[0].split()[-1]
    visit.screenshot(f"side_by_side-{visit.theme}")
    visit.page.get_by_test_id("stSidebarNav").get_by_text("Latent space", exact=True).click()
    visit.page.get_by_text(f"{chosen} test images").first.wait_for()  # the same ones there


@both_themes
def test_the_numbers_of_two_models(visit):
    visit.open("side_by_side", model=WIDE, beside=COLLAPSED, compare="Numbers")
    visit.assert_healthy()
    assert visit.points()["log p(x)"] == 1
    assert "10,000 pairs" in visit.text()
    visit.screenshot(f"side_by_side_numbers-{visit.theme}")


def test_the_chosen_image_goes_from_page_to_page(visit):
    visit.open("traversals", model=HIERARCHY, image=12)
    for title in ("Samples", "Layers and codes"):
        visit.page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
        visit.page.wait_for_timeout(500)
        visit.settle()
    visit.assert_healthy()
    assert "image=12" in visit.page.url
    charts = visit.page.locator(".js-plotly-plot").first
    assert "image 12" in charts.inner_text()


@pytest.mark.slow
def test_the_planes_of_two_layers_share_a_selection_and_each_decodes_its_own_layer(visit, app, window):
    import torch

    visit.open("layers_and_codes", model=HIERARCHY, layers="Planes")
    entry = library.find(HIERARCHY)
    handle = visit.page.locator(".lx")
    place = np.array(handle.evaluate("one => one.latentCanvas.places(1)")).reshape(-1, 2)
    apart = ((place[:, None] - place[None, :400]) ** 2).sum(-1)  # of the first 400, the one that no other lies near
    image = int(np.sort(apart, axis=0)[1].argmax())
    x, y = handle.evaluate("(one, [x, y]) => one.latentCanvas.screen(x, y, 1)", place[image].tolist())
    visit.page.mouse.click(x, y)
    visit.page.wait_for_url(f"**picked={image}*")
    visit.page.wait_for_function(f"() => document.body.innerText.includes('image {image}')")
    visit.settle()
    visit.assert_healthy()
    assert_first_screen(visit, 0.55)
    assert visit.canvases()[0]["selection"] == [image]

    # on the top layer's plane the layer below is where the prior expects it, whatever the chosen image has there
    box = visit.page.locator(".lx-over").first.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.15, steps=3)
    visit.page.wait_for_timeout(400)
    shown = handle.evaluate("one => one.latentCanvas.decoded(0)")
    top = torch.tensor([shown["z"][:40]])
    net = library.model(entry)
    with torch.no_grad():
        expected = net.decode(torch.cat([top, net.lower_priors[0](top).mean], 1)).mean
    np.testing.assert_allclose(shown["pixels"], expected.flatten(), atol=2 / 255)

    fresh = window(app)
    fresh.page.goto(visit.page.url)
    fresh.settle()
    assert fresh.canvases()[0]["selection"] == [image]
    visit.screenshot(f"layers_planes-{visit.theme}")
