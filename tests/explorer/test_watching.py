"""What the Runs page reads of a folder that grows: only what was added, and a bounded amount of it."""

import builtins

import numpy as np
import pytest
from safetensors.numpy import save_file

from explorer import watching

HEADER = "epoch,stage,valid_elbo,valid_kl,active_units,variance_0,variance_1,kl_0,kl_1\n"


def row(epoch, elbo=-100.0, variance=1.0):
    return f"{epoch},fit,{elbo},3.0,2,{variance},1.0,2.0,1.0\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "history.csv").write_text(HEADER + row(1) + row(2))
    return tmp_path


def test_rows_are_added_as_they_come(folder):
    found = watching.history(folder)
    assert list(found.epochs) == [1, 2]
    assert watching.history(folder) is found  # nothing was added: nothing is made anew
    with open(folder / "history.csv", "a") as file:
        file.write(row(3, elbo=-90) + "4,fit,-8")
    assert list(watching.history(folder).columns["valid_elbo"]) == [-100, -100, -90]
    with open(folder / "history.csv", "a") as file:
        file.write("0,3.0,2,1.0,1.0,2.0,1.0\n")
    assert list(watching.history(folder).columns["valid_elbo"]) == [-100, -100, -90, -80]


def test_a_history_that_was_cut_back_begins_anew(folder):
    watching.history(folder)
    (folder / "history.csv").write_text(HEADER + row(1, elbo=-70))
    assert list(watching.history(folder).columns["valid_elbo"]) == [-70]


def test_columns_that_come_later_are_empty_before(folder):
    watching.history(folder)
    wider = (
        HEADER.strip() + ",train_code\n" + row(1).strip() + ",\n" + row(2).strip() + ",\n" + row(3).strip() + ",7.5\n"
    )
    (folder / "history.csv").write_text(wider)
    column = watching.history(folder).columns["train_code"]
    assert np.isnan(column[:2]).all()
    assert column[2] == 7.5


def test_alarms_come_with_the_rows(folder):
    assert watching.history(folder).alarms == ()
    with open(folder / "history.csv", "a") as file:
        file.write(row(3, variance=0.001))
    (alarm,) = watching.history(folder).alarms
    assert (alarm.epoch, alarm.kind) == (3, "died")
    assert "Unit 1 died at epoch 3" in alarm.sentence


def test_numbered_columns_are_the_units(folder):
    np.testing.assert_array_equal(watching.numbered(watching.history(folder).columns, "kl"), [[2, 1], [2, 1]])
    assert watching.numbered(watching.history(folder).columns, "weight") is None


def test_no_history_is_empty(tmp_path):
    assert not watching.history(tmp_path)
    assert watching.spark(tmp_path) == watching.Spark()


# -- sparklines --------------------------------------------------------------------------------------------------


def test_a_sparkline_shows_the_score(folder):
    assert watching.spark(folder) == watching.Spark("valid_elbo", (-100.0, -100.0))
    (folder / "history.csv").write_text("epoch,train_loss\n1,3.5\n2,nan\n3,2.5")
    assert watching.spark(folder) == watching.Spark("train_loss", (3.5,))


def test_a_long_history_costs_no_more_than_a_short_one(folder, monkeypatch):
    rows = [row(epoch, elbo=-1000 + epoch / 100) for epoch in range(1, 50_001)]
    (folder / "history.csv").write_text(HEADER + "".join(rows))
    taken = []
    opened = builtins.open

    class Counted:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *what):
            self.file.close()

        def readline(self):
            taken.append(self.file.readline())
            return taken[-1]

        def read(self):
            taken.append(self.file.read())
            return taken[-1]

        def __getattr__(self, name):
            return getattr(self.file, name)

    monkeypatch.setattr(builtins, "open", lambda *given, **more: Counted(opened(*given, **more)))
    found = watching.spark(folder)
    monkeypatch.undo()
    assert sum(map(len, taken)) < 50_000 < (folder / "history.csv").stat().st_size / 20
    assert len(found.values) == watching.SPARKS
    assert found.last == -500.0
    assert list(found.values) == sorted(found.values)


def test_a_sparkline_is_read_again_only_when_something_was_added(folder, monkeypatch):
    before = watching.spark(folder)
    monkeypatch.setattr(watching.csv, "reader", None)  # reading would fail
    assert watching.spark(folder) is before


# -- snapshots ---------------------------------------------------------------------------------------------------


@pytest.fixture
def snapped(folder):
    random = np.random.default_rng(0)
    stretch = np.array([1.0, 9.0, 3.0])
    means = np.stack([random.normal(size=(40, 3)) * stretch * (1 + at) for at in range(3)]).astype(np.float16)
    save_file(
        {
            "epochs": np.array([0, 4, 9]),
            "index": np.arange(40),
            "labels": np.arange(40) % 10,
            "originals": np.zeros((8, 1, 4, 4), np.uint8),
            "mean": means,
            "samples": np.stack([np.full((8, 1, 4, 4), value, np.uint8) for value in (1, 2, 3)]),
        },
        folder / "snapshots.safetensors",
    )
    return folder, means


def test_snapshots_are_those_not_later_than_the_epoch(snapped):
    found = watching.snapshots(snapped[0])
    assert found.epochs == (0, 4, 9)
    assert [found.at(epoch).epoch for epoch in (0, 3, 4, 8, 9, 100)] == [0, 0, 4, 4, 9, 9]
    assert found.at(5).samples.max() == 2
    np.testing.assert_array_equal(found.at(5).points, snapped[1][1].astype(np.float32))
    assert found.at(5).reconstructions is None
    assert watching.snapshots(snapped[0]) is found


def test_the_plane_is_that_of_the_last_snapshot_for_all(snapped):
    found = watching.snapshots(snapped[0])
    last = snapped[1][2].astype(np.float64)
    _, scales, axes = np.linalg.svd(last - last.mean(0), full_matrices=False)
    placed = found.plane().of(found.at(9).points)
    np.testing.assert_allclose(np.abs(placed), np.abs((last - last.mean(0)) @ axes[:2].T), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(placed.std(0, ddof=1), scales[:2] / np.sqrt(39), rtol=1e-3)
    early = found.plane().of(found.at(0).points)
    np.testing.assert_allclose(early, (snapped[1][0] - last.mean(0)) @ found.plane().axes, atol=1e-3)


def test_damaged_snapshots_are_none(folder):
    (folder / "snapshots.safetensors").write_bytes(b"\xff" * 64)
    assert watching.snapshots(folder) is None
