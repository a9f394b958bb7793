"""Results: the numbers of all models, a table for each data set and measure, and the papers' numbers beside them."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import streamlit as st

from explorer import library, parts, published, results, selecting, view, words
from explorer.charts import results as chart
from explorer.library import Entry
from explorer.published import Published
from explorer.results import Kind, Result

HEIGHT, WIDTH = 470, 992
LARGE, WIDE = 560, 1248
"""The same where the controls are hidden, for the back row."""
ROW, LONGEST = 32, 420
"""Pixels of a row of the table, and of the table at most; a longer one scrolls."""
OPENED = "_opened"

WORDS = """
How well does a model predict images that it has not seen? Its log-likelihood says so: the logarithm of the probability
that it gives to a test image, averaged over test images; higher is better. Most models know it only by estimation, so
the number comes with how it was taken: *importance* sampling draws many codes from q(z|x) and weighs them, and errs on
the low side; *exact* is exact; a *lower bound* may lie far below what it bounds.

Numbers compare only within one data set, one measure and one way of making images black and white; so each of these has
a table of its own. A density of gray images may be above zero and says nothing about a probability; 256 levels of gray
are more to guess than two. Within a table, the error of a number is over images, and most of it is shared: an image
that is hard for one model is hard for all. So whether one model is better is told by the difference image by image, and
the best one is bold only where that difference is beyond two standard errors for every other model. Each model was
trained once: what another seed of the training would change is in none of these errors.

The *papers' numbers* are as printed there. Their networks, their training, their draw of the binary images and their
number of importance samples are not ours: they say where one might get to, not which of ours is right.
"""
MATHS = r"""
$$\log p(x) \approx \log \frac{1}{S} \sum_{s=1}^{S} \frac{p(x \mid z_s)\, p(z_s)}{q(z_s \mid x)}, \qquad
z_s \sim q(z \mid x)$$

$$\mathrm{ELBO} = \underbrace{\mathbb{E}_{q(z|x)}[\log p(x \mid z)]}_{-\text{distortion}} -
\underbrace{\mathrm{KL}(q(z \mid x)\,\|\,p(z))}_{\text{rate}} \le \log p(x)$$

The standard error of a mean over $N$ images is $s / \sqrt{N}$; that of a difference of two models is taken from the
$N$ differences $\log p_a(x_n) - \log p_b(x_n)$.
"""


# -- the controls ------------------------------------------------------------------------------------------------


def follow_picker(tables: dict[Kind, list[Result]]) -> None:
    """Where another model is chosen at the left, its table is shown."""
    name, before = view.model().name, st.session_state.get("_results-of")
    if before not in (None, name):
        st.session_state["table"] = own(tables).title
    st.session_state["_results-of"] = name


def own(tables: dict[Kind, list[Result]]) -> Kind:
    """The table of the chosen model."""
    name = view.model().name
    return next(kind for kind, rows in tables.items() if any(row.entry.name == name for row in rows))


def header(tables: dict[Kind, list[Result]]) -> tuple[Kind, str, bool]:
    """Which table, in which order, and whether the papers' numbers are in the figure."""
    bound: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    titles = {kind.title: kind for kind in tables}
    follow_picker(tables)
    if st.session_state.get("table") not in (None, *titles):
        del st.session_state["table"]
    with view.header("Results"):
        names = list(titles)
        title = st.selectbox("Table", names, names.index(own(tables).title), key="table", width=300, **bound)
        parts.named("Sorted by")
        sort = st.selectbox("Sorted by", list(results.SORTS), key="sort", width=150, **bound)
        kind = titles[title]
        printed = published.comparable(kind.data, kind.measure)
        shown = st.toggle("The papers' numbers", True, key="papers", bind="query-params", disabled=not printed)
    return kind, sort, bool(shown and printed)


# -- the figure ----------------------------------------------------------------------------------------------------


def prior(entry: Entry) -> tuple[str, str]:
    """What a dot is coloured by: the kind of prior, or the family of a model without one."""
    if entry.prior == "none":
        return entry.family, entry.family.lower()
    return entry.prior, named_prior(entry.prior)


def named_prior(kind: str) -> str:
    """`standard normal prior`, without the number of components."""
    titles = {
        "standard": "standard normal",
        "vampprior": "VampPrior",
        "vampprior-data": "VampPrior on training images",
        "mixture": "mixture of Gaussians",
        "uniform-sphere": "uniform on the sphere",
    }
    return titles.get(kind, f"{kind.replace('-', ' ')} prior")


def told(row: Result) -> str:
    """What hovering over a model's dot says."""
    entry = row.entry
    lines = [
        f"<b>{entry.name}</b>",
        f"{entry.family}, {entry.prior_title}, {entry.space_title}",
        f"log p(x) {spoken(row)} nats ({results.estimated(row)}, {words.count(row.images or 0, 'image')})",
    ]
    if row.elbo is not None:
        lines.append(f"ELBO {words.number(row.elbo)} nats")
    if row.active is not None:
        lines.append(f"{row.active} of {row.units} units active")
    if row.seconds is not None and row.epochs is not None:
        lines.append(f"{words.count(row.epochs, 'epoch')} in {words.duration(row.seconds)}")
    return "<br>".join([*lines, "Click to open it"])


def spoken(row: Result) -> str:
    """`−131.58 ± 0.46`, a lower bound with ≥."""
    if row.value is None:
        return ""
    bound = "≥ " if row.bound else ""
    return f"{bound}{words.number(row.value)}" + ("" if row.error is None else f" ± {words.number(row.error)}")


def lines(rows: list[Result], printed: list[Published]) -> list[chart.Line]:
    """A line for each model, in the table's order; below them one for each model of a paper, with all its priors."""
    found = []
    for place, row in enumerate(rows):
        if row.value is not None:
            key, title = prior(row.entry)
            mark = chart.Mark(row.value, row.error, key, title, told(row), row.estimator, place)
            found.append(chart.Line(row.entry.name, (mark,), spoken(row), row.best))
    groups: dict[str, dict[str, list[Published]]] = {}
    for one in printed:
        groups.setdefault(one.paper.short, {}).setdefault(one.model, []).append(one)
    for source, models in groups.items():
        found.append(chart.Line(f"{source}:"))
        for model, numbers in models.items():
            marks = tuple(
                chart.Mark(
                    one.value,
                    None,
                    one.prior,
                    named_prior(one.prior),
                    f"<b>{one.model}, {named_prior(one.prior)}</b><br>{words.number(one.value)} nats<br>{one.source}: "
                    "another network, training and draw of the images",
                )
                for one in numbers
            )
            found.append(chart.Line(model, marks, " | ".join(words.number(one.value) for one in numbers)))
    return found


def figure(kind: Kind, rows: list[Result], printed: list[Published]) -> None:
    drawn = lines(rows, printed)
    height, width, larger = (LARGE, WIDE, view.LARGER) if view.hidden() else (HEIGHT, WIDTH, 1.0)
    fig = chart.dots(drawn, view.tones(), height, width, larger)
    measured = [row for row in rows if row.value is not None]
    best = max(measured, key=lambda row: row.value or 0.0)
    alt = f"Log-likelihood of {words.count(len(measured), 'model')} on {kind.title}: " + "; ".join(
        f"{row.entry.name} {spoken(row)}" for row in measured[:12]
    )
    alt += f"; the highest is {best.entry.name}, {spoken(best)} nats."
    selecting.clickable(fig, "results", alt, lambda picked: choose(rows[picked[0]].entry.name))


def choose(name: str) -> None:
    """Open this model when the page runs again: a callback cannot change the page."""
    view.choose(name)
    st.session_state[OPENED] = name


def go_there() -> None:
    """To the page of the model that was clicked: its plane, or its samples where it has none."""
    entry = library.find(st.session_state.pop(OPENED, None))
    if entry is not None:
        view.go("samples" if entry.space_kind is None else "latent_space")


# -- the tables ----------------------------------------------------------------------------------------------------

_FORMATS = {
    **dict.fromkeys(("log p(x), nats", "± SE", "best − this", "± SE of it", "ELBO", "KL (rate)", "distortion"), 2),
    **dict.fromkeys(("images", "active units", "of", "parameters", "epochs"), 0),
    "training, s": 1,
}
_WIDTHS = {"model": 200, "estimator": 175, "family": 180, "prior": 200, "latent space": 120}
_HELP = {
    "log p(x), nats": "Higher is better; mean over test images.",
    "± SE": "Standard error over images.",
    "best − this": "Mean paired difference of the highest estimate to this one, image by image.",
    "distortion": "The reconstruction error, −E[log p(x|z)], in nats.",
    "KL (rate)": "KL(q(z|x) ‖ p(z)), in nats.",
    "active units": "Units whose mean varies by more than 0.01 over the test images.",
}


def table(rows: list[Result]) -> None:
    """All numbers, the best in bold; a click on a row opens the model."""
    import pandas as pd

    frame = pd.DataFrame(results.columns(rows))
    frame = frame.dropna(axis="columns", how="all")
    style = frame.style.format(
        {name: partial(_cell, digits) for name, digits in _FORMATS.items() if name in frame.columns}
    ).apply(lambda row: ["font-weight: bold" if rows[row.name].best else ""] * len(row), axis=1)

    def opened() -> None:
        picked = st.session_state["numbers"]["selection"]["rows"]
        if picked and picked[0] < len(rows):
            choose(rows[picked[0]].entry.name)

    st.dataframe(
        style,
        key="numbers",
        on_select=opened,
        selection_mode="single-row",
        hide_index=True,
        placeholder="—",
        row_height=ROW,
        height=min(LONGEST, ROW * (len(rows) + 1) + 3),
        column_config={
            name: st.column_config.Column(width=_WIDTHS.get(name), help=_HELP.get(name), pinned=name == "model")
            for name in frame.columns
        },
        alt=f"The numbers of {words.count(len(rows), 'model')}.",
    )


def _cell(digits: int, value: float | None) -> str:
    return "—" if value is None or value != value else words.number(value, digits)


def papers(kind: Kind, rows: list[Result]) -> None:
    """The papers' own tables, those of this data set first, and in what they differ from ours."""
    view.heading("The papers' numbers")
    st.markdown(f"As printed; none of them was computed here. {ours(rows)}")
    here = {one.data for one in published.comparable(kind.data, kind.measure)}
    for paper in published.papers():
        with st.expander(paper.short, expanded=bool(here & {one.data for one in published.of(paper)})):
            st.markdown(f"[{paper.cited}]({paper.link}). {paper.differs}")
            head, body = published.table(paper)
            body.sort(key=lambda row: row[0] not in here)
            frame = {
                name if i < published.NAMES else named_prior(name): [_printed(row[i]) for row in body]
                for i, name in enumerate(head)
            }
            height = min(LONGEST, ROW * (len(body) + 1) + 3)
            st.dataframe(frame, hide_index=True, row_height=ROW, height=height, alt=f"The numbers of {paper.short}.")


def _printed(cell: str | float | None) -> str:
    return "—" if cell is None else cell if isinstance(cell, str) else words.number(cell)


def ours(rows: list[Result]) -> str:
    """How the models of this table were trained and measured, for comparison."""
    epochs = [row.epochs for row in rows if row.epochs is not None]
    samples = sorted({row.samples for row in rows if row.samples and row.estimator == "importance"})
    if not epochs or not samples:
        return ""
    spread = f"{min(epochs):,}" if min(epochs) == max(epochs) else f"{min(epochs):,} to {max(epochs):,}"
    return (
        f"Ours here: {spread} epochs, {_or(samples)} importance samples, networks and "
        "schedules as in each model's recipe, one draw of the binary test images that is not the authors'."
    )


# -- the page ------------------------------------------------------------------------------------------------------


def apart(tables: dict[Kind, list[Result]], kind: Kind) -> str:
    """Which tables there are beside this one, and why they are not one."""
    others = [f"{other.title} ({len(rows)})" for other, rows in tables.items() if other != kind]
    if not others:
        return ""
    return (
        f"Numbers of other data or another measure stand in tables of their own and do not compare with these: "
        f"{'; '.join(others)}."
    )


def _or(counts: list[int]) -> str:
    """`10,000, 2,000 or 1,000`."""
    told = [f"{n:,}" for n in counts]
    return " or ".join([*([", ".join(told[:-1])] if told[:-1] else []), told[-1]])


def provenance(rows: list[Result], kind: Kind) -> str:
    counts = sorted({row.images for row in rows if row.images}, reverse=True)
    images = f"{_or(counts)} {kind.split} images · " if counts else ""
    drawn = f"{kind.binarisation} · " if kind.binarisation else ""
    mine = sum(not row.entry.shipped for row in rows)
    own_runs = f", {mine} of them your own" if mine else ""
    return f"{kind.title} · {words.count(len(rows), 'model')}{own_runs} · {images}{drawn}numbers of each metrics.json"


def main() -> None:
    go_there()
    tables = results.tables(library.whole())
    if not tables:
        with view.header("Results"):
            pass
        view.model()  # says that there are none, and stops
    kind, sort, with_papers = header(tables)
    rows = sorted(tables[kind], key=results.SORTS[sort])
    verdict = ""
    if kind.measure:
        with parts.working("Pairing the numbers image by image …", "torch" not in sys.modules):
            rows, verdict = results.against_best(rows)
        figure(kind, rows, published.comparable(kind.data, kind.measure) if with_papers else [])
        printed = (
            " Open diamonds are the papers' numbers, of other networks and another training." if with_papers else ""
        )
        view.caption(
            f"Each dot is a model: circles by importance sampling, squares exact, triangles lower bounds. "
            f"{verdict}{printed}",
            provenance(rows, kind),
        )
    else:
        view.unavailable(
            f"None of these models of {kind.data_title} has a log-likelihood that was measured: auto-encoders and PCA "
            "have none, others wait for `latents evaluate`.",
            "Their other numbers are below.",
        )
    table(rows)
    st.download_button(
        "CSV of all tables",
        partial(results.csv_bytes, tables),
        "results.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="results-file",
    )
    view.small(apart(tables, kind))
    papers(kind, rows)
    view.explain(WORDS, MATHS)


main()
