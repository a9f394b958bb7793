"""New run: a recipe as a form, what it costs on this machine, and Start."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import access, fields, forms, measuring, parts, running, view, words
from explorer.library import Entry

if TYPE_CHECKING:
    from latents.recipe import FieldInfo, Recipe
    from latents.runs import Options

PRESET, MODEL = "A preset", "This model's recipe"
FIRST_PRESET = "digits-vampprior-2d"
HERE, CLUSTER = "This machine", "A Ray cluster"
ESSENTIALS = ("name", "data.name", "model.latent", "model.layers", "model.prior.kind", "training.epochs")
TABS = {
    "Model": ("model", "description"),
    "Networks": ("model.encoder", "model.decoder", "model.below"),
    "Distributions": ("model.posterior", "model.prior", "model.likelihood"),
    "Objective": ("objective",),
    "Training": ("training", "data", "seed"),
}
"""Which sections stand in which tab; a field goes where the longest section that it belongs to goes."""

WORDS = """
A recipe says everything about a run: the images, the model and its parts, what training maximises, and the seed. It
begins as a preset or as the recipe of a model you have, and every field can be changed. The run is a process of its
own: it goes on when this page, the browser or the app is closed, and *Runs* shows it while it trains. What a field
means stands behind its question mark, with the name that it has on the command line.
"""
MATHS = r"""
An epoch is one pass over the training images. Training maximises, on average over them, the evidence lower bound

$$\log p(x) \ \ge\ \mathbb{E}_{q(z \mid x)}\!\left[\log p(x \mid z)\right] \;-\; \beta_t\,
\mathrm{KL}\!\left(q(z \mid x)\ \|\ p(z)\right), \qquad \beta_t = \beta \min(1,\, t / \text{warm-up}),$$

or what the chosen objective says instead. The weights that are kept are those of the best epoch on the validation
images; training stops early when these have not become better for *look ahead* epochs.
"""


# -- where the form begins -----------------------------------------------------------------------------------


def beginning() -> tuple[str, Recipe]:
    """The recipe that the form begins with, and a word for it: "preset digits-iaf", "model digits-iaf"."""
    from latents.recipe import preset

    bound: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    with view.header("New run"):
        parts.named("from")
        if not view.library.whole():
            chosen = PRESET
        else:
            chosen = st.segmented_control("From", [PRESET, MODEL], default=PRESET, required=True, key="start", **bound)
        if chosen == MODEL:
            entry = view.model()
            parts.named(f"**{entry.name}**, chosen at the left")
            return f"model {entry.name}", recipe_of(entry)
        name = chosen_preset(bound)
    return f"preset {name}", preset(name)


def chosen_preset(bound: dict[str, Any]) -> str:
    """One of the presets, found by its family. A link may name the preset alone."""
    with parts.working("Reading the presets …", not forms.presets.cache_info().currsize):
        known = forms.presets()
    linked = st.session_state.get("preset") or st.query_params.get("preset")
    home = next((family for family, names in known.items() if linked in names), None)
    if home is not None and "family" not in st.session_state and "family" not in st.query_params:
        st.session_state["family"] = home
    family = st.selectbox("Family", list(known), key="family", width=215, **bound)
    names = known[family]
    if st.session_state.get("preset") not in names:
        st.session_state.pop("preset", None)
    index = names.index(FIRST_PRESET) if FIRST_PRESET in names else 0
    return st.selectbox("Preset", names, index, key="preset", width=225, **bound)


def recipe_of(entry: Entry) -> Recipe:
    """The model's recipe. Stops the page where it cannot be read."""
    from latents.errors import RecipeError
    from latents.recipe import Recipe

    try:
        return Recipe.parse(entry.recipe)
    except RecipeError as error:
        view.unavailable(f"The recipe of {entry.name} cannot be read: {error}", "Choose another model, or a preset.")
        st.stop()


# -- the form ------------------------------------------------------------------------------------------------


def form(start: str, found: forms.Draft) -> None:
    """The few fields that most runs change, and all others under tabs."""
    fields.show(start, found, [field for path in ESSENTIALS for field in found.fields if field.path == path])
    rest = [field for field in found.fields if field.path not in ESSENTIALS]
    grouped = {tab: [field for field in rest if tab_of(field.path) == tab] for tab in TABS}
    shown = {tab: members for tab, members in grouped.items() if members}
    for place, (tab, members) in zip(st.tabs(list(shown)), shown.items(), strict=True):
        with place:
            section_by_section(start, found, [field for field in members if field.path != "description"])
            for field in members:
                if field.path == "description":
                    fields.widget(start, found, field)
            advanced = [field for field in members if field.advanced]
            if advanced:
                with st.expander(f"{tab}, advanced"):
                    fields.show(start, found, advanced)


def section_by_section(start: str, found: forms.Draft, members: list[FieldInfo]) -> None:
    """A row for each part, which begins with its kind."""
    sections: dict[str, list[FieldInfo]] = {}
    for field in members:
        if not field.advanced:
            sections.setdefault(section_of(field.path), []).append(field)
    for rows in sections.values():
        fields.show(start, found, rows)


def section_of(path: str) -> str:
    """The part that a field belongs to; a kind belongs to the part that it chooses."""
    return path.removesuffix(".kind") if path.endswith(".kind") else path.rpartition(".")[0]


def tab_of(path: str) -> str:
    section = section_of(path) or path
    fits = [(len(name), tab) for tab, names in TABS.items() for name in names if f"{section}.".startswith(f"{name}.")]
    return max(fits)[1] if fits else "Model"


# -- what it costs, and Start --------------------------------------------------------------------------------


def panel(start: str, base: Recipe, found: forms.Draft) -> None:
    """Where it runs, what it costs there, Start, and the same as a command."""
    where, options = place()
    recipe = found.recipe
    if recipe is None:
        for problem in found.problems:
            st.error(pointed(problem, found), icon=":material/error:")
    elif where == "here":
        cost(found)
    pressed = st.button(
        "Start", type="primary", icon=":material/play_arrow:", width="stretch", disabled=recipe is None or not where
    )
    if pressed and recipe is not None:
        launch(recipe, where, options, fields.key_of(start, found.fields[0], found))
    if recipe is not None:
        view.small("The same from a terminal")
        st.code(command(start, base, recipe, where, options), language="bash", wrap_lines=True)


def pointed(problem: str, found: forms.Draft) -> str:
    """A problem with the name of its field set off, as the command line knows it."""
    name, colon, sentence = problem.partition(": ")
    return f"`{name}`: {sentence}" if colon and name in found.by_field else words.capital(problem)


def place() -> tuple[str, Options]:
    """Where the run goes: "here" or a Ray address ("" while none was typed); and what it computes on."""
    from latents.runs import Options

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.segmented_control(
            "Where",
            [HERE, CLUSTER],
            default=HERE,
            required=True,
            key="where",
            label_visibility="collapsed",
            **fields.KEEP,
        )
        with view.more():
            settings = compute()
    if chosen == HERE:
        return "here", Options(**settings)
    address = st.text_input(
        "Address of the cluster",
        placeholder="http://127.0.0.1:8265",
        key="address",
        help="The address of the cluster's dashboard, as `ray job submit --address` takes it. The runs' folder must be "
        "on storage that the cluster sees under the same path.",
        **fields.KEEP,
    )
    return (address or "").strip(), Options(**settings)


def compute() -> dict[str, Any]:
    """What the run computes on, and what it writes besides."""
    kept = fields.KEEP
    found: dict[str, Any] = {
        "accelerator": st.selectbox("Accelerator", ["auto", "cpu", "cuda", "mps"], key="accelerator", **kept),
        "devices": st.number_input("Devices", 1, 64, 1, key="devices", **kept) or 1,
        "strategy": st.selectbox("Strategy for several devices", ["auto", "ddp"], key="strategy", **kept),
    }
    if st.toggle("Write TensorBoard's event files too", key="tensorboard", **kept):
        found["log"] = ("tensorboard",)
    return found


def cost(found: forms.Draft) -> None:
    """Time and memory of an epoch on this machine, once they were measured."""
    measurement = measuring.find(found.document)
    if measurement is not None and measurement.running:
        awaiting(found.document)
    elif measurement is not None and measurement.found is not None:
        st.markdown(spoken(measurement.found, found.document["training"]["epochs"]))
    else:
        if measurement is not None:
            st.warning(words.capital(measurement.problem), icon=":material/warning:")
        if st.button(
            "Measure an epoch", icon=":material/timer:", help="Trains a few steps on this machine, and keeps nothing."
        ):
            measuring.start(found.document)
            st.rerun()


@st.fragment(run_every=0.5)
def awaiting(document: dict[str, Any]) -> None:
    """Says that the process measures; draws the page again when it has."""
    measurement = measuring.find(document)
    if measurement is None or not measurement.running:
        st.rerun()
    st.markdown(":gray[:material/timer: Training a few steps on this machine …]")


def spoken(measured: dict[str, Any], epochs: int) -> str:
    """`2.1 s per epoch on cpu · 7 min for 200 epochs at most · 0.4 GB of memory, 12.1 GB free`."""
    first, *later = measured["stages"]
    whole = first["seconds_per_epoch"] * epochs
    whole += sum(stage["epochs"] * (stage["seconds_per_epoch"] or 0) for stage in later)
    memory = measured["memory"]
    return (
        f"**{words.duration(measured['seconds_per_epoch'])}** per epoch on {measured['device']} · "
        f"**{words.duration(whole)}** for {words.count(epochs, 'epoch')} at most · "
        f"**{words.size(memory['bytes'])}** of memory, {words.size(memory['available'])} free"
    )


def command(start: str, base: Recipe, recipe: Recipe, where: str, options: Options) -> str:
    """The command that starts the same run."""
    from latents import runs
    from latents.runs.commands import differences

    begun = str(view.model().path / "config.json") if start.startswith("model ") else start.removeprefix("preset ")
    changes = differences(base, recipe)
    return shlex.join(runs.command(begun, changes, where=where or runs.HERE, options=options))


def launch(recipe: Recipe, where: str, options: Options, name_key: str) -> None:
    """Start the run and go to it; or say beside the form why not."""
    from latents.errors import LatentsError

    try:
        if where == "here":
            with st.spinner("Reckoning the memory …"):
                running.check(recipe, options)
        run = running.launch(recipe, where, options)
    except (LatentsError, access.ReadOnlyError) as error:
        st.error(words.capital(str(error)), icon=":material/error:")
        return
    st.session_state.pop(name_key, None)  # the next one from here gets a name of its own
    view.go("runs", run=run.name)


def main() -> None:
    view.writable()
    start, base = beginning()
    named = base.model_copy(update={"name": running.free_name(base.name)})
    found = fields.draft(start, named)
    left, right = st.columns([62, 38], gap="large")
    with left:
        view.small(base.description or f"The recipe of {base.name}.")
        form(start, found)
    with right, st.container(gap="small"):
        panel(start, base, found)
    view.explain(WORDS, MATHS)


main()
