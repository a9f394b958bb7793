"""The model card: a folder's README.md, made from its recipe and its metrics."""

from __future__ import annotations

from typing import Any

from .folder import CARD, ModelFolder, write_whole
from .recipe import fields


def write_card(folder: ModelFolder) -> None:
    """Write README.md anew."""
    recipe, metrics = folder.recipe, folder.metrics
    lines = [f"# {recipe.name}", "", recipe.description or "A latent-variable model.", ""]
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


def results(metrics: dict[str, Any]) -> list[str]:
    """The numbers of metrics.json, a sentence each."""
    found = []
    for key, title in (("log_likelihood", "log-likelihood"), ("elbo", "ELBO")):
        if key in metrics:
            entry = metrics[key]
            found.append(
                f"test {title}: {entry['value']:.2f} ± {entry['standard_error']:.2f} nats, higher is better "
                f"({entry['images']:,} {entry['data']} test images, {entry['binarisation']}, {entry['samples']} "
                f"sample{'s' if entry['samples'] > 1 else ''} per image)"
            )
    for entry in metrics.get("comparisons", []):
        found.append(
            f"against {entry['with']}: {entry['difference']:+.2f} ± {entry['standard_error']:.2f} nats, "
            f"paired over the same {entry['images']:,} images"
        )
    units = metrics.get("units", {})
    if "active" in units:
        found.append(
            f"active units: {units['active']} of {units['total']} (variance of the posterior mean above "
            f"{units['threshold']:g} over {units['images']:,} test images)"
        )
    return found
