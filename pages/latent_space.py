"""Latent space: where the test images lie, what the prior expects, and what the decoder draws there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import (
    chosen,
    colours,
    drawn,
    draws,
    focus,
    library,
    maps_made,
    mismatch,
    one_point,
    parts,
    planes,
    pointing,
    probing,
    projections,
    view,
)
from explorer.canvas import canvas, pad, waiting
from explorer.charts.density import SHARES
from explorer.charts.region import Limits
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from explorer.canvas import CanvasPlane

HEIGHT = 548
CANVAS = "plane-canvas"
POINTS, DECODED, TRAINING, DRAW = "Points", "Decoded plane", "Training", "Draw"

WORDS = """
The encoder gives each image not a point but a small cloud in latent space, q(z|x). Each dot is the middle of one such
cloud. Images that the model finds alike lie close together, so the classes, which the model never saw, gather in
regions. The prior p(z) says where the model expects codes before it has seen an image: where the prior is high and
there are no dots, its samples look like nothing in the data. A VampPrior is made of the encoder's own clouds at the
pseudo-inputs, so it follows the data. The decoder answers wherever you point; *Decoded plane* fills the plane with its
pictures, *Training* plays how the dots moved from epoch to epoch, and *Draw* encodes what you draw while the pen moves.
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

An image's ELBO is $\mathbb{E}_{q(z|x)}[\log p(x \mid z)] - \mathrm{KL}(q(z \mid x) \,\|\, p(z))$, here with one draw of
$z$; the first term with its sign turned is the reconstruction error. The aggregated posterior is
$q(z) = \frac{1}{N} \sum_n q(z \mid x_n)$. A hole is where $q(z) < t$, with $t$ such that 1 % of $q(z)$ lies there; its
share of the prior, $\int_{q(z) < t} p(z)\, dz$, is counted on draws of $p(z)$, and its standard error is that of a
bootstrap of these and of the draws that gave $t$.
"""


def header(entries: list[Entry]) -> tuple[dict, DeltaGenerator]:
    """The title, the controls that need no model, and the place of those that do."""
    how: dict = {"kind": "units"}
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("Latent space"):
        if not entries:
            return how, parts.row()
        how["view"] = st.segmented_control(
            "View", [POINTS, DECODED, TRAINING, DRAW], default=POINTS, required=True, key="view", **bound
        )
        how["kind"] = projections.control(entries)
        return how, parts.row()


def more(entries: list[Entry], layouts: list[planes.Layout], how: dict) -> None:
    """The controls for what these models have."""
    bound = {"bind": "query-params"}
    has_pseudo = any(layout.pseudo is not None for layout in layouts)
    has_prior = any(entry.flat and library.why_not(entry, "prior_density") is None for entry in entries)
    has_spread = any(entry.flat and library.encoding(entry).stddev is not None for entry in entries)
    how["pseudo"] = has_pseudo and st.toggle("Pseudo-inputs", True, key="pseudo", **bound)
    how["shares"] = has_pseudo and st.toggle(
        "Pseudo-inputs as large as their share", True, key="shares", disabled=not how["pseudo"], **bound
    )
    how["prior"] = has_prior and st.toggle("Prior density", True, key="prior", **bound)
    how["aggregate"] = has_spread and st.toggle("Density of all q(z|x)", key="aggregate", **bound)
    has_holes = any(mismatch.can(entry) for entry in entries)
    how["holes"] = has_holes and st.toggle("Holes: prior without data", key="holes", **bound)
    how["shapes"] = st.toggle("A shape for each class", key="shapes", **bound)
    how["linked"] = len(entries) == 1 or st.toggle("Planes move together", True, key="linked", **bound)
    how["size"] = st.slider("Size of dots", 2.0, 8.0, 3.5, 0.5, key="size", **bound)
    focus.keep(chosen.K)
    st.slider("Nearest images shown of a chosen one", 1, 24, chosen.NEAREST, key=chosen.K, **bound)


# -- the figure --------------------------------------------------------------------------------------------


def shown_planes(entries: list[Entry], layouts: list[planes.Layout], region: Limits, how: dict) -> list[CanvasPlane]:
    """What the canvas is given. Decoders that the browser cannot run are decoded here on a lattice."""
    from explorer.canvas import scene

    legend = scene.classes(entries)
    made = []
    for i, (entry, layout) in enumerate(zip(entries, layouts, strict=True)):
        # pictures that are drawn pixel by pixel take seconds: only on the decoded plane
        lattice = how["view"] == DECODED or (how["view"] == POINTS and not draws.slow(entry))
        with parts.working("Drawing the pictures of the plane pixel by pixel …", lattice and draws.slow(entry)):
            made.append(
                scene.plane(
                    entry,
                    layout,
                    region,
                    legend,
                    title=entry.name if len(entries) > 1 else "",
                    aggregate=how["aggregate"],
                    holes=how["holes"],
                    lattice=lattice,
                    encoder=how["view"] == DRAW and entry.data == entries[0].data,  # one pad draws images of one kind
                    coloured=how["colour"].of_model(i),
                )
            )
    return made


def settings(entries: list[Entry], shown: list[CanvasPlane], how: dict) -> dict[str, Any]:
    """The canvas's settings (see canvas.js) for what the visitor has chosen."""
    found = {
        "points": how["view"] != DECODED,
        "decoded": how["view"] == DECODED,
        "frames": how["view"] == TRAINING,
        "pseudo": how["pseudo"] and how["view"] != DECODED,
        "pseudoShares": how["shares"],
        "prior": how["prior"],
        "aggregate": how["aggregate"],
        "holes": how["holes"],
        "shapes": how["shapes"],
        "size": how["size"],
        "linked": bool(how["linked"]),
        "neighbours": chosen.neighbours(),
        **how["colour"].settings(),
        "rest": any(plane.lattice is not None for plane in shown),
    }
    if how["view"] == DRAW:
        from explorer.canvas import scene
        from latents.data import TEST_SEED

        first = entries[0]
        why = scene.why_no_encoder(entries, shown) | {
            entry.name: f"It knows {entry.data_title}, and the pad is for {first.data_title}."
            for entry in entries
            if entry.data != first.data
        }
        test = library.images(first)
        found["pad"] = pad.settings(test.gray, TEST_SEED, why) | {"start": drawn.start(test)}
    return found


def caption(entries: list[Entry], layouts: list[planes.Layout], shown: list[CanvasPlane], how: dict) -> None:
    """What is seen, what is lost, and where it comes from."""
    first = layouts[0]
    if how["view"] == DECODED:
        sentence = f"Each picture is {parts.shown(entries)} at its place on the plane"
    else:
        sentence = f"Each dot is a test image at {dots(entries, layouts)}"
        sentence += colours.stated(entries, how["colour"])
        if how["pseudo"] and any(layout.pseudo is not None for layout in layouts):
            sentence += f"; {'white' if view.dark() else 'black'} dots are pseudo-inputs"
            sentence += ", as large as their share" if how["shares"] else ""
    if how["prior"] and how["view"] != TRAINING:
        colour = "green" if how["view"] == DECODED else "gray"
        sentence += f"; {colour} lines enclose {SHARES} of the prior"
    if how["aggregate"] and how["view"] != TRAINING:
        sentence += "; dashed lines enclose the same shares of all q(z|x) together"
    sentence += (
        f". {_frames(entries, shown)}" if how["view"] == TRAINING else f". {pointing.way(entries[0], first, shown[0])}"
    )
    if how["view"] == DRAW:
        sentence += f" {pointing.drawing(entries, layouts, shown)}{drawn.sentence(library.images(entries[0]))}"
    sentence += mismatch.sentence(entries) if how["holes"] and how["view"] != TRAINING else ""
    names = " | ".join(f"{entry.name} ({entry.space_title})" for entry in entries)
    view.caption(f"{sentence} {first.lost or ''}", f"{names} · {view.test_images(entries)}")


def dots(entries: list[Entry], layouts: list[planes.Layout]) -> str:
    """What the dots are: `the mean of q(z|x)`, or a draw."""
    if not any(layout.drawn is not None for layout in layouts):
        return parts.points(entries)
    fixed = [entry for entry, layout in zip(entries, layouts, strict=True) if layout.drawn is None]
    return "one draw of z from q(z|x)" + (f" ({parts.points(fixed)} for {fixed[0].name})" if fixed else "")


def _frames(entries: list[Entry], shown: list[CanvasPlane]) -> str:
    from explorer.canvas import scene

    missing = [plane.name for plane in shown if plane.frames is None]
    if missing:
        return f"{' and '.join(missing)}: nothing of its training was kept for this plane, so the end is shown."
    n, of = min(map(scene.followed, entries)), len(library.images(entries[0]).gray)
    return f"The slider plays the epochs, showing {n:,} of {of:,} test images, encoded by the model as it was."


# -- the page ----------------------------------------------------------------------------------------------


def without_plane(entry: Entry, both: list[Entry]) -> None:
    """Why there is no plane, and the way to what there is."""
    parts.cannot(entry, view.problem(entry) or planes.why_none(entry), both)
    if st.button(f"Samples of {entry.name}", icon=":material/grid_view:", on_click=view.choose, args=(entry.name,)):
        view.go("samples")


def main() -> None:
    both = view.models()
    entries = [entry for entry in both if planes.kinds(entry)]
    how, row = header(entries)
    for entry in both:
        if entry not in entries:
            without_plane(entry, both)
    if entries:
        page(entries, how, row)
    view.explain(WORDS, MATHS)


def page(entries: list[Entry], how: dict, row: DeltaGenerator) -> None:
    place = waiting(CANVAS, HEIGHT, "Placing the test images in latent space …", entries)
    for entry in entries:
        view.encoded(entry, place)
    with row:
        by = colours.control(entries, named=not projections.options(entries))
        with view.more():
            unit = colours.unit(entries) if by == colours.UNIT else 0
            how["choice"] = projections.more(entries, how["kind"])
            options = st.container(gap="small")
    layouts = [projections.layout(entry, how["choice"]) for entry in entries]
    found = [layout for layout in layouts if layout is not None]
    if len(found) < len(layouts):
        place.empty()
        with st.container(gap="small"):
            lacking = [entry for entry, layout in zip(entries, layouts, strict=True) if layout is None]
            maps_made.missing(lacking, how["kind"])
        return
    with options:
        more(entries, found, how)
    how["colour"] = colours.of(entries, by, unit)
    if how["holes"]:
        mismatch.ready(entries)
    region = planes.region(found)
    shown = shown_planes(entries, found, region, how)
    place.empty()
    stage(entries, found, region, shown, how)


@st.fragment
def stage(
    entries: list[Entry], layouts: list[planes.Layout], region: Limits, shown: list[CanvasPlane], how: dict
) -> None:
    """The figure and what is chosen on it. A fragment: a click reruns nothing else and sends no points again."""
    from explorer.canvas import scene

    chosen.field()
    drawn.field()
    selected = chosen.selection(len(layouts[0].points))
    beside = len(entries) == 1 and how["view"] != DRAW  # a panel at the right of the plane
    figure, panel = st.columns([72, 28], gap="medium") if beside else (st.container(), st.container())
    with panel:
        if selected:
            chosen.panel(entries, selected)
        with st.container() if not selected else st.expander("Decode a point"):
            if not selected:
                view.heading("Decode a point")
            with st.container(key="controls-z", gap="small"):
                z = one_point.code(entries[0], region)
            one_point.answers(entries, st.container(), z)
    with figure:
        canvas(
            shown,
            region,
            key=CANVAS,
            height=HEIGHT,
            classes=scene.classes(entries),
            selection=selected,
            on_select=chosen.taken(CANVAS),
            on_probe=partial(probing.pointed, CANVAS, entries, layouts, region),
            on_drawing=drawn.taken(CANVAS, library.images(entries[0])),
            exact=probing.exact(entries, layouts, shown),
            probe=probing.place(entries[0], layouts[0], z),
            **settings(entries, shown, how),
        )
    with st.container() if beside else figure:  # below both columns, where there are two: fewer lines
        caption(entries, layouts, shown, how)


main()
