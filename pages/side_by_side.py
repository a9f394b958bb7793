"""Side by side: two to four models on the same images and seeds, in planes, numbers, pictures and units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from explorer import (
    chosen,
    comparison,
    draws,
    focus,
    library,
    linked_planes,
    pairs,
    parts,
    planes,
    speed,
    unit_numbers,
    view,
    words,
)
from explorer.charts import compared, strips
from explorer.library import Entry, Images

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

MOST = 4
HEIGHT, WIDTH = 476, 992
ROOM = 390
"""Pixels for the names of the models beside the control of the parts."""
PICTURES, SELECTED = 16, 20
"""Pictures in a row at most, and of a selection."""
PLANES, NUMBERS, SHEETS, UNITS = "Planes", "Numbers", "Pictures", "Units"

WORDS = """
The same test images, the same seeds, two to four models. *Planes*: draw around some images on one plane, and see where
the other models put them. *Numbers*: an image that is hard for one model is hard for the other too, so the difference
image by image is known far better than either number: look at its error, not at the numbers' own. Differences are only
given within one measure (a probability of black and white pixels never compares with a density of gray ones) and on
the same images; where they are not, the page says why. *Pictures*: reconstructions of the same images, and samples of
the same seed. *Units*: how many units carry how much; a curve that falls early is a model that uses few of its units.

The four families of the lecture differ in what they can answer. An autoregressive model knows the exact likelihood and
samples slowly, pixel by pixel; a flow knows it too (of a density) and samples in one pass; a VAE knows a bound, and
samples in one pass; an auto-encoder has no likelihood at all.
"""
MATHS = r"""
$$\bar\Delta = \frac{1}{N} \sum_n \Delta_n, \qquad \Delta_n = \log p_a(x_n) - \log p_b(x_n), \qquad
\mathrm{SE} = \sqrt{\frac{1}{N (N - 1)} \sum_n (\Delta_n - \bar\Delta)^2}$$

$\mathrm{Var}(\Delta) = \mathrm{Var}(\log p_a) + \mathrm{Var}(\log p_b) - 2\,\mathrm{Cov}$, and the covariance is large:
so the error of the difference is much smaller than that of either mean. It holds the models fixed: another training
with another seed is not in it. Importance sampling and the ELBO are lower bounds in expectation: a difference of two
bounds is one of bounds.
"""


# -- which models ---------------------------------------------------------------------------------------------


def follow_pickers() -> None:
    """Take a change of the sidebar's pickers over into the list: its first two are the pickers' models."""
    picked = [entry.name for entry in view.models()]
    before, names = st.session_state.get("_compared_with"), st.session_state.get("models")
    if before is not None and before != picked and names is not None:
        others = [name for name in names if name not in before and name not in picked]
        st.session_state["models"] = [*picked, *others][:MOST]
    st.session_state["_compared_with"] = picked


def at_first() -> list[str]:
    """The pickers' models; with one alone its twin, or else another of the same data."""
    entries = view.models()
    if len(entries) < 2:
        first = entries[0]
        others = (other for other in library.whole() if other.data == first.data and other.name != first.name)
        other = library.twin(first) or next(others, None)
        entries += [] if other is None else [other]
    return [entry.name for entry in entries]


def chosen_models() -> list[Entry]:
    names = [entry.name for entry in library.whole()]
    follow_pickers()
    kept = st.session_state.get("models")
    if kept is not None and not set(kept) <= set(names):
        st.session_state["models"] = [name for name in kept if name in names][:MOST]
    picked = st.multiselect(
        "Models",
        names,
        at_first(),
        key="models",
        bind="query-params",
        max_selections=MOST,
        label_visibility="collapsed",
        placeholder="Choose two to four models",
    )
    return [entry for name in picked if (entry := library.find(name)) is not None]


# -- planes ---------------------------------------------------------------------------------------------------


@st.fragment
def the_planes(entries: list[Entry], notes: DeltaGenerator) -> None:
    """The planes and what is selected on them. A fragment: a selection reruns nothing else."""
    able, test = comparable(entries, "encode", notes)
    flat = [entry for entry in able if planes.kinds(entry)]
    with notes:
        for entry in able:
            if entry not in flat:
                parts.cannot(entry, planes.why_none(entry), entries)
    if not flat:
        return
    chosen.field()
    some = chosen.selection(len(test.gray))
    linked_planes.draw(flat, some, min(HEIGHT, WIDTH // len(flat) + 100))
    shadow = "" if all(entry.flat for entry in flat) else " Of more than two dimensions, two principal components."
    scales = "" if linked_planes.alike(flat) else " Each plane has its own scale."
    told = f"**{words.count(len(some), 'test image')} selected**, marked on every plane."
    view.caption(
        f"Each dot is a test image at {parts.points(flat)}, coloured by class. "
        f"{told if some else 'Draw around some, or click one: they are marked on every plane.'}{scales}{shadow}",
        f"{names(flat)} · {test.provenance}",
    )
    if some:
        picture_rows(flat, flat, test, np.array(some[:SELECTED]), "the first selected images", seed=None)
        with view.controls("clear"):
            st.button("Clear selection", on_click=chosen.choose, args=((),))


# -- numbers --------------------------------------------------------------------------------------------------


def numbers(entries: list[Entry]) -> None:
    first, others = entries[0], entries[1:]
    gaps, why = [], []
    for entry in others:
        for what, number in (("log p(x)", "log_likelihood"), ("ELBO", "elbo")):
            found = pairs.difference(entry, first, number)
            if isinstance(found, str):
                why.append(found)
            else:
                gaps.append(compared.Gap(entry.name, what, found.value, found.error))
    if gaps:
        rows = len({gap.name for gap in gaps})
        figure = compared.differences(gaps, first.name, view.tones(), 64 + 52 * rows)
        told = (f"{gap.name} {gap.what} {words.with_error(gap.value, gap.error)}" for gap in gaps)
        view.figure(figure, "differences", f"Paired differences to {first.name}: {'; '.join(told)}.")
    st.table(comparison.table(entries), hide_index=True, border="horizontal")
    if why:
        view.unavailable("\n\n".join(dict.fromkeys(why)))
    view.caption(
        f"Differences are those to {first.name}, image by image (± one standard error). A bound is marked by ≥.",
        f"{names(entries)} · numbers of metrics.json and evaluation.safetensors{speeds_provenance(entries)}",
    )


def measure(entries: list[Entry]) -> None:
    """Measure how fast each model samples, here and now."""
    for entry in entries:
        if library.why_not(entry, "sample") is None:
            with st.spinner(f"{entry.name} draws {speed.PICTURES} pictures, several times …"):
                speed.remember(entry, speed.measure(entry))


def speeds_provenance(entries: list[Entry]) -> str:
    found = [speed.known(entry) for entry in entries]
    known = [one for one in found if one is not None]
    if not known:
        return ""
    return (
        f" · sampling measured on this machine ({known[0].device}) in this session: batches of {speed.PICTURES}, "
        f"median of up to {speed.REPEATS}"
    )


# -- pictures -------------------------------------------------------------------------------------------------


def reconstructions(entry: Entry, who: np.ndarray) -> np.ndarray:
    """The pictures at the points of these test images, uint8 [n, C, H, W]."""

    def draw() -> np.ndarray:
        return library.decode(entry, library.encoding(entry).points[who])

    return library.remember("reconstructions", entry, draw, who.tobytes())


def picture_rows(
    able: list[Entry], sampled: list[Entry], test: Images, who: np.ndarray, what: str, seed: int | None
) -> None:
    """The images, below them the reconstructions of those `able`, below those the samples of those `sampled`.

    seed: of the samples; None for none.
    """
    shown = [*able, *(entry for entry in sampled if entry not in able)]
    if not shown:
        return
    height = HEIGHT if seed is not None else 28 + 56 * (1 + len(able))
    beside = 20 + round(7.6 * max(len(what), *(len(entry.name) for entry in shown)))
    n = len(who)
    if seed is not None:
        side = (height - strips.HEAD) / (1 + len(able) + len(sampled)) - strips.BETWEEN
        n = int(np.clip((WIDTH - beside) // (side + strips.GAP), 4, min(PICTURES, len(who))))
    who = who[:n]
    rows = [strips.Row(words.capital(what), test.gray[who], "as they came")] if able else []
    with parts.working("Drawing pixel by pixel …", any(map(draws.slow, shown))):
        rows += [strips.Row(entry.name, reconstructions(entry, who), "reconstructed") for entry in able]
        if seed is not None:
            rows += [strips.Row(entry.name, draws.from_prior(entry, seed, n).pictures, "sampled") for entry in sampled]
    figure = strips.strips(rows, [""] * n, view.tones(), WIDTH, height, beside=beside, blocks=1)
    key = "pictures" if seed is not None else "selected-pictures"
    alt = f"{words.count(n, 'picture')} in a row: {what}, reconstructed by {' and '.join(e.name for e in able)}."
    view.figure(figure, key, alt)
    if seed is not None:
        said = [f"{words.capital(what)}, and what each model makes of them: {parts.shown(able)}."] if able else []
        said += ["Samples from each prior, with the same seed."] if sampled else []
        view.caption(" ".join(said), f"{names(shown)} · {test.provenance} · seed {seed} · nothing chosen or sorted")


def pictures(entries: list[Entry], image: int, seed: int, notes: DeltaGenerator) -> None:
    able, test = comparable(entries, "decode", notes)
    sampled = [entry for entry in entries if library.why_not(entry, "sample") is None]
    with notes:
        for entry in entries:
            if entry not in sampled:
                parts.cannot(entry, str(library.why_not(entry, "sample")), entries)
    who = (image + np.arange(min(PICTURES, len(test.gray)))) % len(test.gray)
    picture_rows(able, sampled, test, who, f"test images from {image:,} on", seed)


# -- units ----------------------------------------------------------------------------------------------------


def unit_profiles(entries: list[Entry], by: str, notes: DeltaGenerator) -> None:
    able = []
    for entry in entries:
        why = view.problem(entry, "units") or view.problem(entry)
        if why is None and by == "KL" and unit_numbers.kl(entry) is None:
            why = (
                "The KL of its units is not known: no density of a single unit in q(z|x) or p(z), or not measured yet."
            )
        if why is None:
            able.append(entry)
        else:
            with notes:
                parts.cannot(entry, why, entries)
    if not able:
        return
    drawn = []
    for entry in able:
        kl = unit_numbers.kl(entry)
        values = kl if by == "KL" and kl is not None else unit_numbers.variances(entry)
        order, symbols = np.argsort(-values, kind="stable"), unit_numbers.names(entry)
        drawn.append(compared.Profile(entry.name, values[order], [symbols[unit] for unit in order]))
    threshold = None if by == "KL" else unit_numbers.THRESHOLD
    figure = compared.profiles(drawn, "nats" if by == "KL" else "latent units²", threshold, view.tones(), HEIGHT)
    most = "; ".join(f"{one.name}: {words.number(one.values[0])} for {one.names[0]}" for one in drawn)
    unit = "nats" if by == "KL" else "latent units squared"
    view.figure(figure, "profiles", f"{by} of the units, largest first ({unit}). The largest of {most}.")
    told = ", ".join(
        f"{entry.name} {int((~unit_numbers.dead(entry)).sum())} of {len(one.values)}"
        for entry, one in zip(able, drawn, strict=True)
    )
    view.caption(
        f"The units of each model, from the one that carries most to the one that carries least. **Active: {told}** "
        f"(the mean varies by more than {unit_numbers.THRESHOLD:g}).",
        f"{names(able)} · {view.test_images(able)} · "
        + ("KL of metrics.json" if by == "KL" else f"μ: {parts.points(able)}"),
    )


# -- the page -------------------------------------------------------------------------------------------------


def names(entries: list[Entry]) -> str:
    return " | ".join(entry.name for entry in entries)


def comparable(entries: list[Entry], call: str, notes: DeltaGenerator) -> tuple[list[Entry], Images]:
    """The models that answer `call` for the test images of the first; why the others do not stands in `notes`."""
    able = []
    for entry in entries:
        why = view.problem(entry) or (None if call == "encode" else view.problem(entry, call))
        with notes:
            if entry.data != entries[0].data:
                parts.of_other_data(entry, entries[0])
            elif why is not None:
                parts.cannot(entry, why, entries)
            else:
                able.append(entry)
    return able, library.images(entries[0])


def main() -> None:
    bound: dict = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("Side by side"):
        entries = chosen_models()
        part = parts_control(bound) if fits(entries) else None
    if not entries:
        view.unavailable("No model is chosen.", "Choose two to four models in the box above.")
    else:
        page(entries, part, bound)
    view.explain(WORDS, MATHS)


def parts_control(bound: dict) -> str:
    """What of the models is compared."""
    return st.segmented_control(
        "Part", [PLANES, NUMBERS, SHEETS, UNITS], default=PLANES, required=True, key="compare", **bound
    )


def fits(entries: list[Entry]) -> bool:
    """Whether the models' names leave room for another control in the first row."""
    return sum(7.5 * len(entry.name) + 44 for entry in entries) < ROOM


def page(entries: list[Entry], part: str | None, bound: dict) -> None:
    row = None
    if part != PLANES:
        with view.controls("part"):
            part = part or parts_control(bound)
            row = parts.row()
    place = parts.waiting(HEIGHT, "Reading the models and encoding all test images …", entries)
    with parts.stage(place):
        broken = [entry for entry in entries if view.problem(entry, "mean") is not None and not readable(entry)]
        for entry in broken:
            parts.cannot(entry, str(view.problem(entry)), entries)
        alone = len(entries) == 1
        entries = [entry for entry in entries if entry not in broken]
        if entries:
            show(entries, part, row, bound)
        if alone:
            st.markdown("**One model is chosen**, and two are needed to compare: choose a second one above.")


def readable(entry: Entry) -> bool:
    """Whether the folder gives a model at all."""
    from latents.errors import LatentsError

    try:
        library.model(entry)
    except LatentsError:
        return False
    return True


def show(entries: list[Entry], part: str, row: DeltaGenerator | None, bound: dict) -> None:
    figure, notes = st.container(gap="small"), st.container(gap="small")  # the figure first, then what it lacks
    if part == PLANES or row is None:
        with figure:
            the_planes(entries, notes)
    elif part == NUMBERS:
        asked = row.button("Measure sampling speed", icon=":material/speed:")
        with figure:
            if asked:
                measure(entries)
            numbers(entries)
    elif part == SHEETS:
        with row:
            image = focus.picker(library.images(entries[0]), picture=False)
            parts.named("Seed of the samples")
            seed = st.number_input("Seed of the samples", 0, 2**31 - 1, 0, key="seed", width=112, **bound)
        with figure:
            pictures(entries, image, seed, notes)
    else:
        with row:
            by = st.segmented_control("Ranked by", ["KL", "Variance"], default="KL", required=True, key="by", **bound)
        with figure:
            unit_profiles(entries, by, notes)


main()
