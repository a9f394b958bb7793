"""The menu at the right of every page's first row: its link, its figure, its Python, its data, named views, and what to
do here.

Links, views and lectures are the browser's alone (client.js): nothing of them is kept on the server, and a view is
restored by its link in the same way as in anybody else's browser. So are pictures of the page (the folder figure),
whose script is fetched when somebody first wants one.
"""

from __future__ import annotations

import html
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from explorer import library, view
from explorer.sharing import live, tours

if TYPE_CHECKING:
    from explorer.library import Entry
    from explorer.sharing.files import File
    from explorer.sharing.scripts import Script

_PAGE, _PLACE = "_page", "_share-place"
_WIDTH = 352
_NO_MODEL = ("open_your_own", "new_run", "runs")
"""Pages that show no model of the pickers."""


def install(pages: list[str], here: str) -> None:
    """Put the script of this folder on the page, which answers the arrow keys in a lecture too.

    pages: the paths of all pages, "" for Home's; here: that of the page that is open.
    """
    st.session_state[_PAGE] = here
    root = str(st.get_option("server.baseUrlPath") or "").strip("/")
    settings = {"pages": pages, "base": f"/{root}/" if root else "/", "figure": _figure_script()}
    with st.container(key="sharing-script"):
        call = f"window.latentSharing.begin({_json(settings)})"
        st.html(f"<script>{_script()}\n{call}</script>", unsafe_allow_javascript=True)


def menu(title: str) -> None:
    """The two buttons: what to do on this page, and what to take away from it."""
    page = st.session_state.get(_PAGE, "")
    with st.container(key="controls-share", horizontal=True, gap=None, width="content"):
        tour = tours.of(page)
        if tour:
            with st.popover("Tour of this page", icon=":material/help:", type="tertiary"):
                st.markdown("\n".join(f"{i}. {sentence}" for i, sentence in enumerate(tour, 1)))
        with st.popover("Share", icon=":material/share:", type="tertiary"):
            _share(page, title)


def _share(page: str, title: str) -> None:
    entries = view.models() if library.whole() and page not in _NO_MODEL else []
    models = _named(page, entries)
    name = "-".join([*(["-beside-".join(models)] if models else []), page.replace("_", "-") or "home"])
    figure = {"models": models, "name": name, "title": title}
    _drawn({"model": entries[0].name if entries else None, "title": title, "figure": figure})
    st.session_state[_PLACE] = st.container(gap="xxsmall", width=_WIDTH)


def _named(page: str, picked: list[Entry]) -> list[str]:
    """The models or the run that a picture of this page is of; picked: the models of the pickers."""
    if page == "side_by_side" and st.session_state.get("models"):  # which has up to four
        return list(st.session_state["models"])
    if page == "runs":
        return [str(st.session_state["run"])] if st.session_state.get("run") else []
    if page == "results":
        return []
    return [entry.name for entry in (live.home(picked) if page == "" and picked else picked)]


def finish() -> None:
    """Add to the menu what is known when the page is drawn: its lines of Python, and files of what it shows."""
    from explorer.sharing import files, kept, scripts

    page, place = st.session_state.get(_PAGE, ""), st.session_state.pop(_PLACE, None)
    if place is None or page in _NO_MODEL or not library.whole():
        return
    entries, settings = view.models(), {str(key): value for key, value in st.session_state.items()}
    with place:
        live.offer(page, settings)
        _files(kept.keep(files.of, page, entries, settings))
        _lines(kept.keep(scripts.of, page, entries, settings), len(entries))


def _files(found: list[File]) -> None:
    """A button for each file, in a row of its own for each model."""
    if not found:
        return
    with st.container(key="share-data", gap="xxsmall"):
        for of in dict.fromkeys(file.of for file in found):
            st.markdown(f"**Data of {of}**")
            with st.container(horizontal=True, gap="xxsmall"):
                for i, file in enumerate(found):
                    if file.of == of:
                        st.download_button(
                            f"{file.what} ({file.kind})",
                            file.make,
                            file.name,
                            file.mime,
                            key=f"data-{i}",
                            help=file.label,
                            on_click="ignore",
                        )


def _lines(found: list[Script], models: int) -> None:
    """The lines with a button that copies them; a tab for each model where there are several in view."""
    named = (len(found) > 1 or models > 1) and all(script.name for script in found)
    places = st.tabs([script.name for script in found]) if found and named else [st.container(gap=None) for _ in found]
    for place, script in zip(places, found, strict=True):
        with place:
            _drawn({"python": script.text})
            st.code(script.text, language="python", height=150)


def _drawn(settings: dict) -> None:
    """What client.js fills, as these settings say."""
    place = html.escape(_json(settings), quote=True)
    body = f'<div class="lx-share" data-settings="{place}"></div><script>window.latentSharing?.fill()</script>'
    st.html(body, unsafe_allow_javascript=True)


@lru_cache(maxsize=1)
def _script() -> str:
    return Path(__file__).with_name("client.js").read_text("utf-8")


def _figure_script() -> str:
    """The address of the script that makes pictures of a page."""
    from explorer.canvas import bundle, component

    folder = Path(__file__).with_name("figure")
    return component.served(bundle.script(folder).encode("utf-8"), "text/javascript", "sharing/figure")


def _json(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c")
