"""One HTML file: it holds what was put in, nothing can break out of it, and what cannot be exported says why."""

from __future__ import annotations

import base64
import hashlib
import html as markup
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load as tensors
from typer.testing import CliRunner

import latents
from explorer import ROOT, export, library
from explorer.__main__ import app
from explorer.canvas import bundle
from explorer.export import build
from explorer.export.packing import Store
from latents import portable

LECTURE = ROOT / "docs" / "lecture.html"
TWINS = ("mnist-standard-2d", "mnist-vampprior-2d")


def entry(name: str) -> library.Entry:
    found = library.find(name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def page() -> str:
    return export.html([entry("digits-vampprior-2d")])


def script_of(page: str) -> str:
    (found,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    return found


def blob(page: str, *path) -> bytes:
    """The bytes behind an address in the file's content."""
    address = export.content_of(page)["canvas"]
    for name in path:
        address = address[name]
    return export.unpacked(page)[address.removeprefix("packed:")]


@given(st.lists(st.tuples(st.binary(max_size=400), st.sampled_from(["image/png", "application/octet-stream"]))))
def test_bytes_come_back_as_they_were(contents):
    store = Store()
    addresses = [store.address(content, kind) for content, kind in contents]
    text = store.html()
    assert text.count("<") == 2 * len(store.blobs), "no byte can end its element"
    found = export.unpacked(text)
    assert [found[one.removeprefix("packed:")] for one in addresses] == [content for content, _ in contents]
    assert len(store.blobs) == len({content for content, _ in contents}), "equal bytes are kept once"


def test_a_file_holds_the_models_programs_and_its_points(page):
    model = latents.load(ROOT / "trained" / "digits-vampprior-2d", "cpu")
    z = torch.tensor([[0.5, -1.0], [2.0, 1.0]])
    with torch.no_grad():
        expected = model.decode(z).mean.flatten(1).numpy()
        mean = model.encode(torch.from_numpy(library.images(entry("digits-vampprior-2d")).seen).float() / 255).mean
    found = portable.run(blob(page, "planes", 0, "decoder"), {"z": z.numpy()})
    np.testing.assert_allclose(found["pixels"], expected, atol=1e-5)
    points = tensors(blob(page, "planes", 0, "points"))
    np.testing.assert_allclose(points["places"].astype(np.float32), mean.numpy(), rtol=1e-3, atol=1e-3)
    assert len(points["pseudo"]) == len(model.pseudo_inputs)
    tile = Image.open(io.BytesIO(blob(page, "planes", 0, "sprite", "tiles", 0)))
    gray = library.images(entry("digits-vampprior-2d")).gray
    np.testing.assert_array_equal(np.asarray(tile)[:8, 8:16], gray[1, 0])
    assert len(page.encode("utf-8")) < export.MOST


def test_only_its_own_script_runs_and_nothing_is_fetched(page):
    policy = markup.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1])
    digest = base64.b64encode(hashlib.sha256(script_of(page).encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert "http" not in re.sub(r"http-equiv", "", page.split("<style>")[0])
    assert not re.search(r"""(?:src|href)=["']?(?!packed)[a-z]+:""", page.split('<script type="application/json"')[0])


def test_names_cannot_become_markup():
    evil = "</script><img src=x onerror=alert(1)>&amp;"
    named = replace(entry("digits-standard-2d"), name=evil)
    page = build._html([named], None)
    assert "<img" not in page
    assert export.content_of(page)["models"] == [evil]
    assert page.count("</script>") == page.count("<script"), "every element ends where it was meant to end"


def test_two_models_share_their_thumbnails():
    page = export.html([entry("digits-standard-2d"), entry("digits-vampprior-2d")])
    first, second = (plane["sprite"]["tiles"] for plane in export.content_of(page)["canvas"]["planes"])
    assert first == second
    assert export.content_of(page)["numbers"][1][0].startswith("−22.47 ± 0.22 nats log-likelihood")


def test_what_is_too_large_leaves_its_thumbnails_and_then_says_so(page, monkeypatch):
    monkeypatch.setattr(build, "MOST", len(page.encode()) - 1000)
    smaller = build._html([entry("digits-vampprior-2d")], None)
    assert "as the models see them" in export.content_of(smaller)["provenance"][0]
    monkeypatch.setattr(build, "MOST", len(smaller.encode()) - 1000)
    bare = build._html([entry("digits-vampprior-2d")], None)
    assert export.content_of(bare)["canvas"]["planes"][0]["sprite"] is None
    assert "without thumbnails" in export.content_of(bare)["provenance"][0]
    monkeypatch.setattr(build, "MOST", len(bare.encode()) - 1000)
    mute = export.content_of(build._html([entry("digits-vampprior-2d")], None))
    assert mute["canvas"]["planes"][0]["encoder"] is None
    assert "draw in the app" in mute["pad"]["why"]["digits-vampprior-2d"]
    monkeypatch.setattr(build, "MOST", 1000)
    with pytest.raises(export.NotExportable, match="even without thumbnails and drawing pad"):
        build._html([entry("digits-vampprior-2d")], None)


def test_what_has_no_plane_says_why():
    with pytest.raises(export.NotExportable, match="no latent variables"):
        export.html([entry("digits-causal-convolution")])
    with pytest.raises(export.NotExportable, match="the same images"):
        export.html([entry("digits-standard-2d"), entry("mnist-standard-2d")])


def test_more_dimensions_have_codes_and_slow_decoders_have_tiles():
    page = export.html([entry("digits-vampprior-8d")])
    plane = export.content_of(page)["canvas"]["planes"][0]
    assert tensors(blob(page, "planes", 0, "codes"))["codes"].shape == (300, 8)
    assert plane["decoder"]
    slow = export.content_of(export.html([entry("digits-pixelcnn")]))["canvas"]["planes"][0]
    assert slow["decoder"] is None
    assert slow["lattice"]["image"].startswith("packed:")
    codes = export.content_of(export.html([entry("digits-vq-vae")]))
    assert "grid of codes" in codes["pad"]["why"]["digits-vq-vae"]
    assert "drawing" not in codes["caption"]


def test_the_command_writes_the_file_or_says_what_is_wrong(tmp_path):
    run = CliRunner()
    target = tmp_path / "new" / "digits.html"
    done = run.invoke(app, ["export", "digits-standard-2d", "--out", str(target)])
    assert done.exit_code == 0, done.output
    assert export.content_of(target.read_text("utf-8"))["models"] == ["digits-standard-2d"]
    unknown = run.invoke(app, ["export", "no-such-model"])
    assert unknown.exit_code == 1
    assert "There is no model" in unknown.output
    folder = run.invoke(app, ["export", str(ROOT / "trained" / "digits-ppca"), "--out", str(tmp_path / "p.html")])
    assert folder.exit_code == 0, folder.output


# -- the file that is shipped --------------------------------------------------------------------------------


def test_the_shipped_lecture_runs_the_canvas_as_it_is_now():
    """Quick: a change of the scripts without `make lecture` is found here, without any model."""
    shipped = LECTURE.read_text("utf-8")
    assert len(shipped.encode("utf-8")) < 6_000_000
    assert bundle.script().splitlines()[-2] in script_of(shipped)
    same = script_of(shipped) == script_of(export.html([entry("digits-standard-2d")]))
    assert same, "the canvas or the page has changed: run `make lecture`"


@pytest.mark.slow
def test_the_shipped_lecture_is_what_the_shipped_models_make():
    """Part by part: PNG and deflate may pack otherwise in another version, and sums may differ in the last digit."""
    shipped, made = LECTURE.read_text("utf-8"), export.html([entry(name) for name in TWINS])
    before, now = export.content_of(shipped), export.content_of(made)
    for told in (before, now):
        told["provenance"] = [re.sub(r"Latent Explorer [\d.]+", "Latent Explorer", line) for line in told["provenance"]]
    assert before == now
    old, new = export.unpacked(shipped), export.unpacked(made)
    assert old.keys() == new.keys()
    for name, content in old.items():
        if content.startswith(b"\x89PNG"):
            np.testing.assert_array_equal(*(np.asarray(Image.open(io.BytesIO(one))) for one in (content, new[name])))
            continue
        then, here = tensors(content), tensors(new[name])
        assert then.keys() == here.keys()
        for key, array in then.items():
            np.testing.assert_allclose(array.astype(float), here[key].astype(float), rtol=2e-3, atol=2e-3)
