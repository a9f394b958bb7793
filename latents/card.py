"""The model card: a folder's README.md, made from its recipe and its metrics."""

from __future__ import annotations

import inspect
from typing import Any

from .folder import CARD, ModelFolder, write_whole
from .parts import PartSettings, part, sockets_of
from .recipe import Recipe, fields


def write_card(folder: ModelFolder) -> None:
    """Write README.md anew."""
    recipe, metrics = folder.recipe, folder.metrics
    lines = [f"# {recipe.name}", "", recipe.description or "A latent-variable model.", ""]
    lines += ["## Model", "", *(f"- {line}" for line in [*about(recipe), *folder.load().remarks()]), ""]
    lines += ["## Results", "", *(f"- {line}" for line in results(metrics) or ["not evaluated yet"]), ""]
    training = metrics.get("training")
    if training:
        lines += [
            "## Training",
            "",
            f"- {training['epochs']} epochs in {training['seconds'] / 60:.1f} minutes on {training['device']}; "
            f"the weights are those of epoch {training['best_epoch']}, saved in {training['weights']}",
            f"- {training['parameters']:,} parameters; torch {training['versions']['torch']}; {training['date'][:10]}",
            "",
        ]
    rows = [
        f"| `{row.path}` | {row.value} | {row.description} |" for row in fields(recipe) if row.path != "description"
    ]
    lines += ["## Recipe", "", "| field | value | meaning |", "| --- | --- | --- |", *rows, ""]
    lines += [
        "Made again by `latents train config.json --out FOLDER`. Weights are safetensors; nothing here is code.",
        "",
    ]
    write_whole(folder.path / CARD, "\n".join(lines))


def about(recipe: Recipe) -> list[str]:
    """A line for the family and for each part that the recipe chose: the first line of its docstring."""
    own = part("model", recipe.model.kind)
    return _about("model", recipe.model) + (_about("objective", recipe.objective) if own.takes_objective else [])


def _about(socket: str, settings: PartSettings) -> list[str]:
    chosen = part(socket, settings.kind)
    summary = (inspect.getdoc(chosen) or "").split("\n\n")[0].replace("\n", " ")
    lines = [f"{socket} `{settings.kind}`: {summary}"]
    if socket == "model":
        lines[0] += f" Family: {chosen.family}."
    for name, below in sockets_of(type(settings)).items():
        found = getattr(settings, name)
        lines += [line if name == below else f"{name}: {line}" for line in _about(below, found)]
    return lines


def results(metrics: dict[str, Any]) -> list[str]:
    """The numbers of metrics.json, a sentence each."""
    found = []
    for key, title in (("log_likelihood", "log-likelihood"), ("elbo", "ELBO")):
        if key in metrics:
            entry = metrics[key]
            found.append(
                f"test {title}: {entry['value']:.2f} ± {entry['standard_error']:.2f} nats, higher is better "
                f"({entry['images']:,} {entry['data']} test images, {entry['binarisation']}, {_estimated(entry)})"
            )
    if "no_likelihood" in metrics:
        found.append(f"test log-likelihood: none. {metrics['no_likelihood']}")
    for entry in metrics.get("comparisons", []):
        found.append(
            f"against {entry['with']}: {entry['difference']:+.2f} ± {entry['standard_error']:.2f} nats, "
            f"paired over the same {entry['images']:,} images"
        )
    layers = metrics.get("elbo", {}).get("kl_per_layer")
    if layers:
        found.append(f"KL of each layer, top first: {', '.join(f'{value:.2f}' for value in layers)} nats")
    units = metrics.get("units", {})
    if "active" in units:
        point = units.get("point", "mean of q(z|x)")
        found.append(
            f"active units: {units['active']} of {units['total']} (variance of the {point} above "
            f"{units['threshold']:g} over {units['images']:,} test images)"
        )
    elif "reason" in units:
        found.append(f"active units: {units['reason']}")
    return found


def _estimated(entry: dict[str, Any]) -> str:
    estimator = entry.get("estimator", "importance")
    if estimator == "exact":
        return "exact"
    if estimator == "bound":
        return "a lower bound"
    return f"{entry['samples']} sample{'s' if entry['samples'] > 1 else ''} per image"
