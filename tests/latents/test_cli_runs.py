"""`latents runs`: what it prints, and one sentence with exit code 2 for everything that a user can mend."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import psutil
import pytest

from latents import cli, control, runs
from latents.recipe import preset
from latents.runs import queue


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def call(monkeypatch, capsys, root):
    """`call("list")` is `latents runs list` with this root: the exit code, and what was printed where."""
    monkeypatch.setenv("EXPLORER_RUNS", str(root))
    monkeypatch.setattr(queue, "ensure_tended", lambda root, runs=None: None)  # nothing is started

    def do(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(cli.console, "width", 200)
        monkeypatch.setattr(sys, "argv", ["latents", "runs", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        code = caught.value.code
        return (0 if code is None else code, *capsys.readouterr())

    return do


@pytest.fixture
def running(root, tiny):
    """A run that this very process is at work on, it says."""
    run = runs.launch(tiny(training__epochs=8), root, "busy")
    own = {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": socket.gethostname()}
    place = {"epoch": 3, "epochs": 8, "step": 5, "steps": 10, "device": "cpu"}
    (run.path / "status.json").write_text(json.dumps({"state": "running", **own, **place}))
    (run.path / "history.csv").write_text("epoch,seconds,valid_elbo\n1,60,-99.5\n2,120,-88.25\n")
    return run


class TestStart:
    def test_a_preset_with_changes(self, call, root):
        options = ("--as", "mine", "--training.epochs", "7", "--name=own", "--accelerator", "cpu")
        code, out, err = call("start", "digits-standard-2d", *options, "--log", "tensorboard")
        assert (code, err) == (0, "")
        assert f"queued: {root / 'mine'}" in out
        run = runs.get(root, "mine")
        assert run.recipe_json["training"]["epochs"] == 7
        assert run.recipe_json["name"] == "own"
        assert run.options == runs.Options(accelerator="cpu", log=("tensorboard",))

    def test_the_line_that_is_copied_does_the_same(self, call, root, tiny):
        words = runs.command(tiny(), base="digits-standard-2d", name="copied")
        assert words[:2] == ["latents", "runs"]
        assert call(*words[2:])[0] == 0
        assert (root / "copied" / "config.json").read_text() == tiny().json_text()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("digits-standard-2e",), "did you mean 'digits-standard-2d'?"),
            (("digits-standard-2d", "--training.epoch", "5"), "did you mean 'epochs'?"),
            (("digits-standard-2d", "--model.latent", "65"), "at most 64"),
            (("digits-standard-2d", "--data.binarisation", "none"), "needs binary images"),
            (("digits-standard-2d", "--as", "../x"), "no name for a run"),
            (("digits-standard-2d", "--on", "ray://x"), "http://head-node:8265"),
            (("digits-standard-2d", "--accelerator", "abacus"), "there is no accelerator 'abacus'"),
            (("digits-standard-2d", "--strategy", "alone"), "there is no strategy 'alone'"),
            (("digits-standard-2d", "--nodes", "2"), "2 nodes were asked for"),
            (("digits-standard-2d", "--log", "diary"), "there is no log 'diary'"),
            (("digits-standard-2d", "--model.encoder.hidden", str([65536] * 5)), "lower model.encoder.hidden"),
        ],
    )
    def test_what_does_not_fit(self, call, root, arguments, words):
        code, out, err = call("start", *arguments)
        assert code == 2
        assert out == ""
        assert words in err.replace("\n", " ")
        assert err.startswith("error: ")
        assert runs.find(root) == []


class TestList:
    def test_a_row_for_each(self, call, root, running, trained):
        shutil.copytree(trained.path, root / "done")
        code, out, err = call("list")
        assert (code, err) == (0, "")
        (busy,) = [line for line in out.splitlines() if "busy" in line]
        for words in ("running", "3/8", "31%", "6 min", "−88.25", "cpu"):
            assert words in busy
        (done,) = [line for line in out.splitlines() if "done" in line]
        assert "finished" in done
        assert "100%" in done

    def test_what_went_wrong_is_said_with_the_end_of_the_log(self, call, root, running):
        (running.path / "status.json").write_text(json.dumps({"state": "failed", "error": "the disk is full"}))
        (running.path / "log.txt").write_text("first\nsecond\nthird\nfourth\n")
        out = call("list")[1]
        assert "busy failed: the disk is full" in out
        assert "    fourth" in out
        assert "first" not in out
        assert "latents runs resume busy" in out

    def test_json(self, call, root, running):
        (found,) = json.loads(call("list", "--json")[1])
        assert (found["name"], found["state"], found["progress"], found["seconds_left"]) == (
            "busy",
            "running",
            0.3125,
            330,
        )

    def test_none(self, call, root):
        assert "holds no runs" in call("list")[1]


class TestWhileItRuns:
    def test_pause_step_pace_continue_stop(self, call, running):
        for words, expected in (
            (("pause", "busy"), control.Control(paused=True)),
            (("step", "busy"), control.Control(paused=True, step=1)),
            (("pace", "busy", "2.5"), control.Control(paused=True, step=1, pace=2.5)),
            (("continue", "busy"), control.Control(step=1, pace=2.5)),
            (("stop", "busy"), control.Control(step=1, pace=2.5, stop=True)),
        ):
            assert call(*words)[0] == 0
            assert control.read(running.path) == expected
        assert "stopping" in call("list")[1]

    def test_the_log(self, call, running):
        (running.path / "log.txt").write_text("".join(f"line {n}\n" for n in range(30)))
        assert call("log", "busy", "-n", 2)[1].splitlines() == ["line 28", "line 29"]

    def test_following_the_log_of_one_that_has_ended(self, call, running):
        (running.path / "log.txt").write_text("[bold]the end[/]\n")
        (running.path / "status.json").write_text(json.dumps({"state": "stopped"}))
        assert call("log", "busy", "--follow")[1] == "[bold]the end[/]\n"

    def test_watching_what_has_ended(self, call, running):
        (running.path / "log.txt").write_text("the end\n")
        (running.path / "status.json").write_text(json.dumps({"state": "stopped"}))
        out = call("watch", "busy")[1]
        assert "the end" in out
        assert "busy: stopped" in out
        assert "nothing runs" in call("watch")[1]

    def test_by_its_folder(self, call, running, monkeypatch):
        monkeypatch.chdir(running.path.parent.parent)
        assert call("pause", "runs/busy")[0] == 0
        assert control.read(running.path).paused

    def test_nothing_is_done_when_one_of_several_is_not_there(self, call, running):
        code, _, err = call("stop", "busy", "nowhere")
        assert code == 2
        assert "there is no run 'nowhere'" in err
        assert not control.read(running.path).stop

    @pytest.mark.parametrize("command", ["stop", "kill", "pause", "continue", "resume", "log", "watch", "trash"])
    @pytest.mark.parametrize("name", ["nowhere", "..", "../runs", ".queue"])
    def test_what_is_no_run(self, call, root, running, command, name):
        code, out, err = call(command, name)
        assert code == 2
        assert err.startswith("error: ")
        assert "Traceback" not in out + err


class TestAfterwards:
    def test_resume_rename_trash_restore(self, call, root, tiny):
        runs.stop(runs.launch(tiny(), root, "a"))
        assert "a: queued" in call("resume", "a")[1]
        assert "a: stopped" in call("stop", "a")[1]
        assert "a is now b" in call("rename", "a", "b")[1]
        out = call("trash", "b")[1]
        assert not (root / "b").exists()
        (found,) = runs.trashed(root)
        assert str(found.path) in out
        assert str(found.path) in call("trash", "--list")[1]
        assert "b is back" in call("restore", "b")[1]
        assert runs.get(root, "b").state == "stopped"
        call("trash", "b")
        assert "b is back" in call("restore", runs.trashed(root)[0].path)[1]
        assert call("restore", "b")[0] == 2

    def test_prolong(self, call, root, trained):
        shutil.copytree(trained.path, root / "a")
        assert "a: queued" in call("prolong", "a", 5)[1]
        assert call("prolong", "a", 0)[0] == 2

    def test_limit(self, call, root):
        assert call("limit", 3)[1].startswith("3 runs at once")
        assert call("limit")[1].startswith("3 runs at once")
        assert call("limit", 0)[0] == 2

    def test_every_command_explains_itself(self, call):
        out = "".join(call()[1:])
        for command in ("list", "start", "watch", "stop", "kill", "pause", "continue", "resume", "prolong", "rename"):
            assert command in out
        for command in ("trash", "restore", "limit", "log", "step", "pace"):
            assert command in out
        assert "What the process of a run does" not in out


def test_looking_after_runs_is_quick_to_start(tmp_path):
    """Neither torch nor anything else that trains is imported by `latents runs list`."""
    code = """
import sys
from latents import cli
try:
    cli.main()
finally:
    print("torch" in sys.modules)
"""
    line = [sys.executable, "-c", code, "runs", "list", "--root", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_preset_of_the_help_is_there():
    from latents.cli import runs as commands

    assert preset("digits-vampprior-2d")
    assert "digits-vampprior-2d" in commands.start.__doc__
