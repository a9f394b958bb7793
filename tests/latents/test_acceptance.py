"""What the README promises on the command line, on the real, full training set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_train_then_evaluate_a_preset(tmp_path):
    if not Path(os.environ.get("LATENTS_DATA", ""), "MNIST").is_dir():
        pytest.skip("LATENTS_DATA has no MNIST training images")
    out = tmp_path / "model"

    def latents(*arguments):
        done = subprocess.run([sys.executable, "-m", "latents", *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    latents("train", "mnist-vampprior-2d", "--training.epochs", 2, "--out", out)
    latents("evaluate", out, "--samples", 500, "--images", 200)
    metrics = json.loads((out / "metrics.json").read_text())
    likelihood = metrics["log_likelihood"]
    assert (likelihood["images"], likelihood["samples"], likelihood["split"]) == (200, 500, "test")
    assert metrics["elbo"]["value"] < likelihood["value"] < 0
    assert likelihood["value"] > -200  # two epochs are worth this much; a fresh model is near -550
    assert metrics["training"]["epochs"] == 2
    assert json.loads(latents("diagnose", out, "--json"))["total"] == 2
