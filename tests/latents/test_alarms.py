"""Alarms: which sentence, at which epoch, and silence where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from latents.alarms import Alarm, Monitor, alarms, short
from latents.errors import TrainingError
from latents.folder import ModelFolder
from latents.training import resume, train


def history(**columns) -> dict[str, np.ndarray]:
    length = len(next(iter(columns.values())))
    return {"epoch": np.arange(1.0, length + 1), **{name: np.array(values) for name, values in columns.items()}}


class TestUnits:
    def test_a_unit_dies_and_comes_back(self):
        found = alarms(history(variance_0=[0.5] * 5, variance_6=[0.8, 0.3, 0.004, 0.001, 0.2]))
        assert [(alarm.epoch, alarm.kind) for alarm in found] == [(3, "died"), (5, "alive")]
        assert found[0].sentence == (
            "Unit 7 died at epoch 3: its mean varies by 0.004 over the validation images (threshold 0.01)."
        )
        assert found[1].sentence.startswith("Unit 7 came back to life at epoch 5: its mean varies by 0.2 ")

    def test_a_unit_that_never_lived_does_not_die_and_one_that_wakes_is_no_alarm(self):
        assert alarms(history(variance_0=[0.001, 0.002, 0.001], variance_1=[0.001, 0.5, 0.6])) == []

    def test_the_threshold_itself_is_dead_and_can_be_moved(self):
        columns = history(variance_0=[0.5, 0.05, 0.01])
        assert [alarm.epoch for alarm in alarms(columns)] == [3]
        assert [alarm.epoch for alarm in alarms(columns, threshold=0.05)] == [2]
        assert alarms(columns, threshold=0.009) == []


class TestCollapse:
    def test_once_when_it_falls_and_again_when_it_falls_again(self):
        found = alarms(history(valid_kl=[3.0, 0.031, 0.01, 0.5, 0.099]))
        assert [(alarm.epoch, alarm.kind) for alarm in found] == [(2, "collapse"), (5, "collapse")]
        assert found[0].sentence == "KL is 0.031 nats in total at epoch 2 (under 0.1): posterior collapse."

    def test_the_bound_itself_and_no_kl_at_all(self):
        assert alarms(history(valid_kl=[0.1, 0.1])) == []
        assert alarms(history(valid_loss=[0.01, 0.01])) == []
        assert alarms(history(valid_kl=[np.nan, np.nan])) == []


class TestNoBetter:
    def test_after_so_many_epochs_and_once(self):
        found = alarms(history(valid_elbo=[-90, -80.25, *[-85.0] * 7]), patience=5)
        assert [(alarm.epoch, alarm.kind) for alarm in found] == [(7, "no better")]
        assert "not improved for 5 epochs: it was best at epoch 2, with −80.25 nats" in found[0].sentence

    def test_anew_after_a_better_one(self):
        elbo = [-5, -6, -6, -4, -6, -6, -6]
        assert [alarm.epoch for alarm in alarms(history(valid_elbo=elbo), patience=2)] == [3, 6]

    def test_another_stage_is_scored_anew(self):
        columns = history(valid_elbo=[-5.0, -6, -90, -80, -70], stage=["fit", "fit", "prior", "prior", "prior"])
        assert alarms(columns, patience=2) == []

    def test_always_better(self):
        assert alarms(history(valid_elbo=np.arange(200.0)), patience=1) == []


class TestNotFinite:
    def test_an_infinite_number(self):
        found = alarms(history(train_loss=[1.0, np.inf], valid_kl=[3.0, 0.0]))
        assert found == [Alarm(2, "not finite", "The loss is not finite at epoch 2: train_loss is infinite.")]

    def test_a_failed_run(self):
        error = "the loss is not finite in epoch 3 (train_loss = nan); lower training.learning_rate"
        status = {"state": "failed", "epoch": 3, "error": error}
        assert alarms(history(valid_elbo=[1.0, 2.0]), status=status) == [Alarm(3, "not finite", f"T{error[1:]}")]
        assert alarms({}, status=status)[0].epoch == 3
        for other in ({}, {**status, "state": "running"}, {**status, "error": "the disk is full"}):
            assert alarms({}, status=other) == []


def test_row_by_row_is_the_same_as_all_at_once():
    draws = np.random.default_rng(0).exponential(0.02, (40, 3))
    columns = history(
        valid_elbo=draws[:, 0], valid_kl=draws[:, 1] * 10, **{f"variance_{i}": draws[:, i] for i in (1, 2)}
    )
    monitor, found = Monitor(patience=4), []
    for at in range(40):
        row = {name: f"{values[at]:.17g}" for name, values in columns.items()}  # text, as the loop has it
        found += monitor.feed({**row, "stage": "fit", "train_other": ""})
    assert found == alarms({**columns, "stage": np.array(["fit"] * 40)}, patience=4)
    assert {alarm.kind for alarm in found} == {"died", "alive", "collapse", "no better"}


@pytest.mark.parametrize(
    ("value", "text"), [(0.004, "0.004"), (0.314159, "0.31"), (3.14e-5, "3.1e−05"), (0.0, "0"), (-2.0, "−2")]
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_the_loop_writes_them_into_its_log(tiny, tmp_path):
    """A weight of the KL that kills all: units die, the posterior collapses, and it is said once, also after a stop."""
    recipe = tiny(objective__beta=1000, objective__warm_up=6, training__epochs=10, training__learning_rate=0.02)
    asked = iter(range(100))
    train(recipe, tmp_path / "run", accelerator="cpu", stop=lambda: next(asked) == 99)
    folder = resume(tmp_path / "run", accelerator="cpu")
    found = alarms(folder.history())
    assert "collapse" in {alarm.kind for alarm in found}
    log = (folder.path / "log.txt").read_text()
    for alarm in found:
        assert log.count(f"alarm: {alarm.sentence}") == 1


def test_a_loss_that_is_not_finite(linear_gaussian, tmp_path):
    from latents.recipe import override

    recipe = override(linear_gaussian(scale=1e-18).recipe, {"training.learning_rate": "1"})
    with pytest.raises(TrainingError):
        train(recipe, tmp_path / "model", accelerator="cpu")
    folder = ModelFolder(tmp_path / "model")
    found = alarms(folder.history(), status=folder.status)
    assert found[-1].kind == "not finite"
    assert found[-1].epoch == folder.status["epoch"]
