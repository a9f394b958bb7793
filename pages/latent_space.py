"""Latent space: where the test images lie, what the prior expects, and what the decoder draws there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from explorer import access, draws, library, naming, parts, paths, planes, projecting, usage, view, words
from explorer.charts import images, locator
from explorer.charts.density import SHARES
from explorer.charts.plane import Limits, class_name, widened
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

HEIGHT = 558
ASPECT = 1.35  # width to height of a plane that stands alone
POINTS, DECODED = "Points", "Decoded plane"
NEAREST = 6

SLOW_ROWS = 6
"""Rows of the decoded plane where every picture is drawn pixel by pixel."""
TYPED = 100
"""A z of more numbers is not typed."""

WORDS = """
The encoder gives each image not a point but a small cloud in latent space, q(z|x). Each dot is the middle of one such
cloud. Images that the model finds alike lie close together, so the classes, which the model never saw, gather in
regions. The prior p(z) says where the model expects codes before it has seen an image: where the prior is high and
there are no dots, its samples look like nothing in the data. A VampPrior is made of the encoder's own clouds at the
pseudo-inputs, so it follows the data. *Decoded plane* shows the decoder's picture at every place of a lattice.
"""
MATHS = r"""
$$
q(z \mid x) = \mathcal{N}\!\left(z;\ \mu(x),\ \mathrm{diag}\,\sigma^2(x)\right) \ \text{(Gaussian)}
$$
$$
p(z) = \mathcal{N}(z;\ 0,\ I) \ \text{(standard)} \qquad
p(z) = \frac{1}{K} \sum_{k=1}^{K} q(z \mid u_k) \ \text{(VampPrior)}
$$

The pseudo-inputs $u_k$ are images that training has made up, K of them.
A dot stands for $q(z \mid x)$ of a test image $x$: its mean $\mu(x)$, or what the line under the figure says where
there is no such mean (a flow's is the mean of draws, a sphere's its mean direction); a pseudo-input's dot stands for
$q(z \mid u_k)$. More than two numbers are shown by their principal components, $y = A\,(c(z) - \bar c)$ with
coordinates $c(z)$; back from $y$ leads the point of latent space nearest to $\bar c + A^{\top} y$. A contour encloses
the smallest region that holds the given share of $p(z)$. A decoded picture is the mean of $p(x \mid z)$, or a sample of
it where pixels are drawn one after another.
"""


def header(entries: list[Entry]) -> tuple[dict, DeltaGenerator]:
    """The title, the controls that need no model, and the place of those that do."""
    chosen: dict = {"kind": "units"}
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("Latent space"):
        if not entries:
            return chosen, parts.row()
        chosen["view"] = st.segmented_control(
            "View", [POINTS, DECODED], default=POINTS, required=True, key="view", **bound
        )
        if any("PCA" in planes.kinds(entry) for entry in entries):
            chosen["kind"] = st.segmented_control(
                "Plane", ["PCA", "UMAP"], default="PCA", required=True, key="plane", **bound
            )
        return chosen, parts.row()


def toggles(entries: list[Entry], chosen: dict) -> None:
    """The controls for what these models have."""
    settings = {"bind": "query-params", "disabled": chosen["view"] == DECODED}
    has_pseudo = any(library.why_not(entry, "pseudo_inputs") is None for entry in entries)
    has_prior = any(entry.flat and library.why_not(entry, "prior_density") is None for entry in entries)
    chosen["pseudo"] = has_pseudo and st.toggle("Pseudo-inputs", True, key="pseudo", **settings)
    chosen["prior"] = has_prior and st.toggle("Prior density", True, key="prior", **settings)
    with view.more():
        chosen["shapes"] = st.toggle("A shape for each class", key="shapes", bind="query-params")
        chosen["size"] = st.slider("Size of dots", 2.0, 8.0, 3.5, 0.5, key="size", bind="query-params")
        chosen["rows"] = st.slider("Rows of the decoded plane", 10, 30, 20, 2, key="rows", bind="query-params")
        if any(draws.slow(entry) for entry in entries):
            view.small(f"At most {SLOW_ROWS} rows where every picture is drawn pixel by pixel.")


# -- the figure --------------------------------------------------------------------------------------------


def points(entries: list[Entry], layouts: list[planes.Layout], region: Limits, chosen: dict, place) -> None:
    """The test images as dots, with the pseudo-inputs and the prior."""
    titles = [entry.name for entry in entries] if len(entries) > 1 else [""]
    shown = [
        planes.plane(entry, layout, region, title, pseudo=chosen["pseudo"], prior=chosen["prior"])
        for entry, layout, title in zip(entries, layouts, titles, strict=True)
    ]
    fig = view.planes(shown, region, HEIGHT, shapes=chosen["shapes"], size=planes.dot(layouts, chosen["size"]))
    names = " and ".join(entry.name for entry in entries)
    view.figure(fig, "points", f"Test images on the latent plane of {names}, coloured by class.", place)


def decoded(entries: list[Entry], layouts: list[planes.Layout], region: Limits, chosen: dict, place) -> None:
    """The decoder's pictures on a lattice over the plane."""
    if all(layout.axes is None for layout in layouts):
        place.info("UMAP has no way back from the plane to latent space. Choose PCA.", icon=":material/info:")
        return
    wide = ASPECT if len(entries) == 1 else 1.0  # a plane alone is wider than high
    region = (widened(region, wide)[0], region[1])
    pairs = list(zip(entries, layouts, strict=True))
    slow = [entry for entry in entries if draws.slow(entry)]
    pictures = []
    with parts.working("Drawing the pictures of the plane pixel by pixel …", bool(slow)):
        for entry, layout in pairs:
            rows = min(chosen["rows"], SLOW_ROWS) if entry in slow else chosen["rows"]
            pictures.append(planes.decoded(entry, layout, region, round(rows * wide)))
    titles = [(entry.name if len(entries) > 1 else "", layout.x_title, layout.y_title) for entry, layout in pairs]
    names = " and ".join(entry.name for entry in entries)
    view.figure(view.sheets(pictures, titles, region, HEIGHT), "decoded", f"Decoded pictures over {names}.", place)


def caption(entries: list[Entry], layouts: list[planes.Layout], chosen: dict) -> None:
    """What is seen, what is lost, and where it comes from."""
    first = layouts[0]
    if chosen["view"] == DECODED:
        sentence = f"Each picture is {parts.shown(entries)} at its place on the plane."
        if first.kind == "PCA":
            sentence += f" {HELD.get(entries[0].space_kind, HELD['euclidean'])}"
    else:
        sentence = f"Each dot is a test image at {parts.points(entries)}"
        if library.images(entries[0]).labels is not None:
            sentence += ", coloured by class"
        if chosen["pseudo"] and any(layout.pseudo is not None for layout in layouts):
            sentence += f"; {'white' if view.dark() else 'black'} dots are pseudo-inputs"
        if chosen["prior"]:
            sentence += f"; gray lines enclose {SHARES} of the prior"
        sentence += f". {first.lost or ''}"
    names = " | ".join(f"{entry.name} ({entry.space_title})" for entry in entries)
    view.caption(sentence, f"{names} · {view.test_images(entries)}")


HELD = {
    "euclidean": "In all other directions z is held at the mean of the points.",
    "layers": "In all other directions of all layers z is held at the mean of the points.",
    "sphere": "The plane runs through the mean of the points; z is the point of the sphere nearest to it.",
    "simplex": "The plane runs through the mean of the points; z is the point of the simplex nearest to it.",
    "codes": "The plane runs through the mean of the codes' vectors; z are the codes nearest to it.",
}


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
            if (entry.space_kind, entry.space_title) == (entries[0].space_kind, entries[0].space_title):
                answer(entry, layout, region, z, title="" if alone else entry.name)
            else:
                view.unavailable(f"{entry.name} has another latent space: this z is no point of it.")


def chosen_code(entry: Entry, region: Limits) -> np.ndarray | None:
    """The latent point [size] that the visitor slid or typed; None (and a sentence) where the typing is no point."""
    size = library.encoding(entry).points.shape[1]
    numbers = library.encoding(entry).coordinates.shape[1] == size <= TYPED  # z itself is what is near and far
    typed = (st.session_state.get("z") or "") if numbers else ""
    if entry.flat:
        slid = _slid(region, bool(typed))
    elif library.why_not(entry, "units") is None:
        slid = _moved(entry, bool(typed))
    else:
        slid = _between(entry, bool(typed))
    if not numbers:
        return slid
    st.text_input(
        "z", placeholder=f"or type z: {size} numbers", key="z", bind="query-params", label_visibility="collapsed"
    )
    found = _parsed(typed, size) if typed else slid
    return None if found is None else library.from_coordinates(entry, found)


def _slid(region: Limits, disabled: bool) -> np.ndarray:
    """A point of two dimensions, one slider each."""
    values = [
        st.slider(symbol, low, high, min(max(0.0, low), high), 0.05, key=key, bind="query-params", disabled=disabled)
        for symbol, key, (low, high) in zip(("z₁", "z₂"), ("z1", "z2"), region, strict=True)
    ]
    return np.array(values, np.float32)


def _moved(entry: Entry, disabled: bool) -> np.ndarray:
    """A point of many dimensions: that of a test image with one unit moved."""
    points = library.encoding(entry).points
    names = naming.units(usage.layers(entry))
    liveliest = int(points.var(axis=0).argmax()) + 1
    left, right = st.columns(2)
    settings = {"bind": "query-params", "disabled": disabled}
    parts.bounded("image", 0, len(points) - 1)
    parts.bounded("unit", 1, points.shape[1])
    i = left.number_input("Test image", 0, len(points) - 1, 0, key="image", help="Counted from 0.", **settings)
    u = right.number_input(
        "Unit", 1, points.shape[1], liveliest, key="unit", help="The first choice varies most.", **settings
    )
    by = st.slider(f"Move {naming.symbol(names[u - 1])} by", -4.0, 4.0, 0.0, 0.05, key="by", **settings)
    z = points[i].copy()
    z[u - 1] += by
    return z


def _between(entry: Entry, disabled: bool) -> np.ndarray:
    """A point of a space without units: on the way from one test image to another."""
    points = library.encoding(entry).points
    left, right = st.columns(2)
    settings = {"bind": "query-params", "disabled": disabled}
    for key in ("image", "towards"):
        parts.bounded(key, 0, len(points) - 1)
    i = left.number_input("Test image", 0, len(points) - 1, 0, key="image", help="Counted from 0.", **settings)
    j = right.number_input("Towards", 0, len(points) - 1, 1, key="towards", help="Another test image.", **settings)
    t = st.slider("Share of the way", 0.0, 1.0, 0.0, 0.05, key="share", **settings)
    return paths.between(entry, points[i], points[j], np.array([t]))[0]


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
        with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
            picture = library.decode(entry, z[None])[0]
        st.image(images.image_png(picture), width="stretch", alt="The decoded picture")
        view.small("mean of p(x|z)" if library.shows(entry) == "mean" else "a sample of p(x|z)")
    at = planes.forth(entry, layout, z)
    if at is not None:
        with right, st.container(gap="xxsmall"):
            sheet = locator.background(layout.points, test.images.labels, region, 110)
            st.image(locator.locator(sheet, at, region, view.tones()), width="stretch", alt="Where z lies")
            view.small("where z lies")
    with st.container(gap="xxsmall"):
        nearest, distances = planes.nearest(test.coordinates, library.coordinates(entry, z), NEAREST)
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
        if access.read_only():
            view.unavailable(f"UMAP of {entry.name} has not been computed, and this app is read-only.", "Choose PCA.")
        elif projecting.find(entry) is None:
            view.unavailable(
                f"UMAP of {entry.name} has not been computed yet.",
                "It takes about a minute, in a process of its own, and is kept.",
            )
            if st.button("Compute it", type="primary", key=f"umap-{entry.name}"):
                projecting.start(entry)
                st.rerun()
        else:
            projecting.progress(entry)


def without_plane(entry: Entry, both: list[Entry]) -> None:
    """Why there is no plane, and the way to what there is."""
    parts.cannot(entry, view.problem(entry) or planes.why_none(entry), both)
    if st.button(f"Samples of {entry.name}", icon=":material/grid_view:", on_click=view.choose, args=(entry.name,)):
        view.go("samples")


def main() -> None:
    both = view.models()
    entries = [entry for entry in both if planes.kinds(entry)]
    chosen, row = header(entries)
    for entry in both:
        if entry not in entries:
            without_plane(entry, both)
    if entries:
        page(entries, chosen, row)
    view.explain(WORDS, MATHS)


def page(entries: list[Entry], chosen: dict, row: DeltaGenerator) -> None:
    alone = len(entries) == 1
    figure, panel = st.columns([72, 28], gap="medium") if alone else (st.container(), st.container())
    with figure, st.container(gap="xxsmall"):
        place = view.slot(HEIGHT, "Placing the test images in latent space …", entries)
        for entry in entries:
            view.encoded(entry, place)
        with row:
            toggles(entries, chosen)
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


main()
