"""The Ray launcher without a cluster: addresses, the command of a job, and what is said when nobody answers."""

import os
import shlex
import socket
import sys
import threading
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from latents import runs
from latents.errors import RunError
from latents.runs import cluster, launchers, options, records

pytest.importorskip("ray.job_submission")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No cluster is known, and none is named by the surroundings."""
    monkeypatch.setattr(cluster, "_clients", {})
    monkeypatch.setattr(cluster, "_away", {})
    monkeypatch.setattr(cluster, "_jobs", {})
    monkeypatch.setattr("latents.runs.run._answers", {})
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", cluster.PYTHON, cluster.JOB):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nobody():
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def silent():
    """An address that takes what is sent and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://head:8265", "http://head:8265"),
        ("http://head", "http://head:8265"),
        (" https://ray.example.org/cluster/ ", "https://ray.example.org/cluster"),
        ("http://[::1]:8265", "http://[::1]:8265"),
    ],
)
def test_an_address_is_that_of_the_dashboard(given, kept):
    assert cluster.checked(given) == kept


@pytest.mark.parametrize(
    "given",
    ["", "head:8265", "head", "auto", "file:///etc/passwd", "http://", "http://head:port", "http://head:99999",
     "http://head?x=1", "anyscale://x"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_form_to_give(given):
    with pytest.raises(RunError, match="give the address of its dashboard, as http://head-node:8265"):
        launchers.launcher(given)


def test_the_address_of_rays_own_client_is_refused_with_the_form_to_give():
    with pytest.raises(RunError, match=r"ray://head:10001 is for Ray's own client.*http://head-node:8265"):
        launchers.launcher("ray://head:10001")


def test_an_address_holds_no_password():
    with pytest.raises(RunError, match="RAY_AUTH_TOKEN"):
        launchers.launcher("https://me:secret@head:8265")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(RunError, match=r"latent-explorer\[cluster\]"):
        launchers.launcher("http://head:8265")


@pytest.mark.parametrize("name", ["plain", "two words", "it's", "$(touch x)", "`id`; rm -rf .", 'a"b', "-rf", "ünï"])
def test_the_shell_of_the_job_sees_every_argument_as_one(tmp_path, name):
    folder = tmp_path / name
    assert shlex.split(cluster.entrypoint(folder)) == ["python", "-P", "-m", "latents", "runs", "work", str(folder)]


def test_the_clusters_python_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv(cluster.PYTHON, "/opt/my env/bin/python3")
    assert shlex.split(cluster.entrypoint(tmp_path))[0] == "/opt/my env/bin/python3"


def test_a_cluster_that_is_not_there_is_said_before_a_folder_is_made(tmp_path, tiny, nobody):
    with pytest.raises(RunError, match=f"the Ray cluster {nobody} cannot be reached; see that it runs"):
        runs.launch(tiny(), tmp_path, "one", where=nobody)
    assert runs.find(tmp_path) == []
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_a_run_that_cannot_be_resumed_there_stays_as_it_was(tmp_path, tiny, nobody, monkeypatch):
    monkeypatch.setattr("latents.runs.queue.ensure_tended", lambda *_: None)
    run = runs.stop(runs.launch(tiny(), tmp_path, "one"))
    before = (run.path / "status.json").read_text()
    with pytest.raises(RunError, match="cannot be reached"):
        runs.resume(run, where=nobody)
    assert runs.get(tmp_path, "one").state == "stopped"
    assert (run.path / "status.json").read_text() == before
    assert runs.resume(run).state == "queued"
    assert runs.get(tmp_path, "one").where == "here"


def test_a_run_that_waits_on_a_cluster_that_is_gone_can_be_started_here(tmp_path, tiny, nobody, monkeypatch):
    monkeypatch.setattr("latents.runs.queue.ensure_tended", lambda *_: None)
    run = runs.launch(tiny(), tmp_path, "one")
    options.change(run.path, where=nobody, job="latents-one-1")
    status, _ = records.read(run.path / "status.json")
    records.write(run.path / "status.json", {**status, "queued": "2020-01-01T00:00:00+00:00"})
    run = runs.get(tmp_path, "one")
    assert (run.state, run.where) == ("queued", nobody)  # nobody knows better
    assert runs.stop(run).state == "stopped"
    assert runs.resume(run, where="here").where == "here"


def test_a_cluster_that_does_not_answer_is_not_waited_for(silent, monkeypatch):
    monkeypatch.setattr(cluster, "_LOOK", 0.2)
    monkeypatch.setattr(cluster, "_ANSWER", 0.2)
    ray = cluster.Ray(silent)
    assert ray.alive({"job": "latents-one-1"}) is None
    assert "cannot be reached" in ray.reason({"job": "latents-one-1"})
    with pytest.raises(RunError, match="cannot be reached"):
        ray.reach()


def test_a_cluster_that_was_away_is_not_asked_by_every_look(silent, monkeypatch):
    monkeypatch.setattr(cluster, "_LOOK", 0.2)
    monkeypatch.setattr(cluster, "_ANSWER", 0.2)
    ray = cluster.Ray(silent)
    assert ray.alive({"job": "one"}) is None
    monkeypatch.setattr(ray, "_ask", lambda *_: pytest.fail("it was asked again"))
    assert ray.alive({"job": "two"}) is None


def test_what_answers_but_is_no_cluster_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

        threading.Thread(target=answer, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RunError, match=address):
            cluster.Ray(address).reach()


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_another_cluster_in_the_surroundings_is_said(monkeypatch, name):
    monkeypatch.setenv(name, "http://other:8265")
    with pytest.raises(RunError, match=f"{name} is set to http://other:8265, which Ray takes in place of"):
        cluster.Ray("http://head:8265").reach()


class Answers:
    """A client with the nodes and jobs of a cluster."""

    def __init__(self, **jobs):
        self.jobs, self.submitted, self.listed = jobs, [], 0

    def list_jobs(self):
        self.listed += 1
        return [SimpleNamespace(submission_id=name, status=job.status) for name, job in self.jobs.items()]

    def submit_job(self, **given):
        self.submitted.append(given)
        return given["submission_id"]

    def get_job_info(self, job):
        if job not in self.jobs:
            raise RuntimeError(f"Request failed with status code 404: Job {job} does not exist.")
        return self.jobs[job]

    def get_job_logs(self, job):
        return self.jobs[job].printed


def details(status, error_type=None, message="", printed=""):
    from ray.job_submission import JobStatus

    return SimpleNamespace(status=JobStatus(status), error_type=error_type, message=message, printed=printed)


@pytest.fixture
def ray():
    def make(**jobs):
        found = cluster.Ray("http://head:8265")
        cluster._clients[found.address] = Answers(**jobs)
        return found, cluster._clients[found.address]

    return make


@pytest.mark.parametrize(
    ("chosen", "gpus", "wanted"),
    [
        (runs.Options(accelerator="cpu", devices=3), True, {"entrypoint_num_cpus": 3.0}),
        (runs.Options(accelerator="cuda", devices=2), False, {"entrypoint_num_cpus": 2.0, "entrypoint_num_gpus": 2.0}),
        (runs.Options(), True, {"entrypoint_num_cpus": 1.0, "entrypoint_num_gpus": 1.0}),
        (runs.Options(), False, {"entrypoint_num_cpus": 1.0}),
    ],
)
def test_a_job_asks_for_what_the_run_needs(ray, tmp_path, monkeypatch, chosen, gpus, wanted):
    launcher, client = ray()
    monkeypatch.setattr(launcher, "_has_gpus", lambda: gpus)
    options.begin(tmp_path, launcher.address, chosen)
    job = launcher.start(tmp_path)
    (given,) = client.submitted
    assert given["submission_id"] == job
    assert given["entrypoint"] == cluster.entrypoint(tmp_path)
    assert given["runtime_env"] == {"env_vars": {cluster.JOB: job}}  # nothing is uploaded or installed
    assert {key: value for key, value in given.items() if key.startswith("entrypoint_")} == wanted
    assert launcher.start(tmp_path) != job


@pytest.mark.parametrize("name", ["two words", "a?b#c", "ünï/../x".replace("/", "-"), "50%"])
def test_the_name_of_a_job_can_be_a_part_of_an_address(ray, tmp_path, name):
    launcher, _ = ray()
    (tmp_path / name).mkdir()
    options.begin(tmp_path / name, launcher.address, runs.Options(accelerator="cpu"))
    job = launcher.start(tmp_path / name)
    assert quote(job, safe="") == job


def test_one_run_is_on_one_machine(ray, tmp_path):
    launcher, client = ray()
    options.begin(tmp_path, launcher.address, runs.Options(accelerator="cpu", nodes=2))
    with pytest.raises(RunError, match="2 nodes were asked for"):
        launcher.start(tmp_path)
    assert not client.submitted


@pytest.mark.parametrize(
    ("status", "alive"),
    [("PENDING", True), ("RUNNING", True), ("STOPPED", False), ("SUCCEEDED", False), ("FAILED", False)],
)
def test_a_job_is_alive_until_it_has_ended(ray, status, alive):
    launcher, _ = ray(one=details(status))
    assert launcher.alive({"job": "one"}) is alive
    assert launcher.alive({"job": "two"}) is False  # the cluster was started anew since
    assert launcher.alive({"job": None}) is None


def test_of_many_runs_one_question_is_asked(ray):
    launcher, client = ray(**{f"job{i}": details("PENDING") for i in range(50)})
    assert all(launcher.alive({"job": f"job{i}"}) for i in range(50))
    assert client.listed == 1
    client.jobs["new"] = details("RUNNING")
    assert launcher.alive({"job": "new"}) is True


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (details("RUNNING"), None),
        (details("STOPPED"), "was stopped on the cluster"),
        (details("FAILED", "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"), "RAY_JOB_START_TIMEOUT_SECONDS"),
        (details("FAILED", message="supervisor failed to start within 900.0 seconds"), "RAY_JOB_START_TIMEOUT_SECONDS"),
        (
            details(
                "FAILED", printed="job_manager.py:581 -- up\nRunning entrypoint for job x\nNo module named latents\n"
            ),
            "ended before it began to train: No module named latents. The cluster's machines must see this folder",
        ),
        (details("FAILED", message="the node died"), "ended before it began to train: the node died."),
    ],
)
def test_why_a_run_never_began_is_one_sentence(ray, job, said):
    launcher, _ = ray(one=job)
    reason = launcher.reason({"job": "one"})
    assert (said is None and reason is None) or said in reason


def test_a_job_that_the_cluster_forgot_is_said(ray):
    launcher, _ = ray()
    assert "knows no job one: it was started anew since" in launcher.reason({"job": "one"})


# -- the worker's side -----------------------------------------------------------------------------------------


@pytest.fixture
def queued(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("latents.runs.queue.ensure_tended", lambda *_: None)
    run = runs.launch(tiny(), tmp_path / "runs", "one")
    options.change(run.path, where="http://head:8265", job="mine")
    return run


def work(folder, job):
    import subprocess

    surroundings = {**os.environ, cluster.JOB: job}
    return subprocess.run(
        [sys.executable, "-m", "latents", "runs", "work", str(folder)], capture_output=True, text=True, env=surroundings
    )


def test_a_worker_that_does_not_see_the_folder_says_so_and_makes_none(tmp_path):
    done = work(tmp_path / "elsewhere" / "one", "mine")
    assert done.returncode == 2
    assert f"{socket.gethostname()} sees no run in {tmp_path / 'elsewhere' / 'one'}" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [{"where": "here", "job": None}, {"job": "another"}])
def test_a_worker_whose_run_went_elsewhere_leaves_it_alone(queued, changes):
    options.change(queued.path, **changes)
    before = {path.name: path.read_bytes() for path in queued.path.iterdir()}
    assert work(queued.path, "mine").returncode == 0
    assert {path.name: path.read_bytes() for path in queued.path.iterdir()} == before
