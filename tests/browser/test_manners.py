"""Manners of the pages: reached and used by keys alone, told in words and numbers, and still while they change."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REACHED = [
    ("latent_space", {"model": "digits-vampprior-2d", "picked": "3"}),
    ("interpolate", {"model": "digits-vampprior-2d"}),
    ("traversals", {"model": "digits-hvae"}),
    ("sphere", {"model": "digits-vmf"}),
    ("layers_and_codes", {"model": "digits-vq-vae"}),
    ("side_by_side", {"model": "digits-standard-8d", "compare": "Pictures"}),
]
MOST = 90
"""Elements that Tab may reach on a page, at most."""
FOCUSED = """() => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const up = (part) => part.parentElement ?? part.getRootNode().host ?? null;
    const looks = (part) => {
        const found = [];
        for (let i = 0; part && i < 5; i++, part = up(part)) {
            const s = getComputedStyle(part);
            found.push(s.outlineStyle === 'none' ? '' : `${s.outlineWidth} ${s.outlineColor}`, s.boxShadow,
                s.borderColor, s.backgroundColor);
        }
        return found.join('|');
    };
    const was = window.lastFocused;
    const widget = was?.one.closest('[data-testid="stMultiSelect"]'); // which shows it for all that is in it
    const left = was && was.one !== one && was.one.isConnected && !widget?.contains(one);
    const unseen = left && looks(was.one) === was.looks ? was.name : null;
    const words = one.getAttribute('aria-label') || one.innerText || one.placeholder || one.className;
    const name = `${one.tagName.toLowerCase()} ${one.type ?? one.getAttribute('role') ?? ''} ${words}`.slice(0, 90);
    window.lastFocused = { one, name, looks: looks(one) };
    const box = one.getBoundingClientRect();
    return { name: name.replace(/\\s+/g, ' '), unseen, end: one === document.body, size: box.width * box.height };
}"""
"""The element that has the focus; unseen: the one that had it before, where it looked the same with it as without."""
WORDS = """() => {
    const roots = [document.querySelector('[data-testid="stMain"]')];
    roots.push(...[...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')].map(one => one.shadowRoot));
    const found = (root, what) => [...root.querySelectorAll(what)].filter(one => !one.closest('[hidden]'));
    const all = (what) => roots.flatMap(root => found(root, what));
    return {
        pictures: all('img').map(one => one.getAttribute('alt') ?? ''),
        charts: all('[data-testid="stPlotlyChart"]').map(one => one.getAttribute('aria-label') ?? ''),
        canvases: all('canvas:not([aria-hidden])').filter(one => one.closest('.lx-plot'))
            .map(one => one.getAttribute('aria-label') ?? ''),
    };
}"""


@pytest.mark.parametrize(("page", "link"), REACHED, ids=lambda value: value if isinstance(value, str) else "")
def test_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(visit, page, link):
    visit.open(page, **link)
    controls = visit.page.locator(
        '[data-testid="stMain"] :is(input[type=number], input[type=range], [data-testid="stSelectbox"] input)'
    )
    expected = {one.get_attribute("aria-label") for one in controls.all() if one.is_visible() and one.is_enabled()}
    reached, unseen = [], []
    for _ in range(MOST):
        visit.page.keyboard.press("Tab")
        visit.page.wait_for_timeout(150)  # tones fade in
        now = visit.page.evaluate(FOCUSED)
        unseen += [now["unseen"]] if now["unseen"] else []
        if now["end"]:
            break
        reached.append(now)
    assert now["end"], "Tab never comes to the end of the page"
    assert not unseen
    names = " ".join(one["name"] for one in reached)
    for label in expected - {None}:
        assert label in names
    assert all(one["size"] > 0 for one in reached)
    if visit.page.locator(".lx").count():
        assert any(one["name"].startswith("canvas application") for one in reached)
    visit.assert_healthy()


def test_arrow_keys_move_the_probe_and_enter_clicks(visit):
    visit.open("latent_space", model="digits-vampprior-2d")
    visit.page.locator(".lx-over").focus()
    visit.page.keyboard.press("ArrowRight")
    first = visit.canvases()[0]["probe"]
    for _ in range(3):
        visit.page.keyboard.press("ArrowRight")
        visit.page.keyboard.press("ArrowUp")
    second = visit.canvases()[0]["probe"]
    assert second[0] > first[0]
    assert second[1] > first[1]
    visit.page.keyboard.press("Enter")
    visit.page.get_by_text("nearest test images").first.wait_for()
    visit.settle()
    assert len(visit.canvases()[0]["selection"]) == 1
    assert visit.page.evaluate("() => document.activeElement.shadowRoot.activeElement.className") == "lx-over"
    visit.assert_healthy()


TOLD = [
    ("", {"model": "digits-vampprior-2d"}),
    ("latent_space", {"model": "digits-vampprior-2d", "picked": "3"}),
    ("samples", {"model": "digits-pca", "nearest": "true"}),
    ("interpolate", {"model": "digits-vampprior-2d"}),
    ("pseudo_inputs", {"model": "digits-vampprior-2d"}),
    ("traversals", {"model": "digits-hvae"}),
    ("sphere", {"model": "digits-vmf"}),
    ("layers_and_codes", {"model": "digits-hvae"}),
    ("layers_and_codes", {"model": "digits-vq-vae"}),
    ("active_units", {"model": "digits-standard-8d"}),
    ("side_by_side", {"model": "digits-standard-8d", "compare": "Pictures"}),
    ("results", {"model": "digits-standard-8d"}),
]


def test_every_picture_has_words_and_every_chart_has_numbers(visit):
    for page, link in TOLD:
        visit.open(page, **link)
        for _ in range(20):  # a plane has its words when its points are there
            found = visit.page.evaluate(WORDS)
            if all(re.search(r": \d| of \d", label) for label in found["canvases"]):
                break
            visit.page.wait_for_timeout(250)
        assert all(alt.strip() and alt != "0" for alt in found["pictures"]), (page, found["pictures"])
        for label in found["charts"] + found["canvases"]:
            without_names = re.sub(r"\b(?:digits|mnist)-[\w-]+", "", label)
            assert re.search(r"\d", without_names), (page, label)
        assert found["pictures"] or found["charts"] or found["canvases"], page


# -- nothing jumps ------------------------------------------------------------------------------------------------

WATCH = """() => {
    const figures = '.js-plotly-plot, [data-testid="stBidiComponentIsolated"], [data-testid="stImage"] img';
    const main = document.querySelector('[data-testid="stMain"]');
    const shown = (what, words = '') =>
        [...main.querySelectorAll(what)].find(one => !one.closest('.st-key-header') && one.textContent.includes(words));
    window.seen = [];
    window.watching = true;
    const look = () => {
        const places = { header: main.querySelector('.st-key-header'), title: main.querySelector('h1'),
            figure: shown(figures), caption: shown('.stMarkdown', ' · ') };
        const now = {};
        for (const [name, one] of Object.entries(places)) {
            const box = one?.getBoundingClientRect();
            now[name] = box ? [box.left, box.top, box.height] : null;
        }
        window.seen.push(now);
        if (window.watching) requestAnimationFrame(look);
    };
    look();
}"""


def change(visit, label: str, key: str) -> None:
    visit.page.get_by_role("slider", name=label).or_(visit.page.get_by_role("spinbutton", name=label)).first.focus()
    visit.page.keyboard.press(key)
    visit.page.keyboard.press("Enter")


def option(visit, name: str) -> None:
    radio = visit.page.get_by_role("radio", name=name, exact=True)
    radio.or_(visit.page.get_by_role("button", name=name, exact=True)).first.click()


BLINK = 2
"""Frames in which a chart that is drawn anew may be empty."""
CHANGES = [
    ("samples", {"model": "digits-standard-2d"}, lambda visit: change(visit, "Seed", "ArrowUp")),
    ("samples", {"model": "digits-standard-2d"}, lambda visit: option(visit, "Aggregated posterior")),
    ("traversals", {"model": "digits-hvae"}, lambda visit: change(visit, "Test image", "ArrowUp")),
    ("interpolate", {"model": "digits-vampprior-2d"}, lambda visit: change(visit, "Step", "ArrowRight")),
    ("interpolate", {"model": "digits-vampprior-2d"}, lambda visit: change(visit, "From test image", "ArrowUp")),
    (
        "active_units",
        {"model": "digits-standard-8d"},
        lambda visit: change(visit, "Threshold on the variance", "ArrowRight"),
    ),
    ("layers_and_codes", {"model": "digits-hvae"}, lambda visit: change(visit, "Test image", "ArrowUp")),
    ("layers_and_codes", {"model": "digits-vq-vae"}, lambda visit: change(visit, "New code", "ArrowUp")),
]


def test_no_figure_moves_while_a_control_changes_it(visit):
    """In every frame from the change to its answer, header and figure are where they were before, within a pixel."""
    for page, link, act in CHANGES:
        visit.open(page, **link)
        visit.page.wait_for_timeout(400)
        visit.page.evaluate(WATCH)
        before = visit.page.url
        act(visit)
        visit.page.wait_for_url(lambda url, before=before: url != before)
        visit.page.wait_for_timeout(600)
        visit.settle()
        frames = visit.page.evaluate("() => { window.watching = false; return window.seen; }")
        assert len(frames) > 10
        for name in ("header", "title", "figure", "caption"):
            first = frames[0][name]
            places = [now[name] for now in frames if now[name] is not None and now[name][2] > 0]
            assert first is not None, (page, name)
            assert len(places) >= len(frames) - BLINK, (page, f"no {name} for {len(frames) - len(places)} frames")
            left, top, _ = zip(*places, strict=True)
            assert max(abs(x - first[0]) for x in left) <= 1, (page, name, sorted(set(left)))
            assert max(abs(y - first[1]) for y in top) <= 1, (page, name, sorted(set(top)))
        visit.assert_healthy()
