"""From a click to the changed picture, on each page that shows something of a model, in a real browser.

Measured in the page, from the event of the pointer or the key to the first frame that shows another picture, with the
server and the browser warmed up. Each click asks for something that was not asked for before, so the model computes.
Wall-clock time, as a person waits: on a busy machine these numbers are upper bounds.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlencode

import numpy as np

from .browser import browser, go, server
from .timing import Claim, show

REPEATS = 20
MLP, CONVOLUTIONS = 200.0, 500.0  # the goals, ms
SWITCH = 1.0  # and of another model, s
VIEW = {"width": 1280, "height": 720}
PATIENCE, LOST = 60_000, 15_000  # milliseconds: of a page, and after which a click is taken for one without an answer
FLAT, WIDE, CONVOLUTIONAL = "mnist-vampprior-2d", "mnist-vampprior-40d", "mnist-conv-40d"

_STILL = """() => {
    const still = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]');
    if (!still) window.stillSince = undefined;
    else window.stillSince ??= performance.now();
    return still && performance.now() - window.stillSince > 60;
}"""

# Starts the clock at the next trusted event, and stops it in the first frame whose picture is another one; null where
# none comes.
_WATCH = """([mark, patience]) => {
    const read = eval(mark), before = read();
    window.watched = new Promise(done => {
        setTimeout(() => done(null), patience);
        const begin = ({ isTrusted, timeStamp }) => {
            if (!isTrusted) return;
            for (const kind of ["pointerup", "keydown"]) removeEventListener(kind, begin, true);
            const look = () => {
                const now = read();
                if (now && now !== before) done(performance.now() - timeStamp);
                else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        };
        for (const kind of ["pointerup", "keydown"]) addEventListener(kind, begin, true);
    });
    return before;
}"""

# -- what tells one picture from another: expressions of functions that return a text, "" where there is no picture ----


def images(alt: str) -> str:
    """The loaded pictures whose alternative text holds this."""
    return f"""(() => {{
        const found = [...document.querySelectorAll('[data-testid="stMain"] img')]
            .filter(one => one.alt.includes({alt!r}));
        return found.every(one => one.complete && one.naturalWidth) ? found.map(one => one.src).join() : "";
    }})"""


def row() -> str:
    """The large pictures that follow the bead of a path."""
    return """(() => {
        const found = [document, ...[...document.querySelectorAll('*')].map(one => one.shadowRoot).filter(Boolean)]
            .flatMap(root => [...root.querySelectorAll('.lx-row img')]);
        return found.every(one => one.complete && one.naturalWidth) ? found.map(one => one.src).join() : "";
    })"""


def chart(key: str) -> str:
    """The pictures, bars and lines of the Plotly figure with this key."""
    return f"""(() => [...document.querySelectorAll('.st-key-{key} .main-svg :is(image, path, text)')]
        .map(one => one.getAttribute("href") ?? one.getAttribute("xlink:href") ?? one.getAttribute("d")
            ?? one.textContent)
        .join())"""


_CANVAS = """[...document.querySelectorAll('*')].map(one => one.shadowRoot?.querySelector('.lx'))
    .find(one => one?.latentCanvas?.describe().planes.length)"""


def drawn(layers: str = ".lx-ground, .lx-dots") -> str:
    """The pixels of the live canvas, of these of its layers, a hundredth of them."""
    return f"""(() => {{
        const root = {_CANVAS};
        if (!root) return "";
        const small = window.small ??= new OffscreenCanvas(96, 72).getContext("2d", {{ willReadFrequently: true }});
        let text = "";
        for (const one of root.querySelectorAll({layers!r})) {{
            if (!one.width || !one.height) continue;
            small.clearRect(0, 0, 96, 72);
            small.drawImage(one, 0, 0, 96, 72);
            let sum = 0;
            for (const value of small.getImageData(0, 0, 96, 72).data) sum = (sum * 31 + value) | 0;
            text += sum + " ";
        }}
        return text;
    }})"""


def placed(model: str) -> str:
    """All points of this model are on the canvas."""
    return f"""(() => {{
        const [plane] = ({_CANVAS})?.latentCanvas.describe().planes ?? [];
        return plane?.name === {model!r} && plane.ready && plane.drawn > 0 ? {model!r} : "";
    }})"""


def sheet(model: str) -> str:
    """The sheet of this model's samples."""
    return images(f"prior of {model}")


# -- what a visitor does ---------------------------------------------------------------------------------------------


class Visit:
    """A page that is open, and the clock in it."""

    def __init__(self, page):
        self.page = page

    def settle(self) -> None:
        self.page.wait_for_function(_STILL, timeout=PATIENCE)

    def at(self, key: str, inside: str = ""):
        """The part of the page with this key."""
        return self.page.locator(f".st-key-{key} {inside}".strip()).first


Act = Callable[[Visit, int], Iterator[None]]
"""Does something for the so many-th time: gets ready, yields (the clock is set), and gives the event."""


def pressed(key: str, *keys: str) -> Act:
    """These keys of the keyboard in turn, on a number or a slider."""

    def act(visit: Visit, turn: int) -> Iterator[None]:
        visit.at(key, "input").focus()
        yield
        visit.page.keyboard.press(keys[turn % len(keys)])

    return act


def clicked(key: str, *names: str) -> Act:
    """A button, or those of a segmented control in turn."""

    def act(visit: Visit, turn: int) -> Iterator[None]:
        found = visit.at(key, "button")
        if names:
            found = visit.at(key).get_by_role("radio", name=names[turn % len(names)], exact=True)
        box = found.bounding_box()
        visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        yield
        visit.page.mouse.down()
        visit.page.mouse.up()

    return act


def chosen(key: str, *options: str) -> Act:
    """An option of a list, each in turn; the list is open when the clock starts."""

    def act(visit: Visit, turn: int) -> Iterator[None]:
        visit.at(key, "input").click()
        option = visit.page.get_by_role("option", name=options[turn % len(options)], exact=True)
        option.wait_for()
        option.hover()
        yield
        visit.page.mouse.down()
        visit.page.mouse.up()

    return act


def dotted(visit: Visit, turn: int) -> Iterator[None]:
    """A dot of the canvas: one that no other is near to, another one each time."""
    root = visit.page.locator(".lx").first
    if not hasattr(visit, "dots"):
        places = np.array(root.evaluate("one => one.latentCanvas.places()")).reshape(-1, 2)
        visit.dots = _lonely(places)
    x, y = visit.dots[turn % len(visit.dots)].tolist()
    place = root.evaluate("(one, [x, y]) => one.latentCanvas.screen(x, y)", [x, y])
    visit.page.mouse.move(*place)
    visit.page.wait_for_timeout(80)  # the lens of the hovered dot is there
    yield
    visit.page.mouse.down()
    visit.page.mouse.up()


def _lonely(places: np.ndarray) -> np.ndarray:
    """Dots around the middle, the loneliest of each patch first."""
    low, high = np.quantile(places, [0.1, 0.9], axis=0)
    inside = places[((places > low) & (places < high)).all(axis=1)]
    some = np.random.default_rng(0).choice(len(inside), min(1500, len(inside)), replace=False)
    apart = np.linalg.norm(inside[some, None] - inside[None, some], axis=-1) + 1e9 * np.eye(len(some))
    return inside[some][np.argsort(-apart.min(axis=1))[: 3 * REPEATS]]


# -- the cases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What is done on a page that shows a model, and what picture it changes.

    ready: the mark of the page before anything was done, where that is another one; warm: how often it is done before
    the clock counts, so that what is computed once per model is there.
    """

    title: str
    what: str
    page: str
    model: str
    act: Act
    mark: str
    query: dict[str, str] = field(default_factory=dict)
    goal: float = MLP
    ready: str = ""
    warm: int = 2
    unit: str = "ms"


def cases() -> Iterator[Case]:
    for model, goal in ((FLAT, MLP), (CONVOLUTIONAL, CONVOLUTIONS)):
        yield Case(
            "Latent space",
            "a dot",
            "latent_space",
            model,
            dotted,
            images("Its reconstruction"),
            goal=goal,
            ready=drawn(),
        )
        yield Case(
            "Latent space",
            "another colour",
            "latent_space",
            model,
            chosen("colour", "Error", "KL", "ELBO"),
            drawn(),
            goal=goal,
            warm=3,
        )
        yield Case(
            "Latent space",
            "decoded plane and back",
            "latent_space",
            model,
            clicked("view", "Decoded plane", "Points"),
            drawn(),
            goal=goal,
        )
        yield Case("Samples", "draw again", "samples", model, clicked("redraw"), images("samples from"), goal=goal)
        line = {"steps": "9"}
        yield Case(
            "Interpolate",
            "next image",
            "interpolate",
            model,
            pressed("image", "ArrowUp"),
            images("Latent line"),
            line,
            goal,
        )
        yield Case(
            "Interpolate",
            "a step",
            "interpolate",
            model,
            pressed("step", "ArrowRight", "ArrowLeft"),
            row(),
            line,
            goal,
        )
    yield Case(
        "Pseudo-inputs", "next rank", "pseudo_inputs", FLAT, pressed("rank", "ArrowUp"), images("samples of the")
    )
    for model, goal in ((WIDE, MLP), (CONVOLUTIONAL, CONVOLUTIONS)):
        walks = chart(f"walks-{model}")
        yield Case("Traversals", "next image", "traversals", model, pressed("image", "ArrowUp"), walks, goal=goal)
    yield Case("Sphere", "a dot", "sphere", "mnist-vmf-2d", dotted, drawn("canvas"))
    yield Case(
        "Sphere", "lattice and back", "sphere", "mnist-vmf-2d", clicked("view", "Lattice", "Points"), drawn("canvas")
    )
    layers = chart("redrawn-mnist-hvae")
    for what, key in (("next image", "image"), ("next seed", "below_seed")):
        yield Case("Layers and codes", what, "layers_and_codes", "mnist-hvae", pressed(key, "ArrowUp"), layers)
    swapped = images("decoded with one other code")
    place = pressed("place", "ArrowUp")
    yield Case("Layers and codes", "next place", "layers_and_codes", "mnist-vq", place, swapped, goal=CONVOLUTIONS)
    for model, goal in ((WIDE, MLP), (CONVOLUTIONAL, CONVOLUTIONS)):
        slide = pressed("threshold", "ArrowRight", "ArrowLeft")
        yield Case("Active units", "a threshold", "active_units", model, slide, chart("bars"), goal=goal)
    for model, other, goal in ((FLAT, "mnist-standard-2d", MLP), (CONVOLUTIONAL, "mnist-standard-40d", CONVOLUTIONS)):
        both = {"beside": other, "compare": "Pictures"}
        yield Case(
            "Side by side",
            "next image",
            "side_by_side",
            model,
            pressed("image", "ArrowUp"),
            chart("pictures"),
            both,
            goal,
        )


def switches() -> Iterator[tuple[Case, Callable[[str], str]]]:
    """From one model to another and back, and how the picture of a model is known."""
    models = ("mnist-standard-2d", FLAT)
    act = chosen("model", *models)
    yield (
        Case(
            "Latent space", "another model", "latent_space", FLAT, act, "", goal=SWITCH, ready=drawn(), warm=4, unit="s"
        ),
        placed,
    )
    yield (
        Case("Samples", "another model", "samples", FLAT, act, "", goal=SWITCH, ready=sheet(FLAT), warm=4, unit="s"),
        sheet,
    )


# -- measuring -------------------------------------------------------------------------------------------------------


def all_claims(only: str = "") -> Iterator[Claim]:
    """only: a part of the names of the claims that are measured."""
    with browser() as chromium, server() as address:
        for case in cases():
            if only in name(case):
                yield measured(chromium, address, case)
        for case, known in switches():
            if only in name(case):
                yield measured(chromium, address, case, known)


def name(case: Case) -> str:
    return f"{case.title}: {case.what}, {case.model}" if case.unit == "ms" else f"{case.title}: {case.what}"


def measured(chromium, address: str, case: Case, known: Callable[[str], str] | None = None) -> Claim:
    """known: the mark of each model's picture, where models are alternated."""
    context = chromium.new_context(viewport=VIEW)
    visit = Visit(context.new_page())
    go(visit.page, f"{address}/{case.page}?{urlencode({'model': case.model, **case.query})}")
    visit.page.wait_for_function(f"() => Boolean(({case.ready or case.mark})())", timeout=PATIENCE)
    times, lost = [], 0
    others = cycle(("mnist-standard-2d", FLAT))
    for turn in range(case.warm + REPEATS):
        visit.settle()
        mark = case.mark if known is None else known(next(others))
        doing = case.act(visit, turn)
        next(doing)
        visit.page.evaluate(_WATCH, [mark, LOST])
        next(doing, None)
        took = visit.page.evaluate("window.watched")
        if took is None:
            lost += 1
            if lost > REPEATS // 4:
                raise RuntimeError(f"{name(case)}: {lost} of {turn + 1} clicks changed nothing within {LOST} ms")
        elif turn >= case.warm:
            times.append(took)
    context.close()
    scale = 1 if case.unit == "ms" else 1000
    detail = f"median of {len(times)}; 9 of 10 under {np.percentile(times, 90) / scale:.3g} {case.unit}"
    detail += f"; load {os.getloadavg()[0]:.1f}" + (f"; {lost} clicks changed nothing" if lost else "")
    return Claim(name(case), statistics.median(times) / scale, case.goal, case.unit, detail=detail)


if __name__ == "__main__":
    import sys

    show(all_claims(*sys.argv[1:2]))
