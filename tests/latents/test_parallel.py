"""One model on several processes: the same training as on one, one folder, and none left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from latents import control
from latents.devices import fabric
from latents.errors import TrainingError
from latents.folder import ModelFolder
from latents.team import Team

slow = pytest.mark.slow


class Pretend(Team):
    """One of a team that is not there."""

    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size


class TestShares:
    @pytest.mark.parametrize(("images", "size"), [(100, 2), (97, 2), (97, 3), (4, 4), (2, 3), (1, 4)])
    def test_weighted_gradients_average_to_the_batch_s(self, images, size):
        """Each image once, and the average over the processes of their weighted means is the mean of the batch."""
        batch = torch.rand(images, 3)
        mean, seen = torch.zeros(3), []
        for rank in range(size):
            part, weight = Pretend(rank, size).share(batch)
            assert len(part) > 0
            mean += weight * part.mean(0) / size
            seen += [part] if weight else []
        assert torch.equal(torch.cat(seen), batch)
        assert mean == pytest.approx(batch.mean(0), abs=1e-6)

    def test_alone_nothing_is_changed(self):
        team = Team(fabric("cpu"))
        batch = torch.rand(5, 2)
        part, weight = team.share(batch)
        assert part is batch
        assert weight == 1
        sums = {"loss": torch.tensor(3.0)}
        assert team.total(sums) is sums
        assert team.agree(lambda: 2) == 2
        assert team.gather(batch) == [batch]
        module = nn.BatchNorm1d(2)
        team.average(module), team.spread(module), team.dismiss()

    def test_draws_of_others_are_their_own(self):
        numbers = []
        for rank in range(3):
            torch.manual_seed(4)
            Pretend(rank, 3).seed(4)
            numbers.append(float(torch.rand(())))
        torch.manual_seed(4)
        assert numbers[0] == float(torch.rand(()))  # the first draws as it does alone
        assert len(set(numbers)) == 3


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"devices": 0}, "devices is 0"),
            ({"devices": "some"}, "devices is 'some'"),
            ({"nodes": 0}, "nodes is 0"),
            ({"strategy": "fsdp"}, "no strategy 'fsdp'; give one of auto, ddp"),
            ({"accelerator": "abacus"}, "no accelerator 'abacus'"),
            ({"accelerator": "abacus", "devices": 2}, "cannot train on 2 devices of accelerator 'abacus'"),
        ],
    )
    def test_a_sentence(self, options, words):
        with pytest.raises(TrainingError, match=words) as caught:
            fabric(**{"accelerator": "cpu", **options})
        assert "\n" not in str(caught.value)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_no_gpu(self):
        with pytest.raises(TrainingError, match="cuda"):
            fabric("cuda", devices=4)


def run(*arguments: str, wait: bool = True, **environment: str):
    """`latents train` in a process of its own, on the CPU."""
    command = [sys.executable, "-m", "latents", "train", *arguments, "--accelerator", "cpu"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    if not wait:
        return process
    try:
        out, error = process.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, error


def family(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process], seconds: float = 30) -> bool:
    return not psutil.wait_procs(processes, seconds)[1]


def differences(one: ModelFolder, other: ModelFolder) -> dict[str, float]:
    """The largest relative difference of each column of numbers."""
    mine, theirs = one.history(), other.history()
    assert list(mine) == list(theirs)
    return {
        name: float(np.nanmax(np.abs(mine[name] - theirs[name]) / (np.abs(theirs[name]) + 1e-3)))
        for name in mine
        if name not in ("seconds", "stage")
    }


@pytest.fixture
def plain(tiny, tmp_path) -> str:
    """The file of a recipe without noise: an auto-encoder, with a last batch that is short and odd (1,297 images)."""
    recipe = tiny(model__kind="auto-encoder", model__latent=2, training__batch=200, training__epochs=3)
    path = tmp_path / "plain.json"
    path.write_text(recipe.json_text())
    return str(path)


@pytest.fixture
def noisy(tiny, tmp_path) -> str:
    path = tmp_path / "noisy.json"
    recipe = tiny(model__prior__kind="vampprior", model__prior__components=7, training__epochs=60)
    path.write_text(recipe.json_text())
    return str(path)


def weights(folder: ModelFolder) -> torch.Tensor:
    return torch.cat([value.flatten() for value in folder.load().state_dict().values()])


@slow
class TestTwoProcesses:
    def test_the_same_training_up_to_rounding(self, plain, tmp_path):
        """Every column of the history, the weights and the snapshots; one line of log for each epoch."""
        for name, more in (("one", ()), ("two", ("--devices", "2", "--strategy", "ddp"))):
            code, out, error = run(plain, "--out", str(tmp_path / name), *more)
            assert code == 0, error
            assert out.count("finished") == 1
        one, two = ModelFolder(tmp_path / "one"), ModelFolder(tmp_path / "two")
        for name, found in differences(two, one).items():
            assert found < 1e-4, (name, found)
        assert torch.allclose(weights(one), weights(two), atol=1e-5)
        assert sorted(path.name for path in one.path.iterdir()) == sorted(path.name for path in two.path.iterdir())
        assert two.status["state"] == "finished"
        log = (two.path / "log.txt").read_text()
        assert "2 processes" in log
        assert [log.count(f"epoch {epoch}:") for epoch in (1, 2, 3)] == [1, 1, 1]
        reconstructions = [folder.snapshots()["reconstructions"].astype(int) for folder in (one, two)]
        assert np.abs(reconstructions[0] - reconstructions[1]).max() <= 1

    def test_noise_is_of_each_process_s_own_and_as_good(self, noisy, tmp_path):
        results = []
        for name, more in (("one", ()), ("two", ("--devices", "2"))):
            code, _, error = run(noisy, "--out", str(tmp_path / name), "--training.epochs", "12", *more)
            assert code == 0, error
            results.append(ModelFolder(tmp_path / name).history()["valid_elbo"])
        assert not np.array_equal(results[0], results[1])
        assert results[0][-1] == pytest.approx(results[1][-1], abs=0.5)  # nats; it rises by several
        assert results[1][-1] > results[1][0] + 3

    def test_stopped_resumed_and_equal_to_an_uninterrupted_one(self, plain, tmp_path):
        two = ("--devices", "2")
        process = run(plain, "--out", str(tmp_path / "run"), "--training.epochs", "30", *two, wait=False)
        path = tmp_path / "run"
        try:
            wait_for(lambda: (path / "history.csv").is_file())
            others = family(process)
            assert len(others) == 1
            control.write(path, paused=True)
            wait_for(lambda: ModelFolder(path).status["state"] == "paused")
            control.write(path, stop=True)
            process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0
        assert gone(others)
        folder = ModelFolder(path)
        assert folder.status["state"] == "stopped"
        assert len(folder.history()["epoch"]) < 30
        control.write(path, paused=False)
        code, _, error = run("--resume", str(path), *two)
        assert code == 0, error
        code, _, error = run(plain, "--out", str(tmp_path / "whole"), "--training.epochs", "30", *two)
        assert code == 0, error
        for name, found in differences(ModelFolder(path), ModelFolder(tmp_path / "whole")).items():
            assert found < 1e-4, (name, found)

    def test_stages_that_move_a_part_and_codes_that_are_averaged(self, tiny, tmp_path):
        recipe = tiny(model__kind="vq-vae", training__epochs=2)
        document = recipe.model_dump(mode="json")
        document["model"]["prior_epochs"] = 2
        import json

        (tmp_path / "vq.json").write_text(json.dumps(document))
        code, _, error = run(str(tmp_path / "vq.json"), "--out", str(tmp_path / "vq"), "--devices", "2")
        assert code == 0, error
        history = ModelFolder(tmp_path / "vq").history()
        assert history["stage"].tolist()[-1] == "code prior"
        assert np.isfinite(history["valid_elbo"]).all()

    @pytest.mark.parametrize("who", ["the first", "the other"])
    def test_killed_and_nobody_is_left(self, noisy, tmp_path, who):
        path = tmp_path / "run"
        process = run(noisy, "--out", str(path), "--devices", "2", "--training.checkpoint_seconds", "0", wait=False)
        try:
            wait_for(lambda: (path / "history.csv").is_file())
            others = family(process)
            assert len(others) == 1
            (others[0] if who == "the other" else process).kill()
            process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode != 0
        assert gone(others)
        ModelFolder(path).history(), ModelFolder(path).snapshots()
        code, _, error = run("--resume", str(path), "--devices", "2")
        assert code == 0, error
        assert ModelFolder(path).history()["epoch"].tolist() == list(range(1, 61))

    def test_a_failure_of_the_first_ends_both_with_its_sentence(self, noisy, tmp_path):
        path = tmp_path / "run"
        changes = ("--training.learning_rate", "1", "--model.encoder.hidden", "[64, 64, 64]", "--objective.beta", "0")
        process = run(noisy, "--out", str(path), "--devices", "2", *changes, wait=False)
        wait_for(lambda: (path / "history.csv").is_file())
        others = family(process)
        (path / "snapshots.safetensors").unlink()
        (path / "snapshots.safetensors").mkdir()  # the next snapshot cannot be written
        _, error = process.communicate(timeout=100)
        assert process.returncode == 2, error
        assert error.count("error: cannot write to") == 1
        assert gone(others)
        assert ModelFolder(path).status["state"] == "failed"
        assert "cannot write to" in ModelFolder(path).status["error"]

    def test_a_folder_that_is_there_is_refused_before_another_process_starts(self, plain, tmp_path):
        assert run(plain, "--out", str(tmp_path / "run"), "--training.epochs", "1")[0] == 0
        code, _, error = run(plain, "--out", str(tmp_path / "run"), "--devices", "2")
        assert code == 2
        assert error.count("already holds a model") == 1


def wait_for(condition, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
