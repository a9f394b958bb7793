"""Runs as they stand on the disk: names, states, errors, listing, the trash; nothing is trained here."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from latents import control, runs
from latents.errors import RunError
from latents.recipe import override, preset, presets
from latents.runs import gpus, options, queue, records


@pytest.fixture
def root(tmp_path):
    """Not an easy name for a shell."""
    path = tmp_path / 'it\'s a "root"; $(true)'
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def nobody_tends(monkeypatch):
    """What is queued here stays queued."""
    monkeypatch.setattr(queue, "ensure_tended", lambda root, runs=None: None)


@pytest.fixture
def make(root, tiny):
    """`make("name", state="running", ...)`: a folder with this status."""

    def call(name: str, **status) -> Path:
        (root / name).mkdir()
        (root / name / "config.json").write_text(tiny().json_text())
        if status:
            (root / name / "status.json").write_text(json.dumps(status))
        return root / name

    return call


def me() -> dict:
    return {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": socket.gethostname()}


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "-x", "a b", "a\n", "a\0", "x" * 65, "ä", None],
    )
    def test_what_is_no_name(self, root, tiny, make, name):
        path = make("there", state="stopped")
        before = sorted(root.parent.rglob("*"))
        for refused in (
            lambda: runs.launch(tiny(), root, name) if name is not None else runs.get(root, name),
            lambda: runs.get(root, name),
            lambda: runs.rename(runs.at(path), name),
        ):
            with pytest.raises(RunError, match="no name for a run"):
                refused()
        assert [path for path in sorted(root.parent.rglob("*")) if ".queue" not in path.parts] == before

    def test_a_link_out_of_the_root_is_not_followed_by_name(self, root):
        with pytest.raises(RunError):
            runs.get(root, "../" + root.name)

    def test_one_that_is_not_there(self, root):
        with pytest.raises(RunError, match="there is no run 'mine'"):
            runs.get(root, "mine")
        (root / "mine").mkdir()
        with pytest.raises(RunError, match=r"it has no config\.json"):
            runs.get(root, "mine")

    def test_a_name_that_somebody_gave_by_hand_is_found(self, root, make):
        make("my run", state="stopped")
        assert runs.get(root, "my run").state == "stopped"
        assert [run.name for run in runs.find(root)] == ["my run"]

    def test_taken_names_are_numbered(self, root, tiny):
        names = [runs.launch(tiny(), root).name for _ in range(3)]
        assert names == ["tiny", "tiny-2", "tiny-3"]
        long = "x" * 64
        assert [runs.launch(tiny(), root, long).name for _ in range(2)] == [long, "x" * 62 + "-2"]


class TestLaunch:
    def test_the_folder_is_a_run_that_waits(self, root, tiny, monkeypatch):
        monkeypatch.setenv("LATENTS_DATA", "/some/where")
        chosen = runs.Options(accelerator="cpu", devices=2, log=("tensorboard",))
        run = runs.launch(tiny(training__epochs=7), root, "mine", options=chosen)
        assert (run.name, run.state, run.where, run.progress, run.error) == ("mine", "queued", "here", 0, None)
        assert (run.epoch, run.epochs, run.seconds_left, run.device) == (0, 7, None, "")
        assert (run.path / "config.json").read_text() == tiny(training__epochs=7).json_text()
        assert run.options == chosen
        assert abs(run.created - datetime.now(UTC)) < timedelta(minutes=1)
        launched = json.loads((run.path / "launch.json").read_text())
        assert launched["environment"]["LATENTS_DATA"] == "/some/where"
        assert launched["cwd"] == os.getcwd()
        assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "launch.json", "status.json"]

    def test_a_root_that_is_not_there_is_made(self, root, tiny):
        assert runs.launch(tiny(), root / "a" / "b").path == root / "a" / "b" / "tiny"

    def test_a_root_that_cannot_be(self, root, tiny):
        (root / "file").write_text("")
        with pytest.raises(RunError, match="cannot write to"):
            runs.launch(tiny(), root / "file")

    @pytest.mark.parametrize("given", [{"devices": 0}, {"devices": "2"}, {"nodes": -1}, {"devices": True}])
    def test_options_that_are_none(self, given):
        with pytest.raises(RunError, match="whole number of at least 1"):
            runs.Options(**given)

    def test_a_run_that_would_wait_for_other_machines(self, root, tiny):
        """Nobody would start its other processes."""
        with pytest.raises(RunError, match="2 nodes were asked for"):
            runs.launch(tiny(), root, options=runs.Options(nodes=2))
        assert runs.find(root) == []
        run = runs.stop(runs.launch(tiny(), root))
        with pytest.raises(RunError, match="2 nodes were asked for"):
            runs.resume(run, options=runs.Options(nodes=2))
        assert runs.at(run.path).state == "stopped"

    def test_an_address_that_is_none(self, root, tiny):
        with pytest.raises(RunError):
            runs.launch(tiny(), root, where="ray://somewhere:10001")
        assert runs.find(root) == []


class TestStates:
    def test_running(self, root, make):
        path = make("a", state="running", **me(), epoch=3, epochs=10, step=2, steps=4, device="cpu")
        run = runs.get(root, "a")
        assert (run.state, run.live, run.progress, run.device) == ("running", True, 0.25, "cpu")
        control.write(path, stop=True)
        assert runs.get(root, "a").state == "stopping"

    def test_paused(self, root, make):
        make("a", state="paused", **me())
        assert runs.get(root, "a").state == "paused"

    def test_a_number_that_another_process_has_now(self, root, make):
        """The process of this number lives, but it began at another time."""
        make("a", state="running", **{**me(), "started": psutil.Process().create_time() - 3600})
        run = runs.get(root, "a")
        assert (run.state, run.live, run.resumable) == ("lost", False, True)
        assert f"process {os.getpid()} is gone without a word" in run.error

    def test_a_zombie_is_gone(self, root, make):
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        started = psutil.Process(process.pid).create_time()
        make("a", state="running", pid=process.pid, started=started, host=socket.gethostname())
        assert runs.get(root, "a").state == "running"
        process.stdin.close()
        deadline = time.monotonic() + 60
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert psutil.pid_exists(process.pid)
        assert runs.get(root, "a").state == "lost"
        process.wait()
        assert runs.get(root, "a").state == "lost"

    @pytest.mark.parametrize("status", [{}, {"pid": None}, {"pid": "x", "started": []}, {"pid": -1, "started": 0}])
    def test_no_process_at_all(self, root, make, status):
        make("a", state="running", **status)
        assert runs.get(root, "a").state == "lost"
        assert runs.get(root, "a").error

    def test_elsewhere_by_its_heartbeat(self, root, make):
        for name, age, state in (("young", 5, "running"), ("old", 300, "lost")):
            beat = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
            make(name, state="running", pid=1, started=1.0, host="elsewhere", heartbeat=beat)
            assert runs.get(root, name).state == state
        assert "no sign of life from elsewhere" in runs.get(root, "old").error

    @pytest.mark.parametrize(("answer", "state"), [(True, "running"), (False, "lost"), (None, "lost")])
    def test_on_a_cluster_its_launcher_is_asked(self, root, make, monkeypatch, answer, state):
        from latents.runs import run as module

        asked = []

        class Cluster:
            def alive(self, status):
                asked.append(status["job"])
                return answer

            def reason(self, status):
                return "The cluster says so."

        monkeypatch.setattr(module, "launcher", lambda where: Cluster())
        monkeypatch.setattr(module, "_answers", {})
        beat = (datetime.now(UTC) - timedelta(seconds=300)).isoformat()
        make("a", state="running", host="node", heartbeat=beat, launcher="http://head:8265", job="j7")
        for _ in range(3):
            assert runs.get(root, "a").state == state
        assert asked == ["j7"]
        if state == "lost":
            assert runs.get(root, "a").error.startswith("The cluster says so; ")

    def test_what_is_damaged_is_said(self, root, make):
        (make("a") / "status.json").write_text('{"state": "runn')
        (make("b", state="finished") / "config.json").write_text("[]")
        assert runs.get(root, "a").state == "lost"
        assert "cannot read" in runs.get(root, "a").error
        assert runs.get(root, "b").state == "finished"
        assert "holds a list" in runs.get(root, "b").error
        assert len(runs.find(root)) == 2

    def test_numbers_that_are_none(self, root, make):
        make("a", state="stopped", epoch="x", epochs=None, step=[], steps=0)
        run = runs.get(root, "a")
        assert (run.progress, run.epoch, run.epochs) == (0, 0, 3)

    def test_a_model_without_a_status_is_finished(self, root, trained):
        shutil.copytree(trained.path, root / "a")
        (root / "a" / "status.json").unlink()
        assert runs.get(root, "a").state == "finished"

    def test_one_that_never_began(self, root, make):
        make("a")
        run = runs.get(root, "a")
        assert run.state == "lost"
        assert "no checkpoint yet" in run.error

    def test_failed_with_its_reason_and_its_log(self, root, make):
        path = make("a", state="failed", error="the disk is full")
        (path / "log.txt").write_text("one\ntwo\n")
        run = runs.get(root, "a")
        assert (run.error, run.log_tail(1), run.resumable) == ("the disk is full", ["two"], True)

    def test_time_left_is_by_the_last_ten_epochs(self, root, make):
        path = make("a", state="running", **me(), epoch=31, epochs=40, step=5, steps=10)
        times = [10.0 * epoch for epoch in range(1, 21)] + [200 + 2.0 * epoch for epoch in range(1, 11)]
        rows = "".join(f"{epoch},{seconds}\n" for epoch, seconds in enumerate(times, start=1))
        (path / "history.csv").write_text("epoch,seconds\n" + rows)
        assert runs.get(root, "a").seconds_left == pytest.approx(9.5 * 2)
        control.write(path, pace=30.0)
        assert runs.get(root, "a").seconds_left == pytest.approx(9.5 * 30)


class TestListing:
    def test_newest_first_and_hidden_ones_are_none(self, root, tiny, make):
        make("by-hand", state="finished")
        os.utime(root / "by-hand" / "config.json", (1, 1))
        for name in ("b", "a", "c"):
            runs.launch(tiny(), root, name)
        runs.trash(runs.get(root, "a"))
        (root / "no-run").mkdir()
        (root / "file.txt").write_text("")
        shutil.copytree(root / "b", root / ".hidden")
        assert [run.name for run in runs.find(root)] == ["c", "b", "by-hand"]
        assert runs.find(root / "nowhere") == []

    def test_two_hundred_finished_runs(self, root, trained, monkeypatch):
        """What is looked at twice is read once: a second look reads no file, a third one what has changed."""
        for count in range(200):
            shutil.copytree(trained.path, root / f"run-{count}")
        read = []
        parse = records._parse
        monkeypatch.setattr(records, "_parse", lambda path: read.append(path) or parse(path))
        times = []
        for expected in (400, 0, 1):  # config.json and status.json of each
            read.clear()
            began = time.process_time()
            found = runs.find(root)
            rows = [(run.name, run.state, run.progress, run.epochs, run.created, run.error) for run in found]
            times.append(time.process_time() - began)
            assert len(read) == expected
            assert len(rows) == 200
            if len(times) == 2:
                path = root / "run-7" / "status.json"
                path.write_text(path.read_text().replace("finished", "stopped "))
        print(f"200 finished runs: {1e3 * times[0]:.0f} ms of work at first, {1e3 * times[1]:.0f} ms after that")

    def test_without_torch(self, root, make):
        make("a", state="finished")
        code = f"""
import sys
from latents import control, runs
print(len(runs.find({str(root)!r})), *[name for name in ("torch", "ray", "numpy") if name in sys.modules])
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.split() == ["1"]

    def test_the_root_by_default(self, monkeypatch, tmp_path):
        monkeypatch.delenv("EXPLORER_RUNS", raising=False)
        assert runs.default_root() == Path(runs.__file__).parent.parent.parent / "runs"
        monkeypatch.setenv("EXPLORER_RUNS", str(tmp_path))
        assert runs.default_root() == tmp_path

    def test_what_waits_or_is_in_the_trash_is_no_model(self, root, tiny, trained, monkeypatch):
        """Neither in the gallery nor in `latents.folder.find`, as far as it has no weights, is there a broken model."""
        from explorer import library
        from latents import folder

        runs.launch(tiny(), root, "waits")
        shutil.copytree(trained.path, root / "whole")
        shutil.copytree(trained.path, root / "gone")
        runs.trash(runs.get(root, "gone"))
        monkeypatch.setenv("EXPLORER_RUNS", str(root))
        monkeypatch.setenv("EXPLORER_LIBRARY", str(root.parent / "empty"))
        assert [(entry.name, entry.error) for entry in library.entries()] == [("whole", None)]
        assert [path.name for path in folder.find(root)] == ["waits", "whole"]


class TestRename:
    def test_it_is_the_same_run(self, root, tiny):
        run = runs.launch(tiny(), root, "a")
        renamed = runs.rename(run, "b")
        assert (renamed.name, renamed.state, renamed.recipe_json) == ("b", "queued", run.recipe_json)
        assert [run.name for run in runs.find(root)] == ["b"]
        with pytest.raises(RunError, match="not there any more"):
            runs.rename(run, "c")

    def test_not_while_a_cluster_knows_it_by_its_name(self, root, tiny):
        run = runs.launch(tiny(), root, "a")
        options.change(run.path, where="http://head:8265")
        with pytest.raises(RunError, match="queued at http://head:8265, which knows it by this name"):
            runs.rename(runs.get(root, "a"), "b")
        assert (root / "a" / "config.json").exists()

    @pytest.mark.parametrize("taken", ["folder", "empty folder", "file", "broken link"])
    def test_a_name_that_is_taken(self, root, make, taken):
        make("a", state="stopped")
        if taken == "folder":
            make("b", state="stopped")
        elif taken == "empty folder":
            (root / "b").mkdir()
        elif taken == "file":
            (root / "b").write_text("mine")
        else:
            (root / "b").symlink_to(root / "nowhere")
        with pytest.raises(RunError, match="already"):
            runs.rename(runs.get(root, "a"), "b")
        assert (root / "a" / "config.json").exists()

    def test_not_while_it_runs(self, root, make):
        make("a", state="running", **me())
        with pytest.raises(RunError, match="a is running"):
            runs.rename(runs.get(root, "a"), "b")


class TestTrash:
    def test_there_and_back(self, root, trained):
        shutil.copytree(trained.path, root / "a")
        files = {path.relative_to(root / "a"): path.read_bytes() for path in (root / "a").rglob("*") if path.is_file()}
        path = runs.trash(runs.get(root, "a"))
        assert runs.find(root) == []
        assert path.parent == root / ".trash"
        (found,) = runs.trashed(root)
        assert (found.path, found.name) == (path, "a")
        assert abs(found.when - datetime.now(UTC)) < timedelta(minutes=1)
        run = runs.restore(path)
        assert (run.name, run.state) == ("a", "finished")
        there = {path.relative_to(root / "a"): path.read_bytes() for path in (root / "a").rglob("*") if path.is_file()}
        assert there == files
        assert runs.trashed(root) == []

    def test_several_of_one_name(self, root, tiny):
        for _ in range(3):
            runs.trash(runs.launch(tiny(), root, "a"))
        assert [one.name for one in runs.trashed(root)] == ["a", "a", "a"]
        assert [runs.restore(one.path).name for one in runs.trashed(root)] == ["a", "a-2", "a-3"]

    @pytest.mark.parametrize("name", ["a", "99999999T999999Z~a", "20260101T000000Z~", "20260101T000000Z"])
    def test_what_somebody_else_put_there_is_passed_over(self, root, make, name):
        make("a", state="stopped")
        (root / ".trash").mkdir()
        os.rename(root / "a", root / ".trash" / name)
        assert runs.trashed(root) == []

    def test_one_that_waited_waits_no_more(self, root, tiny):
        path = runs.trash(runs.launch(tiny(), root, "a"))
        assert runs.restore(path).state == "stopped"

    def test_not_while_it_runs(self, root, make):
        make("a", state="paused", **me())
        with pytest.raises(RunError, match="stop it first"):
            runs.trash(runs.get(root, "a"))
        assert (root / "a").exists()

    @pytest.mark.parametrize("place", [".", "a", "../x", ".trash/a", ".trash/nowhere", ".queue"])
    def test_what_is_not_in_the_trash_stays_where_it_is(self, root, make, place):
        make("a", state="stopped")
        before = sorted(root.rglob("*"))
        with pytest.raises(RunError, match="no run in a trash"):
            runs.restore(root / place)
        assert sorted(root.rglob("*")) == before


class TestActionsThatMakeNoSense:
    @pytest.mark.parametrize(
        ("state", "action", "words"),
        [
            ("finished", runs.resume, "is finished: there is nothing to resume; prolong it"),
            ("finished", runs.stop, "is finished: there is nothing to stop"),
            ("failed", runs.kill, "is failed: there is nothing to kill"),
            ("stopped", runs.pause, "there is nothing to pause"),
            ("stopped", runs.step, "cannot take a step"),
            ("running", runs.resume, "a is running; wait until it has stopped"),
            ("running", lambda run: runs.prolong(run, 3), "a is running"),
            ("queued", runs.resume, "is queued already"),
            ("stopped", lambda run: runs.prolong(run, 0), "1 to 100,000 epochs"),
            ("running", lambda run: runs.pace(run, -1), "pace"),
        ],
    )
    def test_they_say_so_and_change_nothing(self, root, make, state, action, words):
        path = make("a", state=state, **(me() if state == "running" else {}))
        before = {file.name: file.read_bytes() for file in path.iterdir()}
        with pytest.raises(RunError, match=words):
            action(runs.get(root, "a"))
        assert {file.name: file.read_bytes() for file in path.iterdir() if not file.name.startswith(".")} == before

    def test_a_run_on_another_machine_is_not_killed_from_here(self, root, make):
        beat = datetime.now(UTC).isoformat()
        make("a", state="running", host="elsewhere", pid=os.getpid(), started=me()["started"], heartbeat=beat)
        with pytest.raises(RunError, match="runs on elsewhere"):
            runs.kill(runs.get(root, "a"))


class TestQueueOnTheDisk:
    def test_stopping_one_that_waits(self, root, tiny):
        run = runs.stop(runs.launch(tiny(), root))
        assert run.state == "stopped"
        again = runs.resume(run)
        assert (again.state, again.created) == ("queued", run.created)

    def test_resume_forgets_old_wishes(self, root, make):
        path = make("a", state="stopped", epoch=4, epochs=9, error="old")
        control.write(path, stop=True, paused=True, pace=2.0)
        run = runs.resume(runs.get(root, "a"))
        assert (run.state, run.epoch, run.error) == ("queued", 4, None)
        assert control.read(path) == control.Control(pace=2.0)

    def test_prolong_says_by_how_much(self, root, trained):
        shutil.copytree(trained.path, root / "a")
        task = lambda: json.loads((root / "a" / "launch.json").read_text())["task"]  # noqa: E731
        runs.prolong(runs.get(root, "a"), 5)
        assert task() == {"prolong": 5, "from": 3}
        assert runs.stop(runs.get(root, "a")).state == "finished"  # as it was
        runs.prolong(runs.get(root, "a"), 6)
        path = root / "a" / "status.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "state": "running"}))  # killed as it began
        assert runs.resume(runs.get(root, "a")).state == "queued"
        assert task() == {"prolong": 6, "from": 3}
        recipe = json.loads((root / "a" / "config.json").read_text())
        (root / "a" / "config.json").write_text(json.dumps({**recipe, "training": {"epochs": 9}}))
        path.write_text(json.dumps({**json.loads(path.read_text()), "state": "running"}))  # killed later
        runs.resume(runs.get(root, "a"))
        assert task() is None

    def test_who_waits_longest_comes_first(self, root, tiny):
        for name in ("c", "a", "b"):
            runs.launch(tiny(), root, name)
        runs.resume(runs.stop(runs.get(root, "c")))
        assert [run.name for run in queue.waiting(runs.find(root))] == ["a", "b", "c"]

    def test_what_was_queued_on_another_machine_is_left_to_it_until_it_is_resumed_here(self, root, tiny, monkeypatch):
        run = runs.launch(tiny(), root)
        launched = json.loads((run.path / "launch.json").read_text())
        (run.path / "launch.json").write_text(json.dumps({**launched, "host": "elsewhere"}))
        assert queue.waiting(runs.find(root)) == []
        runs.resume(runs.get(root, run.name))
        assert [run.name for run in queue.waiting(runs.find(root))] == ["tiny"]

    def test_the_limit(self, root, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert runs.limit(root) == 1
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2,3")
        assert runs.limit(root) == 3
        assert runs.set_limit(root, 5) == runs.limit(root) == 5
        for wrong in (0, -1, 1001, 1.5, True, "2"):
            with pytest.raises(RunError, match="from 1 to 1000"):
                runs.set_limit(root, wrong)
        (root / ".queue" / "limit.json").write_text("{")
        assert runs.limit(root) == 3

    def test_the_gpus_that_are_used_least(self):
        assert gpus.choose(["0", "1", "2"], ["0", "0", "1"], 1) == ["2"]
        assert gpus.choose(["0", "1", "2"], ["2"], 2) == ["0", "1"]
        assert gpus.choose(["0"], ["0"], 4) == ["0"]


class TestCommand:
    def test_a_preset_with_changes(self):
        words = runs.command("digits-standard-2d", {"training.epochs": 20, "model.encoder.hidden": [30, 30]}, name="a")
        assert words == [
            *("latents", "runs", "start", "digits-standard-2d", "--training.epochs", "20"),
            *("--model.encoder.hidden", "[30, 30]", "--as", "a"),
        ]

    def test_options(self):
        chosen = runs.Options(accelerator="cpu", devices=2, log=("tensorboard",))
        words = shlex.join(runs.command("digits-standard-2d", where="http://head:8265", options=chosen))
        assert words.endswith("--on http://head:8265 --accelerator cpu --devices 2 --log tensorboard")

    @pytest.mark.parametrize("base", ["digits-standard-2d", "digits-vq-vae", "mnist-hvae", None])
    def test_any_recipe_from_any_preset(self, base):
        """The line, read as the command line reads it, gives the recipe."""
        from latents.cli.train import overrides

        if base is not None and base not in presets():
            base = next(name for name in presets() if name.startswith(base.split("-")[0]))
        for name in presets()[:: 1 if base is not None else 6]:
            recipe = override(preset(name), {"training.epochs": "7", "description": 'of "mine"; $(rm)'})
            words = shlex.split(shlex.join(runs.command(recipe, base=base)))
            assert words[:3] == ["latents", "runs", "start"]
            assert override(preset(words[3]), overrides(words[4:])) == recipe
            assert base is None or words[3] == base
            if base is None:
                assert words[3] == name
