"""Runs on a Ray cluster: each one a job of Ray's Jobs API, on storage that both sides see.

The job runs the same command that this machine would run, and writes the same folder. Ray keeps its own queue. The
cluster's machines have the package installed: nothing is uploaded, and nothing is installed there.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import RunError
from . import options, processes, records
from .options import HERE, Options

PYTHON = "LATENTS_CLUSTER_PYTHON"
"""The variable that names the Python of the cluster's machines; by default the first `python` in their PATH."""
JOB = "LATENTS_JOB"
"""The variable by which a worker knows which job it is."""

_CONNECT, _ANSWER, _LOOK = 3.0, 30.0, 5.0  # seconds: to connect, for an answer, and for one that a page waits for
_REST = 30.0  # seconds in which a cluster that could not be reached is not asked again for states
_KNOWN = 5.0  # seconds for which the list of a cluster's jobs is good: of a whole sweep, one question is asked
_STOPPING = 15.0  # seconds that Ray may take to end a job: it asks first, and kills three seconds later

Answer = TypeVar("Answer")

_clients: dict[str, Any] = {}
_away: dict[str, float] = {}
_jobs: dict[str, tuple[float, dict[str, bool]]] = {}


class Ray:
    """A Ray cluster by the address of its dashboard, which answers the Jobs API: "http://head:8265".

    Raises RunError for another form of address, and where Ray is not installed.
    """

    def __init__(self, where: str):
        self.address = checked(where)
        _import()

    # -- what a launcher does --

    def start(self, folder: Path) -> str | None:
        """Submit the job of a run that is queued; the job's name. Raises RunError."""
        # A part of the addresses by which Ray is asked for it, so of plain letters, whatever the folder is called.
        job = f"latents-{re.sub(r'[^A-Za-z0-9._-]', '-', folder.name)}-{secrets.token_hex(4)}"
        resources = self._resources(Options.of(options.read(folder).get("options")))
        self._ask(
            lambda client: client.submit_job(
                entrypoint=entrypoint(folder),
                submission_id=job,
                metadata={"run": folder.name},
                runtime_env={"env_vars": {JOB: job}},
                **resources,
            )
        )
        return job

    def alive(self, status: dict[str, Any]) -> bool | None:
        """Whether Ray has the job waiting or running; None where the cluster cannot be asked."""
        job = status.get("job")
        if not isinstance(job, str) or time.monotonic() < _away.get(self.address, 0):
            return None
        try:
            known = self._known().get(job)
            if known is not None:
                return known
            found = self._info(job, patience=_LOOK)  # it may be newer than the list
        except RunError:
            return None
        return found is not None and not found.status.is_terminal()

    def kill(self, status: dict[str, Any]) -> None:
        """End the job, and wait until it has ended. One that waits in Ray's queue will end as it begins."""
        job = status.get("job")
        if not isinstance(job, str) or self._info(job) is None:
            return
        self._ask(lambda client: client.stop_job(job))
        until = time.monotonic() + _STOPPING
        while time.monotonic() < until:
            found = self._info(job)
            if found is None or found.status.is_terminal() or found.status == "PENDING":
                return
            time.sleep(0.2)
        raise RunError(f"the job {job} was told to end, but {self.address} still shows it; look at its dashboard")

    def reach(self) -> None:
        """Raises RunError, with what to do about it, when the cluster does not answer."""
        self._ask(lambda client: client.get_version(), patience=_LOOK)

    # -- more than this machine can say --

    def reason(self, status: dict[str, Any]) -> str | None:
        """What Ray says of a job that ended before the run could say anything itself: one sentence, or None."""
        job = status.get("job")
        if not isinstance(job, str):
            return None
        try:
            found = self._info(job, patience=_LOOK)
        except RunError as error:
            return str(error)
        if found is None:
            return (
                f"The cluster {self.address} knows no job {job}: it was started anew since, and its jobs ended with it."
            )
        if not found.status.is_terminal():
            return None
        return _sentence(self.address, found, self.log(status, 60))

    def log(self, status: dict[str, Any], lines: int = 20) -> list[str]:
        """The last lines of what the job printed; [] where the cluster cannot be asked."""
        job = status.get("job")
        try:
            printed = self._ask(lambda client: client.get_job_logs(job), patience=_LOOK)
        except RunError:
            return []
        return str(printed or "").splitlines()[-lines:]

    # -- asking --

    def _known(self) -> dict[str, bool]:
        """Whether each job of the cluster waits or runs, as it was a moment ago."""
        when, found = _jobs.get(self.address, (-_KNOWN, {}))
        if time.monotonic() - when >= _KNOWN:
            jobs = self._ask(lambda client: client.list_jobs(), patience=_LOOK)
            found = {str(job.submission_id): not job.status.is_terminal() for job in jobs}
            _jobs[self.address] = time.monotonic(), found
        return found

    def _info(self, job: str, patience: float = _ANSWER) -> Any:
        """Ray's JobDetails, or None where the cluster knows no such job."""
        try:
            return self._ask(lambda client: client.get_job_info(job), patience)
        except _Unknown:
            return None

    def _resources(self, chosen: Options) -> dict[str, float]:
        """What a machine must have free for this run: as many GPUs or CPUs as it has devices."""
        if chosen.nodes > 1:
            raise RunError(
                f"a run on a Ray cluster is on one of its machines, but {chosen.nodes} nodes were asked for; ask for "
                "more devices, or start `latents train --nodes` on the machines themselves"
            )
        gpus = {"cuda": True, "gpu": True, "auto": None}.get(chosen.accelerator, False)
        if gpus is None:
            gpus = self._has_gpus()
        resources = {"entrypoint_num_cpus": float(chosen.devices)}
        return resources | ({"entrypoint_num_gpus": float(chosen.devices)} if gpus else {})

    def _has_gpus(self) -> bool:
        def look(client: Any) -> bool:
            from ray.util.state import list_nodes

            nodes = list_nodes(address=self.address, filters=[("state", "=", "ALIVE")], timeout=int(_ANSWER))
            return any((node.resources_total or {}).get("GPU", 0) >= 1 for node in nodes)

        return bool(self._ask(look))

    def _ask(self, question: Callable[[Any], Answer], patience: float = _ANSWER) -> Answer:
        """Ray's answer. Raises RunError with a sentence, whatever it is that Ray, or the network, raises."""
        try:
            client = _clients.get(self.address)
            if client is None:
                client = _clients[self.address] = _client(self.address)
            client.patience = patience
            answer = question(client)
        except RunError:
            raise
        except Exception as error:
            raise self._said(error) from None
        _away.pop(self.address, None)
        return answer

    def _said(self, error: Exception) -> RunError:
        words = " ".join(str(error).split())
        if "404" in words and "does not exist" in words:
            return _Unknown(f"the cluster {self.address} knows no such job")
        if "uthentication" in type(error).__name__:
            return RunError(
                f"the cluster {self.address} wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here"
            )
        if _is_network(error):
            _away[self.address] = time.monotonic() + _REST
            return RunError(
                f"the Ray cluster {self.address} cannot be reached; see that it runs and that its dashboard answers "
                "from here, or choose this machine"
            )
        return RunError(f"the Ray cluster {self.address} refused: {words[:300]}")


class _Unknown(RunError):
    """The cluster has no such job."""


def checked(where: str) -> str:
    """The address as it is kept. Raises RunError, with the form that is expected."""
    given = str(where).strip().rstrip("/")
    expected = "give the address of its dashboard, as http://head-node:8265"
    if given.startswith("ray://"):
        raise RunError(f"{given} is for Ray's own client, which cannot start jobs that outlive it; {expected}")
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise RunError(f"{given!r} is no address of a Ray cluster; {expected}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise RunError(f"{given!r} is neither 'here' nor the address of a Ray cluster; {expected}")
    if parts.username or parts.password:
        raise RunError("an address is written into the run's folder, so it may hold no password; set RAY_AUTH_TOKEN")
    return given if port or parts.path else f"{given}:8265"


def entrypoint(folder: Path) -> str:
    """The command of the job. Ray gives it to a shell: every argument is quoted."""
    python = os.environ.get(PYTHON) or "python"
    return shlex.join([python, "-P", "-m", "latents", "runs", "work", str(folder.absolute())])


def _sentence(address: str, found: Any, printed: list[str]) -> str:
    """Why a job is over, for a run that never began."""
    message = " ".join(str(found.message or "").split())[:300]
    if "START_TIMEOUT" in str(found.error_type) or "failed to start within" in message:
        return (
            f"The cluster {address} had no room for it in the time that Ray lets a job wait; resume it, and let jobs "
            "wait longer: RAY_JOB_START_TIMEOUT_SECONDS on the cluster's head."
        )
    said = [line.strip() for line in printed if line.strip() and not _is_rays_own(line)]
    if found.status == "STOPPED":
        return f"Its job was stopped on the cluster {address}."
    last = said[-1] if said else message
    return (
        f"Its job on {address} ended before it began to train: {last.rstrip('.')}. The cluster's machines must see "
        "this folder under the same path, and have this package in their Python."
    )


def _is_rays_own(line: str) -> bool:
    return "job_manager.py" in line or line.startswith("Running entrypoint for job")


# -- on the cluster's side ---------------------------------------------------------------------------------


def taken(folder: Path) -> bool:
    """Called by a worker that a cluster started: whether the run is still its. Its words go to the run's log then.

    Raises RunError where this machine does not see the folder.
    """
    job, launched = os.environ.get(JOB), options.read(folder)
    if not records.mark(folder / records.CONFIG):
        raise RunError(
            f"{processes.this_host()} sees no run in {folder}: the folder of runs must be on storage that every "
            "machine of the cluster has under the same path"
        )
    if launched.get("where") == HERE or launched.get("job") not in (None, job):
        return False  # it was stopped while it waited here, and started elsewhere
    with open(folder / records.LOG, "ab") as log:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    with contextlib.suppress(OSError):
        os.chdir(str(launched.get("cwd") or folder))  # data sets may be named from there
    return True


# -- Ray itself, imported only when an address is used -----------------------------------------------------


def _import() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray.job_submission as module
    except ImportError:
        raise RunError(
            'a Ray cluster needs the package ray, which is not installed; pip install "latent-explorer[cluster]"'
        ) from None
    return module


def _client(address: str) -> Any:
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):  # Ray would take its cluster instead of the one asked for
        other = os.environ.get(name)
        if other and other.rstrip("/") != address:
            raise RunError(f"{name} is set to {other}, which Ray takes in place of {address}; unset it")

    class Client(_import().JobSubmissionClient):  # type: ignore[misc]
        """Ray's own, which waits for ever where a network swallows what is sent."""

        patience = _ANSWER

        def _do_request(self, *arguments: Any, **more: Any) -> Any:
            return super()._do_request(*arguments, **{"timeout": (_CONNECT, self.patience), **more})

    return Client(address)


def _is_network(error: Exception) -> bool:
    import requests

    return isinstance(error, ConnectionError | TimeoutError | requests.exceptions.RequestException)
