"""The menu at the right of every page's first row: its link, its Python, its data, named views, and what to do here.

Links, views and lectures are the browser's alone (client.js): nothing of them is kept on the server, and a view is
restored by its link in the same way as in anybody else's browser.
"""

from __future__ import annotations

import html
import json
from functools import lru_cache
from pathlib import Path

import streamlit as st

from explorer import library, view
from explorer.sharing import tours

_PAGE = "_page"


def install(pages: list[str], here: str) -> None:
    """Put the script of this folder on the page, which answers the arrow keys in a lecture too.

    pages: the paths of all pages, "" for Home's; here: that of the page that is open.
    """
    st.session_state[_PAGE] = here
    root = str(st.get_option("server.baseUrlPath") or "").strip("/")
    settings = {"pages": pages, "base": f"/{root}/" if root else "/"}
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
    entries = view.models() if library.whole() else []
    settings = {"model": entries[0].name if entries else None, "python": "", "title": title}
    place = html.escape(_json(settings), quote=True)
    body = f'<div class="lx-share" data-settings="{place}"></div><script>window.latentSharing?.fill()</script>'
    st.html(body, unsafe_allow_javascript=True)


@lru_cache(maxsize=1)
def _script() -> str:
    return Path(__file__).with_name("client.js").read_text("utf-8")


def _json(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c")
