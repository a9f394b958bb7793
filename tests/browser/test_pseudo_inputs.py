"""The Pseudo-inputs page in a browser: its figures are chosen, and a link shows the same again."""

from __future__ import annotations

import pytest

from explorer import duplicates, insets, library, usage

pytestmark = pytest.mark.browser
VAMP = "mnist-vampprior-2d"


@pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
def test_samples_around_pseudo_inputs_and_the_pairs_that_are_alike(visit, app, window):
    visit.open("pseudo_inputs", model=VAMP)
    main = visit.page.locator('[data-testid="stMain"]')
    main.get_by_text("Samples", exact=True).first.click()
    visit.page.wait_for_function("() => document.body.innerText.includes('around it 24 draws from q(z|u)')")
    visit.settle()
    assert visit.pictures() == 3
    main.get_by_text("Least used", exact=True).click()
    visit.page.wait_for_function("() => document.body.innerText.includes('rank 500')")
    visit.settle()
    visit.assert_healthy()
    sheet = visit.page.locator('[data-testid="stMain"] img').first
    assert sheet.bounding_box()["y"] + sheet.bounding_box()["height"] < 720
    visit.screenshot(f"pseudo_inputs_samples-{visit.theme}")

    if visit.theme == "light":
        fresh = window(app)
        fresh.page.goto(visit.page.url)
        fresh.settle()
        again = fresh.page.locator('[data-testid="stMain"] img').first
        assert again.screenshot() == sheet.screenshot()  # the link shows the same, pixel for pixel

    main.get_by_text("Duplicates", exact=True).first.click()
    visit.page.wait_for_function("() => document.body.innerText.includes('have a near-duplicate')")
    visit.settle()
    assert visit.pictures() == 24
    first, second = duplicates.of(library.find(VAMP)).pairs[0]
    assert f"{first} and {second} ·" in visit.text()
    visit.assert_healthy()
    visit.screenshot(f"pseudo_inputs_duplicates-{visit.theme}")


@pytest.mark.slow
@pytest.mark.parametrize("name", [VAMP, "mnist-mog-2d"])
def test_a_click_on_a_picture_or_on_a_dot_of_the_small_plane_chooses_it(visit, name):
    visit.open("pseudo_inputs", model=name)
    sheet = visit.page.locator(".lx-sheet")
    box = sheet.bounding_box()
    visit.page.mouse.click(box["x"] + box["width"] * 4.5 / 12, box["y"] + box["height"] * 1.5 / 8)
    visit.page.wait_for_url("**rank=17*")  # row 2, column 5 of 12
    visit.page.wait_for_function("() => document.body.innerText.includes('rank 17 of 500')")
    sheet.press("ArrowLeft")
    visit.page.wait_for_url("**rank=16*")
    visit.settle()
    assert sheet.get_attribute("aria-valuenow") == "16"
    entry = library.find(name)
    order, places = usage.of(entry).order, insets.with_components(entry).pseudo
    alone = max(order[1:].tolist(), key=lambda k: sorted(((places - places[k]) ** 2).sum(1))[1])
    x, y = visit.page.locator(".lx").evaluate("(one, [x, y]) => one.latentCanvas.screen(x, y)", places[alone].tolist())
    visit.page.mouse.click(x, y)
    rank = 1 + order.tolist().index(alone)
    visit.page.wait_for_url(f"**rank={rank}*")
    visit.page.wait_for_function(f"() => document.body.innerText.includes('rank {rank} of 500')")
    visit.settle()
    visit.assert_healthy()
    (canvas,) = visit.canvases()
    assert canvas["planes"][0]["pseudo"] == 500
    assert canvas["selection"] == []
    visit.screenshot(f"pseudo_inputs_place-{name}")
