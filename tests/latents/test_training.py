"""The loop: averages that are right, early stopping, resume to the last bit, and failures that lose nothing."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch

import latents
from latents import objectives
from latents.batches import Batches
from latents.data import binarise
from latents.errors import DataError, FolderError, RecipeError, TrainingError
from latents.folder import ModelFolder, write_whole
from latents.learner import Learner
from latents.models import build
from latents.objectives import ELBO
from latents.randomness import seeded, stream
from latents.recipe import override
from latents.training import resume, train

VAMPPRIOR = {"model__prior__kind": "vampprior", "model__prior__components": 7, "model__prior__initialisation": "data"}


def stopping_after(asked: int):
    """A `stop` that says yes once it was asked so many times: after each step, and before each epoch."""
    calls = count(1)
    return lambda: next(calls) > asked


def rows(folder: ModelFolder) -> list[dict[str, str]]:
    """The history as text, without the wall time."""
    with open(folder.path / "history.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def same(one: ModelFolder, other: ModelFolder) -> None:
    """Two runs that are equal to the last bit, but for times."""
    assert (one.path / "config.json").read_bytes() == (other.path / "config.json").read_bytes()
    same_model(one, other)
    assert one.metrics["units"]["variances"] == other.metrics["units"]["variances"]
    assert one.metrics["training"]["best_epoch"] == other.metrics["training"]["best_epoch"]
    assert sorted(path.name for path in one.path.iterdir()) == sorted(path.name for path in other.path.iterdir())


def same_model(one: ModelFolder, other: ModelFolder) -> None:
    for name in ("model.safetensors", "snapshots.safetensors"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    assert rows(one) == rows(other)
    assert one.status["state"] == other.status["state"] == "finished"


class TestRun:
    def test_files(self, trained):
        assert {path.name for path in trained.path.iterdir()} == {
            *("README.md", "config.json", "history.csv", "log.txt", "metrics.json"),
            *("model.safetensors", "snapshots.safetensors", "status.json"),
        }
        assert trained.status["state"] == "finished"
        assert trained.status["error"] is None
        assert trained.status["epoch"] == trained.status["epochs"] == 3
        assert trained.status["pid"] == os.getpid()

    def test_history(self, trained):
        history = trained.history()
        assert list(history) == [
            *("epoch", "stage", "seconds", "learning_rate", "beta"),
            *("train_loss", "train_elbo", "train_reconstruction", "train_kl"),
            *("valid_elbo", "valid_reconstruction", "valid_kl", "active_units"),
            *("variance_0", "variance_1", "kl_0", "kl_1"),
        ]
        assert history["epoch"].tolist() == [1, 2, 3]
        assert history["beta"].tolist() == [0.5, 1, 1]
        assert (np.diff(history["seconds"]) > 0).all()
        assert history["train_elbo"] == pytest.approx(history["train_reconstruction"] - history["train_kl"], abs=1e-3)
        assert history["valid_elbo"] == pytest.approx(history["valid_reconstruction"] - history["valid_kl"], abs=1e-3)
        losses = history["beta"] * history["train_kl"] - history["train_reconstruction"]
        assert history["train_loss"] == pytest.approx(losses, abs=1e-3)
        variances = np.stack([history["variance_0"], history["variance_1"]])
        assert history["active_units"].tolist() == (variances > 0.01).sum(0).tolist()

    def test_it_learns(self, trained):
        assert trained.history()["valid_elbo"][-1] > trained.history()["valid_elbo"][0] + 1

    def test_metrics_and_card(self, trained):
        entry = trained.metrics["training"]
        assert entry["epochs"] == 3
        assert entry["best_epoch"] in (2, 3)
        assert entry["parameters"] == trained.load().parameter_count()
        assert {"seconds", "device", "versions", "date", "weights"} <= set(entry)
        card = (trained.path / "README.md").read_text()
        assert card.startswith("# tiny\n")
        assert "`model.prior.components` | 7" in card

    def test_the_same_recipe_gives_the_same_model(self, trained, tmp_path):
        same(train(trained.recipe, tmp_path / "again", accelerator="cpu"), trained)

    def test_another_seed_gives_another(self, trained, tmp_path):
        other = train(override(trained.recipe, {"seed": "6"}), tmp_path / "other", accelerator="cpu")
        assert rows(other) != rows(trained)

    def test_nobody_s_random_numbers_are_used(self, tiny, tmp_path):
        before = torch.get_rng_state()
        train(tiny(training__epochs=1), tmp_path / "model", accelerator="cpu")
        assert torch.equal(torch.get_rng_state(), before)

    def test_progress(self, tiny, tmp_path):
        seen = []
        train(tiny(), tmp_path / "model", accelerator="cpu", watch=seen.append)
        finished = [progress for progress in seen if progress.row]
        assert [(p.epoch, p.epochs, p.step, p.steps) for p in finished] == [(epoch, 3, 13, 13) for epoch in (1, 2, 3)]

    def test_float16_weights_and_the_numbers_of_them(self, tiny, tmp_path, digits):
        from safetensors.torch import load_file

        folder = train(tiny(training__save_as="float16"), tmp_path / "model", accelerator="cpu")
        weights = load_file(folder.path / "model.safetensors")
        assert {value.dtype for value in weights.values()} == {torch.float16}
        units = latents.diagnostics.active_units(folder.load(), binarise(digits.test.images, 777))
        assert folder.metrics["units"]["variances"] == pytest.approx(units.variances.tolist(), abs=1e-6)

    def test_one_step_in_all(self, tiny, tmp_path):
        recipe = tiny(training__epochs=1, training__batch=5000, objective__warm_up=0)
        assert len(train(recipe, tmp_path / "model", accelerator="cpu").history()["epoch"]) == 1

    @pytest.mark.parametrize("binarisation", ["static", "dynamic"])
    def test_own_images_without_labels(self, tiny, tmp_path, binarisation):
        pixels = np.random.default_rng(0).integers(0, 256, (60, 5, 7), np.uint8)
        np.savez(tmp_path / "own.npz", images=pixels)
        recipe = tiny(data__name=str(tmp_path / "own.npz"), data__binarisation=binarisation, training__epochs=1)
        model = train(recipe, tmp_path / "model", accelerator="cpu").load()
        assert model.sample(2).images.shape == (2, 1, 5, 7)


class Recorder(ELBO):
    """The ELBO, with the loss of each batch and its size written down."""

    seen: list = []  # noqa: RUF012 (shared on purpose)

    def __call__(self, model, x, epoch):
        terms = super().__call__(model, x, epoch)
        if len(x) > 10:  # fewer only where the memory is measured
            self.seen.append((epoch, len(x), {name: float(value.detach()) for name, value in terms.items()}))
        return terms


class TestAverages:
    def test_a_short_last_batch_weighs_by_its_images(self, outside_parts, tiny, tmp_path):
        """1,297 images in batches of 400: the last one has 97. A mean of batch means would be wrong."""

        class Here(Recorder):
            kind = "recorder"
            seen = []  # noqa: RUF012

        recipe = tiny(objective__kind="recorder", objective__warm_up=2, training__batch=400, training__epochs=2)
        history = train(recipe, tmp_path / "model", accelerator="cpu").history()
        for epoch in (1, 2):
            batches = [(size, terms) for at, size, terms in Here.seen if at == epoch]
            sizes = np.array([size for size, _ in batches])
            assert sizes.tolist() == [400, 400, 400, 97]
            for name in ("loss", "elbo", "reconstruction", "kl"):
                values = np.array([terms[name] for _, terms in batches])
                exact, wrong = (sizes * values).sum() / sizes.sum(), values.mean()
                assert history[f"train_{name}"][epoch - 1] == pytest.approx(exact, rel=1e-5)
                assert abs(exact - wrong) > 1e-4 * abs(exact)  # the two can be told apart

    def test_validation_is_the_mean_over_all_images(self, trained, digits, monkeypatch, tmp_path):
        """With passes of any size, and with noise that is the same in every epoch."""
        monkeypatch.setattr(objectives.base, "_ROWS", 33)  # 200 images: the last pass is short
        folder = train(trained.recipe, tmp_path / "model", accelerator="cpu")
        best = folder.metrics["training"]["best_epoch"]
        model, x = folder.load(), binarise(digits.valid.images, 778)
        with torch.no_grad(), seeded(trained.recipe.seed):
            elbos = [model.elbo(part) for part in x.split(33)]
        for name in ("reconstruction", "kl"):
            mean = torch.cat([getattr(elbo, name) for elbo in elbos]).mean()
            assert folder.history()[f"valid_{name}"][best - 1] == pytest.approx(float(mean), rel=1e-6)

    def test_units_of_the_history(self, trained, digits):
        best = trained.metrics["training"]["best_epoch"]
        x = binarise(digits.valid.images, 778)[:500]
        model = trained.load()
        variances = latents.diagnostics.active_units(model, x).variances
        kl = latents.diagnostics.kl_per_unit(model, x)
        for unit in range(2):
            assert trained.history()[f"variance_{unit}"][best - 1] == pytest.approx(float(variances[unit]), rel=1e-4)
            assert trained.history()[f"kl_{unit}"][best - 1] == pytest.approx(float(kl[unit]), rel=1e-3)


class TestAgainstAPlainLoop:
    def test_the_weights_are_those_of_adam_on_the_elbo(self, tiny, tmp_path, digits):
        """Two epochs by hand, with the obvious code: the same weights to the bit."""
        recipe = tiny(**VAMPPRIOR, training__epochs=2, training__schedule="constant")
        folder = train(recipe, tmp_path / "model", accelerator="cpu")
        torch.manual_seed(recipe.seed)
        model = build(recipe, digits.shape)
        model.initialise(digits.train.images, stream(recipe.seed, 0))
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
        batches = Batches(digits.train.images, "dynamic", 100, recipe.seed)
        for epoch in (1, 2):
            for x in batches.epoch(epoch):
                bound = model.elbo(x)
                loss = min(1.0, epoch / 2) * bound.kl.mean() - bound.reconstruction.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        found = folder.load().state_dict()
        for name, value in model.state_dict().items():
            assert torch.equal(found[name], value), name

    def test_one_cycle(self, tiny, tmp_path):
        history = train(tiny(training__epochs=10), tmp_path / "model", accelerator="cpu").history()
        rates = history["learning_rate"]
        assert rates.max() == pytest.approx(0.005, rel=0.02)
        assert rates.argmax() == 2  # at 30 % of ten epochs
        assert (np.diff(rates[2:]) < 0).all()
        assert rates[-1] < 1e-3 * rates.max()


def test_what_a_recipe_fixes_stays_as_it_was(tiny, tmp_path):
    """A mixture of equal weights keeps them equal; learnt ones move."""
    for weights in ("equal", "learnt"):
        recipe = tiny(
            model__prior__kind="mixture",
            model__prior__components=5,
            model__prior__weights=weights,
            training__epochs=2,
        )
        logits = train(recipe, tmp_path / weights, accelerator="cpu").load().latent_prior.logits.detach()
        assert bool((logits == logits[0]).all()) == (weights == "equal")


def test_reasons_are_found_once(fresh, monkeypatch):
    """They may cost a pass over all pseudo-inputs, and every picture asks."""
    model = fresh("vampprior", components=3)
    calls = []
    monkeypatch.setattr(model, "mixture", lambda: calls.append(1))
    for _ in range(3):
        model.sample(2, seed=0)
    assert len(calls) == 1


class Scripted(ELBO):
    """The ELBO, whose score on validation images is written in advance."""

    scores: tuple[float, ...] = ()

    def __init__(self, settings):
        super().__init__(settings)
        self.left = iter(self.scores)

    def score(self, reconstruction, kl):
        return next(self.left)


@pytest.fixture
def scripted(outside_parts, tiny, tmp_path):
    """Trains with these scores, and returns the folder and the weights after each epoch."""

    def run(scores, *, warm_up, look_ahead, epochs=12):
        class Here(Scripted):
            kind = "scripted"

        Here.scores = tuple(scores)
        states = []
        keep = Learner.keep_best

        def watched(self, score, at):
            states.append({name: value.clone() for name, value in self.model.state_dict().items()})
            keep(self, score, at)

        recipe = tiny(
            objective__kind="scripted",
            objective__warm_up=warm_up,
            training__epochs=epochs,
            training__look_ahead=look_ahead,
            training__batch=400,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Learner, "keep_best", watched)
            return train(recipe, tmp_path / "model", accelerator="cpu"), states

    return run


class TestEarlyStopping:
    @pytest.mark.parametrize(
        ("scores", "warm_up", "look_ahead", "stopped", "best"),
        [
            # never better after epoch 2: stops when look_ahead epochs were worse
            ([1, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0], 0, 3, 5, 2),
            # high scores during warm-up do not count; the count begins when it ends
            ([9, 9, 9, 9, 1, 0, 0, 0, 0, 0, 0, 0], 5, 3, 8, 5),
            ([9, 9, 9, 9, 1, 2, 1, 1, 1, 0, 0, 0], 5, 3, 9, 6),
            # an equal score is no better one
            ([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3], 0, 4, 5, 1),
            # always better: to the end
            (list(range(12)), 2, 1, 12, 12),
            # better again just in time
            ([5, 1, 6, 1, 7, 1, 8, 1, 9, 1, 10, 1], 0, 2, 12, 11),
        ],
    )
    def test_when_it_stops_and_what_it_keeps(self, scripted, scores, warm_up, look_ahead, stopped, best):
        folder, states = scripted(scores, warm_up=warm_up, look_ahead=look_ahead)
        assert folder.history()["epoch"][-1] == stopped == len(states)
        assert folder.metrics["training"]["best_epoch"] == best
        assert folder.metrics["training"]["epochs"] == stopped
        assert folder.status["epoch"] == stopped
        assert folder.snapshots()["epochs"][-1] == stopped  # the scrubber's last state is the run's last
        found = folder.load().state_dict()
        for name, value in states[best - 1].items():
            assert torch.equal(found[name], value), name

    def test_a_run_shorter_than_its_warm_up_keeps_its_last_weights(self, scripted):
        folder, states = scripted([5, 4, 3], warm_up=10, look_ahead=1, epochs=3)
        assert folder.metrics["training"]["best_epoch"] == 3
        found = folder.load().state_dict()
        assert all(torch.equal(found[name], value) for name, value in states[-1].items())


class TestResume:
    @pytest.fixture(scope="class")
    def whole(self, tiny, tmp_path_factory):
        """A run that nobody interrupted: four epochs of 13 steps, five questions whether to stop for each 13 + 1."""
        recipe = tiny(**VAMPPRIOR, training__epochs=4)
        return train(recipe, tmp_path_factory.mktemp("whole") / "run", accelerator="cpu")

    @pytest.mark.parametrize(
        ("asked", "epoch", "step"),
        [
            (0, 1, 0),  # before the first step
            (1, 1, 1),
            (12, 1, 12),  # before the last step of an epoch
            (13, 2, 0),  # between two epochs
            (30, 3, 4),
        ],
    )
    def test_a_stopped_run_goes_on_as_if_nothing_had_been(self, whole, tmp_path, asked, epoch, step):
        path = tmp_path / "run"
        folder = train(whole.recipe, path, accelerator="cpu", stop=stopping_after(asked))
        assert folder.status["state"] == "stopped"
        assert (folder.status["epoch"], folder.status["step"]) == (epoch, step)
        assert len(folder.history().get("epoch", [])) == epoch - 1
        assert folder.load().parameter_count() > 0  # the model so far can be looked at
        torch.manual_seed(12345)
        same(resume(path, accelerator="cpu"), whole)

    def test_again_and_again(self, whole, tmp_path):
        folder = train(whole.recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(7))
        for turn in range(20):
            if folder.status["state"] == "finished":
                break
            folder = resume(folder.path, accelerator="cpu", stop=stopping_after(turn + 6))
        assert turn > 3
        same(folder, whole)

    @pytest.mark.parametrize(
        "when",
        [
            "after a row",
            "in an epoch",
            "in the first epoch",
            "in a checkpoint",
            "in a row",
            "at its start",
            "at its end",
        ],
    )
    def test_a_killed_run_goes_on_as_if_nothing_had_been(self, whole, tmp_path, when):
        """SIGKILL: nobody tidies up. What was written after the last checkpoint is cut and made again."""
        code = """
            import os, signal, sys, torch
            from pathlib import Path
            from latents import checkpoint, training
            from latents.folder import ModelFolder
            from latents.recipe import read_recipe
            torch.set_num_threads(1)
            config, out, when = sys.argv[1:]
            calls = 0

            def die(*ignored):
                os.kill(os.getpid(), signal.SIGKILL)

            def stop():
                global calls
                calls += 1
                if calls == {"in an epoch": 36, "in the first epoch": 6}.get(when):
                    die()
                return False

            def watch(progress):
                if progress.row and progress.epoch == 3 and when == "after a row":
                    die()
                if progress.row and progress.epoch == 3 and when == "in a checkpoint":
                    os.replace = die
                if progress.row and progress.epoch == 2 and when == "in a row":
                    ModelFolder.append_history = half

            def half(folder, row):
                with open(folder.path / "history.csv", "a") as file:
                    file.write(",".join(map(str, row.values()))[:40])
                    file.flush()
                    die()

            def at_start(*ignored):
                (Path(out) / ".state.pt.999999999.part").write_bytes(b"half")
                die()

            if when == "at its start":
                checkpoint.write = at_start
            if when == "at its end":
                checkpoint.remove = die

            training.train(read_recipe(config), Path(out), accelerator="cpu", watch=watch, stop=stop)
        """
        config, out = tmp_path / "config.json", tmp_path / "run"
        config.write_text(override(whole.recipe, {"training.checkpoint_seconds": "0"}).json_text())
        command = [sys.executable, "-c", textwrap.dedent(code), str(config), str(out), when]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr
        folder = ModelFolder(out)
        folder.history(), folder.snapshots()  # nothing is half written
        if when == "at its end":  # all was written
            with pytest.raises(TrainingError, match="is finished: there is nothing to resume"):
                resume(out, accelerator="cpu")
            same_model(folder, whole)
            return
        assert folder.status["state"] == "running"  # it could not say otherwise
        resumed = resume(out, accelerator="cpu")
        write_whole(resumed.path / "config.json", whole.recipe.json_text())  # but for the seconds between checkpoints
        assert [path.name for path in resumed.path.iterdir() if path.name.endswith(".part")] == []
        same(ModelFolder(resumed.path), whole)

    def test_the_best_epoch_before_the_stop_is_not_forgotten(self, outside_parts, tiny, tmp_path):
        class Falling(ELBO):
            kind = "falling"
            scores = count(100, -1)

            def score(self, reconstruction, kl):
                return next(Falling.scores)

        recipe = tiny(objective__kind="falling", objective__warm_up=0, training__epochs=4)
        train(recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(30))
        assert resume(tmp_path / "run", accelerator="cpu").metrics["training"]["best_epoch"] == 1

    def test_a_finished_run(self, folder):
        with pytest.raises(TrainingError, match=r"is finished: there is nothing to resume"):
            resume(folder.path)
        assert folder.status["state"] == "finished"

    def test_no_folder(self, tmp_path):
        with pytest.raises(FolderError, match="is not a model folder"):
            resume(tmp_path / "nowhere")

    @pytest.fixture
    def stopped(self, whole, tmp_path) -> ModelFolder:
        return train(whole.recipe, tmp_path / "run", accelerator="cpu", stop=stopping_after(20))

    def test_no_checkpoint(self, stopped):
        (stopped.path / "checkpoint" / "state.pt").unlink()
        with pytest.raises(TrainingError, match=r"has no checkpoint/state\.pt to resume from; .*anew"):
            resume(stopped.path)

    @pytest.mark.parametrize("damage", ["empty", "cut", "noise", "other"])
    def test_a_damaged_checkpoint(self, stopped, damage):
        path = stopped.path / "checkpoint" / "state.pt"
        content = path.read_bytes()
        if damage == "other":
            torch.save({"something": 1}, path)
        else:
            path.write_bytes({"empty": b"", "cut": content[:-500], "noise": b"\x80\x02noise" * 50}[damage])
        weights = (stopped.path / "model.safetensors").read_bytes()
        with pytest.raises(TrainingError, match=r"state\.pt is damaged.*anew") as caught:
            resume(stopped.path, accelerator="cpu")
        assert "\n" not in str(caught.value)
        assert "weights_only" not in str(caught.value)  # torch says how to run the code in it
        assert (stopped.path / "model.safetensors").read_bytes() == weights

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")
    def test_a_checkpoint_that_runs_code_is_refused(self, stopped, tmp_path):
        import pickle

        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "evil"),)

        (stopped.path / "checkpoint" / "state.pt").write_bytes(pickle.dumps(Evil()))
        with pytest.raises(TrainingError, match="damaged"):
            resume(stopped.path)
        assert not (tmp_path / "evil").exists()

    def test_another_recipe_than_the_checkpoint_s(self, stopped):
        changed = override(stopped.recipe, {"model.latent": "3"})
        write_whole(stopped.path / "config.json", changed.json_text())
        with pytest.raises(TrainingError, match=r"state\.pt .*recipe") as caught:
            resume(stopped.path, accelerator="cpu")
        assert "\n" not in str(caught.value)

    def test_a_run_that_is_still_running(self, stopped):
        """Two processes in one folder would spoil it."""
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            import psutil

            started = psutil.Process(sleeper.pid).create_time()
            running = {**stopped.status, "state": "running", "pid": sleeper.pid, "started": started}
            stopped.write_json("status.json", running)
            with pytest.raises(TrainingError, match=f"is running, as process {sleeper.pid}"):
                resume(stopped.path, accelerator="cpu")
            stopped.write_json("status.json", {**running, "started": started - 1000})  # its number was used again
            assert resume(stopped.path, accelerator="cpu").status["state"] == "finished"
        finally:
            sleeper.kill()
            sleeper.wait()


class TestBeforeAnythingIsWritten:
    def test_an_existing_folder(self, folder, tiny):
        before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
        with pytest.raises(FolderError, match="already holds a model"):
            train(tiny(), folder.path, accelerator="cpu")
        assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"model__latent": 65}, RecipeError, "at most 64"),
            ({"data__name": "digitz"}, DataError, "digits"),
            ({"data__binarisation": "none"}, RecipeError, "needs binary images"),
        ],
    )
    def test_a_recipe_that_does_not_fit(self, tiny, tmp_path, changes, error, words):
        with pytest.raises(error, match=words):
            train(tiny(**changes), tmp_path / "model", accelerator="cpu")
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize("prior", ["standard", "vampprior"])
    def test_data_with_test_images_alone(self, tiny, tmp_path, prior):
        np.savez(tmp_path / "only.npz", test_images=np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4))
        recipe = tiny(data__name=str(tmp_path / "only.npz"), model__prior__kind=prior)
        with pytest.raises(DataError, match="has no train images"):
            train(recipe, tmp_path / "model", accelerator="cpu")
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize("accelerator", ["abacus", "tpu"])
    def test_an_accelerator_that_is_not_there(self, tiny, tmp_path, accelerator):
        with pytest.raises(TrainingError, match=accelerator) as caught:
            train(tiny(), tmp_path / "model", accelerator=accelerator)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "model").exists()


class Breaking(ELBO):
    """The ELBO until step `last`; then its value is `value`, or, with 0, only its gradient is not a number."""

    value = float("nan")

    def __init__(self, settings):
        super().__init__(settings)
        self.steps = count(1)

    def __call__(self, model, x, epoch):
        terms = super().__call__(model, x, epoch)
        if next(self.steps) < self.last:
            return terms
        return {**terms, "loss": terms["loss"] + torch.sqrt(0 * terms["loss"]) + self.value}  # d sqrt(0) is infinite


class TestNotFinite:
    @pytest.fixture
    def breaking(self, outside_parts, tiny):
        def make(last, value=float("nan")):
            type("Here", (Breaking,), {"kind": "breaking", "last": last, "value": value})
            return tiny(objective__kind="breaking", training__epochs=4, training__checkpoint_seconds=0)

        return make

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_the_run_ends_with_a_sentence_and_its_checkpoint(self, breaking, tmp_path, value):
        with pytest.raises(TrainingError, match=r"not finite in epoch 3 .*lower training\.learning_rate") as caught:
            train(breaking(30, value), tmp_path / "model", accelerator="cpu")
        assert "\n" not in str(caught.value)
        folder = ModelFolder(tmp_path / "model")
        assert folder.status["state"] == "failed"
        assert folder.status["error"] == str(caught.value)
        assert folder.history()["epoch"].tolist() == [1, 2]
        checkpoint = torch.load(tmp_path / "model" / "checkpoint" / "state.pt", weights_only=True)
        assert checkpoint["epoch"] == 3
        assert all(torch.isfinite(value).all() for value in checkpoint["model"].values())
        folder.load()  # refuses what is not finite
        assert str(caught.value) in (tmp_path / "model" / "log.txt").read_text()

    def test_when_only_the_last_step_of_an_epoch_broke_the_weights(self, breaking, tmp_path):
        """The losses of the epoch were finite; the validation is not, and nothing takes these weights."""
        with pytest.raises(TrainingError, match=r"not finite in epoch 2 \(valid_elbo = nan"):
            train(breaking(26, 0.0), tmp_path / "model", accelerator="cpu")
        folder = ModelFolder(tmp_path / "model")
        assert folder.history()["epoch"].tolist() == [1]
        assert folder.snapshots()["epochs"].tolist() == [0, 1]
        checkpoint = torch.load(folder.path / "checkpoint" / "state.pt", weights_only=True)
        assert checkpoint["epoch"] == 2
        assert all(torch.isfinite(value).all() for value in checkpoint["model"].values())

    def test_stopping_in_an_epoch_that_broke_keeps_the_good_checkpoint(self, breaking, tmp_path):
        """Ctrl-C is what one presses when the loss is NaN."""
        with pytest.raises(TrainingError, match="not finite"):
            train(breaking(30, 0.0), tmp_path / "model", accelerator="cpu", stop=stopping_after(31))
        checkpoint = torch.load(tmp_path / "model" / "checkpoint" / "state.pt", weights_only=True)
        assert all(torch.isfinite(value).all() for value in checkpoint["model"].values())
        ModelFolder(tmp_path / "model").load()

    def test_in_the_first_epoch(self, breaking, tmp_path):
        with pytest.raises(TrainingError, match="not finite in epoch 1"):
            train(breaking(3), tmp_path / "model", accelerator="cpu")
        assert ModelFolder(tmp_path / "model").status["state"] == "failed"

    def test_a_learning_rate_that_is_far_too_large(self, linear_gaussian, tmp_path):
        """For real: a density under a tiny scale, with steps of 1, overflows."""
        recipe = linear_gaussian(scale=1e-18).recipe
        with pytest.raises(TrainingError, match="not finite in epoch"):
            train(override(recipe, {"training.learning_rate": "1"}), tmp_path / "model", accelerator="cpu")


class TestFullDisk:
    def full(self, after: int, call):
        """`call`, and an error like a full disk's from its call number `after` on."""
        calls = count(1)

        def attempt(*arguments, **options):
            if next(calls) >= after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **options)

        return attempt

    @pytest.mark.parametrize("after", [2, 4, 6, 7, 8, 9, 12])
    def test_wherever_it_happens(self, tiny, tmp_path, monkeypatch, after):
        """Renaming into place fails from the n-th file on, as it does when the disk is full."""
        recipe = tiny(training__checkpoint_seconds=0)
        path = tmp_path / "model"
        kept = {}
        replace = os.replace

        def keep(source, target):
            replace(source, target)
            kept[Path(target)] = Path(target).read_bytes()

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", self.full(after, keep))
            with pytest.raises(TrainingError, match=rf"the disk is full at .*latents train --resume {path}") as caught:
                train(recipe, path, accelerator="cpu")
        assert "\n" not in str(caught.value)
        for target, content in kept.items():
            assert target.read_bytes() == content, target
        assert [left.name for left in path.rglob("*.part")] == []
        if (path / "checkpoint" / "state.pt").exists():  # there is room again
            assert resume(path, accelerator="cpu").status["state"] == "finished"

    def test_the_history(self, tiny, tmp_path, monkeypatch):
        append = ModelFolder.append_history
        path = tmp_path / "model"
        with monkeypatch.context() as patch:
            patch.setattr(ModelFolder, "append_history", self.full(3, append))
            with pytest.raises(TrainingError, match="the disk is full"):
                train(tiny(training__checkpoint_seconds=0), path, accelerator="cpu")
        folder = ModelFolder(path)
        assert folder.status["state"] == "failed"
        assert "disk is full" in folder.status["error"]
        assert folder.history()["epoch"].tolist() == [1, 2]
        folder.load()
        assert resume(path, accelerator="cpu").history()["epoch"].tolist() == [1, 2, 3]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
    def test_a_device_that_is_really_full(self, tiny, tmp_path, monkeypatch):
        """Every file that is opened for writing goes to /dev/full: what the libraries make of ENOSPC is theirs."""
        import builtins

        path, real = tmp_path / "model", builtins.open

        def redirected(file, mode="r", *arguments, **options):
            away = "w" in mode and "checkpoint" in str(file)
            return real("/dev/full" if away else file, mode, *arguments, **options)

        monkeypatch.setattr(builtins, "open", redirected)
        with pytest.raises(TrainingError, match="the disk is full"):
            train(tiny(), path, accelerator="cpu", stop=stopping_after(20))

    def test_another_fault_of_the_disk(self, tiny, tmp_path, monkeypatch):
        def denied(*arguments):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(ModelFolder, "append_history", denied)
        with pytest.raises(TrainingError, match=r"cannot write to .*Permission denied.*--resume"):
            train(tiny(), tmp_path / "model", accelerator="cpu")


class TestFailure:
    def test_what_is_nobody_s_fault_is_not_hidden(self, tiny, tmp_path):
        """A bug keeps its traceback; the folder says that the run failed."""

        def broken(progress):
            raise ZeroDivisionError("a bug")

        with pytest.raises(ZeroDivisionError, match="a bug"):
            train(tiny(), tmp_path / "model", accelerator="cpu", watch=broken)
        status = ModelFolder(tmp_path / "model").status
        assert status["state"] == "failed"
        assert status["error"] == "ZeroDivisionError: a bug"

    def test_status_is_json_that_others_can_read(self, trained):
        status = json.loads((trained.path / "status.json").read_text())
        assert set(status) == {
            *("state", "pid", "stage", "started", "heartbeat", "epoch", "epochs", "step", "steps", "device", "error"),
            *("host", "launcher", "job"),
        }


def test_stopping_after_counts():
    stop = stopping_after(2)
    assert list(islice(iter(stop, None), 4)) == [False, False, True, True]
