"""The Interpolate page: its modes with a model of each family, own pictures, and the files it gives."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import (
    ROOT,
    courses,
    ends,
    insets,
    library,
    own_pictures,
    path_controls,
    path_files,
    path_plane,
    paths,
    picture_code,
)
from explorer.charts import theme

MODES = ("Line", "Corners", "Walk", "Classes")
FAMILIES = {
    "digits-standard-2d": "a straight line",
    "digits-vampprior-2d": "a straight line",
    "digits-vmf": "a great circle",
    "digits-hvae": "a path in every layer",
    "digits-vq-vae": "a straight line between the codes' vectors (each step at the codes nearest to it)",
    "digits-pca": "a straight line",
}


def opened(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/interpolate.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


def large(at: AppTest) -> list[str]:
    """The words under the large pictures."""
    rows = [json.loads(part.proto.json) for part in at.get("bidi_component") if part.key == "path-pictures"]
    return [picture["words"] for row in rows for picture in row["figures"]]


def settings(at: AppTest) -> dict:
    """Those of the plane."""
    (found,) = [json.loads(part.proto.json) for part in at.get("bidi_component") if part.key != "path-pictures"]
    return found["settings"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_mode_with_a_model_of_every_family(name, mode):
    at = opened(model=name, mode=mode, image="3", towards="8")
    words = {
        "Line": f"9 equal steps along {FAMILIES[name]}",
        "Corners": f"between them {FAMILIES[name]}",
        "Walk": "A random walk from test image 3",
        "Classes": "plus s times the way from the mean of class",
    }
    assert words[mode] in said(at)
    assert len(settings(at)["ends"]) == {"Line": 2, "Corners": 4}.get(mode, 1)
    assert at.get("image")
    assert bool(large(at)) == (mode != "Corners")
    density = library.why_not(library.find(name), "prior_density") is None and mode != "Corners"
    assert len(at.get("plotly_chart")) == density
    assert ("No curve of log p(z): " in said(at)) == (not density and mode != "Corners")
    assert not at.info


def test_the_link_holds_the_whole_view():
    link = {"model": "digits-standard-2d", "image": "3", "towards": "8", "steps": "21", "step": "18"}
    at = opened(**link)
    assert "21 equal steps" in said(at)
    assert "decoded at t = 0.90" in large(at)
    at = opened(model="digits-standard-2d", mode="Classes", image="3", origin="2", target="5", strength="-0.5")
    assert "decoded at s = \N{MINUS SIGN}0.50" in large(at)
    assert "from the mean of class 2 to that of class 5" in said(at)


def test_a_link_of_another_data_set_gives_a_view_all_the_same():
    at = opened(model="digits-standard-2d", image="9999", towards="-4", steps="500", step="77", mode="Nonsense")
    assert "equal steps" in said(at)


def test_a_great_circle_is_offered_from_ten_dimensions_on():
    few, many = opened(model="digits-standard-8d"), opened(model="mnist-standard-40d", way="Great circle")
    assert "way" not in [group.key for group in few.get("button_group")]
    assert "way" in [group.key for group in many.get("button_group")]
    assert "along a great circle with evenly changing norm" in said(many)
    assert "In 40 dimensions the codes of the test images lie in a shell" in said(many)


@pytest.mark.parametrize(("labels", "expected"), [(None, (0, 1, 2, 3)), ([4, 4, 0, 1, 7, 7], (3, 4, 2, 0))])
def test_the_first_view_has_four_ends_of_any_data(labels, expected):
    pictures = np.zeros((6, 1, 2, 2), np.uint8)
    test = library.Images(pictures, pictures, None if labels is None else np.array(labels), None, "made up", "gray")
    assert path_controls.default_four(test) == expected


# -- own pictures ------------------------------------------------------------------------------------------------


def as_png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def entry():
    return library.find("digits-vampprior-2d")


def test_a_picture_of_the_right_kind_is_taken_as_it_is(entry):
    test = library.images(entry)
    picture, words = own_pictures.fitted(as_png(test.gray[5, 0]), test)
    np.testing.assert_array_equal(picture, test.gray[5])
    assert words == "Your picture was taken as it is."


def test_a_larger_picture_in_colour_is_averaged_and_made_gray(entry):
    test = library.images(entry)
    large = test.gray[5, 0].repeat(3, axis=0).repeat(3, axis=1)
    colours = np.stack([large, np.zeros_like(large), np.zeros_like(large)], axis=-1)
    picture, words = own_pictures.fitted(as_png(colours), test)
    np.testing.assert_allclose(picture[0], 0.299 * test.gray[5, 0], atol=1)
    assert words == "Your picture was scaled from 24 × 24 to 8 × 8 pixels, made gray."


def test_dark_on_light_is_inverted_and_another_shape_is_kept_whole(entry):
    test = library.images(entry)
    wide = np.full((40, 80), 255, np.uint8)
    wide[18:22, 30:50] = 0
    picture, words = own_pictures.fitted(as_png(wide), test)
    assert picture.shape == (1, 8, 8)
    assert "inverted, since these images are light on dark" in words
    assert (picture[0, :2] == 0).all()  # above and below it is filled up
    assert picture.max() > 40
    assert abs(picture.astype(float).sum() - 255 * 4 * 20 / 100) < 30  # 100 of its pixels are one of these


def test_a_file_that_is_no_picture_has_a_sentence(entry):
    test = library.images(entry)
    whole = as_png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    for content in (b"", b"not a picture", whole[: len(whole) // 2]):
        with pytest.raises(own_pictures.NoPictureError, match="cannot be read as a picture"):
            own_pictures.fitted(content, test)


def test_a_picture_that_unpacks_to_gigabytes_is_not_opened(entry):
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    with pytest.raises(own_pictures.NoPictureError, match="9,000 × 9,000"):
        own_pictures.fitted(huge.getvalue(), library.images(entry))


def test_an_own_picture_lies_where_the_model_puts_that_image(entry):
    gray = library.find("digits-logistic")
    test = library.images(gray)
    end = ends.own(gray, test.gray[7])
    np.testing.assert_allclose(ends.point(gray, end), library.encoding(gray).points[7], atol=1e-4)
    seen = ends.own(entry, library.images(entry).gray[0]).seen
    np.testing.assert_array_equal(seen, library.images(entry).seen[0])  # binarised by the same draw as the first one
    assert set(np.unique(seen)) == {0, 255}


def test_an_upload_becomes_the_start_and_a_corrupt_one_is_told(entry):
    at = opened(model=entry.name)
    uploader = next(found for found in at.file_uploader if "Start" in found.label)
    uploader.set_value(("mine.png", as_png(library.images(entry).gray[5, 0]), "image/png")).run()
    assert not at.exception
    assert "a: your picture" in large(at)
    assert "The start is your picture. Your picture was taken as it is. It is part of the link." in said(at)
    uploader = next(found for found in at.file_uploader if "Start" in found.label)
    uploader.set_value(("broken.png", b"PNG nothing", "image/png")).run()
    assert not at.exception
    assert "cannot be read as a picture" in said(at)
    assert large(at)[0].startswith("a: image")


def test_a_link_brings_pictures_of_ones_own_which_change_places_and_go(entry):
    test = library.images(entry)
    first, last = (picture_code.encode(test.gray[i]) for i in (5, 6))
    at = opened(model=entry.name, own=first, own_to=last, image="3")
    assert [large(at)[0], large(at)[-1]] == ["a: your picture", "b: your picture"]
    np.testing.assert_allclose(settings(at)["ends"], places(entry, 5, 6), atol=1e-4)
    at.button(key="swap-ends").click().run()
    assert (at.query_params["own"], at.query_params["own_to"]) == (last, first)
    np.testing.assert_allclose(settings(at)["ends"], places(entry, 6, 5), atol=1e-4)
    at.button(key="back-towards").click().run()
    assert large(at)[-1].startswith("b: image 3")
    at.number_input(key="image").set_value(8).run()
    assert large(at)[0].startswith("a: image 8")
    assert not at.query_params.get("own")
    assert not at.exception


def places(entry, *images: int) -> np.ndarray:
    """Where the model puts test images that come as pictures of one's own."""
    points = [ends.point(entry, ends.own(entry, library.images(entry).gray[i])) for i in images]
    return path_plane.placed(entry, insets.layout(entry), np.stack(points))


def test_a_picture_in_the_link_is_scaled_for_images_of_another_size(entry):
    mnist = library.images(library.find("mnist-vampprior-2d"))
    at = opened(model=entry.name, own=picture_code.encode(mnist.gray[0]))
    assert large(at)[0] == "a: your picture"
    assert "scaled from 28 × 28 to 8 × 8 pixels" in said(at)


@pytest.mark.parametrize("code", ["AQEICHja", "<script>", "A" * 5000])
def test_a_link_with_a_damaged_picture_has_a_sentence_and_a_test_image(entry, code):
    at = opened(model=entry.name, own_to=code, mode="Corners")
    assert not at.exception
    assert "Test image" in at.info[0].value
    assert "is shown in its place" in at.info[0].value
    assert len(settings(at)["ends"]) == 4


def test_a_picture_that_is_too_large_for_the_link_lasts_as_long_as_the_visit(entry, monkeypatch):
    monkeypatch.setattr(picture_code, "LONGEST", 20)
    at = opened(model=entry.name)
    uploader = next(found for found in at.file_uploader if "Start" in found.label)
    uploader.set_value(("mine.png", as_png(library.images(entry).gray[5, 0]), "image/png")).run()
    assert large(at)[0] == "a: your picture"
    assert "It is too large for the link" in said(at)
    assert not at.query_params.get("own")


def test_the_bead_has_the_codes_of_the_path_or_the_pictures_of_its_steps(entry):
    points = library.encoding(entry).points
    run = courses.line(entry, points[3], points[8], 7)
    told = {}
    names = tuple(f"t = {t:.2f}" for t in run.t)
    steps = path_plane.Steps(run, 2, names, "t", lambda step: told.setdefault("step", step), "Step", tuple(range(7)))
    sent = {}

    def address(content: bytes, mimetype: str) -> str:
        sent[mimetype] = content
        return mimetype

    found = steps.track(True).json(address)
    assert (found["sheet"], found["values"]) == (None, pytest.approx(np.linspace(0, 1, 7).tolist()))
    codes = safetensors.numpy.load(sent["application/octet-stream"])["codes"]
    np.testing.assert_allclose(codes[found["stops"]], run.z, atol=1e-2 * np.abs(run.z).max())
    found = steps.track(False).json(address)
    sheet = np.asarray(Image.open(io.BytesIO(sent["image/png"])))
    np.testing.assert_array_equal(sheet, np.concatenate(list(run.pictures[:, 0]), axis=1))
    assert found["codes"] is None


# -- files -------------------------------------------------------------------------------------------------------


def test_a_film_goes_there_and_back(entry):
    points = library.encoding(entry).points
    run = courses.line(entry, points[3], points[8], 7)
    film = Image.open(io.BytesIO(path_files.gif(run.pictures, back=True)))
    assert film.n_frames == 12
    scale = film.size[0] // 8
    for i, frame in enumerate([0, 3, 6]):
        film.seek(frame)
        np.testing.assert_allclose(np.asarray(film.convert("L"))[::scale, ::scale], run.pictures[3 * i, 0], atol=1)


def test_the_kept_strip_holds_every_picture(entry):
    points = library.encoding(entry).points
    run = courses.line(entry, points[3], points[8], 5)
    mixed = paths.pixel_path(*library.images(entry).seen[[3, 8]], 5)
    strip = np.asarray(Image.open(io.BytesIO(path_files.kept_strip([run.pictures, mixed]))))[::4, ::4, 0]
    np.testing.assert_array_equal(strip[:8, 9:17], run.pictures[1, 0])
    np.testing.assert_array_equal(strip[9:, -8:], mixed[-1, 0])


def test_the_chosen_picture_of_a_strip_is_framed():
    pictures = np.full((4, 1, 8, 8), 200, np.uint8)
    strip = np.asarray(Image.open(io.BytesIO(path_files.strip(pictures, theme.LIGHT, 2, step=2))))
    accent = [int(theme.LIGHT.accent[i : i + 2], 16) for i in (1, 3, 5)]
    framed = (strip[..., :3] == accent).all(-1) & (strip[..., 3] == 255)
    columns = np.flatnonzero(framed.any(axis=0))
    assert strip.shape[1] / 2 <= columns.min()
    assert columns.max() < strip.shape[1] * 3 / 4
