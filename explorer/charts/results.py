"""Log-likelihoods of many models as dots with their errors, a line for each; printed numbers as open diamonds below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts import palette
from explorer.charts.theme import SMALL, Tone, axis, layout

MOST = 30
"""Lines that are drawn in one column; more are drawn in two, on the same scale."""
ERRORS = 2
"""Standard errors that a bar is long, to either side."""
COLOURS = {
    "standard": palette.CLASSES[0],
    "vampprior": palette.CLASSES[2],
    "mixture": palette.CLASSES[4],
    "uniform-sphere": palette.CLASSES[1],
    "vampprior-data": palette.CLASSES[6],
}
"""Of priors; other parts follow in the order in which they come."""
OTHERS = tuple(palette.CLASSES[i] for i in (5, 7, 8, 3, 9))
PRINTED = "diamond-open"
SYMBOLS = {"importance": "circle", "exact": "square", "bound": "triangle-right"}
_LETTER, _TOP, _BOTTOM, _ROW = 6.6, 30, 46, 13


@dataclass(frozen=True)
class Mark:
    """One number in nats: its standard error or None; key and title of its prior; told: what hovering over it says.

    estimator: a key of `SYMBOLS`, or "" for a printed number; place: a whole number that a click gives back, or None.
    """

    value: float
    error: float | None
    key: str
    title: str
    told: str
    estimator: str = ""
    place: int | None = None


@dataclass(frozen=True)
class Line:
    """One line: its name, its marks (a heading has none), what stands at its right end, and whether it is bold."""

    name: str
    marks: tuple[Mark, ...] = ()
    said: str = ""
    bold: bool = False


def dots(lines: list[Line], tones: Tone, height: int, width: int, larger: float = 1.0) -> go.Figure:
    """All lines on one scale, in one column or two.

    height, width: pixels; it is taller where there are many lines; larger: times the usual size of letters.
    """
    across = 1 if len(lines) <= MOST else 2
    share = math.ceil(len(lines) / across)
    columns = [lines[i * share : (i + 1) * share] for i in range(across)]
    height = max(height, _TOP + _BOTTOM + round(_ROW * share * larger))
    left = 16 + round(_LETTER * larger * max(len(line.name) for line in lines))
    right = 16 + round(_LETTER * larger * max(len(line.said) for line in lines))
    figure = go.Figure(
        layout=layout(tones, height, margin={"l": left, "r": right, "t": _TOP, "b": _BOTTOM}, dragmode=False)
    )
    span = _span(lines)
    between = (left + right) / max(width - left - right, 1)
    each = (1 - between * (across - 1)) / across
    colours = _colours(lines)
    for i, column in enumerate(columns):
        mark = "" if i == 0 else str(2 * i + 1)
        ends = str(2 * i + 2)
        domain = [i * (each + between), i * (each + between) + each]
        rows = {"range": [share - 0.5, -0.5], "fixedrange": True, "showgrid": False}
        figure.update_layout(
            {
                f"xaxis{mark}": axis(
                    tones, _title(across), domain=domain, range=span, anchor=f"y{mark}", fixedrange=True
                ),
                f"yaxis{mark}": axis(tones, "", anchor=f"x{mark}", **rows, **_ticks([_name(one) for one in column])),
                f"yaxis{ends}": axis(
                    tones,
                    "",
                    anchor=f"x{mark}",
                    overlaying=f"y{mark}",
                    side="right",
                    **rows,
                    **_ticks([one.said for one in column]),
                ),
            }
        )
        size = round((SMALL if height / share >= 17 * larger else 11) * larger)
        figure.update_layout({f"yaxis{mark}.tickfont": {"size": size, "color": tones.ink}})
        figure.update_layout({f"yaxis{ends}.tickfont": {"size": size, "color": tones.ink}})
        _guides(figure, column, tones, mark, span)
        _marks(figure, column, colours, tones, mark, ends, size)
    _legend(figure, lines, colours, tones, left, width)
    return figure


def _legend(figure: go.Figure, lines: list[Line], colours: dict[str, str], tones: Tone, left: int, width: int) -> None:
    """What the colours are, over the whole width: Plotly's own legend is only as wide as the axes."""
    titles = {one.key: one.title for line in lines for one in line.marks}
    told, rows, used = "", 1, 0.0
    for key, title in titles.items():
        long = _LETTER * (len(title) + 6)
        if used + long > width:
            told, rows, used = told + "<br>", rows + 1, 0.0
        told += f'<span style="color:{colours[key]};font-size:18px">\u25cf</span> {title}' + "\u2003"
        used += long
    figure.update_layout(margin={"t": 10 + 20 * rows})
    figure.add_annotation(
        text=told,
        x=0,
        xref="paper",
        xanchor="left",
        xshift=10 - left,
        y=1,
        yref="paper",
        yanchor="bottom",
        align="left",
        showarrow=False,
        font={"size": SMALL, "color": tones.ink},
    )


def _title(across: int) -> str:
    if across > 1:
        return f"log p(x), nats (bars: ± {ERRORS} SE)"
    return f"log p(x) of a test image, nats: higher is better (bars: ± {ERRORS} standard errors)"


def _name(line: Line) -> str:
    if not line.marks:
        return f"<i>{line.name}</i>"
    return f"<b>{line.name}</b>" if line.bold else line.name


def _ticks(texts: list[str]) -> dict:
    return {"tickvals": list(range(len(texts))), "ticktext": texts}


def _span(lines: list[Line]) -> list[float]:
    ends = [
        mark.value + side * ERRORS * (mark.error or 0.0) for line in lines for mark in line.marks for side in (-1, 1)
    ]
    air = max(max(ends) - min(ends), 0.5) * 0.03
    return [min(ends) - air, max(ends) + air]


def _colours(lines: list[Line]) -> dict[str, str]:
    """The colour of each prior or family, those that mean something on every page first."""
    found, others = {}, iter(OTHERS * 4)
    for mark in (mark for line in lines for mark in line.marks):
        if mark.key not in found:
            found[mark.key] = COLOURS.get(mark.key) or next(others)
    return found


def _guides(figure: go.Figure, column: list[Line], tones: Tone, mark: str, span: list[float]) -> None:
    """A thin line from each name to its number."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row, line in enumerate(column):
        if line.marks:
            x += [span[0], span[1], None]
            y += [row, row, None]
    figure.add_scatter(
        x=x,
        y=y,
        xaxis=f"x{mark}",
        yaxis=f"y{mark}",
        mode="lines",
        line={"color": tones.rule, "width": 1},
        hoverinfo="skip",
    )


def _marks(
    figure: go.Figure, column: list[Line], colours: dict[str, str], tones: Tone, mark: str, ends: str, size: int
) -> None:
    kinds = {(one.key, not one.estimator): one.title for line in column for one in line.marks}
    for (key, printed), title in kinds.items():
        placed = [
            (row, one)
            for row, line in enumerate(column)
            for one in line.marks
            if (one.key, not one.estimator) == (key, printed)
        ]
        bars = [None if one.error is None else ERRORS * one.error for _, one in placed]
        figure.add_scatter(
            x=[one.value for _, one in placed],
            y=[row for row, _ in placed],
            xaxis=f"x{mark}",
            yaxis=f"y{mark}",
            mode="markers",
            name=title,
            error_x=None if printed else {"array": bars, "thickness": 1.5, "width": 3, "color": colours[key]},
            marker={
                "symbol": [PRINTED if printed else SYMBOLS.get(one.estimator, "circle") for _, one in placed],
                "color": colours[key],
                "opacity": 1,
                "size": size - 3 if printed else size - 2,
                "line": {"width": 2, "color": colours[key]} if printed else {"width": 1, "color": tones.paper},
            },
            customdata=[one.place for _, one in placed],
            text=[one.told for _, one in placed],
            hovertemplate="%{text}<extra></extra>",
        )
    # an axis without a trace of its own is not drawn
    figure.add_scatter(x=[None], y=[None], xaxis=f"x{mark}", yaxis=f"y{ends}", mode="markers", hoverinfo="skip")
