"""A new prior is one new file: it is listed by `--help`, trains by recipe, and is drawn; nothing else is touched.

The whole way in processes of their own, once as a file put into the package and once as another package that
announces it by an entry point.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRIOR = '''
"""A ring: the radius is near to one."""

import torch
from latents.distributions import VectorDistribution
from latents.parts import PartSettings, setting
from latents.priors.base import Prior


class Ring(VectorDistribution):
    def __init__(self, width):
        super().__init__((), 2)
        self.width = width

    def log_prob(self, z):
        # p(r) = N(r; 1, width^2) on the radius, and the angle uniform; the Jacobian of the polar form is 1 / r
        radius = z.norm(dim=-1).clamp(min=1e-6)
        normal = torch.distributions.Normal(1.0, self.width)
        return normal.log_prob(radius) - torch.log(2 * torch.pi * radius)

    def rsample(self, sample_shape=torch.Size()):
        radius = 1 + self.width * torch.randn(*sample_shape, 1)
        angle = 2 * torch.pi * torch.rand(*sample_shape, 1)
        return radius * torch.cat([angle.cos(), angle.sin()], -1)


class RingPrior(Prior):
    """p(z): radius ~ N(1, width^2), every angle alike."""

    kind = "ring"

    class Settings(PartSettings):
        width: float = setting(0.2, "standard deviation of the radius", unit="latent units", gt=0)

    def __init__(self, settings, latent, shape):
        super().__init__(settings, latent, shape)
        self.width = settings.width

    def forward(self, components=None):
        return Ring(self.width)
'''
DRAWN = """
import json
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file(sys.argv[1], default_timeout=120)
at.query_params["model"] = "ringed"
at.run()
at.switch_page("../pages/latent_space.py")
at.query_params["model"] = "ringed"
at.run()
assert not at.exception and not at.error and not at.info, (at.exception, at.error, at.info)
(canvas,) = at.get("bidi_component")
(plane,) = json.loads(canvas.proto.json)["planes"]
assert "prior" in plane["contours"], "the prior's density is not drawn"
print("drawn")
"""


def run(folder: Path, path: str, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": path, "EXPLORER_LIBRARY": str(folder / "models"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def goes_all_the_way(folder: Path, path: str, home: Path) -> None:
    """--help, training by recipe, and the page."""
    assert "ring" in run(folder, path, "-m", "latents", "train", "--help")
    recipe = ("digits-standard-2d", "--model.prior.kind", "ring", "--model.prior.width", "0.3", "--name", "ringed")
    run(folder, path, "-m", "latents", "train", *recipe, "--training.epochs", "2", "--out", "models/ringed")
    assert "p(z): radius" in (folder / "models" / "ringed" / "README.md").read_text("utf-8")
    (folder / "drawn.py").write_text(DRAWN)
    assert "drawn" in run(folder, path, "drawn.py", str(home))


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the code, without models and tests."""
    for name in ("latents", "explorer", "pages"):
        shutil.copytree(ROOT / name, tmp_path / "project" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "project"


def test_one_new_file_in_the_package(project):
    (project / "latents" / "priors" / "ring.py").write_text(PRIOR)
    goes_all_the_way(project, str(project), project / "explorer" / "Home.py")


def test_another_package_by_its_entry_point(tmp_path):
    (tmp_path / "site" / "rings-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "rings.py").write_text(PRIOR)
    about = tmp_path / "site" / "rings-1.0.dist-info"
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rings\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[latents.parts]\nring = rings\n")
    goes_all_the_way(tmp_path, f"{tmp_path / 'site'}{os.pathsep}{ROOT}", ROOT / "explorer" / "Home.py")
