"""Interpolate: from one test image to another, through latent space and through the pixels."""

import streamlit as st

from explorer import draws, insets, library, parts, paths, view
from explorer.charts import images, lines, sheet
from explorer.charts.region import class_name
from explorer.library import Entry, Images

WAITING = 500
STEPS = 9
WIDTH = 672
"""Pixels of the left column at the width the page is designed for; the strips scale with it."""

WORDS = """
Take two test images and walk from one to the other in equal steps. The pixel line fades: halfway, both images lie on
top of each other, which looks like no image of the data. The latent line walks between the codes of the two images, the
means of q(z|x) where they are known, and decodes every step: a good model shows something plausible all the way,
because neighbouring codes mean similar images. The walk goes the way of the latent space: straight in a vector space,
along a great circle on a sphere. The curve says what the prior thinks of each step: where log p(z) falls far below what
is usual for test images, the walk crosses a region where the model expects nothing, and the decoder has to guess.
"""
MATHS = r"""
$$z_t = (1 - t)\,\mu(x_a) + t\,\mu(x_b), \qquad \hat{x}_t = \mathbb{E}[x \mid z_t], \qquad
\tilde{x}_t = (1 - t)\,x_a + t\,x_b, \qquad t \in [0, 1]$$

On a sphere, with the angle $\omega$ between the two directions,
$z_t = \big(\sin((1 - t)\,\omega)\,\mu(x_a) + \sin(t\,\omega)\,\mu(x_b)\big) / \sin \omega$.
The strips show $\hat{x}_t$ (or a sample of $p(x \mid z_t)$ where pixels are drawn one after another) and $\tilde{x}_t$,
the curve $\log p(z_t)$. It is a log density: it has no upper bound of 0, and its height depends on the scale of latent
space, so compare it with the band of the same model, not with another model's curve.
"""


# -- the two images ------------------------------------------------------------------------------------------


def default_pair(test: Images) -> tuple[int, int]:
    """The first images of the classes 1 and 7 (on digits a stroke apart); the first two of unlabelled data."""
    first, last = paths.first_of(test, 1), paths.first_of(test, 7)
    return (0, 1) if first is None or last is None else (first, last)


def swap() -> None:
    st.session_state["from"], st.session_state["to"] = st.session_state["to"], st.session_state["from"]


def another(test: Images) -> None:
    seed = st.session_state["from"] * len(test.gray) + st.session_state["to"]
    st.session_state["from"], st.session_state["to"] = paths.pair_of_classes(test, seed)


def of_class(test: Images, end: str) -> None:
    """The next image of the class whose pill was pressed."""
    pill = f"{end}_class"
    if st.session_state[pill] is not None:
        st.session_state[end] = paths.next_of(test, st.session_state[pill], st.session_state[end])
    st.session_state[pill] = None


def controls(test: Images) -> tuple[int, int, int]:
    """The places of the two test images, and the number of steps."""
    last = len(test.gray) - 1
    first, second = default_pair(test)
    for key in ("from", "to"):
        parts.bounded(key, 0, last)
    parts.named("From test image")
    a = st.number_input(
        "From test image", 0, last, first, key="from", bind="query-params", label_visibility="collapsed", width=104
    )
    parts.named("to")
    b = st.number_input(
        "To test image", 0, last, second, key="to", bind="query-params", label_visibility="collapsed", width=104
    )
    st.button("Swap", icon=":material/swap_horiz:", on_click=swap)
    st.button("Another pair", icon=":material/casino:", on_click=another, args=(test,))
    with view.more():
        if test.labels is not None:
            class_pills(test)
        steps = st.slider("Steps", 5, 21, STEPS, 2, key="steps", bind="query-params")
        st.caption(f"Test images are counted from 0 to {last:,}.")
    return a, b, steps


def class_pills(test: Images) -> None:
    labels = sorted({int(label) for label in test.labels})
    for end, words in (("from", "From the next image of class"), ("to", "To the next image of class")):
        st.pills(
            words,
            labels,
            format_func=lambda label: class_name(label, test.class_names),
            key=f"{end}_class",
            on_change=of_class,
            args=(test, end),
        )


def class_of(test: Images, i: int) -> str:
    return "" if test.labels is None else f", class {class_name(int(test.labels[i]), test.class_names)}"


# -- the figure ----------------------------------------------------------------------------------------------


def strip(title: str, pictures, alt: str) -> None:
    """A row of pictures under its title, as wide as the curve below."""
    scale = images.scale_for(len(pictures) * pictures.shape[-1], 2 * WIDTH)
    with st.container(gap=None):
        st.markdown(title)
        parts.pictured(sheet.grid(pictures, len(pictures), scale, gap=3), alt)


def strips(entries: list[Entry], found: list[paths.LatentPath], test: Images, a: int, b: int) -> None:
    for entry, path in zip(entries, found, strict=True):
        whose = f" · {entry.name}" if len(entries) > 1 else ""
        strip(f"**Latent line**: the decoder at each step{whose}", path.pictures, f"Latent line of {entry.name}.")
    mixed = paths.pixel_path(test.seen, a, b, len(found[0].t))
    strip("**Pixel line**: one image fades into the other", mixed, "Pixel line.")


def curve_height(entries: list[Entry], steps: int) -> int:
    """What the strips leave, so that the figure stays as high when the number of steps changes."""
    return max(150, 510 - (len(entries) + 1) * (WIDTH // steps + 44))


def curve(entries: list[Entry], found: list[paths.LatentPath], steps: int) -> None:
    drawn = [
        lines.Curve(
            entry.name,
            path.fine_t,
            path.log_prior,
            path.t,
            paths.log_density(entry, path.z),
            paths.usual(entry),
        )
        for entry, path in zip(entries, found, strict=True)
        if path.log_prior is not None
    ]
    if drawn:
        figure = lines.along_path(drawn, 0.5 / (steps - 1), view.tones(), curve_height(entries, steps))
        view.figure(figure, "density", "The prior's log density along the path.")


def panel(entries: list[Entry], found: list[paths.LatentPath], test: Images, a: int, b: int) -> None:
    """The two images, and where the path runs on the plane."""
    for column, i, end in zip(st.columns(2, gap="small"), (a, b), ("From", "To"), strict=True):
        with column, st.container(gap=None):
            st.markdown(f"**{end}**{class_of(test, i)}")
            scale = images.scale_for(test.gray.shape[-1], 280)
            parts.pictured(images.image_png(test.gray[i], scale), f"{end} test image {i}{class_of(test, i)}.")
            view.small(f"test image {i:,}")
    placed = [(entry, path) for entry, path in zip(entries, found, strict=True) if insets.able(entry)]
    if not placed:
        return
    around = insets.region([entry for entry, _ in placed])
    height = 290 if len(entries) == 1 else 230
    for entry, path in placed:
        title = entry.name if len(entries) > 1 else ""
        figure = insets.inset(entry, around, height, title=title, path=path.z)
        view.figure(figure, f"plane-{entry.name}", f"The path on the plane of {entry.name}.")
    lost = insets.lost(placed[0][0])
    if lost is not None:
        view.small(lost)


def caption(entries: list[Entry], found: list[paths.LatentPath], test: Images, steps: int) -> None:
    ways = " and ".join(dict.fromkeys(paths.words(entry) for entry in entries))
    sentence = (
        f"{steps} equal steps along {ways} from one test image to another, each image at {parts.points(entries)}: "
        "decoded, and the pixels of one fading into the other"
    )
    if any(draws.slow(entry) for entry in entries):
        sentence += "; each picture is a sample, drawn pixel by pixel"
    if any(path.log_prior is not None for path in found):
        sentence += "; below, the prior's log density at each step"
    if len(entries) > 1:
        sentence += ", in each model's own scale: compare the shapes"
    names = " | ".join(entry.name for entry in entries)
    view.caption(f"{sentence}.", f"{names} · {test.provenance} · pixels as the model sees them")


def unable(entry: Entry) -> str | None:
    """Why no path of this model can be drawn."""
    return view.problem(entry) or view.problem(entry, "decode")


def main() -> None:
    both = view.models()
    with view.header("Interpolate"):
        row = parts.row()
    left, right = st.columns([7, 3], gap="medium")
    with left:
        place = parts.waiting(WAITING, "Finding the two images in latent space …", both)
    why = {entry.name: unable(entry) for entry in both}
    entries = [entry for entry in both if why[entry.name] is None]
    with left:
        if not entries and place is not None:
            place.empty()
        for entry in both:
            if entry not in entries:
                parts.cannot(entry, why[entry.name], both)
    if entries:
        page(entries, place, row, left, right)
    view.explain(WORDS, MATHS)


def page(entries: list[Entry], place, row, left, right) -> None:
    test = library.images(entries[0])
    apart = len(entries) > 1 and entries[1].data != entries[0].data
    shown = entries[:1] if apart else entries
    with row:
        a, b, steps = controls(test)
    with left:
        with parts.working("Drawing the pictures of the path pixel by pixel …", any(map(draws.slow, shown))):
            found = [paths.latent_path(entry, a, b, steps) for entry in shown]
        with parts.stage(place):
            strips(shown, found, test, a, b)
            curve(shown, found, steps)
        caption(shown, found, test, steps)
        if apart:
            view.unavailable(
                f"{entries[1].name} is not shown: it knows {entries[1].data_title}, and these are test images of "
                f"{entries[0].data_title}.",
                "Choose a model of the same data beside this one.",
            )
    with right:
        panel(shown, found, test, a, b)


main()
