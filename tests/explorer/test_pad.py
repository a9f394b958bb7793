"""What the drawing pad is told of a data set's images."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, picture_code
from explorer.canvas import pad
from explorer.canvas.component import drawing
from latents.data import TEST_SEED, binarise, load
from latents.data.draws import uniforms


def gray(name: str) -> np.ndarray:
    return (load(name).test.images.numpy() * 255).round().astype(np.uint8)


def test_mnist_has_four_empty_pixels_around_its_digits_and_small_digits_have_none():
    assert pad.surroundings(gray("mnist")) == (0.0, pytest.approx(4 / 28, abs=1e-3))
    assert pad.surroundings(gray("digits")) == (0.0, 0.0)


def test_dark_figures_on_light_and_photographs_are_told_apart():
    assert pad.surroundings(255 - gray("mnist"))[0] == 1.0
    noise = np.random.default_rng(0).integers(0, 256, (50, 1, 20, 28)).astype(np.uint8)
    assert pad.surroundings(noise) == (None, 0.0)
    assert pad.surroundings(np.zeros((5, 3, 16, 16), np.uint8)) == (None, 0.0)


def test_images_that_are_higher_than_wide_are_measured_by_their_longer_side():
    images = np.zeros((9, 1, 28, 20), np.uint8)
    images[:, :, 7:21, 5:15] = 255  # half of the height, half of the width
    assert pad.surroundings(images) == (0.0, 0.25)


def test_the_draw_is_the_one_of_the_test_images():
    told = pad.settings(gray("mnist")[:3], TEST_SEED)["draw"]
    stream = np.random.PCG64()
    stream.state = stream.state | {"state": {"state": int(told["state"]), "inc": int(told["increment"])}}
    images = load("mnist").test.images[:3]
    drawn = uniforms(stream, images.numel()).reshape(images.shape) < images.numpy()
    np.testing.assert_array_equal(drawn, binarise(images, TEST_SEED).numpy() > 0)


# -- a drawing in the link ---------------------------------------------------------------------------------------


def start(text: str) -> dict:
    """What the pad of Latent space begins with, for a link with this drawing."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update({"model": "digits-vampprior-2d", "view": "Draw", "drawing": text})
    at.run()
    at.switch_page("../pages/latent_space.py")
    at.query_params.update({"model": "digits-vampprior-2d", "view": "Draw", "drawing": text})
    at.run()
    assert not at.exception, at.exception
    (found,) = [json.loads(part.proto.json) for part in at.get("bidi_component") if "planes" in part.proto.json]
    return found["settings"]["pad"]["start"]


def test_a_drawing_in_the_link_is_what_the_pad_begins_with():
    picture = gray("digits")[4]
    found = start(f"17.{picture_code.encode(picture)}")
    assert base64.b64decode(found["pixels"]) == picture.tobytes()
    assert (found["place"], found["words"]) == (17, "")


@pytest.mark.parametrize("text", ["no drawing", "x.AQEI"])
def test_a_damaged_drawing_has_a_sentence_on_an_empty_pad(text):
    found = start(text)
    assert found["pixels"] == ""
    assert found["words"].startswith("The picture in the link cannot be read")


def test_what_the_pad_sends_is_checked():
    assert drawing({"pixels": base64.b64encode(b"abc").decode(), "place": 4}).pixels == b"abc"
    for nonsense in (None, {}, {"pixels": "?", "place": 0}, {"pixels": "YWJj", "place": "x"}, "text", {"pixels": 4}):
        assert drawing(nonsense) is None
