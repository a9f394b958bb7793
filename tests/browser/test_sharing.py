"""Links, named views and lectures in a real browser: what is shared is seen by somebody else."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from explorer import ROOT

pytestmark = pytest.mark.browser

VIEWS = [
    ("The plane", "latent_space?model=digits-vampprior-2d&size=8", "Latent space"),
    ("Samples", "samples?model=digits-standard-2d&seed=3", "Samples"),
    ("A path", "interpolate?model=digits-vampprior-2d", "Interpolate"),
    ("Units", "active_units?model=digits-standard-8d", "Active units"),
    ("All of them", "?model=digits-standard-2d", "Same data, same network, different prior."),
]


def figure(visit) -> np.ndarray:
    """The pixels of the page's canvas."""
    picture = visit.page.locator(".lx").first.screenshot(animations="disabled")
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def share(visit):
    """The open menu."""
    visit.page.get_by_role("button", name="Share").click()
    visit.page.wait_for_selector(".lx-share button")
    return visit.page.locator(".lx-share")


def titled(visit, title: str) -> None:
    """Wait until the page of this title is there."""
    visit.page.wait_for_function(
        "title => [...document.querySelectorAll('h1')].some(one => one.innerText === title)", arg=title
    )
    visit.settle()


def test_a_copied_link_gives_the_same_picture_in_a_fresh_browser(visit, window):
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("latent_space", model="digits-vampprior-2d", size="8", picked="3.14.15", shapes="true")
    share(visit).get_by_role("button", name="Copy link").click()
    visit.page.wait_for_function("() => document.querySelector('.lx-said').textContent === 'The link is copied.'")
    link = visit.page.evaluate("() => navigator.clipboard.readText()")
    visit.page.keyboard.press("Escape")
    visit.page.mouse.move(5, 5)
    fresh = window(visit.address)
    fresh.page.goto(link)
    fresh.settle()
    fresh.page.mouse.move(5, 5)
    for one in (visit, fresh):
        one.page.wait_for_timeout(1000)
        one.assert_healthy()
    assert "3 test images" in fresh.text()
    first, second = figure(visit), figure(fresh)
    assert first.shape == second.shape
    assert (first != second).any(axis=2).mean() < 0.001
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 50  # not two empty pictures

    other = window(visit.address)
    other.open("latent_space", model="digits-standard-2d", size="8")
    assert (figure(other)[: len(first)] != first).any(axis=2).mean() > 0.01


def test_a_lecture_of_five_views_is_stepped_through_with_the_arrow_keys(visit, tmp_path):
    visit.open("latent_space", model="digits-vampprior-2d", size="8")
    menu = share(visit)
    menu.get_by_label("Name of this view").fill("The plane")
    menu.get_by_role("button", name="Add this view").click()
    assert menu.locator("li .lx-name").all_inner_texts() == ["The plane"]
    with visit.page.expect_download() as saved:
        menu.get_by_role("button", name="Save to a file").click()
    file = json.loads(saved.value.path().read_text())
    assert [one["name"] for one in file["views"]] == ["The plane"]
    assert file["views"][0]["link"].startswith("latent_space?model=digits-vampprior-2d&size=8")
    file["views"] = [{"name": name, "link": link} for name, link, _ in VIEWS]
    (tmp_path / "lecture.json").write_text(json.dumps(file))
    menu.locator("input[type=file]").set_input_files(tmp_path / "lecture.json")
    visit.page.wait_for_function("() => document.querySelectorAll('.lx-share li').length === 5")
    visit.screenshot("sharing-menu")
    menu.get_by_role("button", name="Start as a lecture").click()
    for i, (name, _, title) in enumerate(VIEWS):
        if i:
            visit.page.keyboard.press("ArrowRight" if i != 2 else "PageDown")
        titled(visit, title)
        assert visit.page.locator(".lx-lecture").inner_text().split("\n")[1] == f"{i + 1} of 5 · {name}"
        visit.assert_healthy()
        if i == 0:
            visit.screenshot("lecture")
    visit.page.keyboard.press("ArrowRight")  # there is no sixth
    visit.page.keyboard.press("ArrowLeft")
    titled(visit, "Active units")
    assert "digits-standard-8d" in visit.page.url
    visit.page.locator('[data-testid="stSlider"] input').first.focus()
    visit.page.keyboard.press("ArrowLeft")  # moves the slider, not the lecture
    visit.settle()
    assert visit.page.locator("h1").first.inner_text() == "Active units"
    visit.page.get_by_role("button", name="End the lecture").click()
    assert visit.page.locator(".lx-lecture").count() == 0


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org/",
        "//example.org",
        "javascript:alert(1)",
        "../latent_space",
        "no_such_page?model=x",
        "latent_space?model=<img src=x>",
    ],
)
def test_views_that_lead_elsewhere_are_refused(visit, tmp_path, link):
    visit.open("runs")
    menu = share(visit)
    views = [{"name": "Good", "link": "samples"}, {"name": "<img src=x onerror=alert(1)>", "link": link}]
    (tmp_path / "bad.json").write_text(json.dumps({"format": "latent-explorer-views", "version": 1, "views": views}))
    menu.locator("input[type=file]").set_input_files(tmp_path / "bad.json")
    visit.page.wait_for_function("() => document.querySelector('.lx-said').textContent !== ''")
    assert menu.locator(".lx-said").inner_text().startswith("View 2 of this file does not lead to a page of this app")
    assert menu.locator("li").count() == 0
    visit.assert_healthy()


def test_a_zip_is_opened_and_explored(own_app, window, tmp_path):
    folder = ROOT / "trained" / "digits-vampprior-2d"
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"mine/{path.name}")
    visit = window(own_app.address)
    visit.page.set_default_timeout(20_000)
    visit.open("open_your_own")
    visit.page.locator('input[type="file"]').set_input_files(tmp_path / "mine.zip")
    visit.page.get_by_text("mine.zip").wait_for()
    visit.page.get_by_role("button", name="Open the zip").click()
    visit.page.wait_for_selector(".st-key-opened", timeout=60_000)
    visit.screenshot("open_your_own")
    visit.page.get_by_role("button", name="Explore it").click()
    titled(visit, "Latent space")
    visit.assert_healthy()
    assert sum(visit.points().values()) > 300
    assert "digits-vampprior-2d-2" in visit.text()  # the shipped one has the name itself
