"""Every page opens in a real browser: nothing is an error, the charts hold what they should, the pictures are kept."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

MODEL, BESIDE = "mnist-vampprior-2d", "mnist-standard-2d"
PAGES = ("", "latent_space", "samples", "interpolate", "pseudo_inputs", "active_units")


@pytest.mark.parametrize("page", PAGES)
def test_page_opens(visit, page):
    visit.open(page, model=MODEL)
    visit.assert_healthy()
    assert len(visit.text()) > 100
    visit.screenshot(f"{page or 'home'}-{visit.theme}")


def test_home_shows_two_planes_of_all_test_images(visit):
    visit.open("")
    visit.assert_healthy()
    points = visit.points()
    assert sum(points[str(digit)] for digit in range(10)) == 2 * 10_000
    assert points["pseudo-input"] == 500


def test_latent_space_shows_every_test_image_and_pseudo_input(visit):
    visit.open("latent_space", model=MODEL)
    points = visit.points()
    assert sum(points[str(digit)] for digit in range(10)) == 10_000
    assert points["pseudo-input"] == 500
