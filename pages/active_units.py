"""Active units: which latent units carry information about the image, and which have died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from explorer import fates, library, naming, parts, unit_numbers, usage, view, words
from explorer.charts import lives, units
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

HEIGHT, WIDTH = 450, 990
LIVES_HEIGHT = 360
FEW, SHARE = 16, 0.4
"""A model of so few units at most has its bars in this share of the width, and their lives beside them."""
SPOKEN = 5
"""Units that are told to those who do not see the chart."""
THRESHOLD = unit_numbers.THRESHOLD
THRESHOLDS = tuple(round(step * 10.0**power, 6) for power in range(-4, 1) for step in (1, 2, 5))[:-2]

WORDS = """
A unit is useful when its value depends on the image. So encode all test images, take the mean of q(z|x) for each, and
ask how much the unit's mean varies from image to image: a unit whose mean hardly moves says the same about every image.
It is called dead, the others active. What a unit carries is measured by its KL divergence from the prior: for a dead
unit the encoder answers with the prior itself, which costs nothing and tells nothing. When most units die, the model
has *collapsed*. The threshold is a convention (0.01, Burda et al. 2016): move it and see whether the count changes.
"""
MATHS = r"""
$$A_u = \mathrm{Var}_{x}\!\left(\mathbb{E}_{q(z_u \mid x)}[z_u]\right) = \mathrm{Var}_x\!\left(\mu_u(x)\right), \qquad
\text{unit } u \text{ is active} \iff A_u > \text{threshold}$$

$$\mathrm{KL}_u = \frac{1}{N} \sum_n \mathrm{KL}\!\left(q(z_u \mid x_n)\ \|\ p(z_u)\right)$$

$p(z_u)$ is the prior's marginal of unit $u$. The $\mathrm{KL}_u$ sum to the model's KL only for factorised priors, such
as the standard normal; under a mixture the units depend on each other, and the sum is not the KL.

In a hierarchy the units of a layer are conditioned on the layers above it, in $q$ and in $p$. Where $q(z \mid x)$ has
no mean in closed form, as with most flows, $\mu_u(x)$ is the mean of draws, and there is no $\mathrm{KL}_u$ without a
density of each unit.
"""


def header() -> float:
    """The threshold."""
    with view.header("Active units"):
        parts.named("Threshold on the variance")
        return st.select_slider(
            "Threshold on the variance",
            THRESHOLDS,
            THRESHOLD,
            format_func=lambda value: f"{value:g}",
            key="threshold",
            bind="query-params",
            label_visibility="collapsed",
            width=360,
        )


# -- the units as they are -----------------------------------------------------------------------------------


def no_kl(entry: Entry) -> str:
    """Why there is no KL per unit: it was not measured, or the model has none."""
    measured = entry.metrics.get("units")
    if isinstance(measured, dict) and measured.get("variances") and measured.get("kl", 0) is None:
        return "KL per unit: not available, q(z|x) or p(z) has no density of a single unit"
    return "KL per unit: not measured yet"


def units_of(entry: Entry) -> units.Units:
    """Variances over the whole test split, and the KL of each unit where it was measured."""
    layers = usage.layers(entry)
    return units.Units(
        entry.name,
        unit_numbers.variances(entry),
        unit_numbers.kl(entry),
        no_kl(entry),
        tuple(naming.units(layers)),
        layers,
    )


def verdict(shown: units.Units, threshold: float) -> str:
    """The count, and the unit that comes closest to the threshold: the liveliest dead one, or else the quietest."""
    active = shown.variances > threshold
    total, count = len(active), int(active.sum())
    dead = total - count
    said = f"**{count} of {words.count(total, 'unit')} {'is' if count == 1 else 'are'} active.** "
    if len(shown.layers) > 1:
        ends = np.cumsum(shown.layers)
        counts = [
            f"{int(active[end - size : end].sum())} of {size}" for end, size in zip(ends, shown.layers, strict=True)
        ]
        numbers = [number for number, _ in naming.numbered(shown.layers)]
        told = (f"{many} in layer {number}" for many, number in zip(counts, numbers, strict=True))
        said += f"From the top: {', '.join(told)}. "
    if dead == 0:
        unit = int(shown.variances.argmin())
        return f"{said}The quietest is {naming.spoken(shown.names[unit])}: {measured(shown, unit, threshold)}."
    unit = int(np.where(active, -np.inf, shown.variances).argmax())
    others = {1: "", 2: " The other dead unit varies less."}.get(dead, f" The other {dead - 1} dead units vary less.")
    name = words.capital(naming.spoken(shown.names[unit]))
    return f"{said}{name} is dead: {measured(shown, unit, threshold)}.{others}"


def measured(shown: units.Units, unit: int, threshold: float) -> str:
    varies = f"its mean varies by {shown.variances[unit]:.2g} over the test set (threshold {threshold:g})"
    if shown.kl is None:
        return varies
    carries = words.number(shown.kl[unit], 3) if shown.kl[unit] >= 0.001 else "less than 0.001"
    return f"{varies} and it carries {carries} nats"


def kl_provenance(entry: Entry) -> str:
    """On how many images the KL was measured, and what the units' KLs sum to."""
    kl = unit_numbers.kl(entry)
    if kl is None:
        missing = no_kl(entry)
        return f"{missing}: `latents evaluate` does it" if missing.endswith("yet") else missing
    said = entry.metrics["units"]
    images = said.get("kl_images") or said.get("images")
    sums = f"sum {words.number(kl.sum())} nats"
    if entry.prior not in ("standard", "none"):
        sums += ", not the model's KL, since this prior is not factorised"
    return f"KL on {words.count(images, said.get('split', 'test') + ' image')}, {sums}"


def of_layers(entry: Entry, layers: tuple[int, ...]) -> str:
    """What each layer of a hierarchy carries; empty where there is one layer, or it was not measured."""
    bound = entry.metrics.get("elbo")
    kl = bound.get("kl_per_layer") if isinstance(bound, dict) else None
    if len(layers) < 2 or not isinstance(kl, list) or len(kl) != len(layers):
        return ""
    told = (
        f"layer {number} {words.number(value)} nats"
        for (number, _), value in zip(naming.numbered(layers), kl, strict=True)
    )
    return f" KL from the top: {', '.join(told)}."


def under(entries: list[Entry], sentences: list[str], lines: list[str]) -> None:
    """The sentence and the provenance of each model, under its chart."""
    for column, sentence, line in zip(st.columns(len(entries), gap="medium"), sentences, lines, strict=True):
        with column:
            view.caption(sentence, line)


def caption(entries: list[Entry], shown: list[units.Units], threshold: float) -> None:
    under(
        entries,
        [verdict(one, threshold) + of_layers(entry, one.layers) for entry, one in zip(entries, shown, strict=True)],
        [
            f"{entry.name} · {library.images(entry).provenance} · μ: {library.point_words(entry)} · "
            f"{kl_provenance(entry)}"
            for entry in entries
        ],
    )


# -- how they came to be so ----------------------------------------------------------------------------------


def moments(entry: Entry, history: fates.UnitHistory) -> dict[int, str]:
    """The epochs that explain a history: the KL's full weight, and the weights that were kept."""
    found, last = {}, int(history.epochs[-1])
    objective = entry.recipe.get("objective", {})
    warm_up, beta = objective.get("warm_up"), objective.get("beta", 1.0)
    if history.weighted and isinstance(warm_up, int) and 0 < warm_up <= last:
        found[warm_up] = f"KL weight reaches {beta:g}"
    trained = entry.metrics.get("training")
    best = trained.get("best_epoch") if isinstance(trained, dict) else None
    if isinstance(best, int):
        found[best] = "weights kept" if best not in found else f"{found[best]}, weights kept"
    return found


def names(entry: Entry, found: fates.UnitHistory) -> tuple[str, ...]:
    """The names of the units in the history, where they are not simply counted."""
    layers = usage.layers(entry)
    named = len(layers) > 1 and sum(layers) == found.variances.shape[1]
    return tuple(naming.units(layers)) if named else ()


def training(entries: list[Entry], threshold: float, height: int = LIVES_HEIGHT) -> None:
    """How the variance of each unit went as training went on, and when units died."""
    known = [(entry, found) for entry in entries if (found := fates.history(entry)) is not None]
    if not known:
        return
    view.heading("During training")
    told = [fates.fates(found, threshold) for _, found in known]
    drawn = [
        lives.Lives(
            entry.name if len(entries) > 1 else "",
            found.epochs,
            found.variances,
            fate.died,
            moments(entry, found),
            names(entry, found),
        )
        for (entry, found), fate in zip(known, told, strict=True)
    ]
    figure = lives.lives(drawn, threshold, view.tones(), height)
    sentences = [
        fates.sentence(fate, list(names(entry, found)) or None)
        for (entry, found), fate in zip(known, told, strict=True)
    ]
    units_told = " and ".join(f"{one.variances.shape[1]} units over {int(one.epochs[-1])} epochs" for one in drawn)
    view.figure(figure, "lives", f"Variance of each of {units_told}. {' '.join(sentences)}".replace("*", ""))
    legend = "Each line is a unit: dark while it is active, gray and dotted while it is not; × marks its death. "
    under(
        [entry for entry, _ in known],
        [(legend if i == 0 else "") + sentence for i, sentence in enumerate(sentences)],
        [f"{entry.name} · {found.source} · threshold {threshold:g}" for entry, found in known],
    )


def bars(
    able: list[Entry], shown: list[units.Units], threshold: float, width: int, place: DeltaGenerator | None = None
) -> None:
    """The units as they are, and what is seen."""
    figure = units.bars(shown, threshold, view.tones(), HEIGHT, width)
    view.figure(figure, "bars", spoken(shown), place)
    caption(able, shown, threshold)


def spoken(shown: list[units.Units]) -> str:
    """For those who do not see the bars: the units that vary most, with their numbers."""
    told = []
    for one in shown:
        order = np.argsort(-one.variances, kind="stable")[:SPOKEN]
        carried = ["" if one.kl is None else f", {one.kl[u]:.2f} nats" for u in order]
        units_told = (
            f"unit {one.names[u]} {one.variances[u]:.3g}{nats}" for u, nats in zip(order, carried, strict=True)
        )
        told.append(f"{one.name}: {'; '.join(units_told)}")
    return f"Variance and KL of each unit, largest variance first. {'. '.join(told)}."


def beside_each_other(able: list[Entry], shown: list[units.Units], threshold: float, place: DeltaGenerator) -> None:
    """Few units: their bars need little room, and their lives stand beside them."""
    place.empty()
    left, right = st.columns([SHARE, 1 - SHARE], gap="medium")
    with left:
        bars(able, shown, threshold, round(SHARE * WIDTH))
    with right:
        training(able, threshold, HEIGHT - 36)


def main() -> None:
    entries = view.models()
    threshold = header()
    place = view.slot(HEIGHT, "Encoding all test images …", entries)
    able = []
    for entry in entries:
        why = view.problem(entry, "units") or view.problem(entry)
        if why is None:
            able.append(entry)
        else:
            parts.cannot(entry, why, entries)
    if not able:
        place.empty()
    else:
        shown = [units_of(entry) for entry in able]
        if len(able) == 1 and len(shown[0].variances) <= FEW and fates.history(able[0]) is not None:
            beside_each_other(able, shown, threshold, place)
        else:
            bars(able, shown, threshold, WIDTH, place)
            training(able, threshold)
    view.explain(WORDS, MATHS)


main()
