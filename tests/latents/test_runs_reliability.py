"""What a run survives, by doing it: real processes that train, and are killed, stopped, or run out of disk.

The measure is an uninterrupted run of the same recipe: the history's columns, but for the seconds, and the weights.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

import latents
from latents import runs, training
from latents.folder import ModelFolder
from latents.recipe import preset
from latents.runs import queue
from latents.runs.launchers import work_command

SCRIPT = Path(__file__).parent / "run_scripts" / "dying_worker.py"
CPU = runs.Options(accelerator="cpu")
EPOCHS = 5

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals"), pytest.mark.timeout(900)]


def until(true: Callable[[], object], seconds: float = 400) -> None:
    """Wait until it is; how long it takes is no part of any test."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def processes(root: Path) -> list[psutil.Process]:
    """Every process, zombies too, whose command line names this root."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(str(root) in word for word in process.info["cmdline"] or []):
            found.append(process)
    return found


@pytest.fixture
def root(tmp_path) -> Iterator[Path]:
    path = tmp_path / "runs"
    path.mkdir()
    yield path
    end(path)


def end(root: Path) -> None:
    """Kill what is at work in this root, and what that may just have started."""

    def gone() -> bool:
        for process in (found := processes(root)):
            with contextlib.suppress(psutil.Error):
                process.kill()
        return not found

    until(gone)


@pytest.fixture
def by_hand(monkeypatch):
    """The test starts the processes itself."""
    monkeypatch.setattr(queue, "ensure_tended", lambda root, runs=None: None)


@pytest.fixture(scope="module")
def recipe(tiny):
    return tiny(training__epochs=EPOCHS, training__checkpoint_seconds=0)


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The run that nothing happened to."""
    return latents.train(recipe, tmp_path_factory.mktemp("whole") / "whole", accelerator="cpu")


def same(folder: ModelFolder, other: ModelFolder) -> None:
    """Both have the same history, but for the seconds, the same snapshots and the same weights."""
    one, two = folder.history(), other.history()
    assert list(one) == list(two)
    for name in set(one) - {"seconds"}:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert (folder.path / "model.safetensors").read_bytes() == (other.path / "model.safetensors").read_bytes()
    snapshots, others = folder.snapshots(), other.snapshots()
    assert list(snapshots) == list(others)
    for name in snapshots:
        np.testing.assert_array_equal(snapshots[name], others[name], err_msg=name)


def whole_files(path: Path) -> list[Path]:
    """All files; half-written ones would be among them."""
    return sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file() and ".lock" not in file.name)


def die(run: runs.Run, what: str, n: int) -> int:
    """The run's process, to which this happens; its exit code."""
    with open(run.path / "log.txt", "ab") as log:
        return subprocess.run([sys.executable, SCRIPT, run.path, what, str(n)], stderr=log, timeout=600).returncode


KILLS = [
    ("write state.pt", 3),  # in the middle of a checkpoint
    ("row", 4),  # in the middle of a row of the history
    pytest.param("epoch", 3, marks=pytest.mark.slow),  # between two epochs
    pytest.param("after state.pt", 3, marks=pytest.mark.slow),  # the checkpoint is new, the weights are old
    pytest.param("write model.safetensors", 3, marks=pytest.mark.slow),
    pytest.param("write snapshots.safetensors", 3, marks=pytest.mark.slow),
    pytest.param("write status.json", 2, marks=pytest.mark.slow),
    pytest.param("row", 1, marks=pytest.mark.slow),  # the header with it
    pytest.param("write state.pt", 1, marks=pytest.mark.slow),  # before there is anything to go on from
]


@pytest.mark.parametrize(("what", "n"), KILLS)
def test_kill_9(root, by_hand, recipe, whole, what, n):
    """At the worst moments: the folder loads, the run is lost and can be resumed, and ends as if nothing had been."""
    run = runs.launch(recipe, root, "a", options=CPU)
    assert die(run, what, n) == -signal.SIGKILL
    run = runs.get(root, "a")
    assert (run.state, run.resumable) == ("lost", True)
    assert "gone without a word" in run.error
    folder = ModelFolder(run.path)
    history = folder.history()
    assert (history["epoch"] if history else np.array([])).tolist() == list(range(1, len(history.get("epoch", ())) + 1))
    followed = runs.following.History(run.path).read()
    assert [row["epoch"] for row in followed] == (history["epoch"].tolist() if history else [])
    folder.snapshots()
    begun = (run.path / "checkpoint" / "state.pt").exists()
    # The second status is that of a start that took its time, or the first sign of life after it.
    assert begun or (what, n) in (("write state.pt", 1), ("write status.json", 2))
    if begun:
        folder.load().sample(1)
        torch.load(run.path / "checkpoint" / "state.pt", weights_only=True)
    training.resume(run.path, accelerator="cpu")
    assert runs.get(root, "a").state == "finished"
    same(ModelFolder(run.path), whole)
    assert not [path for path in whole_files(run.path) if path.name.endswith(".part")]


@pytest.mark.slow
def test_kill_9_twice_and_the_queue(root, by_hand, recipe, whole, monkeypatch):
    """Killed, resumed, killed again, and finished by the queue's own processes."""
    run = runs.launch(recipe, root, "a", options=CPU)
    assert die(run, "row", 2) == -signal.SIGKILL
    runs.resume(runs.get(root, "a"))
    assert die(run, "write state.pt", 2) == -signal.SIGKILL
    monkeypatch.undo()
    runs.resume(runs.get(root, "a"))
    until(lambda: runs.get(root, "a").state == "finished")
    same(ModelFolder(run.path), whole)
    until(lambda: not processes(root))


@pytest.mark.slow
def test_two_starts_at_the_same_moment(root, tiny):
    """With runs that train: two folders, both finish, and never do two train at once."""
    recipe = tiny(training__epochs=30)
    (root.parent / "recipe.json").write_text(recipe.json_text())
    script, moment = SCRIPT.parent / "starter.py", str(time.time() + 2)
    line = [sys.executable, script, root, root.parent / "recipe.json", "same", "1", moment]
    for process in [subprocess.Popen(line) for _ in range(2)]:
        assert process.wait(400) == 0
    seen = []

    def done():
        found = queue.all_runs(root)
        seen.append(sum(run.live for run in found))
        return [run.state for run in found] == ["finished"] * 2

    until(done)
    assert sorted(run.name for run in runs.find(root)) == ["same", "same-2"]
    assert max(seen) == 1
    spans = []
    for name in ("same", "same-2"):
        lines = [line for line in (root / name / "log.txt").read_text().splitlines() if re.match(r"\d{4}-", line)]
        assert len(ModelFolder(root / name).history()["epoch"]) == 30
        spans.append((lines[0][:19], lines[-1][:19]))
    (_, first_end), (second_start, _) = sorted(spans)
    assert first_end <= second_start


def _mountable() -> bool:
    """Whether a small disk can be made here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            return False
        return subprocess.run(["umount", place], capture_output=True).returncode == 0


def fill(disk: Path) -> None:
    """Until there is no room for another byte."""
    with open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1024))


class TestFullDisk:
    @pytest.fixture
    def small_disk(self, tmp_path) -> Iterator[Path]:
        place = tmp_path / "disk"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=True)
        yield place
        end(place)
        subprocess.run(["umount", "-l", place], check=True)

    def test_a_file_that_may_not_grow(self, root, by_hand, recipe, whole):
        """Writing fails as it does on a full disk; the status can still be written."""
        run = runs.launch(recipe, root, "a", options=CPU)
        assert die(run, "limit", 2) == 1
        run = runs.get(root, "a")
        assert run.state == "failed"
        assert f"cannot write to {run.path}: File too large" in run.error
        torch.load(run.path / "checkpoint" / "state.pt", weights_only=True)
        ModelFolder(run.path).load()
        training.resume(run.path, accelerator="cpu")
        same(ModelFolder(run.path), whole)

    if _mountable():  # else the test above, which needs no rights, is the one there is

        @pytest.mark.slow
        def test_a_disk_that_is_full(self, small_disk, tiny, tmp_path):
            """A small disk, which somebody else fills while the run trains."""
            recipe = tiny(training__epochs=120, training__checkpoint_seconds=0)
            run = runs.launch(recipe, small_disk, "a", options=CPU)
            until(lambda: len(_epochs(run.path)) > 2)
            with pytest.raises(OSError, match="No space left"):
                fill(small_disk)
            until(lambda: not runs.get(small_disk, "a").live)
            run = runs.get(small_disk, "a")
            assert run.state == "failed"
            assert "the disk is full" in run.error
            state = torch.load(run.path / "checkpoint" / "state.pt", weights_only=True)
            assert 1 <= state["rows"] < 120
            assert len(ModelFolder(run.path).history()["epoch"]) >= state["rows"]
            ModelFolder(run.path).load()
            until(lambda: not processes(small_disk))
            (small_disk / "filler").unlink()
            runs.resume(run)
            until(lambda: runs.get(small_disk, "a").state in ("finished", "failed"))
            assert runs.get(small_disk, "a").error is None
            same(ModelFolder(run.path), latents.train(recipe, tmp_path / "whole", accelerator="cpu"))


@pytest.mark.slow
def test_not_a_number(root, by_hand, recipe, whole):
    """The run fails with its reason; resumed from its last good checkpoint, it ends as if nothing had been."""
    run = runs.launch(recipe, root, "a", options=CPU)
    assert die(run, "poison", 3) == 1
    run = runs.get(root, "a")
    assert run.state == "failed"
    assert "the loss is not finite in epoch 3" in run.error
    assert any("not finite in epoch 3" in line for line in run.log_tail())
    state = torch.load(run.path / "checkpoint" / "state.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in state["model"].values())
    runs.resume(run)
    assert subprocess.run(work_command(run.path), timeout=600).returncode == 0
    same(ModelFolder(run.path), whole)


@pytest.mark.slow
def test_launched_stopped_and_resumed_twenty_times(root, tiny):
    """No process is left, no file is half written, and there is one history, without a gap and without a double."""
    recipe = tiny(training__epochs=100_000)
    run = runs.launch(recipe, root, "a", options=CPU)
    rows = 0
    for count in range(20):
        if count:
            runs.resume(runs.get(root, "a"))
        until(lambda: len(_epochs(run.path)) > rows)  # noqa: B023
        runs.stop(runs.get(root, "a"))
        until(lambda: runs.get(root, "a").state == "stopped")
        rows = len(_epochs(run.path))
    until(lambda: not processes(root))
    assert [found.name for found in runs.find(root)] == ["a"]
    assert _epochs(run.path) == list(range(1, rows + 1))
    assert rows >= 20
    assert sum("resumed in epoch" in line for line in (run.path / "log.txt").read_text().splitlines()) == 19
    names = {path.name for path in whole_files(run.path)}
    assert not [name for name in names if name.endswith(".part")]
    assert sorted(path.name for path in root.iterdir()) == [".queue", "a"]
    seconds = ModelFolder(run.path).history()["seconds"]
    assert (np.diff(seconds) >= 0).all()


def _epochs(path: Path) -> list[int]:
    if not (path / "history.csv").exists():
        return []
    return [int(epoch) for epoch in ModelFolder(path).history()["epoch"]]


@pytest.mark.slow
def test_shut_down_with_the_machine(root, tiny):
    """SIGTERM, which a machine sends before it goes down: the run saves, and is stopped."""
    runs.launch(tiny(training__epochs=100_000), root, "a", options=CPU)
    until(lambda: len(_epochs(root / "a")) > 0)
    os.kill(runs.get(root, "a").status["pid"], signal.SIGTERM)
    until(lambda: not runs.get(root, "a").live)
    run = runs.get(root, "a")
    assert (run.state, run.error) == ("stopped", None)
    assert "stopped" in run.log_tail(1)[0] or run.resumable


@pytest.mark.slow
def test_a_run_by_hand_in_a_terminal(root, tiny):
    """`latents train` is a run like any other: it is found, counts, and is stopped from elsewhere."""
    (root.parent / "mine.json").write_text(tiny(training__epochs=100_000).json_text())
    line = [
        sys.executable,
        "-m",
        "latents",
        "train",
        root.parent / "mine.json",
        "--out",
        root / "a",
        "--accelerator",
        "cpu",
    ]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: runs.find(root) and runs.get(root, "a").state == "running")
        run = runs.get(root, "a")
        assert (run.status["pid"], run.where, run.device) == (process.pid, "here", "cpu")
        waiting = runs.launch(tiny(training__epochs=2), root, "b", options=CPU)
        until(lambda: _epochs(run.path))
        assert runs.get(root, "b").state == "queued"
        assert runs.stop(run).state == "stopping"
        assert process.wait(400) == 0
    finally:
        process.kill()
        process.wait()
    assert runs.get(root, "a").state == "stopped"
    until(lambda: runs.get(root, waiting.name).state == "finished")
    runs.resume(runs.get(root, "a"))
    rows = len(_epochs(root / "a"))
    until(lambda: len(_epochs(root / "a")) > rows)
    runs.kill(runs.get(root, "a"))


@pytest.mark.slow
def test_prolonged_in_the_queue(root, tiny):
    """A finished run, and one that was stopped, train for as many epochs more."""
    runs.launch(tiny(training__epochs=3), root, "a", options=CPU)
    until(lambda: runs.get(root, "a").state == "finished")
    runs.prolong(runs.get(root, "a"), 2)
    until(lambda: runs.get(root, "a").state in ("finished", "failed", "lost") and len(_epochs(root / "a")) != 3)
    run = runs.get(root, "a")
    assert (run.state, run.error, _epochs(run.path)) == ("finished", None, [1, 2, 3, 4, 5])
    assert run.recipe_json["training"]["epochs"] == 5


@pytest.mark.slow
def test_what_cannot_be_prolonged_stays_finished(root, by_hand):
    """A linear model is fitted in one go: the run says so, and is as it was."""
    latents.train(preset("digits-pca"), root / "a", accelerator="cpu")
    before = (root / "a" / "model.safetensors").read_bytes()
    runs.prolong(runs.get(root, "a"), 2)
    assert subprocess.run(work_command(root / "a"), capture_output=True, timeout=600).returncode == 1
    run = runs.get(root, "a")
    assert run.state == "finished"
    assert "cannot be prolonged" in run.error
    assert (root / "a" / "model.safetensors").read_bytes() == before
