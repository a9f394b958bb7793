"""Samples: what each model thinks the data look like, drawn with the same seed for all, and what of it is memorised."""

from __future__ import annotations

import statistics
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import streamlit as st

from explorer import draws, library, memorised, parts, view, words
from explorer.charts import images, sheet
from explorer.library import Entry

if TYPE_CHECKING:
    import numpy as np
    from streamlit.delta_generator import DeltaGenerator

ROWS, FEW_ROWS = (4, 6, 8, 12, 16), (2, 4, 6, 8)
"""Rows of a sheet, and of one whose pictures are drawn pixel by pixel."""
WIDTH = 980
"""Pixels that a sheet is drawn for; the page stretches it to its place."""
MEANS, PIXELS = "Means", "Drawn pixels"
PRIOR, POSTERIOR = "Prior", "Aggregated posterior"

WORDS = """
To make a picture from nothing, the model draws a code z from its prior p(z) and decodes it. The decoder answers with a
distribution for each pixel: *Means* shows its mean, *Drawn pixels* throws the dice for each, as the
model itself would. Samples look like data only where the prior puts its mass where the encoder puts the data; a
blurred or broken picture is a code from a region that no image was ever encoded to. With the same seed, models with the
standard normal prior and as many units get the very same codes, so their pictures can be compared one by one.
The *aggregated posterior* is where the data really are: a random test image is encoded to q(z|x), and a z drawn from
that. Where its pictures are good and those of the prior are not, the decoder is fine and the prior has holes. The
*temperature* makes the prior narrower or wider around its mean (each component of a mixture around its own): below 1
pictures become more typical and less varied, above 1 the other way round. *Nearest* puts the most similar training
image beside each sample: a model that had learnt images by heart would show the same picture twice.
Some models draw a picture pixel by pixel, each given those before it: they have no cheap mean, and what they show are
samples already.
"""
MATHS = r"""
$$z \sim p(z), \qquad x \sim p(x \mid z), \qquad \text{for binary pixels } p(x \mid z) =
\prod_i \mathrm{Bernoulli}\!\left(x_i;\ \pi_i(z)\right)$$

*Means* shows $\mathbb{E}[x \mid z]$, which is $\pi(z)$ there, *Drawn pixels* shows $x$. A VampPrior
$p(z) = \frac{1}{K} \sum_k q(z \mid u_k)$ is sampled in two steps: draw $k$ from $1, \dots, K$, each equally likely,
then $z \sim q(z \mid u_k)$; a hierarchy from the top down, $z_2 \sim p(z_2)$, then $z_1 \sim p(z_1 \mid z_2)$. An
autoregressive model has no $z$: $x \sim \prod_i p(x_i \mid x_1, \dots, x_{i-1})$, and a PixelCNN decoder draws
$x_i \sim p(x_i \mid x_1, \dots, x_{i-1}, z)$.

The aggregated posterior is $q(z) = \frac{1}{N} \sum_n q(z \mid x_n)$. At temperature $T$ a Gaussian
$\mathcal{N}(\mu, \mathrm{diag}\, \sigma^2)$ becomes $\mathcal{N}(\mu, \mathrm{diag}\, T^2 \sigma^2)$: in a mixture each
component with its weight as it was, in a hierarchy each layer, in a flow the noise that it begins with. The nearest
training image is $\arg\min_n \lVert x_n - x \rVert_2$ over all pixels in $[0, 1]$, $x$ being the picture that is shown.
"""


def redraw() -> None:
    st.session_state["seed"] = st.session_state["seed"] + 1


@dataclass(frozen=True)
class Chosen:
    """What the controls say; beside: whether the nearest training image is beside each sample."""

    source: str = PRIOR
    beside: bool = False
    seed: int = 0
    pixels: bool = False
    rows: int = 8
    temperature: float = 1.0


def controls(entries: list[Entry]) -> Chosen:
    """The row of controls for the models that can be sampled."""
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    source, pixels = PRIOR, False
    if any(library.why_not(entry, "encode") is None for entry in entries):
        source = st.segmented_control("Source", [PRIOR, POSTERIOR], default=PRIOR, required=True, key="source", **bound)
    if any(has_both(entry) for entry in entries):
        shown = st.segmented_control("Shown", [MEANS, PIXELS], default=MEANS, required=True, key="shown", **bound)
        pixels = shown == PIXELS
    parts.named("Seed")
    seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", width=96, **bound)
    st.button("", icon=":material/refresh:", key="redraw", help="Draw again, with the next seed", on_click=redraw)
    with view.more():
        beside = st.toggle("The nearest training image beside each sample", key="nearest", bind="query-params")
        rows = rows_of(entries)
        return Chosen(source, beside, seed, pixels, rows, warmth(entries) if source == PRIOR else 1.0)


def rows_of(entries: list[Entry]) -> int:
    slow = any(draws.slow(entry) for entry in entries)
    key, options, default = ("few_rows", FEW_ROWS, 4) if slow else ("rows", ROWS, 8)
    return st.segmented_control("Rows", options, default=default, required=True, key=key, bind="query-params")


def warmth(entries: list[Entry]) -> float:
    """The temperature of the prior, or a sentence where no model has one."""
    why = [draws.why_not_tempered(entry) for entry in entries]
    if all(why):
        view.small(f"No temperature: {why[0]}")
        return 1.0
    return st.slider("Temperature of the prior", 0.0, 2.0, 1.0, 0.05, key="temperature", bind="query-params")


def has_both(entry: Entry) -> bool:
    """Whether the model has mean pictures and drawn ones."""
    return all(library.why_not(entry, call) is None for call in ("mean", "draw"))


@dataclass(frozen=True)
class Shown:
    """One model's pictures: what they are ("mean" or "sample" of p(x|z)), and what is nearest to them, if asked."""

    pictures: np.ndarray
    kind: str
    nearest: memorised.Nearest | None = None


def sample(entry: Entry, place: DeltaGenerator, columns: int, n: int, chosen: Chosen) -> Shown:
    """Fill a place with the model's sheet: n pictures, so many places in a row."""

    def watch(done: int) -> None:
        if done:
            place.progress(done / n, text=f"Drawing pixel by pixel: {done} of {n} pictures")

    with parts.working(f"Drawing {n} pictures of {entry.name} pixel by pixel …", draws.slow(entry)):
        if chosen.source == POSTERIOR:
            found = draws.from_posterior(entry, chosen.seed, n, pixels=chosen.pixels, watch=watch)
        else:
            warm = warmth_of(entry, chosen)
            found = draws.from_prior(entry, chosen.seed, n, pixels=chosen.pixels, temperature=warm, watch=watch)
    scale = images.scale_for(columns * found.pictures.shape[-1], width(columns, chosen.rows))
    alt = f"{n} samples from the {chosen.source.lower()} of {entry.name}"
    if not chosen.beside:
        parts.pictured(sheet.grid(found.pictures, columns, scale), f"{alt}.", place)
        return Shown(found.pictures, found.kind)
    nearest = nearest_to(entry, found.pictures, n, chosen)
    png = sheet.beside(found.pictures, nearest.images, columns // 2, scale)
    split = memorised.shelf(entry).split
    parts.pictured(png, f"{alt}, each with its nearest {split} image at its right.", place)
    return Shown(found.pictures, found.kind, nearest)


def warmth_of(entry: Entry, chosen: Chosen) -> float:
    """The temperature, of a prior that has one."""
    return 1.0 if draws.why_not_tempered(entry) else chosen.temperature


def nearest_to(entry: Entry, pictures: np.ndarray, n: int, chosen: Chosen) -> memorised.Nearest:
    def find() -> memorised.Nearest:
        return memorised.nearest(pictures, memorised.shelf(entry))

    with st.spinner(f"Comparing {n} pictures with all images of {entry.data_title} …"):
        return library.remember("nearest to samples", entry, find, n, astuple(chosen))


def width(columns: int, rows: int) -> int:
    """Pixels that a sheet is drawn for: two sheets share the page, and are half as wide as one."""
    return WIDTH if columns == 2 * rows else WIDTH // 2


def sentence(entries: list[Entry], n: int, shown: dict[str, Shown], chosen: Chosen) -> str:
    """What is seen; shown: what each model shows, by name."""
    drawn = [entry for entry in entries if entry.name in shown]
    what = {"mean": "shown as the mean of p(x|z)", "sample": "shown as a sample of p(x|z)"}
    told = " and ".join(dict.fromkeys(what[shown[entry.name].kind] for entry in drawn if entry.space_kind is not None))
    origin = "the prior p(z)"
    if chosen.source == POSTERIOR:
        origin = "the aggregated posterior (a random test image each, then z from its q(z|x))"
    draw = f"{n} draws z from {origin}, {told}" if told else f"{n} pictures drawn pixel by pixel"
    said = f"{'Each sheet holds' if len(drawn) > 1 else 'These are'} {draw}."
    if pixelwise := [entry for entry in drawn if draws.slow(entry) and entry.space_kind is not None]:
        whose = "" if len(drawn) == 1 else f" of {pixelwise[0].name}"
        said += f" The decoder{whose} draws pixel by pixel: its pictures are samples already."
    without = [entry for entry in drawn if entry.space_kind is None and told]
    if without:
        said += f" {without[0].name} has no z: it draws pixel by pixel."
    if chosen.source == POSTERIOR:
        return said + of_posterior(drawn)
    said += of_temperature(drawn, chosen) + of_fitted(drawn)
    if len(drawn) < 2 or without or not told:
        return said
    if same_prior(*drawn):
        return f"{said} Both priors are the same, so each place shows the same z."
    return f"{said} The seed is the same, but the priors are not: the same place does not show the same z."


def of_posterior(drawn: list[Entry]) -> str:
    said = ""
    points = [entry for entry in drawn if draws.certain(entry)]
    if points:
        whose = " and ".join(entry.name for entry in points)
        said += f" q(z|x) of {whose} is a single code: these are reconstructions of test images."
    if len(drawn) > 1 and len({entry.data for entry in drawn}) == 1:
        said += " Each place is of the same test image in both."
    return said


def of_temperature(drawn: list[Entry], chosen: Chosen) -> str:
    """What the temperature did, where it is not 1."""
    if chosen.temperature == 1:
        return ""
    why = {entry.name: draws.why_not_tempered(entry) for entry in drawn}
    said = "".join(f" {name} is drawn at temperature 1. {reason}" for name, reason in why.items() if reason)
    if not all(why.values()):
        said = (
            f" At temperature {chosen.temperature:g}, standard deviations are multiplied by that number around the "
            f"mean (of each component, where the prior is a mixture).{said}"
        )
    return said


def of_fitted(drawn: list[Entry]) -> str:
    """Where the prior is no part of the training: what it is."""
    fitted = {entry.name: draws.fitted(entry) for entry in drawn}
    return "".join(f" The prior of {name} is {what}." for name, what in fitted.items() if what)


def likeness(entries: list[Entry], shown: dict[str, Shown]) -> str:
    """How near the pictures are to training images, in a sentence; empty where that was not asked for."""
    near = {entry.name: found.nearest for entry in entries if (found := shown.get(entry.name)) and found.nearest}
    if not near:
        return ""
    first = next(entry for entry in entries if entry.name in near)
    splits = {memorised.shelf(entry).split for entry in entries if entry.name in near}
    what = " or ".join(sorted(splits))
    medians = ", ".join(
        words.number(float(statistics.median(one.distances.tolist()))) + (f" ({name})" if len(entries) > 1 else "")
        for name, one in near.items()
    )
    said = f" **At the right of each is its nearest {what} image**, {medians} away in the median"
    usual = memorised.usual(first)
    if usual is not None and len({entry.data for entry in entries}) == 1:
        said += f"; test images are {words.number(usual)} away from theirs.{of_look(shown)}"
    else:
        said += "."
    if "test" in splits:
        said += " (The training images are not on this computer, so these are test images, which no model has seen.)"
    return said


def of_look(shown: dict[str, Shown]) -> str:
    """What makes a distance between pictures smaller or larger, whatever they show."""
    kinds = {one.kind for one in shown.values()}
    means = " Means are smooth, which brings them nearer to every image." if "mean" in kinds else ""
    return means + (" Drawn pixels are noisy, which takes them farther away." if "sample" in kinds else "")


def same_prior(first: Entry, second: Entry) -> bool:
    """Whether both draw the same codes from the same seed."""
    kinds = {first.space_kind, second.space_kind}
    return first.prior == second.prior == "standard" and first.size == second.size and kinds == {"euclidean"}


def main() -> None:
    entries = view.models()
    with view.header("Samples"):
        row = parts.row()
    places = []
    for column, entry in zip(st.columns(len(entries), gap="medium"), entries, strict=True):
        with column:
            if len(entries) > 1:
                st.markdown(f"**{entry.name}** · {words.capital(entry.prior_title)}")
            place = st.container()  # the last sheet stays in it until the next one is there
            places.append(place if draws.ready(entry) and not draws.slow(entry) else place.empty())
            if not draws.ready(entry):
                waiting(entry, places[-1], len(entries))
    all_ready = all(draws.ready(entry) for entry in entries)
    note = st.container() if all_ready else st.empty()
    if not all_ready:
        note.markdown("Drawing from the prior and decoding …")
    why = {entry.name: view.problem(entry, "sample") for entry in entries}
    able = [entry for entry in entries if why[entry.name] is None]
    chosen = Chosen()
    if able:
        with row:
            chosen = controls(able)
        columns = chosen.rows * 2 // len(entries)
        n = chosen.rows * columns // (2 if chosen.beside else 1)
    shown = {}
    for entry, place in zip(entries, places, strict=True):
        reason = why[entry.name] or (view.problem(entry) if chosen.source == POSTERIOR else None)
        if reason is None:
            shown[entry.name] = sample(entry, place, columns, n, chosen)
        else:
            place.info(reason, icon=":material/info:")
    if not all_ready:
        note.empty()
    if shown:
        names = " | ".join(entry.name for entry in entries)
        with note.container():
            said = sentence(able, n, shown, chosen) + likeness(able, shown)
            view.caption(said, f"{names} · seed {chosen.seed} · {provenance(chosen)}nothing chosen or sorted")
    view.explain(WORDS, MATHS)


def provenance(chosen: Chosen) -> str:
    """`temperature 0.7 · nearest: Euclidean distance of the pixels in [0, 1] · `."""
    warm = f"temperature {chosen.temperature:g} · " if chosen.temperature != 1 else ""
    return warm + ("nearest: Euclidean distance over all pixels in [0, 1] · " if chosen.beside else "")


def waiting(entry: Entry, place: DeltaGenerator, sheets: int) -> None:
    """Empty places of the size of the pictures, while the model is read for the first time."""
    known = library.thumbnails(entry, 1)
    shape = (1, 28, 28) if known is None else known.shape[1:]
    rows = 8
    columns = rows * 2 // sheets
    scale = images.scale_for(columns * shape[-1], WIDTH // sheets)
    png = sheet.blank(rows * columns, columns, shape, scale, view.tones())
    # As part of the page: the server would have forgotten a file of its own before the browser comes for it.
    parts.pictured(png, "Drawing …", place)


main()
