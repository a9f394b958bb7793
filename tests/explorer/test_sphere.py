"""The sphere page and what it is made of: the globe against direct computation, the twin, the controls, bad links."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load as tensors_of
from streamlit.testing.v1 import AppTest

from explorer import ROOT, globe, library
from explorer.canvas import blobs, globes, scene
from latents.maps import vectors

SPHERES = ("digits-vmf", "digits-vmf-5d", "digits-vmf-vampprior", "digits-power-spherical")


def opened(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/sphere.py")
    at.query_params.update(parameters)
    return at.run()


def said(at: AppTest) -> str:
    assert not at.exception
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info])


# -- the globe -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPHERES)
def test_points_are_unit_vectors_and_the_way_back_stays_on_the_sphere(name):
    entry = library.find(name)
    found = globe.of(entry)
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(3), atol=1e-5)
    back = found.back(found.points)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1, atol=1e-5)
    z = library.encoding(entry).points
    assert (np.sum(back * z, axis=1) >= np.sum(found.back(np.roll(found.points, 1, 0)) * z, axis=1) - 1e-5).all()
    if z.shape[1] == 3:
        np.testing.assert_allclose(found.points, z, atol=1e-5)
        assert found.lost is None
    else:
        assert f"{found.held * 100:.0f}" in found.lost
        assert "3 other directions" in found.lost


def test_the_globe_holds_more_of_the_points_than_any_other_great_sphere_that_was_tried():
    entry = library.find("digits-vmf-5d")
    z, found = library.encoding(entry).points.astype(np.float64), globe.of(entry)
    generator = np.random.default_rng(0)
    for _ in range(200):
        axes = np.linalg.qr(generator.normal(size=(z.shape[1], 3)))[0].T
        assert np.mean((z @ axes.T) ** 2) * 3 < found.held
    assert found.held == pytest.approx(np.mean(np.sum((z @ found.axes.T) ** 2, axis=1)), rel=1e-4)


@pytest.mark.parametrize("name", ["digits-vmf", "digits-power-spherical", "digits-vmf-5d"])
def test_a_cap_holds_its_share_of_the_models_own_posterior(name):
    import torch

    entry = library.find(name)
    narrow = globe.concentration(entry)
    test = library.images(entry)
    n = 4000
    with torch.no_grad():
        q = library.model(entry).encode(torch.as_tensor(test.seen[:40]).float() / 255)
        draws = q.rsample((n,)).double().numpy()
    mean = library.encoding(entry).points[:40].astype(np.float64)
    angle = 2 * np.arcsin(np.clip(np.linalg.norm(draws - mean, axis=-1) / 2, 0, 1))
    for which, share in enumerate(globe.SHARES):
        held = (angle <= narrow.caps[:40, which]).mean()
        assert held == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / (40 * n)) + 1e-3)
    assert (narrow.caps[:, 0] < narrow.caps[:, 1]).all()
    assert np.corrcoef(narrow.kappa, narrow.caps[:, 1])[0, 1] < -0.5


def test_the_gaussian_twin_has_the_same_data_and_dimensions():
    pairs = {
        "mnist-vmf-2d": "mnist-standard-2d",
        "mnist-vmf-5d": "mnist-standard-5d",
        "digits-vmf": "digits-standard-2d",
    }
    for name, other in pairs.items():
        assert globe.twin(library.find(name)).name == other
    assert globe.twin(library.find("digits-vmf-5d")) is None


def test_what_the_canvas_is_given():
    entry = library.find("digits-vmf-vampprior")
    legend = scene.classes([entry])
    shown = globes.planes(entry, legend)
    assert [plane.view for plane in shown] == ["map", "globe"]
    assert [plane.panel for plane in shown] == [True, False]
    arrays = tensors_of(shown[0].points)
    labels = library.images(entry).labels
    np.testing.assert_array_equal([legend[place].label for place in arrays["group"]], labels)
    np.testing.assert_array_equal(arrays["globe"], globe.of(entry).points)
    assert arrays["pseudo"].shape == (50, 3)
    assert arrays["shares"].sum() == pytest.approx(1, abs=1e-4)
    assert arrays["caps"].shape == (len(labels), 2)
    assert shown[0].decoder is not None
    about = shown[0].json(lambda content, mimetype: f"{mimetype} {len(content)}")
    assert (about["view"], about["panel"], about["name"]) == ("map", True, entry.name)


def test_contours_hold_what_the_model_says_there():
    """The prior's grid against the model, the aggregated posterior's mass, and none of a constant."""
    import torch

    entry = library.find("digits-vmf-vampprior")
    shown = globes.planes(entry, scene.classes([entry]), aggregate=True, holes=True)[0]
    assert set(shown.contours) == {"prior", "aggregate", "holes"}
    for kind in ("prior", "aggregate"):
        arrays = tensors_of(shown.contours[kind])
        x0, dx, y0, dy = map(float, arrays["frame"])
        rows, columns = arrays["log_density"].shape
        longitude, latitude = np.radians(x0 + dx * np.arange(columns)), np.radians(y0 + dy * np.arange(rows))
        log_p = arrays["log_density"].astype(np.float64)
        weights = np.cos(latitude)[:, None] * np.radians(dx) * np.radians(dy)
        assert (np.exp(log_p) * weights).sum() == pytest.approx(1, abs=5e-3)
        if kind == "prior":
            z = vectors(longitude[None, ::10], latitude[::10, None]).astype(np.float32)
            with torch.no_grad():
                there = library.model(entry).prior().log_prob(torch.as_tensor(z)).numpy()
            np.testing.assert_allclose(log_p[::10, ::10], there, atol=0.02)
    assert globes.planes(library.find("digits-vmf"), [])[0].contours == {}
    assert globes.planes(library.find("digits-vmf-5d"), [], aggregate=True, holes=True)[0].contours == {}


# -- the page ------------------------------------------------------------------------------------------------


def test_the_page_shows_map_globe_and_twin():
    at = opened(model="digits-vmf")
    words = said(at)
    assert "on a Hammer map (areas are kept) and on the globe" in words
    assert "digits-standard-2d" in words
    assert "digits-vmf (the sphere S²)" in words
    assert at.get("bidi_component")


def test_above_two_dimensions_the_page_says_what_is_lost():
    words = said(opened(model="digits-vmf-5d"))
    assert "This is a shadow: the globe is the great sphere of S⁵" in words


def test_controls_come_from_the_link():
    at = opened(model="digits-vmf", map="Mollweide", longitude="30", latitude="-20", view="Lattice", caps="false")
    assert at.selectbox(key="map").value == "mollweide"
    assert (at.slider(key="longitude").value, at.slider(key="latitude").value) == (30, -20)
    assert "spread evenly over the sphere, on a Mollweide map" in said(at)
    assert not at.toggle(key="caps").value


def test_the_caption_says_what_contours_and_holes_are():
    words = said(opened(model="digits-vmf", holes="true", map="Two hemispheres", aggregate="true"))
    assert "The prior is 1/(4π) everywhere, without contours." in words
    assert "Contours of all q(z|x) together (dashed) enclose 25, 50, 75 and 95 %, of the sphere's area" in words
    assert "Red are holes: the prior puts " in words
    assert "Contours of the prior (full) enclose" in said(opened(model="digits-vmf-vampprior"))


def test_umaps_sphere_is_for_any_model(tmp_path, monkeypatch):
    """A map that was computed before, here made by hand; and the way to one that was not."""
    from latents import neighbour_maps
    from latents.folder import write_whole

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    entry = library.find("digits-standard-8d")
    places = vectors(np.linspace(-3, 3, 300), np.linspace(-1, 1, 300)).astype(np.float32)
    write_whole(neighbour_maps.cache_file(entry.path, "umap-sphere"), blobs.tensors({"places": places}))
    at = opened(model=entry.name, map="UMAP sphere")
    words = said(at)
    assert "placed by UMAP on a sphere, on a Hammer map (areas are kept)" in words
    assert "UMAP keeps neighbours: distances between groups, their sizes, poles and meridians mean nothing." in words
    shown = globes.planes(entry, scene.classes([entry]), made=True)[0]
    arrays = tensors_of(shown.points)
    np.testing.assert_array_equal(arrays["globe"], places)
    assert "axes" not in arrays
    assert shown.codes is not None
    assert shown.contours == {}

    assert "has not been computed yet" in said(opened(model="digits-vmf-5d", map="UMAP sphere"))
    assert "This model's z has two numbers" in str(globe.why_no_umap(library.find("digits-standard-2d")))


def test_two_chosen_images_and_many():
    assert "caps hold" in said(opened(model="digits-vmf", picked="3.17"))
    many = opened(model="digits-vmf", picked="3.17.20.21")
    assert "4 test images" in [part.value for part in many.subheader]


def test_the_chosen_image_of_the_link_is_selected():
    at = opened(model="digits-vmf", image="12")
    assert at.session_state["picked"] == "12"
    assert opened(model="digits-vmf", image="12", picked="3.7").session_state["picked"] == "3.7"
    assert opened(model="digits-vmf", picked="9").number_input(key="image").value == 9


def test_what_is_chosen_is_kept_on_the_way_to_another_page_and_back():
    at = opened(model="digits-vmf", picked="3.17.20")
    at.switch_page("../pages/samples.py").run()
    at.switch_page("../pages/sphere.py").run()
    said(at)
    assert at.session_state["picked"] == "3.17.20"


def test_a_second_image_is_chosen_by_its_number():
    at = opened(model="digits-vmf", image="12")
    at.number_input(key="sphere-second").set_value(7).run()
    assert (at.session_state["picked"], at.session_state["image"]) == ("7.12", 12)
    at.number_input(key="image").set_value(30).run()
    assert at.session_state["picked"] == "7.30"
    at.number_input(key="sphere-second").set_value(None).run()
    assert at.session_state["picked"] == "30"
    at = opened(model="digits-vmf", image="9", picked="4.9")
    assert (at.number_input(key="image").value, at.number_input(key="sphere-second").value) == (9, 4)


def test_a_random_pair_is_chosen():
    at = opened(model="digits-vmf")
    next(button for button in at.button if button.label == "A pair").click().run()
    first, second = map(int, at.session_state["picked"].split("."))
    labels = library.images(library.find("digits-vmf")).labels
    assert labels[first] != labels[second]


@pytest.mark.parametrize(
    "broken",
    [
        {"map": "Mercator"},
        {"longitude": "999"},
        {"latitude": "north"},
        {"zoom": "2_0_x~~9"},
        {"picked": "5.100000.x"},
        {"image": "123456"},
        {"model": "gone"},
        {"beside": "gone"},
    ],
)
def test_a_damaged_link_still_opens(broken):
    at = opened(**{"model": "digits-vmf", **broken})
    said(at)
    assert at.get("bidi_component") or at.info


def test_a_model_without_a_sphere_has_its_sentence_and_a_way_out():
    at = opened(model="digits-standard-2d")
    assert at.info[0].value == globe.why_none(library.find("digits-standard-2d"))
    next(button for button in at.button if button.label.startswith("Open digits-")).click().run()
    assert "on a Hammer map" in said(at)


@pytest.mark.slow
def test_a_circle_has_its_sentence_and_its_plane(tmp_path, monkeypatch):
    """S^1, which no preset makes but a recipe can."""
    import latents
    from latents.recipe import override, preset

    changes = {"model.latent": "1", "training.epochs": "1", "training.snapshots": "2"}
    latents.train(override(preset("digits-vmf"), changes), tmp_path / "circle", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    at = opened(model="circle")
    assert at.info[0].value == globe.CIRCLE
    assert any(button.label == "Its plane" for button in at.button)


def test_a_sphere_beside_a_plane_is_shown_with_it():
    words = said(opened(model="digits-vampprior-2d", beside="digits-vmf"))
    assert "below the globe the same images in digits-vampprior-2d" in words


def test_a_decoder_that_is_too_large_for_the_browser_has_its_sentence(tmp_path, monkeypatch):
    import latents
    from latents.recipe import override, preset

    changes = {"model.posterior.kind": "vmf", "model.prior.kind": "uniform-sphere", "model.latent": "2"}
    recipe = override(preset("digits-pixelcnn"), {**changes, "training.epochs": "1", "training.snapshots": "2"})
    latents.train(recipe, tmp_path / "pixels-on-a-sphere", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    words = said(opened(model="pixels-on-a-sphere", view="Lattice"))
    assert "Each dot is" in words
    assert "Nothing is decoded here: " in words
    assert "pixel" in words.partition("Nothing is decoded here: ")[2].partition(".")[0]


def test_a_model_of_other_data_is_not_beside():
    words = said(opened(model="digits-vmf", beside="mnist-standard-2d"))
    assert "mnist-standard-2d is not shown" in words
