"""The live canvas in a real browser: what it decodes, chooses, plays and sends, held against PyTorch and NumPy."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import expect

from explorer import ROOT, library, planes
from explorer.canvas import bundle, picked

pytestmark = pytest.mark.browser

VAMP, STANDARD, MANY = "mnist-vampprior-2d", "mnist-standard-2d", "mnist-standard-5d"
SMALL, SMALL_VAMP, CODES = "digits-standard-2d", "digits-vampprior-2d", "digits-vq-vae"


class Canvas:
    """The first canvas of a page, for a test's hands."""

    def __init__(self, visit):
        self.page, self.root = visit.page, visit.page.locator(".lx").first

    def call(self, expression: str):
        return self.root.evaluate(f"root => root.latentCanvas.{expression}")

    @property
    def now(self) -> dict:
        return self.call("describe()")

    def screen(self, x: float, y: float, plane: int = 0) -> tuple[float, float]:
        return tuple(self.call(f"screen({x}, {y}, {plane})"))

    def point(self, x: float, y: float, plane: int = 0) -> None:
        """Move the pointer to a place of the plane, with a step before it."""
        px, py = self.screen(x, y, plane)
        self.page.mouse.move(px - 3, py - 3)
        self.page.mouse.move(px, py)
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def decoded(self, x: float, y: float, plane: int = 0) -> dict:
        """What is decoded where the pointer is moved to (or at the point that lies there)."""
        self.point(x, y, plane)
        reach = 14 / self.now["planes"][plane]["camera"]["scale"]
        for _ in range(100):
            found = self.call(f"decoded({plane})")
            if found and abs(found["x"] - x) < reach and abs(found["y"] - y) < reach:
                return found
            self.page.wait_for_timeout(100)
        pytest.fail(f"({x}, {y}) was not decoded, but {found and (found['x'], found['y'])}")

    def until(self, condition: str) -> None:
        """Wait until an expression of the description `now` is true."""
        self.page.wait_for_function(
            f"""() => {{
                const now = [...document.querySelectorAll('*')].map(part => part.shadowRoot?.querySelector('.lx'))
                    .concat(document.querySelector('.lx')).find(Boolean)?.latentCanvas.describe();
                return now && ({condition});
            }}""",
            timeout=60_000,
        )


def opened(visit, page: str, **parameters: str) -> Canvas:
    visit.open(page, **parameters)
    canvas = Canvas(visit)
    canvas.until("now.planes.length && now.planes.every(plane => plane.ready)")
    return canvas


def lonely(points: np.ndarray) -> int:
    """The point [N, 2] that is furthest from all others, among those that lie well within the view."""
    (left, right), (low, high) = planes.widened(planes.limits([points]), 0.8)
    x, y = points.T
    within = np.flatnonzero((x > left) & (x < right) & (y > low) & (y < high))
    distances = [np.sort(np.linalg.norm(points - points[i], axis=1))[1] for i in within]
    return int(within[np.argmax(distances)])


def free(points: np.ndarray) -> np.ndarray:
    """Places well within the view of points [N, 2], the one that is furthest from all of them first."""
    places = planes.lattice(planes.widened(planes.limits([points]), 0.8), 24)
    return places[np.argsort([-np.linalg.norm(points - place, axis=1).min() for place in places])]


def picture(name: str, z: np.ndarray) -> np.ndarray:
    """PyTorch's mean picture at z [d], as float32 [C * H * W]."""
    import torch

    with torch.no_grad():
        found = library.model(library.find(name)).picture(torch.as_tensor(np.asarray(z, np.float32))[None], 0)
    return found.images.numpy().ravel()


# -- decoding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [VAMP, SMALL])
def test_the_pointer_decodes_what_pytorch_decodes(visit, name):
    canvas = opened(visit, "latent_space", model=name)
    for x, y in [(0.3, 0.2), (1.7, -0.9), (-1.1, 1.4)]:
        found = canvas.decoded(x, y)
        assert np.allclose(found["z"], [found["x"], found["y"]], atol=1e-6)
        assert np.abs(np.array(found["pixels"]) - picture(name, found["z"])).max() < 1e-5
    image = "c.getContext('2d').getImageData(0, 0, c.width, c.height)"
    shown = visit.page.locator(".lx-lens canvas").nth(1).evaluate(f"c => Array.from({image}.data)")[::4]
    assert np.abs(np.array(shown) - 255 * picture(name, found["z"])).max() <= 1
    assert "z = (" in canvas.now["reading"]
    visit.assert_healthy()


def test_on_a_linear_plane_the_pointer_leads_back_to_z(visit):
    """All other directions are held at the chosen image, or else at the mean."""
    entry = library.find(MANY)
    layout, codes = planes.of(entry, "PCA"), library.encoding(entry).points
    beyond = codes - layout.from_plane(layout.points)
    outlier = int(np.abs(beyond).sum(1).argmax())
    place = free(layout.points)[0]  # so that no image is hovered
    canvas = opened(visit, "latent_space", model=MANY, picked=str(outlier))
    canvas.until(f"now.selection[0] === {outlier}")

    def assert_held(rest: np.ndarray, atol: float) -> None:
        for _ in range(100):  # the codes are fetched when they are first needed
            found = canvas.decoded(*place.tolist())
            z = layout.from_plane(np.array([found["x"], found["y"]])) + rest
            if np.allclose(found["z"], z, atol=atol):
                break
            visit.page.wait_for_timeout(100)
        assert np.allclose(found["z"], z, atol=atol)
        assert np.abs(np.array(found["pixels"]) - picture(MANY, found["z"])).max() < 1e-5

    assert np.abs(beyond[outlier]).max() > 0.5
    assert_held(beyond[outlier], 6e-3)  # codes travel in half precision
    visit.page.get_by_role("button", name="Clear").click()
    canvas.until("now.selection.length === 0")
    assert canvas.now["hover"] is None
    assert_held(np.zeros(codes.shape[1]), 1e-4)


def test_a_hovered_image_is_decoded_at_its_own_code(visit):
    entry = library.find(MANY)
    layout, codes = planes.of(entry, "PCA"), library.encoding(entry).points
    alone = lonely(layout.points)
    canvas = opened(visit, "latent_space", model=MANY)
    canvas.point(*layout.points[alone].tolist())
    canvas.until(f"now.hover === {alone}")
    for _ in range(100):  # the codes are fetched when they are first needed
        z = canvas.decoded(*layout.points[alone].tolist())["z"]
        if np.allclose(z, codes[alone], atol=4e-3):
            break
        visit.page.wait_for_timeout(100)
    assert np.allclose(z, codes[alone], atol=4e-3)  # they travel in half precision


def test_a_decoder_that_no_browser_can_run_answers_by_tiles_and_then_exactly(visit):
    entry = library.find(CODES)
    layout = planes.of(entry, "PCA")
    canvas = opened(visit, "latent_space", model=CODES)
    pixel = 1.5 / canvas.now["planes"][0]["camera"]["scale"]  # the mouse stands on whole pixels
    around = pixel * np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
    for place in free(layout.points):
        pictures = library.decode(entry, planes.back(entry, layout, place + around))
        if (pictures == pictures[0]).all():  # codes jump: away from where they do
            break
    words = visit.page.locator(".lx-lens figcaption").nth(1)
    words.evaluate(
        """words => {
            window.said = [];
            const told = () => window.said.push(words.textContent);
            new MutationObserver(told).observe(words, { childList: true, characterData: true, subtree: true });
        }"""
    )
    canvas.point(*(place + 20 * pixel).tolist())
    exactly = """window.said.length && window.said.at(-1) !== 'nearest decoded tile'"""
    visit.page.wait_for_function(exactly)
    canvas.until("now.planes[0].lattice")
    visit.page.evaluate("window.said = []")
    canvas.point(*place.tolist())
    visit.page.wait_for_function(exactly)
    assert visit.page.evaluate("window.said[0]") == "nearest decoded tile"
    image = "c.getContext('2d').getImageData(0, 0, c.width, c.height)"
    shown = visit.page.locator(".lx-lens canvas").nth(1).evaluate(f"c => Array.from({image}.data)")[::4]
    assert np.abs(np.array(shown) - pictures[0].ravel()).max() <= 1
    visit.assert_healthy()


# -- choosing ------------------------------------------------------------------------------------------------


def test_a_lasso_gives_the_images_within_it_and_the_link_keeps_them(visit):
    entry = library.find(SMALL)
    points = library.encoding(entry).points
    (left, right), (low, high) = (-1.0, 0.4), (-0.6, 0.9)
    inside = (points[:, 0] > left) & (points[:, 0] < right) & (points[:, 1] > low) & (points[:, 1] < high)
    expected = np.flatnonzero(inside).tolist()
    assert len(expected) > picked.FEW
    canvas = opened(visit, "latent_space", model=SMALL)
    corners = [canvas.screen(x, y) for x, y in [(left, low), (right, low), (right, high), (left, high), (left, low)]]
    visit.page.keyboard.down("Shift")
    visit.page.mouse.move(*corners[0])
    visit.page.mouse.down()
    for corner in corners[1:]:
        visit.page.mouse.move(*corner, steps=6)
    visit.page.mouse.up()
    visit.page.keyboard.up("Shift")
    visit.page.get_by_text(f"{len(expected)} test images").first.wait_for()
    assert canvas.now["selection"] == expected
    visit.page.wait_for_function("location.search.includes('picked=')")
    link = visit.page.url
    assert picked.decode(parse_qs(urlparse(link).query)["picked"][0], len(points)) == tuple(expected)
    visit.page.goto("about:blank")
    visit.page.goto(link)
    visit.settle()
    canvas.until(f"now.selection.length === {len(expected)}")
    assert canvas.now["selection"] == expected
    visit.assert_healthy()


def test_a_click_shows_the_image_its_reconstruction_and_its_neighbours(visit):
    entry = library.find(SMALL)
    points = library.encoding(entry).points
    chosen = int(np.linalg.norm(points, axis=1).argmax())
    canvas = opened(visit, "latent_space", model=SMALL)
    visit.page.mouse.click(*canvas.screen(*points[chosen].tolist()))
    visit.page.get_by_text(f"Test image {chosen:,}").first.wait_for()
    visit.settle()
    assert canvas.now["selection"] == [chosen]
    assert "reconstructed" in visit.text()
    assert "nearest test images" in visit.text()
    visit.page.mouse.click(*canvas.screen(*(points.min(0) - 0.2).tolist()))  # where nothing is: the point to decode
    visit.page.wait_for_function("location.search.includes('z1=')")
    visit.assert_healthy()


def test_two_canvases_show_the_same_image_and_the_same_place(visit):
    canvas = opened(visit, "", model=VAMP)
    first, second = canvas.now["planes"]
    assert (first["name"], second["name"]) == (STANDARD, VAMP)
    points = library.encoding(library.find(STANDARD)).points
    alone = int(np.linalg.norm(points, axis=1).argmax())
    canvas.point(*points[alone].tolist())
    canvas.until(f"now.hover === {alone}")
    assert not any(plane["hidden"] for plane in canvas.now["planes"])  # a picture beside the image on both
    canvas.decoded(-3.0, 4.0)
    for place, name in enumerate((STANDARD, VAMP)):
        found = canvas.call(f"decoded({place})")
        assert np.abs(np.array(found["pixels"]) - picture(name, found["z"])).max() < 1e-5
    assert np.allclose(canvas.call("decoded(0)")["z"], canvas.call("decoded(1)")["z"])
    visit.page.mouse.wheel(0, -300)
    canvas.until(f"now.planes[0].camera.scale > {first['camera']['scale'] * 1.2}")
    assert canvas.now["planes"][0]["camera"] == canvas.now["planes"][1]["camera"]
    visit.assert_healthy()


def test_planes_move_apart_when_they_are_asked_to(visit):
    canvas = opened(visit, "latent_space", model=SMALL_VAMP, beside=SMALL, linked="false")
    visit.page.mouse.move(*canvas.screen(0.3, 0.3))
    visit.page.mouse.wheel(0, -400)
    canvas.until("now.planes[0].camera.scale > 1.2 * now.planes[1].camera.scale")


# -- training, bytes, trouble ---------------------------------------------------------------------------------


def test_the_epochs_are_played(visit):
    from latents.folder import ModelFolder

    kept = ModelFolder(library.find(SMALL_VAMP).path).snapshots()
    canvas = opened(visit, "latent_space", model=SMALL_VAMP, view="Training")
    canvas.until("now.epochs !== null")
    assert canvas.now["epochs"] == kept["epochs"].tolist()
    visit.page.get_by_role("slider", name="Epoch").fill("0")
    canvas.until("now.time === 0")
    assert np.allclose(np.reshape(canvas.call("places()"), (-1, 2)), kept["mean"][0], atol=1e-3)
    visit.page.get_by_role("button", name="Play the epochs").click()
    canvas.until("now.playing && now.time > 0.5")
    canvas.until("!now.playing")
    assert np.allclose(np.reshape(canvas.call("places()"), (-1, 2)), kept["mean"][-1], atol=1e-3)
    visit.assert_healthy()


def test_points_are_sent_once_and_thumbnails_when_they_are_wanted(visit):
    files: dict[str, int] = {}
    frames: list[int] = []
    visit.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(len(frame))))

    def arrived(answer) -> None:
        if "/media/" in answer.url and answer.url.endswith((".bin", ".png")):
            files[answer.url] = files.get(answer.url, 0) + int(answer.headers.get("content-length", 0))

    visit.page.on("response", arrived)
    canvas = opened(visit, "latent_space", model=VAMP)
    data = {url: size for url, size in files.items() if url.endswith(".bin")}
    assert 10_000 * 2 * 4 < sum(data.values()) < 2_500_000
    frames.clear()
    visit.page.locator('[data-testid="stSlider"] input').first.focus()
    visit.page.keyboard.press("ArrowRight")
    for _ in range(100):
        if frames:
            break
        visit.page.wait_for_timeout(100)
    visit.page.wait_for_timeout(1500)
    visit.settle()
    assert frames, "the slider asked nothing of the server"
    assert sum(frames) < 60_000
    assert data == {url: size for url, size in files.items() if url.endswith(".bin")}  # not a byte of points
    before = set(files)
    points = library.encoding(library.find(VAMP)).points
    alone = lonely(points)
    canvas.point(*points[alone].tolist())
    canvas.until("now.planes[0].sheets > 0")
    sheet = max(size for url, size in files.items() if url not in before)
    assert 10_000 < sheet < 150_000  # a sheet of 500, not all 10,000
    from explorer.canvas import scene

    assert sum(map(len, scene.sprite(library.find(VAMP)).tiles)) < 3_000_000
    visit.assert_healthy()


def test_damaged_data_are_a_sentence_and_the_page_lives_on(visit):
    visit.page.route("**/media/*.bin", lambda route: route.fulfill(body=b"\x99" * 40, status=200))
    plane = opened(visit, "", model=SMALL).now["planes"][0]
    assert "cannot be shown" in plane["error"]
    assert "cut off" in plane["error"]
    assert "All models" in visit.text()
    visit.assert_healthy()


def test_cut_off_data_and_a_missing_decoder_are_sentences_too(visit):
    def answer(route) -> None:
        body = route.fetch().body()
        if b'"program"' in body[:4000]:
            route.fulfill(body=body[: len(body) // 2])
        else:
            route.fulfill(body=body)

    visit.page.route("**/media/*.bin", answer)
    plane = opened(visit, "latent_space", model=SMALL).now["planes"][0]
    assert plane["error"] is None
    assert plane["points"] == 300  # the points are there; only nothing is decoded
    assert "Nothing is decoded here" in plane["note"]
    visit.assert_healthy()


# -- keys and fingers ----------------------------------------------------------------------------------------


def test_the_keyboard_reaches_everything(visit):
    canvas = opened(visit, "latent_space", model=SMALL)
    page = visit.page
    page.locator(".lx-over").first.focus()
    page.keyboard.press("ArrowRight")
    start, scale = canvas.now["probe"], canvas.now["planes"][0]["camera"]["scale"]
    page.keyboard.press("ArrowRight")
    coarse = canvas.now["probe"][0] - start[0]
    page.keyboard.press("Shift+ArrowUp")
    fine = canvas.now["probe"][1] - start[1]
    assert coarse == pytest.approx(12 / scale, rel=1e-3)
    assert fine == pytest.approx(2 / scale, rel=1e-3)
    assert "z = (" in canvas.now["reading"]
    expect(page.locator(".lx-live").first).to_contain_text("z = (", timeout=30_000)  # read out when the probe rests
    page.keyboard.press("Enter")
    canvas.until("now.selection.length === 1")
    page.keyboard.press("?")
    assert page.locator(".lx-help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".lx-help").is_visible()
    page.keyboard.press("l")
    canvas.until("now.mode === 'lasso'")
    page.locator(".lx-class").first.focus()
    reached = set()
    for _ in range(30):
        reached.add(page.evaluate("document.activeElement.shadowRoot?.activeElement?.getAttribute('aria-label') ?? ''"))
        page.keyboard.press("Tab")
    assert {"Zoom in (+)", "Keys (?)", "The whole plane (0)"} <= reached
    assert any(label.startswith("Test images in the latent space") for label in reached)
    visit.assert_healthy()


def test_fingers_move_the_probe_and_pinch(browser, app, visit):
    context = browser.new_context(viewport={"width": 414, "height": 896}, has_touch=True, is_mobile=True)
    touching = type(visit)(context, app, "light")
    canvas = opened(touching, "latent_space", model=SMALL)
    x, y = canvas.screen(0.2, 0.1)
    touch = context.new_cdp_session(touching.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (x, y))
    fingers("touchMove", (x + 10, y))
    fingers("touchMove", (x + 20, y))
    canvas.until("!now.planes[0].hidden")
    fingers("touchEnd")
    scale = canvas.now["planes"][0]["camera"]["scale"]
    fingers("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 6):
        fingers("touchMove", (x - 20 - 8 * step, y), (x + 20 + 8 * step, y))
    fingers("touchEnd")
    canvas.until(f"now.planes[0].camera.scale > {2 * scale}")
    touching.assert_healthy()
    context.close()


# -- the canvas without Streamlit -----------------------------------------------------------------------------


@pytest.fixture
def bare(visit, tmp_path):
    """A canvas on an empty page, made from options; `window.told` holds what it told."""
    from explorer.canvas import CanvasPlane, Class, blobs, data_address, options

    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 2)).astype(np.float32)
    labels = rng.integers(0, 3, 400)
    classes = [Class(0, "cats & dogs"), Class(1, '<img src=x onerror="window.hacked = 1">'), Class(2, "two")]

    def build(kind="units", decoder=None, codes=None, legend=classes, **settings) -> Canvas:
        way = {"centre": np.zeros(2), "axes": np.eye(2)} if kind == "units" else {}
        blob = blobs.points(points, kind=kind, space="euclidean", labels=labels, classes=classes, **way)
        plane = CanvasPlane("bare", "", "z₁", "z₂", blob, (1, 8, 8), decoder=decoder, codes=codes)
        made = options([plane], ((-3, 3), (-3, 3)), address=data_address, classes=legend, height=500, **settings)
        written = json.dumps(made).replace("<", "\\u003c")  # a class name may not end the script
        page = f"""<!doctype html><meta charset="utf-8"><body><script type="module">{bundle.script()}
            window.told = [];
            const tell = name => what => window.told.push([name, what]);
            createCanvas(document.body, {written},
                {{ onSelect: tell("select"), onEnds: tell("ends"), onProbe: tell("probe"), onHover: tell("hover") }});
            </script>"""
        file = tmp_path / "bare.html"
        file.write_text(page, "utf-8")
        visit.page.route("**/bare.html", lambda route: route.fulfill(path=file, content_type="text/html"))
        visit.page.goto(f"{visit.address}/bare.html")
        canvas = Canvas(visit)
        canvas.until("now.planes[0].ready")
        return canvas

    build.points, build.labels, build.classes = points, labels, classes
    return build


def test_the_back_row_gets_larger_letters_and_no_tools(visit, bare):
    bare()
    seen = """() => { const place = document.querySelector(".lx-plot"), title = document.querySelector(".lx-title");
        return [place.offsetLeft, parseFloat(getComputedStyle(title).fontSize)]; }"""
    before = visit.page.evaluate(seen)
    visit.page.add_style_tag(path=ROOT / "explorer" / "hide.css")
    visit.page.evaluate("document.querySelector('.lx').latentCanvas.update({ settings: {} })")
    after = visit.page.evaluate(seen)
    assert after[0] == round(1.35 * before[0])
    assert after[1] == pytest.approx(1.35 * before[1])
    assert not visit.page.locator(".lx-tools").is_visible()


def test_the_legend_hides_and_isolates_and_names_are_text(visit, bare):
    canvas = bare()
    counts = {one.name: int((bare.labels == one.label).sum()) for one in bare.classes}
    assert canvas.now["planes"][0]["classes"] == counts
    entries = visit.page.locator(".lx-class")
    assert [entries.nth(i).inner_text() for i in range(3)] == [one.name for one in bare.classes]
    entries.nth(0).click()
    canvas.until("Object.keys(now.planes[0].classes).length === 2 && now.planes[0].ready")
    assert canvas.now["planes"][0]["drawn"] <= 400 - counts["cats & dogs"]
    entries.nth(2).click(modifiers=["Shift"])
    canvas.until("Object.keys(now.planes[0].classes).length === 1")
    assert canvas.now["planes"][0]["classes"] == {"two": counts["two"]}
    assert visit.page.evaluate("window.hacked") is None
    assert visit.page.locator("img").count() == 0


def test_on_a_map_without_a_way_back_z_is_a_mean_of_the_nearest_codes(bare):
    from explorer.canvas import blobs
    from latents import portable

    codes = np.random.default_rng(1).normal(size=(400, 2)).astype(np.float16)
    decoder = portable.export(library.model(library.find(SMALL)), "decoder")
    canvas = bare(kind="UMAP", decoder=decoder, codes=blobs.codes(codes))
    place = next(place for place in free(bare.points) if np.abs(place).max() < 2.5)
    found = canvas.decoded(*place.tolist())
    distance = np.linalg.norm(bare.points - [found["x"], found["y"]], axis=1)
    eight = np.argsort(distance)[:8]
    weights = distance[eight] ** -2 / (distance[eight] ** -2).sum()
    assert np.allclose(found["z"], weights @ codes[eight].astype(float), atol=0.05)
    assert np.abs(np.array(found["pixels"]) - picture(SMALL, found["z"])).max() < 1e-5


def test_a_class_that_is_not_there_is_a_sentence(bare):
    assert "The classes of the points are damaged." in bare(legend=bare.classes[:2]).now["planes"][0]["error"]
    assert bare().now["planes"][0]["error"] is None


def test_two_ends_are_dragged_and_a_bead_runs_along_a_path(visit, bare):
    canvas = bare(ends=[[-1, -1], [1, 1]], paths=[[[-1, -1], [0, -1], [0, 1]]], bead=0.5)
    assert canvas.now["bead"] == pytest.approx([0, -0.5])  # half of a length of three
    start, goal = canvas.screen(1, 1), canvas.screen(2, -1.5)
    visit.page.mouse.move(*start)
    visit.page.mouse.down()
    visit.page.mouse.move(*goal, steps=8)
    visit.page.mouse.up()
    (_, ends), *_ = [told for told in visit.page.evaluate("window.told") if told[0] == "ends"]
    assert ends[0] == [-1, -1]
    assert ends[1] == pytest.approx([2, -1.5], abs=0.02)
    assert canvas.now["ends"] == ends


def test_the_box_and_the_nearest_point_agree_with_numpy(visit, bare):
    canvas = bare()
    visit.page.keyboard.press("Tab")
    visit.page.locator(".lx-over").focus()
    visit.page.keyboard.press("b")
    visit.page.mouse.move(*canvas.screen(-0.5, -1.2))
    visit.page.mouse.down()
    visit.page.mouse.move(*canvas.screen(0.8, 0.4), steps=5)
    visit.page.mouse.up()
    x, y = bare.points.T
    ((_, told),) = [told for told in visit.page.evaluate("window.told") if told[0] == "select"]
    scale = canvas.now["planes"][0]["camera"]["scale"]
    edge = 1.5 / scale  # the mouse stands on whole pixels
    sure = (x > -0.5 + edge) & (x < 0.8 - edge) & (y > -1.2 + edge) & (y < 0.4 - edge)
    most = (x > -0.5 - edge) & (x < 0.8 + edge) & (y > -1.2 - edge) & (y < 0.4 + edge)
    assert set(np.flatnonzero(sure)) <= set(told["indices"]) <= set(np.flatnonzero(most))
    far = int(np.linalg.norm(bare.points, axis=1).argmax())
    canvas.point(*bare.points[far].tolist())
    canvas.until(f"now.hover === {far}")
    visit.page.wait_for_function(f"window.told.some(([name, image]) => name === 'hover' && image === {far})")
