"""Latent space: where the test images lie, what the prior expects, and what the decoder draws there."""

import numpy as np
import streamlit as st

from explorer import library, planes, projecting, view, words
from explorer.charts import images, locator
from explorer.charts.density import SHARES
from explorer.charts.plane import Limits, class_name, widened
from explorer.library import Entry

HEIGHT = 558
ASPECT = 1.35  # width to height of a plane that stands alone
POINTS, DECODED = "Points", "Decoded plane"
NEAREST = 6

WORDS = """
The encoder gives each image not a point but a small cloud in latent space, q(z|x). Each dot is the middle of one such
cloud. Images that the model finds alike lie close together, so the classes, which the model never saw, gather in
regions. The prior p(z) says where the model expects codes before it has seen an image: where the prior is high and
there are no dots, its samples look like nothing in the data. A VampPrior is made of the encoder's own clouds at the
pseudo-inputs, so it follows the data. *Decoded plane* shows the decoder's picture at every place of a lattice.
"""
MATHS = r"""
$$
q(z \mid x) = \mathcal{N}\!\left(z;\ \mu(x),\ \mathrm{diag}\,\sigma^2(x)\right)
$$
$$
p(z) = \mathcal{N}(z;\ 0,\ I) \ \text{(standard)} \qquad
p(z) = \frac{1}{K} \sum_{k=1}^{K} q(z \mid u_k) \ \text{(VampPrior)}
$$

The pseudo-inputs $u_k$ are images that training has made up, K of them.
A dot is $\mu(x)$ of a test image $x$; a pseudo-input's dot is $\mu(u_k)$. A contour encloses the smallest region that
holds the given share of $p(z)$. A decoded picture is the mean of $p(x \mid z)$.
"""


def header(entries: list[Entry]) -> dict:
    """The title and the controls beside it."""
    chosen: dict = {"kind": "units"}
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("Latent space"):
        chosen["view"] = st.segmented_control(
            "View", [POINTS, DECODED], default=POINTS, required=True, key="view", **bound
        )
        if any(entry.latent != 2 for entry in entries):
            chosen["kind"] = st.segmented_control(
                "Plane", ["PCA", "UMAP"], default="PCA", required=True, key="plane", **bound
            )
        settings = {"bind": "query-params", "disabled": chosen["view"] == DECODED}
        chosen["pseudo"] = any(entry.prior == "vampprior" for entry in entries) and st.toggle(
            "Pseudo-inputs", True, key="pseudo", **settings
        )
        chosen["prior"] = any(entry.latent == 2 for entry in entries) and st.toggle(
            "Prior density", True, key="prior", **settings
        )
        with view.more():
            chosen["shapes"] = st.toggle("A shape for each class", key="shapes", bind="query-params")
            chosen["size"] = st.slider("Size of dots (pixels)", 2.0, 8.0, 3.5, 0.5, key="size", bind="query-params")
            chosen["rows"] = st.slider("Rows of the decoded plane", 10, 30, 20, 2, key="rows", bind="query-params")
    return chosen


# -- the figure --------------------------------------------------------------------------------------------


def points(entries: list[Entry], layouts: list[planes.Layout], region: Limits, chosen: dict, place) -> None:
    """The test images as dots, with the pseudo-inputs and the prior."""
    titles = [entry.name for entry in entries] if len(entries) > 1 else [""]
    shown = [
        planes.plane(entry, layout, region, title, pseudo=chosen["pseudo"], prior=chosen["prior"])
        for entry, layout, title in zip(entries, layouts, titles, strict=True)
    ]
    fig = view.planes(shown, region, HEIGHT, shapes=chosen["shapes"], size=chosen["size"])
    names = " and ".join(entry.name for entry in entries)
    view.figure(fig, "points", f"Test images on the latent plane of {names}, coloured by class.", place)


def decoded(entries: list[Entry], layouts: list[planes.Layout], region: Limits, chosen: dict, place) -> None:
    """The decoder's pictures on a lattice over the plane."""
    if all(layout.axes is None for layout in layouts):
        place.info("UMAP has no way back from the plane to latent space. Choose PCA.", icon=":material/info:")
        return
    columns = chosen["rows"]
    if len(entries) == 1:  # a plane alone is wider than high
        region = (widened(region, ASPECT)[0], region[1])
        columns = round(columns * ASPECT)
    pairs = list(zip(entries, layouts, strict=True))
    pictures = [planes.decoded(entry, layout, region, columns) for entry, layout in pairs]
    titles = [(entry.name if len(entries) > 1 else "", layout.x_title, layout.y_title) for entry, layout in pairs]
    names = " and ".join(entry.name for entry in entries)
    view.figure(view.sheets(pictures, titles, region, HEIGHT), "decoded", f"Decoded pictures over {names}.", place)


def caption(entries: list[Entry], layouts: list[planes.Layout], chosen: dict) -> None:
    """What is seen, what is lost, and where it comes from."""
    first = layouts[0]
    if chosen["view"] == DECODED:
        sentence = "Each picture is the mean of p(x|z) at its place on the plane."
        if first.kind == "PCA":
            sentence += " In all other directions z is held at the mean of the codes."
    else:
        sentence = "Each dot is a test image at the mean of q(z|x)"
        if library.images(entries[0]).labels is not None:
            sentence += ", coloured by class"
        if chosen["pseudo"] and any(layout.pseudo is not None for layout in layouts):
            sentence += f"; {'white' if view.dark() else 'black'} dots are pseudo-inputs"
        if chosen["prior"] and any(layout.kind == "units" for layout in layouts):
            sentence += f"; gray lines enclose {SHARES} of the prior"
        sentence += f". {first.lost or ''}"
    names = " | ".join(entry.name for entry in entries)
    view.caption(sentence, f"{names} · {view.test_images(entries)} · mean of q")


# -- one point ---------------------------------------------------------------------------------------------


@st.fragment
def decoder(entries: list[Entry], layouts: list[planes.Layout], region: Limits) -> None:
    """Decode one point. A fragment of its own: moving the point reruns nothing else and sends no points again."""
    view.heading("Decode a point")
    alone = len(entries) == 1
    columns = [st.container()] * 2 if alone else st.columns(3, gap="medium")
    with columns[0], st.container(key="controls-z", gap="small"):
        z = chosen_code(entries[0], region)
    if z is None:
        return
    for column, entry, layout in zip(columns[1:], entries, layouts, strict=True):
        with column:
            if library.encoding(entry).mu.shape[1] == len(z):
                answer(entry, layout, region, z, title="" if alone else entry.name)
            else:
                view.unavailable(f"{entry.name} has another number of latent dimensions: this z is no point of it.")


def chosen_code(entry: Entry, region: Limits) -> np.ndarray | None:
    """The latent point [d] that the visitor slid or typed; None (and a sentence) where the typing is no point."""
    size = library.encoding(entry).mu.shape[1]
    typed = st.session_state.get("z") or ""
    slid = _slid(region, bool(typed)) if size == 2 else _moved(entry, bool(typed))
    st.text_input(
        "z", placeholder=f"or type z: {size} numbers", key="z", bind="query-params", label_visibility="collapsed"
    )
    return _parsed(typed, size) if typed else slid


def _slid(region: Limits, disabled: bool) -> np.ndarray:
    """A point of two dimensions, one slider each."""
    values = [
        st.slider(symbol, low, high, min(max(0.0, low), high), 0.05, key=key, bind="query-params", disabled=disabled)
        for symbol, key, (low, high) in zip(("z₁", "z₂"), ("z1", "z2"), region, strict=True)
    ]
    return np.array(values, np.float32)


def _moved(entry: Entry, disabled: bool) -> np.ndarray:
    """A point of many dimensions: the mean code of a test image with one unit moved."""
    mu = library.encoding(entry).mu
    liveliest = int(mu.var(axis=0).argmax()) + 1
    left, right = st.columns(2)
    settings = {"bind": "query-params", "disabled": disabled}
    i = left.number_input("Test image", 0, len(mu) - 1, 0, key="image", help="Counted from 0.", **settings)
    u = right.number_input(
        "Unit", 1, mu.shape[1], liveliest, key="unit", help="The first choice varies most.", **settings
    )
    by = st.slider(f"Move z{words.subscript(u)} by", -4.0, 4.0, 0.0, 0.05, key="by", **settings)
    z = mu[i].copy()
    z[u - 1] += by
    return z


def _parsed(typed: str, size: int) -> np.ndarray | None:
    try:
        z = words.numbers(typed)
    except ValueError:
        st.warning(f"z is {size} numbers with commas between them, but “{typed}” was given.")
        return None
    if len(z) != size:
        st.warning(f"z has {size} numbers here, but {len(z)} were given.")
        return None
    return np.array(z, np.float32)


def answer(entry: Entry, layout: planes.Layout, region: Limits, z: np.ndarray, title: str) -> None:
    """The picture at z, where z lies, and the test images nearest to it."""
    test = library.encoding(entry)
    if title:
        st.markdown(f"**{title}**")
    left, right = st.columns(2, gap="small")
    with left, st.container(gap="xxsmall"):
        st.image(images.image_png(library.decode(entry, z[None])[0]), width="stretch", alt="The decoded picture")
        view.small("mean of p(x|z)")
    at = planes.forth(layout, z)
    if at is not None:
        with right, st.container(gap="xxsmall"):
            sheet = locator.background(layout.points, test.images.labels, region, 110)
            st.image(locator.locator(sheet, at, region, view.tones()), width="stretch", alt="Where z lies")
            view.small("where z lies")
    with st.container(gap="xxsmall"):
        nearest, distances = planes.nearest(test.mu, z, NEAREST)
        st.image(images.grid_png(test.images.gray[nearest], NEAREST, gap=1), width="stretch", alt="Nearest test images")
        view.small(f"nearest test images{_classes(test.images, nearest)} ({distances[0]:.2f}–{distances[-1]:.2f} away)")


def _classes(test: library.Images, chosen: np.ndarray) -> str:
    if test.labels is None:
        return ""
    return ": " + ", ".join(class_name(int(label), test.class_names) for label in test.labels[chosen])


# -- the page ----------------------------------------------------------------------------------------------


def missing_maps(entries: list[Entry]) -> None:
    """UMAP has not been computed yet: offer to, and show how far it is."""
    for entry in entries:
        if projecting.find(entry) is None:
            view.unavailable(
                f"UMAP of {entry.name} has not been computed yet.",
                "It takes about a minute, in a process of its own, and is kept.",
            )
            if st.button("Compute it", type="primary", key=f"umap-{entry.name}"):
                projecting.start(entry)
                st.rerun()
        else:
            projecting.progress(entry)


def main() -> None:
    entries = view.models()
    chosen = header(entries)
    for entry in entries:
        if not planes.kinds(entry):
            view.unavailable(f"{entry.name} has fewer than two latent dimensions: there is no plane to show.")
            return
    alone = len(entries) == 1
    figure, panel = st.columns([72, 28], gap="medium") if alone else (st.container(), st.container())
    with figure, st.container(gap="xxsmall"):
        place = view.slot(HEIGHT, "Placing the test images in latent space …", entries)
        for entry in entries:
            view.encoded(entry, place)
        layouts = [planes.of(entry, chosen["kind"]) for entry in entries]
        if None in layouts:
            place.empty()
            with st.container(gap="small"):
                missing_maps([entry for entry, layout in zip(entries, layouts, strict=True) if layout is None])
            return
        region = planes.region(layouts)
        draw = decoded if chosen["view"] == DECODED else points
        draw(entries, layouts, region, chosen, place)
        caption(entries, layouts, chosen)
    with panel:
        decoder(entries, layouts, region)
    view.explain(WORDS, MATHS)


main()
