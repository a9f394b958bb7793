"""Every page opens in a real browser: nothing is an error, the charts hold what they should, the pictures are kept."""

from __future__ import annotations

import pytest

from explorer import library

pytestmark = pytest.mark.browser

PAGES = ("", "latent_space", "samples", "interpolate", "pseudo_inputs", "active_units")
VAMP, STANDARD, COLLAPSED = "mnist-vampprior-2d", "mnist-standard-2d", "mnist-collapsed-40d"
both_themes = pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
CLASSES = [str(digit) for digit in range(10)]


def images(points: dict[str, int]) -> int:
    return sum(points.get(name, 0) for name in CLASSES)


@both_themes
def test_home_shows_two_planes_of_all_test_images(visit):
    visit.open("")
    visit.assert_healthy()
    points = visit.points()
    assert images(points) == 2 * 10_000
    assert points["pseudo-input"] == 500
    assert "nats" in visit.text()
    visit.screenshot(f"home-{visit.theme}")


@both_themes
def test_latent_space_shows_every_test_image_and_pseudo_input(visit):
    visit.open("latent_space", model=VAMP)
    visit.assert_healthy()
    points = visit.points()
    assert images(points) == 10_000
    assert points["pseudo-input"] == 500
    visit.screenshot(f"latent_space-{visit.theme}")


@both_themes
def test_latent_space_sets_two_models_beside_each_other(visit):
    visit.open("latent_space", model=VAMP, beside=STANDARD)
    visit.assert_healthy()
    assert images(visit.points()) == 2 * 10_000
    visit.screenshot(f"latent_space_beside-{visit.theme}")


@both_themes
def test_many_dimensions_are_projected(visit):
    visit.open("latent_space", model="mnist-vampprior-40d")
    visit.assert_healthy()
    assert images(visit.points()) == 10_000
    assert "principal component" in visit.canvases()[0]["planes"][0]["axes"][0]
    visit.screenshot(f"latent_space_40d-{visit.theme}")


@both_themes
def test_samples(visit):
    visit.open("samples", model=VAMP, beside=STANDARD)
    visit.assert_healthy()
    assert visit.pictures() >= 2
    visit.screenshot(f"samples-{visit.theme}")


@both_themes
def test_interpolate(visit):
    visit.open("interpolate", model=VAMP)
    visit.assert_healthy()
    assert visit.pictures() >= 2
    assert visit.page.locator(".lx-row img").count() == 4
    assert visit.points()[VAMP] == 9
    visit.screenshot(f"interpolate-{visit.theme}")


@both_themes
def test_pseudo_inputs(visit):
    visit.open("pseudo_inputs", model=VAMP)
    visit.assert_healthy()
    assert 500 in visit.points().values()
    assert visit.pictures() >= 3
    visit.screenshot(f"pseudo_inputs-{visit.theme}")


@both_themes
def test_a_model_without_pseudo_inputs_says_so(visit):
    visit.open("pseudo_inputs", model=STANDARD)
    visit.assert_healthy()
    assert "no pseudo-inputs" in visit.text()
    visit.screenshot(f"pseudo_inputs_none-{visit.theme}")


@both_themes
def test_active_units_of_the_collapsed_model(visit):
    visit.open("active_units", model=COLLAPSED)
    visit.assert_healthy()
    assert visit.points()[COLLAPSED] == 2 * 40
    assert "of 40 units are active" in visit.text()
    assert "units died" in visit.text()
    visit.screenshot(f"active_units-{visit.theme}")


def test_a_link_restores_the_view(visit):
    visit.open("active_units", model=COLLAPSED)
    visit.page.locator('[data-testid="stSlider"] input').first.focus()
    visit.page.keyboard.press("ArrowRight")
    visit.settle()
    visit.page.wait_for_timeout(1500)
    address, verdict = visit.page.url, visit.text()
    assert COLLAPSED in address
    visit.page.goto("about:blank")
    visit.page.goto(address)
    visit.settle()
    assert visit.text() == verdict


def test_a_link_to_a_model_that_is_gone_still_opens(visit):
    visit.open("latent_space", model="no-such-model")
    visit.assert_healthy()
    assert len(visit.text()) > 100


def test_pages_are_reached_through_the_navigation(visit):
    visit.open("", model=STANDARD)
    for title in ("Latent space", "Samples", "Interpolate", "Pseudo-inputs", "Active units", "Home"):
        visit.page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
        visit.page.wait_for_timeout(500)
        visit.settle()
        visit.assert_healthy()
        assert STANDARD in visit.page.url  # the chosen model goes along


def one_of_each() -> list[str]:
    """The first shipped model of every family and kind of latent space."""
    found: dict[tuple, str] = {}
    for entry in library.whole():
        found.setdefault((entry.family, entry.space_kind), entry.name)
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", one_of_each())
def test_one_model_of_every_family_on_every_page(visit, name, page):
    visit.open(page, model=name)
    visit.assert_healthy()
    notes = visit.page.locator('[data-testid="stAlert"]').count()
    assert notes or visit.pictures() or visit.points()
