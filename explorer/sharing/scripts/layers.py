"""The lines of Layers and codes: layers redrawn, added one by one, on planes; codes, their use and swaps."""

from __future__ import annotations

from explorer import codebook, layered, library, usage
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, begin, scale, script, sheet
from explorer.sharing.settings import Layers, State


def layers_and_codes(entries: list[Entry], state: State) -> list[Script]:
    """What Layers and codes shows of each model."""
    made = []
    for entry in settings.with_layers_or_codes(entries):
        chosen = settings.layers(entry, entries, state)
        if not layered.able(entry):
            made.append(codes(entry, chosen))
        elif chosen.show == settings.REDRAWN:
            made.append(redrawn(entry, chosen))
        elif chosen.show == settings.STEPWISE:
            made.append(stepwise(entry, chosen))
        elif state.get("planes") != "Decoded":
            made.append(layer_planes(entry))
        elif min(usage.layers(entry)) > 2:
            made.append(decoded_planes(entry))
    return made


def _filled(entry: Entry) -> str:
    sizes = list(usage.layers(entry))
    return f"""
prior, sizes = model.prior(), {sizes}  # of the layers, top first
def filled(z):  # the layers below z at the prior's mean
    for place in range(1, len(sizes)):
        if z.shape[-1] == sum(sizes[:place]):
            z = torch.cat([z, prior.layer(place, z).mean.detach()], -1)
    return z
"""


def redrawn(entry: Entry, chosen: Layers) -> Script:
    """The upper layers of some test images kept, those below drawn again and again."""
    kept, n = sum(usage.layers(entry)[: chosen.keep]), chosen.draws
    return script(
        entry.name,
        begin(entry),
        _filled(entry),
        f"z = points[{chosen.who}]",
        f"top = z[:, :{kept}]  # what is kept",
        f"with torch.no_grad(), seeded({chosen.seed}):",
        f"    drawn = prior.complete(top.repeat_interleave({n}, 0))  # the rest from the prior",
        f"z = torch.cat([z[:, None], filled(top)[:, None], drawn.unflatten(0, (-1, {n}))], 1)",
        "pictures = model.picture(z.flatten(0, 1)).images  # of each image: all layers, the mean below, the draws",
        sheet("pictures", n + 2, entry, "redrawn.png"),
    )


def stepwise(entry: Entry, chosen: Layers) -> Script:
    """One layer of some test images after the other, from the prior's mean."""
    space, layers = "model.space.layers[0]", len(usage.layers(entry))
    top = "nothing = filled(prior.top.mean.detach()[None])  # the prior's mean"
    if f"{layered.MEAN_DRAWS:,}" in layered.prior_mean(entry)[1]:
        top = (
            f"with torch.no_grad(), seeded(0):\n    drawn = prior.top.sample(({layered.MEAN_DRAWS},))\n"
            f"mean = {space}.from_coordinates({space}.coordinates(drawn).mean(0))\n"
            "nothing = filled(mean[None])  # the prior's mean"
        )
    return script(
        entry.name,
        begin(entry),
        _filled(entry),
        top,
        f"z = points[{chosen.who}]",
        "steps = [nothing.repeat(len(z), 1)]",
        f"for place in range(1, {layers + 1}):",
        "    steps.append(filled(z[:, : sum(sizes[:place])]))",
        "pictures = torch.stack([model.picture(step).images for step in steps], 1)",
        "added = pictures[:, 1:] - pictures[:, :-1]  # what each layer adds, in [-1, 1]",
        sheet("torch.cat([pictures, added / 2 + 0.5], 1).flatten(0, 1)", 2 * layers + 1, entry, "layers.png"),
    )


def layer_planes(entry: Entry) -> Script:
    """Each layer's own plane of the test images."""
    labels = library.images(entry).labels is not None
    colour = "[CLASSES[k % 10] for k in test.labels]" if labels else "CLASSES[0]"
    return script(
        entry.name,
        begin(entry),
        f'marker = {{"size": 4, "color": {colour}}}',
        "planes = []",
        "for layer, part in zip(model.space.layers, model.space.split(points)):",
        "    y = layer.coordinates(part).numpy()",
        "    planes.append(y if y.shape[1] <= 2 else pca(y).to_plane(y))",
        "for number, plane in zip(range(len(planes), 0, -1), planes):  # the top layer first",
        "    x, y = plane[:, 0], plane[:, -1]",
        '    figure = go.Figure(go.Scattergl(x=x, y=y, mode="markers", marker=marker))',
        '    figure.write_html(f"layer-{number}.html")',
    )


def decoded_planes(entry: Entry) -> Script:
    """What each layer's plane stands for: layers above at the mean of all images, those below at the prior's mean."""
    return script(
        entry.name,
        begin(entry),
        _filled(entry),
        "end, sheets = 0, []",
        "for number, size in zip(range(len(sizes), 0, -1), sizes):  # the top layer first",
        "    start, end = end, end + size",
        "    part = points[:, start:end].numpy()",
        "    axes = pca(part)",
        "    y = lattice(limits([axes.to_plane(part)]), 20)  # places on the plane, row by row",
        "    z = points.mean(0).repeat(len(y), 1)",
        "    z[:, start:end] = torch.tensor(axes.from_plane(y), dtype=torch.float32)",
        "    sheets.append(model.picture(filled(z[:, :end])).images)",
        '    open(f"layer-{number}.png", "wb").write(grid(sheets[-1], 20, ' + f"{scale(entry)}))",
    )


def codes(entry: Entry, chosen: Layers) -> Script:
    """The codes of an image, one of them swapped, and how often each code is used."""
    book = codebook.of(entry)
    return script(
        entry.name,
        begin(entry),
        f"codes = points[{chosen.image}]",
        f"print(codes.int().view{book.grid})",
        "swapped = codes.clone()",
        f"swapped[{chosen.place}] = {chosen.code}",
        "before, after = model.picture(torch.stack([codes, swapped])).images",
        f"share = torch.bincount(points.long().flatten(), minlength={book.size}) / points.numel()",
        'print(f"perplexity {torch.special.entr(share).sum().exp():.1f} of {len(share)} codes")',
        'go.Figure(go.Bar(y=share.sort(descending=True).values)).write_html("usage.html")',
        sheet("torch.stack([before, after, (after - before) / 2 + 0.5])", 3, entry, "swap.png"),
    )
