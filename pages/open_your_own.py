"""Open your own: a model folder from elsewhere, zipped or on this machine, taken into the library."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explorer import library, parts, planes, view
from explorer.words import count

OPENED = "opened-model"


def opened(take: Callable[[], object]) -> None:
    """Take the model, and keep its name, or show why it is refused."""
    from explorer.checking import NotAModelError

    st.session_state.pop(OPENED, None)
    try:
        with parts.working("Reading all files of the model …"):
            found = take()
    except NotAModelError as error:
        view.unavailable(f"Refused. {error}", "Nothing was kept of it.")
    else:
        st.session_state[OPENED] = found


def result() -> None:
    """The model that was opened last, and the way to it."""
    found = st.session_state.get(OPENED)
    entry = library.at(found.path) if found else None
    if entry is None:
        return
    with st.container(border=True, key="opened"):
        left = ""
        if found.left_out:
            shown = ", ".join(f"`{name}`" for name in found.left_out[:4]) + (" …" if len(found.left_out) > 4 else "")
            left = f" Left out, since it is no part of a model: {count(len(found.left_out), 'file')} ({shown})."
        st.markdown(f"**{entry.name}** is in the library: {entry.title}, {entry.parts_title}.{left}")
        settings = {"icon": ":material/scatter_plot:", "on_click": view.choose, "args": (entry.name,)}
        if st.button("Explore it", type="primary", key="explore-opened", **settings):
            view.go("latent_space" if planes.kinds(entry) else "samples")


def zipped() -> None:
    """The way in for a zip file."""
    from explorer import opening

    most = int(st.get_option("server.maxUploadSize"))
    view.heading("A zipped model folder")
    file = st.file_uploader(f"A zip of up to {most} MB", type=["zip"], key="own-zip")
    name = st.text_input("Name", key="own-zip-name", placeholder="as its recipe says", max_chars=64)
    if st.button("Open the zip", key="open-zip", disabled=file is None) and file is not None:
        opened(lambda: opening.from_zip(file.getvalue(), name))


def local() -> None:
    """The way in for a folder on the machine that runs the app."""
    from explorer import opening

    view.heading("A folder on this machine")
    path = st.text_input("Path of the folder", key="own-path", placeholder="/home/me/runs/my-model")
    name = st.text_input("Name", key="own-path-name", placeholder="as its recipe says", max_chars=64)
    if st.button("Copy the folder", key="open-path", disabled=not path):
        opened(lambda: opening.from_folder(path, name))


def main() -> None:
    with view.header("Open your own"):
        pass
    view.writable()
    left, right = st.columns(2, gap="large")
    with left:
        zipped()
    with right:
        local()
    result()
    st.markdown(
        "A model folder is what `latents train` writes: `config.json` and `model.safetensors`, with the numbers and "
        "snapshots beside them. It is read as data: nothing in it is executed, checkpoints (pickles) are never taken, "
        "and nothing is written outside the library. What does not fit its recipe is refused with the reason."
    )
    with st.container(key="controls-draw", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("A picture of your own, drawn or from a file, is encoded live into any model:", width="content")
        if st.button("Draw on Latent space", icon=":material/draw:", key="draw-own"):
            view.go("latent_space", view="Draw")


main()
