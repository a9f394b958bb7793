"""Layers and codes: what each layer of a hierarchy holds of an image, and the codes that a VQ-VAE names it by."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import streamlit as st

from explorer import chosen as chosen_images
from explorer import (
    codebook,
    draws,
    focus,
    layer_panel,
    layer_planes,
    layered,
    library,
    parts,
    row_figure,
    selecting,
    usage,
    view,
    words,
)
from explorer.canvas import state
from explorer.charts import code_map, images, strips
from explorer.charts.region import class_name
from explorer.library import Entry, Images

HEIGHT, WIDTH, HALF = 512, 992, 488
BESIDE = 76
ROWS, STEPWISE_ROWS, DRAWS, FEW_DRAWS, HALF_DRAWS = 5, 4, 8, 3, 2
"""Test images on one sheet, also of one with fewer columns; and draws for each, also where pixels are drawn one by
one, and beside another model."""
PLANES, HALF_PLANES = 408, 436
"""Pixels of the canvas of a hierarchy's planes; and of one in half the width, where its planes stand one above the
other and the canvas grows by a third."""
SIDE, BARS = 232, 196
REDRAWN, STEPWISE, PLANE = "Redrawn below", "Layer by layer", "Planes"
POINTS, DECODED = "Points", "Decoded"

WORDS = """
A **hierarchy** has several latent vectors, one above the other. The top one is drawn first, each layer below given what
is above it, and the picture last. *Redrawn below* keeps the top layer of a test image and draws the rest anew: what
stays the same in all draws is what the top layer holds. *Layer by layer* begins with nothing of the image and adds one
layer of it after another; what is not added is at the mean that the prior expects of it. *Planes* shows each layer's
own map of the test images: where classes are apart, the layer knows the class. Point at the top layer's map, and the
picture is what that layer alone stands for; click an image, and see what each layer takes to be like it.

A **VQ-VAE** cuts an image into a grid of places and gives each the nearest vector of a codebook: the image becomes a
grid of numbers, the codes. The bars count how often each code is used. Click a place, then a bar (or type both), and
see what another code changes in the picture: usually its own neighbourhood, and not much else.
"""
MATHS = r"""
**Hierarchies.** With two layers $p(x, z_1, z_2) = p(z_2)\, p(z_1 \mid z_2)\, p(x \mid z_1, z_2)$ and
$q(z_1, z_2 \mid x) = q(z_2 \mid x)\, q(z_1 \mid x, z_2)$. *Redrawn below*: $z_2 = \mathbb{E}_q[z_2 \mid x]$ is fixed,
$z_1 \sim p(z_1 \mid z_2)$ is drawn. *Layer by layer*: $\hat{x}_0$ is decoded at $\mathbb{E}[z_2]$ and
$\mathbb{E}[z_1 \mid z_2]$ of the prior; $\hat{x}_1$ at the image's $z_2$ and $\mathbb{E}_p[z_1 \mid z_2]$;
$\hat{x}_2$ at both layers of the image. Layer $l$ adds $\hat{x}_{k} - \hat{x}_{k-1}$.
*Planes*: at a place of $z_2$’s plane stands $p(x \mid z_1, z_2)$ with $z_1 = \mathbb{E}_p[z_1 \mid z_2]$; on
$z_1$’s plane, $z_2$ is the chosen image’s. All other directions of the layer are held at the chosen image.

**Codes.** $z_i = \arg\min_k \lVert h_i(x) - e_k \rVert^2$ at each place $i$ of the grid. With $\pi_k$ the share of all
places that have code $k$, the perplexity $\exp\big(-\sum_k \pi_k \log \pi_k\big)$ is the number of codes that an equal
use would need: $K$ at most, 1 where a single code is used.
"""


# -- controls -------------------------------------------------------------------------------------------------


def controls(layers: list[Entry], codes: list[Entry], test: Images) -> dict:
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    chosen: dict = {"show": REDRAWN, "seed": 0, "keep": 1, "pseudo": True}
    if layers:
        chosen["show"] = st.segmented_control(
            "Show", [REDRAWN, STEPWISE, PLANE], default=REDRAWN, required=True, key="layers", **bound
        )
    if codes or chosen["show"] != PLANE:
        chosen["image"] = focus.picker(test, picture=bool(codes) or chosen["show"] == PLANE)
    with view.more() if codes and layers else nullcontext():  # of both there are more than one row holds
        if chosen["show"] == REDRAWN and layers:
            redraw(layers, chosen, bound)
        if codes:
            swap(codes[0], chosen, bound)
    if chosen["show"] == PLANE and layers:
        options = [POINTS, DECODED]
        chosen["planes"] = st.segmented_control(
            "On the planes", options, default=POINTS, required=True, key="planes", **bound
        )
        if any(library.why_not(entry, "pseudo_inputs") is None for entry in layers) and not codes:
            with view.more():
                chosen["pseudo"] = st.toggle("Pseudo-inputs", True, key="pseudo", bind="query-params")
    return chosen


def redraw(layers: list[Entry], chosen: dict, bound: dict) -> None:
    most = max(len(usage.layers(entry)) for entry in layers)
    if most > 2:
        parts.named("Layers kept")
        chosen["keep"] = st.segmented_control(
            "Layers kept", list(range(1, most)), default=1, required=True, key="keep", **bound
        )
    parts.named("Seed")
    chosen["seed"] = st.number_input("Seed", 0, 2**31 - 1, 0, key="below_seed", width=72, **bound)


def swap(entry: Entry, chosen: dict, bound: dict) -> None:
    """A place of the grid, and the code to put there."""
    book, codes = codebook.of(entry), codebook.codes(entry)
    n = codes.shape[1]
    parts.bounded("place", 0, n - 1)
    parts.bounded("code", 0, book.size - 1)
    parts.named("Place")
    chosen["place"] = st.number_input("Place", 0, n - 1, middle(book.grid), key="place", width=96, **bound)
    parts.named("New code")
    first = codebook.another(book, int(codes[chosen["image"], chosen["place"]]))
    chosen["code"] = st.number_input("New code", 0, book.size - 1, first, key="code", width=104, **bound)


def middle(grid: tuple[int, int]) -> int:
    return grid[0] // 2 * grid[1] + grid[1] // 2


# -- a hierarchy ----------------------------------------------------------------------------------------------


def some(test: Images, first: int, rows: int = ROWS) -> np.ndarray:
    """The test images of a sheet: the chosen one and those that follow it."""
    return (first + np.arange(min(rows, len(test.gray)))) % len(test.gray)


def named(test: Images, i: int) -> tuple[str, str]:
    """The two lines beside an image's row."""
    label = "" if test.labels is None else class_name(int(test.labels[i]), test.class_names)
    return f"image {i:,}", f"class {label}" if label else ""


def redrawn(entry: Entry, test: Images, chosen: dict, width: int, alone: bool) -> None:
    """The upper layers of each image are kept, those below drawn again and again."""
    keep = min(chosen["keep"], len(usage.layers(entry)) - 1)
    n = FEW_DRAWS if draws.slow(entry) else DRAWS
    n = n if alone else HALF_DRAWS
    who = some(test, chosen["image"])
    z = library.encoding(entry).points[who]

    def draw() -> np.ndarray:
        drawn = layered.kept(entry, np.repeat(z, n, axis=0), keep, chosen["seed"])
        whole = np.concatenate([z[:, None], layered.kept(entry, z, keep)[:, None], drawn.reshape(len(z), n, -1)], 1)
        pictures = library.decode(entry, whole.reshape(-1, z.shape[1]))
        return pictures.reshape(len(z), n + 2, *pictures.shape[1:])

    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        found = library.remember("redrawn", entry, draw, chosen["image"], keep, chosen["seed"], n)
    names = layer_planes.symbols(entry)
    kept_names, rest = ", ".join(names[:keep]), ", ".join(names[keep:])
    rows = [
        strips.Row(name, np.concatenate([test.seen[i][None], pictures]), note)
        for i, pictures in zip(who, found, strict=True)
        for name, note in [named(test, int(i))]
    ]
    heads = ["x", "all layers", f"{rest} mean", *(f"draw {k + 1}" for k in range(n))]
    alt = f"{len(who)} test images: {kept_names} kept, {rest} drawn {n} times."
    row_figure.shown(rows, heads, f"redrawn-{entry.name}", alt, width, HEIGHT, BESIDE)
    view.caption(
        f"{kept_names} of each test image is kept, and {rest} drawn anew from p({rest} | {kept_names}), {n} times: "
        f"what all draws share is what {kept_names} holds. “{rest} mean” has {rest} where the prior expects "
        f"{'them' if len(names) - keep > 1 else 'it'}." + is_sample(entry),
        provenance(entry) + f" · seed {chosen['seed']}",
    )


def stepwise(entry: Entry, test: Images, chosen: dict, width: int) -> None:
    """One layer of the image after the other, and what each changes."""
    layers = len(usage.layers(entry))
    who = some(test, chosen["image"], STEPWISE_ROWS)
    z = library.encoding(entry).points[who]

    def decode() -> np.ndarray:
        return np.stack([library.decode(entry, layered.kept(entry, z, k)) for k in range(layers + 1)], axis=1)

    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        found = library.remember("stepwise", entry, decode, chosen["image"])
    names = layer_planes.symbols(entry)
    rows = []
    for i, pictures in zip(who, found, strict=True):
        changes = [code_map.change(one, after, view.tones()) for one, after in pairwise(pictures)]
        shown = [code_map.coloured(picture) for picture in (test.seen[i], *pictures)] + changes
        name, note = named(test, int(i))
        rows.append(strips.Row(name, np.stack(shown), note))
    heads = ["x", "no layer", *(f"+ {name}" for name in names), *(f"what {name} adds" for name in names)]
    alt = f"{len(who)} test images, decoded with more and more layers."
    row_figure.shown(rows, heads, f"stepwise-{entry.name}", alt, width, HEIGHT, BESIDE)
    view.caption(
        f"From the prior's mean (“no layer”), one layer of the image is added after the other; what is not added stays "
        f"where the prior expects it. Red: brighter than before, blue: darker.{gains(entry, names)}{is_sample(entry)}",
        provenance(entry),
    )


def gains(entry: Entry, names: list[str]) -> str:
    """What each layer takes off the error, in numbers; not where pictures are drawn pixel by pixel."""
    said = ""
    if not draws.slow(entry):
        errors, n = layered.errors(entry)
        steps = ", ".join(f"{error:.4f} with {name}" for error, name in zip(errors[1:], names, strict=True))
        said = (
            f" **Mean squared error of a pixel, on {n:,} test images: {errors[0]:.4f} with no layer, {steps} added.**"
        )
    bound = entry.metrics.get("elbo")
    kl = bound.get("kl_per_layer") if isinstance(bound, dict) else None
    if isinstance(kl, list) and len(kl) == len(names):
        told = ", ".join(f"{name} {words.number(value)} nats" for name, value in zip(names, kl, strict=True))
        said += f" KL of the layers: {told}."
    return said


def on_planes(entry: Entry, test: Images, chosen: dict, alone: bool) -> None:
    """The top layer's plane beside those of the layers below, and what each holds of what is chosen on them."""
    key = f"layers-{entry.name}"
    focus.keep(focus.KEY)
    selected = chosen_images.selection(len(test.gray)) or (int(st.session_state.get(focus.KEY, 0)) % len(test.gray),)
    height, decoded = PLANES if alone else HALF_PLANES, chosen["planes"] == DECODED
    shown = layer_planes.draw(
        entry, height, selected, lambda: selected_on(key), key=key, decoded=decoded, pseudo=chosen["pseudo"]
    )
    layer_panel.row(entry, test, selected, alone)
    view.caption(
        layer_planes.sentence(entry, shown, decoded),
        provenance(entry) + " · principal components of each layer on its own",
    )


def selected_on(key: str) -> None:
    """What the visitor has selected on a canvas; a single image becomes the chosen one of all pages."""
    selected = state(key).selection
    chosen_images.choose(selected)
    if len(selected) == 1:
        st.session_state[focus.KEY] = selected[0]


def hierarchy(entry: Entry, test: Images, chosen: dict, width: int, alone: bool) -> None:
    if chosen["show"] == REDRAWN:
        redrawn(entry, test, chosen, width, alone)
    elif chosen["show"] == STEPWISE:
        stepwise(entry, test, chosen, width)
    else:
        on_planes(entry, test, chosen, alone)


def is_sample(entry: Entry) -> str:
    return " Each picture is a sample, drawn pixel by pixel." if draws.slow(entry) else ""


def provenance(entry: Entry) -> str:
    return f"{entry.name} ({entry.space_title}) · {library.images(entry).provenance} · {parts.shown([entry])}"


# -- codes ----------------------------------------------------------------------------------------------------


def pick(key: str, picked: list[int]) -> None:
    """A click on a place or on a bar becomes the number in the row of controls."""
    st.session_state[key] = picked[0]


def codes(entry: Entry, test: Images, chosen: dict, alone: bool) -> None:
    """The code map, the swap and its difference, and the usage of the codes."""
    book, mine = codebook.of(entry), codebook.codes(entry)[chosen["image"]]
    place, code = min(chosen["place"], len(mine) - 1), min(chosen["code"], book.size - 1)
    old = int(mine[place])
    both = np.stack([mine, codebook.swapped(mine, place, code)]).astype(np.float32)
    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        before, after = library.remember(
            "swap", entry, lambda: library.decode(entry, both), chosen["image"], place, code
        )
    columns = st.columns(4, gap="small") if alone else [c for _ in range(2) for c in st.columns(2, gap="small")]
    with columns[0], st.container(gap=None):
        st.markdown("**The codes of the image**")
        figure = code_map.code_map(
            test.seen[chosen["image"]], mine.reshape(book.grid), place, view.tones(), SIDE if alone else SIDE - 12
        )
        alt = f"The {book.grid[0]} by {book.grid[1]} codes of {focus.words(test, chosen['image'])}."
        selecting.clickable(figure, f"map-{entry.name}", alt, lambda picked: pick("place", picked))
    scale = images.scale_for(before.shape[-1], 2 * SIDE)
    panels = (
        (f"**Before**: code {old}", images.image_png(before, scale), "The image decoded from its codes."),
        (f"**After**: code {code}", images.image_png(after, scale), "The image decoded with one other code."),
        (
            "**Difference**",
            code_map.difference(before, after, view.tones()),
            "After minus before: red brighter, blue darker.",
        ),
    )
    for column, (title, png, alt) in zip(columns[1:], panels, strict=True):
        with column, st.container(gap=None):
            st.markdown(title)
            parts.pictured(png, alt)
    bars(entry, book, old, code)
    codes_caption(entry, book, before, after, (place, old, code))


def bars(entry: Entry, book: codebook.Book, old: int, code: int) -> None:
    marked = {code: "after", old: "before"} if code != old else {old: "before and after"}
    figure = code_map.usage(book.shares, marked, view.tones(), BARS)
    alt = f"How often each of the {book.size} codes is used."
    selecting.clickable(figure, f"usage-{entry.name}", alt, lambda picked: pick("code", picked))


def codes_caption(entry: Entry, book: codebook.Book, before, after, swap: tuple[int, int, int]) -> None:
    place, old, code = swap
    changed = int((np.abs(after.astype(int) - before.astype(int)) > 12).any(axis=0).sum())
    pixels = before.shape[-1] * before.shape[-2]
    unused = book.size - book.used
    never = (
        f"{words.count(unused, 'code')} {'is' if unused == 1 else 'are'} never used" if unused else "every code is used"
    )
    full = f" (full colour: by {100 * code_map.largest(before, after):.0f} % of white)" if code != old else ""
    same = (
        "the code is the same"
        if code == old
        else (f"changes {words.count(changed, 'pixel')} of {pixels:,} by more than 5 % of white")
    )
    view.caption(
        f"**Perplexity {book.perplexity:.0f} of {book.size} codes**: so many would be in equal use; {never}. "
        f"Code {code} in place of {old}, at place {place} (row {place // book.grid[1] + 1}, column "
        f"{place % book.grid[1] + 1}), {same}: red brighter, blue darker{full}. Click a place or a bar to choose it."
        + is_sample(entry),
        f"{entry.name} ({entry.space_title}) · {library.images(entry).provenance} · {book.places:,} places counted · "
        f"{parts.shown([entry])}",
    )


# -- the page -------------------------------------------------------------------------------------------------


def neither(entry: Entry) -> str:
    """Why a model has nothing to show here."""
    return (
        view.problem(entry) or "This model's z is one vector: it has neither layers one above the other nor a codebook."
    )


def main() -> None:
    both = view.models()
    with view.header("Layers and codes"):
        row = parts.row()
    place = parts.waiting(HEIGHT, "Encoding all test images …", both)
    able = [entry for entry in both if view.problem(entry) is None]
    layers = [entry for entry in able if layered.able(entry)]
    quantised = [entry for entry in able if codebook.able(entry)]
    shown = [entry for entry in both if entry in layers + quantised]
    with parts.stage(place):
        for entry in both:
            if entry not in shown:
                parts.cannot(entry, neither(entry), both)
        if shown:
            page(shown, layers, quantised, row)
        else:
            with st.container(horizontal=True):
                parts.other_model(both[0], lambda other: other.space_kind == "layers")
                parts.other_model(both[0], lambda other: other.space_kind == "codes")
    view.explain(WORDS, MATHS)


def page(shown: list[Entry], layers: list[Entry], quantised: list[Entry], row) -> None:
    test = library.images(shown[0])
    apart = [entry for entry in shown[1:] if entry.data != shown[0].data]
    shown = [entry for entry in shown if entry not in apart]
    layers, quantised = ([entry for entry in some if entry in shown] for some in (layers, quantised))
    with row:
        chosen = controls(layers, quantised, test)
    # the numbers of a swap stand in the row of controls: a click among codes must draw that row again
    draw = columns if quantised or chosen["show"] != PLANE else st.fragment(columns)
    draw(shown, layers, test, chosen)
    for entry in apart:
        parts.of_other_data(entry, shown[0])


def columns(shown: list[Entry], layers: list[Entry], test: Images, chosen: dict) -> None:
    """A column for each model. As a fragment of the planes: a click on them reruns nothing else."""
    alone = len(shown) == 1
    if chosen["show"] == PLANE:
        chosen_images.field()
    for column, entry in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column, st.container(gap="xxsmall"):
            if not alone:
                st.markdown(f"**{entry.name}**")
            if entry in layers:
                hierarchy(entry, test, chosen, WIDTH if alone else HALF, alone)
            else:
                codes(entry, test, chosen, alone)


main()
