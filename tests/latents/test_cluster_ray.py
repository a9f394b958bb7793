"""Runs and sweeps on a real Ray node of this machine."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from latents import runs, sweep
from latents.folder import ModelFolder
from latents.runs import records

pytest.importorskip("ray.job_submission")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CPU = runs.Options(accelerator="cpu")
LONG = {"training__epochs": 100_000, "training__look_ahead": 100_000, "training__checkpoint_seconds": 0.5}


@pytest.fixture(scope="module")
def address():
    with ray_node() as where:
        yield where


@pytest.fixture
def client(address):
    from ray.job_submission import JobSubmissionClient

    return JobSubmissionClient(address)


@pytest.fixture
def full(client):
    """The node is taken as long as this lasts; call what it gives to make room."""
    job = client.submit_job(entrypoint="sleep 600", entrypoint_num_cpus=2)
    until(lambda: client.get_job_info(job).status == "RUNNING")

    def make_room():
        client.stop_job(job)
        until(lambda: client.get_job_info(job).status.is_terminal())

    yield make_room
    make_room()


@pytest.fixture
def root(tmp_path):
    """A folder of runs; what is still at work in it when a test fails is ended."""
    yield tmp_path / "runs"
    for run in runs.find(tmp_path / "runs"):
        if run.live or run.state == "queued":
            with contextlib.suppress(runs.RunError):
                runs.kill(run)


def until(true, seconds=480):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def state(run, *states):
    until(lambda: runs.at(run.path).state in states)
    return runs.at(run.path)


def epochs(run):
    history = ModelFolder(run.path).history()
    return [int(epoch) for epoch in history.get("epoch", [])]


def test_a_run_is_followed_stopped_and_resumed_as_here(address, root, tiny):
    run = runs.launch(tiny(**LONG), root, "one", where=address, options=CPU)
    assert (run.state, run.where) == ("queued", address)
    run = state(run, "running")
    until(lambda: len(epochs(run)) >= 3)
    assert any("epoch 3" in line for line in runs.at(run.path).log_tail(10_000))
    runs.pause(run)
    state(run, "paused")
    runs.go_on(run)
    state(run, "running")
    runs.stop(run)
    run = state(run, "stopped")
    done = len(epochs(run))
    recipe = json.loads((run.path / "config.json").read_text())
    recipe["training"]["epochs"] = done + 3  # so that it comes to an end
    (run.path / "config.json").write_text(json.dumps(recipe))
    runs.resume(run)
    run = state(run, "finished")
    assert run.where == address
    assert epochs(run) == list(range(1, done + 4))
    assert ModelFolder(run.path).load().prior() is not None


def test_a_run_is_killed(address, root, tiny, client):
    run = state(runs.launch(tiny(**LONG), root, "one", where=address, options=CPU), "running")
    process = psutil.Process(run.status["pid"])
    run = runs.kill(run)
    assert run.state == "stopped"
    assert not process.is_running()
    assert client.get_job_info(run.status["job"]).status.is_terminal()


def test_a_run_whose_process_is_gone_is_lost_and_goes_on_here(address, root, tiny):
    run = state(runs.launch(tiny(**LONG), root, "one", where=address, options=CPU), "running")
    until((run.path / "checkpoint/state.pt").is_file)
    until(lambda: len(epochs(run)) >= 2)
    psutil.Process(run.status["pid"]).kill()
    run = state(run, "lost")
    assert "resumed from its last checkpoint" in run.error
    run = state(runs.resume(run, where="here"), "running")
    assert run.where == "here"
    before = len(epochs(run))
    until(lambda: len(epochs(run)) > before)
    runs.stop(run)
    run = state(run, "stopped")
    assert epochs(run) == list(range(1, len(epochs(run)) + 1))


def test_a_run_that_waits_can_be_started_here_and_its_job_leaves_it_alone(address, root, tiny, client, full):
    run = runs.launch(tiny(), root, "one", where=address, options=CPU)
    job = run.status["job"]
    time.sleep(2)
    assert runs.at(run.path).state == "queued"
    assert client.get_job_info(job).status == "PENDING"
    assert runs.stop(run).state == "stopped"
    run = state(runs.resume(run, where="here"), "finished")
    written = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    full()
    until(lambda: client.get_job_info(job).status.is_terminal())
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == written


def test_a_folder_that_the_cluster_does_not_see_is_said(address, root, tiny, client, full):
    run = runs.launch(tiny(), root, "one", where=address, options=CPU)
    root.rename(root.with_name("elsewhere"))
    full()
    until(lambda: client.get_job_info(run.status["job"]).status.is_terminal())
    assert not root.exists()  # nothing was made in its place
    root.with_name("elsewhere").rename(root)
    status, _ = records.read(run.path / "status.json")
    records.write(run.path / "status.json", {**status, "queued": "2020-01-01T00:00:00+00:00"})
    run = state(run, "lost")
    assert f"sees no run in {run.path}" in run.error
    assert "under the same path" in run.error
    assert state(runs.resume(run), "finished").where == address


def test_a_run_that_fails_there_says_why(address, root, tiny):
    recipe = tiny(model__prior__kind="vampprior", model__prior__components=99_999, model__prior__initialisation="data")
    run = state(
        runs.launch(recipe, root, "one", where=address), "failed"
    )  # "auto": it has no GPU, so none is asked for
    assert "model.prior.components is 99999" in run.error


def test_who_has_no_token_is_told_so(address, tmp_path):
    command = [sys.executable, "-m", "latents", "runs", "start", "digits-vampprior-2d", "--on", address]
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    done = subprocess.run([*command, "--root", str(tmp_path)], capture_output=True, text=True, env=surroundings)
    assert done.returncode == 2
    assert f"the cluster {address} wants a token: set RAY_AUTH_MODE=token" in " ".join(done.stderr.split())
    assert runs.find(tmp_path) == []


def test_a_run_survives_its_cluster(root, tiny, monkeypatch):
    with ray_node() as address:
        run = state(runs.launch(tiny(**LONG), root, "one", where=address, options=CPU), "running")
        waits = runs.launch(tiny(), root, "two", where=address, options=runs.Options(accelerator="cpu", devices=2))
        until((run.path / "checkpoint/state.pt").is_file)
        process = psutil.Process(run.status["pid"])
    until(lambda: not process.is_running())
    with pytest.raises(runs.RunError, match="cannot be reached"):
        runs.launch(tiny(), root, "three", where=address)
    monkeypatch.setattr("latents.runs.run.STALE", 3.0)
    assert runs.at(waits.path).state == "queued"
    run = state(run, "stopped", "lost")  # as it had time to save, or had not
    run = state(runs.resume(run, where="here"), "running")
    runs.stop(waits)
    runs.stop(run)
    assert epochs(state(run, "stopped")) == list(range(1, len(epochs(run)) + 1))
    assert sorted(found.name for found in runs.find(root)) == ["one", "two"]


def test_a_sweep_is_the_same_here_and_on_the_cluster(address, tmp_path):
    """Two priors, three numbers of pseudo-inputs, two seeds: `latents sweep` through both launchers."""

    def launch(where, root):
        root.mkdir()
        runs.set_limit(root, 2)
        command = [
            *(sys.executable, "-m", "latents", "sweep", "digits-vampprior-8d", "--name", "units", "--wait"),
            *("--grid", "model.prior.kind=standard,vampprior", "--grid", "model.prior.components=5,10,20"),
            *("--grid", "seed=0,1", "--training.epochs", "1", "--model.encoder.hidden", "[16]"),
            *("--model.decoder.hidden", "[16]", "--accelerator", "cpu", "--where", where, "--root", str(root)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, done.stdout + done.stderr
        assert "8 started" in done.stdout
        return sweep.get(root, "units")

    here, there = launch("here", tmp_path / "here"), launch(address, tmp_path / "there")
    assert {member.run.where for member in here.members} == {"here"}
    assert {member.run.where for member in there.members} == {address}
    assert here.states == there.states == {"finished": 8}
    one, other = here.table(), there.table()
    assert one.columns() == other.columns()
    assert one.plain() == other.plain()
    assert [(row.factors.get("model.prior.components"), len(row.runs)) for row in one.rows] == [
        (None, 2),
        (5, 2),
        (10, 2),
        (20, 2),
    ]
    elbos = [number for row in one.rows for number in row.cells["valid_elbo"].by_seed.values()]
    assert len(set(elbos)) == 8  # eight different runs
    # What is missing of it is continued, on the other side as well.
    shutil.rmtree(here.members[3].run.path)
    again = sweep.plan("units", _base(), here.grid, here.document["changes"])
    assert sweep.launch(tmp_path / "here", again, where=address, options=CPU).started == [here.members[3].name]
    until(lambda: sweep.get(tmp_path / "here", "units").finished)
    assert sweep.get(tmp_path / "here", "units").table().plain() == one.plain()


def _base():
    from latents.recipe import preset

    return preset("digits-vampprior-8d")


# -- the node itself: its own folder, free ports, a token, and an end ------------------------------------------

_PATIENCE = 240.0  # seconds until it must be there


@contextmanager
def ray_node(cpus: int = 2) -> Iterator[str]:
    """The address of the node's dashboard. The token by which this process is let in is in the surroundings."""
    folder = Path(
        tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.path.isdir("/tmp") else None)
    )  # sockets: short paths
    dashboard, client, autoscaler, metrics = _free_ports(4)
    surroundings = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "AUTOSCALER_METRIC_PORT": str(autoscaler),
        "DASHBOARD_METRIC_PORT": str(metrics),
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]),
    }
    surroundings.pop("RAY_ADDRESS", None)
    # Ray takes 127.0.0.1 for "any address of this machine"; another one of the loopback network it takes as it is.
    own = "127.0.0.2" if sys.platform.startswith("linux") else "127.0.0.1"
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address", own, "--port", "0", "--temp-dir", str(folder), "--num-cpus", str(cpus)),
        *("--include-dashboard", "true", "--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)),
        *("--dashboard-agent-listen-port", "0", "--ray-client-server-port", str(client)),
        *("--min-worker-port", "0", "--max-worker-port", "0", "--include-log-monitor", "false"),
        *("--object-store-memory", str(80 * 2**20)),
    ]
    with open(folder / "start.log", "wb") as log:
        node = subprocess.Popen(
            command, env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{dashboard}"
        _await(address, node, folder / "start.log")
        yield address
    finally:
        _end(node)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _await(address: str, node: subprocess.Popen, log: Path) -> None:
    from ray.job_submission import JobSubmissionClient

    until = time.monotonic() + _PATIENCE
    while True:
        try:
            JobSubmissionClient(address).list_jobs()
            return
        except Exception as error:
            if node.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Ray did not start ({error}):\n{log.read_text('utf-8', 'replace')}") from None
            time.sleep(0.3)


def _end(node: subprocess.Popen) -> None:
    """End the node, and by their own numbers all that it started."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(node.pid).children(recursive=True)
    node.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        node.wait(20)
    for process in [*family, psutil.Process(node.pid)] if node.poll() is None else family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(family, timeout=10)
