"""Home: the same data under two priors, and the gallery of all models."""

import streamlit as st

from explorer import access, library, parts, planes, view, words
from explorer.canvas import canvas, waiting
from explorer.charts import images, sheet
from explorer.charts.density import SHARES
from explorer.entry import FAMILIES, Entry, rank

HEIGHT = 544
CARDS = 5
THUMBNAILS, ACROSS = 12, 6
SHEET = 32
"""Samples shown of a model that has no plane."""
EVERYTHING = "All"
FEW = 10
"""Up to so many models the gallery needs no filter."""


def pair() -> list[Entry]:
    """The chosen model and the one beside it, by default its twin; the standard prior comes first."""
    entry = view.model()
    other = view.beside() or library.twin(entry)
    both = [entry] if other is None else [entry, other]
    return sorted(both, key=lambda one: one.prior != "standard")


def numbers(entry: Entry, other: Entry | None) -> None:
    """Under a plane: log-likelihood, active units, and how the model compares with the other one."""
    likelihood, active = words.log_likelihood(entry.metrics), words.active_units(entry.metrics)
    missing = None if likelihood else view.problem(entry, "log_likelihood")
    told = [
        f"**{likelihood}** log-likelihood" if likelihood else None if missing else "log-likelihood not measured yet",
        f"**{active}** units active" if active else None,
    ]
    st.markdown(" &ensp;·&ensp; ".join(part for part in told if part) or "no likelihood")
    if missing:
        view.small(missing)
    compared = other and words.comparison(entry.metrics, other.name)
    if compared:
        view.small(f"{compared} on the same images")


def hero(both: list[Entry]) -> None:
    """The planes side by side with their numbers, or a sentence on what is wrong."""
    flat = [entry for entry in both if planes.kinds(entry)]
    if not flat:
        for column, entry in zip(st.columns(len(both), gap="medium"), both, strict=True):
            with column:
                samples(entry)
        return
    slot = waiting("hero", HEIGHT, "Placing the test images in latent space …", flat)
    for entry in flat:
        problem = view.problem(entry)
        if problem is not None:
            slot.empty()
            view.unavailable(problem, "Choose another model at the left.")
            return
    from explorer.canvas import scene

    kind = planes.kinds(flat[0])[0]
    layouts = [planes.of(entry, kind) for entry in flat]
    region, legend = planes.region(layouts), scene.classes(flat)
    shown = [
        scene.plane(entry, one, region, legend, title=words.capital(entry.prior_title))
        for entry, one in zip(flat, layouts, strict=True)
    ]
    with slot.container():
        canvas(shown, region, key="hero", height=HEIGHT, classes=legend)
    for column, entry in zip(st.columns(len(flat), gap="medium"), flat, strict=True):
        with column, st.container(key=f"under-plane-{entry.name}", gap=None):
            numbers(entry, next((other for other in flat if other is not entry), None))
    view.caption(_sentence(flat, layouts), _provenance(flat))
    for entry in both:
        if entry not in flat:
            parts.cannot(entry, view.problem(entry) or planes.why_none(entry), both)


def samples(entry: Entry) -> None:
    """In the place of a plane, the samples of a model that has none."""
    pictures = library.thumbnails(entry, SHEET)
    with st.container(key=f"sheet-{entry.name}", gap="xxsmall"):
        if pictures is not None:
            scale = images.scale_for(8 * pictures.shape[-1], 1040)
            st.image(sheet.grid(pictures, 8, scale), width=1040, alt=f"Samples of {entry.name}")
        numbers(entry, None)
        view.caption(
            f"{len(pictures) if pictures is not None else 'No'} samples, as they came. "
            f"{view.problem(entry) or planes.why_none(entry)}",
            f"{entry.name} · {entry.title} · from the end of its training",
        )


def _sentence(entries: list[Entry], layouts: list[planes.Layout]) -> str:
    sentence = f"Each dot is a test image at {parts.points(entries)}"
    if library.images(entries[0]).labels is not None:
        sentence += ", coloured by class"
    if any(layout.pseudo is not None for layout in layouts):
        sentence += f"; {'white' if view.dark() else 'black'}: pseudo-inputs"
    if any(entry.flat and library.why_not(entry, "prior_density") is None for entry in entries):
        sentence += f"; gray lines enclose {SHARES} of the prior"
    return f"{sentence}. {layouts[0].lost or ''}"


def _provenance(both: list[Entry]) -> str:
    names = " | ".join(entry.name for entry in both)
    measured = words.likelihood_provenance(both[0].metrics)
    likelihood = f" · higher is better, {measured}" if measured else ""
    return f"{names} · {view.test_images(both)}{likelihood}"


# -- the gallery -------------------------------------------------------------------------------------------


def card(entry: Entry) -> None:
    """One model of the gallery: samples, what it is, and its numbers."""
    with st.container(border=True, key=f"card-{entry.name}", gap="xxsmall", height="stretch"):
        picture = library.remember("card", entry, lambda: _thumbnails(entry), library.samples_stamp(entry))
        if picture is not None:
            st.image(picture, width="stretch", alt=f"Samples of {entry.name}")
        about = entry.recipe.get("description")
        if st.button(
            f"**{entry.name}**",
            key=f"open-{entry.name}",
            type="tertiary",
            on_click=view.choose,
            args=(entry.name,),
            help=about if isinstance(about, str) and about else None,
        ):
            view.go("latent_space" if planes.kinds(entry) else "samples")
        view.small(f"{entry.title}  \n{words.capital(entry.parts_title)}")
        likelihood, active = words.log_likelihood(entry.metrics), words.active_units(entry.metrics)
        told = "]  \n:small[".join(filter(None, (likelihood, active and f"{active} units active")))
        st.markdown(f":small[{told or words.unmeasured(entry.metrics)}]")


def _thumbnails(entry: Entry) -> bytes | None:
    pictures = library.thumbnails(entry, THUMBNAILS)
    if pictures is None:
        return None
    return sheet.grid(pictures, ACROSS, images.scale_for(ACROSS * pictures.shape[-1], 2 * 180), gap=3)


def rows(listed: list[Entry]) -> list[list[tuple[str, Entry]]]:
    """The models by family in rows of cards, each card with its family's heading if it is the first; small families
    share a row."""
    found: list[list[tuple[str, Entry]]] = []
    families = sorted({entry.family for entry in listed}, key=lambda family: rank(family, FAMILIES))
    for family in families:
        members = [entry for entry in listed if entry.family == family]
        continued = found and len(families) > 1 and not found[-1][0][0]
        if not found or continued or len(found[-1]) + len(members) > CARDS:
            found.append([])
        for i, entry in enumerate(members):
            if len(found[-1]) == CARDS:
                found.append([])
            title = f"**{family}** &ensp;:gray[{len(members)}]" if i == 0 and len(families) > 1 else ""
            found[-1].append((title, entry))
    return found


def gallery() -> None:
    """All models, by family; MNIST comes first in each."""
    found = library.entries()
    usable = [entry for entry in found if entry.error is None]
    with st.container(key="gallery", horizontal=True, vertical_alignment="center", gap="medium"):
        view.heading("All models")
        titles = list(dict.fromkeys(entry.data_title for entry in usable))
        chosen = EVERYTHING
        if len(titles) > 1 and len(usable) > FEW:
            chosen = st.segmented_control(
                "Data",
                [EVERYTHING, *titles],
                default=EVERYTHING,
                required=True,
                key="data",
                bind="query-params",
                label_visibility="collapsed",
            )
    view.small("On each card: samples, and the log-likelihood of the test images (higher is better, on the same data).")
    listed = [entry for entry in usable if chosen in (EVERYTHING, entry.data_title)]
    for row in rows(listed):
        for column, (heading, entry) in zip(st.columns(CARDS, gap="small"), row, strict=False):
            with column:
                if any(title for title, _ in row):
                    with st.container(key=f"family-{entry.name}"):
                        st.markdown(heading or "&nbsp;")
                card(entry)
    for entry in found:
        if entry.error is not None:
            st.warning(entry.error, icon=":material/error:")


def actions() -> None:
    """Where to go from here."""
    with st.container(key="actions", horizontal=True, horizontal_alignment="right", gap="xsmall"):
        if st.button("Explore", type="primary"):
            view.go("latent_space" if planes.kinds(view.model()) else "samples")
        collapsed = next((entry.name for entry in library.whole() if "collapsed" in entry.name), None)
        if collapsed and st.button("See a model collapse", on_click=view.choose, args=(collapsed,)):
            view.go("active_units")
        if access.read_only():
            return
        if st.button("Train one"):
            view.go("new_run")
        if st.button("Open your own"):
            view.go("open_your_own")


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
