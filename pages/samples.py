"""Samples: what each model thinks the data look like, drawn from its prior with the same seed for all."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import streamlit as st

from explorer import draws, library, parts, view, words
from explorer.charts import images, sheet
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

ROWS, FEW_ROWS = (4, 6, 8, 12, 16), (2, 4, 6, 8)
"""Rows of a sheet, and of one whose pictures are drawn pixel by pixel."""
WIDTH = 980
"""Pixels that a sheet is drawn for; the page stretches it to its place."""
MEANS, PIXELS = "Means", "Drawn pixels"

WORDS = """
To make a picture from nothing, the model draws a code z from its prior p(z) and decodes it. The decoder answers with a
distribution for each pixel: *Means* shows its mean, *Drawn pixels* throws the dice for each, as the
model itself would. Samples look like data only where the prior puts its mass where the encoder puts the data; a
blurred or broken picture is a code from a region that no image was ever encoded to. With the same seed, models with the
standard normal prior and as many units get the very same codes, so their pictures can be compared one by one.
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
"""


def redraw() -> None:
    st.session_state["seed"] = st.session_state["seed"] + 1


def controls(entries: list[Entry]) -> tuple[int, bool, int]:
    """Rows of the sheet, whether pixels are drawn, and the seed."""
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    pixels = False
    if any(has_both(entry) for entry in entries):
        shown = st.segmented_control("Shown", [MEANS, PIXELS], default=MEANS, required=True, key="shown", **bound)
        pixels = shown == PIXELS
    parts.named("Rows")
    if any(draws.slow(entry) for entry in entries):
        rows = st.segmented_control("Rows", FEW_ROWS, default=4, required=True, key="few_rows", **bound)
    else:
        rows = st.segmented_control("Rows", ROWS, default=8, required=True, key="rows", **bound)
    parts.named("Seed")
    seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", width=120, **bound)
    st.button("Draw again", icon=":material/refresh:", on_click=redraw)
    return rows, pixels, seed


def has_both(entry: Entry) -> bool:
    """Whether the model has mean pictures and drawn ones."""
    return all(library.why_not(entry, call) is None for call in ("mean", "draw"))


def sample(entry: Entry, place: DeltaGenerator, rows: int, columns: int, seed: int, pixels: bool) -> str:
    """Fill a place with the model's sheet; what its pictures are, "mean" or "sample"."""
    n = rows * columns

    def watch(done: int) -> None:
        if done:
            place.progress(done / n, text=f"Drawing pixel by pixel: {done} of {n} pictures")

    with parts.working(f"Drawing {n} pictures of {entry.name} pixel by pixel …", draws.slow(entry)):
        found = draws.from_prior(entry, seed, n, pixels=pixels, watch=watch)
    scale = images.scale_for(columns * found.pictures.shape[-1], width(columns, rows))
    alt = f"{n} samples from the prior of {entry.name}."
    place.image(sheet.grid(found.pictures, columns, scale), width="stretch", alt=alt)
    return found.kind


def width(columns: int, rows: int) -> int:
    """Pixels that a sheet is drawn for: two sheets share the page, and are half as wide as one."""
    return WIDTH if columns == 2 * rows else WIDTH // 2


def sentence(entries: list[Entry], n: int, kinds: dict[str, str]) -> str:
    """What is seen; kinds: "mean" or "sample" for each model that is shown, by name."""
    drawn = [entry for entry in entries if entry.name in kinds]
    what = {"mean": "shown as the mean of p(x|z)", "sample": "shown as a sample of p(x|z)"}
    told = " and ".join(dict.fromkeys(what[kinds[entry.name]] for entry in drawn if entry.space_kind is not None))
    draw = f"{n} draws z from the prior p(z), {told}" if told else f"{n} pictures drawn pixel by pixel"
    said = f"{'Each sheet holds' if len(drawn) > 1 else 'These are'} {draw}."
    if pixelwise := [entry for entry in drawn if draws.slow(entry) and entry.space_kind is not None]:
        whose = "" if len(drawn) == 1 else f" of {pixelwise[0].name}"
        said += f" The decoder{whose} draws pixel by pixel: its pictures are samples already."
    if without := [entry for entry in drawn if entry.space_kind is None and told]:
        said += f" {without[0].name} has no z: it draws pixel by pixel."
    if len(drawn) < 2 or without or not told:
        return said
    if same_prior(*drawn):
        return f"{said} Both priors are the same, so each place shows the same z."
    return f"{said} The seed is the same, but the priors are not: the same place does not show the same z."


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
            places.append(st.empty())
            if not draws.ready(entry):
                waiting(entry, places[-1], len(entries))
    note = st.empty()
    if not all(draws.ready(entry) for entry in entries):
        note.markdown("Drawing from the prior and decoding …")
    why = {entry.name: view.problem(entry, "sample") for entry in entries}
    able = [entry for entry in entries if why[entry.name] is None]
    if able:
        with row:
            rows, pixels, seed = controls(able)
        columns = rows * 2 // len(entries)
    kinds = {}
    for entry, place in zip(entries, places, strict=True):
        if entry in able:
            kinds[entry.name] = sample(entry, place, rows, columns, seed, pixels)
        else:
            place.info(why[entry.name], icon=":material/info:")
    note.empty()
    if able:
        names = " | ".join(entry.name for entry in entries)
        with note.container():
            view.caption(sentence(able, rows * columns, kinds), f"{names} · seed {seed} · nothing chosen or sorted")
    view.explain(WORDS, MATHS)


def waiting(entry: Entry, place: DeltaGenerator, sheets: int) -> None:
    """Empty places of the size of the pictures, while the model is read for the first time."""
    known = library.thumbnails(entry, 1)
    shape = (1, 28, 28) if known is None else known.shape[1:]
    rows = 8
    columns = rows * 2 // sheets
    scale = images.scale_for(columns * shape[-1], WIDTH // sheets)
    png = sheet.blank(rows * columns, columns, shape, scale, view.tones())
    # As part of the page: the server would have forgotten a file of its own before the browser comes for it.
    place.image(f"data:image/png;base64,{b64encode(png).decode()}", width="stretch", alt="Drawing …")


main()
