"""Ends of a path that are the visitor's own pictures: drawn, uploaded, or brought by the link."""

from __future__ import annotations

from functools import partial

import streamlit as st

from explorer import ends, focus, own_link, own_pictures, view
from explorer.ends import End
from explorer.library import Entry, Images

FROM, TOWARDS = focus.KEY, "towards"
"""The widget keys of the two ends' test images."""
MOST_MB = 10
"""Of a picture, in megabytes: the server's own limit is that of a zipped model."""
OWN = {FROM: own_link.FROM, TOWARDS: own_link.TOWARDS}


def fields() -> None:
    """The unseen widgets that keep the pictures in the address."""
    for key in OWN.values():
        own_link.field(key)


def put_off(key: str) -> None:
    """A test image was chosen for this end: it takes the place of the visitor's own picture."""
    if key in OWN:
        own_link.clear(OWN[key])
        st.session_state.pop(_said(key), None)


def swap() -> None:
    """The visitor's own pictures change places."""
    own_link.swap(*OWN.values())
    first, last = (st.session_state.pop(_said(key), "") for key in OWN)
    st.session_state[_said(FROM)], st.session_state[_said(TOWARDS)] = last, first


def of(entry: Entry, test: Images, key: str, i: int) -> End:
    """The visitor's own picture where there is one, else test image i."""
    own = own_link.of(OWN[key], test) if key in OWN else None
    return ends.of_test(test, i) if own is None or own.pixels is None else ends.own(entry, own.pixels)


def wrong(test: Images, key: str, i: int) -> str | None:
    """A sentence where the link has a picture for this end that cannot be read."""
    own = own_link.of(OWN[key], test) if key in OWN else None
    if own is None or own.pixels is not None:
        return None
    return f"{own.said} Test image {i:,} is shown in its place."


# -- controls --------------------------------------------------------------------------------------------------


def controls(entry: Entry, test: Images, names: dict[str, str]) -> None:
    """Buttons that open the drawing pad, and below them the uploads; names: of the ends' keys, "start", "end"."""
    with st.container(horizontal=True, gap="small"):
        asked = [st.button(f"Draw the {names[key]}", icon=":material/draw:", key=f"draw-{key}") for key in names]
    with st.expander("Upload a picture", icon=":material/upload:"):
        for key in names:
            uploader(test, key)
    for key, name in names.items():
        told(test, key, name)
    for (key, name), opened in zip(names.items(), asked, strict=True):
        if opened:
            st.dialog(f"Draw the {name}", width="medium")(drawing)(entry, test, key, name)


def told(test: Images, key: str, name: str) -> None:
    """What is to be said of this end's own picture, and the way back to the test image."""
    refused = st.session_state.get(_refused(key))
    if refused:
        view.wrong(refused)
    own = own_link.of(OWN[key], test)
    if own is None:
        return
    if own.pixels is None:
        view.wrong(own.said)
    else:
        said = " ".join(filter(None, [st.session_state.get(_said(key)), own.said]))
        link = own_link.IN_LINK if own.linked else own_link.NOT_IN_LINK
        view.small(f"The {name} is your picture. {said} {link}")
    st.button("Back to the test image", icon=":material/undo:", key=f"back-{key}", on_click=put_off, args=(key,))


def uploader(test: Images, key: str) -> None:
    label = "Start from a picture of your own" if key == FROM else "Go to a picture of your own"
    kinds, place = list(own_pictures.KINDS), f"own-file-{key}"
    heard = partial(_uploaded, test, key, place)
    st.file_uploader(label, kinds, key=place, max_upload_size=MOST_MB, on_change=heard)


def _uploaded(test: Images, key: str, place: str) -> None:
    content = st.session_state.get(place)
    put_off(key)
    st.session_state[_refused(key)] = None
    if content is None:
        return
    try:
        picture, said = own_pictures.fitted(content.getvalue(), test)
    except own_pictures.NoPictureError as error:
        st.session_state[_refused(key)] = str(error)
        return
    own_link.put(OWN[key], picture)
    st.session_state[_said(key)] = said


# -- the pad ---------------------------------------------------------------------------------------------------


def drawing(entry: Entry, test: Images, key: str, name: str) -> None:
    """The dialog: it closes when the drawing is taken."""
    from explorer.canvas import pad_alone

    place = f"pad-{key}"
    if st.session_state.pop(_taken(key), False):
        st.rerun()
    own = own_link.of(OWN[key], test)
    start = None if own is None else own.pixels
    pad_alone.draw(entry, place, f"Use it as the {name}", partial(_drawn, test, key, place), start)


def _drawn(test: Images, key: str, place: str) -> None:
    from explorer.canvas import pad_alone

    picture = pad_alone.used(place, test.gray.shape[1:])
    if picture is None:
        return
    put_off(key)
    st.session_state[_refused(key)] = None
    own_link.put(OWN[key], picture)
    st.session_state[_taken(key)] = True


def _said(key: str) -> str:
    return f"_own-said-{key}"


def _refused(key: str) -> str:
    return f"_own-refused-{key}"


def _taken(key: str) -> str:
    return f"_own-taken-{key}"
