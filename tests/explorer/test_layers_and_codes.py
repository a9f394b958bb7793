"""Layers and codes: what is kept of an image's z, what the prior fills in, and what a swapped code changes."""

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, codebook, layer_planes, layered, library, selecting
from explorer.canvas import scene
from explorer.charts import code_map, theme

TWO, VAMP, THREE, CODES = "digits-hvae", "digits-hvae-vampprior", "digits-hvae-3-layers", "digits-vq-vae"


def app(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/layers_and_codes.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


# -- layers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 2])
def test_the_upper_layers_are_kept_and_the_rest_is_the_priors(keep):
    entry = library.find(THREE)
    z = library.encoding(entry).points[:6]
    mean = layered.kept(entry, z, keep)
    one, same, other = (layered.kept(entry, z, keep, seed) for seed in (1, 1, 2))
    for filled in (mean, one, other):
        np.testing.assert_array_equal(filled[:, : 8 * keep], z[:, : 8 * keep])
    np.testing.assert_array_equal(one, same)
    assert (one[:, 8 * keep :] != other[:, 8 * keep :]).all()


def test_all_layers_kept_is_the_image_and_none_is_the_same_for_all():
    entry = library.find(THREE)
    z = library.encoding(entry).points[:6]
    np.testing.assert_array_equal(layered.kept(entry, z, 3), z)
    none = layered.kept(entry, z, 0)
    assert (none == none[0]).all()
    np.testing.assert_array_equal(none[0], layered.prior_mean(entry)[0])


def test_draws_below_have_the_mean_and_spread_of_the_prior():
    import torch

    entry = library.find(TWO)
    z = np.repeat(library.encoding(entry).points[:1], 4000, axis=0)
    drawn = layered.kept(entry, z, 1, seed=3)[:, 8:]
    with torch.no_grad():
        expected = library.model(entry).lower_priors[0](torch.tensor(z[:1, :8]))
    error = expected.stddev[0].numpy() / np.sqrt(4000)
    assert (abs(drawn.mean(0) - expected.mean[0].numpy()) < 5 * error).all()
    np.testing.assert_allclose(drawn.std(0), expected.stddev[0].numpy(), rtol=0.1)
    np.testing.assert_allclose(layered.kept(entry, z[:1], 1)[0, 8:], expected.mean[0], atol=1e-5)


def test_the_errors_are_those_of_the_pictures_and_fall():
    entry = library.find(VAMP)
    errors, n = layered.errors(entry)
    assert n == 300
    seen = library.images(entry).seen / 255
    whole = np.square(library.decode(entry, library.encoding(entry).points) / 255 - seen).mean()
    constant = np.square(library.decode(entry, layered.prior_mean(entry)[0][None])[0] / 255 - seen).mean()
    assert errors[-1] == pytest.approx(whole)
    assert errors[0] == pytest.approx(constant)
    assert errors[0] > errors[1] > errors[2]


def test_the_plane_of_a_layer_holds_that_layer_alone():
    entry = library.find(THREE)
    for layer in range(3):
        found = layer_planes.layout(entry, layer)
        own = library.encoding(entry).points[:, 8 * layer : 8 * layer + 8].astype(np.float64)
        variances = np.linalg.eigvalsh(np.cov(own.T))[::-1]
        np.testing.assert_allclose(np.var(found.points, axis=0, ddof=1), variances[:2], rtol=1e-3)
        assert f"({100 * variances[0] / variances.sum():.0f} %)" in found.x_title
        moved = found.from_plane(np.array([2.0, -1.0])) - found.from_plane(np.zeros(2))
        assert moved[8 * layer : 8 * layer + 8].any()
        assert not np.delete(moved, np.s_[8 * layer : 8 * layer + 8]).any()


def test_pseudo_inputs_stand_on_the_top_layers_plane_alone():
    entry = library.find(VAMP)
    top, below = (layer_planes.plane(entry, layer, scene.classes([entry])) for layer in range(2))
    assert layer_planes.layout(entry, 0).pseudo.shape == (len(library.model(entry).pseudo_inputs), 2)
    assert layer_planes.layout(entry, 1).pseudo is None
    assert (top.words[0], below.words[0]) == ("z₂ here, z₁ expected", "z₁ here")


def test_what_is_nearest_by_a_layer_is_nearest_in_its_numbers():
    entry = library.find(THREE)
    own = library.encoding(entry).points[:, 8:16].astype(np.float64)
    order = np.argsort(np.square(own - own[5]).sum(1), kind="stable")
    np.testing.assert_array_equal(layer_planes.nearest(entry, 5, 1, 4), order[1:5])


# -- codes ---------------------------------------------------------------------------------------------------


def test_the_usage_and_its_perplexity():
    import torch

    from latents.vector_quantiser import perplexity

    entry = library.find(CODES)
    book, codes = codebook.of(entry), codebook.codes(entry)
    np.testing.assert_allclose(book.shares, [np.mean(codes == k) for k in range(book.size)])
    assert book.places == codes.size == 300 * 16
    assert book.perplexity == pytest.approx(float(perplexity(torch.tensor(codes), book.size)), rel=1e-5)
    assert codebook.another(book, int(book.order[0])) == book.order[1]
    assert codebook.another(book, int(book.order[1])) == book.order[0]


@pytest.mark.parametrize(("shares", "perplexity"), [([1, 0, 0, 0], 1), ([0.5, 0.5, 0, 0], 2), ([0.25] * 4, 4)])
def test_perplexity_counts_codes_in_equal_use(shares, perplexity):
    assert codebook.Book((1, 1), np.array(shares, float), 10).perplexity == pytest.approx(perplexity)


def test_a_swap_changes_one_place():
    z = np.arange(6)
    np.testing.assert_array_equal(codebook.swapped(z, 2, 9), [0, 1, 9, 3, 4, 5])
    np.testing.assert_array_equal(z, np.arange(6))


@pytest.mark.parametrize(("tones", "same"), [(theme.LIGHT, [255, 255, 255]), (theme.DARK, [13, 19, 31])])
def test_the_difference_is_the_papers_tone_where_nothing_changes_red_where_more_blue_where_less(tones, same):
    before = np.array([[[0, 0, 255, 0]]], np.uint8)
    after = np.array([[[0, 255, 0, 128]]], np.uint8)
    none, more, less, half = code_map.change(before, after, tones)[:, 0].T.astype(int)
    assert list(none) == same
    assert more[0] > more[2] + 100
    assert less[2] > less[0] + 100
    np.testing.assert_allclose(half, (more + none) / 2, atol=1.5)
    assert list(code_map.change(before, after, tones, 0.5)[:, 0, 3]) == list(more)
    assert code_map.largest(before, after) == 1
    assert code_map.largest(before, before) == code_map.LEAST
    if tones.name == "dark":
        assert tones.paper == "#" + "".join(f"{part:02x}" for part in none)


def test_every_place_and_every_bar_can_be_clicked():
    codes = np.array([[3, 1, 2], [0, 3, 3]])
    figure = code_map.code_map(np.zeros((1, 8, 12), np.uint8), codes, 4, theme.LIGHT, 200)
    (places,) = (trace for trace in figure.data if trace.name == "place")
    assert list(places.text) == ["3", "1", "2", "0", "3", "3"]
    assert list(places.customdata) == list(range(6))
    assert places.y[0] < places.y[-1]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first row is at the top
    (bars,) = code_map.usage(np.array([0.1, 0.6, 0.3]), {0: "after"}, theme.LIGHT, 200).data
    assert list(bars.customdata) == [1, 2, 0]
    np.testing.assert_allclose(bars.y, [60, 30, 10])


def test_codes_that_are_never_used_have_hatched_bars():
    figure = code_map.usage(np.array([0.25, 0, 0.75, 0]), {1: "after"}, theme.DARK, 200)
    used, never = figure.data
    assert (list(used.customdata), list(never.customdata)) == ([2, 0], [1, 3])
    assert [*used.x, *never.x] == [1, 2, 3, 4]
    assert all(0 < y < 5 for y in never.y)
    assert never.marker.pattern.shape == "/"
    assert never.marker.pattern.fgcolor[0] == theme.DARK.ink != never.marker.pattern.fgcolor[1]


def test_the_numbers_of_a_selection():
    points = [{"customdata": [7]}, {"customdata": 3}, {"x": 1}, {"customdata": [7]}, {"customdata": ["a"]}]
    assert selecting.numbers({"selection": {"points": points}}) == [7, 3]
    assert selecting.numbers(None) == selecting.numbers({}) == []


# -- the page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["Redrawn below", "Layer by layer", "Planes"])
@pytest.mark.parametrize("name", [VAMP, THREE])
def test_every_view_of_a_hierarchy(name, view):
    at = app(model=name, layers=view)
    assert at.get("bidi_component" if view == "Planes" else "plotly_chart")
    assert not at.info
    if view == "Layer by layer":
        errors, _ = layered.errors(library.find(name))
        told = [float(found) for found in re.findall(r"0\.\d{4}", said(at))]
        assert told == [round(error, 4) for error in errors]


def test_the_planes_show_the_selection_and_what_each_layer_sets_near_it():
    at = app(model=THREE, layers="Planes", picked="5")
    given = json.loads(at.get("bidi_component")[0].proto.json)
    assert given["selection"] == [5]
    assert [plane["title"] for plane in given["planes"]] == ["z₃, the top", "z₂, 8 units", "z₁, 8 units"]
    labels = library.images(library.find(THREE)).labels
    for layer, name in enumerate(("z₃", "z₂", "z₁")):
        near = layer_planes.nearest(library.find(THREE), 5, layer, 12)
        assert f"nearest by {name}: {int((labels[near] == labels[5]).sum())} of 12 of its class" in said(at)
    many = said(app(model=THREE, layers="Planes", picked=".".join(map(str, range(5, 25)))))
    assert "20 test images" in many
    assert "mean z₃ alone" in many


def test_a_decoder_that_no_browser_runs_leaves_the_thumbnails():
    at = app(model="digits-pixel-hvae", layers="Planes")
    assert "Nothing is decoded at the pointer. This decoder draws a picture pixel by pixel" in said(at)
    given = json.loads(
        app(model="digits-pixel-hvae", layers="Planes", planes="Decoded").get("bidi_component")[0].proto.json
    )
    assert given["settings"]["points"]  # rather than an empty plane
    assert all(plane["decoder"] is None for plane in json.loads(at.get("bidi_component")[0].proto.json)["planes"])


def test_more_layers_can_be_kept():
    assert "z₃, z₂ of each test image is kept, and z₁ drawn anew" in said(app(model=THREE, keep="2"))
    assert "z₃ of each test image is kept, and z₂, z₁ drawn anew" in said(app(model=THREE))


def test_the_page_tells_what_the_swap_of_the_link_changes():
    entry = library.find(CODES)
    mine = codebook.codes(entry)[5]
    new = (int(mine[9]) + 1) % 4
    swapped = mine.copy()
    swapped[9] = new
    before, after = library.decode(entry, np.stack([mine, swapped]).astype(np.float32)).astype(int)
    changed = int((abs(after - before) > 12).sum())
    told = said(app(model=CODES, image="5", place="9", code=str(new)))
    assert f"Code {new} in place of {mine[9]}, at place 9 (row 3, column 2), changes {changed} pixel" in told


def test_a_click_on_a_place_and_on_a_bar_chooses_them():
    at = app(model=CODES)
    at.session_state[f"map-{CODES}"] = {"selection": {"points": [{"customdata": 3}]}}
    at.session_state[f"usage-{CODES}"] = {"selection": {"points": [{"customdata": [2]}]}}
    assert selecting.numbers(at.session_state[f"map-{CODES}"]) == [3]
    at.number_input(key="place").set_value(3).run()
    at.number_input(key="code").set_value(2).run()
    assert "at place 3 (row 1, column 4)" in said(at)
    assert not at.exception


def test_places_and_codes_out_of_range_are_forgotten():
    at = app(model=CODES, place="400", code="99", image="9999")
    assert at.number_input(key="place").value < 16
    assert at.number_input(key="code").value < 4


def test_two_families_side_by_side():
    at = app(model=TWO, beside=CODES)
    assert "Perplexity" in said(at)
    assert "drawn anew" in said(at)
    assert not at.info


def test_a_model_with_neither_says_so_and_offers_both():
    at = app(model="digits-standard-2d")
    assert "neither layers" in at.info[0].value
    offered = [button.label for button in at.button if button.label.startswith("Open ")]
    assert len(offered) == 2
    next(button for button in at.button if button.label == offered[0]).click().run()
    assert not at.exception
    assert at.get("plotly_chart")


@pytest.mark.slow
def test_every_hierarchy_in_every_view():
    for entry in library.whole():
        if entry.space_kind == "layers":
            for view in ("Redrawn below", "Layer by layer", "Planes"):
                at = app(model=entry.name, layers=view)
                assert at.get("bidi_component" if view == "Planes" else "plotly_chart")
