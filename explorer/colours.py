"""What the test images on a canvas are coloured by: their class, a number of theirs, or a unit of their code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import image_numbers, library, naming, parts, unit_numbers, usage
from explorer.charts import palette
from explorer.library import Entry

CLASS, ELBO, ERROR, KL, PSEUDO, COMPONENT, UNIT = (
    "Class",
    "ELBO",
    "Error",
    "KL",
    "Pseudo-input",
    "Component",
    "Unit",
)
MEASURED = (ELBO, ERROR, KL)
WORDS = {ELBO: "ELBO", ERROR: "reconstruction error", KL: "KL(q(z|x) ‖ p(z))"}


@dataclass(frozen=True)
class Colouring:
    """A choice of colours.

    by: one of the words above; key: the name of the canvas's values ("class" for none); title: what stands at the
    scale; sentence: how the caption goes on after "Each dot is a test image ..."; values: of each model [N], or None
    where it has none; cycle: colours that numbers of a kind (not a size) go through.
    """

    by: str
    key: str = "class"
    title: str = ""
    sentence: str = "coloured by class"
    values: tuple[np.ndarray | None, ...] = ()
    cycle: tuple[str, ...] = ()

    def settings(self) -> dict:
        """For the canvas (canvas.js)."""
        return {"colour": self.key, "colourTitle": self.title, "cycle": list(self.cycle)}

    def of_model(self, i: int) -> tuple[str, np.ndarray] | None:
        """The canvas's values for model i: their name and the numbers; None where it keeps the colours of classes."""
        found = self.values[i] if self.values else None
        return None if found is None else (self.key, found)


def options(entries: list[Entry]) -> list[str]:
    """What at least one of the models can be coloured by."""
    found = [CLASS]
    bounded = any(library.why_not(entry, "elbo") is None for entry in entries)
    found += [ELBO] if bounded else []
    found += [ERROR] if bounded or any(library.why_not(entry, "mean") is None for entry in entries) else []
    found += [KL] if bounded else []
    if any(library.why_not(entry, "pseudo_inputs") is None for entry in entries):
        found.append(PSEUDO)
    elif any(library.why_not(entry, "components") is None for entry in entries):
        found.append(COMPONENT)
    return [*found, UNIT] if any(library.why_not(entry, "units") is None for entry in entries) else found


def control(entries: list[Entry], named: bool) -> str:
    """What to colour by: a control for the row. named: with its name before it, where there is room."""
    found = options(entries)
    if st.session_state.get("colour") not in (None, *found):
        del st.session_state["colour"]  # the other model cannot do it
    if named:
        parts.named("Colour")
    return st.selectbox(
        "Colour by",
        found,
        key="colour",
        bind="query-params",
        label_visibility="collapsed",
        width=186 if named else 130,
        help="What the dots are coloured by.",
    )


def unit(entries: list[Entry]) -> int:
    """Which unit to colour by, counted from 0: a control, with the units that carry most first."""
    entry = next(one for one in entries if library.why_not(one, "units") is None)
    names = naming.units(usage.layers(entry))
    order = [int(u) for layer in range(len(usage.layers(entry))) for u in unit_numbers.ranked(entry, layer)]
    found = [names[u] for u in order]
    if st.session_state.get("by-unit") not in (None, *found):
        del st.session_state["by-unit"]
    chosen = st.selectbox(
        "Unit to colour by", found, key="by-unit", bind="query-params", help="Those that carry most first."
    )
    return names.index(chosen)


def of(entries: list[Entry], by: str, number: int = 0) -> Colouring:
    """The colours for this choice, computed where they were not yet (with progress). number: the unit's, from 0."""
    if by in MEASURED:
        return _measured(entries, by)
    if by in (PSEUDO, COMPONENT):
        responsible = tuple(
            image_numbers.component(one) if library.why_not(one, "components") is None else None for one in entries
        )
        count = max(len(usage.codes(one)) for one, k in zip(entries, responsible, strict=True) if k is not None)
        kind = by.lower()
        return Colouring(
            by,
            f"{kind}s",
            f"{count:,} {kind}s: the ten colours repeat",
            f"coloured by the {kind} that explains it most (the ten colours repeat)",
            tuple(None if k is None else k % len(palette.CLASSES) for k in responsible),
            tuple(palette.CLASSES),
        )
    if by == UNIT:
        able = [library.why_not(one, "units") is None for one in entries]
        points = [library.encoding(one).points for one in entries]
        names = naming.units(usage.layers(entries[able.index(True)]))
        values = tuple(
            z[:, number] if has and number < z.shape[1] else None for has, z in zip(able, points, strict=True)
        )
        symbol = naming.symbol(names[number])
        return Colouring(by, f"unit-{number}", f"{symbol} (latent units)", f"coloured by {symbol} of its code", values)
    return Colouring(CLASS)


def _measured(entries: list[Entry], by: str) -> Colouring:
    numbers = [measured(entry) for entry in entries]
    field = {ELBO: "elbo", ERROR: "error", KL: "kl"}[by]
    values = tuple(getattr(one, field) for one in numbers)
    unit = next(iter(dict.fromkeys(one.error_unit for one in numbers if one.error is not None)), "nats")
    unit = unit if by == ERROR else "nats"
    return Colouring(
        by, field, f"{unit} ({WORDS[by]})", f"coloured by {'' if by == KL else 'its '}{WORDS[by]} in {unit}", values
    )


def measured(entry: Entry) -> image_numbers.Numbers:
    """The numbers of the test images, with a bar while they are computed for the first time."""
    if image_numbers.ready(entry):
        return image_numbers.of(entry)
    bar = st.empty()

    def watch(done: int, total: int) -> None:
        text = f"{entry.name}: ELBO, error and KL of {done:,} of {total:,} test images"
        bar.progress(done / total, text=text)

    found = image_numbers.of(entry, watch)
    bar.empty()
    return found


def lacking(entries: list[Entry], found: Colouring) -> list[str]:
    """The names of the models that have no such number, and keep the colours of the classes."""
    return [entry.name for entry, one in zip(entries, found.values, strict=False) if one is None]


def labelled(entries: list[Entry]) -> bool:
    """Whether there are classes to colour by."""
    return any(library.images(entry).labels is not None for entry in entries)


def stated(entries: list[Entry], found: Colouring) -> str:
    """For the caption: `, coloured by class`, with the models that cannot be; "" where there are no classes."""
    if found.by == CLASS:
        return f", {found.sentence}" if labelled(entries) else ""
    without = lacking(entries, found)
    return f", {found.sentence}" + (f" ({' and '.join(without)}: no such number)" if without else "")
