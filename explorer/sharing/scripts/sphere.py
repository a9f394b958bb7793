"""The lines of Sphere: the test images on a map, caps of q(z|x), great circles, and decoded directions."""

from __future__ import annotations

from dataclasses import replace

from explorer import colours, globe, library, planes
from explorer.library import Entry
from explorer.projections import Choice
from explorer.sharing import settings
from explorer.sharing.scripts import plane
from explorer.sharing.scripts.script import Script, begin, load, script, where
from explorer.sharing.settings import Globe, State

LATTICE = 400
"""Directions that are decoded."""


def maps(entries: list[Entry], state: State) -> list[Script]:
    """The map of the model on the sphere, and the plane of the one beside it."""
    entry, partner = settings.on_sphere(entries, state)
    if entry is None or not library.ready(entry):
        return []
    chosen = settings.globe(entry, state)
    made = [lattice(entry, chosen) if chosen.lattice else dots(entry, chosen)]
    if partner is not None and library.ready(partner):
        if globe.why_none(partner) is None:
            made.append(dots(partner, replace(chosen, made=False)))
        elif planes.kinds(partner):
            made.append(plane.dots(partner, Choice("PCA"), colours.CLASS, 0))
    return made


def dots(entry: Entry, chosen: Globe) -> Script:
    """The test images as dots on the map."""
    narrow = globe.concentration(entry) is not None
    caps = narrow and chosen.caps and bool(chosen.selected)
    colour, scaled = _colour(entry, chosen, narrow)
    lines = [
        begin(entry),
        _on_globe(entry, chosen),
        _map(chosen),
        f"plane = drawn.forward({_turned('g', chosen)})",
        _KAPPA if narrow and chosen.colour == "κ" else "",
        colour,
        f'marker = {{"size": {chosen.size:g}, "color": colour{scaled}}}',
        'figure = go.Figure(go.Scattergl(x=plane[:, 0], y=plane[:, 1], mode="markers", marker=marker))',
    ]
    if chosen.pseudo and library.why_not(entry, "pseudo_inputs") is None:
        near = "" if entry.size == 3 or chosen.made else "h /= np.linalg.norm(h, axis=1, keepdims=True)"
        pseudo = "model.points(model.pseudo_inputs).numpy()"
        lines += [
            'h = found["pseudo"]' if chosen.made else f"h = {pseudo}" + (" @ axes.T" if entry.size > 3 else ""),
            near,
            f"pseudo = drawn.forward({_turned('h', chosen)})",
            'figure.add_scattergl(x=pseudo[:, 0], y=pseudo[:, 1], mode="markers", marker={"color": "black"})',
        ]
    if caps:
        lines.append(_caps(entry, chosen))
    if len(chosen.selected) == 2 and not chosen.made:
        first, last = chosen.selected
        lines += [
            f"way = maps.great_circle(g[{first}], g[{last}], np.linspace(0, 1, 100))",
            f"x, y = drawn.forward({_turned('way', chosen)}).T",
            'figure.add_scatter(x=x, y=y, mode="markers", marker={"size": 3, "color": "red"})',
        ]
    return script(
        entry.name,
        *lines,
        'figure.update_layout(showlegend=False).update_yaxes(scaleanchor="x").write_html("sphere.html")',
    )


_KAPPA = """
with torch.no_grad():
    kappa = torch.cat([model.encode(part).concentration for part in images.split(2000)]).flatten().numpy()
"""


def _on_globe(entry: Entry, chosen: Globe) -> str:
    """`g`, unit vectors [N, 3]."""
    if chosen.made:
        made = "made by `latents project --method umap-sphere`"
        return f'found = neighbour_maps.stored({where(entry)}, "umap-sphere")  # {made}\ng = found["places"]'
    if entry.size == 3:
        return "g = points.numpy()  # unit vectors"
    return (
        "axes = directions(points.numpy())  # the three in which the points lie most\n"
        "shadow = points.numpy() @ axes.T\n"
        "reach = np.linalg.norm(shadow, axis=1, keepdims=True)\n"
        "g = shadow / reach"
    )


def _map(chosen: Globe) -> str:
    lines = f'drawn = maps.MAPS["{chosen.map}"]'
    if not (chosen.longitude or chosen.latitude):
        return lines
    return f"{lines}\nturn = maps.turn(np.radians({chosen.longitude}), np.radians({chosen.latitude}))  # to the middle"


def _turned(g: str, chosen: Globe) -> str:
    return f"{g} @ turn.T" if chosen.longitude or chosen.latitude else g


def _colour(entry: Entry, chosen: Globe, narrow: bool) -> tuple[str, str]:
    scale = ', "colorscale": "Viridis", "showscale": True'
    if chosen.colour == "κ" and narrow:
        return "colour = kappa", scale
    if chosen.colour == "ELBO" and settings.evaluated(entry, "elbo") == len(library.images(entry).gray):
        return f'colour = ModelFolder({where(entry)}).evaluation()["elbo"]  # nats', scale
    if library.images(entry).labels is None:
        return "colour = CLASSES[0]", ""
    return "colour = [CLASSES[k % 10] for k in test.labels]", ""


def _caps(entry: Entry, chosen: Globe) -> str:
    kind = entry.recipe["model"]["posterior"]["kind"]
    angle = f'caps.cap("{kind}", model.encode(images[[i]]).concentration.item(), share, {entry.size})'
    if entry.size > 3:
        angle = f"caps.shadow({angle}, reach[i])"
    return f"""
for i in {list(chosen.selected)}:
    for share in (0.5, 0.95):  # of q(z|x)
        angle = {angle}
        x, y = drawn.forward({_turned("caps.rim(g[i], angle)", chosen)}).T
        figure.add_scatter(x=x, y=y, mode="markers", marker={{"size": 2, "color": "black"}})"""


def lattice(entry: Entry, chosen: Globe) -> Script:
    """Directions spread evenly over the sphere, decoded, each at its place of the map."""
    flat = entry.size == 3
    side = max(library.images(entry).gray.shape[-2:])
    return script(
        entry.name,
        load(entry) if flat else begin(entry),
        "" if flat else "axes = directions(points.numpy())  # the three in which the points lie most",
        _map(chosen),
        f"g = maps.spread({LATTICE})  # directions spread evenly over the sphere",
        f"z = torch.tensor(g{'' if flat else ' @ axes'}, dtype=torch.float32)",
        "pictures = model.picture(z).images.numpy()",
        f"places = drawn.forward({_turned('g', chosen)})",
        f"scale = {1.25 * side:g} * np.sqrt(len(g) / (4 * np.pi))  # pixels for the radius",
        f"high, wide = (int(2 * scale * half) + {2 * side} for half in (drawn.height, drawn.width))",
        "canvas = np.zeros((1, pictures.shape[1], high, wide), np.float32)",
        "for picture, (x, y) in zip(pictures, places):",
        "    top, left = int(high / 2 - scale * y), int(wide / 2 + scale * x)",
        "    canvas[0, :, top : top + picture.shape[1], left : left + picture.shape[2]] = picture",
        'open("sphere.png", "wb").write(grid(canvas, 1, 1))',
    )
