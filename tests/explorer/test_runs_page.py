"""The Runs page: every state, the buttons that go with it, and a bounded amount of work for many runs."""

import json
import os
import shutil
from datetime import UTC, datetime

import psutil
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library, run_list, run_view, run_words, running, watching
from explorer.charts.curves import curves
from latents import control, runs

RUNS = "../pages/runs.py"
MODEL = ROOT / "trained" / "digits-vampprior-2d"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder of runs; nobody starts what is queued in it."""
    from latents.runs import queue

    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("EXPLORER_RUNS", str(folder))
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr(queue, "ensure_tended", lambda *given: None)
    return folder


@pytest.fixture
def put(root):
    """Put a run into the folder: `put(name, state, **status)`, with the files of a trained model."""

    def make(name: str, state: str, **status):
        folder = root / name
        folder.mkdir()
        for file in ("config.json", "history.csv", "snapshots.safetensors", "log.txt"):
            shutil.copy(MODEL / file, folder / file)
        if state == "finished":
            shutil.copy(MODEL / "model.safetensors", folder)
        said = {"state": state, "epoch": 40, "epochs": 2000, "step": 1, "steps": 13, "device": "cpu", "error": None}
        (folder / "status.json").write_text(json.dumps(said | status))
        return folder

    return make


@pytest.fixture
def alive():
    """The words of a status that says that this very process is the run's."""
    me = psutil.Process()
    return {"pid": me.pid, "started": me.create_time(), "heartbeat": datetime.now(UTC).isoformat()}


@pytest.fixture
def done(monkeypatch):
    """What was done with runs: (what, name, *values)."""
    found = []
    monkeypatch.setattr(running, "do", lambda what, run, *values: found.append((what, run.name, *values)))
    return found


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    return at.switch_page(RUNS).run()


def opened(name: str) -> AppTest:
    at = page()
    at.selectbox(key="run").set_value(name).run()
    assert not at.exception
    return at


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def texts(at: AppTest) -> str:
    return " ".join(str(part.value) for part in [*at.markdown, *at.error, *at.info, *at.warning])


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception
    return at


def test_without_runs_the_page_says_how_to_start_one():
    at = page()
    assert not at.exception
    assert "There are no runs yet" in at.info[0].value
    assert "New run" in labels(at)


def test_the_list_shows_every_run_with_its_state(put, alive):
    put("one", "finished", epoch=2000)
    put("two", "running", **alive)
    put("three", "running", pid=None)
    put("four", "failed", error="the loss is not finite in epoch 3")
    at = page()
    assert not at.exception
    table = at.dataframe[0].value.set_index("run")
    assert dict(table["state"]) == {"one": "finished", "two": "running", "three": "lost", "four": "failed"}
    assert table.loc["one", "progress"] == 100
    assert table.loc["two", "progress"] == pytest.approx(100 * (39 + 1 / 13) / 2000)
    assert "left" in table.loc["two", "left"]
    assert table.loc["one", "score"] == "−22.86"
    assert len(table.loc["one", "curve"]) == watching.SPARKS


def test_a_link_opens_a_run(put):
    put("one", "stopped")
    at = page(run="one")
    assert not at.exception
    assert at.selectbox(key="run").value == "one"
    assert "Stopped" in at.get("progress")[0].proto.text
    at = page(run="../secret")
    assert not at.exception
    assert len(at.dataframe) == 1


@pytest.mark.parametrize(("rows", "name"), [([1], "b"), ([], None), ([7], None)])
def test_the_row_that_was_clicked(rows, name):
    assert run_list.chosen(["a", "b"], {"selection": {"rows": rows, "columns": [], "cells": []}}) == name


@pytest.mark.parametrize(
    ("state", "more", "buttons"),
    [
        ("running", {}, {"Pause", "Stop", "Kill …"}),
        ("queued", {}, {"Take out of the queue"}),
        ("stopped", {}, {"Resume", "Prolong", "Rename", "Move to the trash"}),
        ("failed", {"error": "the disk is full at /here; free some space"}, {"Resume", "Move to the trash"}),
        ("lost", {}, {"Resume", "Move to the trash"}),
        ("finished", {"epoch": 2000}, {"Open in Latent space", "Prolong", "Move to the trash"}),
    ],
)
def test_each_state_has_its_buttons(put, alive, state, more, buttons):
    said = {"running": ("running", alive), "lost": ("running", {"pid": None})}.get(state, (state, {}))
    put("one", said[0], **said[1], **more)
    at = opened("one")
    assert buttons <= set(labels(at))
    assert not ({"Resume", "Pause", "Open in Latent space"} - buttons) & set(labels(at))


def test_a_run_that_failed_says_why_with_the_end_of_its_log(put):
    (put("one", "failed", error="the disk is full at /here; free some space") / "log.txt").write_text(
        "a\nb\nNo space\n"
    )
    at = opened("one")
    assert at.error[0].value == "The disk is full at /here; free some space"
    assert "No space" in at.code[0].value


def test_a_run_that_is_lost_says_so(put):
    put("one", "running", pid=2**22 + 1, started=1.0)
    at = opened("one")
    assert "gone without a word" in at.error[0].value
    assert "Resume" in labels(at)


def test_buttons_do_what_they_say(put, alive, done):
    put("one", "running", **alive)
    at = opened("one")
    press(at, "Pause")
    press(at, "Stop")
    put("two", "stopped")
    at = press(opened("two"), "Resume")
    at.number_input(key="more-epochs-two").set_value(25)
    press(at, "Prolong")
    at.text_input(key="new-name-two").set_value("three")
    press(at, "Rename")
    press(at, "Move to the trash")
    assert done == [
        ("pause", "one"),
        ("stop", "one"),
        ("resume", "two"),
        ("prolong", "two", 25),
        ("rename", "two", "three"),
        ("trash", "two"),
    ]


def test_a_run_is_killed_only_after_a_question(put, alive, done):
    put("one", "running", **alive)
    at = press(opened("one"), "Kill …")
    assert done == []
    press(at, "Kill it")
    assert done == [("kill", "one")]


def test_a_lecturers_controls(root, put, alive):
    folder = put("one", "running", **alive)
    at = opened("one")
    at.select_slider(key="pace-one").set_value(5.0).run()
    assert control.read(folder).pace == 5
    press(at, "Pause")
    assert control.read(folder).paused
    press(at, "One epoch")
    assert control.read(folder).step == 1
    press(at, "Continue")
    assert not control.read(folder).paused
    assert control.read(folder).pace == 5


def test_what_cannot_be_done_is_said(put):
    put("one", "stopped")
    put("two", "stopped")
    at = opened("one")
    at.text_input(key="new-name-one").set_value("two")
    press(at, "Rename")
    assert "already" in at.error[0].value
    at.text_input(key="new-name-one").set_value("../up")
    press(at, "Rename")
    assert "is no name for a run" in at.error[0].value


def test_what_cannot_be_prolonged_says_so_at_once(put, monkeypatch):
    def refuse(*_):
        raise runs.RunError("the cluster cannot be reached")

    monkeypatch.setattr(runs, "prolong", refuse)
    put("one", "stopped")
    at = press(opened("one"), "Prolong")
    assert at.error[0].value == "The cluster cannot be reached"


def test_a_run_that_waits_says_behind_how_many(put, alive):
    """By when it was queued, not by when it was first launched; a run on a cluster takes nobody's place here."""
    put("first", "queued", queued="2026-01-01T10:00:00+00:00")
    put("second", "queued", queued="2026-01-01T11:00:00+00:00")
    put("at-work", "running", **alive)
    put("elsewhere", "queued", queued="2026-01-01T09:00:00+00:00", launcher="http://head:8265")
    assert "1 run before it" in texts(opened("first"))
    assert "2 runs before it" in texts(opened("second"))
    assert "It waits in the queue of http://head:8265" in texts(opened("elsewhere"))


def test_a_sweep_that_is_damaged_is_said(root):
    (root / "k.sweep.json").write_text("{")
    at = page()
    assert not at.exception
    assert "k.sweep.json" in at.warning[0].value


def test_rename_trash_and_restore(root, put):
    put("one", "stopped")
    at = opened("one")
    at.text_input(key="new-name-one").set_value("better")
    press(at, "Rename")
    assert at.selectbox(key="run").value == "better"
    press(at, "Move to the trash")
    assert not (root / "better").exists()
    assert at.selectbox(key="run").value is None
    press(at, "Restore")
    assert (root / "better" / "config.json").exists()


def test_an_alarm_leads_to_its_epoch(put):
    put("one", "stopped")
    at = opened("one")
    alarm = next(button for button in at.button if str(button.key).startswith("alarm-"))
    alarm.click().run()
    assert not at.exception
    epoch = at.session_state["at-one"]
    assert f"epoch {epoch}" in alarm.help
    shown = at.select_slider(key="moment-one").value
    assert shown <= epoch


def test_the_page_looks_again_only_while_something_runs(put, alive, monkeypatch):
    every = []
    fragment = st.fragment
    monkeypatch.setattr(
        st, "fragment", lambda *given, run_every=None, **more: every.append(run_every) or fragment(*given, **more)
    )
    put("one", "stopped")
    page()
    opened("one")
    assert set(every) == {None}
    every.clear()
    put("two", "running", **alive)
    page()
    assert every == [1.0]
    every.clear()
    put("three", "queued")
    opened("three")
    assert every[-1] == 1.0


@pytest.mark.parametrize(
    "name", ["digits-vq-vae", "digits-hvae", "digits-realnvp", "digits-pca", "digits-causal-convolution"]
)
def test_models_of_other_families_open(root, name):
    shutil.copytree(ROOT / "trained" / name, root / name)
    at = opened(name)
    assert not at.error
    assert "Open in Latent space" in labels(at)


def test_figures_are_made_again_only_when_something_was_added(put, monkeypatch):
    made = []
    monkeypatch.setattr(run_view, "curves", lambda *given: made.append(1) or curves(*given))
    folder = put("one", "stopped")
    at = opened("one")
    assert len(made) == 1
    at.run()
    assert len(made) == 1
    with open(folder / "history.csv") as file:
        *_, last = file
    with open(folder / "history.csv", "a") as file:
        file.write(last)
    at.run()
    assert len(made) == 2


def test_a_run_without_a_history_opens(put, alive):
    folder = put("one", "running", epoch=0, **alive)
    for file in ("history.csv", "snapshots.safetensors", "log.txt"):
        (folder / file).unlink()
    at = opened("one")
    assert "The curves begin when the first epoch is over" in texts(at)


def test_two_hundred_finished_runs_are_read_once(root):
    for place in range(200):
        (root / f"run-{place}").mkdir()
        for file in MODEL.iterdir():
            (root / f"run-{place}" / file.name).symlink_to(file)
    watching._spark.cache_clear()
    library._read.cache_clear()
    at = page()
    assert not at.exception
    assert len(at.dataframe[0].value) == 200
    read = (watching._spark.cache_info().misses, library._read.cache_info().misses)
    assert read == (200, 200)
    at.run()
    assert (watching._spark.cache_info().misses, library._read.cache_info().misses) == read


def test_a_sweep_is_a_table_and_a_figure(root, tiny):
    from latents import sweep
    from latents.runs import records

    plan = sweep.plan(
        "k", tiny(model__prior__kind="vampprior"), sweep.parse(["model.prior.components=5,9", "seed=0,1"])
    )
    sweep.launch(root, plan)
    at = page()
    assert not at.exception
    assert "None of its runs has finished yet" in texts(at)
    for place, run in enumerate(running.find()):
        shutil.copy(MODEL / "model.safetensors", run.path)
        records.write(run.path / "metrics.json", {"units": {"active": place, "total": 2, "variances": [1, 1]}})
        records.write(run.path / "status.json", {"state": "finished"})
    at = page()
    assert not at.exception
    assert at.dataframe[0].value.shape[0] == 4  # the runs are in the list, like any others
    assert at.dataframe[1].value.shape[0] == 2  # two numbers of pseudo-inputs, the seeds averaged
    assert len(at.get("plotly_chart")) == 1


def test_a_new_run_is_a_model_of_the_library_without_a_restart(put):
    assert library.whole() == []
    folder = put("one", "running")
    assert library.entries() == []  # no weights yet: the Runs page tells of it, the library does not complain
    shutil.copy(MODEL / "model.safetensors", folder)
    assert [entry.name for entry in library.whole()] == ["one"]
    assert library.at(folder).name == "one"


def test_a_run_with_the_name_of_a_shipped_model_can_be_chosen_too(put, tmp_path):
    put("one", "finished")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "one").symlink_to(MODEL)
    assert {entry.name for entry in library.whole()} == {"one", "runs/one"}
    assert library.find("runs/one").path == tmp_path / "runs" / "one"


def test_words_of_a_run(put, alive):
    put("one", "running", **alive)
    (run,) = runs.find(os.environ["EXPLORER_RUNS"])
    assert run_words.line(run).startswith("epoch 40 of 2,000 · ")
    assert run_words.line(run).endswith(" · cpu")
    assert run_words.data(run) == "digits"
