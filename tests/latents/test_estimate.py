"""What a recipe costs: memory that is right to within a factor, refusals with the field to lower, and time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap

import pytest
import torch

from latents import estimate
from latents.errors import RecipeError
from latents.estimate import check_memory, measure, memory, size
from latents.models import build
from latents.training import resume, train

from .test_training import stopping_after


class TestMemory:
    def test_weights_are_those_of_the_model(self, tiny, digits):
        recipe = tiny(model__encoder__hidden=[70, 50])
        found = memory(recipe, digits.shape, 1000)
        assert found.parameters == build(recipe, digits.shape).parameter_count()
        assert found.parts["weights"] == 9 * 4 * found.parameters
        assert found.bytes == sum(found.parts.values())

    def test_a_batch_is_as_large_as_what_it_keeps(self, tiny, digits):
        """Against a pass of the whole batch, with every tensor that autograd keeps counted once."""
        recipe = tiny(model__prior__kind="vampprior", model__prior__components=40, training__batch=300)
        model = build(recipe, digits.shape)
        stage = model.stages(recipe)[0].train()
        kept, owned = {}, {value.data_ptr() for value in model.parameters()}

        def note(value):
            if value.untyped_storage().data_ptr() not in owned:
                kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        x = torch.rand(300, *digits.shape).round()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            terms = stage(x, 1)
        assert memory(recipe, digits.shape, 1000).parts["batch"] == pytest.approx(
            sum(kept.values()) + x.numel() * 4, rel=0.2
        )
        del terms

    def test_it_grows_with_the_batch_and_not_beyond_the_images(self, tiny, digits):
        def batch(size, images):
            return memory(tiny(training__batch=size), digits.shape, images).parts["batch"]

        assert batch(400, 1000) == pytest.approx(4 * batch(100, 1000), rel=0.1)
        assert batch(5000, 1000) == batch(1000, 1000)

    def test_images(self, tiny):
        assert memory(tiny(), (1, 8, 8), 1000, 500).parts["images"] == 64 * (4 * 1500 + 2 * 1000)

    @pytest.mark.parametrize("kind", ["pca", "ppca", "vq-vae", "realnvp", "auto-encoder"])
    def test_other_families(self, tiny, digits, kind):
        found = memory(tiny(model__kind=kind), digits.shape, 1000)
        assert found.parameters > 0
        assert (found.per_image > 0) == (kind not in ("pca", "ppca"))

    def test_nobody_s_random_numbers_are_used(self, tiny, digits):
        before = torch.get_rng_state()
        memory(tiny(), digits.shape, 10)
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("hidden", "batch"),
        [([1500, 1500], 100), ([300, 300], 100_000)],
        ids=["weights", "batch"],
    )
    def test_against_the_peak_of_a_process(self, tiny, tmp_path, hidden, batch):
        """Its own peak during an epoch, above what it had before: between two thirds and one and a half of it."""
        import numpy as np

        images = np.random.default_rng(0).integers(0, 2, (20_000 if batch > 1000 else 200, 8, 8), np.uint8) * 255
        np.savez(tmp_path / "own.npz", images=images)
        recipe = tiny(
            data__name=str(tmp_path / "own.npz"),
            data__binarisation="static",
            model__encoder__hidden=hidden,
            model__decoder__hidden=hidden,
            training__epochs=1,
            training__batch=batch,
            objective__warm_up=0,
        )
        config = tmp_path / "config.json"
        config.write_text(recipe.json_text())
        code = """
            import json, sys, threading, time
            from pathlib import Path
            import psutil, torch
            from latents import training
            from latents.data import load
            from latents.estimate import memory
            from latents.recipe import read_recipe
            torch.set_num_threads(1)
            recipe = read_recipe(sys.argv[1])
            data = load(recipe.data.name)
            asked = memory(recipe, data.shape, data.sizes["train"], data.sizes["valid"] + data.sizes["test"])
            process, peak, done = psutil.Process(), 0, False

            def look():
                global peak
                while not done:
                    peak = max(peak, process.memory_info().rss)
                    time.sleep(0.002)

            before = process.memory_info().rss
            watcher = threading.Thread(target=look, daemon=True)
            watcher.start()
            training.train(recipe, Path(sys.argv[2]), accelerator="cpu")
            done = True
            watcher.join()
            print(json.dumps([asked.bytes, peak - before, asked.parts]))
        """
        command = [sys.executable, "-c", textwrap.dedent(code), str(config), str(tmp_path / "run")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        asked, took, parts = json.loads(done.stdout)
        assert took / 1.6 < asked < 1.6 * took + 5e7, (size(asked), size(took), parts)


class TestRefused:
    @pytest.fixture
    def small(self, monkeypatch):
        """A machine with so many bytes, on which even a small need counts."""

        def make(count):
            monkeypatch.setattr(estimate, "free_memory", lambda device: count)
            monkeypatch.setattr(estimate, "_RESERVE", 0)

        return make

    def test_before_the_folder_is_begun(self, tiny, tmp_path):
        """For real: weights of 200 GB and more are on no machine that runs tests."""
        recipe = tiny(model__encoder__hidden=[65_000, 65_000])
        with pytest.raises(RecipeError) as caught:
            train(recipe, tmp_path / "model", accelerator="cpu")
        assert "\n" not in str(caught.value)
        assert "of memory" in str(caught.value)
        assert "lower model.encoder.hidden (it is [65000, 65000])" in str(caught.value)
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"training__batch": 1297, "model__encoder__hidden": [4]}, r"training\.batch \(it is 1297\)"),
            ({"model__encoder__hidden": [16, 999]}, r"model\.encoder\.hidden \(it is \[16, 999\]\)"),
            (
                {"model__prior__kind": "vampprior", "model__prior__components": 5000, "training__batch": 2},
                r"model\.prior\.components \(it is 5000\)",
            ),
            ({"model__kind": "pca", "model__latent": 2}, r"number of images of data\.name \(it is 'digits'\)"),
        ],
    )
    def test_the_field_to_lower(self, tiny, digits, small, changes, field):
        recipe = tiny(**changes)
        needed = memory(recipe, digits.shape, 1297, 500).bytes
        small(needed + 1)
        assert check_memory(recipe, digits, "cpu").bytes == needed
        small(needed - 1)
        with pytest.raises(RecipeError, match=rf"needs about {size(needed)} of memory .*lower .*{field}"):
            check_memory(recipe, digits, "cpu")

    def test_a_stopped_run_on_a_smaller_machine_stays_as_it_is(self, tiny, tmp_path, small):
        folder = train(tiny(), tmp_path / "run", accelerator="cpu", stop=stopping_after(5))
        small(1000)
        with pytest.raises(RecipeError, match="needs about"):
            resume(folder.path, accelerator="cpu")
        assert folder.status["state"] == "stopped"

    def test_a_small_model_is_never_refused(self, tiny, digits, monkeypatch):
        """What a busy machine says of its free memory is no reason to keep a class from training a toy."""
        monkeypatch.setattr(estimate, "free_memory", lambda device: 0)
        check_memory(tiny(), digits, "cpu")


class TestSpeed:
    def test_steps_are_those_of_the_recipe_and_nothing_is_disturbed(self, tiny):
        before = torch.get_rng_state()
        found = measure(tiny(training__epochs=7), 0.05, accelerator="cpu").json()
        assert torch.equal(torch.get_rng_state(), before)
        assert found["steps"] == 13
        assert found["epochs"] == 7
        assert found["measured"] >= 3
        assert found["device"] == "cpu"
        assert 0 < found["seconds_per_epoch"] < 60
        assert found["seconds"] == pytest.approx(7 * found["seconds_per_epoch"])
        assert found["memory"]["bytes"] == sum(found["memory"]["parts"].values())
        assert json.loads(json.dumps(found, allow_nan=False)) == found

    def test_an_epoch_is_as_many_steps_as_it_has(self, tiny, monkeypatch):
        """On a clock on which everything takes a second: the draws, 13 steps, and two measurements of them all."""
        ticks = iter(range(10**6))
        monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(ticks))
        found = measure(tiny(), 0, accelerator="cpu")
        assert found.seconds_per_epoch == pytest.approx(1 + 13 + 1 + 1)

    @pytest.mark.parametrize(("kind", "stages"), [("vq-vae", 2), ("pca", 1), ("auto-encoder", 2)])
    def test_stages(self, tiny, kind, stages):
        found = measure(tiny(model__kind=kind), 0.05, accelerator="cpu")
        assert len(found.stages) == stages
        assert found.stages[0]["seconds_per_epoch"] > 0
        assert math.isfinite(found.seconds)

    def test_one_step_in_all(self, tiny):
        assert measure(tiny(training__batch=5000), 0, accelerator="cpu").stages[0]["steps"] == 1


class TestCommand:
    def run(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "latents", "estimate", *arguments], capture_output=True, text=True, timeout=120
        )

    def test_json(self, tiny, tmp_path):
        config = tmp_path / "recipe.json"
        config.write_text(tiny().json_text())
        done = self.run(str(config), "--json", "--seconds", "0.1", "--training.epochs", "5", "--accelerator", "cpu")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["epochs"] == 5
        assert found["parameters"] == 2 * 16 * 64 + 2 * 16 + 2 * 2 * 17 + 2 * 3 * 16 + 17 * 64
        assert list(tmp_path.iterdir()) == [config]

    def test_a_refusal_is_a_sentence(self):
        done = self.run("digits-vampprior-2d", "--model.encoder.hidden", "[65000, 65000]")
        assert done.returncode == 2
        assert done.stderr.startswith("error: this recipe needs about ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 bytes"), (1_500, "2 kB"), (25e6, "25 MB"), (1.26e9, "1.3 GB"), (4e12, "4000.0 GB")]
)
def test_sizes_for_people(count, text):
    assert size(count) == text
