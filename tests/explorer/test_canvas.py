"""What the canvas is given: bytes that say what the model says, and an address that keeps a choice."""

import base64
import io
import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load

from explorer import library, planes, pointing
from explorer.canvas import Class, blobs, bundle, data_address, options, picked, scene

REGION = ((-3.0, 3.0), (-3.0, 3.0))


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    """Tiny models in two and in five dimensions."""
    import latents

    root = tmp_path_factory.mktemp("library")
    changes = {"model__prior__kind": "vampprior", "model__prior__components": 7, "training__snapshots": 2}
    for name, latent in {"flat": 2, "deep": 5}.items():
        latents.train(tiny(training__epochs=2, model__latent=latent, **changes), root / name, accelerator="cpu")
    return root


@pytest.fixture
def made(folders, monkeypatch):
    """The entry, the layout and the canvas's plane of a tiny model."""
    monkeypatch.setenv("EXPLORER_LIBRARY", str(folders))

    def make(name, **more):
        entry = library.find(name)
        layout = planes.of(entry, planes.kinds(entry)[0])
        return entry, layout, scene.plane(entry, layout, REGION, scene.classes([entry]), **more)

    return make


# -- points --------------------------------------------------------------------------------------------------


def test_points_and_classes_are_those_of_the_test_images(made):
    entry, layout, plane = made("flat")
    found = load(plane.points)
    assert np.allclose(found["places"], library.encoding(entry).points)
    legend = scene.classes([entry])
    labels = np.array([one.label for one in legend])[found["group"]]
    assert (labels == library.images(entry).labels).all()
    assert np.allclose(found["pseudo"], layout.pseudo)
    assert found["shares"].sum() == pytest.approx(1, abs=1e-5)


def test_a_posteriors_spread_is_that_of_its_projected_draws(made):
    entry, layout, plane = made("deep")
    encoding, (xx, xy, yy) = library.encoding(entry), load(plane.points)["spread"][3]
    rng = np.random.default_rng(0)
    draws = encoding.points[3] + encoding.stddev[3] * rng.normal(size=(200_000, 5))
    expected = np.cov(((draws - layout.centre) @ layout.axes.T).T)
    assert np.allclose([[xx, xy], [xy, yy]], expected, atol=0.02 * expected.max())


def test_the_aggregated_posterior_is_the_mean_of_all_posteriors(made):
    import torch

    entry, _, _ = made("flat")
    found, encoding = scene.aggregated(entry, REGION), library.encoding(entry)
    row, column = 40, 70
    z = torch.tensor([found.x[column], found.y[row]])
    mean, stddev = torch.as_tensor(encoding.points).double(), torch.as_tensor(encoding.stddev).double()
    each = torch.distributions.Independent(torch.distributions.Normal(mean, stddev), 1).log_prob(z)
    expected = torch.logsumexp(each, 0) - np.log(len(mean))
    assert found.log_p[row, column] == pytest.approx(float(expected), abs=1e-4)
    assert "aggregate" in made("flat", aggregate=True)[2].contours
    assert "aggregate" not in made("deep", aggregate=True)[2].contours


def test_the_frames_are_the_snapshots_on_the_plane(made):
    from latents.folder import ModelFolder

    for name in ("flat", "deep"):
        entry, layout, plane = made(name)
        kept, found = ModelFolder(entry.path).snapshots(), load(plane.frames)
        assert found["epochs"].tolist() == kept["epochs"].tolist()
        expected = (kept["mean"].astype(np.float64) - layout.centre) @ layout.axes.T
        assert np.allclose(found["places"], expected, atol=5e-3)
        assert (found["index"] == kept["index"]).all()


def test_a_density_travels_with_its_levels(made):
    entry, _, plane = made("flat")
    found, expected = load(plane.contours["prior"]), planes.prior_density(entry, REGION)
    x0, dx, y0, dy = found["frame"]
    assert x0 + dx * np.arange(found["log_density"].shape[1]) == pytest.approx(expected.x, abs=1e-4)
    assert y0 + dy * np.arange(found["log_density"].shape[0]) == pytest.approx(expected.y, abs=1e-4)
    near = expected.log_p > -20
    assert np.abs(found["log_density"].astype(float) - expected.log_p)[near].max() < 0.02
    assert not made("deep")[2].contours


def test_other_bytes_have_another_digest_at_their_head():
    one = np.zeros((200_000, 2), np.float32)
    other = one.copy()
    other[123_456] = 1  # in the middle of a long file
    assert blobs.codes(one)[:300] != blobs.codes(other)[:300]
    assert blobs.codes(one) == blobs.codes(one.copy())


# -- pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sprite_holds_every_picture_in_its_place(channels):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (1203, channels, 5, 4), dtype=np.uint8)
    found = blobs.sprite(pictures)
    each = found.columns * found.rows
    assert len(found.tiles) == -(-1203 // each)
    for i in (0, 24, 25, each - 1, each, 1202):
        sheet = np.array(Image.open(io.BytesIO(found.tiles[i // each])))
        top, left = (i % each) // found.columns * 5, (i % each) % found.columns * 4
        cell = sheet[top : top + 5, left : left + 4].reshape(5, 4, channels).transpose(2, 0, 1)
        assert (cell == pictures[i]).all()


def test_a_lattice_is_decoded_where_its_tiles_lie(made):
    entry, layout, _ = made("flat")
    found = scene._lattice(entry, layout, REGION)
    sheet = np.array(Image.open(io.BytesIO(found.image)))
    _, height, width = found.shape
    places = planes.lattice(REGION, found.columns)
    row, column = 3, 11
    z = places[row * found.columns + column]
    expected = library.decode(entry, z[None].astype(np.float32))[0, 0]
    cell = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
    assert np.abs(cell.astype(int) - expected).max() <= 1
    x = REGION[0][0] + (column + 0.5) * 6 / found.columns
    y = REGION[1][1] - (row + 0.5) * 6 / found.rows
    assert z == pytest.approx([x, y])


def test_the_caption_says_when_nothing_is_decoded(made):
    entry, layout, plane = made("deep")
    dumb = replace(plane, decoder=None, lattice=None)
    assert "held at the chosen image" in pointing.way(entry, layout, plane)
    assert "No browser can run this decoder" in pointing.way(entry, layout, dumb)
    assert "no way back" in pointing.way(entry, replace(layout, kind="UMAP", axes=None), dumb)


# -- the whole -----------------------------------------------------------------------------------------------


def test_options_are_json_and_hold_no_bytes_but_by_address(made):
    _, _, plane = made("flat", encoder=True)
    told = options([plane], REGION, address=lambda content, mime: f"{mime} {len(content)}", classes=[Class(0, "<b>")])
    text = json.dumps(told)
    assert len(text) < 5000
    assert told["planes"][0]["points"] == f"application/octet-stream {len(plane.points)}"
    assert told["planes"][0]["decoder"].startswith("application/octet-stream")
    assert told["classes"] == [{"label": 0, "name": "<b>", "colour": "#3f90da", "shape": "circle"}]
    assert base64.b64decode(data_address(b"abc", "image/png").split(",")[1]) == b"abc"


def test_the_bundle_is_one_script_that_asks_for_nothing(tmp_path):
    text = bundle.script()
    assert "createCanvas" in text
    for word in ("eval(", "new Function", "innerHTML", "document.write", "http://localhost", "cdn."):
        assert word not in text
    assert {line.split("http")[1][:20] for line in text.splitlines() if "http" in line} <= {"://www.w3.org/2000/s"}
    node = shutil.which("node")
    if node:
        file = tmp_path / "bundle.mjs"
        file.write_text(text, "utf-8")
        done = subprocess.run([node, "--check", str(file)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_the_bundler_refuses_what_it_does_not_know(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "FOLDER", tmp_path)
    (tmp_path / "index.js").write_text('import thing from "./other.js";\nexport const a = 1;\n')
    (tmp_path / "other.js").write_text("export const thing = 1;\n")
    with pytest.raises(ValueError, match=r"index\.js: the bundler does not know"):
        bundle.script()
    (tmp_path / "index.js").write_text('import { b } from "./other.js";\nexport const a = 1;\n')
    (tmp_path / "other.js").write_text('import { a } from "./index.js";\nexport const b = 1;\n')
    with pytest.raises(ValueError, match="in a circle"):
        bundle.script()


# -- a choice in an address -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 30, 31, 2500, 10_000])
def test_a_choice_comes_back_from_its_address(size):
    chosen = tuple(sorted(np.random.default_rng(size).choice(10_000, size, replace=False).tolist()))
    text = picked.encode(chosen)
    assert len(text) <= picked.LONGEST
    assert picked.decode(text, 10_000) == chosen


def test_a_choice_too_large_for_an_address_is_left_out():
    chosen = tuple(sorted(np.random.default_rng(0).choice(70_000, 35_000, replace=False).tolist()))
    assert picked.encode(chosen) == ""


@pytest.mark.parametrize("text", ["", "z", "zzzz", "z!!", "1..2", "many", "-3", "99999"])
def test_what_is_no_choice_is_none(text):
    assert picked.decode(text, 100) == ()


def test_a_bomb_is_not_unpacked():
    import zlib

    bomb = "z" + base64.urlsafe_b64encode(zlib.compress(b"\xff" * 50_000_000)).decode().rstrip("=")
    assert picked.decode(bomb, 100) == tuple(range(100))
