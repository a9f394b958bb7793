"""Active units: which latent units carry information about the image, and which have died."""

import numpy as np
import streamlit as st

from explorer import fates, library, parts, view, words
from explorer.charts import lives, units
from explorer.library import Entry

HEIGHT, WIDTH = 450, 990
LIVES_HEIGHT = 360
THRESHOLD = 0.01
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


def kl_of(entry: Entry) -> np.ndarray | None:
    """KL per unit from metrics.json, [d]; None where it is missing or of another number of units."""
    measured = entry.metrics.get("units")
    try:
        kl = np.array(measured["kl"], dtype=float)
    except (TypeError, KeyError, ValueError):
        return None
    return kl if kl.shape == (entry.latent,) and np.isfinite(kl).all() else None


def units_of(entry: Entry) -> units.Units:
    """Variances over the whole test split, and the KL of each unit where it was measured."""

    def variances() -> np.ndarray:
        return library.encoding(entry).mu.astype(np.float64).var(axis=0)

    return units.Units(entry.name, library.remember("variances", entry, variances), kl_of(entry))


def verdict(shown: units.Units, threshold: float) -> str:
    """The count, and the unit that comes closest to the threshold: the liveliest dead one, or else the quietest."""
    active = shown.variances > threshold
    total, count = len(active), int(active.sum())
    dead = total - count
    said = f"**{count} of {words.count(total, 'unit')} {'is' if count == 1 else 'are'} active.** "
    if dead == 0:
        unit = int(shown.variances.argmin())
        return f"{said}The quietest is unit {unit + 1}: {measured(shown, unit, threshold)}."
    unit = int(np.where(active, -np.inf, shown.variances).argmax())
    others = {1: "", 2: " The other dead unit varies less."}.get(dead, f" The other {dead - 1} dead units vary less.")
    return f"{said}Unit {unit + 1} is dead: {measured(shown, unit, threshold)}.{others}"


def measured(shown: units.Units, unit: int, threshold: float) -> str:
    varies = f"its mean varies by {shown.variances[unit]:.2g} over the test set (threshold {threshold:g})"
    if shown.kl is None:
        return varies
    carries = words.number(shown.kl[unit], 3) if shown.kl[unit] >= 0.001 else "less than 0.001"
    return f"{varies} and it carries {carries} nats"


def kl_provenance(entry: Entry) -> str:
    """On how many images the KL was measured, and what the units' KLs sum to."""
    kl = kl_of(entry)
    if kl is None:
        return "KL of each unit not measured yet: `latents evaluate` does it"
    said = entry.metrics["units"]
    images = said.get("kl_images") or said.get("images")
    sums = f"sum {words.number(kl.sum())} nats"
    if entry.prior != "standard":
        sums += ", not the model's KL, since this prior is not factorised"
    return f"KL on {words.count(images, said.get('split', 'test') + ' image')}, {sums}"


def under(entries: list[Entry], sentences: list[str], lines: list[str]) -> None:
    """The sentence and the provenance of each model, under its chart."""
    for column, sentence, line in zip(st.columns(len(entries), gap="medium"), sentences, lines, strict=True):
        with column:
            view.caption(sentence, line)


def caption(entries: list[Entry], shown: list[units.Units], threshold: float) -> None:
    under(
        entries,
        [verdict(one, threshold) for one in shown],
        [f"{e.name} · {library.images(e).provenance} · μ: mean of q(z|x) · {kl_provenance(e)}" for e in entries],
    )


# -- how they came to be so ----------------------------------------------------------------------------------


def moments(entry: Entry, last: int) -> dict[int, str]:
    """The epochs up to the last that explain a history: the KL's full weight, and the weights that were kept."""
    found = {}
    objective = entry.recipe.get("objective", {})
    warm_up, beta = objective.get("warm_up"), objective.get("beta", 1.0)
    if isinstance(warm_up, int) and 0 < warm_up <= last:
        found[warm_up] = f"KL weight reaches {beta:g}"
    trained = entry.metrics.get("training")
    best = trained.get("best_epoch") if isinstance(trained, dict) else None
    if isinstance(best, int):
        found[best] = "weights kept" if best not in found else f"{found[best]}, weights kept"
    return found


def training(entries: list[Entry], threshold: float) -> None:
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
            moments(entry, int(found.epochs[-1])),
        )
        for (entry, found), fate in zip(known, told, strict=True)
    ]
    figure = lives.lives(drawn, threshold, view.tones(), LIVES_HEIGHT)
    view.figure(figure, "lives", "Variance of each unit over the epochs.")
    legend = "Each line is a unit: dark while it is active, gray and dotted while it is not; × marks its death. "
    under(
        [entry for entry, _ in known],
        [(legend if i == 0 else "") + fates.sentence(fate) for i, fate in enumerate(told)],
        [f"{entry.name} · {found.source} · threshold {threshold:g}" for entry, found in known],
    )


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
            view.unavailable(why)
    if not able:
        place.empty()
    else:
        shown = [units_of(entry) for entry in able]
        figure = units.bars(shown, threshold, view.tones(), HEIGHT, WIDTH)
        view.figure(figure, "bars", "Variance and KL of each unit.", place)
        caption(able, shown, threshold)
        training(able, threshold)
    view.explain(WORDS, MATHS)


main()
