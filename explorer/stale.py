"""What a link asks for and cannot be had here, in sentences: its model is gone, its unit or image out of range.

Streamlit drops such a value from the address and takes the control's first one; without a word a visitor would take
what is shown for what was sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import streamlit as st

from explorer import library, view

_LINK, _TOLD = "_link", "_told"
LONGEST, MOST = 40, 4
"""Characters of a value that are repeated, and sentences at most."""
NAMES = {
    "image": "test image",
    "towards": "second test image",
    "third": "third test image",
    "fourth": "fourth test image",
    "z1": "z₁",
    "z2": "z₂",
    "across": "unit across",
    "up": "unit up",
    "by-unit": "unit to colour by",
    "of-q": "part of q(z|x)",
    "walk": "seed of the walk",
    "draws": "seed of the samples",
    "below_seed": "seed",
    "keep": "number of layers kept",
    "k": "number of nearest images",
    "origin": "first class",
    "target": "second class",
    "compare": "part",
    "layers": "figure",
    "part": "part of the ranking",
}
"""Widgets' keys in words; the others are words already."""
LACKED = {"plane": ("latent_space",), "layer": ("latent_space", "traversals")}
"""Controls that these pages draw for models that have such a thing, and not for others."""


def arrive() -> None:
    """Keep what the link says, before any control has taken its value. Call it at the top of every run."""
    if _LINK not in st.session_state:
        st.session_state[_LINK] = {key: st.query_params.get_all(key) for key in st.query_params}
        st.session_state[_TOLD] = False


def tell(page: str) -> None:
    """Say, once, what of the link could not be had. Call it when the page is drawn."""
    if st.session_state.get(_TOLD, True):
        return
    st.session_state[_TOLD] = True
    said = list(sentences(st.session_state[_LINK], page))
    if said:
        more = [f"So do {len(said) - MOST} more of its settings."] if len(said) > MOST else []
        st.toast("  \n".join([*said[:MOST], *more]), icon=":material/link_off:", duration="infinite")


def sentences(link: dict[str, list[str]], page: str) -> Iterable[str]:
    """One sentence for each thing in the link that is not what is shown."""
    yield from _models(link, page)
    for key, given in link.items():
        if key in ("model", "beside", "models", "hide") or not any(given):
            continue
        if key == "picked":
            yield from _chosen(given[0])
        elif key not in st.session_state:
            if page in LACKED.get(key, ()):
                yield f"This link asks for {_name(key)} {_quoted(given[0])}, which this model has not here."
        elif not _taken(key, given):
            asked, shown = f"{_name(key)} {_quoted(given[0])}", _said(st.session_state[key])
            yield f"This link asks for {asked}, which cannot be had here; it is {shown} instead."
    if link.get("hide", [""])[0] not in ("", "controls"):
        yield f"This link hides {_quoted(link['hide'][0])}; only `hide=controls` is known, so nothing is hidden."


def _models(link: dict[str, list[str]], page: str) -> Iterable[str]:
    names = [entry.name for entry in library.whole()]
    if not names:
        return
    gone = " is not in this library (any more)"
    if link.get("model", [""])[0] not in ("", *names):
        yield f"The model of this link, {_quoted(link['model'][0])},{gone}: {view.model().name} is shown instead."
    if link.get("beside", [""])[0] not in ("", view.NONE, *names):
        yield f"The model beside it in this link, {_quoted(link['beside'][0])},{gone}."
    lost = [name for name in link.get("models", []) if name not in names]
    if lost and page == "side_by_side":
        yield f"Of this link's models {', '.join(map(_quoted, lost[:MOST]))}{gone}."


def _chosen(text: str) -> Iterable[str]:
    """Of the images that the link has chosen, those that are none here."""
    from explorer.canvas import picked

    entry = view.model()
    if "picked" not in st.session_state or view.problem(entry) is not None:
        return
    count = len(library.images(entry).gray)
    given, found = picked.decode(text, 10**7), picked.decode(text, count)
    if not given:
        yield f"The chosen images of this link, {_quoted(text)}, cannot be read: none is chosen."
    elif len(found) < len(given):
        missing = len(given) - len(found)
        are = "is" if missing == 1 else "are"
        yield f"{missing} of this link's {len(given)} chosen images {are} not among the {count:,} test images here."


def _taken(key: str, given: list[str]) -> bool:
    """Whether the control shows what the link says."""
    if key in st.query_params and st.query_params.get_all(key) == given:
        return True
    value = st.session_state[key]
    if isinstance(value, list | tuple):
        return [str(one) for one in value] == given
    text = given[0].strip().casefold()
    if isinstance(value, bool):
        return text == str(value).casefold()
    if isinstance(value, int | float):
        try:
            return math.isclose(float(text), value, rel_tol=1e-6, abs_tol=1e-9)
        except ValueError:
            return False
    return text.startswith(str(value).casefold())  # (a map's title begins with its name)


def _name(key: str) -> str:
    return NAMES.get(key, key.replace("-", " ").replace("_", " "))


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"“{value}”" if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """What a link says, as text and never as Markdown: it may come from anywhere."""
    shown = "".join(letter for letter in text if letter.isprintable() and letter != "`")
    return f"`{shown[:LONGEST]}{'…' if len(shown) > LONGEST else ''}`"
