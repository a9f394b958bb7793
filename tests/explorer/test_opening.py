"""Model folders from elsewhere: whole ones are taken, and nothing else is, nor written."""

from __future__ import annotations

import io
import json
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from streamlit.testing.v1 import AppTest

from explorer import ROOT, access, library, opening, running
from explorer.checking import NotAModelError

MODEL = ROOT / "trained" / "digits-standard-2d"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def files(folder: Path = MODEL) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def zipped(content: dict[str, bytes], top: str = "a-model/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(top + name if not name.startswith(("/", "..")) else name, data)
    return out.getvalue()


def everything(root: Path) -> list[str]:
    """All paths under the folder that holds the runs' root."""
    return sorted(str(path.relative_to(root.parent)) for path in root.parent.rglob("*"))


def refused(root: Path, content: bytes, sentence: str) -> None:
    before = everything(root)
    with pytest.raises(NotAModelError, match=sentence):
        opening.from_zip(content)
    assert [path for path in everything(root) if path != "runs"] == [path for path in before if path != "runs"]


@pytest.mark.parametrize("top", ["a-model/", ""])
def test_a_zipped_model_is_the_same_model(root, top):
    found = opening.from_zip(zipped(files(), top))
    assert found.path == root / "digits-standard-2d-2"  # a shipped model has the name itself
    for name in ("config.json", "model.safetensors", "metrics.json", "snapshots.safetensors"):
        assert (found.path / name).read_bytes() == (MODEL / name).read_bytes()
    assert library.at(found.path).name == "digits-standard-2d-2"
    assert not list(root.glob(".*"))
    again = opening.from_zip(zipped(files(), top))
    assert again.path == root / "digits-standard-2d-3"


def test_the_name_is_the_visitors(root):
    assert opening.from_zip(zipped(files()), " mine ").path == root / "mine"
    assert opening.from_zip(zipped(files()), "mine").path == root / "mine-2"
    for name in ("../mine", "/mine", ".mine", "a b", "x" * 65):
        with pytest.raises(NotAModelError, match="is no name for a run"):
            opening.from_zip(zipped(files()), name)


def test_only_the_files_of_a_model_are_taken(root):
    bad = {"checkpoint/state.pt": b"cos\nsystem\n(S'touch owned'\ntR.", "status.json": b"{}", "launch.json": b"{}"}
    bad |= {"control.json": b"{}", "run.py": b"raise SystemExit", "model.pkl": b"cos\nsystem\n(S'false'\ntR."}
    found = opening.from_zip(zipped({**files(), **bad}))
    assert {path.name for path in found.path.rglob("*")} == set(files()) & set(opening.LIMITS)
    assert {Path(name).name for name in found.left_out} >= {Path(name).name for name in bad}


@pytest.mark.parametrize("name", ["../climbed.json", "/tmp/climbed.json", "..", "../../a/config.json"])
def test_a_path_that_climbs_is_refused(root, name):
    refused(root, zipped({**files(), name: b"{}"}), "outside its own folder")


@pytest.mark.parametrize("name", ["a\\..\\b.json", "C:config.json", "a/../../b.json"])
def test_other_ways_of_climbing_are_refused(root, name):
    refused(root, zipped({**files(), name: b"{}"}), "outside its own folder")


def test_a_link_is_refused(root):
    out = io.BytesIO(zipped(files()))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("a-model/log.txt.link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused(root, out.getvalue(), "is a link")


def test_a_bomb_is_refused_by_what_it_declares(root):
    bomb = zipped({**files(), "log.txt": bytes(400_000_000)})
    assert len(bomb) < 2_000_000
    refused(root, bomb, "it unpacks to")


def test_a_bomb_is_refused_by_what_comes(root, monkeypatch):
    monkeypatch.setitem(opening.LIMITS, "log.txt", 1000)
    honest = zipped({**files(), "log.txt": np.random.default_rng(0).bytes(100_000)})
    refused(root, honest, "log.txt is larger than")
    lying = honest.replace((100_000).to_bytes(4, "little"), (900).to_bytes(4, "little"))
    assert lying != honest
    refused(root, lying, "cannot be unpacked|larger than")


def test_what_is_no_zip_is_refused(root):
    whole = zipped(files())
    refused(root, b"", "cannot be unpacked")
    refused(root, b"PK\x03\x04 no zip", "cannot be unpacked")
    refused(root, whole[: len(whole) // 2], "cannot be unpacked")
    middle = whole.index(b"model.safetensors") + 2000
    refused(root, whole[:middle] + bytes(100) + whole[middle + 100 :], "cannot be unpacked")


def test_what_is_no_model_is_refused(root):
    refused(root, zipped({"photo.jpg": b"x"}), "no model folder")
    refused(root, zipped({"config.json": b"{}"}), "no model.safetensors")
    refused(root, zipped({"one/config.json": b"{}", "two/config.json": b"{}"}), "several model folders")
    refused(root, zipped({**files(), "config.json": b"[" * 100_000}), "cannot read config.json")
    refused(root, zipped({**files(), "config.json": b'{"seed": "x"}'}), "not a valid recipe")
    refused(root, zipped({**files(), "metrics.json": b"nothing"}), "cannot read metrics.json")


@pytest.mark.parametrize(
    "metrics",
    [
        {"log_likelihood": {"value": "much"}},
        {"units": {"active": 2}},
        {"comparisons": [{"difference": 1}]},
        {"log_likelihood": {"value": 1, "samples": "many"}},
    ],
)
def test_numbers_that_the_gallery_could_not_write_are_refused(root, metrics):
    refused(root, zipped({**files(), "metrics.json": json.dumps(metrics).encode()}), "metrics.json does not hold")


def test_damaged_weights_are_refused(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(MODEL, copy)
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    refused(root, zipped({**files(), "model.safetensors": whole[:-100]}), "model.safetensors is damaged")

    from safetensors import safe_open

    with safe_open(weights, "np") as file:
        said = file.metadata()
    arrays = load_file(weights)
    name = next(iter(arrays))
    save_file({**arrays, name: np.full_like(arrays[name], np.nan)}, weights, said)
    refused(root, zipped(files(copy)), "not finite")
    save_file({key: value for key, value in arrays.items() if key != name}, weights, said)
    refused(root, zipped(files(copy)), "does not fit the recipe")
    save_file(arrays, weights, {**said, "space": json.dumps({"kind": "sphere", "size": 2, "title": "S"})})
    refused(root, zipped(files(copy)), "says that z is sphere")
    recipe = json.loads((MODEL / "config.json").read_text())
    recipe["data"]["name"] = "mnist"
    refused(root, zipped({**files(), "config.json": json.dumps(recipe).encode()}), r"\[1, 28, 28\]")


def test_a_folder_of_this_machine_is_copied(root, tmp_path):
    found = opening.from_folder(str(MODEL), "copied")
    assert found.path == root / "copied"
    assert (found.path / "model.safetensors").read_bytes() == (MODEL / "model.safetensors").read_bytes()
    for given, sentence in (("", "whole path"), ("trained", "whole path"), (str(tmp_path / "no"), "no folder")):
        with pytest.raises(NotAModelError, match=sentence):
            opening.from_folder(given)
    linked = tmp_path / "linked"
    linked.mkdir()
    shutil.copy(MODEL / "config.json", linked)
    (linked / "model.safetensors").symlink_to(MODEL / "model.safetensors")
    with pytest.raises(NotAModelError, match="is a link"):
        opening.from_folder(str(linked))
    assert {path.name for path in root.iterdir()} == {"copied"}


def test_nothing_is_opened_where_the_app_is_read_only(root, monkeypatch):
    monkeypatch.setenv("EXPLORER_READ_ONLY", "1")
    with pytest.raises(access.ReadOnlyError):
        opening.from_zip(zipped(files()))
    with pytest.raises(access.ReadOnlyError):
        opening.from_folder(str(MODEL))
    assert not root.exists()


# -- the page ------------------------------------------------------------------------------------------------


def page() -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.run()
    return at.switch_page("../pages/open_your_own.py").run()


def test_the_page_opens_a_folder_and_a_zip(root):
    at = page()
    assert not at.exception
    at.text_input(key="own-path").set_value(str(MODEL))
    at.text_input(key="own-path-name").set_value("mine").run()
    at.button(key="open-path").click().run()
    assert not at.exception
    assert "**mine** is in the library" in "\n".join(part.value for part in at.markdown)
    at.button(key="explore-opened").click().run()
    assert not at.exception
    assert (at.title[0].value, at.selectbox(key="model").value) == ("Latent space", "mine")
    at = page()
    at.file_uploader(key="own-zip").upload("bad.zip", b"no zip", "application/zip").run()
    at.button(key="open-zip").click().run()
    assert at.info[0].value.startswith("Refused. This file of 6 bytes cannot be unpacked")


def test_home_leads_there_but_not_where_the_app_is_read_only(root, monkeypatch):
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120).run()
    labels = [button.label for button in at.button]
    assert [label for label in labels if label in ACTIONS] == ACTIONS
    monkeypatch.setenv("EXPLORER_READ_ONLY", "1")
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120).run()
    assert [button.label for button in at.button if button.label in ACTIONS] == ACTIONS[:2]
    assert running.root() == root


ACTIONS = ["Explore", "See a model collapse", "Train one", "Open your own"]
