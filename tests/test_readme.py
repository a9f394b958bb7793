"""The README is a promise: its numbers are those of the shipped models, its links and commands exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from latents import zoo
from latents.parts import kinds

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([\w-]+)` \| (.+?) \| (.*?) \| (.+?) \|$", README, re.MULTILINE)


def written(value: float, error: float, sign: str = "") -> str:
    return f"{value:{sign}.2f} ± {error:.2f}".replace("-", "−")


def test_the_table_of_all_shipped_models_is_that_of_their_metrics():
    assert (ROOT / "docs" / "models.md").read_text("utf-8") == zoo.table(ROOT / "trained")


def test_the_rows_of_the_readme_are_shipped_models():
    assert len(ROWS) >= 8
    assert {name for name, *_ in ROWS} <= set(zoo.SHIPPED)


@pytest.mark.parametrize(("name", "likelihood", "difference", "units"), ROWS)
def test_numbers_are_those_of_the_model(name, likelihood, difference, units):
    metrics = json.loads((ROOT / "trained" / name / "metrics.json").read_text())
    found = metrics["log_likelihood"]
    assert likelihood == written(found["value"], found["standard_error"])
    comparisons = [
        written(entry["difference"], entry["standard_error"], "+") for entry in metrics.get("comparisons", [])
    ]
    assert difference == "".join(comparisons)
    counted = metrics["units"]
    assert units == (f"{counted['active']} of {counted['total']}" if "active" in counted else "none")


def test_every_part_is_listed():
    for socket, *_ in re.findall(r"^\| `(\w+)`( and `decoder`)? \| (.+) \|$", README, re.MULTILINE):
        if socket in ("model", "posterior", "prior", "encoder", "likelihood", "objective"):
            (row,) = re.findall(rf"^\| `{socket}`(?: and `decoder`)? \| (.+) \|$", README, re.MULTILINE)
            assert set(re.findall(r"`([\w-]+)`", row)) == set(kinds(socket)), socket


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets


def test_the_ten_lines_of_python_run(tmp_path, monkeypatch):
    """With fewer images, samples and epochs."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = code.replace('"trained/', f'"{ROOT}/trained/').replace("test.images", "test.images[:20]")
    code = code.replace("samples=500", "samples=5")
    code = code.replace(
        'preset("digits-vampprior-2d")', 'override(latents.recipe.preset("digits-vampprior-2d"), SHORT)'
    )
    monkeypatch.chdir(tmp_path)
    exec(code, {"SHORT": {"training.epochs": "1"}})
    assert (tmp_path / "runs" / "digits" / "model.safetensors").is_file()
