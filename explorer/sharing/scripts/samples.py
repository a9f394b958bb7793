"""The lines of Samples: from the prior at any temperature or the aggregated posterior, and what is memorised."""

from __future__ import annotations

from dataclasses import dataclass

from explorer import draws, library, memorised
from explorer.library import Entry
from explorer.sharing import settings
from explorer.sharing.scripts.script import Script, load, quoted, script, sheet, test_images
from explorer.sharing.settings import State


@dataclass(frozen=True)
class Sheet:
    """What Samples shows of a model: `pages/samples.py` says the same. n: pictures; columns: in a row of the sheet."""

    posterior: bool
    nearest: bool
    seed: int
    pixels: bool
    temperature: float
    n: int
    columns: int


def sheet_of(entries: list[Entry], able: list[Entry], entry: Entry, state: State) -> Sheet:
    """The sheet of one of the models in view; able: those that can be sampled."""
    slow = any(draws.slow(one) for one in able)
    rows = settings.number(state, "few_rows", 4) if slow else settings.number(state, "rows", 8)
    columns = rows * 2 // len(entries)
    nearest = bool(state.get("nearest"))
    posterior = state.get("source") == "Aggregated posterior"
    warm = state.get("temperature")
    return Sheet(
        posterior,
        nearest,
        settings.number(state, "seed"),
        state.get("shown") == "Drawn pixels" and library.why_not(entry, "draw") is None and not draws.slow(entry),
        1.0 if warm is None or posterior or draws.why_not_tempered(entry) else float(warm),
        rows * columns // (2 if nearest else 1),
        columns,
    )


def able_to(entries: list[Entry]) -> list[Entry]:
    """The models of which Samples shows a sheet."""
    return [one for one in entries if draws.ready(one) and library.why_not(one, "sample") is None]


def samples(entries: list[Entry], state: State) -> list[Script]:
    """What Samples shows of each model."""
    able = able_to(entries)
    found = [(entry, sheet_of(entries, able, entry, state)) for entry in able]
    return [
        of_model(entry, one)
        for entry, one in found
        if not one.posterior or (library.ready(entry) and library.why_not(entry, "encode") is None)
    ]


def of_model(entry: Entry, shown: Sheet) -> Script:
    parts = [load(entry)]
    if shown.posterior:
        parts += [test_images(entry), _posterior(entry, shown)]
    else:
        parts += [_prior(entry, shown)]
    if not draws.slow(entry):
        parts += [_decoded(shown)]
    if not shown.nearest:
        return script(entry.name, *parts, sheet("pictures", shown.columns, entry, "samples.png"))
    split = memorised.shelf(entry).split
    data = f"others = latents.data.load({quoted(entry.data)}).{'train' if split == 'training' else 'test'}.images"
    return script(
        entry.name,
        *parts,
        data,
        "distance = torch.cdist(pictures.flatten(1), others.flatten(1))  # over all pixels in [0, 1]",
        "nearest = others[distance.argmin(1)]",
        sheet("torch.stack([pictures, nearest], 1).flatten(0, 1)", shown.columns, entry, "samples.png"),
    )


def _prior(entry: Entry, shown: Sheet) -> str:
    """`z`, or `pictures` where they are drawn pixel by pixel, in blocks with seeds of their own."""
    warm = shown.temperature
    if not draws.slow(entry):
        drawn = f"model.prior().sample(({draws.MOST},))"
        drawn = drawn if warm == 1 else f"tempering.sample(model.prior(), {draws.MOST}, temperature={warm:g})"
        return (
            f"with torch.no_grad(), seeded({shown.seed}):\n"
            f"    z = {drawn}[:{shown.n}]  # drawn as many at a time as the app does"
        )
    seeds, n = _seeds(shown), draws.BLOCK
    if warm == 1 and shown.n <= n:
        return f"pictures = model.sample({n}, {shown.seed}).images[:{shown.n}]  # pixel by pixel"
    if warm == 1:
        drawn = f"model.sample({n}, seed).images for seed in {seeds}"
        return f"pictures = torch.cat([{drawn}])[:{shown.n}]  # pixel by pixel, in blocks"
    return (
        f"pictures = []\nfor seed in {seeds}:\n    with torch.no_grad(), seeded(seed):\n"
        f"        z = tempering.sample(model.prior(), {n}, temperature={warm:g})\n"
        f"    pictures.append(model.picture(z, seed).images)  # pixel by pixel\n"
        f"pictures = torch.cat(pictures)[:{shown.n}]"
    )


def _posterior(entry: Entry, shown: Sheet) -> str:
    lines = (
        f"who = np.random.default_rng({shown.seed}).integers(0, len(images), {draws.MOST})  # any test images\n"
        f"with torch.no_grad(), seeded({shown.seed}):\n"
        f"    z, _ = model.encode(images[who]).rsample_and_log_prob()\n"
    )
    if not draws.slow(entry):
        return f"{lines}z = z[:{shown.n}]"
    n = draws.BLOCK
    if shown.n <= n:
        return f"{lines}pictures = model.picture(z[:{n}], {shown.seed}).images[:{shown.n}]  # pixel by pixel"
    pictures = f"model.picture(part, seed).images for part, seed in zip(z.split({n}), {_seeds(shown)})"
    return f"{lines}pictures = torch.cat([{pictures}])[:{shown.n}]"


def _decoded(shown: Sheet) -> str:
    if not shown.pixels:
        return f"pictures = model.picture(z, {shown.seed}).images  # [N, C, H, W] in [0, 1]"
    return f"with torch.no_grad(), seeded({shown.seed}):\n    pictures = model.decode(z).sample()  # every pixel drawn"


def _seeds(shown: Sheet) -> str:
    blocks = -(-shown.n // draws.BLOCK)
    return f"[{', '.join(str(draws._seed(shown.seed, block)) for block in range(blocks))}]"
