"""The drawing pad alone in a page: what is drawn, dropped or begun with is encoded as PyTorch encodes it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

import latents
from explorer.canvas.pad import settings
from latents import portable
from latents.data import TEST_SEED, binarise, load

from .conftest import ROOT

pytestmark = pytest.mark.browser

CANVAS = ROOT / "explorer" / "canvas"
ORIGIN = "http://pad.test"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="pad.css">
<body style="margin:16px; width:300px; --st-primary-color:#0b7560; --st-gray-text-color:#625c52"><script type="module">
import { createPad } from "./pad.js";
import { loadProgram } from "./interpreter.js";
import { resample } from "./picture.js";
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
window.resample = resample;
window.start = (given) => {
  window.answers = [];
  const models = given.models.map((model) => ({
    ...model, encoder: loadProgram(bytes(model.encoder)), decoder: model.decoder && loadProgram(bytes(model.decoder)),
  }));
  const onChange = (found) => window.answers.push(found && found.map((one) => ({
    x: [...one.x], point: [...one.point], stddev: one.stddev && [...one.stddev], kappa: one.kappa,
    reconstruction: one.reconstruction && [...one.reconstruction],
  })));
  const chosen = given.chosen && (() => ({ pixels: Float32Array.from(given.chosen), words: "test image 3", place: 3 }));
  window.pad = createPad(document.body, { ...given, models }, { onChange, ...(chosen && { chosen }) });
};
window.drop = (name, type, text, size) => {
  const parts = size ? [new Uint8Array(size)] : [bytes(text)];
  const data = new DataTransfer();
  data.items.add(new File(parts, name, { type }));
  document.querySelector(".pad").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
};
window.ready = true;
</script>"""


class Pad:
    """The pad in a page of its own, with no server."""

    def __init__(self, context):
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        context.route("**/*", self._serve)
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_function("window.ready")

    def _serve(self, route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif (CANVAS / name).is_file():
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            route.fulfill(body=(CANVAS / name).read_text("utf-8"), content_type=kind)
        else:
            route.fulfill(status=404, body="")

    def start(self, *models, **more) -> None:
        given = [
            {
                "name": model.recipe.name,
                "encoder": base64.b64encode(portable.export(model, "encoder")).decode(),
                "decoder": base64.b64encode(portable.export(model, "decoder")).decode(),
            }
            for model in models
        ]
        images = (load(models[0].recipe.data.name).test.images.numpy() * 255).round().astype(np.uint8)
        about = settings(images, TEST_SEED) | more
        self.page.evaluate("given => start(given)", {"models": given, **about})
        self.settle()

    def settle(self) -> None:
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def stroke(self, *places: tuple[float, float]) -> None:
        """A line with the mouse through places in shares of the pad's side."""
        box = self.page.locator(".pad-page").bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for place in at[1:]:
            self.page.mouse.move(*place, steps=6)
            self.settle()
        self.page.mouse.up()
        self.settle()

    def drop(self, name: str, content: bytes, kind: str = "image/png", size: int = 0) -> str:
        """Drop a file; what the pad says of it."""
        text = base64.b64encode(content).decode()
        self.page.evaluate("given => drop(...given)", [name, kind, text, size])
        self.page.wait_for_function(
            "name => { const note = document.querySelector('.pad-note').textContent;"
            " return note && !note.startsWith('Reading') && note.includes(name); }",
            arg=name,
        )
        self.settle()
        return self.note()

    def note(self) -> str:
        return self.page.locator(".pad-note").inner_text()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def answers(self) -> list:
        return self.page.evaluate("answers")

    def last(self) -> dict:
        """The first model's answer to what is on the pad now, with the pixels that it saw."""
        found = self.page.evaluate("answers.at(-1)")
        return {name: value and np.array(value, np.float32) for name, value in found[0].items()}


@pytest.fixture
def pad(browser) -> Iterator[Pad]:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True)
    found = Pad(context)
    yield found
    assert not found.errors
    context.close()


@pytest.fixture(scope="module")
def mnist():
    return latents.load(ROOT / "trained" / "mnist-vampprior-2d", "cpu")


def expected(model, x: np.ndarray) -> dict[str, np.ndarray]:
    """What PyTorch makes of the very pixels that the pad's model saw."""
    with torch.no_grad():
        q = model.encode(torch.from_numpy(x).reshape(1, *model.shape))
        point = model.space.point(q)
        found = {
            "point": point,
            "reconstruction": model.decode(point).mean.clamp(0, 1),
            "stddev": getattr(q, "stddev", None),
        }
    return {name: None if value is None else value.numpy().ravel() for name, value in found.items()}


def assert_as_pytorch(model, answer: dict[str, np.ndarray]) -> None:
    wanted = expected(model, answer["x"])
    np.testing.assert_allclose(answer["point"], wanted["point"], atol=1e-4)
    np.testing.assert_allclose(answer["reconstruction"], wanted["reconstruction"], atol=1e-4)
    if wanted["stddev"] is not None:
        np.testing.assert_allclose(answer["stddev"], wanted["stddev"], atol=1e-4)


def png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values.round().astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def seven(pad: Pad) -> None:
    pad.stroke((0.28, 0.25), (0.72, 0.25), (0.45, 0.8))


def test_a_digit_drawn_with_the_mouse_has_pytorchs_posterior(pad, mnist):
    pad.start(mnist)
    seven(pad)
    answers = [one for one in pad.answers() if one]
    assert len({tuple(one[0]["point"]) for one in answers}) > 5, "the mean moves while the pen moves"
    answer = pad.last()
    assert set(np.unique(answer["x"])) == {0, 1}, "a model of binary images sees binary pixels"
    assert 30 < answer["x"].sum() < 250
    assert_as_pytorch(mnist, answer)
    shown = pad.page.evaluate(
        "[...document.querySelector('.pad-page').getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    np.testing.assert_array_equal(np.array(shown).reshape(-1, 4)[:, 0], 255 * answer["x"], "shown as it is seen")
    line = pad.page.locator(".pad-posterior").inner_text()
    assert f"{answer['point'][0]:.2f}".replace("-", "\N{MINUS SIGN}") in line


def test_erase_undo_and_clear(pad, mnist):
    pad.start(mnist)
    seven(pad)
    drawn = pad.last()["x"]
    pad.press("Erase")
    pad.stroke((0.2, 0.25), (0.8, 0.25))
    erased = pad.last()["x"]
    assert (erased <= drawn).all()
    assert 0 < erased.sum() < drawn.sum() - 10
    pad.press("Undo")
    np.testing.assert_array_equal(pad.last()["x"], drawn)
    pad.press("Clear")
    assert pad.answers()[-1] is None
    assert "Draw here" in pad.page.locator(".pad-posterior").inner_text()
    pad.press("Undo")
    np.testing.assert_array_equal(pad.last()["x"], drawn)


def test_a_test_image_is_the_start_and_its_mean_is_where_the_model_puts_it(pad, mnist):
    """The pad takes up the gray original, and binarises it by the very draw of that test image."""
    gray = load("mnist").test.images[:4]
    images = binarise(gray, TEST_SEED)
    pad.start(mnist, chosen=gray[3].flatten().tolist())
    pad.press("From dot")
    answer = pad.last()
    np.testing.assert_array_equal(answer["x"], images[3].flatten().numpy())
    with torch.no_grad():
        mean = mnist.encode(images).mean[3].numpy()
    np.testing.assert_allclose(answer["point"], mean, atol=1e-4)
    assert "test image 3" in pad.note()
    pad.stroke((0.1, 0.9), (0.9, 0.9))
    assert pad.last()["x"].sum() > answer["x"].sum()
    assert_as_pytorch(mnist, pad.last())


def test_a_dark_picture_on_light_is_inverted_scaled_and_centred(pad, mnist):
    """A test image, enlarged twelve times, dark on light, in a corner of a larger sheet: it comes back as it was."""
    gray = load("mnist").test.images[0, 0].numpy()
    sheet = np.full((600, 900, 3), 250.0)
    sheet[200:536, 40:376] = 250 - 230 * np.kron(gray, np.ones((12, 12)))[..., None]
    pad.start(mnist)
    note = pad.drop("<b>seven</b>.png", png(sheet))
    assert "inverted because it is dark on light" in note
    assert "900 × 600" in note
    assert note.startswith("<b>seven</b>.png"), "a name is text, never markup"
    drawn = np.array(pad.page.evaluate("[...pad.drawing.pixels]")).reshape(28, 28)
    centre = (drawn.sum(1) @ np.arange(28) / drawn.sum(), drawn.sum(0) @ np.arange(28) / drawn.sum())
    np.testing.assert_allclose(centre, 14, atol=0.01)  # where MNIST puts the centre of mass, to half a pixel
    assert np.corrcoef(drawn.ravel(), gray.ravel())[0, 1] > 0.9
    assert_as_pytorch(mnist, pad.last())


def test_a_light_picture_on_dark_is_not_inverted_and_one_of_the_right_size_is_not_moved(pad, mnist):
    gray = load("mnist").test.images[5, 0].numpy()
    pad.start(mnist)
    note = pad.drop("one.png", png(255 * gray))
    assert "inverted" not in note
    drawn = np.array(pad.page.evaluate("[...pad.drawing.pixels]"))
    np.testing.assert_allclose(drawn, gray.ravel(), atol=0.13)  # what is fainter than 0.12 is not ink


def test_what_is_no_picture_gets_a_sentence_and_the_pad_lives_on(pad, mnist):
    pad.start(mnist)
    assert "is not a picture" in pad.drop("notes.txt", b"seven", "text/plain")
    assert "cannot be read" in pad.drop("broken.png", png(np.zeros((9, 9)))[:40])
    assert "at most 20 MB" in pad.drop("huge.png", b"", size=21_000_000)
    seven(pad)
    assert_as_pytorch(mnist, pad.last())


def test_area_averages_are_exact(pad):
    """Against block means of the picture with every pixel repeated."""
    values = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    exact = np.kron(values, np.ones((8, 8))).reshape(8, 20, 8, 30).mean((1, 3))
    found = pad.page.evaluate(
        "([values]) => [...resample(Float32Array.from(values), 30, 20, [0, 0, 30, 20], 8, 8, 0)]",
        [values.ravel().tolist()],
    )
    np.testing.assert_allclose(np.array(found).reshape(8, 8), exact, atol=1e-6)
    beyond = pad.page.evaluate(
        "([values]) => [...resample(Float32Array.from(values), 30, 20, [-30, -20, 60, 40], 3, 3, 0.5)]",
        [values.ravel().tolist()],
    )
    np.testing.assert_allclose(beyond, [0.5] * 4 + [values.mean()] + [0.5] * 4, atol=1e-6)


def test_small_images_two_models_and_gray_ones(pad):
    """Digits of 8 x 8 gray pixels in two models at once: no binarisation, one drawing, two answers."""
    model = latents.load(ROOT / "trained" / "digits-gaussian", "cpu")
    pad.start(model, model)
    pad.stroke((0.3, 0.2), (0.7, 0.2), (0.5, 0.9))
    answer = pad.last()
    assert answer["x"].shape == (64,)
    if model.recipe.data.binarisation == "none":
        assert len(np.unique(answer["x"])) > 2
    assert_as_pytorch(model, answer)
    assert len(pad.page.evaluate("answers.at(-1)")) == 2
    assert pad.page.locator(".pad-answer").count() == 2


def test_a_finger_draws(pad, mnist):
    pad.start(mnist)
    box = pad.page.locator(".pad-page").bounding_box()
    client = pad.page.context.new_cdp_session(pad.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in places]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        pad.settle()

    touch("touchStart", (0.5, 0.2))
    for y in np.linspace(0.25, 0.8, 8):
        touch("touchMove", (0.5, float(y)))
    touch("touchEnd")
    answer = pad.last()
    rows = answer["x"].reshape(28, 28).any(1)
    assert rows[7:21].all(), "an unbroken line down"
    assert_as_pytorch(mnist, answer)


def test_the_keyboard_draws(pad, mnist):
    pad.start(mnist)
    pad.page.locator(".pad-page").focus()
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 16 + ["Space"]:
        pad.page.keyboard.press(key)
    pad.settle()
    assert pad.last()["x"].reshape(28, 28)[7:21, 12:16].any(1).all()
    pad.page.keyboard.press("?")
    assert pad.page.locator(".pad-keys").is_visible()
    pad.page.keyboard.press("Delete")
    pad.settle()
    assert pad.answers()[-1] is None


# -- in the app ----------------------------------------------------------------------------------------------


def test_a_drawing_in_the_app_moves_the_posterior_and_outlives_a_rerun(visit):
    name = "digits-vampprior-2d"
    visit.open("latent_space", model=name, view="Draw")
    page = visit.page.locator(".pad-page")
    box = page.bounding_box()
    visit.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    visit.page.mouse.up()

    def drawn() -> np.ndarray:
        shown = page.evaluate("canvas => [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data]")
        return np.array(shown, np.float32).reshape(64, 4)[:, 0] / 255

    visit.page.wait_for_timeout(200)
    before = drawn()
    assert before.sum() > 3
    model = latents.load(ROOT / "trained" / name, "cpu")
    mean = expected(model, before)["point"]
    for value in mean:
        number = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
        expect(visit.page.locator(".pad-posterior")).to_contain_text(number, timeout=30_000)
    visit.page.get_by_role("button", name="More").click()
    visit.page.get_by_text("Density of all q(z|x)").click()
    visit.settle()
    np.testing.assert_array_equal(drawn(), before)
    visit.assert_healthy()
