"""Samples: what each model thinks the data look like, drawn from its prior with the same seed for all."""

from base64 import b64encode

import streamlit as st

from explorer import draws, library, view
from explorer.charts import images, sheet
from explorer.library import Entry

ROWS = (4, 6, 8, 12, 16)
WIDTH = 980
"""Pixels that a sheet is drawn for; the page stretches it to its place."""
MEANS, PIXELS = "Means", "Drawn pixels"

WORDS = """
To make a picture from nothing, the model draws a code z from its prior p(z) and decodes it. The decoder answers with a
probability for each pixel: *Means* shows these probabilities as gray, *Drawn pixels* throws the dice for each, as the
model itself would. Samples look like data only where the prior puts its mass where the encoder puts the data; a
blurred or broken picture is a code from a region that no image was ever encoded to. With the same seed, models with the
standard normal prior and as many units get the very same codes, so their pictures can be compared one by one.
"""
MATHS = r"""
$$z \sim p(z), \qquad x \sim p(x \mid z) = \prod_i \mathrm{Bernoulli}\!\left(x_i;\ \pi_i(z)\right)$$

*Means* shows $\mathbb{E}[x \mid z] = \pi(z)$, *Drawn pixels* shows $x$. A VampPrior
$p(z) = \frac{1}{K} \sum_k q(z \mid u_k)$ is sampled in two steps: draw $k$ from $1, \dots, K$, each equally likely,
then $z \sim q(z \mid u_k)$.
"""


def redraw() -> None:
    st.session_state["seed"] = st.session_state["seed"] + 1


def header() -> tuple[int, bool, int]:
    """Rows of the sheet, whether pixels are drawn, and the seed."""
    with view.header("Samples"):
        shown = st.segmented_control(
            "Shown",
            [MEANS, PIXELS],
            default=MEANS,
            required=True,
            key="shown",
            bind="query-params",
            label_visibility="collapsed",
        )
        st.markdown("Rows", width="content")
        rows = st.segmented_control(
            "Rows", ROWS, default=8, required=True, key="rows", bind="query-params", label_visibility="collapsed"
        )
        st.markdown("Seed", width="content")
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", label_visibility="collapsed", width=120
        )
        st.button("Draw again", icon=":material/refresh:", on_click=redraw)
    return rows, shown == PIXELS, seed


def sample(entry: Entry, place, rows: int, columns: int, width: int, seed: int, pixels: bool) -> str:
    """Fill a place with the model's sheet; what its pictures are, "mean" or "sample"."""
    z = draws.prior_codes(entry, seed, rows * columns)
    pictures, kind = draws.pictures(entry, z, seed, pixels=pixels)
    scale = images.scale_for(columns * pictures.shape[-1], width)
    alt = f"{len(pictures)} samples from the prior of {entry.name}."
    place.image(sheet.grid(pictures, columns, scale), width="stretch", alt=alt)
    return kind


def sentence(entries: list[Entry], n: int, kinds: set[str]) -> str:
    what = {
        frozenset({"mean"}): "the mean of p(x|z)",
        frozenset({"sample"}): "a sample of p(x|z)",
    }.get(frozenset(kinds), "p(x|z)")
    said = (
        f"{'Each sheet holds' if len(entries) > 1 else 'These are'} {n} draws z from the prior p(z), shown as {what}."
    )
    if len(entries) < 2:
        return said
    first, second = entries
    if first.prior == second.prior == "standard" and first.latent == second.latent:
        return f"{said} Both priors are the same, so each place shows the same z."
    return f"{said} The seed is the same, but the priors are not: the same place does not show the same z."


def main() -> None:
    entries = view.models()
    rows, pixels, seed = header()
    columns, width = rows * 2 // len(entries), WIDTH // len(entries)
    places = []
    for column, entry in zip(st.columns(len(entries), gap="medium"), entries, strict=True):
        with column:
            if len(entries) > 1:
                st.markdown(f"**{entry.name}** · {entry.prior_title}")
            places.append(st.empty())
            if not draws.ready(entry):
                waiting(entry, places[-1], rows, columns, width)
    note = st.empty()
    if not all(draws.ready(entry) for entry in entries):
        note.markdown("Drawing from the prior and decoding …")
    kinds = set()
    for entry, place in zip(entries, places, strict=True):
        why = view.problem(entry, "sample")
        if why is None:
            kinds.add(sample(entry, place, rows, columns, width, seed, pixels))
        else:
            place.info(why, icon=":material/info:")
    names = " | ".join(entry.name for entry in entries)
    note.empty()
    if kinds:
        with note.container():
            view.caption(sentence(entries, rows * columns, kinds), f"{names} · seed {seed} · nothing chosen or sorted")
    view.explain(WORDS, MATHS)


def waiting(entry: Entry, place, rows: int, columns: int, width: int) -> None:
    """Empty places of the size of the pictures, while the model is read for the first time."""
    known = library.thumbnails(entry, 1)
    shape = (1, 28, 28) if known is None else known.shape[1:]
    scale = images.scale_for(columns * shape[-1], width)
    png = sheet.blank(rows * columns, columns, shape, scale, view.tones())
    # As part of the page: the server would have forgotten a file of its own before the browser comes for it.
    place.image(f"data:image/png;base64,{b64encode(png).decode()}", width="stretch", alt="Drawing …")


main()
