"""More dots than a frame has time for: the canvas says how many of how many it shows, until all are there."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from explorer.canvas import CanvasPlane, Class, blobs, bundle, options

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N = 1_000_000

_ZOOM = """async () => {
    const over = document.querySelector(".lx-over"), box = over.getBoundingClientRect();
    const at = { bubbles: true, cancelable: true, clientX: box.left + 200, clientY: box.top + 200, deltaY: -30 };
    for (let turn = 0; turn < 6; turn++) {
        over.dispatchEvent(new WheelEvent("wheel", at));
        await new Promise(requestAnimationFrame);
    }
    return document.querySelector(".lx-thinned").textContent;
}"""


def test_while_not_all_dots_are_drawn_the_canvas_says_how_many(visit):
    points = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
    way = {"centre": np.zeros(2), "axes": np.eye(2)}
    classes = [Class(0, "all")]
    blob = blobs.points(points, kind="units", space="euclidean", labels=np.zeros(N, int), classes=classes, **way)
    plane = CanvasPlane("many", "", "z₁", "z₂", blob, (1, 8, 8))

    def address(content: bytes, _: str) -> str:
        visit.page.route("**/points", lambda route: route.fulfill(body=content))
        return f"{visit.address}/points"

    made = json.dumps(options([plane], ((-3, 3), (-3, 3)), address=address, classes=classes, height=500))
    page = f"""<!doctype html><meta charset="utf-8"><body><script type="module">{bundle.script()}
        createCanvas(document.body, {made}, {{}});</script>"""
    visit.page.route("**/many.html", lambda route: route.fulfill(body=page, content_type="text/html"))
    visit.page.goto(f"{visit.address}/many.html")
    ready = "() => document.querySelector('.lx')?.latentCanvas.describe().planes[0].ready"
    visit.page.wait_for_function(ready, timeout=60_000)
    assert not visit.page.locator(".lx-thinned").is_visible()
    said = re.fullmatch(r"showing ([\d,]+) of ([\d,]+)", visit.page.evaluate(_ZOOM))
    assert said is not None
    shown, of = (int(number.replace(",", "")) for number in said.groups())
    assert 0 < shown < of == N
    visit.page.wait_for_function(ready, timeout=60_000)
    visit.page.wait_for_function("() => document.querySelector('.lx-thinned').textContent === ''", timeout=60_000)
