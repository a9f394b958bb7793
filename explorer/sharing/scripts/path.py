"""The lines of Interpolate: from image to image, the square between four, random walks, from class to class."""

from __future__ import annotations

from dataclasses import dataclass

from explorer import library, path_controls, paths, usage
from explorer.courses import STRENGTHS
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, begin, quoted, script, sheet
from explorer.sharing.settings import State, Way


def interpolate(entries: list[Entry], state: State) -> list[Script]:
    """What Interpolate shows of each model; nothing where an own picture is too large for a text."""
    able = [one for one in entries if library.why_not(one, "decode") is None and library.ready(one)]
    shown = [one for one in able if one.data == able[0].data]
    found = [(one, settings.way(one, state)) for one in shown]
    make = {path_controls.CORNERS: corners, path_controls.WALK: walk, path_controls.CLASSES: classes}
    return [
        make.get(way.mode, line)(entry, way) for entry, way in found if all(own is None or own[1] for own in way.own)
    ]


def line(entry: Entry, way: Way) -> Script:
    """From one image to another, through latent space and through the pixels."""
    first, last = _ends(entry, way)
    return script(
        entry.name,
        begin(entry),
        first.before,
        last.before,
        f"t = torch.linspace(0, 1, {way.steps})",
        f"z = {_between(entry, way, first.point, last.point)}  # {paths.words(entry, _name(way))}",
        _shells(entry, way, first.point, last.point, "z"),
        "pictures = model.picture(z).images  # [T, C, H, W]",
        f"pixels = torch.lerp({first.image}, {last.image}, t.view(-1, 1, 1, 1))",
        _density(entry),
        sheet("torch.cat([pictures, pixels])", way.steps, entry, "line.png"),
    )


def corners(entry: Entry, way: Way) -> Script:
    """The square between four images: along the upper and the lower edge, then from the one to the other."""
    found = _ends(entry, way)
    a, b, c, d = (end.point for end in found)
    lines = [begin(entry), *(end.before for end in found), f"t = torch.linspace(0, 1, {way.side})"]
    for name, (one, other) in {"top": (a, b), "bottom": (c, d), "z": ("top", "bottom")}.items():
        lines += [f"{name} = {_between(entry, way, one, other)}", _shells(entry, way, one, other, name)]
    return script(
        entry.name,
        *lines,
        "pictures = model.picture(z.flatten(0, 1)).images  # row by row",
        sheet("pictures", way.side, entry, "square.png"),
    )


def walk(entry: Entry, way: Way) -> Script:
    """A random walk from an image."""
    free = entry.space_kind in ("euclidean", "codes")
    spread = f"y = {_coordinates(entry)}.numpy().astype(float)\nspread = y.std(axis=0)\n"
    spread += f"length = {way.stride:g} * np.linalg.norm(spread)"
    [end] = _ends(entry, way)
    start = f"y[{way.ends[0]}]" if not end.before else f"{_coordinates(entry, end.point)}.numpy()"
    nearest = ""
    if entry.space_kind == "sphere":
        went = f"spherical_walk({start}, {way.steps}, length, seed={way.seed})"
    elif free:
        went = f"walk({start}, {way.steps}, length, spread, seed={way.seed})"
    else:
        nearest = (
            "def nearest(y):\n    return model.space.from_coordinates(torch.tensor(y, dtype=torch.float32)).numpy()\n"
        )
        went = f"walk({start}, {way.steps}, length, spread, {way.seed}, nearest)"
    return script(
        entry.name,
        begin(entry),
        end.before,
        spread,
        nearest and f"\n\n{nearest}\n",
        f"steps = {went}",
        "z = model.space.from_coordinates(torch.tensor(steps, dtype=torch.float32))",
        "pictures = model.picture(z).images  # [T, C, H, W]",
        _density(entry),
        sheet("pictures", way.steps, entry, "walk.png"),
    )


def classes(entry: Entry, way: Way) -> Script:
    """An image, and what tells one class from another added to it with rising strength."""
    [end] = _ends(entry, way)
    start = f"y[{way.ends[0]}]" if not end.before else _coordinates(entry, end.point)
    low, high, n = STRENGTHS[0], STRENGTHS[-1], len(STRENGTHS)
    return script(
        entry.name,
        begin(entry),
        end.before,
        f"y = {_coordinates(entry)}.double()",
        f"difference = y[test.labels == {way.target}].mean(0) - y[test.labels == {way.origin}].mean(0)",
        f"strength = torch.linspace({low:g}, {high:g}, {n}, dtype=torch.double)",
        f"z = model.space.from_coordinates(({start} + strength[:, None] * difference).float())",
        "pictures = model.picture(z).images  # [T, C, H, W]",
        _density(entry),
        sheet("pictures", n, entry, "classes.png"),
    )


# -- ends ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """An end of a path in lines: `before` makes it; its point and its image, as the model sees it, as expressions."""

    point: str
    image: str
    before: str = ""


def _ends(entry: Entry, way: Way) -> list[End]:
    """Test images, or the visitor's own pictures by their texts."""
    found = []
    for name, i, own in zip(("start", "end", "", ""), way.ends, way.own, strict=False):
        if own is None:
            found.append(End(f"points[{i}]", f"images[{i}]"))
            continue
        before = f"{name} = torch.from_numpy(decode({quoted(own[1])}))[None] / 255  # a picture of your own"
        if entry.binarisation != "none":
            before += f"\n{name} = latents.data.binarise({name}, latents.data.TEST_SEED)"
        before += f"\n{name}_points, _ = latents.diagnostics.encode_all(model, {name})"
        found.append(End(f"{name}_points[0]", f"{name}[0]", before))
    return found


# -- parts ---------------------------------------------------------------------------------------------------


def _name(way: Way) -> str:
    return paths.CIRCLE if way.circle else paths.STRAIGHT


def _between(entry: Entry, way: Way, a: str, b: str) -> str:
    """The points between a and b: along the path of the space, or the great circle where all of z is one vector."""
    if way.circle and len(usage.layers(entry)) == 1:
        return f"torch.tensor(arc({a}, {b}, t), dtype=torch.float32)"
    return f"model.space.path({a}, {b}, t)"


def _shells(entry: Entry, way: Way, a: str, b: str, name: str) -> str:
    """The great circles of a hierarchy's large layers, in the place of their straight lines."""
    if not way.circle or len(usage.layers(entry)) == 1:
        return ""
    parts = [f"{part.start}:{part.stop}" for part in paths.shells(entry)]
    return "\n".join(
        f"{name}[..., {part}] = torch.tensor(arc({a}[..., {part}], {b}[..., {part}], t))  # a large layer"
        for part in parts
    )


def _coordinates(entry: Entry, z: str = "points") -> str:
    return f"model.space.coordinates({z})" if entry.space_kind == "codes" else z


def _density(entry: Entry) -> str:
    if library.why_not(entry, "prior_density") is not None:
        return ""
    return "log_prior = model.prior().log_prob(z).detach()  # nats"
