"""The Samples page in a browser: another source, neighbours beside the samples, and a link that shows the same."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
VAMP, DIGITS = "digits-vampprior-2d", "digits-standard-2d"


@pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
def test_the_source_and_the_neighbours_are_chosen_and_kept_by_the_link(visit, app, window):
    visit.open("samples", model=VAMP, beside=DIGITS)
    main = visit.page.locator('[data-testid="stMain"]')
    sheet = main.locator("img").first
    before = sheet.screenshot()
    main.get_by_text("Aggregated posterior", exact=True).first.click()
    visit.page.wait_for_function("() => document.body.innerText.includes('from the aggregated posterior')")
    visit.settle()
    assert sheet.screenshot() != before
    main.get_by_text("More", exact=True).click()
    visit.page.get_by_text("The nearest training image beside each sample", exact=True).click()
    visit.page.wait_for_function("() => document.body.innerText.includes('At the right of each')")
    visit.page.keyboard.press("Escape")
    visit.settle()
    visit.assert_healthy()
    assert visit.pictures() == 2
    assert "nearest=true" in visit.page.url
    visit.screenshot(f"samples_nearest-{visit.theme}")

    if visit.theme == "light":
        fresh = window(app)
        fresh.page.goto(visit.page.url)
        fresh.settle()
        assert fresh.page.locator('[data-testid="stMain"] img').first.screenshot() == sheet.screenshot()
        fresh.assert_healthy()
