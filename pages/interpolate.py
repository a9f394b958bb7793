"""Interpolate: ways through latent space, and through the pixels for contrast."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from explorer import (
    courses,
    draws,
    ends,
    insets,
    library,
    own_ends,
    parts,
    path_controls,
    path_files,
    path_plane,
    paths,
    view,
    words,
)
from explorer.charts import images, lines
from explorer.courses import Course
from explorer.ends import End
from explorer.library import Entry, Images
from explorer.path_controls import CLASSES, CORNERS, LINE, WALK

if TYPE_CHECKING:
    from explorer.canvas.row import Large

WAITING = 500
HEIGHT, PLANE, ALONE = 508, 520, 560  # pixels of the left figures, of the planes, and of these without controls
LEGEND = 70  # pixels of a plane's legend and line of words
LEFT = 560  # pixels of the left column at the width the page is designed for; strips scale with it
COLUMNS = 4  # large pictures in a row, at least
FILM, SLOW_SIDE = 31, 5  # pictures of a film, one way; and along a square's side where they are drawn pixel by pixel

WORDS = """
Take two images, from the test set or your own (*More*: draw one, or upload it), and walk from one to the other in equal
steps. Drag the bead on the plane: the picture follows. The pixel line fades: halfway, both images lie on
top of each other, which looks like no image of the data. The latent line walks between the codes of the two images, the
means of q(z|x) where they are known, and decodes every step: a good model shows something plausible all the way,
because neighbouring codes mean similar images. The walk goes the way of the latent space: straight in a vector space,
along a great circle on a sphere. The curve says what the prior thinks of each step: where log p(z) falls far below what
is usual for test images, the walk crosses a region where the model expects nothing, and the decoder has to guess.
*Corners* fills the square between four images; *Walk* goes at random; *Classes* adds to an image what tells one class
from another.
"""
MATHS = r"""
$$z_t = (1 - t)\,\mu(x_a) + t\,\mu(x_b), \qquad \hat{x}_t = \mathbb{E}[x \mid z_t], \qquad
\tilde{x}_t = (1 - t)\,x_a + t\,x_b, \qquad t \in [0, 1]$$

On a sphere, with the angle $\omega$ between the two directions,
$z_t = \big(\sin((1 - t)\,\omega)\,\mu(x_a) + \sin(t\,\omega)\,\mu(x_b)\big) / \sin \omega$. In a vector space of many
dimensions the same may be done with $\mu / |\mu|$, times the norm $(1 - t)\,|\mu(x_a)| + t\,|\mu(x_b)|$.
*Corners*: $z_{s,t}$ goes the share $t$ of the way from $z_s$ between the upper corners to $z_s$ between the lower ones.
*Walk*: $z_{k+1} = z_k + \delta\,r_k$, with random directions $|r_k| = 1$; on a sphere, $\delta$ radians along a great
circle. *Classes*: $z_s = \mu(x) + s\,(m_b - m_a)$, where $m_c$ is the mean of the codes of class $c$.
Where $z_t$ leaves the space, the nearest point of it is taken.
The strips show $\hat{x}_t$ (or a sample of $p(x \mid z_t)$ where pixels are drawn one after another) and $\tilde{x}_t$,
the curve $\log p(z_t)$. It is a log density: it has no upper bound of 0, and its height depends on the scale of latent
space, so compare it with the band of the same model, not with another model's curve.
"""


# -- the courses ---------------------------------------------------------------------------------------------


def course(entry: Entry, found: list[End], how: dict) -> Course:
    """What the mode asks for."""
    start = ends.point(entry, found[0])
    if how["mode"] == WALK:
        return courses.walk(entry, start, how["steps"], how["stride"], how["seed"])
    if how["mode"] == CLASSES:
        return courses.towards(entry, start, how["origin"], how["target"])
    return courses.line(entry, start, ends.point(entry, found[1]), how["steps"], how["way"])


# -- the figure ----------------------------------------------------------------------------------------------


def step_words(how: dict, run: Course, step: int | None = None) -> str:
    """`t = 0.50`, of the chosen step."""
    step = how["step"] if step is None else step
    if how["mode"] == WALK:
        return f"step {step}"
    return f"s = {words.number(run.t[step])}" if how["mode"] == CLASSES else f"t = {words.number(run.t[step])}"


def steps_of(how: dict, run: Course) -> path_plane.Steps:
    """Those that the bead goes through."""
    mode, n = how["mode"], len(run.t)
    names = tuple(step_words(how, run, step) for step in range(n))
    places = tuple(float(s) for s in run.t) if mode == CLASSES else tuple(map(float, range(n)))
    symbol = {WALK: "", CLASSES: "s"}.get(mode, "t")
    go = partial(path_controls.step_to, mode)
    return path_plane.Steps(run, how["step"], names, symbol, go, path_controls.slider(mode), places)


def row_of_pictures(entries: list[Entry], runs: list[Course], found: list[End], how: dict, mixed) -> None:
    """The ends, and what stands at the chosen step; it follows the bead."""
    from explorer.canvas.row import Large, row

    at, step, several = step_words(how, runs[0]), how["step"], len(entries) > 1
    shown = [Large(found[0].gray, f"{'a: ' if len(found) > 1 else ''}{found[0].short}", f"From {found[0].words}.")]
    for entry, run in zip(entries, runs, strict=True):
        words, moving = (entry.name, entry.name) if several else (f"decoded at {at}", "decoded at %")
        shown.append(Large(run.pictures[step], words, f"{entry.name} at {at}.", True, entry.name, moving=moving))
    if mixed is not None:
        alt, two = f"The pixels of the two mixed, at {at}.", (found[0].seen, found[1].seen)
        shown.append(Large(mixed[step], f"pixels at {at}", alt, mix=two, moving="pixels at %"))
    if not several:
        shown += extras(entries[0], runs[0], how)
    if len(found) > 1:
        shown.append(Large(found[1].gray, f"b: {found[1].short}", f"To {found[1].words}."))
    row(shown, "path-pictures", max(COLUMNS, len(shown)))


def extras(entry: Entry, run: Course, how: dict) -> list[Large]:
    """What else is shown large."""
    from explorer.canvas.row import Large

    if how["mode"] == WALK:
        there = ends.of_test(library.images(entry), courses.nearest_image(entry, run.z[how["step"]]))
        return [Large(there.gray, f"nearest: image {there.index:,}", f"Nearest to it is {there.words}.")]
    if how["mode"] != CLASSES:
        return []
    found = []
    for name, label in ((how["origin_name"], how["origin"]), (how["target_name"], how["target"])):
        z = library.from_coordinates(entry, courses.class_mean(entry, label).astype(np.float32))
        picture = courses.decoded(entry, z[None])[0]
        found.append(Large(picture, f"mean of class {name}", f"The mean of class {name}, decoded."))
    return found


def strip(title: str, pictures: np.ndarray, step: int, alt: str) -> None:
    """A row of pictures under its title, as wide as the curve below."""
    scale = images.scale_for(len(pictures) * pictures.shape[-1], 2 * LEFT)
    with st.container(gap=None):
        st.markdown(title)
        parts.pictured(path_files.strip(pictures, view.tones(), scale, step), alt)


def strips(entries: list[Entry], runs: list[Course], how: dict, mixed: np.ndarray | None) -> None:
    name = {WALK: "Random walk", CLASSES: "From class to class"}.get(how["mode"], "Latent line")
    for entry, run in zip(entries, runs, strict=True):
        whose = f" · {entry.name}" if len(entries) > 1 else ""
        alt = f"{name} of {entry.name}: {len(run.t)} pictures, the one at {step_words(how, run)} framed."
        strip(f"**{name}**: the decoder at each step{whose}", run.pictures, how["step"], alt)
    if mixed is not None:
        alt = f"Pixel line: {len(mixed)} pictures, one image fading into the other."
        strip("**Pixel line**: one image, as the model sees it, fades into the other", mixed, how["step"], alt)


def curve(entries: list[Entry], runs: list[Course], how: dict) -> None:
    """The prior's log density along the courses, where it has one."""
    drawn = []
    for entry, run in zip(entries, runs, strict=True):
        if run.log_prior is not None:
            at_steps = courses.density(entry, run.z)
            drawn.append(lines.Curve(entry.name, run.fine_t, run.log_prior, run.t, at_steps, paths.usual(entry)))
        else:
            whose = f" of {entry.name}" if len(entries) > 1 else ""
            view.small(f"No curve of log p(z){whose}: {library.why_not(entry, 'prior_density')}")
    if not drawn:
        return
    titles = {WALK: "step", CLASSES: "s (strength: 0 is the image, 1 the whole difference of the classes' means)"}
    t = runs[0].t
    figure = lines.along_path(
        drawn,
        float(t[1] - t[0]) / 2,
        view.tones(),
        curve_height(len(entries), len(t), how["mode"] == LINE),
        at=float(t[how["step"]]),
        **({"title": titles[how["mode"]]} if how["mode"] in titles else {}),
    )
    of_steps = ", ".join(
        f"{one.name}: from {words.number(one.y.min())} to {words.number(one.y.max())} nats, "
        f"{words.number(one.marks_y[how['step']])} at the chosen step"
        for one in drawn
    )
    view.figure(figure, "density", f"The prior's log density along the path. {of_steps}.")


def curve_height(models: int, steps: int, pixels: bool) -> int:
    """What pictures and strips leave, so that the figure stays as high when the number of steps changes."""
    columns = models + 3 if pixels else models + 1
    return max(130, HEIGHT - (models + pixels) * (LEFT // steps + 34) - LEFT // max(COLUMNS, columns) - 30)


def grid(entry: Entry, pictures: np.ndarray, alone: bool) -> None:
    """The square between four images."""
    n = len(pictures)
    scale = images.scale_for(n * pictures.shape[-1], 2 * LEFT)
    with st.container(gap=None):
        if not alone:
            st.markdown(f"**{entry.name}**")
        png = path_files.strip(pictures.reshape(n * n, *pictures.shape[2:]), view.tones(), scale, columns=n)
        parts.pictured(png, f"{n} × {n} pictures of {entry.name} between four images.", width=WAITING if alone else 400)


def plane(entry: Entry, line: np.ndarray, found: list[End], how: dict, place: int, run: Course | None = None) -> None:
    """Where the path [F, size] runs on the model's plane; place: 0 for one alone, 1 and 2 for two with one legend; run:
    the course whose steps its bead goes through."""
    height = ALONE if view.hidden() else PLANE
    path_plane.draw(
        entry,
        line,
        (height, (height + LEGEND) // 2, (height - LEGEND) // 2)[place],
        images=tuple(end.index for end in found if end.index is not None),
        ends=np.stack([ends.point(entry, end) for end in found]),
        to=path_controls.to,
        clicks=1 if how["mode"] == LINE else 0,
        hint=hint(how["mode"]),
        steps=run and steps_of(how, run),
        title=entry.name if place else "",
        small=place > 0,
        bare=place == 2,
    )


def hint(mode: str) -> str:
    """What can be done on the plane."""
    if mode == CORNERS:
        return "Drag a corner to another image: a and b above, c and d below; or click on one for a."
    if mode == LINE:
        return "Drag a or b to another image, or click on one for b; drag the bead along the line."
    return "Drag a to another image, or click on one; drag the bead along the way."


# -- words ---------------------------------------------------------------------------------------------------


def what_is_seen(entries: list[Entry], found: list[End], how: dict) -> str:
    """What is seen."""
    at = f"at {parts.points(entries)}"
    ways = " and ".join(dict.fromkeys(paths.words(entry, how["way"]) for entry in entries))
    if how["mode"] == CORNERS:
        return f"The corners are four images, each {at}; between them {ways}, along the edges and then across"
    if how["mode"] == WALK:
        how_far = f"{how['stride']:.0%}".replace("%", "\u202f%")
        start = f"A random walk from {found[0].words}, {at}"
        return f"{start}: each step is {how_far} of the data's spread, in a new direction"
    if how["mode"] == CLASSES:
        return (
            f"{words.capital(found[0].words)}, {at}, plus s times the way from the mean of class {how['origin_name']} "
            f"{'(that of the test image nearest to it) ' * how['guessed']}to that of class {how['target_name']}"
        )
    return f"{how['steps']} equal steps along {ways} from one image to another, each {at}"


def caption(entries: list[Entry], found: list[End], runs: list[Course], how: dict, test: Images) -> None:
    said = what_is_seen(entries, found, how)
    if any(draws.slow(entry) for entry in entries):
        said += "; each picture is a sample, drawn pixel by pixel"
    if any(run.log_prior is not None for run in runs):
        said += "; the curve is the prior's log density"
        if len(entries) > 1:
            said += ", in each model's own scale: compare the shapes"
    names = " | ".join(entry.name for entry in entries)
    view.caption(f"{said}.{nowhere(found, how)}", f"{names} · {test.provenance}")


def nowhere(found: list[End], how: dict) -> str:
    """What is wrong with a way that leads nowhere; empty where it leads somewhere."""
    if how["mode"] == CLASSES and how["origin_name"] == how["target_name"]:
        return " **The two classes are the same**, so nothing is added: choose another one."
    if how["mode"] == LINE and found[0].index is not None and found[0].index == found[1].index:
        return " **Both ends are the same image**, so there is no way between them: choose another one."
    return ""


def under_plane(entries: list[Entry], found: list[End], how: dict) -> None:
    """What the plane does not show, and why another way may be better."""
    lost = insets.lost(entries[0])
    if lost is not None:
        view.small(f"{words.capital(lost)}.")
    if how["mode"] in (LINE, CORNERS) and how["offered"]:
        points = [ends.point(entries[0], end) for end in found[:2]]
        reason = next(filter(None, [paths.why_circle(entry, *points) for entry in entries[:1]]), None)
        if reason is not None:
            view.small(f"{reason} (*More*)")


# -- files ---------------------------------------------------------------------------------------------------


def film(entry: Entry, run: Course, found: list[End], how: dict) -> bytes:
    """The course as a GIF, with finer steps where pictures are quick."""
    if how["mode"] == LINE and not draws.slow(entry):
        points = [ends.point(entry, end) for end in found]
        return path_files.gif(courses.line(entry, points[0], points[1], FILM, how["way"]).pictures, back=True)
    return path_files.gif(run.pictures, back=True)


def save(entries: list[Entry], runs: list[Course], found: list[End], how: dict, mixed: np.ndarray | None) -> None:
    """Buttons that give the strips as one PNG, and each model's film."""
    named = "-".join([how["mode"].lower(), *(str(end.index) if end.index is not None else "own" for end in found)])
    icon = ":material/download:"
    with st.container(key="controls-save", horizontal=True, gap="small"):
        for entry, run in zip(entries, runs, strict=True):
            whose = f" of {entry.name}" if len(entries) > 1 else ""
            file, data = f"{entry.name}-{named}.gif", partial(film, entry, run, found, how)
            st.download_button(f"GIF{whose}", data, file, "image/gif", icon=icon, on_click="ignore", type="tertiary")
        rows = [run.pictures for run in runs] + ([mixed] if mixed is not None else [])
        file, data = f"{'-beside-'.join(e.name for e in entries)}-{named}.png", partial(path_files.kept_strip, rows)
        st.download_button("PNG strip", data, file, "image/png", icon=icon, on_click="ignore", type="tertiary")


def save_grid(shown: list[Entry], found: list[End], made: dict) -> None:
    """Buttons that give each model's square as a PNG."""
    with st.container(key="controls-save", horizontal=True, gap="small"):
        name = "-".join(str(end.index) if end.index is not None else "own" for end in found)
        for entry in shown:
            file = f"{entry.name}-corners-{name}.png"
            rows, label = list(made[entry.name][1]), f"PNG{'' if len(shown) == 1 else f' of {entry.name}'}"
            data = partial(path_files.kept_strip, rows)
            icon = ":material/download:"
            st.download_button(label, data, file, "image/png", icon=icon, on_click="ignore", type="tertiary")


# -- the page ------------------------------------------------------------------------------------------------


def main() -> None:
    both = view.models()
    with view.header("Interpolate"):
        row = parts.row()
    left, right = st.columns([57, 43], gap="medium")
    with left:
        place = parts.waiting(WAITING, "Finding the images in latent space …", both)
    why = {entry.name: view.problem(entry) or view.problem(entry, "decode") for entry in both}
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
        how = path_controls.row(shown, test)
    found = [own_ends.of(shown[0], test, name, i) for name, i in how["ends"]]
    with left:
        for sentence in filter(None, [own_ends.wrong(test, name, i) for name, i in how["ends"]]):
            view.unavailable(sentence)
        if how["mode"] == CORNERS:
            square(shown, found, how, test, place, right)
        else:
            along(shown, found, how, test, place, right)
        if apart:
            parts.of_other_data(entries[1], entries[0])


def along(shown: list[Entry], found: list[End], how: dict, test: Images, place, right) -> None:
    """A course with its steps: pictures, strips, curve; at the right the plane."""
    with parts.working("Drawing the pictures of the path pixel by pixel …", any(map(draws.slow, shown))):
        runs = [course(entry, found, how) for entry in shown]
    mixed = paths.pixel_path(found[0].seen, found[1].seen, len(runs[0].t)) if how["mode"] == LINE else None
    with parts.stage(place), st.container(gap="small" if len(shown) == 1 else "xsmall"):
        row_of_pictures(shown, runs, found, how, mixed)
        strips(shown, runs, how, mixed)
        curve(shown, runs, how)
    caption(shown, found, runs, how, test)
    placed = [(entry, run) for entry, run in zip(shown, runs, strict=True) if insets.able(entry)]
    with right, st.container(gap="xxsmall"):
        for i, (entry, run) in enumerate(placed):
            plane(entry, run.fine_z, found, how, i + 1 if len(placed) > 1 else 0, run)
        save(shown, runs, found, how, mixed)
        if placed:
            under_plane([entry for entry, _ in placed], found, how)


def square(shown: list[Entry], found: list[End], how: dict, test: Images, place, right) -> None:
    """The grid between four images; at the right the plane with its outline."""
    made = {}
    if any(map(draws.slow, shown)):
        how["side"] = min(how["side"], SLOW_SIDE)
    with parts.working("Drawing the pictures of the grid pixel by pixel …", any(map(draws.slow, shown))):
        for entry in shown:
            four = np.stack([ends.point(entry, end) for end in found])
            made[entry.name] = courses.corners(entry, four, how["side"], how["way"])
    with parts.stage(place):
        if len(shown) == 1:
            grid(shown[0], made[shown[0].name][1], True)
        else:
            for column, entry in zip(st.columns(len(shown), gap="small"), shown, strict=True):
                with column:
                    grid(entry, made[entry.name][1], False)
    caption(shown, found, [], how, test)
    placed = [entry for entry in shown if insets.able(entry)]
    with right, st.container(gap="xxsmall"):
        for i, entry in enumerate(placed):
            z = made[entry.name][0]
            outline = np.concatenate([z[0], z[1:, -1], z[-1, -2::-1], z[-2::-1, 0]])
            plane(entry, outline, found, how, i + 1 if len(placed) > 1 else 0)
        save_grid(shown, found, made)
        if placed:
            under_plane(placed, found, how)


main()
