"""A recipe's fields as widgets: what a visitor typed is kept for the session, by where the form began and by field.

A field of a part has one memory for each kind of that part: `layers` is a number to one model and a list to another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import forms, view

if TYPE_CHECKING:
    from latents.recipe import FieldInfo, Recipe

KEEP: dict[str, Any] = {"persist_state": "session"}
"""What is typed stays while its field is not shown, and while another page is."""


def draft(start: str, base: Recipe) -> forms.Draft:
    """The form that began at `start` with `base`, as it now stands in this session."""
    typed: dict[str, Any] = {}
    while True:  # a kind brings fields, among them kinds that may have been chosen too
        found = forms.draft(base, typed)
        known = {
            field.path: read(field, found.begun[field.path], st.session_state[key])
            for field in found.fields
            if (key := key_of(start, field, found)) in st.session_state
        }
        if known == typed:
            return found
        typed = known


def key_of(start: str, field: FieldInfo, found: forms.Draft) -> str:
    """The widget's key: where the form began, the kind of the section that the field belongs to, and its name."""
    section = field.path.removesuffix(".kind").rpartition(".")[0]
    return f"form|{start}|{_kind(found.document, section)}|{field.path}"


def _kind(document: dict[str, Any], section: str) -> str:
    here: Any = document
    kinds = []
    for name in filter(None, section.split(".")):
        here = here.get(name, {}) if isinstance(here, dict) else {}
        kinds.append(str(here.get("kind", "")) if isinstance(here, dict) else "")
    return "/".join(filter(None, kinds))


def read(field: FieldInfo, begun: Any, value: Any) -> Any:
    """The field's value from its widget's. begun: what it was before, which says whether it is a list, say."""
    return forms.parsed(value, begun) if isinstance(value, str) and not field.choices else value


def show(start: str, found: forms.Draft, fields: Iterable[FieldInfo], columns: int = 3) -> None:
    """The widgets of these fields, in so many columns, each with what is wrong below it."""
    places = st.columns(columns, gap="small")
    for i, field in enumerate(fields):
        with places[i % columns]:
            widget(start, found, field)


def widget(start: str, found: forms.Draft, field: FieldInfo, name: str = "") -> None:
    """The widget of one field, with what is wrong below it. name: instead of the field's own."""
    key = key_of(start, field, found)
    settings = {"key": key, "help": forms.help_text(field), **KEEP}
    name, begun = name or forms.label(field), found.begun[field.path]
    if field.path == "data.name":
        _data_set(name, begun, settings)
    elif field.choices:
        _first(key, begun)
        st.selectbox(name, field.choices, **settings)
    elif isinstance(begun, bool):
        _first(key, begun)
        st.toggle(name, **settings)
    elif isinstance(begun, int | float):
        _number(name, begun, settings)
    else:
        _first(key, forms.spelled(begun))
        st.text_input(name, **settings)
    problem = found.by_field.get(field.path)
    if problem:
        view.wrong(problem)


def _first(key: str, value: Any) -> None:
    """The value with which a widget begins, unless it has one: its identity must not hang on the default."""
    st.session_state.setdefault(key, value)


def _number(name: str, value: float, settings: dict[str, Any]) -> None:
    """No bounds: the browser would keep a value beyond them to itself, and the run would begin with the one before."""
    _first(settings["key"], value)
    if isinstance(value, int):
        st.number_input(name, step=1, value=None, **settings)
    else:
        step = 10.0 ** math.floor(math.log10(abs(value))) if value else 0.1
        st.number_input(name, step=step / 2 if step >= 1 else step, format="%g", value=None, **settings)


def _data_set(name: str, begun: str, settings: dict[str, Any]) -> None:
    """The known sets; a path may be typed."""
    from latents import data

    _first(settings["key"], begun)
    known = list(data.names())
    chosen = st.session_state[settings["key"]]
    options = known if chosen in known else [*known, chosen]
    st.selectbox(name, options, accept_new_options=True, **settings)
