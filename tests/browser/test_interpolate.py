"""Interpolate in a real browser: the path on the plane, ends that are dragged and clicked, and the files it gives."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

import latents
from explorer import ROOT, picture_code
from latents.data import TEST_SEED, binarise

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


def words(visit) -> list[str]:
    """Under the large pictures."""
    return visit.page.locator(".lx-row figcaption").all_inner_texts()


def pictures(visit) -> list[np.ndarray]:
    """The pixels of the large pictures and of the strips."""
    found = visit.page.locator(".lx-row img, [data-testid='stImage'] img").evaluate_all(
        """images => Promise.all(images.map(async one => {
            await one.decode();
            const canvas = document.createElement("canvas");
            Object.assign(canvas, { width: one.naturalWidth, height: one.naturalHeight });
            canvas.getContext("2d").drawImage(one, 0, 0);
            return canvas.toDataURL();
        }))"""
    )
    files = [io.BytesIO(base64.b64decode(address.partition(",")[2])) for address in found]
    return [np.asarray(Image.open(file).convert("RGBA")) for file in files]


def draw(visit, *places: tuple[float, float]) -> None:
    """A stroke on the pad, in shares of its side."""
    box = visit.page.locator(".pad-page").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    visit.page.mouse.move(*at[0])
    visit.page.mouse.down()
    for place in at[1:]:
        visit.page.mouse.move(*place, steps=8)
    visit.page.mouse.up()


def copied_link(visit) -> str:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.get_by_role("button", name="Share").click()
    visit.page.locator(".lx-share").get_by_role("button", name="Copy link").click()
    visit.page.get_by_text("The link is copied.").wait_for()
    visit.page.keyboard.press("Escape")
    return visit.page.evaluate("() => navigator.clipboard.readText()")


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
    assert "decoded at t = 1.00" in words(visit)

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


@pytest.mark.slow
def test_a_drawn_end_is_in_the_link_and_is_the_same_in_a_fresh_browser(visit, window):
    visit.open("interpolate", model=VAMP, image=12)
    visit.page.get_by_role("button", name="More").click()
    button = visit.page.get_by_role("button", name="Draw the end")
    button.focus()
    visit.page.keyboard.press("Enter")  # the keyboard gets there
    visit.page.locator(".pad-page").wait_for()
    use = visit.page.get_by_role("button", name="Use it as the end")
    assert use.is_disabled()  # nothing is drawn
    draw(visit, (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
    use.click()
    visit.page.wait_for_url("**own_to=**")
    quiet(visit)
    visit.assert_healthy()
    assert words(visit)[-1] == "b: your picture"
    model = latents.load(ROOT / "trained" / VAMP, "cpu")
    gray = torch.from_numpy(picture_code.decode(link(visit)["own_to"]) / 255).float()[None]
    with torch.no_grad():
        mean = model.encode(binarise(gray, TEST_SEED)).mean[0].tolist()
    comes_to(visit, "b", mean)
    visit.page.mouse.move(5, 5)
    visit.screenshot("interpolate_drawn-light")
    shared = copied_link(visit)
    assert len(shared) < 800
    fresh = window(visit.address)
    fresh.page.goto(shared)
    fresh.settle()
    quiet(fresh)
    comes_to(fresh, "b", mean)
    assert words(fresh) == words(visit)
    mine, theirs = pictures(visit), pictures(fresh)
    assert len(mine) == 6  # a, decoded, pixels, b and two strips
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    fresh.assert_healthy()


@pytest.mark.slow
def test_a_drawing_of_latent_space_is_in_its_link(visit, window):
    visit.open("latent_space", model=VAMP, view="Draw")
    visit.page.locator(".pad-page").wait_for()
    draw(visit, (0.3, 0.3), (0.65, 0.25), (0.4, 0.55), (0.7, 0.7))
    visit.page.wait_for_url("**drawing=**")
    quiet(visit)
    shared = copied_link(visit)
    fresh = window(visit.address)
    fresh.page.goto(shared)
    fresh.settle()
    seen = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]"
    fresh.page.wait_for_function("() => document.querySelector('[data-testid=\"stApp\"]')")
    fresh.page.locator(".pad-posterior", has_text="q(z|x)").wait_for()
    for what in (".pad-page", ".pad-answer"):
        mine, theirs = (one.page.locator(what).evaluate(seen) for one in (visit, fresh))
        assert mine == theirs
        assert max(mine[::4]) > 200
    assert fresh.page.locator(".pad-posterior").inner_text() == visit.page.locator(".pad-posterior").inner_text()
    fresh.assert_healthy()


@pytest.mark.slow
def test_the_bead_is_led_along_while_the_server_sleeps(visit):
    """The picture is PyTorch's at every place. Nothing is sent before the bead is let go, which chooses the step."""
    visit.open("interpolate", model="mnist-vmf-2d", image=12, towards=5)
    model = latents.load(ROOT / "trained" / "mnist-vmf-2d", "cpu")
    handle = visit.page.locator(".lx")
    sent = []
    visit.page.evaluate(
        """() => {
            const send = WebSocket.prototype.send;
            window.sent = 0;
            WebSocket.prototype.send = function (...what) {
                window.sent += 1;
                if (!window.mute) send.apply(this, what);
            };
        }"""
    )
    x, y = on_screen(visit, *visit.canvases()[0]["bead"])
    visit.page.mouse.move(x - 1, y)
    visit.page.wait_for_timeout(600)  # the codes come as soon as the pointer is on the bead
    visit.page.mouse.down()
    goal = on_screen(visit, *visit.canvases()[0]["ends"][1])
    first = visit.page.evaluate("window.sent")
    for share in (0.2, 0.4, 0.6):
        visit.page.mouse.move(x + (goal[0] - x) * share, y + (goal[1] - y) * share, steps=4)
        visit.page.wait_for_timeout(200)
        found = handle.evaluate("one => one.latentCanvas.decoded(0)")
        with torch.no_grad():
            expected = model.decode(torch.tensor([found["z"]])).mean[0].flatten().numpy()
        np.testing.assert_allclose(found["pixels"], expected, atol=2e-3)
        np.testing.assert_allclose(np.linalg.norm(found["z"]), 1, atol=1e-5)
        shown = pictures(visit)[1]
        assert shown.shape == (28, 28, 4)
        np.testing.assert_allclose(shown[..., 0].ravel() / 255, expected, atol=5e-3)
        sent.append(words(visit)[1])
    assert len(set(sent)) == 3
    assert all(re.fullmatch(r"decoded at t = 0\.\d\d", one) for one in sent)
    assert visit.page.evaluate("window.sent") == first
    visit.page.mouse.up()
    visit.page.wait_for_url("**step=**")
    quiet(visit)
    step = int(link(visit)["step"])
    assert words(visit)[1] == f"decoded at t = {step / 8:.2f}"
    visit.page.evaluate("window.mute = true")  # the slider leads the bead too, whatever the server does
    visit.page.get_by_role("slider", name="Step").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.locator(".lx-row figcaption", has_text=f"decoded at t = {(step + 1) / 8:.2f}").wait_for(timeout=5000)
    visit.assert_healthy()


@pytest.mark.slow
def test_a_corner_is_dragged_to_another_image(visit):
    visit.open("interpolate", model=VAMP, mode="Corners")
    before = visit.canvases()[0]["ends"]
    assert len(before) == 4
    x, y = on_screen(visit, *before[3])
    to_x, to_y = on_screen(visit, 2.5, -2.5)
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=5)
    visit.page.mouse.move(to_x, to_y, steps=5)
    visit.page.mouse.up()
    visit.page.wait_for_url("**fourth=**")
    quiet(visit)
    image = int(link(visit)["fourth"])
    after = visit.canvases()[0]["ends"]
    np.testing.assert_allclose(after[3], place_of(visit, image), atol=1e-3)
    np.testing.assert_allclose(after[:3], before[:3], atol=1e-3)
    assert np.hypot(*np.subtract(after[3], [2.5, -2.5])) < 0.5
