"""Home: the same data under two priors, and the gallery of all models."""

import streamlit as st

from explorer import library, planes, view, words
from explorer.charts import images
from explorer.charts.density import SHARES
from explorer.library import Entry

HEIGHT = 544
CARDS = 4
THUMBNAILS = 12


def pair() -> list[Entry]:
    """The chosen model and the one beside it, by default its twin; the standard prior comes first."""
    entry = view.model()
    other = view.beside() or library.twin(entry)
    both = [entry] if other is None else [entry, other]
    return sorted(both, key=lambda one: one.prior != "standard")


def numbers(entry: Entry, other: Entry | None) -> None:
    """Under a plane: log-likelihood, active units, and how the model compares with the other one."""
    likelihood, active = words.log_likelihood(entry.metrics), words.active_units(entry.metrics)
    parts = [
        f"**{likelihood}** log-likelihood" if likelihood else "log-likelihood not measured yet",
        f"**{active}** units active" if active else None,
    ]
    st.markdown(" &ensp;·&ensp; ".join(part for part in parts if part))
    compared = other and words.comparison(entry.metrics, other.name)
    if compared:
        view.small(f"{compared} on the same images")


def hero(both: list[Entry]) -> None:
    """The planes side by side with their numbers, or a sentence on what is wrong."""
    slot = view.slot(HEIGHT, "Placing the test images in latent space …", both)
    for entry in both:
        problem = view.problem(entry) if planes.kinds(entry) else f"{entry.name} has no plane to show."
        if problem is not None:
            slot.empty()
            view.unavailable(problem, "Choose another model at the left.")
            return
    kind = planes.kinds(both[0])[0]
    layouts = [planes.of(entry, kind) for entry in both]
    region = planes.region(layouts)
    shown = [
        planes.plane(entry, one, region, _capital(entry.prior_title)) for entry, one in zip(both, layouts, strict=True)
    ]
    names = " and ".join(entry.name for entry in both)
    view.figure(view.planes(shown, region, HEIGHT), "hero", f"Test images in the latent space of {names}.", slot)
    for column, entry in zip(st.columns(len(both), gap="medium"), both, strict=True):
        with column, st.container(key=f"under-plane-{entry.name}", gap=None):
            numbers(entry, next((other for other in both if other is not entry), None))
    view.caption(_sentence(layouts[0], shown), _provenance(both))


def _sentence(layout: planes.Layout, shown: list) -> str:
    sentence = "Each dot is a test image at the mean of q(z|x)"
    if shown[0].labels is not None:
        sentence += ", coloured by class"
    if any(plane.pseudo is not None for plane in shown):
        sentence += f"; {'white' if view.dark() else 'black'}: pseudo-inputs"
    if any(plane.density is not None for plane in shown):
        sentence += f"; gray lines enclose {SHARES} of the prior"
    return f"{sentence}. {layout.lost or ''}"


def _provenance(both: list[Entry]) -> str:
    names = " | ".join(entry.name for entry in both)
    measured = words.likelihood_provenance(both[0].metrics)
    likelihood = f" · higher is better, {measured}" if measured else ""
    return f"{names} · {view.test_images(both)} · mean of q{likelihood}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def card(entry: Entry) -> None:
    """One model of the gallery: samples, what it is, and its numbers."""
    with st.container(border=True, key=f"card-{entry.name}", gap="xsmall", height="stretch"):
        pictures = library.thumbnails(entry, THUMBNAILS)
        if pictures is not None:
            st.image(images.grid_png(pictures, 6, gap=1), width="stretch", alt=f"Samples of {entry.name}")
        if st.button(
            f"**{entry.name}**", key=f"open-{entry.name}", type="tertiary", on_click=view.choose, args=(entry.name,)
        ):
            view.go("latent_space")
        view.small(f"{entry.data_title} in {entry.latent} dimensions  \n{_capital(entry.prior_title)}")
        likelihood, active = words.log_likelihood(entry.metrics), words.active_units(entry.metrics)
        st.markdown(f"{likelihood or 'not measured yet'}  \n{f'{active} units active' if active else ''}")


def gallery() -> None:
    view.heading("All models")
    view.small("Pictures are decoded samples from the prior. Log-likelihood: on the test images, higher is better.")
    found = library.entries()
    usable = [entry for entry in found if entry.error is None]
    for first in range(0, len(usable), CARDS):
        for column, entry in zip(st.columns(CARDS, gap="small"), usable[first : first + CARDS], strict=False):
            with column:
                card(entry)
    for entry in found:
        if entry.error is not None:
            st.warning(entry.error, icon=":material/error:")


def actions() -> None:
    """Where to go from here."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if st.button("Explore", type="primary", icon=":material/scatter_plot:"):
            view.go("latent_space")
        collapsed = next((entry.name for entry in library.whole() if "collapsed" in entry.name), None)
        settings = {"icon": ":material/bar_chart:", "on_click": view.choose, "args": (collapsed,)}
        if collapsed and st.button("See a model collapse", **settings):
            view.go("active_units")


def title(both: list[Entry]) -> str:
    """The one sentence of the page."""
    if len(both) == 1:
        return both[0].name
    if library.are_twins(*both):
        return "Same data, same network, different prior."
    return "Two models, the same scale."


chosen = pair()
with view.header(title(chosen)):
    actions()
with st.container(gap="xxsmall"):
    hero(chosen)
gallery()
