"""Stop, pause, pace and step: the file that asks, and the loop that listens."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from latents import control
from latents.control import Control
from latents.folder import ModelFolder
from latents.training import resume, train, work

from .test_training import rows


class TestTheFile:
    def test_nothing_is_asked(self, tmp_path):
        assert control.read(tmp_path) == Control(stop=False, paused=False, pace=0.0, step=0)

    def test_changes_keep_the_rest(self, tmp_path):
        control.write(tmp_path, pace=2.5)
        control.write(tmp_path, paused=True)
        assert control.step(tmp_path) == control.read(tmp_path) == Control(paused=True, pace=2.5, step=1)
        written = json.loads((tmp_path / "control.json").read_text())
        assert written == {"stop": False, "paused": True, "pace": 2.5, "step": 1}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", Control()),
            ("{", Control()),
            ("[true]", Control()),
            ('{"stop": 1, "paused": "yes", "pace": -1, "step": 1.5}', Control()),
            ('{"stop": true, "pace": NaN, "step": true, "other": 3}', Control(stop=True)),
            ('{"pace": 1e999, "step": 4}', Control(step=4)),
            ("\xff", Control()),
        ],
    )
    def test_damage_asks_for_nothing(self, tmp_path, text, expected):
        (tmp_path / "control.json").write_text(text, "latin-1")
        assert control.read(tmp_path) == expected

    @pytest.mark.parametrize(
        "change", [{"pace": -1}, {"pace": float("inf")}, {"stop": 1}, {"step": -1}, {"halt": True}]
    )
    def test_what_is_no_wish_is_refused(self, tmp_path, change):
        with pytest.raises(ValueError, match=f"got {next(iter(change))} = "):
            control.write(tmp_path, **change)
        assert not (tmp_path / "control.json").exists()

    def test_writers_take_turns(self, tmp_path):
        """Forty increments from four writers: none is lost."""
        writers = [threading.Thread(target=lambda: [control.step(tmp_path) for _ in range(10)]) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert control.read(tmp_path).step == 40


def at_work(path: Path, **options) -> tuple[threading.Thread, list]:
    """A run in a thread of its own, and where its folder will be (or its error)."""
    outcome: list = []

    def run():
        try:
            outcome.append(work(path, accelerator="cpu", **options))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def until(condition, seconds: float = 240.0) -> None:
    """Wait for something that a run in another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def state(path: Path) -> str:
    return ModelFolder(path).status.get("state", "")


def another_beat(path: Path, before: set[str]) -> bool:
    return ModelFolder(path).status["heartbeat"] not in before


def trained(path: Path, epochs: int) -> bool:
    return epochs_of(path) == epochs


def epochs_of(path: Path) -> int:
    return len(ModelFolder(path).history().get("epoch", []))


@pytest.fixture
def recipe(tiny):
    return tiny(training__epochs=4, training__batch=400)


@pytest.fixture
def begun(recipe, tmp_path) -> Path:
    """A folder with a recipe and nothing else, as a launched run has it."""
    return ModelFolder.create(tmp_path / "run", recipe).path


def test_one_epoch_at_a_time_and_then_to_the_end(begun, recipe, tmp_path):
    """Paused from the start; three increments, three epochs; then on, as if nothing had been."""
    control.write(begun, paused=True, step=7)  # increments of before are not owed
    thread, outcome = at_work(begun)
    waited, began = 0.0, None
    for epochs in range(3):
        until(lambda: state(begun) == "paused")
        paused = time.monotonic()
        began = began or paused
        beats = {ModelFolder(begun).status["heartbeat"]}
        until(partial(another_beat, begun, beats))  # it waits, and is alive
        assert epochs_of(begun) == epochs
        waited += time.monotonic() - paused
        control.step(begun)
        until(partial(trained, begun, epochs + 1))
    until(lambda: state(begun) == "paused")
    assert (ModelFolder(begun).status["epoch"], ModelFolder(begun).status["step"]) == (4, 0)
    control.write(begun, paused=False)
    thread.join(240)
    took = time.monotonic() - began
    whole = train(recipe, tmp_path / "whole", accelerator="cpu")
    assert outcome[0].status["state"] == "finished"
    assert rows(outcome[0]) == rows(whole)
    assert (begun / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
    assert waited > 3  # three pauses of a heartbeat each, which were no training:
    assert outcome[0].history()["seconds"][-1] < took - waited + 0.1


def test_paused_within_an_epoch_and_stopped_while_it_waits(begun, recipe, tmp_path):
    asked = []

    def stop():
        asked.append(1)
        if len(asked) == 7:  # in the second epoch of four steps each
            control.write(begun, paused=True)
            time.sleep(0.15)  # until it is looked at again
        return False

    thread, _ = at_work(begun, stop=stop)
    until(lambda: state(begun) == "paused")
    status = ModelFolder(begun).status
    assert (status["epoch"], status["steps"]) == (2, 4)
    assert 0 < status["step"] < 4
    control.step(begun)  # to the end of this epoch
    until(lambda: epochs_of(begun) == 2 and state(begun) == "paused")
    control.write(begun, stop=True)
    thread.join(240)
    assert state(begun) == "stopped"
    control.write(begun, paused=False)
    folder = resume(begun, accelerator="cpu")  # an old wish to stop is forgotten
    assert folder.status["state"] == "finished"
    assert not control.read(begun).stop
    assert rows(folder) == rows(train(recipe, tmp_path / "whole", accelerator="cpu"))


def test_a_wish_to_stop_that_is_there_before_the_process_counts(begun):
    control.write(begun, stop=True)
    folder = work(begun, accelerator="cpu")
    assert folder.status["state"] == "stopped"
    assert epochs_of(begun) == 0


def test_a_slow_pace_spreads_over_the_steps(begun, recipe, tmp_path, monkeypatch):
    """On a clock of the test's own: every epoch takes its ten seconds, and the model is the same."""
    clock = [1000.0]
    naps = []

    def sleep(seconds):
        naps.append(seconds)
        clock[0] += seconds

    whole = train(recipe, tmp_path / "whole", accelerator="cpu")
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", sleep)
    control.write(begun, pace=10)
    at = []
    folder = work(
        begun,
        accelerator="cpu",
        stop=lambda: at.append((ModelFolder(begun).status["epoch"], ModelFolder(begun).status["step"])),
    )
    assert sum(naps) == pytest.approx(3 * 10 + 7.5, abs=1.5)  # nothing is waited for after the last step of all
    assert max(naps) <= 0.1  # a wish to stop is heard
    assert {(1, 1), (1, 2), (1, 3), (2, 1)} <= set(at)  # its signs of life come within the epoch
    assert rows(folder) == rows(whole)
    assert folder.history()["seconds"][-1] == 0  # on this clock, only waiting takes time


def test_the_status_keeps_who_launched_it(begun):
    ModelFolder(begun).write_json("status.json", {"state": "queued", "launcher": "ray://head:10001", "job": "job-7"})
    folder = work(begun, accelerator="cpu")
    assert folder.status["launcher"] == "ray://head:10001"
    assert folder.status["job"] == "job-7"
    assert folder.status["state"] == "finished"
