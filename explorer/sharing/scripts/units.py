"""The lines of Traversals and Active units: what each unit does to the picture, and what it carries."""

from __future__ import annotations

from explorer import draws, fates, layered, library, unit_numbers, usage
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, begin, load, script, sheet, test_images, where
from explorer.sharing.settings import State, Traversal


def traversals(entries: list[Entry], state: State) -> list[Script]:
    """What Traversals shows of each model."""
    able = [one for one in entries if library.why_not(one, "decode") is None and library.ready(one)]
    able = [one for one in able if one.data == able[0].data]
    found = [(one, settings.traversing(one, able, state)) for one in able]
    return [made for one, chosen in found if (made := _traversal(one, chosen)) is not None]


def _traversal(entry: Entry, chosen: Traversal) -> Script | None:
    if library.why_not(entry, "units") is None:
        return by_unit(entry, chosen) if chosen.units else None
    return on_sphere(entry, chosen) if entry.space_kind == "sphere" else by_direction(entry, chosen)


def by_unit(entry: Entry, chosen: Traversal) -> Script:
    """One unit after another from low to high, all else held (or the layers below at their prior's mean)."""
    steps, units = chosen.steps, chosen.units
    by = "KL" if unit_numbers.kl(entry) is not None else "variance"
    lines = [
        "\n".join([load(entry), test_images(entry)]) if chosen.mean else begin(entry),
        "with torch.no_grad(), seeded(0):  # the aggregated posterior, one draw for each image",
        "    drawn = torch.cat([model.encode(part).rsample_and_log_prob()[0] for part in images.split(1000)])",
        "low, high = np.quantile(drawn.numpy(), [0.025, 0.975], axis=0)",
        _following(entry) if chosen.follow else "",
        prior_mean(entry, len(chosen.starts)) if chosen.mean else "",
        f"units, z = {units}, []  # ranked by {by}, counted from 0",
        _starting(chosen),
    ]
    inside = [
        "for unit in units:",
        f"    path = start.repeat({steps}, 1)",
        f"    path[:, unit] = torch.from_numpy(np.linspace(low[unit], high[unit], {steps}))",
        f"    z.append({'filled(path, unit)' if chosen.follow else 'path'})",
    ]
    shift = "    " if len(chosen.starts) > 1 else ""
    lines += [
        *(shift + line for line in inside),
        f"pictures = model.picture(torch.cat(z)).images  # {'start by start, ' if shift else ''}unit by unit",
        sheet("pictures", steps, entry, "traversals.png"),
    ]
    return script(entry.name, *lines)


def _starting(chosen: Traversal) -> str:
    """The loop over the starts; the one start where it is alone."""
    if len(chosen.starts) == 1:
        return "[start] = starts" if chosen.mean else f"start = points[{chosen.starts[0]}]"
    return "for start in starts:" if chosen.mean else f"for start in points[{chosen.starts}]:"


def _following(entry: Entry) -> str:
    ends = [sum(usage.layers(entry)[: place + 1]) for place in range(len(usage.layers(entry)))]
    return f"""
def filled(z, unit):  # the layers below the unit's own at their prior's mean
    ends = {ends}
    first = next(place for place, end in enumerate(ends) if unit < end)
    z = z[:, : ends[first]]
    for place in range(first + 1, len(ends)):
        z = torch.cat([z, model.prior().layer(place, z).mean.detach()], -1)
    return z
"""


def prior_mean(entry: Entry, starts: int) -> str:
    """`starts`: the prior's mean (see `layered.prior_mean`) and, where there are more, draws from it."""
    closed = f"{layered.MEAN_DRAWS:,}" not in layered.prior_mean(entry)[1]
    layers = len(usage.layers(entry))
    top = "model.prior().top" if layers > 1 else "model.prior()"
    if closed:
        lines = f"starts = {top}.mean.detach()[None]  # of the prior"
    else:
        space = "model.space.layers[0]" if layers > 1 else "model.space"
        lines = (
            f"with torch.no_grad(), seeded(0):\n    drawn_prior = {top}.sample(({layered.MEAN_DRAWS},))\n"
            f"starts = {space}.from_coordinates({space}.coordinates(drawn_prior).mean(0))[None]  # the prior's mean"
        )
    if layers > 1:
        lines += (
            f"\nfor place in range(1, {layers}):  # the chain of means"
            "\n    starts = torch.cat([starts, model.prior().layer(place, starts).mean.detach()], -1)"
        )
    if starts > 1:
        lines += (
            "\nwith torch.no_grad(), seeded(0):"
            f"\n    starts = torch.cat([starts, model.prior().sample(({draws.MOST},))[:{starts - 1}]])  # and draws"
        )
    return lines


def by_direction(entry: Entry, chosen: Traversal) -> Script:
    """Along the principal components of the points, at the nearest points of the space."""
    coordinates = "model.space.coordinates(points)" if entry.space_kind == "codes" else "points"
    size = library.encoding(entry).coordinates.shape[1]
    return script(
        entry.name,
        begin(entry),
        f"y = {coordinates}.double().numpy()",
        f"axes, paths = pca(y, {min(chosen.directions, size)}).axes, []",
        f"for i in {chosen.starts}:  # test images",
        "    low, high = np.quantile((y - y[i]) @ axes.T, [0.025, 0.975], axis=0)",
        f"    along = np.linspace(low, high, {chosen.steps}).T  # [directions, steps]",
        "    paths.append(y[i] + along[:, :, None] * axes[:, None])",
        "z = model.space.from_coordinates(torch.tensor(np.concatenate(paths), dtype=torch.float32))",
        "pictures = model.picture(z.flatten(0, 1)).images  # direction by direction",
        sheet("pictures", chosen.steps, entry, "traversals.png"),
    )


def on_sphere(entry: Entry, chosen: Traversal) -> Script:
    """Along great circles through the point, in the directions in which the data vary most."""
    return script(
        entry.name,
        begin(entry),
        "circles = []",
        f"for i in {chosen.starts}:  # test images",
        "    here = points[i].double().numpy()",
        "    here /= np.linalg.norm(here)",
        "    tangents = logarithm(here, points.double().numpy())  # where the others lie, seen from here",
        f"    axes = pca(tangents, {min(chosen.directions, entry.size - 1)}).axes",
        "    axes -= (axes @ here)[:, None] * here",
        "    axes /= np.linalg.norm(axes, axis=1, keepdims=True)",
        "    low, high = np.quantile(tangents @ axes.T, [0.025, 0.975], axis=0)",
        f"    angle = np.linspace(low, high, {chosen.steps}).T[:, :, None]  # radians",
        "    circles.append(np.cos(angle) * here + np.sin(angle) * axes[:, None])",
        "z = torch.tensor(np.concatenate(circles), dtype=torch.float32)",
        "pictures = model.picture(z.flatten(0, 1)).images  # circle by circle",
        sheet("pictures", chosen.steps, entry, "traversals.png"),
    )


# -- active units --------------------------------------------------------------------------------------------


def active_units(entries: list[Entry], state: State) -> list[Script]:
    """The variance and the KL of each unit, and how they went during training."""
    able = [one for one in entries if library.ready(one) and library.why_not(one, "units") is None]
    threshold = float(state.get("threshold") or unit_numbers.THRESHOLD)
    return [_active(entry, threshold) for entry in able]


def _active(entry: Entry, threshold: float) -> Script:
    lines = [
        begin(entry),
        "variances = points.double().var(dim=0, correction=0)",
        f'print(int((variances > {threshold:g}).sum()), "of", len(variances), "units are active")',
        'figure = go.Figure(go.Bar(y=variances, name="variance of the mean"))',
    ]
    known = unit_numbers.kl(entry) is not None
    history = fates.history(entry)
    if known or history is not None:
        lines.append(f"folder = ModelFolder({where(entry)})")
    if known:
        lines.append('figure.add_bar(y=folder.metrics["units"]["kl"], name="KL, nats")')
    lines += ['figure.update_yaxes(type="log")', 'figure.write_html("units.html")']
    if history is None:
        return script(entry.name, *lines)
    if "every epoch" in history.source:
        lines += [
            "rows = folder.history()  # a row for each epoch",
            f'lives = np.stack([rows[f"variance_{{unit}}"] for unit in range({history.variances.shape[1]})], axis=1)',
            "kept = ~np.isnan(lives[:, 0])  # other stages of training have other columns",
            'epochs, lives = rows["epoch"][kept], lives[kept]',
        ]
    else:
        lines += ["kept = folder.snapshots()", 'epochs, lives = kept["epochs"], kept["variances"]']
    lines += [
        'figure = go.Figure([go.Scatter(x=epochs, y=line, name=f"unit {i + 1}") for i, line in enumerate(lives.T)])',
        f'figure.add_hline({threshold:g}).update_yaxes(type="log")',
        'figure.write_html("lives.html")',
    ]
    return script(entry.name, *lines)
