"""A sweep's numbers against one of its factors: active units against the number of pseudo-inputs, say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import BODY, SMALL, Tone, axis, layout
from latents.sweep.table import Cell, Measure, Row, Table, heading, text

DECADE = 10
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""
LABEL = 8
"""Pixels that a letter of a label takes."""


@dataclass(frozen=True)
class Line:
    """One combination of the other factors. x [n], None where the x factor does not apply: a reference line."""

    name: str
    x: tuple[float, ...] | None
    cells: tuple[Cell, ...]


def against(table: Table, tones: Tone, height: int, *, x: str | None = None, y: str = "active_units") -> go.Figure:
    """The mean over seeds against a factor, one line for each combination of the other factors, a dot for each seed.

    Rows to which the factor does not apply (a standard prior has no pseudo-inputs) are horizontal lines.

    Args:
        table: of `latents.sweep.get(root, name).table()`; runs that have not finished are not in its numbers.
        height: pixels.
        x: the factor, one of `table.axes()`; by default the one with most values. A sweep without a factor of numbers
            is drawn as horizontal lines only.
        y: the key of one of `table.measures`.

    Returns:
        A figure; without anything measured yet, one that says so.
    """
    measure = next((found for found in table.measures if found.key == y), None)
    x = x or next(iter(table.axes()), None)
    figure = go.Figure(layout=layout(tones, height, hovermode="closest"))
    if measure is None:
        return _empty(figure, tones)
    lines = _lines(table, x, y)
    places = sorted({place for line in lines for place in line.x or ()})
    _axes(figure, table, lines, places, x, measure, tones)
    for number, line in enumerate(lines):
        colour, shape = palette.class_colour(number), palette.class_shape(number)
        if line.x is None:
            _reference(figure, line, places, colour, shape, measure, tones)
        else:
            _curve(figure, line, heading(x or ""), colour, shape, measure, tones)
    _labels(figure, lines, tones)
    return figure


def _lines(table: Table, x: str | None, y: str) -> list[Line]:
    groups: dict[str, list[Row]] = {}
    others = [path for path in table.factors if path != x]
    varying = [path for path in others if len({repr(row.factors.get(path)) for row in table.rows}) > 1]
    for row in table.rows:
        if y in row.cells:
            name = ", ".join(_named(path, row.factors[path]) for path in varying if path in row.factors)
            groups.setdefault(f"{name}|{x in row.factors}", []).append(row)
    lines = []
    for key, rows in groups.items():
        name = key.rpartition("|")[0] or table.name
        if x in rows[0].factors:
            rows = sorted(rows, key=lambda row: row.factors[x])
            lines.append(Line(name, tuple(float(row.factors[x]) for row in rows), tuple(row.cells[y] for row in rows)))
        else:
            lines += [Line(name, None, (row.cells[y],)) for row in rows]
    return lines


def _named(path: str, value: Any) -> str:
    """A part by its kind alone; another factor with its name."""
    return str(value) if path.endswith(".kind") else f"{heading(path)} {text(value)}"


# -- marks -------------------------------------------------------------------------------------------------


def _curve(figure: go.Figure, line: Line, factor: str, colour: str, shape: str, measure: Measure, tones: Tone) -> None:
    x = np.array(line.x)
    figure.add_trace(
        go.Scatter(
            x=x,
            y=[cell.mean for cell in line.cells],
            mode="lines",
            name=line.name,
            line={"color": colour, "width": 2.5},
            hoverinfo="skip",
        )
    )
    for mean in (False, True):  # the means above the dots of the seeds
        places, values, said = [], [], []
        for place, cell in zip(line.x or (), line.cells, strict=True):
            of = "" if cell.total is None else f" of {cell.total}"
            if mean:
                error = "" if cell.standard_error is None else f" ± {cell.standard_error:.{measure.digits}f}"
                places.append(place)
                values.append(cell.mean)
                said.append(
                    f"{_number(cell.mean, measure)}{error}{of}, mean of {cell.n}" if cell.n > 1 else "the only run"
                )
            else:
                places += [place] * cell.n
                values += cell.by_seed.values()
                said += [f"{_number(value, measure)}{of}, seed {seed}" for seed, value in cell.by_seed.items()]
        figure.add_trace(
            go.Scatter(
                x=places,
                y=values,
                mode="markers",
                name=line.name,
                customdata=said,
                marker=_mark(colour, shape, tones, mean),
                hovertemplate=f"<b>%{{fullData.name}}</b><br>{factor} = %{{x:,}}<br>%{{customdata}}<extra></extra>",
            )
        )


def _mark(colour: str, shape: str, tones: Tone, mean: bool) -> dict[str, Any]:
    if mean:
        return {"color": colour, "symbol": shape, "size": 11, "line": {"color": tones.paper, "width": 1.5}}
    return {"color": colour, "symbol": f"{shape}-open", "size": 8, "line": {"width": 1.5}}


def _reference(
    figure: go.Figure, line: Line, places: list[float], colour: str, shape: str, measure: Measure, tones: Tone
) -> None:
    """A horizontal line over the whole width, and its seeds at the left."""
    cell = line.cells[0]
    low, high = _range(places)
    spread = np.geomspace(low, high, 50) if _logarithmic(places) else np.linspace(low, high, 50)
    error = "" if cell.standard_error is None else f" ± {cell.standard_error:.{measure.digits}f}"
    of = "" if cell.total is None else f" of {cell.total}"
    figure.add_trace(
        go.Scatter(
            x=spread,
            y=np.full(len(spread), cell.mean),
            mode="lines",
            name=line.name,
            line={"color": colour, "width": 2.5, "dash": "dash"},
            hovertemplate=f"<b>%{{fullData.name}}</b><br>{_number(cell.mean, measure)}{error}{of}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=np.full(cell.n, spread[1]),
            y=list(cell.by_seed.values()),
            mode="markers",
            name=line.name,
            customdata=[f"{_number(value, measure)}{of}, seed {seed}" for seed, value in cell.by_seed.items()],
            marker=_mark(colour, shape, tones, mean=False),
            hovertemplate="<b>%{fullData.name}</b><br>%{customdata}<extra></extra>",
        )
    )


def _number(value: float, measure: Measure) -> str:
    whole = not measure.unit and float(value).is_integer()
    return f"{value:,.{0 if whole else measure.digits}f}".replace("-", "\N{MINUS SIGN}")


# -- axes and words ----------------------------------------------------------------------------------------


def _logarithmic(places: list[float]) -> bool:
    return bool(places) and places[0] > 0 and places[-1] / places[0] >= DECADE


def _range(places: list[float]) -> tuple[float, float]:
    """A range with some air on both sides of the values; of any axis where there are none."""
    if not places:
        return 0.0, 1.0
    low, high = places[0], places[-1]
    if _logarithmic(places):
        air = (high / low) ** 0.08
        return low / air, high * air
    air = 0.08 * (high - low) or 1.0
    return low - air, high + air


def _axes(
    figure: go.Figure,
    table: Table,
    lines: list[Line],
    places: list[float],
    x: str | None,
    measure: Measure,
    tones: Tone,
) -> None:
    logarithmic = _logarithmic(places)
    low, high = _range(places)
    title = table.factors.get(x or "", "")
    values = np.array([value for line in lines for cell in line.cells for value in cell.by_seed.values()])
    totals = {cell.total for line in lines for cell in line.cells}
    unit = f" ({measure.unit})" if measure.unit else ""
    total = totals.pop() if len(totals) == 1 else None
    of = f" of {total}" if total else ""
    figure.update_layout(
        margin={"l": 64, "r": 24 + LABEL * max(len(line.name) for line in lines), "t": 12, "b": 52},
        xaxis=axis(
            tones,
            title[:1].upper() + title[1:] + (" (logarithmic)" if logarithmic else ""),
            type="log" if logarithmic else "linear",
            range=[float(np.log10(low)), float(np.log10(high))] if logarithmic else [low, high],
            tickvals=places,
            ticktext=[f"{place:,g}" for place in places],
            showgrid=False,
            fixedrange=True,
        ),
        yaxis=axis(
            tones,
            measure.title[:1].upper() + measure.title[1:] + of + unit,
            range=_room(values, measure),
            fixedrange=True,
        ),
        dragmode=False,
    )


def _room(values: np.ndarray, measure: Measure) -> list[float]:
    """Counts start at zero; other numbers have air on both sides, and a flat line is drawn flat."""
    low, high = float(values.min()), float(values.max())
    if not measure.unit:
        return [0.0, max(1.0, high) * 1.08]
    air = max(0.1 * (high - low), 0.5)
    return [low - air, high + air]


def _labels(figure: go.Figure, lines: list[Line], tones: Tone) -> None:
    """Each line's name at its right end; names that would lie on one another are moved apart."""
    low, high = figure.layout.yaxis.range
    room = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    apart = (high - low) * (BODY + 5) / room
    ends = sorted(range(len(lines)), key=lambda number: lines[number].cells[-1].mean)
    at = [lines[number].cells[-1].mean for number in ends]
    for i in range(1, len(at)):
        at[i] = max(at[i], at[i - 1] + apart)
    if at and at[-1] > high:  # no room above: push down from the top
        at[-1] = high
        for i in range(len(at) - 2, -1, -1):
            at[i] = min(at[i], at[i + 1] - apart)
    for number, place in zip(ends, at, strict=True):
        figure.add_annotation(
            text=(
                f'<span style="color:{palette.class_colour(number)}"><b>{"– –" if lines[number].x is None else "—"}</b>'
                f"</span> {lines[number].name}"
            ),
            x=1,
            xref="paper",
            xanchor="left",
            xshift=4,
            y=place,
            yref="y",
            showarrow=False,
            font={"size": SMALL, "color": tones.ink},
        )


def _empty(figure: go.Figure, tones: Tone) -> go.Figure:
    figure.update_layout(xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(
        text="No run of this sweep has finished yet.",
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": BODY, "color": tones.muted},
    )
    return figure
