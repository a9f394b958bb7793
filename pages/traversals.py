"""Traversals: what each latent unit does to the picture, when it alone goes from low to high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import (
    draws,
    focus,
    layered,
    library,
    naming,
    parts,
    row_figure,
    traversal,
    unit_numbers,
    usage,
    view,
    walking,
    words,
)
from explorer.charts import images, sheet, strips
from explorer.library import Entry, Images
from explorer.walking import BESIDE, FEW, FIT, HEIGHT, MOST_STEPS, SLOW_ROWS, WIDTH, at_once, filled, own_steps

HALF = 478
IMAGE, MEAN = "Test image", "Prior's mean"

WORDS = """
Take a point of latent space, the one of a test image or the middle of the prior, and change one unit alone, from a low
value to a high one, while all others stay. Each row decodes the way of one unit. The ends are taken from the data: all
but the lowest and highest 2.5 % of the values that the encoder gives to the test images lie between them. The units
stand in the order of what they carry (their KL divergence from the prior). A useful unit changes something that can be
named, such as slant or thickness; a dead one changes nothing, because the decoder has learnt to ignore it. The triangle
under a row marks where the walk started: there the picture is the reconstruction itself. Where there are few units,
each is walked from several images: a unit that means something does the same to all of them.
"""
MATHS = r"""
$$z^{(u, v)} = (z_1, \dots, z_{u-1},\ v,\ z_{u+1}, \dots, z_d), \qquad \hat{x} = \mathbb{E}[x \mid z^{(u, v)}],
\qquad v \in [F_u^{-1}(0.025),\ F_u^{-1}(0.975)]$$

$F_u$ is the distribution function of unit $u$ under the aggregated posterior
$q(z) = \frac{1}{N} \sum_n q(z \mid x_n)$, estimated from one draw for each test image. In a hierarchy the layers below
the changed one may be held, or follow: $z_l = \mathbb{E}[z_l \mid z_{l+1}, \dots]$ under the prior.

Where no coordinate is a unit, the walk goes along a direction $a$ in which the data vary most. On a sphere $a$ is a
unit vector of the tangent plane at $z$, found by principal components of the points' logarithms, and the walk is the
great circle $z \cos\theta + a \sin\theta$. Elsewhere it is $\mathrm{nearest}\big(c(z) + t\,a\big)$ with coordinates
$c(z)$ and principal components $a$.
"""


# -- what is walked -------------------------------------------------------------------------------------------


def has_units(entry: Entry) -> bool:
    return library.why_not(entry, "units") is None


def has_mean(entry: Entry) -> bool:
    """Whether there is a middle of the prior to start from: on a sphere or among codes there is none that says much."""
    return has_units(entry) and library.why_not(entry, "sample") is None


def units_of(entry: Entry, layer: int, dead: bool) -> np.ndarray:
    """The units that are shown, those that carry most first."""
    ranked = unit_numbers.ranked(entry, min(layer, len(usage.layers(entry)) - 1))
    return ranked if dead else ranked[~unit_numbers.dead(entry)[ranked]]


@dataclass(frozen=True)
class Start:
    """Where walks start: z [size]; words: what that is, for a sentence; name: in one or two words, for a row."""

    z: np.ndarray
    words: str
    name: str
    image: int | None = None


def starts_of(entry: Entry, test: Images, chosen: dict, count: int) -> list[Start]:
    """So many points: the chosen image's and those of the next ones, or the prior's mean and draws from it."""
    if chosen["around"] == MEAN and has_mean(entry):
        z, what = layered.prior_mean(entry)
        drawn = draws.prior_codes(entry, 0, count - 1) if count > 1 else []
        return [
            Start(z, what, "the mean"),
            *(Start(one, "a draw from it", f"draw {k + 1}") for k, one in enumerate(drawn)),
        ]
    images_here = [int(i) for i in (chosen["image"] + np.arange(min(count, len(test.gray)))) % len(test.gray)]
    points, what = library.encoding(entry).points, library.point_words(entry)
    return [Start(points[i], f"the {what} of {focus.words(test, i)}", f"image {i:,}", i) for i in images_here]


def shown_units(entry: Entry, chosen: dict, width: int) -> np.ndarray:
    """The units of this part of the ranking."""
    units = units_of(entry, chosen["layer"], chosen["dead"])
    many = SLOW_ROWS if draws.slow(entry) else at_once(chosen["steps"], width)
    first = min(chosen["part"], max(0, -(-len(units) // many) - 1)) * many
    return units[first : first + many]


def rows_of(entry: Entry, chosen: dict, width: int) -> int:
    """How many walks are shown of each start, on the first part of the ranking: later ones are laid out like it."""
    if has_units(entry):
        return min(len(units_of(entry, chosen["layer"], chosen["dead"])), at_once(chosen["steps"], width))
    most = SLOW_ROWS if draws.slow(entry) else traversal.DIRECTIONS
    return min(most, walking.directions(entry))


def walks_of(entry: Entry, z: np.ndarray, chosen: dict, width: int, steps: int) -> list[traversal.Walk]:
    """The walks of this part of the ranking from one start."""
    if not has_units(entry):
        return traversal.by_direction(entry, z, steps)[: SLOW_ROWS if draws.slow(entry) else None]
    return traversal.by_unit(entry, z, shown_units(entry, chosen, width), steps, follow=chosen["follow"])


# -- controls -------------------------------------------------------------------------------------------------


def controls(entries: list[Entry], test: Images, width: int) -> dict:
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    chosen: dict = {"around": IMAGE, "layer": 0, "part": 0, "dead": False, "follow": False, "steps": None}
    meant = any(has_mean(entry) for entry in entries)
    if meant:
        chosen["around"] = st.segmented_control(
            "Around", [IMAGE, MEAN], default=IMAGE, required=True, key="around", **bound
        )
    chosen["image"] = focus.picker(test, label=not meant, picture=False)
    able = [entry for entry in entries if has_units(entry)]
    layers = max((len(usage.layers(entry)) for entry in able), default=1)
    if layers > 1:
        numbers = list(range(layers, 0, -1))
        parts.named("Layer")
        layer = st.segmented_control("Layer", numbers, default=layers, required=True, key="layer", **bound)
        chosen["layer"] = layers - layer
    if able:
        with view.more():
            more(able, chosen, layers)
        paging(able, chosen, width)
    return chosen


def more(able: list[Entry], chosen: dict, layers: int) -> None:
    chosen["dead"] = st.toggle("Dead units too", key="dead", bind="query-params")
    if layers > 1:
        chosen["follow"] = st.toggle(
            "Layers below follow",
            key="follow",
            bind="query-params",
            help="Off: they are held. On: they go to their prior's mean, given what is above.",
        )
    if not all(draws.slow(entry) for entry in able):
        options = [FIT, *(str(n) for n in range(5, MOST_STEPS + 1, 2))]
        steps = st.segmented_control("Steps", options, default=FIT, required=True, key="steps", bind="query-params")
        chosen["steps"] = own_steps(steps)


def paging(able: list[Entry], chosen: dict, width: int) -> None:
    """Which part of the ranking is shown, where not all of it fits."""
    most = max(
        -(-len(units_of(entry, chosen["layer"], chosen["dead"])) // (SLOW_ROWS if draws.slow(entry) else fits))
        for entry in able
        for fits in [at_once(chosen["steps"], width)]
    )
    if most > 1:
        parts.bounded("part", 1, most)
        parts.named("Part")
        part = st.number_input(
            f"Part of the ranking, 1 to {most}",
            1,
            most,
            1,
            key="part",
            bind="query-params",
            label_visibility="collapsed",
            width=64,
        )
        parts.named(f"of {most}")
        chosen["part"] = part - 1


# -- the figure -----------------------------------------------------------------------------------------------


def note(walk: traversal.Walk) -> str:
    if walk.dead:
        return "dead"
    if walk.unit == "nats":
        return f"{words.number(walk.weight)} nats"
    if walk.unit == "variance":
        return f"var. {walk.weight:.2g}"
    return f"{100 * walk.weight:.0f}\N{NO-BREAK SPACE}%"


def row(walk: traversal.Walk, pictures: np.ndarray, start: Start | None, first: bool) -> strips.Row:
    """One walk; start: its name where there are several; first: whether the unit's own name stands here."""
    under = [*([note(walk)] if first else []), *([start.name] if start is not None else [])]
    return strips.Row(
        walk.name if first else "",
        pictures,
        "<br>".join(under),
        walk.mark,
        walk.dead,
        tuple(f"<b>{walk.name}</b> = {words.number(value)}" for value in walk.values),
    )


def figure(entry: Entry, starts: list[Start], chosen: dict, width: int, steps: int) -> list[traversal.Walk]:
    """Draw the walks of one model, a unit's from all starts one under the other. The walks of the first start."""
    of_starts = [walks_of(entry, start.z, chosen, width, steps) for start in starts]
    if not of_starts[0]:
        view.unavailable(
            f"All units of this layer of {entry.name} are dead.", "Turn on *Dead units too* under *More*, to see them."
        )
        return []
    walks = [walk for unit in zip(*of_starts, strict=True) for walk in unit]
    key = (tuple(walk.name for walk in walks), steps, chosen["follow"], *(start.z.tobytes() for start in starts))
    with parts.working("Drawing the pictures of the walks pixel by pixel …", draws.slow(entry)):
        pictures = library.remember("traversal", entry, lambda: traversal.pictures(entry, walks), *key)
    heads = ["low", *[""] * (steps - 2), "high"]
    rows = [
        row(walk, of_walk, starts[i % len(starts)] if len(starts) > 1 else None, i % len(starts) == 0)
        for i, (walk, of_walk) in enumerate(zip(walks, pictures, strict=True))
    ]
    alt = f"{len(walks)} walks of {steps} steps through {entry.name}."
    row_figure.shown(rows, heads, f"walks-{entry.name}", alt, width, HEIGHT, BESIDE)
    return of_starts[0]


def side(entries: list[Entry], test: Images, starts: list[list[Start]]) -> None:
    """The images themselves, and what the decoder makes of the points where the walks start."""
    alone = len(starts[0]) == 1
    for place, first in enumerate(starts[0]):
        seen = [] if first.image is None else [test.seen[first.image]]
        decoded = [at_start(entry, of_model[place]) for entry, of_model in zip(entries, starts, strict=True)]
        if not alone or len(entries) > 1:
            pictures = np.stack([*seen, *decoded])
            scale = images.scale_for(len(pictures) * pictures.shape[-1], 280)
            with st.container(gap=None):
                what = f"{first.name}, and reconstructed" if seen else f"{first.name}, decoded"
                parts.pictured(sheet.grid(pictures, len(pictures), scale), what)
                view.small(what)
            continue
        scale = images.scale_for(test.gray.shape[-1], 280)
        if seen:
            shown(seen[0], scale, "the image, as the model sees it")
        shown(decoded[0], scale, "its reconstruction" if seen else "the prior's mean, decoded")


def at_start(entry: Entry, start: Start) -> np.ndarray:
    """The picture of a start."""
    return library.remember("decoded start", entry, lambda: library.decode(entry, start.z[None])[0], start.z.tobytes())


def shown(picture: np.ndarray, scale: int, what: str) -> None:
    with st.container(gap=None):
        parts.pictured(images.image_png(picture, scale), what)
        view.small(what)


# -- words ----------------------------------------------------------------------------------------------------


def instead(entry: Entry) -> str:
    """Why there are no units, and what is shown in their place."""
    on = {
        "sphere": "great circles through the point, in the directions in which the data vary most",
        "codes": "the principal components of the codes' vectors, each step at the codes nearest to it",
        "simplex": "the principal components of the weights, each step at the nearest point of the simplex",
    }.get(entry.space_kind or "", "the principal components of the points")
    return f"{library.why_not(entry, 'units')} Shown instead: {on}."


def folded(entry: Entry, chosen: dict) -> str:
    """How many units of the layer are dead, where they are not shown."""
    ranked = unit_numbers.ranked(entry, min(chosen["layer"], len(usage.layers(entry)) - 1))
    dead = int(unit_numbers.dead(entry)[ranked].sum())
    if dead == 0 or chosen["dead"]:
        return ""
    return f" {words.capital(words.count(dead, 'dead unit'))} {'is' if dead == 1 else 'are'} folded away (*More*)."


def of_layer(entry: Entry, chosen: dict) -> str:
    layers = usage.layers(entry)
    if len(layers) < 2:
        return ""
    number = naming.numbered(layers)[min(chosen["layer"], len(layers) - 1)][0]
    held = "follow at their prior's mean" if chosen["follow"] else "are held"
    return f" of layer {number}" + ("" if number == 1 else f" (the layers below {held})")


def sentence(entry: Entry, walks: list[traversal.Walk], chosen: dict, starts: list[Start]) -> str:
    said = f"Each row starts at {starts[0].words}"
    if len(starts) > 1:
        others = [start.words.rpartition(" of ")[2] for start in starts[1:]]
        said = f"The rows start at {starts[0].words}, and at {' and '.join(dict.fromkeys(others))}"
    verb = "changes" if len(starts) == 1 else "change"
    if not has_units(entry):
        return f"{instead(entry)} {said}; ▲ marks that place."
    order = "KL" if walks and walks[0].unit == "nats" else "the variance of their means"
    said += f" and {verb} one unit{of_layer(entry, chosen)} from low to high; ▲ marks its own value"
    return f"{said}. The units are ranked by {order}.{folded(entry, chosen)}"


def caption(entry: Entry, walks: list[traversal.Walk], chosen: dict, starts: list[Start]) -> None:
    ends = "from the 2.5 % to the 97.5 % quantile of "
    ends += "q(z), the aggregated posterior" if has_units(entry) else "the test images along the way"
    view.caption(
        sentence(entry, walks, chosen, starts) + (" Each picture is a sample." if draws.slow(entry) else ""),
        f"{entry.name} · {library.images(entry).provenance} · {ends} · {parts.shown([entry])}",
    )


# -- the page -------------------------------------------------------------------------------------------------


def main() -> None:
    both = view.models()
    with view.header("Traversals"):
        row = parts.row()
    place = parts.waiting(HEIGHT, "Encoding all test images …", both)
    why = {entry.name: view.problem(entry) or view.problem(entry, "decode") for entry in both}
    entries = [entry for entry in both if why[entry.name] is None]
    with parts.stage(place):
        for entry in both:
            if entry not in entries:
                parts.cannot(entry, why[entry.name], both)
                parts.other_model(entry, plain)
        if entries:
            page(entries, row)
    view.explain(WORDS, MATHS)


def plain(other: Entry) -> bool:
    """Whether this is a model with units to walk through, and nothing else that is special."""
    return other.space_kind == "euclidean" and other.size > 2 and other.parts_title == other.prior_title


def page(entries: list[Entry], row) -> None:
    test = library.images(entries[0])
    apart = len(entries) > 1 and entries[1].data != entries[0].data
    shown_here = entries[:1] if apart else entries
    width = WIDTH if len(shown_here) == 1 else HALF - 60
    with row:
        chosen = controls(shown_here, test, width)
    plans = {entry.name: plan(entry, chosen, width) for entry in shown_here}
    count = min(starts for _, starts in plans.values())
    starts = [starts_of(entry, test, chosen, count) for entry in shown_here]
    columns = st.columns(_shares(len(shown_here)), gap="small")
    with columns[-1]:
        side(shown_here, test, starts)
    for column, entry, own in zip(columns, shown_here, starts, strict=False):
        with column, st.container(gap="xxsmall"):
            if len(shown_here) > 1:
                st.markdown(f"**{entry.name}**")
            walks = figure(entry, own, chosen, width, plans[entry.name][0])
            caption(entry, walks, chosen, own)
    if apart:
        parts.of_other_data(entries[1], entries[0])


def plan(entry: Entry, chosen: dict, width: int) -> tuple[int, int]:
    """How many steps a walk has, and how many starts there are."""
    if draws.slow(entry):
        return FEW, 1
    return filled(rows_of(entry, chosen, width), chosen["steps"], width)


def _shares(models: int) -> list[float]:
    """The widths of the columns: one for each model, and one for the image itself."""
    return [*[(1 - 0.14) / models] * models, 0.14]


main()
