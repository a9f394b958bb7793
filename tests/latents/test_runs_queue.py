"""The queue as processes: who starts what and when, and what happens when one of them is killed.

Everything is as it is in use, but that the runs' processes only wait instead of training (`run_scripts`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from latents import runs
from latents.runs import launchers, queue
from latents.runs import processes as processes_module

SCRIPTS = Path(__file__).parent / "run_scripts"
IDLE = [sys.executable, str(SCRIPTS / "idle_worker.py")]

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals"), pytest.mark.timeout(900)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of runs whose processes only wait; none of them outlives the test."""
    monkeypatch.setattr(launchers, "work_command", lambda folder: [*IDLE, str(folder)])
    monkeypatch.setattr(queue, "tender_command", lambda root: [*IDLE, str(root.absolute()), "--tend"])
    path = tmp_path / "my runs"
    path.mkdir()
    yield path

    def gone() -> bool:
        for process in (found := processes(path)):
            with contextlib.suppress(psutil.Error):
                process.kill()
        return not found

    until(gone)  # what it may just have started, too


@pytest.fixture
def recipe(tiny):
    return tiny()


def processes(root: Path, *words: str) -> list[psutil.Process]:
    """The processes, zombies too, whose command line names this root (and these words)."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(str(root) in word for word in line) and set(words) <= set(line):
            found.append(process)
    return found


def until(true: Callable[[], object], seconds: float = 240) -> None:
    """Wait until it is; how long it takes is no part of any test."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def states(root: Path) -> dict[str, str]:
    """Without looking after the queue: what a test sees must not be what it did."""
    return {run.name: run.state for run in queue.all_runs(root)}


def live(root: Path) -> list[str]:
    return [name for name, state in states(root).items() if state == "running"]


def ledger(root: Path) -> list[tuple[str, str]]:
    path = root / "ledger.txt"
    return [tuple(line.split()[1:3]) for line in path.read_text().splitlines()] if path.exists() else []


def most_at_once(root: Path) -> int:
    """How many trained at the same time, by what they wrote themselves."""
    now = most = 0
    for what, _ in ledger(root):
        now += 1 if what == "begins" else -1
        most = max(most, now)
    return most


class TestQueue:
    def test_one_after_the_other(self, root, recipe):
        for name in ("a", "b", "c"):
            runs.launch(recipe, root, name)
        until(lambda: states(root) == {"a": "running", "b": "queued", "c": "queued"})
        until(lambda: len(processes(root, "--tend")) == 1)
        runs.stop(runs.get(root, "a"))
        until(lambda: states(root) == {"a": "stopped", "b": "running", "c": "queued"})
        (root / "finish").write_text("")
        until(lambda: states(root) == {"a": "stopped", "b": "finished", "c": "finished"})
        until(lambda: not processes(root))  # and nobody looks after an empty queue
        assert [name for what, name in ledger(root) if what == "begins"] == ["a", "b", "c"]
        assert most_at_once(root) == 1

    def test_a_session_of_its_own_with_nothing_of_ours(self, root, recipe):
        runs.launch(recipe, root, "a")
        until(lambda: states(root) == {"a": "running"})
        pid = runs.get(root, "a").status["pid"]
        assert os.getsid(pid) == pid
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        assert os.readlink(f"/proc/{pid}/fd/1") == os.readlink(f"/proc/{pid}/fd/2") == str(root / "a" / "log.txt")
        opened = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        assert not any("lock" in name for name in opened)

    def test_a_higher_limit_starts_more_and_a_lower_one_stops_none(self, root, recipe):
        for name in ("a", "b", "c", "d"):
            runs.launch(recipe, root, name)
        until(lambda: live(root) == ["a"])
        runs.set_limit(root, 3)
        until(lambda: sorted(live(root)) == ["a", "b", "c"])
        runs.set_limit(root, 1)
        runs.stop(runs.get(root, "a"))
        until(lambda: states(root)["a"] == "stopped")
        time.sleep(1.5)  # three looks of the tender
        assert sorted(live(root)) == ["b", "c"]
        assert states(root)["d"] == "queued"

    def test_a_run_by_hand_counts(self, root, recipe):
        """`latents train` writes its own status: another process at work on this machine."""
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(root)])
        try:
            run = runs.launch(SimpleNamespace(name="hand", json_text=recipe.json_text), root / "elsewhere")
            os.rename(run.path, root / "hand")
            own = {"pid": other.pid, "started": psutil.Process(other.pid).create_time()}
            (root / "hand" / "launch.json").unlink()
            runs.run.records.write(root / "hand" / "status.json", {"state": "running", **own})
            runs.launch(recipe, root, "a")
            until(lambda: processes(root, "--tend"))
            time.sleep(1.5)
            assert states(root) == {"hand": "running", "a": "queued"}
        finally:
            other.kill()
            other.wait()
        until(lambda: states(root) == {"hand": "lost", "a": "running"})

    def test_stopped_before_it_began(self, root, recipe):
        """From the moment it is stopped, no process takes it, not one that was on its way either."""
        runs.launch(recipe, root, "a")
        run = runs.stop(runs.get(root, "a")) if states(root)["a"] == "queued" else None
        until(lambda: not processes(root))
        if run is not None:
            assert states(root) == {"a": "stopped"}
            assert ledger(root) == []

    def test_killed_on_request(self, root, recipe):
        runs.launch(recipe, root, "a")
        runs.launch(recipe, root, "b")
        until(lambda: live(root) == ["a"])
        pid = runs.get(root, "a").status["pid"]
        run = runs.kill(runs.get(root, "a"))
        assert (run.state, run.resumable) == ("stopped", True)
        assert "killed on request" in run.error
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        until(lambda: live(root) == ["b"])

    def test_kill_9_is_shown_as_what_it_is(self, root, recipe):
        runs.launch(recipe, root, "a")
        until(lambda: live(root) == ["a"])
        os.kill(runs.get(root, "a").status["pid"], signal.SIGKILL)
        until(lambda: "SIGKILL" in str(runs.get(root, "a").error))
        run = runs.get(root, "a")
        assert run.state == "lost"
        assert run.error.startswith("The process was ended by SIGKILL (from outside, or because memory ran out); ")
        runs.resume(run)
        until(lambda: live(root) == ["a"])

    def test_a_process_that_cannot_begin_is_a_failed_run(self, root, recipe, monkeypatch):
        run = runs.launch(recipe, root, "a")
        until(lambda: live(root) == ["a"])
        runs.kill(run)
        until(lambda: not processes(root))
        monkeypatch.setattr(launchers, "work_command", lambda folder: [sys.executable, "-c", "import nothing_like_it"])
        with queue.locked(root):
            queue.put(root / "a", "here")
        from latents.runs.tender import Tender

        tender = Tender(root)
        until(lambda: not tender.look())
        run = runs.get(root, "a")
        assert (run.state, run.error) == (
            "failed",
            "Its process ended with code 1 before it began; its log may say why.",
        )
        assert "nothing_like_it" in run.log_tail(1)[0]

    def test_each_has_the_surroundings_of_who_launched_it(self, root, recipe, monkeypatch, tmp_path):
        """Not those of whoever started the tender; and of a folder's own words nothing else is taken."""
        monkeypatch.setenv("LATENTS_DATA", "/of/the/first")
        runs.launch(recipe, root, "a")
        until(lambda: live(root) == ["a"])
        monkeypatch.setenv("LATENTS_DATA", "/of/the/second")
        monkeypatch.chdir(tmp_path)
        runs.launch(recipe, root, "b")
        runs.stop(runs.get(root, "a"))
        until(lambda: live(root) == ["b"])
        pid = runs.get(root, "b").status["pid"]
        assert os.readlink(f"/proc/{pid}/cwd") == str(tmp_path)
        monkeypatch.delenv("LATENTS_DATA")
        runs.launch(recipe, root, "c")
        runs.stop(runs.get(root, "b"))
        until(lambda: live(root) == ["c"])
        begun = [line.split()[2:] for line in (root / "ledger.txt").read_text().splitlines() if "begins" in line]
        assert begun == [["a", "/of/the/first"], ["b", "/of/the/second"], ["c", "None"]]


class TestTwoAtOnce:
    @pytest.mark.parametrize("limit", [1, 2])
    def test_two_processes_press_start_at_the_same_moment(self, root, recipe, limit):
        """Each three times, all under one name: six folders, six runs, and never more than the limit at once."""
        runs.set_limit(root, limit)
        (root.parent / "recipe.json").write_text(recipe.json_text())
        line = [sys.executable, str(SCRIPTS / "starter.py"), str(root), str(root.parent / "recipe.json"), "same", "3"]
        both = [
            subprocess.Popen(
                [*line, str(time.time() + 2), "--idle"],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "IDLE_SECONDS": "0.3"},
            )
            for _ in range(2)
        ]
        named = [name for process in both for name in process.communicate(timeout=240)[0].split()]
        assert [process.returncode for process in both] == [0, 0]
        assert sorted(named) == sorted(["same", *(f"same-{count}" for count in range(2, 7))])
        until(lambda: set(states(root).values()) == {"finished"})
        assert sorted(states(root)) == sorted(named)
        assert sorted(name for what, name in ledger(root) if what == "begins") == sorted(named)  # each of them once
        assert 1 <= most_at_once(root) <= limit
        until(lambda: not processes(root))

    def test_two_processes_for_one_run(self, root, recipe, monkeypatch):
        """However many are started for a run, one trains."""
        monkeypatch.setattr(queue, "ensure_tended", lambda root, runs=None: None)
        run = runs.launch(recipe, root, "a")
        several = [subprocess.Popen([*IDLE, str(run.path)]) for _ in range(4)]
        until(lambda: sum(process.poll() is not None for process in several) == 3)
        assert [what for what, _ in ledger(root)] == ["begins"]
        assert runs.get(root, "a").status["pid"] == next(one.pid for one in several if one.poll() is None)
        (root / "finish").write_text("")
        assert [process.wait(240) for process in several] == [0, 0, 0, 0]


class TestNoTender:
    @pytest.mark.parametrize("error", [PermissionError("read-only"), OSError(28, "No space left on device")])
    def test_where_none_can_be_started_the_runs_can_be_looked_at(self, root, recipe, monkeypatch, error):
        """A disk that is full, or that may only be read: what waits is shown as waiting."""

        def refuse(*_):
            raise error

        monkeypatch.setattr(processes_module, "spawn_and_forget", refuse)
        runs.launch(recipe, root, "a")
        assert [run.state for run in runs.find(root)] == ["queued"]


class TestTenderKilled:
    def kill_tender(self, root):
        until(lambda: len(processes(root, "--tend")) == 1)  # one that was too many sees that, and goes
        (tender,) = processes(root, "--tend")
        tender.send_signal(signal.SIGKILL)
        until(lambda: not processes(root, "--tend"))

    def test_whoever_looks_next_starts_another(self, root, recipe):
        for name in ("a", "b"):
            runs.launch(recipe, root, name)
        until(lambda: live(root) == ["a"])
        self.kill_tender(root)
        assert live(root) == ["a"]  # the run goes on
        runs.stop(runs.get(root, "a"))
        runs.find(root)
        until(lambda: states(root) == {"a": "stopped", "b": "running"})

    def test_a_run_that_ends_starts_another(self, root, recipe):
        for name in ("a", "b"):
            runs.launch(recipe, root, name)
        until(lambda: live(root) == ["a"])
        self.kill_tender(root)
        runs.stop(runs.get(root, "a"))
        until(lambda: states(root) == {"a": "stopped", "b": "running"})

    def test_many_who_look_start_one(self, root, recipe):
        runs.launch(recipe, root, "a")
        runs.launch(recipe, root, "b")
        until(lambda: live(root) == ["a"])
        self.kill_tender(root)
        for _ in range(5):
            runs.find(root)
        until(lambda: processes(root, "--tend"))
        until(lambda: len(processes(root, "--tend")) == 1)
        runs.stop(runs.get(root, "a"))
        until(lambda: live(root) == ["b"])
        assert most_at_once(root) == 1

    def test_in_the_midst_of_starting_a_run(self, root, recipe):
        """Killed as soon as it is there, again and again: every run trains, and no two at once."""
        for name in ("a", "b", "c"):
            runs.launch(recipe, root, name)
        for _ in range(6):
            runs.find(root)
            for tender in processes(root, "--tend"):
                tender.kill()
            time.sleep(0.1)
        until(lambda: runs.find(root) and live(root))
        (root / "finish").write_text("")
        until(lambda: {run.state for run in runs.find(root)} == {"finished"})
        assert sorted(name for what, name in ledger(root) if what == "begins") == ["a", "b", "c"]
        assert most_at_once(root) == 1

    def test_a_root_that_goes_away(self, root, recipe):
        runs.launch(recipe, root, "a")
        runs.launch(recipe, root, "b")
        until(lambda: live(root) == ["a"])
        os.rename(root, root.with_name("moved"))
        until(lambda: not processes(root, "--tend"))
