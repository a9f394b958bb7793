"""The lines of Home and Latent space: test images on a plane, what is decoded there, how training moved them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explorer import colours, draws, image_numbers, library, maps_made, planes, usage
from explorer.library import Entry
from explorer.projections import Choice, random
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, begin, load, points, quoted, script, sheet, test_images, where
from explorer.sharing.settings import State

ROWS, SLOW_ROWS = 20, 6
"""Decoded pictures along the side of a plane, and where each is drawn pixel by pixel."""


@dataclass(frozen=True)
class Place:
    """A plane in lines: `before` finds it, `of(z)` is the place of points z, `back` makes codes of places y.

    pseudo: the places of the pseudo-inputs, where they are not `of` their points; back: "" where there is no way back.
    """

    before: str
    of: Callable[[str], str]
    back: str = ""
    pseudo: str = ""


@dataclass(frozen=True)
class Shown:
    """What is drawn beside the test images: pseudo-inputs, as large as their share; the prior's contours, those of all
    q(z|x) together, and the holes between the two; size: of a dot, pixels."""

    pseudo: bool = True
    shares: bool = False
    prior: bool = True
    aggregate: bool = False
    holes: bool = False
    size: float = 3.5


_USUAL = Shown()


def home(entries: list[Entry], state: State) -> list[Script]:
    """The planes of Home: the chosen model and its twin, or what it shows of a model without a plane."""
    both = settings.pair(entries)
    flat = [entry for entry in both if planes.kinds(entry) and library.ready(entry)]
    if flat:
        return [dots(entry, Choice("PCA"), colours.CLASS, 0) for entry in flat]
    return [_last_samples(entry) for entry in both if (entry.path / "snapshots.safetensors").exists()]


def latent_space(entries: list[Entry], state: State) -> list[Script]:
    """What Latent space shows of each model."""
    able = [entry for entry in entries if planes.kinds(entry) and library.ready(entry)]
    if not able:
        return []
    choice, (by, unit) = settings.plane(able, state), settings.colour(able, state)
    if choice.kind in maps_made.METHODS:
        able = [entry for entry in able if entry.flat or _made(entry, choice.kind)]
    what = state.get("view") or "Points"
    if what == "Decoded plane":
        return [decoded(entry, choice) for entry in able if place(entry, choice).back]
    if what == "Training":
        return [trained(entry, choice) for entry in able if place(entry, choice).back and _kept(entry)]
    shown = Shown(
        state.get("pseudo") is not False,
        state.get("shares") is not False,
        state.get("prior") is not False,
        bool(state.get("aggregate")),
        bool(state.get("holes")),
        float(state.get("size") or 3.5),
    )
    return [dots(entry, choice, by, unit, shown) for entry in able]


_KNOWN: set[tuple] = set()


def _made(entry: Entry, kind: str) -> bool:
    """Whether the map has been computed: once it has, it is not looked for again."""
    key = (entry.path, entry.stamp, kind)
    if key not in _KNOWN and maps_made.layout(entry, kind) is not None:
        _KNOWN.add(key)
    return key in _KNOWN


# -- where the points lie ------------------------------------------------------------------------------------


def place(entry: Entry, choice: Choice) -> Place:
    """The plane that the choice gives this model: see `projections.layout`."""
    coordinates = _coordinates(entry)
    if entry.flat:
        return Place("", lambda z: f"{z}.numpy()", "y")
    if choice.kind == "Units" and library.why_not(entry, "units") is None:
        pair = list(choice.pair if max(choice.pair) < library.encoding(entry).points.shape[1] else (0, 1))
        back = f"z = points.mean(dim=0).repeat(len(y), 1).numpy()\nz[:, {pair}] = y"
        return Place("", lambda z: f"{z}[:, {pair}].numpy()", back)
    if choice.kind in maps_made.METHODS:
        return _map(entry, choice.kind)
    sizes = usage.layers(entry)
    if choice.layer is not None and entry.space_kind == "layers" and sizes[min(choice.layer, len(sizes) - 1)] > 1:
        start = sum(sizes[: choice.layer])
        part = f"{start}:{start + sizes[choice.layer]}"
        back = f"z = points.mean(dim=0).repeat(len(y), 1).numpy()\nz[:, {part}] = axes.from_plane(y)"
        return Place(
            f"axes = pca(points[:, {part}].numpy())  # of layer {len(sizes) - choice.layer}",
            lambda z: f"axes.to_plane({z}[:, {part}].numpy())",
            back,
        )
    return Place(
        f"axes = pca({coordinates('points')})",
        lambda z: f"axes.to_plane({coordinates(z)})",
        "axes.from_plane(y)",
    )


def _coordinates(entry: Entry) -> Callable[[str], str]:
    """Real vectors of z: only codes have others than their own numbers."""
    if entry.space_kind == "codes":
        return lambda z: f"model.space.coordinates({z}).numpy()"
    return lambda z: f"{z}.numpy()"


def _map(entry: Entry, kind: str) -> Place:
    """A map that keeps neighbours, as it was computed for the page (a minute), from the folder or the user's cache."""
    method = maps_made.METHODS[kind]
    if method == "umap":
        before = f"found = stored({where(entry)})  # made by `latents project`, as latents.projection.umap does"
        return Place(before, lambda z: 'found["umap"]', pseudo='found["pseudo_umap"]')
    before = f'found = neighbour_maps.stored({where(entry)}, "{method}")  # made by `latents project --method {method}`'
    if method == "umap-sphere":
        before += '\nhammer = maps.MAPS["hammer"]'
        return Place(before, lambda z: 'hammer.forward(found["places"])', pseudo='hammer.forward(found["pseudo"])')
    return Place(before, lambda z: 'found["places"]', pseudo='found["pseudo"]')


# -- what is drawn there -------------------------------------------------------------------------------------


def dots(
    entry: Entry,
    choice: Choice,
    by: str,
    unit: int,
    shown: Shown = _USUAL,
) -> Script:
    """The test images, coloured; the pseudo-inputs; the prior's contours where latent space is the plane."""
    at = place(entry, choice)
    placed = at.of("points")
    drawn = ""
    if choice.drawn and at.back and random(entry):
        drawn, placed = "z = latents.diagnostics.sample_all(model, images)  # one draw of each q(z|x)", at.of("z")
    colour, scaled = _colour(entry, by, unit)
    densities = _densities(entry, shown)
    lines = [
        load(entry),
        test_images(entry),
        "" if at.pseudo and "points" not in colour else points(entry, "stddev" if "stddev" in densities else "_"),
        drawn,
        at.before,
        f"plane = {placed}",
        colour,
        f'marker = {{"size": {shown.size:g}, "color": colour{scaled}}}',
        'figure = go.Figure(go.Scattergl(x=plane[:, 0], y=plane[:, 1], mode="markers", marker=marker))',
    ]
    if shown.pseudo and library.why_not(entry, "pseudo_inputs") is None:
        lines.append(f"pseudo = {at.pseudo or at.of('model.points(model.pseudo_inputs)')}")
        size = "5.5"
        if shown.shares:
            lines.append("share = latents.diagnostics.usage(model, images).numpy()  # of the images that each explains")
            size = "5.5 * np.sqrt(share * len(share)).clip(0.5, 3.3)"
        lines += [
            f'marker = {{"color": "black", "size": {size}}}',
            'figure.add_scattergl(x=pseudo[:, 0], y=pseudo[:, 1], mode="markers", marker=marker)',
        ]
    return script(entry.name, *lines, densities, 'figure.update_layout(showlegend=False).write_html("plane.html")')


def _densities(entry: Entry, shown: Shown) -> str:
    """The contours of the prior and of all q(z|x) together, and where the one has mass and the other has none."""
    known = entry.flat and library.why_not(entry, "prior_density") is None
    spread = entry.flat and library.encoding(entry).stddev is not None
    prior, aggregate, holes = shown.prior and known, shown.aggregate and spread, shown.holes and known and spread
    if not (prior or aggregate or holes):
        return ""
    lines = [_GRID]
    if prior or holes:
        lines.append("p = density.density(x, y, model.prior().log_prob(at).detach().view(240, 240).numpy())")
    if aggregate or holes:
        lines.append("q = density.density(x, y, aggregated_log_prob(points, stddev, at).view(240, 240).numpy())")
    for name, wanted in (("p", prior), ("q", aggregate)):
        if wanted:
            lines.append(_CONTOURS.format(name=name))
    return "\n".join([*lines, _HOLES] if holes else lines)


_GRID = """\
x = y = np.linspace(plane.min() - 1, plane.max() + 1, 240)
at = torch.tensor(np.stack(np.meshgrid(x, y), axis=-1), dtype=torch.float32).view(-1, 2)"""
_CONTOURS = """\
for level in {name}.thresholds:  # each encloses 25, 50, 75 or 95 %
    lines = {{"start": level, "end": level, "coloring": "none"}}
    figure.add_contour(x=x, y=y, z={name}.log_p, contours=lines, showscale=False)"""
_HOLES = """\
with torch.no_grad(), seeded(0):
    found = holes(points, stddev, model.prior().sample((3000,)))
print(f"{found.share:.1%} of the prior lies where q(z) is lower than for 99 % of its own codes")
heat = np.where(q.log_p < found.threshold, np.exp(p.log_p - found.threshold), np.nan)
figure.add_heatmap(x=x, y=y, z=heat, colorscale="Reds", opacity=0.5, showscale=False)"""


def _colour(entry: Entry, by: str, unit: int) -> tuple[str, str]:
    """The lines that give `colour`, and what the marker says of its scale."""
    scale = ', "colorscale": "Viridis", "showscale": True'
    bounded = library.why_not(entry, "elbo") is None
    if by in colours.MEASURED and bounded:
        value = {colours.ELBO: "one.value", colours.ERROR: "-one.reconstruction", colours.KL: "one.kl"}[by]
        if len(library.images(entry).gray) <= image_numbers.PASS:
            once = "with torch.no_grad(), seeded(0):\n    one = model.elbo(images)  # one draw of z for each image\n"
            return f"{once}colour = ({value}).numpy()  # {by}, nats", scale
        lines = "bounds = []\nfor start in range(0, len(images), 1000):\n    with torch.no_grad(), seeded(start):\n"
        lines += "        bounds.append(model.elbo(images[start : start + 1000]))\n"
        return lines + f"colour = torch.cat([{value} for one in bounds]).numpy()  # {by} of each image, nats", scale
    if by == colours.ERROR and library.why_not(entry, "mean") is None:
        passes = "pictures = torch.cat([model.picture(part).images for part in points.split(1000)])\n"
        return passes + "colour = (images - pictures).square().flatten(1).sum(1).numpy()  # squared error", scale
    if by in (colours.PSEUDO, colours.COMPONENT) and library.why_not(entry, "components") is None:
        component = "component = latents.diagnostics.responsibilities(model, images).argmax(1)\n"
        return component + "colour = [CLASSES[k % 10] for k in component]  # the one that explains it most", ""
    if by == colours.UNIT and library.why_not(entry, "units") is None and unit < entry.size:
        return f"colour = points[:, {unit}].numpy()", scale
    if library.images(entry).labels is None:
        return "colour = CLASSES[0]", ""
    return "colour = [CLASSES[k % 10] for k in test.labels]", ""


def decoded(entry: Entry, choice: Choice) -> Script:
    """The decoder's pictures at places of a lattice over the plane."""
    at, rows = place(entry, choice), SLOW_ROWS if draws.slow(entry) else ROWS
    clouds, others = "[plane]", ""
    if library.why_not(entry, "pseudo_inputs") is None:
        others, clouds = f"pseudo = {at.of('model.points(model.pseudo_inputs)')}", "[plane, pseudo]"
    back = at.back if "\n" in at.back else f"z = {at.back}"
    return script(
        entry.name,
        begin(entry),
        at.before,
        f"plane = {at.of('points')}",
        others,
        f"y = lattice(limits({clouds}), {rows})  # places on the plane, row by row",
        back,
        "z = model.space.from_coordinates(torch.tensor(z, dtype=torch.float32))",
        "pictures = torch.cat([model.picture(part).images for part in z.split(1000)])",
        sheet("pictures", rows, entry, "plane.png"),
    )


def trained(entry: Entry, choice: Choice) -> Script:
    """The states of training that the folder has kept, as an animation."""
    at = place(entry, choice)
    colour = '"black"'
    if library.images(entry).labels is not None:
        colour = '[CLASSES[k % 10] for k in kept["labels"]]'
    return script(
        entry.name,
        begin(entry) if at.before else load(entry),
        at.before,
        f"kept = ModelFolder({where(entry)}).snapshots()",
        'means = torch.from_numpy(kept["mean"]).float()  # [epochs, images, d]',
        f"planes = [{at.of('z')} for z in means]",
        f'marker = {{"size": 4, "color": {colour}}}',
        "frames = []",
        'for epoch, plane in zip(kept["epochs"], planes):',
        '    dots = go.Scatter(x=plane[:, 0], y=plane[:, 1], mode="markers", marker=marker)',
        "    frames.append(go.Frame(name=str(epoch), data=[dots]))",
        "figure = go.Figure(frames[-1].data, frames=frames)",
        'steps = [{"label": one.name, "method": "animate", "args": [[one.name]]} for one in frames]',
        'figure.update_layout(sliders=[{"steps": steps, "active": len(steps) - 1}])',
        'figure.write_html("training.html")',
    )


def _kept(entry: Entry) -> bool:
    """Whether the folder has kept where the images were during training."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(entry.path / "snapshots.safetensors", framework="numpy") as file:
            return "mean" in file.keys()  # noqa: SIM118
    except (OSError, SafetensorError):
        return False


def _last_samples(entry: Entry) -> Script:
    return script(
        entry.name,
        f"pictures = ModelFolder({where(entry)}).snapshots()[{quoted('samples')}][-1]  # from the end of training",
        'open("samples.png", "wb").write(grid(pictures, 8, 4))',
    )
