"""The lines of Side by side: the chosen models' numbers with paired differences, pictures, planes and units."""

from __future__ import annotations

from explorer import draws, library, pairs, planes, results, unit_numbers
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, quoted, scale, script
from explorer.sharing.settings import State

SAMPLES = 16


def side_by_side(entries: list[Entry], state: State) -> list[Script]:
    """One script for all chosen models."""
    found = settings.compared(entries, state)
    part = state.get("compare") or "Planes"
    make = {"Numbers": numbers, "Pictures": pictures, "Units": units}.get(part, the_planes)
    made = make(found, state) if found else None
    return [] if made is None else [made]


def _folders(entries: list[Entry]) -> str:
    return "[" + ", ".join(quoted(f"{one.path.parent.name}/{one.path.name}") for one in entries) + "]"


_LOADED = """
    folder = ModelFolder(path)
    model = folder.load()
"""
_ENCODED = f"""{_LOADED.rstrip()}
    images, _ = evaluation_images(model, data)  # the test images as it sees them
    points, _ = latents.diagnostics.encode_all(model, images)
"""


def _same_data(entries: list[Entry], call: str) -> list[Entry]:
    """The models that answer for the test images of the first."""
    return [
        one
        for one in entries
        if one.data == entries[0].data and library.why_not(one, call) is None and library.ready(one)
    ]


def _data(entries: list[Entry]) -> str:
    return f"data = latents.data.load({quoted(entries[0].data)})"


def the_planes(entries: list[Entry], state: State) -> Script | None:
    """The test images on each model's plane."""
    able = [one for one in _same_data(entries, "encode") if planes.kinds(one)]
    if not able:
        return None
    labels = library.images(able[0]).labels is not None
    colour = "[CLASSES[k % 10] for k in data.test.labels]" if labels else "CLASSES[0]"
    return script(
        "",
        _data(able),
        f'marker, found = {{"size": 4, "color": {colour}}}, {{}}',
        f"for path in {_folders(able)}:",
        _ENCODED,
        "    y = model.space.coordinates(points).numpy()",
        '    flat = model.space.kind == "euclidean" and model.space.size == 2',
        "    found[folder.name] = plane = y if flat else pca(y).to_plane(y)",
        '    figure = go.Figure(go.Scattergl(x=plane[:, 0], y=plane[:, 1], mode="markers", marker=marker))',
        '    figure.update_layout(title=folder.name).write_html(f"{folder.name}.html")',
    )


def numbers(entries: list[Entry], state: State) -> Script | None:
    """log p(x) and ELBO of each, and the paired differences to the first, where they compare."""
    measured = {
        number: [one for one in entries if isinstance(one.metrics.get(number), dict)]
        for number in ("log_likelihood", "elbo")
    }
    lines = (
        ["first, *others = [ModelFolder(path) for path in " + _folders(entries) + "]"] if any(measured.values()) else []
    )
    if not lines:
        return None
    lines += [
        "for folder in [first, *others]:",
        '    for number in ("log_likelihood", "elbo"):',
        "        found = folder.metrics.get(number)",
        "        if found:",
        '            print(folder.name, number, found["value"], "±", found["standard_error"], "nats")',
    ]
    compares = [
        (i, number)
        for i, one in enumerate(entries[1:])
        for number in measured
        if not isinstance(pairs.difference(one, entries[0], number), str)  # type: ignore[arg-type]
    ]
    if compares:
        lines += [
            "gaps = []",
            f"for i, number in {compares}:  # those that compare".replace("'", '"'),
            "    gap = paired_difference(others[i], first, number)",
            "    gaps.append(gap)",
            '    print(others[i].name, "-", first.name, number, gap["difference"], "±", gap["standard_error"], "nats")',
        ]
    return script("", *lines)


def pictures(entries: list[Entry], state: State) -> Script | None:
    """Reconstructions of the same test images, and samples of the same seed."""
    able = _same_data(entries, "decode")
    sampled = [one for one in entries if library.why_not(one, "sample") is None]
    if not able and not sampled:
        return None
    test, seed = library.images(entries[0]), settings.number(state, "seed")
    first = min(settings.number(state, "image"), len(test.gray) - 1)
    who = [(first + i) % len(test.gray) for i in range(min(SAMPLES, len(test.gray)))]
    lines = [_data(entries), "rows = {}"]
    if able:
        which = f"list(range({who[0]}, {who[-1] + 1}))" if who[-1] == who[0] + len(who) - 1 else str(who)
        lines += [
            f"who = {which}  # test images",
            'rows["test images"] = data.test.images[who]',
            f"for path in {_folders(able)}:",
            _ENCODED,
            '    rows[f"{folder.name}, reconstructed"] = model.picture(points[who]).images',
        ]
    if sampled:
        alike = len({draws.slow(one) for one in sampled}) == 1
        quick = f"model.picture(model.prior().sample(({draws.MOST},))[:{len(who)}], {seed}).images"
        slow = f"model.sample({draws.BLOCK}, {seed}).images[:{len(who)}]"
        drawn = slow if draws.slow(sampled[0]) else quick
        lines += [f"for path in {_folders(sampled)}:", _LOADED, f"    with torch.no_grad(), seeded({seed}):"]
        if alike:
            lines += [f"        drawn = {drawn}"]
        else:
            lines += [f'        if model.why_not("mean"):  # pixel by pixel\n            drawn = {slow}']
            lines += [f"        else:\n            drawn = {quick}"]
        lines += ['    rows[f"{folder.name}, sampled"] = drawn']
    write = f'open("pictures.png", "wb").write(grid(torch.cat(list(rows.values())), {len(who)}, {scale(entries[0])}))'
    return script("", *lines, "print(list(rows))  # from top to bottom", write)


def units(entries: list[Entry], state: State) -> Script | None:
    """The units of each model, from the one that carries most to the one that carries least."""
    able = [one for one in entries if library.why_not(one, "units") is None and library.ready(one)]
    by = state.get("by") or "KL"
    if by == "KL":
        able = [one for one in able if unit_numbers.kl(one) is not None]
    if not able:
        return None
    lines = ["figure, profiles = go.Figure(), {}"]
    if by == "KL":
        lines += [
            f"for folder in map(ModelFolder, {_folders(able)}):",
            '    carried = np.sort(folder.metrics["units"]["kl"])[::-1]  # KL of each unit, nats',
        ]
    else:
        lines += [
            f"for path in {_folders(able)}:",
            _LOADED,
            "    data = latents.data.load(folder.recipe.data.name)",
            "    images, _ = evaluation_images(model, data)",
            "    points, _ = latents.diagnostics.encode_all(model, images)",
            "    carried = np.sort(points.double().numpy().var(axis=0))[::-1]  # variance of each unit's mean",
        ]
    lines += [
        "    profiles[folder.name] = carried",
        "    figure.add_scatter(y=carried, name=folder.name)",
        'figure.update_yaxes(type="log").write_html("units.html")',
    ]
    return script("", *lines)


def all_results(entries: list[Entry], state: State) -> list[Script]:
    """The table of Results, the best first: models of one data set whose likelihoods compare."""
    tables = results.tables(library.whole())
    title, first = state.get("table"), results.kind(entries[0])
    kind = next((one for one in tables if one.title == title), first)
    if not kind.measure:
        return []
    shelves = dict.fromkeys(row.entry.path.parent.name for row in tables.get(kind, []))
    found = ", ".join(f"*find({quoted(shelf)})" for shelf in shelves)
    return [
        script(
            "",
            "rows = []",
            f"for folder in map(ModelFolder, [{found}]):",
            '    found = folder.metrics.get("log_likelihood", {})',
            '    same = found.get("measure"), found.get("binarisation"), found.get("split")',
            f"    wanted = {quoted(kind.measure)}, {quoted(kind.binarisation)}, {quoted(kind.split)}",
            f"    if folder.recipe.data.name == {quoted(kind.data)} and same == wanted:",
            '        rows.append((found["value"], found["standard_error"], folder.name))',
            "rows.sort(reverse=True)",
            "for value, error, name in rows:",
            '    print(f"{value:9.2f} ± {error:.2f} nats  {name}")',
            "values, errors, names = zip(*rows)",
            'figure = go.Figure(go.Scatter(x=values, y=names, mode="markers", error_x={"array": errors}))',
            'figure.update_yaxes(dtick=1).write_html("results.html")',
        )
    ]
