"""Sphere: a spherical latent space as a map and as a globe, with its Gaussian twin beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from explorer import (
    chosen,
    focus,
    globe,
    library,
    linked_planes,
    maps_made,
    parts,
    paths,
    planes,
    sphere_density,
    sphere_words,
    view,
)
from explorer.canvas import canvas, state, waiting
from explorer.canvas.picked import decode
from explorer.library import Entry

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from explorer.canvas import CanvasPlane
    from explorer.charts.region import Limits

HEIGHT, ALONE = 528, 506  # pixels of the figure, and without controls
CANVAS, SEEN, SECOND = "sphere-canvas", "sphere-image", "sphere-second"
POINTS, LATTICE = "Points", "Lattice"
ZOOM = "zoom"
ZOOMS = re.compile(r"(?:(?:-?[\d.]{1,9}_){2}-?[\d.]{1,9})?(?:~(?:(?:-?[\d.]{1,9}_){2}-?[\d.]{1,9})?){0,3}")
"""Of each view factor_x_y against its first view, nothing where it is that (canvas/turning.js)."""
CLASS, ELBO, KAPPA = "Class", "ELBO", "κ"
VALUES = {ELBO: ("elbo", "nats (ELBO)"), KAPPA: ("kappa", "κ")}
UMAP_TITLE = "UMAP sphere"
MAPPED = "How the sphere is drawn; or UMAP's own sphere, which places images by their neighbours."
WORDS = """
A Gaussian prior draws all codes towards the middle, and in many dimensions its mass lies in a thin shell far from
there. A sphere has no middle and no edge: the prior is uniform on it, every direction is as good as any other, and the
classes share out the whole surface. The encoder gives each image a *direction* μ and a *concentration* κ: q(z|x) is
the von Mises-Fisher distribution, the Gaussian of the sphere. The larger κ, the smaller the cap around μ that holds
most of it: the circles around the image that you point at.

A map of a sphere must tear it and bend it. Hammer's, Mollweide's and Lambert's keep areas, so that dots are as dense
on the map as on the sphere, and shapes are bent near the edge; the map is torn along one meridian (turn it to see what
lies there). The globe bends nothing, but hides half. Between two images the way is a great circle, the shortest on the
sphere; the Gaussian twin, the same networks trained with a Gaussian, has the straight line.

*UMAP sphere* is another sphere, for any model: UMAP places the images on it so that neighbours in latent space stay
neighbours, with great-circle (haversine) distances. It loses all else: directions, angles and sizes there are not the
model's, and there is no way back from a place to z but to ask the images around it.
"""
MATHS = r"""
$$
q(z \mid x) = C_m(\kappa)\, e^{\kappa\, \mu^{\top} z}, \qquad
C_m(\kappa) = \frac{\kappa^{m/2 - 1}}{(2\pi)^{m/2}\, I_{m/2 - 1}(\kappa)}, \qquad \|z\| = \|\mu\| = 1
$$
$$
p(z) = \frac{\Gamma(m/2)}{2\,\pi^{m/2}} \ \text{(uniform)}, \qquad
q(z \mid x) \propto (1 + \mu^{\top} z)^{\kappa} \ \text{(power spherical)}
$$

On $S^2$ ($m = 3$) the cap of angle $\theta$ around $\mu$ holds the share
$p = \dfrac{1 - e^{-\kappa (1 - \cos\theta)}}{1 - e^{-2\kappa}}$, so
$\cos\theta_p = 1 + \dfrac{1}{\kappa} \log\!\left(1 - p\,(1 - e^{-2\kappa})\right)$; of a power spherical
distribution, $\cos\theta_p = 2\,(1 - p)^{1/(1 + \kappa)} - 1$. In more dimensions the density
$f(\theta) \propto e^{\kappa\cos\theta} \sin^{m-2}\theta$ is summed up numerically.

Densities are per unit of the sphere's area, $\int_{S^2} p(z)\, d\omega = 1$: the uniform one is $1 / (4\pi)$. A contour
encloses the smallest part of the sphere that holds its share. The aggregated posterior is
$q(z) = \frac{1}{N} \sum_n q(z \mid x_n)$; a hole is where $q(z) < t$, with $t$ such that 1 % of $q(z)$ lies there.

The great circle from $a$ to $b$, $\omega$ apart: $\dfrac{\sin((1 - t)\,\omega)\,a + \sin(t\,\omega)\,b}{\sin\omega}$.

Above $S^2$ the globe is the great sphere $\{A^{\top} g : \|g\| = 1\}$, with the three leading eigenvectors of
$\frac{1}{N}\sum_n z_n z_n^{\top}$ as rows of $A$; $z$ is shown at $Az / \|Az\|$, the point of it that is nearest. Back
from $g$ leads $A^{\top} g$, or, through a chosen image $z_i$, $\|A z_i\|\, A^{\top} g + (z_i - A^{\top} A z_i)$: both
of length one. Of a cap around $z_i$ that part is drawn which lies on this sphere,
$\cos\alpha = 1 - (1 - \cos\theta) / \|A z_i\|^2$.

The map, with longitude $\lambda = \operatorname{atan2}(z_2, z_1)$ and latitude $\varphi = \arcsin z_3$ from its middle:
"""


# -- controls ------------------------------------------------------------------------------------------------


def header(entry: Entry | None) -> tuple[dict, DeltaGenerator]:
    """The title, the controls that need no model, and the place of those that do."""
    from latents.maps import MAPS

    how: dict[str, Any] = {"map": "hammer"}
    bound = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("Sphere"):
        if entry is not None:
            titles = {name: one.title for name, one in MAPS.items()} | {globe.UMAP: UMAP_TITLE}
            how["map"] = st.selectbox(
                "Map", list(titles), format_func=titles.__getitem__, key="map", width=156, help=MAPPED, **bound
            )
            how["view"] = st.segmented_control(
                "View", [POINTS, LATTICE], default=POINTS, required=True, key="view", **bound
            )
        return how, parts.row()


def chooser(entry: Entry) -> tuple[int, ...]:
    """The chosen images, by their numbers, on the figure, or in the address: one, or the two ends of a path."""
    test = library.images(entry)
    last = len(test.gray) - 1
    focus.keep(chosen.FIELD)
    picked = chosen.selection(len(test.gray))
    if chosen.FIELD not in st.session_state:  # the link's own choice is not a widget's yet
        picked = decode(st.query_params.get(chosen.FIELD, ""), len(test.gray))
    if len(picked) in (1, 2) and SEEN not in st.session_state and focus.KEY not in st.query_params:
        st.session_state.setdefault(focus.KEY, picked[0])
    focus.keep(focus.KEY)
    parts.bounded(focus.KEY, 0, last)
    bound: dict[str, Any] = {"label_visibility": "collapsed", "width": 84}
    help = f"Of a test image, counted from 0 to {last:,}."
    first = int(st.number_input("Image a", 0, last, key=focus.KEY, bind="query-params", help=help, **bound))
    seen = st.session_state.get(SEEN)
    given = focus.KEY in st.query_params or f"_{focus.KEY}" in st.session_state
    if (seen is not None and first != seen) or (seen is None and given and not picked and first):
        others = ends(picked, seen)[1:] if len(picked) == 2 else ()
        chosen.choose(tuple(sorted({first, *others})))
        picked = chosen.selection(len(test.gray))
    st.session_state[SEEN] = first
    st.session_state[SECOND] = ends(picked, first)[1] if len(picked) == 2 else None
    st.number_input(
        "Image b",
        0,
        last,
        None,
        key=SECOND,
        placeholder="to",
        on_change=second,
        help="Another one, for the great circle between the two. (Or choose it on the map, or drag an end there.)",
        **bound,
    )
    help = "The great circle between two random images, of two classes."
    st.button("A pair", icon=":material/route:", help=help, on_click=pair, args=(entry,))
    chosen.field()
    return chosen.selection(len(test.gray))


def ends(picked: tuple[int, ...], first: int | None) -> tuple[int, ...]:
    """The two chosen images, a first: that whose number stands in the row. Other choices as they are."""
    return picked[::-1] if len(picked) == 2 and picked[1] == first else picked


def second() -> None:
    """The visitor has typed the number of the second image, or cleared it."""
    first, other = st.session_state[focus.KEY], st.session_state[SECOND]
    chosen.choose(tuple(sorted({first} if other is None else {first, other})))


def pair(entry: Entry) -> None:
    """Choose two images at random."""
    st.session_state["sphere-pairs"] = seed = st.session_state.get("sphere-pairs", 0) + 1
    both = paths.pair_of_classes(library.images(entry), seed)
    chosen.choose(tuple(sorted(both)))
    st.session_state[focus.KEY] = st.session_state[SEEN] = both[0]


def more(entry: Entry, partner: Entry | None, how: dict) -> None:
    """The controls for what this model has."""
    bound = {"bind": "query-params"}
    has_pseudo = library.pseudo_codes(entry) is not None
    with view.more():
        st.text_input("Zoom", key=ZOOM, **bound)  # never seen: kept in the address
        st.slider("Longitude of the middle", -180, 180, 0, 1, key="longitude", format="%d°", **bound)
        st.slider("Latitude of the middle", -90, 90, 0, 1, key="latitude", format="%d°", **bound)
        densities(entry, partner, how)
        capped = how["map"] != globe.UMAP and globe.concentration(entry) is not None
        how["caps"] = capped and st.toggle("Caps of q(z|x) around images", True, key="caps", **bound)
        how["twin"] = partner is not None and st.toggle(f"{partner.name} beside it", True, key="twin", **bound)
        how["pseudo"] = has_pseudo and st.toggle("Pseudo-inputs", True, key="pseudo", **bound)
        how["shapes"] = st.toggle("A shape for each class", key="shapes", **bound)
        how["size"] = st.slider("Size of dots", 2.0, 8.0, 3.5, 0.5, key="size", **bound)
        options = [CLASS, *([KAPPA] if globe.concentration(entry) else []), ELBO]
        how["colour"] = st.segmented_control("Colour by", options, default=CLASS, required=True, key="colour", **bound)


def densities(entry: Entry, partner: Entry | None, how: dict) -> None:
    """The controls for densities; and why there are none."""
    bound = {"bind": "query-params"}
    why = sphere_density.why_none(entry, made=how["map"] == globe.UMAP)
    able = why is None
    known = able and globe.concentration(entry) is not None
    lined = (able and not sphere_density.uniform(entry)) or (partner is not None and partner.flat)
    how["prior"] = lined and st.toggle("Prior density", True, key="prior", **bound)
    how["aggregate"] = known and st.toggle("Density of all q(z|x)", key="aggregate", **bound)
    how["holes"] = known and st.toggle("Holes: prior without data", key="holes", **bound)
    if why is not None:
        view.small(why)
    elif sphere_density.uniform(entry):
        view.small("The prior is uniform: p(z) = 1/(4π) everywhere, so it has no contours.")


def taken() -> None:
    """The visitor has selected images: one of them becomes the chosen one of all pages."""
    selected = state(CANVAS).selection
    first, other = st.session_state.get(focus.KEY), st.session_state.get(SECOND)
    chosen.choose(selected)
    if len(selected) in (1, 2) and first not in selected:  # an end was dragged away: the other one stays what it is
        left = [image for image in selected if image != other] or list(selected)
        st.session_state[focus.KEY] = st.session_state[SEEN] = left[0]


def turned() -> None:
    """The visitor has turned the sphere or zoomed one of its views."""
    centre = state(CANVAS).turn
    if centre is not None:
        st.session_state["longitude"], st.session_state["latitude"] = (int(degrees) for degrees in centre)
        st.session_state[ZOOM] = _zoom(str((*st.session_state[CANVAS]["turn"], "")[2]))


def _zoom(text: str) -> str:
    """What the canvas says of its views' zooms, or "" where a link says something else."""
    return text if ZOOMS.fullmatch(text) else ""


def hint(selected: tuple[int, ...]) -> str:
    """What can be done, in the line under the figure while nothing is pointed at."""
    if len(selected) > 2:
        return f"{len(selected):,} images selected"
    if len(selected) == 2:
        return "Drag a or b to another image. Drag the map or the globe to turn it; Esc forgets the two."
    return "Point at the map: the decoder draws what is there. Drag it to turn it, click an image, ? for the keys."


# -- the figure ----------------------------------------------------------------------------------------------


def beside(entry: Entry, partner: Entry, legend: list) -> CanvasPlane:
    """The other model's plane (or map, where it is spherical too) for the place below the globe."""
    from explorer.canvas import globes, scene

    if globe.why_none(partner) is None:
        return globes.plane(partner, legend, "map", title=partner.name)
    layout = planes.of(partner, "PCA")
    assert layout is not None
    region = _region(layout)
    title = f"{partner.name}, the twin" if partner == globe.twin(entry) else partner.name
    made = scene.plane(partner, layout, region, legend, title=title)
    short = linked_planes.short
    return replace(made, region=region, x_title=short(made.x_title), y_title=short(made.y_title))


def _region(layout: planes.Layout) -> Limits:
    """A square that holds 99 in 100 of the points along each axis: the place for the twin is small."""
    low, high = np.quantile(layout.points, [0.005, 0.995], axis=0)
    (x, y), half = (low + high) / 2, float((high - low).max()) * 0.53
    return (float(x - half), float(x + half)), (float(y - half), float(y + half))


def figure(entry: Entry, partner: Entry | None, selected: tuple[int, ...], how: dict) -> None:
    """Map, panel, globe and the plane beside them."""
    from explorer.canvas import globes, scene

    legend = scene.classes([entry])
    densities = {"aggregate": how["aggregate"], "holes": how["holes"]}
    shown: list[CanvasPlane] = list(globes.planes(entry, legend, made=how["map"] == globe.UMAP, **densities))
    if partner is not None:
        shown.append(beside(entry, partner, legend))
    value, title = VALUES.get(how["colour"], ("class", ""))
    canvas(
        shown,
        ((-3.0, 3.0), (-1.5, 1.5)),
        key=CANVAS,
        height=ALONE if view.hidden() else HEIGHT,
        classes=legend,
        selection=selected,
        on_select=taken,
        on_turn=turned,
        linked=False,
        projection=globe.projection(how["map"]),
        zoom=_zoom(st.session_state[ZOOM]),
        centre=[st.session_state["longitude"], st.session_state["latitude"]],
        points=how["view"] == POINTS,
        decoded=how["view"] == LATTICE,
        prior=how["prior"],
        aggregate=how["aggregate"],
        holes=how["holes"],
        caps=how["caps"],
        pseudo=how["pseudo"],
        shapes=how["shapes"],
        size=how["size"],
        crowd=3,
        colour=value,
        colourTitle=title,
        hint=hint(selected),
        first=st.session_state[focus.KEY],
    )


# -- the page ------------------------------------------------------------------------------------------------


def roles(both: list[Entry]) -> tuple[Entry | None, Entry | None]:
    """The model on the sphere, and the one beside it: the visitor's own, else the Gaussian twin.

    UMAP's sphere is for any model: then it is the first that can be on it.
    """
    return globe.roles(both, made=globe.UMAP in (st.session_state.get("map"), _asked()))


def _asked() -> str | None:
    """The map that a link asks for, before there is a widget."""
    return globe.UMAP if "map" not in st.session_state and st.query_params.get("map") == UMAP_TITLE else None


def misfit(entry: Entry, partner: Entry, both: list[Entry]) -> bool:
    """Whether the model beside cannot be shown; then its sentence is."""
    if partner.data != entry.data:
        parts.of_other_data(partner, entry)
        return True
    why = view.problem(partner) or (None if planes.kinds(partner) else planes.why_none(partner))
    if why is not None:
        parts.cannot(partner, why, both)
    return why is not None


def without_sphere(both: list[Entry]) -> None:
    """Why there is no sphere, and the way to a model that has one."""
    for entry in both:
        why = view.problem(entry) if entry.space_kind is None else None
        parts.cannot(entry, why or str(globe.why_none(entry)), both)
    first = both[0]
    if first.space_kind == "sphere" and st.button("Its plane", icon=":material/scatter_plot:"):
        view.go("latent_space")
    able = next((entry for entry in both if globe.why_no_umap(entry) is None), None)
    if able is not None:
        label = f"{able.name} on UMAP's sphere"
        st.button(label, icon=":material/public:", on_click=st.session_state.update, args=({"map": globe.UMAP},))
    parts.other_model(first, lambda other: globe.why_none(other) is None)


def main() -> None:
    from latents.maps import MAPS

    both = view.models()
    entry, partner = roles(both)
    how, row = header(entry)
    if entry is None:
        without_sphere(both)
    else:
        page(entry, partner, both, how, row)
    view.explain(WORDS, MATHS + f"\n$$\n{MAPS[globe.projection(how['map'])].formula}\n$$")


def page(entry: Entry, partner: Entry | None, both: list[Entry], how: dict, row: DeltaGenerator) -> None:
    place = waiting(CANVAS, HEIGHT, "Placing the test images on the sphere …", [entry])
    view.encoded(entry, place)
    if partner is not None and misfit(entry, partner, both):
        partner = None
    with row:
        selected = chooser(entry)
        more(entry, partner, how)
    if how["map"] == globe.UMAP and globe.umap(entry) is None:
        place.empty()
        maps_made.missing([entry], "UMAP on a sphere")
        return
    partner = partner if how["twin"] else None
    if sphere_words.undecoded(entry) is not None:
        how["view"] = POINTS
    globe.concentration(entry)
    if how["aggregate"] or how["holes"]:
        sphere_density.ready(entry)
    place.empty()
    figure(entry, partner, selected, how)
    names = " | ".join(f"{one.name} ({one.space_title})" for one in (entry, partner) if one is not None)
    view.caption(sphere_words.caption(entry, partner, selected, how), f"{names} · {view.test_images([entry])}")
    if len(selected) > 2:
        chosen.panel([entry], selected)


main()
