"""The sphere in a real browser: its maps against NumPy, what the pointer decodes against torch, and the link between
map, globe and twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import ROOT, globe, library
from latents.maps import MAPS, great_circle, spread, turn, vectors

pytestmark = pytest.mark.browser

CANVAS = ROOT / "explorer" / "canvas"
SPHERE, FIVE, TWIN = "mnist-vmf-2d", "mnist-vmf-5d", "mnist-standard-2d"
MAP, GLOBE, BESIDE = 0, 1, 2
ADDRESS = "http://maps.test"


@pytest.fixture
def maps(browser):
    """A page with maps.js and nothing else."""
    context = browser.new_context()
    page = context.new_page()

    def answer(route):
        name = route.request.url.removeprefix(f"{ADDRESS}/")
        if name == "":
            route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            route.fulfill(body=(CANVAS / name).read_bytes(), content_type="text/javascript")

    page.route("**/*", answer)
    page.goto(f"{ADDRESS}/")
    page.evaluate("async () => { window.maps = await import('/maps.js'); }")
    yield page
    context.close()


def test_the_browsers_maps_are_those_of_python(maps):
    g = np.random.default_rng(0).normal(size=(500, 3))
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    g = np.concatenate([g, np.eye(3), -np.eye(3), vectors(np.array([3.1, -3.1]), np.array([1.57, -1.57]))])
    places = np.random.default_rng(1).uniform(-3.2, 3.2, (2000, 2))
    for name, one in MAPS.items():
        there = maps.evaluate(
            "([name, g]) => g.map(v => { const o = [0, 0]; maps.MAPS[name].forward(...v, o, 0); return o; })",
            [name, g.tolist()],
        )
        np.testing.assert_allclose(there, one.forward(g), atol=1e-9, err_msg=name)
        back = maps.evaluate(
            """([name, places]) => places.map(([x, y]) => {
                const o = [0, 0, 0];
                return maps.MAPS[name].inverse(x, y, o) ? o : null;
            })""",
            [name, places.tolist()],
        )
        found = np.array([[np.nan] * 3 if one is None else one for one in back])
        np.testing.assert_allclose(found, one.inverse(places), atol=1e-7, err_msg=name)
        size = maps.evaluate("name => [maps.MAPS[name].width, maps.MAPS[name].height]", name)
        assert size == pytest.approx([one.width, one.height])


def test_turns_paths_and_spread_directions_are_those_of_python(maps):
    for longitude, latitude in [(0, 0), (75, -30), (-180, 90)]:
        rotation = maps.evaluate("centre => maps.turn(centre)", [longitude, latitude])
        np.testing.assert_allclose(np.reshape(rotation, (3, 3)), turn(*np.radians([longitude, latitude])), atol=1e-12)
    np.testing.assert_allclose(
        np.reshape(maps.evaluate("() => Array.from(maps.spread(100))"), (-1, 3)), spread(100), atol=1e-9
    )
    a, b = vectors(np.array([0.2, 2.0]), np.array([0.5, -1.0]))
    t = np.linspace(0, 1, 9)
    found = maps.evaluate("([a, b, t]) => t.map(s => maps.greatCircle(a, b, s))", [a.tolist(), b.tolist(), t.tolist()])
    np.testing.assert_allclose(found, great_circle(a, b, t), atol=1e-12)


def test_a_line_across_the_seam_is_cut_and_drawn_up_to_it(maps):
    """The equator around the back: two lines, and both reach the edge of the map."""
    line = vectors(np.radians(np.arange(150, 211, 4.0)), np.zeros(16))
    for name in ("hammer", "mollweide", "equirectangular"):
        parts = maps.evaluate("([name, line]) => maps.lines(maps.MAPS[name], line)", [name, line.tolist()])
        assert len(parts) == 2
        assert parts[0][-1][0] == pytest.approx(MAPS[name].width, abs=1e-6)
        assert parts[1][0][0] == pytest.approx(-MAPS[name].width, abs=1e-6)
    whole = maps.evaluate("line => maps.lines(maps.MAPS.hammer, line)", vectors(np.linspace(-1, 1, 9), 0.1).tolist())
    assert len(whole) == 1


@pytest.mark.slow
def test_contours_on_the_sphere_are_circles_where_the_density_is_a_cap(maps):
    """Of log p(z) = kappa cos(angle to mu) a contour is the circle on which it has that value: all of it, and once."""
    kappa, mu = 20.0, vectors(np.array(2.9), np.array(-1.2))  # over the cut of the map, and near a pole
    longitude, latitude = np.radians(np.arange(-179, 180, 2.0)), np.radians(np.arange(-89, 90, 2.0))
    log_p = kappa * (vectors(longitude[None], latitude[:, None]) @ mu)
    levels = kappa * np.cos(np.radians([40.0, 15.0]))
    found = maps.evaluate(
        """async ([shape, values, thresholds]) => {
            const { SphereDensity } = await import("/spheredensity.js");
            const frame = { data: [-179, 2, -89, 2] };
            const one = new SphereDensity({ tensors: {
                log_density: { shape, data: values }, frame, thresholds: { data: thresholds },
            } });
            return { lines: one.lines.map(line => Array.from(line)), at: one.towards([0, 1, 0]) };
        }""",
        [list(log_p.shape), log_p.ravel().tolist(), levels.tolist()],
    )
    assert found["at"] == pytest.approx(kappa * mu[1], abs=0.02)
    angles = [np.degrees(np.arccos(np.reshape(line, (-1, 3)) @ mu)) for line in found["lines"]]
    for degrees in (40, 15):
        mine = [angle for angle in angles if abs(angle.mean() - degrees) < 1]
        assert max(np.abs(angle - degrees).max() for angle in mine) < 0.15
        lengths = [
            np.linalg.norm(np.diff(np.reshape(one, (-1, 3)), axis=0), axis=1).sum()
            for one in found["lines"]
            if abs(np.degrees(np.arccos(np.reshape(one, (-1, 3)) @ mu)).mean() - degrees) < 1
        ]
        around = 2 * np.pi * np.sin(np.radians(degrees))
        assert sum(lengths) == pytest.approx(around, rel=0.03)  # but for the hole of one degree at the pole


# -- the page ------------------------------------------------------------------------------------------------


class Canvas:
    """The page's canvas: what it says of itself, and where things are on the screen."""

    def __init__(self, visit):
        self.visit, self.handle = visit, visit.page.locator(".lx")

    def says(self) -> dict:
        return self.visit.canvases()[0]

    def screen(self, x: float, y: float, view: int = MAP) -> list[float]:
        return self.handle.evaluate("(one, [x, y, view]) => one.latentCanvas.screen(x, y, view)", [x, y, view])

    def panel(self, **wanted) -> dict:
        """What the panel below the map says, once it has what is wanted: decoders may still be on their way."""
        self.handle.evaluate(
            """async (root, wanted) => {
                const panel = () => root.latentCanvas.describe().planes[0]?.panel ?? {};
                const there = () => Object.entries(wanted).every(([name, value]) => panel()[name] === value);
                for (let tries = 0; tries < 200 && !there(); tries++) await new Promise(done => setTimeout(done, 100));
            }""",
            wanted,
        )
        return self.says()["planes"][MAP]["panel"]

    def place(self, image: int, view: int = MAP) -> list[float]:
        return self.handle.evaluate(
            "(one, [i, view]) => one.latentCanvas.places(view).slice(2 * i, 2 * i + 2)", [image, view]
        )

    def decoded(self, view: int = MAP) -> dict | None:
        return self.handle.evaluate("(one, view) => one.latentCanvas.decoded(view)", view)

    def point(self, x: float, y: float, view: int = MAP) -> None:
        self.visit.page.mouse.move(*self.screen(x, y, view))
        self.visit.page.wait_for_timeout(250)


def empty_place(name: str, canvas: Canvas, centre=(0.0, 0.0)) -> np.ndarray:
    """A place of the map that is far from all images (and well inside of it)."""
    xy = np.reshape(canvas.handle.evaluate("one => one.latentCanvas.places(0)"), (-1, 2))
    tries = np.random.default_rng(0).uniform(-1, 1, (600, 2)) * [2.2, 1.0]
    tries = tries[np.isfinite(MAPS[name].inverse(tries)[:, 0])]
    distance = np.array([np.hypot(*(xy - one).T).min() for one in tries])
    return tries[distance.argmax()]


def pixels(name: str, z: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return library.model(library.find(name)).picture(torch.as_tensor(z, dtype=torch.float32)).images.numpy()


@pytest.mark.parametrize("visit", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
def test_the_pointer_decodes_what_torch_draws_at_the_inverse_map(visit):
    visit.open("sphere", model=SPHERE, longitude="40", latitude="-15")
    canvas = Canvas(visit)
    planes = canvas.says()["planes"]
    assert [plane["name"] for plane in planes] == [SPHERE, SPHERE, TWIN]
    assert [plane["points"] for plane in planes] == [10_000] * 3
    assert planes[MAP]["centre"] == [40, -15]
    rotation = turn(*np.radians([40, -15]))
    entry = library.find(SPHERE)
    seen = globe.of(entry).points @ rotation.T
    xy = np.reshape(canvas.handle.evaluate("one => one.latentCanvas.places(0)"), (-1, 2))
    np.testing.assert_allclose(xy, MAPS["hammer"].forward(seen), atol=1e-4)

    at = empty_place("hammer", canvas)
    canvas.point(*at)
    found = canvas.decoded()
    z = MAPS["hammer"].inverse(np.array([found["x"], found["y"]])) @ rotation
    np.testing.assert_allclose([found["x"], found["y"]], at, atol=0.02)
    np.testing.assert_allclose(found["z"], z, atol=1e-6)
    np.testing.assert_allclose(found["pixels"], pixels(SPHERE, z[None]).ravel(), atol=2 / 256)
    assert not canvas.says()["planes"][MAP]["hidden"]
    visit.screenshot(f"sphere-{visit.theme}")

    canvas.point(2.6, 1.3)  # a corner outside of the ellipse
    assert canvas.says()["planes"][MAP]["hidden"]
    assert "outside of the map" in canvas.says()["reading"]
    visit.assert_healthy()


def test_hover_and_selection_are_on_map_globe_and_twin(visit):
    visit.open("sphere", model=SPHERE)
    canvas = Canvas(visit)
    entry = library.find(SPHERE)
    front = np.flatnonzero(globe.of(entry).points[:, 0] > 0.9)
    image = int(front[5])
    canvas.point(*canvas.place(image, GLOBE), GLOBE)
    hovered = canvas.says()["hover"]
    near = np.degrees(np.arccos(globe.of(entry).points[hovered] @ globe.of(entry).points[image]))
    assert near < 4  # of dots that lie upon each other, one
    assert canvas.says()["planes"][MAP]["panel"]["kind"] == "line"  # the pictures of a hovered image are at the pointer
    visit.page.mouse.click(*canvas.screen(*canvas.place(hovered, GLOBE), GLOBE))
    visit.page.wait_for_timeout(600)
    visit.settle()
    selected = canvas.says()["selection"]
    assert len(selected) == 1
    assert f"picked={selected[0]}" in visit.page.url
    assert f"image={selected[0]}" in visit.page.url
    visit.page.mouse.move(600, 690)
    visit.page.wait_for_timeout(300)
    narrow = globe.concentration(entry)
    panel = canvas.says()["planes"][MAP]["panel"]
    assert panel["image"] == selected[0]
    assert panel["kappa"] == pytest.approx(narrow.kappa[selected[0]], rel=1e-5)
    assert panel["caps"] == pytest.approx(narrow.caps[selected[0]].tolist(), rel=1e-5)
    visit.assert_healthy()


def test_a_drag_of_the_globe_turns_the_map_and_the_link_keeps_it(visit):
    visit.open("sphere", model=SPHERE)
    canvas = Canvas(visit)
    before = canvas.place(17)
    x, y = canvas.screen(0, 0, GLOBE)
    mouse = visit.page.mouse
    mouse.move(x, y)
    mouse.down()
    for step in range(1, 11):
        mouse.move(x + 6 * step, y + 3 * step)
        visit.page.wait_for_timeout(20)
    mouse.up()
    visit.page.wait_for_timeout(900)
    visit.settle()
    centre = canvas.says()["planes"][MAP]["centre"]
    scale = canvas.says()["planes"][GLOBE]["camera"]["scale"]
    assert centre[1] == pytest.approx(np.degrees(30 / scale), abs=2)
    assert centre[0] < -np.degrees(55 / scale)
    assert canvas.says()["planes"][GLOBE]["centre"] == centre
    seen = globe.of(library.find(SPHERE)).points @ turn(*np.radians(centre)).T
    np.testing.assert_allclose(canvas.place(17), MAPS["hammer"].forward(seen[17]), atol=1e-4)
    assert canvas.place(17) != before
    assert f"longitude={round(centre[0])}" in visit.page.url
    assert f"latitude={round(centre[1])}" in visit.page.url
    visit.page.keyboard.press("ArrowUp")  # the globe has the focus
    visit.page.wait_for_timeout(100)
    assert canvas.says()["planes"][MAP]["centre"][1] > centre[1] + 1
    visit.page.wait_for_timeout(900)
    visit.page.reload()
    visit.settle()
    np.testing.assert_allclose(canvas.says()["planes"][MAP]["centre"], [centre[0], centre[1] + 6], atol=3)
    visit.assert_healthy()


def test_two_images_are_joined_by_a_great_circle_of_the_models_own_sphere(visit):
    visit.open("sphere", model=FIVE, picked="3.77", map="Mollweide")
    canvas = Canvas(visit)
    visit.page.wait_for_timeout(1000)
    says = canvas.says()["planes"]
    assert says[MAP]["projection"] == "mollweide"
    panel = canvas.panel(strips=2)
    z = library.encoding(library.find(FIVE)).points.astype(np.float64)
    assert panel["path"] == [3, 77]
    assert panel["angle"] == pytest.approx(np.arccos(z[3] @ z[77]), abs=2e-3)  # codes travel as float16
    assert panel["strips"] == 2
    strip = visit.page.locator(".lx-strip").first.evaluate(
        """one => {
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return Array.from(data).filter((_, i) => i % 4 === 0);
        }"""
    )
    drawn = np.reshape(strip, (28, -1))
    path = pixels(FIVE, great_circle(z[3], z[77], np.linspace(0, 1, 9)))
    for k in (0, 4, 8):
        np.testing.assert_allclose(drawn[:, 29 * k : 29 * k + 28] / 255, path[k, 0], atol=0.02)
    visit.screenshot("sphere-path")
    visit.assert_healthy()


@pytest.mark.slow
def test_the_second_image_needs_no_key_and_an_end_is_dragged(visit):
    """A button, then a click; the end is led over other images, and the address says where it was let go."""
    visit.open("sphere", model=SPHERE, picked="20", image="20")
    canvas, page = Canvas(visit), visit.page
    visit.page.wait_for_timeout(1000)
    page.get_by_role("button", name="Great circle to another image").click()
    assert canvas.says()["planes"][MAP]["panel"]["armed"]
    z = library.encoding(library.find(SPHERE)).points.astype(np.float64)
    other = int(np.argmin(z @ z[20]))
    page.mouse.click(*canvas.screen(*canvas.place(other)))
    page.wait_for_timeout(700)
    visit.settle()
    panel = canvas.panel(kind="path", strips=2)
    first, second = panel["path"]
    assert first == 20
    assert z[second] @ z[other] > 0.995  # of dots that lie upon each other, one
    assert panel["angle"] == pytest.approx(np.arccos(z[20] @ z[second]), abs=2e-3)
    assert not panel["armed"]
    assert "image=20" in page.url

    goal = int(np.argmin(np.abs(z @ z[second])))
    page.mouse.move(*canvas.screen(*canvas.place(second)))
    page.mouse.down()
    page.mouse.move(*canvas.screen(*canvas.place(goal)), steps=6)
    during = canvas.says()["planes"][MAP]["panel"]["path"]
    page.mouse.up()
    page.wait_for_timeout(700)
    visit.settle()
    after = canvas.says()["planes"][MAP]["panel"]["path"]
    assert after == during
    assert after[0] == 20
    assert z[after[1]] @ z[goal] > 0.995
    picked = ".".join(str(image) for image in sorted(after))
    assert f"picked={picked}" in page.url
    assert page.get_by_role("spinbutton", name="Image b").input_value() == str(after[1])
    visit.assert_healthy()


@pytest.mark.slow
def test_a_link_brings_map_turn_zoom_lattice_and_pair_as_the_same_pixels(visit, browser):
    visit.open("sphere", model="digits-vmf-vampprior", map="Mollweide", view="Lattice", picked="5.9", image="9")
    canvas, page = Canvas(visit), visit.page
    page.wait_for_timeout(800)
    for view, wheel in ((MAP, -300), (GLOBE, -150), (BESIDE, -250)):
        page.mouse.move(*canvas.screen(0.3, 0.2, view))
        page.mouse.wheel(0, wheel)
        page.wait_for_timeout(200)
    page.mouse.move(*canvas.screen(0, 0, GLOBE))
    page.mouse.down()
    page.mouse.move(*canvas.screen(0.3, -0.2, GLOBE), steps=5)
    page.mouse.up()
    page.wait_for_timeout(1200)
    visit.settle()
    link, before = page.url, canvas.says()["planes"]
    assert link.count("~") == 2
    assert before[MAP]["panel"]["path"] == [9, 5]
    page.reload()
    visit.settle()
    page.wait_for_timeout(2000)
    after = canvas.says()["planes"]
    assert page.url == link
    for one, other in zip(before, after, strict=True):
        assert one["camera"] == pytest.approx(other["camera"], abs=1e-3)
    assert after[MAP]["centre"] == before[MAP]["centre"]
    pixels_now, pixels_then = [], []
    for found in (pixels_now, pixels_then):
        found.extend(page.locator(".lx-ground").nth(view).screenshot() for view in (MAP, GLOBE))
        if found is pixels_now:
            page.goto(link)
            visit.settle()
            page.wait_for_timeout(2000)
    assert pixels_now == pixels_then
    visit.assert_healthy()


@pytest.mark.slow
def test_the_middle_line_shows_what_the_map_decodes_there(visit):
    visit.open("sphere", model=SPHERE, longitude="70", latitude="25")
    canvas = Canvas(visit)
    visit.page.wait_for_timeout(1000)
    says = canvas.says()["planes"][MAP]
    n = canvas.panel(kind="line", line=9)["line"]
    camera = says["camera"]
    x = camera["x"] + ((np.arange(n) + 0.5) / n - 0.5) * camera["width"] / camera["scale"]
    z = MAPS["hammer"].inverse(np.stack([x, np.full(n, camera["y"])], 1)) @ turn(*np.radians([70, 25]))
    drawn = visit.page.locator(".lx-line").evaluate(
        """(one, n) => Array.from({ length: n }, (_, k) => {
            const x = Math.round(((k + 0.5) * one.width) / n), y = Math.round(one.height / 2);
            return one.getContext("2d").getImageData(x, y, 1, 1).data[0];
        })""",
        n,
    )
    middle = pixels(SPHERE, z)[:, 0, 13:15, 13:15]
    for found, around in zip(drawn, middle, strict=True):  # whichever pixel of the picture lies in the very middle
        assert np.abs(around * 255 - found).min() < 3


@pytest.mark.slow
def test_the_lattice_fills_the_map_with_decoded_pictures(visit):
    visit.open("sphere", model=SPHERE, view="Lattice")
    visit.page.wait_for_timeout(1500)
    planes = Canvas(visit).says()["planes"]
    assert planes[MAP]["tiles"] >= 90
    assert 30 <= planes[GLOBE]["tiles"] <= planes[MAP]["tiles"]
    visit.screenshot("sphere-lattice")
    visit.assert_healthy()


@pytest.mark.slow
def test_a_model_without_a_sphere_opens_one_that_has(visit):
    visit.open("sphere", model=TWIN)
    assert "may lie anywhere in space" in visit.text()
    visit.page.get_by_role("button", name="Open mnist-vmf").click()
    visit.page.wait_for_timeout(500)
    visit.settle()
    assert Canvas(visit).says()["planes"][MAP]["points"] == 10_000
    visit.assert_healthy()
