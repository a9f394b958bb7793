"""The controls of Interpolate: which way is gone, between which images, and how far. At most five in the row."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from explorer import courses, ends, focus, own_ends, parts, paths, view
from explorer.charts.region import class_name
from explorer.courses import STRENGTHS
from explorer.library import Entry, Images
from explorer.own_ends import FROM, TOWARDS

LINE, CORNERS, WALK, CLASSES = "Line", "Corners", "Walk", "Classes"
MODES = (LINE, CORNERS, WALK, CLASSES)
KEYS = (FROM, TOWARDS, "third", "fourth")
NAMES = {FROM: "From", TOWARDS: "to", "third": "Lower left", "fourth": "Lower right"}
STEPS, SIDE = 9, 9
NARROW, SLIDER = 68, 84
"""Pixels of a number and of a slider: the row holds five controls."""
ITS_OWN = "its class"
BOUND: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}


def default_four(test: Images) -> tuple[int, ...]:
    """The first images of the classes 1 and 7 (on digits a stroke apart), 0 and 4; else the first four."""
    found = [paths.first_of(test, label) for label in (1, 7, 0, 4)]
    last = len(test.gray) - 1
    return tuple(min(i, last) for i in range(4)) if None in found else tuple(i for i in found if i is not None)


def to(end: int, image: int) -> None:
    """Make a test image this end: for callbacks. It takes the place of the visitor's own picture."""
    st.session_state[KEYS[end]] = image
    own_ends.put_off(KEYS[end])


def slider(mode: str) -> str:
    """The label of the slider that chooses the step."""
    return "Strength" if mode == CLASSES else "Step"


def step_to(mode: str, step: int) -> None:
    """Make this the chosen step: for callbacks."""
    if mode == CLASSES:
        st.session_state["strength"] = float(STRENGTHS[step])
    else:
        st.session_state["step"] = step


def swap() -> None:
    first, last = st.session_state[FROM], st.session_state[TOWARDS]
    st.session_state[FROM], st.session_state[TOWARDS] = last, first
    own_ends.swap()


def another(test: Images) -> None:
    seed = st.session_state[FROM] * len(test.gray) + st.session_state[TOWARDS]
    for end, image in enumerate(paths.pair_of_classes(test, seed)):
        to(end, image)


def of_class(test: Images, key: str) -> None:
    """The next image of the class whose pill was pressed."""
    pill = f"{key}_class"
    if st.session_state[pill] is not None:
        to(KEYS.index(key), paths.next_of(test, st.session_state[pill], st.session_state[key]))
    st.session_state[pill] = None


# -- the row -------------------------------------------------------------------------------------------------


def row(entries: list[Entry], test: Images) -> dict:
    """What was chosen: mode, ends [(key, test image)], and what the mode needs."""
    classes = test.labels is not None and len(np.unique(test.labels)) > 1
    offered = any(paths.shells(entry) for entry in entries)
    modes = MODES if classes else MODES[:3]
    if st.session_state.get("mode", LINE) not in modes:
        st.session_state["mode"] = LINE
    how: dict = {"way": paths.STRAIGHT, "offered": offered, "steps": STEPS, "step": 0}
    how["mode"] = mode = st.segmented_control("Mode", modes, default=LINE, required=True, key="mode", **BOUND)
    four = default_four(test)
    own_ends.fields()
    how["ends"] = [number(test, FROM, four[0], "" if mode == CLASSES else None)]
    if mode in (LINE, CORNERS):
        how["ends"].append(number(test, TOWARDS, four[1]))
    if mode == CLASSES:
        choose_classes(entries[0], test, how)
    elif mode == WALK:
        parts.named("Seed")
        how["seed"] = st.number_input("Seed of the walk", 0, 9999, 0, key="walk", width=NARROW, **BOUND)
    place = st.container(width=SLIDER) if mode in (LINE, WALK) else None  # how far it goes, another control says
    with view.more():
        more(entries[0], test, how, four, classes)
    if place is not None:
        with place:
            how["step"] = step_slider(how["steps"])
    return how


def number(test: Images, key: str, first: int, name: str | None = None) -> tuple[str, int]:
    """The number of a test image, in the row; name: before it, the key's own where None, nothing where empty."""
    last = len(test.gray) - 1
    focus.keep(key)
    parts.bounded(key, 0, last)
    if name != "":
        parts.named(name or NAMES[key])
    label = "From test image" if key == FROM else "To test image" if key == TOWARDS else f"{NAMES[key]} test image"
    help_ = f"Test images are counted from 0 to {last:,}."
    told: dict[str, Any] = {"on_change": own_ends.put_off, "args": (key,), "help": help_}
    chosen = int(st.number_input(label, 0, last, first, key=key, width=NARROW, **told, **BOUND))
    return key, chosen


def step_slider(steps: int) -> int:
    """Which step is shown large, and where the bead is."""
    parts.bounded("step", 0, steps - 1)
    last, shown = steps - 1, "step %d"
    return st.slider(slider(LINE), 0, last, last // 2, key="step", format=shown, width=SLIDER, **BOUND)


def choose_classes(entry: Entry, test: Images, how: dict) -> None:
    """From the mean of which class to that of which. The class of the visitor's own picture is that of the test image
    nearest to it."""
    assert test.labels is not None
    labels = {class_name(int(label), test.class_names): int(label) for label in np.unique(test.labels)}
    names = list(labels)
    for key, options in (("origin", [ITS_OWN, *names]), ("target", names)):
        if st.session_state.get(key, options[0]) not in options:
            del st.session_state[key]
    start = own_ends.of(entry, test, *how["ends"][0])
    how["guessed"] = start.index is None
    place = courses.nearest_image(entry, ends.point(entry, start)) if start.index is None else start.index
    own = class_name(int(test.labels[place]), test.class_names)
    origin = st.session_state.get("origin") or st.query_params.get("origin") or ITS_OWN  # its control is under "More"
    origin = origin if origin in names else ITS_OWN
    parts.named("towards")
    target = st.selectbox("To the mean of class", names, index=min(7, len(names) - 1), key="target", width=84, **BOUND)
    how["guessed"] = how["guessed"] and origin == ITS_OWN
    how["origin_name"], how["target_name"] = own if origin == ITS_OWN else origin, target
    how["names"] = names
    how["origin"], how["target"] = labels[how["origin_name"]], labels[target]
    strengths = [float(s) for s in STRENGTHS]
    if st.session_state.get("strength", 1.0) not in strengths:
        del st.session_state["strength"]
    low, high, by = strengths[0], strengths[-1], strengths[1] - strengths[0]
    strength = st.slider(slider(CLASSES), low, high, 1.0, by, key="strength", format="s = %.2f", width=SLIDER, **BOUND)
    how["step"] = int(np.abs(STRENGTHS - strength).argmin())


def more(entry: Entry, test: Images, how: dict, four: tuple[int, ...], classes: bool) -> None:
    """What does not fit the row."""
    mode = how["mode"]
    bound: dict[str, Any] = {"bind": "query-params"}
    if mode in (LINE, CORNERS):
        with st.container(horizontal=True, gap="small"):
            st.button("Swap", icon=":material/swap_horiz:", key="swap-ends", on_click=swap)
            st.button("Another pair", icon=":material/casino:", on_click=another, args=(test,))
        if how["offered"]:
            how["way"] = st.segmented_control(
                "Way", [paths.STRAIGHT, paths.CIRCLE], default=paths.STRAIGHT, required=True, key="way", **bound
            )
    if mode == CORNERS:
        for key, first in zip(KEYS[2:], four[2:], strict=True):
            how["ends"].append(number(test, key, first))
        how["side"] = st.slider("Pictures along a side", 5, 11, SIDE, 2, key="side", **bound)
    if mode == LINE and classes:
        class_pills(test)
    if mode in (LINE, WALK):
        how["steps"] = st.slider("Steps", 5, 21, STEPS, 2, key="steps", **bound)
    if mode == WALK:
        label = "Length of a step (share of the data's spread)"
        how["stride"] = st.slider(label, 0.05, 1.0, 0.2, 0.05, key="stride", **bound)
    if mode == CLASSES:
        st.selectbox("Away from the mean of class", [ITS_OWN, *how["names"]], key="origin", **bound)
    names = ("upper left", "upper right") if mode == CORNERS else ("start", "end")
    own_ends.controls(entry, test, {key: name for (key, _), name in zip(how["ends"], names, strict=False)})


def class_pills(test: Images) -> None:
    assert test.labels is not None
    labels = sorted({int(label) for label in test.labels})
    for key, words in ((FROM, "From the next image of class"), (TOWARDS, "To the next image of class")):
        st.pills(
            words,
            labels,
            format_func=lambda label: class_name(label, test.class_names),
            key=f"{key}_class",
            on_change=of_class,
            args=(test, key),
        )
