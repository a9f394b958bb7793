"""The command line: what it prints, and one sentence with exit code 2 for everything that a user can mend."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import latents
from latents import cli
from latents.folder import ModelFolder
from latents.recipe import fields, preset, presets


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("list", "--presets")` is `latents list --presets`: the exit code, and what was printed where."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(cli.console, "width", 200)
        monkeypatch.setattr(sys, "argv", ["latents", *map(str, arguments)])
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        code = caught.value.code
        return (0 if code is None else code, *capsys.readouterr())

    return call


@pytest.fixture
def refused(run):
    """Runs what must fail: exit code 2 and one sentence, without a traceback, with these words in it."""

    def call(*arguments: object, words: tuple[object, ...]) -> str:
        code, out, err = run(*arguments)
        assert code == 2, (out, err)
        assert "Traceback" not in out + err
        lines = [line for line in err.splitlines() if line.strip()]
        assert len(lines) == 1, err
        assert lines[0].startswith("error: ")
        for word in words:
            assert str(word) in lines[0], lines[0]
        return lines[0]

    return call


SMALL = (
    *("--model.encoder.hidden", "[16]", "--model.decoder.hidden", "[16]", "--training.epochs", "2"),
    *("--objective.warm_up", "1"),
)


class TestTrain:
    def test_a_preset_with_changes(self, run, tmp_path):
        out = tmp_path / "mine"
        options = ("--name=own", "--out", out, "--accelerator", "cpu")
        code, printed, _ = run("train", "digits-vampprior-2d", *SMALL, *options)
        assert code == 0
        assert "epoch 2/2: validation ELBO" in printed
        assert f"finished: {out}" in printed
        assert "active units" in printed
        recipe = ModelFolder(out).recipe
        assert recipe.name == "own"
        assert recipe.model.encoder.hidden == (16,)
        assert recipe.model.prior == preset("digits-vampprior-2d").model.prior
        assert len(ModelFolder(out).history()["epoch"]) == 2

    def test_a_recipe_file(self, run, tiny, tmp_path):
        (tmp_path / "mine.json").write_text(tiny(training__epochs=1).json_text())
        assert run("train", tmp_path / "mine.json", "--out", tmp_path / "out")[0] == 0
        assert ModelFolder(tmp_path / "out").recipe == tiny(training__epochs=1)

    def test_by_default_into_runs(self, run, tiny, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.json").write_text(tiny(training__epochs=1).json_text())
        assert run("train", "mine.json")[0] == 0
        assert ModelFolder(tmp_path / "runs" / "tiny").status["state"] == "finished"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("mnist-standard-2e",), ("no preset 'mnist-standard-2e'", "did you mean 'mnist-standard-2d'?")),
            (("digits-standard-2d", "--training.epoch", "5"), ("training.epoch: ", "did you mean 'epochs'?")),
            (("digits-standard-2d", "--training.epochs", "0"), ("training.epochs: ", "0 was given")),
            (("digits-standard-2d", "--model.prior.kind", "vampire"), ("model.prior", "'vampire'", "'vampprior'")),
            (("digits-standard-2d", "--model.encoder.hidden", "[-3]"), ("model.encoder.hidden.0: ", "-3 was given")),
            (("digits-standard-2d", "--model.latent", "65"), ("model.latent is 65", "at most 64")),
            (("digits-standard-2d", "--data.binarisation", "none"), ("needs binary images",)),
            (("digits-standard-2d", "--data.name", "digitz"), ("There is no data set 'digitz'",)),
            (("digits-standard-2d", "--data.name", "[/b]"), ("[/b]",)),
            (("digits-standard-2d", "--model", '{"kind": [1, "a"]}'), ("model",)),
            (("digits-standard-2d", "--accelerator", "abacus"), ("abacus", "cpu")),
            (("nowhere.json",), ("cannot read the recipe nowhere.json",)),
        ],
    )
    def test_what_does_not_fit(self, refused, tmp_path, monkeypatch, arguments, words):
        monkeypatch.chdir(tmp_path)
        refused("train", *arguments, "--out", tmp_path / "out", words=words)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("digits-standard-2d", "--training.epochs"),
            ("digits-standard-2d", "5"),
            ("digits-standard-2d", "--resume", "there"),
            ("--resume", "there", "--training.epochs", "5"),
            ("--resume", "there", "--out", "here"),
            ("--out", "here"),
        ],
    )
    def test_what_makes_no_sense(self, run, tmp_path, monkeypatch, arguments):
        monkeypatch.chdir(tmp_path)
        code, out, err = run("train", *arguments)
        assert code == 2
        assert "Traceback" not in out + err
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_taken(self, refused, folder):
        before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
        refused("train", "digits-standard-2d", "--out", folder.path, words=(folder.path, "already holds a model"))
        assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before

    def test_a_place_that_cannot_be_written(self, refused, tmp_path):
        (tmp_path / "file").write_text("")
        refused("train", "digits-standard-2d", "--out", tmp_path / "file", words=(tmp_path / "file",))

    def test_data_that_are_not_there(self, refused, tmp_path, monkeypatch):
        monkeypatch.setenv("LATENTS_DATA", str(tmp_path))
        options = ("--data.name", "omniglot", "--out", tmp_path / "out")
        refused("train", "digits-standard-2d", *options, words=("omniglot",))
        assert not (tmp_path / "out").exists()

    def test_a_full_disk(self, refused, tiny, tmp_path, monkeypatch):
        def full(*arguments):
            raise OSError(28, "No space left on device")

        (tmp_path / "mine.json").write_text(tiny().json_text())
        monkeypatch.setattr(ModelFolder, "append_history", full)
        refused("train", tmp_path / "mine.json", "--out", tmp_path / "out", words=("the disk is full", "--resume"))

    def test_resume_what_cannot_be(self, refused, folder, tmp_path):
        refused("train", "--resume", folder.path, words=("is finished: there is nothing to resume",))
        refused("train", "--resume", tmp_path, words=("is not a model folder",))

    def test_help_lists_every_field(self, run):
        code, out, _ = run("train", "--help")
        assert code == 0
        for row in fields(preset("digits-standard-2d")):
            assert f"--{row.path}" in out
        assert "--model.prior.initialisation" in out  # of a part that is not the default
        for name in presets():
            assert name in out


class TestStopping:
    def test_ctrl_c_stops_cleanly_and_resume_goes_on(self, run, tiny, tmp_path):
        """A real process, a real signal; then the run is finished and equals one that was left alone."""
        recipe = tiny(
            training__epochs=12, training__batch=25, model__prior__kind="vampprior", model__prior__components=5
        )
        (tmp_path / "mine.json").write_text(recipe.json_text())
        out = tmp_path / "out"
        command = [sys.executable, "-m", "latents", "train", "mine.json", "--out", str(out), "--accelerator", "cpu"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 100
        while not (out / "history.csv").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        assert "Traceback" not in printed + errors
        assert "stopping after this step" in errors
        assert re.sub(r"\s+", "", f"latents train --resume {out}") in re.sub(r"\s+", "", printed)
        folder = ModelFolder(out)
        assert folder.status["state"] == "stopped"
        assert 1 <= len(folder.history()["epoch"]) < 12
        assert folder.load().sample(1).images.shape == (1, 1, 8, 8)
        code, printed, _ = run("train", "--resume", out, "--accelerator", "cpu")
        assert code == 0
        assert f"finished: {out}" in printed
        whole = latents.train(recipe, tmp_path / "whole", accelerator="cpu")
        assert (out / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()

    def test_the_first_signal_asks_and_the_second_ends(self, capfd):
        with cli.stopping() as stop:
            assert not stop()
            os.kill(os.getpid(), signal.SIGINT)
            assert stop()
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert "press Ctrl-C again" in capfd.readouterr().err


class TestEvaluate:
    def test_it_writes_and_prints(self, run, folder):
        code, out, _ = run("evaluate", folder.path, "--samples", 7, "--images", 40, "--device", "cpu")
        assert code == 0
        entry = folder.metrics["log_likelihood"]
        assert (entry["samples"], entry["images"], entry["seed"]) == (7, 40, 0)
        number = f"{entry['value']:.2f} ± {entry['standard_error']:.2f} nats"
        assert f"test log-likelihood: {number}, higher is better" in out
        assert "40 digits test images" in out
        card = (folder.path / "README.md").read_text()
        assert f"{entry['value']:.2f}" in card

    def test_against_another(self, run, folder, trained, tmp_path):
        other = Path(shutil.copytree(trained.path, tmp_path / "other"))
        run("evaluate", other, "--samples", 7, "--images", 40, "--seed", 3)
        code, out, _ = run("evaluate", folder.path, "--samples", 7, "--images", 40, "--against", other)
        assert code == 0
        assert "against other: " in out
        assert folder.metrics["comparisons"][0]["with"] == "other"

    def test_numbers_that_do_not_compare(self, refused, run, folder, trained, tmp_path):
        other = Path(shutil.copytree(trained.path, tmp_path / "other"))
        run("evaluate", other, "--samples", 7, "--images", 40)
        options = ("--samples", 8, "--images", 40, "--against", other)
        refused("evaluate", folder.path, *options, words=("do not compare", "samples", "evaluate both in the same way"))
        assert folder.metrics["log_likelihood"]["samples"] == 8  # its own number stands

    @pytest.mark.parametrize("command", ["evaluate", "diagnose", "show", "project"])
    def test_a_folder_that_is_not_there(self, refused, tmp_path, command):
        refused(command, tmp_path / "nowhere", words=(tmp_path / "nowhere", "is not a model folder"))

    @pytest.mark.parametrize("command", ["evaluate", "diagnose", "show"])
    @pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "no weights", "other weights"])
    def test_a_folder_that_is_damaged(self, refused, run, folder, tiny, command, damage):
        if damage == "no weights":
            (folder.path / "model.safetensors").unlink()
        elif damage == "other weights":
            (folder.path / "config.json").write_text(tiny(model__latent=3).json_text())
        else:
            (folder.path / damage).write_bytes(b"\xffnothing")
        metrics = (folder.path / "metrics.json").read_bytes()
        if command == "show" and damage != "config.json":  # shows what there is
            assert run(command, folder.path)[0] == 0
        else:
            words = {"no weights": "has no model.safetensors", "other weights": "does not fit the recipe"}
            refused(command, folder.path, words=(folder.path, words.get(damage, damage)))
        assert (folder.path / "metrics.json").read_bytes() == metrics

    def test_a_full_disk(self, refused, folder, monkeypatch):
        def full(*arguments):
            raise OSError(28, "No space left on device")

        metrics = (folder.path / "metrics.json").read_bytes()
        monkeypatch.setattr(os, "replace", full)
        refused("evaluate", folder.path, "--samples", 2, "--images", 5, words=("No space left on device",))
        assert (folder.path / "metrics.json").read_bytes() == metrics

    @pytest.mark.parametrize("device", ["abacus", "cuda" if not torch.cuda.is_available() else "xpu"])
    @pytest.mark.parametrize("command", ["evaluate", "diagnose"])
    def test_a_device_that_is_not_there(self, refused, folder, device, command):
        refused(command, folder.path, "--device", device, words=(device, "cpu"))


class TestDiagnose:
    def test_json(self, run, folder):
        code, out, _ = run("diagnose", folder.path, "--json", "--device", "cpu", "--threshold", "0.5")
        assert code == 0
        units = json.loads(out)
        assert units["threshold"] == 0.5
        assert units["active"] == sum(variance > 0.5 for variance in units["variances"])
        assert units["variances"] == folder.metrics["units"]["variances"]
        assert units["kl"] == folder.metrics["units"]["kl"]
        assert (units["total"], units["images"], units["split"], units["data"]) == (2, 300, "test", "digits")

    def test_table(self, run, folder):
        code, out, _ = run("diagnose", folder.path, "--threshold", "0")
        assert code == 0
        assert "2 of 2 units are active" in out
        assert "over 300 test images" in out
        assert len(re.findall(r"\bactive\b", out)) == 3

    def test_nothing_is_written(self, run, folder):
        before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
        run("diagnose", folder.path, "--threshold", "9")
        assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


class TestLibrary:
    def test_list(self, run, folder):
        code, out, err = run("list", folder.path.parent)
        assert code == 0
        assert "copy" in out
        assert "vampprior" in out
        assert "finished" in out
        assert err == ""

    def test_a_broken_model_does_not_hide_the_others(self, run, folder):
        shutil.copytree(folder.path, folder.path.parent / "broken")
        (folder.path.parent / "broken" / "config.json").write_text("{")
        code, out, err = run("list", folder.path.parent)
        assert code == 0
        assert "copy" in out
        assert "broken" in err
        assert "Traceback" not in err

    def test_a_place_without_models(self, run, tmp_path):
        _, out, err = run("list", tmp_path)
        assert str(tmp_path) in out + err

    def test_presets(self, run):
        code, out, _ = run("list", "--presets")
        assert code == 0
        for name in presets():
            assert name in out

    def test_show(self, run, folder):
        code, out, _ = run("show", folder.path)
        assert code == 0
        assert "tiny" in out
        assert "active units" in out
        for row in fields(folder.recipe):
            assert f"--{row.path}" in out

    def test_the_trained_models_are_found_from_any_folder(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        assert Path(latents.__file__).resolve().parent.parent / "trained" in cli.default_roots()
        assert tmp_path / "runs" in cli.default_roots()

    def test_without_anything_it_explains_itself(self, run):
        _, out, err = run()
        for command in ("train", "evaluate", "diagnose", "list", "show", "project"):
            assert command in out + err


class TestProject:
    def test_into_the_folder_and_into_the_cache(self, run, tiny, tmp_path, monkeypatch):
        from latents import projection

        monkeypatch.setattr(projection, "umap", lambda codes, others=None: (codes[:, :2], None))
        folder = latents.train(tiny(model__latent=3, training__epochs=1), tmp_path / "deep", accelerator="cpu")
        code, out, _ = run("project", folder.path, "--cache")
        assert code == 0
        assert folder.projections() == {}
        assert projection.cache_file(folder.path).is_file()
        assert str(projection.cache_file(folder.path)) in out
        assert run("project", folder.path)[0] == 0
        assert folder.projections()["pca"].shape == (300, 2)

    def test_a_plane_already(self, refused, folder):
        refused("project", folder.path, words=("2 latent dimensions", "a plane already"))


def test_python_m_latents_is_the_same(tmp_path):
    """As a process: the exit code, and one sentence on stderr."""
    command = [sys.executable, "-m", "latents", "show", "nowhere"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: nowhere is not a model folder")
    assert done.stderr.count("\n") == 1


def test_reading_models_does_not_import_what_only_training_needs():
    heavy = ("lightning_fabric", "torchvision", "umap", "numba", "sklearn")
    code = f"import sys, latents; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"


def test_numbers_in_a_table_are_numbers(folder, run):
    """What `diagnose` prints is what it measured."""
    units = folder.metrics["units"]
    _, out, _ = run("diagnose", folder.path)
    for variance in units["variances"]:
        assert f"{variance:.4f}" in out
    assert np.isfinite(units["kl"]).all()
