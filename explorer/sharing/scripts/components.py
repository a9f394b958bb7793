"""The lines of Pseudo-inputs: their shares, samples of each, and near-duplicates; of mixtures' components likewise."""

from __future__ import annotations

from explorer import around, draws, duplicates, library, usage
from explorer.components import has_inputs
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, load, script, sheet, test_images
from explorer.sharing.settings import State

SHARES, AROUND, ALIKE = "Shares", "Samples", "Duplicates"


def components(entries: list[Entry], state: State) -> list[Script]:
    """What Pseudo-inputs shows of each model that has components."""
    able = [one for one in entries if library.why_not(one, "components") is None and usage.ready(one)]
    figure = state.get("figure") or SHARES
    if figure == ALIKE:
        return [alike(entry) for entry in able]
    if figure == AROUND:
        return [
            sampled(entry, *ranks_of(entries, able, entry, state), settings.number(state, "draws")) for entry in able
        ]
    return [shares(entry) for entry in able]


def ranks_of(entries: list[Entry], able: list[Entry], entry: Entry, state: State) -> tuple[list[int], int]:
    """The ranks, from 0, whose samples are shown, and how many of each."""
    key = "sheets" if len(entries) == 1 else "sheets_each"
    count = settings.number(state, "few_sheets" if any(map(draws.slow, able)) else key, 3)
    found = usage.of(entry)
    assert found is not None
    rank = min(settings.number(state, "rank", 1), len(found.shares))
    ranks = around.chosen(found, state.get("which") or around.MOST_USED, count, rank)
    across = 2 * around.SIDE if count == 1 else around.SIDE
    return [int(one) - 1 for one in ranks], around.SIDE * across - 1


def shares(entry: Entry) -> Script:
    """All components, from the one that explains most of the test images to the one that explains least."""
    across = 25
    return script(
        entry.name,
        _shares(entry),
        _pictures(entry),
        'print(f"{int((share[order].cumsum(0) < 0.5).sum()) + 1} of {len(share)} explain half of the test images")',
        sheet("pictures[order]", across, entry, "components.png"),
    )


def sampled(entry: Entry, ranks: list[int], each: int, seed: int) -> Script:
    """Components in the corner of their samples."""
    whole = "model.complete(drawn)" if entry.space_kind == "layers" else "drawn"
    n = max(each, draws.EACH)
    return script(
        entry.name,
        _shares(entry),
        _pictures(entry),
        "prior, samples = model.mixture(), []",
        f"for k in order[{ranks}].tolist():  # by rank, from 0",
        f"    with torch.no_grad(), seeded({seed}):",
        f"        drawn = prior.components[k].sample(({n},))",
        f"        z = {whole}[:{each}]  # {'z ~ q(z|u)' if has_inputs(entry) else 'of the component'}",
        f"    samples.append(torch.cat([pictures[[k]], model.picture(z, {seed}).images]))",
        sheet("torch.cat(samples)", (each + 1) // around.SIDE, entry, "samples.png"),
    )


def alike(entry: Entry) -> Script:
    """Pairs of components that are nearly the same distribution."""
    return script(
        entry.name,
        load(entry),
        _pictures(entry),
        "found = compute(model.mixture().components)  # by their symmetric KL",
        "for (k, l), nats in zip(found.pairs[:10], found.divergence[:10]):",
        '    print(f"{k} and {l}: {nats:.3f} nats")',
        f'print(f"{{found.below}} pairs are less than {duplicates.THRESHOLD:g} nats apart")',
        sheet("pictures[found.pairs.ravel()]", 12, entry, "duplicates.png"),
    )


def _shares(entry: Entry) -> str:
    return "\n".join(
        [
            load(entry),
            test_images(entry),
            "responsible = latents.diagnostics.responsibilities(model, images)  # p(k|z), [N, K]",
            "share = responsible.double().mean(0)",
            "order = share.argsort(descending=True, stable=True)",
        ]
    )


def _pictures(entry: Entry) -> str:
    """`pictures` of the components: the pseudo-inputs, or their points decoded."""
    if has_inputs(entry):
        return "pictures = model.pseudo_inputs.detach()  # [K, C, H, W] in [0, 1]"
    if entry.space_kind != "layers":
        return "pictures = model.picture(model.space.point(model.mixture().components)).images  # their means, decoded"
    return (
        "with torch.no_grad(), seeded(0):\n"
        "    z = model.complete(model.space.layers[0].point(model.mixture().components))\n"
        "pictures = model.picture(z).images  # their means, decoded"
    )
