"""Pseudo-inputs: the pictures a VampPrior is made of, what each one explains and stands for, and which are alike."""

from dataclasses import dataclass, replace

import streamlit as st

from explorer import around, draws, duplicate_list, insets, library, parts, usage, view, words
from explorer.charts import images, sheet
from explorer.components import has_inputs, noun, percent, source
from explorer.library import Entry

BLOCK = 96
"""Components in a sheet of large pictures."""
WIDTH, HEIGHT = 672, 500
"""Pixels of the sheet beside the panel, at the width the page is designed for."""
WHOLE_WIDTH, WHOLE_HEIGHT = 992, 580
SAMPLES, NEAREST = 9, 6
SHARES, AROUND, ALIKE = "Shares", "Samples", "Duplicates"

WORDS = """
A VampPrior is a mixture of the encoder's own clouds: each pseudo-input u is a picture that was learnt together with the
network, and the encoder turns it into one component q(z|u) of the prior. For each test
image one can ask how likely its code came from each component; the average of these probabilities over the test set is
the component's share. A few large shares mean that most components are idle. A pseudo-input need not look like an image
of the data: only its code counts.

*Samples* shows what a component stands for: the pseudo-input in the corner, and around it pictures of codes drawn from
its q(z|u). Those of a component that explains many images are variations of one motif; those of one that explains
none often are no image at all. *Duplicates* are pairs whose components are nearly the same distribution, however
their pictures look: one of the two could go.
"""
MATHS = r"""
$$p(z) = \sum_{k=1}^{K} w_k\, q(z \mid u_k), \qquad w_k = \tfrac{1}{K}, \qquad
p(k \mid z) = \frac{w_k\, q(z \mid u_k)}{\sum_j w_j\, q(z \mid u_j)}, \qquad
\mathrm{share}_k = \frac{1}{N} \sum_{n=1}^{N} p\big(k \mid z = \mu(x_n)\big)$$

The shares sum to one. In a learnt mixture of Gaussians, $\mathcal{N}(z;\ m_k,\ \mathrm{diag}\, s_k^2)$ stands in the
place of $q(z \mid u_k)$, with its own weights $w_k$.

Two components are compared by their symmetric divergence,
$\tfrac{1}{2}\, \mathrm{KL}(q_k \,\|\, q_l) + \tfrac{1}{2}\, \mathrm{KL}(q_l \,\|\, q_k)$. For two Gaussians of the same
variance it is half the squared distance of their means in standard deviations, $\tfrac{1}{2} \sum_i (m_{ki} - m_{li})^2
/ s_i^2$.
"""


# -- words ---------------------------------------------------------------------------------------------------


def try_instead(entry: Entry) -> Entry | None:
    """A model with pseudo-inputs: of the same data and size where there is one."""
    alike = [other for other in library.whole() if other.prior == "vampprior"]
    return min(alike, key=lambda other: (other.data != entry.data, other.size != entry.size), default=None)


def why_nothing(entry: Entry) -> str:
    return next(filter(None, (view.problem(entry, call) for call in ("pseudo_inputs", "components", "encode"))))


def nothing(entry: Entry) -> None:
    """Why there are no pseudo-inputs, and the way to a model that has them."""
    view.unavailable(why_nothing(entry))
    other = try_instead(entry)
    if other is not None:
        settings = {"icon": ":material/arrow_forward:", "on_click": view.choose, "args": (other.name,)}
        st.button(f"Open {other.name}", key=f"instead-of-{entry.name}", **settings)


# -- the sheet -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """What the controls say: the figure, the rank that is looked at, the seed of the samples; whole: all pictures;
    which, count: of the components that are shown with their samples."""

    figure: str = SHARES
    rank: int = 1
    seed: int = 0
    whole: bool = False
    which: str = around.MOST_USED
    count: int = 3


def controls(most: int, slow: bool) -> Chosen:
    """The row of controls for a prior of `most` components; slow: whether pictures are drawn pixel by pixel."""
    bound = {"label_visibility": "collapsed", "bind": "query-params"}
    figures = [SHARES, AROUND, ALIKE]
    figure = st.segmented_control("Figure", figures, default=SHARES, required=True, key="figure", **bound)
    if figure == ALIKE:
        return Chosen(figure)
    if figure == AROUND:
        which = st.segmented_control(
            "Which", around.WHICH, default=around.MOST_USED, required=True, key="which", **bound
        )
        rank = ranked(most) if which == around.CHOSEN else 1
        with view.more():
            return Chosen(figure, rank, seeded(), False, which, counted(slow))
    parts.named("Rank")
    rank = ranked(most)
    with view.more():
        return Chosen(figure, rank, seeded(), everything(most))


def everything(most: int) -> bool:
    """Whether all components are shown at once, where they are many."""
    if most <= BLOCK:
        return False
    some, every = f"{BLOCK} at a time", "All"
    return every == st.segmented_control(
        "Pictures", [some, every], default=some, required=True, key="pictures", bind="query-params"
    )


def seeded() -> int:
    return st.number_input("Seed of the samples", 0, 2**31 - 1, 0, key="draws", bind="query-params")


def counted(slow: bool) -> int:
    """How many components are shown with their samples."""
    name, counts = ("sheets", around.COUNTS) if view.beside() is None else ("sheets_each", around.HALF_COUNTS)
    if slow:
        name, counts = "few_sheets", around.FEW_COUNTS
    return st.segmented_control("How many", counts, default=3, required=True, key=name, bind="query-params")


def ranked(most: int) -> int:
    """The chosen rank of `most`."""
    parts.bounded("rank", 1, most)
    settings = {"label_visibility": "collapsed", "bind": "query-params", "help": "By share: 1 explains most."}
    return st.number_input("Rank by share", 1, most, 1, key="rank", width=84, **settings)


def columns_for(n: int, shape: tuple[int, ...], width: int, height: int) -> int:
    """The fewest columns at which n pictures fit a place of this size in pixels; a few more if they fill all rows."""

    def tall(columns: int) -> float:
        down, across = sheet.tile_size(shape, enlarged(shape, width, columns))
        return -(-n // columns) * down * width / columns / across

    fits = next(c for c in range(1, n + 1) if tall(c) <= height or c == n)
    return next((c for c in range(fits, int(fits * 1.35) + 1) if n % c == 0), fits)


def enlarged(shape: tuple[int, ...], width: int, columns: int) -> int:
    """How much the pictures are enlarged: to twice the screen's pixels, for sharp screens."""
    return images.scale_for(shape[-1], 2 * width // columns)


def component_sheet(entry: Entry, found: usage.Usage, rank: int, whole: bool, width: int, height: int) -> None:
    """The components' pictures with bars of their shares; a click on one chooses it."""
    from explorer.canvas.sheet import sheet as clickable

    first = 0 if whole else (rank - 1) // BLOCK * BLOCK
    shown = found.order[first:] if whole else found.order[first : first + BLOCK]
    pictures, tones = usage.pictures(entry)[shown], view.tones()
    places = len(shown) if whole else min(BLOCK, len(found.order))  # a last block of few is not drawn larger
    columns = columns_for(places, pictures.shape, width, height)
    scale = enlarged(pictures.shape, width, columns)

    def draw() -> bytes:
        return sheet.shares(pictures, found.shares[shown] / found.shares.max(), columns, tones, scale=scale)

    png = library.remember("sheet of shares", entry, draw, first, len(shown), columns, scale, tones.name)
    down, across = sheet.tile_size(pictures.shape, scale)
    size = (columns * across, -(-len(shown) // columns) * down)
    names = [f"{noun(entry)} {k}, rank {first + i + 1}: {percent(float(found.shares[k]))}" for i, k in enumerate(shown)]
    clickable(
        png,
        size,
        columns,
        names,
        key=f"sheet-{entry.name}",
        alt=f"{len(shown)} {noun(entry)}s of {entry.name}, ranks {first + 1} to {first + len(shown)}.",
        chosen=rank - 1 - first,
        on_choose=lambda place: choose(found, int(shown[place])),
        height=round(size[1] * width / size[0]),
    )


def caption(entry: Entry, found: usage.Usage) -> None:
    few = words.count(found.half, noun(entry))
    idle = f"{found.unused} explain{'s' if found.unused == 1 else ''} less than one image" if found.unused else ""
    sentence = (
        f"The {len(found.shares)} {noun(entry)}s of the prior, from the one that explains most of the test images to "
        f"the one that explains least; the bar is its share (a full bar: {percent(found.shares.max())}). "
        f"**{few} explain{'s' if found.half == 1 else ''} half of the images{f'; {idle}' if idle else ''}.**"
    )
    if entry.space_kind == "layers":
        sentence += " They are those of the top layer; the layers below are drawn given it."
    view.caption(
        sentence,
        f"{entry.name} · {library.images(entry).provenance} · share: mean of p(k|z) at {parts.points([entry])}",
    )


# -- the chosen one ------------------------------------------------------------------------------------------


def sentence(entry: Entry, found: usage.Usage, rank: int) -> None:
    k = int(found.order[rank - 1])
    share = float(found.shares[k])
    even = 1 / len(found.shares)
    st.markdown(
        f"**{noun(entry).capitalize()} {k}**, rank {rank} of {len(found.shares)}, explains **{percent(share)}** of the "
        f"test images; an even share would be {percent(even)}."
    )


def picture(entry: Entry, k: int) -> None:
    image = usage.pictures(entry)[k]
    with st.container(gap=None):
        alt = f"{noun(entry)} {k}"
        parts.pictured(images.image_png(image, images.scale_for(image.shape[-1], 280)), alt)
        view.small("its picture" if has_inputs(entry) else "its mean, decoded")


def samples(entry: Entry, k: int, seed: int) -> None:
    with parts.working("Drawing pixel by pixel …", draws.slow(entry)):
        drawn = around.of_component(entry, k, seed, SAMPLES)
    scale = images.scale_for(3 * drawn.shape[-1], 280)
    with st.container(gap=None):
        parts.pictured(sheet.grid(drawn, 3, scale), f"{SAMPLES} samples of the component, decoded.")
        view.small(f"{SAMPLES} draws from {source(entry)}, decoded" + (" (samples)" if draws.slow(entry) else ""))


def place(entry: Entry, found: usage.Usage, k: int, height: int) -> None:
    """Where the component lies on the plane, among all others: a click chooses another one."""
    if insets.able(entry):
        insets.of_components(entry, k, height, lambda other: choose(found, other))


def choose(found: usage.Usage, k: int) -> None:
    """Make component k the one that is looked at: for callbacks."""
    st.session_state["rank"] = 1 + int((found.order == k).argmax())


def nearest(entry: Entry, k: int) -> None:
    test = library.images(entry)
    found = usage.nearest_images(entry, k, NEAREST)
    pictures = test.gray[found]
    scale = images.scale_for(NEAREST * pictures.shape[-1], 560)
    with st.container(gap=None):
        parts.pictured(sheet.grid(pictures, NEAREST, scale), "The nearest test images.")
        view.small(f"test images most probable under {source(entry)}")


def panel(entry: Entry, found: usage.Usage, rank: int, seed: int) -> None:
    """The chosen component: its share, its picture, its samples, its place."""
    k = int(found.order[rank - 1])
    sentence(entry, found, rank)
    left, right = st.columns(2, gap="small")
    with left:
        picture(entry, k)
    with right:
        samples(entry, k, seed)
    place(entry, found, k, 250)
    nearest(entry, k)


def wide_panel(entry: Entry, found: usage.Usage, rank: int, seed: int) -> None:
    """The same in one row, under a sheet of the whole width."""
    k = int(found.order[rank - 1])
    sentence(entry, found, rank)
    first, second, third, fourth = st.columns([2, 2, 4, 4], gap="medium")
    with first:
        picture(entry, k)
    with second:
        samples(entry, k, seed)
    with third:
        place(entry, found, k, 250)
    with fourth:
        nearest(entry, k)


# -- the page ------------------------------------------------------------------------------------------------


def single(entry: Entry, found: usage.Usage, chosen: Chosen) -> None:
    if chosen.figure != SHARES:
        other_figure(entry, found, chosen, WHOLE_WIDTH)
    elif chosen.whole:
        component_sheet(entry, found, chosen.rank, True, WHOLE_WIDTH, WHOLE_HEIGHT)
        caption(entry, found)
        wide_panel(entry, found, chosen.rank, chosen.seed)
    else:
        left, right = st.columns([7, 3], gap="medium")
        with left:
            component_sheet(entry, found, chosen.rank, False, WIDTH, HEIGHT)
            caption(entry, found)
        with right:
            panel(entry, found, chosen.rank, chosen.seed)


def side_by_side(entries: list[Entry], found: dict[str, usage.Usage], chosen: Chosen) -> None:
    for column, entry in zip(st.columns(2, gap="medium"), entries, strict=True):
        with column:
            st.markdown(f"**{entry.name}** · {words.capital(entry.prior_title)}")
            if entry.name not in found:
                nothing(entry)
                continue
            mine = found[entry.name]
            own = min(chosen.rank, len(mine.shares))
            explain_mixture(entry)
            if chosen.figure != SHARES:
                other_figure(entry, mine, replace(chosen, rank=own), WHOLE_WIDTH // 2 - 16, columns=3)
                continue
            component_sheet(entry, mine, own, chosen.whole, WHOLE_WIDTH // 2 - 16, HEIGHT)
            caption(entry, mine)
            panel(entry, mine, own, chosen.seed)


def other_figure(
    entry: Entry, found: usage.Usage, chosen: Chosen, width: int, columns: int = duplicate_list.COLUMNS
) -> None:
    """The components with their samples, or the pairs that are alike (so many columns of them)."""
    if chosen.figure == ALIKE:
        duplicate_list.show(entry, found, width, columns)
        return
    each = around.sheets(entry, found, chosen.which, chosen.count, chosen.rank, chosen.seed, width)
    corner = "the pseudo-input itself" if has_inputs(entry) else "its mean, decoded"
    said = (
        f"In the corner, framed, {corner}; around it {each} draws from {source(entry)}, decoded"
        f"{' (samples of p(x|z))' if draws.slow(entry) else ''}. The share says how much of the test images the "
        f"{noun(entry)} explains; an even share would be {percent(1 / len(found.shares))}."
    )
    if entry.space_kind == "layers":
        said += " It is one of the top layer; the layers below are drawn given it."
    view.caption(said, f"{entry.name} · {library.images(entry).provenance} · seed {chosen.seed} · not sorted")


def explain_mixture(entry: Entry) -> None:
    """A learnt mixture has components, but they are no pseudo-inputs."""
    why = view.problem(entry, "pseudo_inputs")
    if why is not None:
        view.small(f"{why} Shown instead: its components, each by its mean, decoded.")


def waiting(entries: list[Entry]):
    """The place of the figure, while the shares are computed for the first time."""
    slow = [entry for entry in entries if entry.components is not None and not usage.ready(entry)]
    return view.slot(HEIGHT, "Asking which component explains each test image …", slow) if slow else None


def main() -> None:
    entries = view.models()
    with view.header("Pseudo-inputs"):
        row = parts.row()
    place = waiting(entries)
    found = {}
    for entry in entries:
        if view.problem(entry, "components") is None and view.problem(entry) is None:
            found[entry.name] = usage.of(entry)
    chosen = Chosen()
    with parts.stage(place):
        if found:
            with row:
                slow = any(draws.slow(entry) for entry in entries if entry.name in found)
                chosen = controls(max(len(one.shares) for one in found.values()), slow)
        if len(entries) > 1:
            side_by_side(entries, found, chosen)
        elif found:
            explain_mixture(entries[0])
            single(entries[0], found[entries[0].name], chosen)
        else:
            nothing(entries[0])
    view.explain(WORDS, MATHS)


main()
