"""What all tests share: one thread, no network, no traces in the user's folders, and tiny trained models.

`LATENTS_DATA` is used as it is given: the tests of the real data sets look for their files there.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch is imported, so that the processes that tests start have one thread too: a run is the same to the
# last bit only on as many threads.
os.environ["OMP_NUM_THREADS"] = "1"

# Before Ray is imported, which looks once: a node that tests start lets nobody else in.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

# The same examples each time: a test that fails, fails for everybody.
settings.register_profile("latents", deadline=None, derandomize=True, max_examples=15)
settings.load_profile("latents")


def pytest_configure(config: pytest.Config) -> None:
    """Send what the project caches for a user into a folder that goes away again."""
    config.stash[_CACHE] = cache = tempfile.mkdtemp(prefix="latents-tests-")
    if sys.platform.startswith("linux"):  # where a browser installed by playwright stays
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(Path(home) / "ms-playwright"))
    os.environ["XDG_CACHE_HOME"] = os.environ["LOCALAPPDATA"] = cache
    os.environ["EXPLORER_RUNS"] = str(Path(cache) / "runs")  # never the runs of whoever tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of browsers and of processes wait for other programs on a machine that may be busy: they may fail once.

    The report says which were run again ("rerun").
    """
    for item in items:
        if item.get_closest_marker("browser") or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything must be there (CI), a test that was skipped for a missing part is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("\nSkipped tests fail in CI: install what they miss.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


_CACHE = pytest.StashKey[str]()


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """One thread, and the same random numbers in a test whichever ran before it."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def no_outside_network() -> Iterator[None]:
    """Nothing but this machine can be reached from a test."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise OSError(f"tests may not reach {address[0]}")
        return connect(self, address)

    def guarded_look_up(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_here(name):
            raise socket.gaierror(socket.EAI_NONAME, f"tests may not look up {name}")
        return look_up(host, *arguments, **options)

    socket.socket.connect, socket.getaddrinfo = guarded_connect, guarded_look_up
    yield
    socket.socket.connect, socket.getaddrinfo = connect, look_up


def _is_here(host: str) -> bool:
    if host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# -- the core ------------------------------------------------------------------------------------------------

TINY = {
    "name": "tiny",
    "description": "A model that trains in a second.",
    "data": {"name": "digits", "binarisation": "dynamic"},
    "model": {
        "kind": "vae",
        "latent": 2,
        "encoder": {"kind": "mlp", "hidden": [16]},
        "decoder": {"kind": "mlp", "hidden": [16]},
        "prior": {"kind": "standard"},
    },
    "objective": {"kind": "elbo", "beta": 1.0, "warm_up": 2},
    "training": {"epochs": 3, "batch": 100, "learning_rate": 0.005, "snapshots": 4},
    "seed": 5,
}


@pytest.fixture(scope="session")
def tiny() -> Callable:
    """Recipes of tiny models of the digits: `tiny(model__prior__kind="vampprior", training__epochs=2)`."""
    from latents.recipe import Recipe, override

    def make(**changes) -> Recipe:
        return override(TINY, {path.replace("__", "."): value for path, value in changes.items()})

    return make


@pytest.fixture(scope="session")
def digits():
    from latents.data import load

    return load("digits")


@pytest.fixture
def fresh(tiny) -> Callable:
    """Untrained models in eval mode, of small images: `fresh("vampprior", components=7, latent=3)`."""
    import torch

    from latents.models import build

    def make(prior="standard", *, latent=2, shape=(1, 4, 5), seed=0, **settings):
        changes = {f"model__prior__{name}": value for name, value in settings.items()}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            recipe = tiny(model__latent=latent, model__prior__kind=prior, **changes)
            return build(recipe, shape).eval()

    return make


@pytest.fixture(scope="session")
def trained(tiny, tmp_path_factory):
    """The folder of a tiny trained VampPrior model. Tests only read it."""
    import latents

    recipe = tiny(model__prior__kind="vampprior", model__prior__components=7, model__prior__initialisation="data")
    return latents.train(recipe, tmp_path_factory.mktemp("trained") / "tiny-vampprior", accelerator="cpu")


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the tiny trained model, to be spoilt."""
    from latents.folder import ModelFolder

    return ModelFolder(shutil.copytree(trained.path, tmp_path / "copy"))


@pytest.fixture
def outside_parts() -> Iterator[None]:
    """Parts defined in the test are forgotten after it."""
    from latents.parts import Part, kinds

    kinds("model")  # all that comes with the package is defined
    before = {socket: dict(kinds) for socket, kinds in Part._registry.items()}
    yield
    Part._registry.clear()
    Part._registry.update(before)


@pytest.fixture
def linear_gaussian(outside_parts, tiny) -> Callable:
    """Models whose likelihood is known in closed form: x|z ~ N(W z + b, s^2 I), of two parts from outside.

    `linear_gaussian(prior, latent=2, shape=(1, 2, 3), scale=0.5)` returns a model in eval mode.
    """
    import torch
    from torch import nn
    from torch.distributions import Independent, Normal

    from latents.bodies import Decoder, Encoder
    from latents.likelihoods import Likelihood
    from latents.models import build
    from latents.parts import PartSettings, setting

    class Flat(Encoder):
        kind = "flat"

        def __init__(self, settings, shape):
            super().__init__(settings, shape)
            self.features = int(torch.Size(shape).numel())

        def forward(self, x):
            return x.flatten(-3)

    class Same(Decoder):
        kind = "same"

        def __init__(self, settings, size, shape):
            super().__init__(settings, size, shape)
            self.features = size

        def forward(self, z):
            return z

    class Additive(Likelihood):
        kind = "additive"
        binary = False
        measure_kind = "density"

        class Settings(PartSettings):
            scale: float = setting(0.5, "standard deviation of a pixel", unit="of white", gt=0)

        def __init__(self, settings, features, shape, spatial=False):
            super().__init__(settings, features, shape, spatial)
            self.shape, self.scale = shape, settings.scale
            self.mean = nn.Linear(features, int(torch.Size(shape).numel()))

        def forward(self, features):
            return Independent(Normal(self.mean(features).unflatten(-1, self.shape), self.scale), 3)

    def make(prior="standard", *, latent=2, shape=(1, 2, 3), scale=0.5, seed=0, **settings):
        changes = {f"model__prior__{name}": value for name, value in settings.items()}
        recipe = tiny(
            data__binarisation="none",
            model__latent=latent,
            model__encoder__kind="flat",
            model__decoder__kind="same",
            model__likelihood__kind="additive",
            model__likelihood__scale=scale,
            model__prior__kind=prior,
            **changes,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return build(recipe, shape).eval()

    return make
