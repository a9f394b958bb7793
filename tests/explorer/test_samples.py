"""Samples from other sources and at other temperatures, and what is nearest to them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import ROOT, draws, library, memorised, tempering
from explorer.charts import sheet
from latents import data
from latents.distributions import DiagonalGaussian, GaussianMixture


def app(**parameters: str) -> AppTest:
    """The page, opened by a link with these parameters."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/samples.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    assert not at.error
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


# -- temperature ---------------------------------------------------------------------------------------------


def test_a_gaussian_is_scaled_around_its_mean():
    p = DiagonalGaussian(torch.tensor([3.0, -1.0]), torch.tensor([0.0, 2.0]))
    torch.manual_seed(0)
    once = p.sample((20_000,))
    torch.manual_seed(0)
    half = tempering.sample(p, 20_000, 0.5)
    np.testing.assert_allclose(half - p.mean, 0.5 * (once - p.mean), atol=1e-5)
    np.testing.assert_allclose(half.std(0), 0.5 * p.stddev, rtol=0.03)


def test_a_mixture_is_scaled_within_its_components():
    mean = torch.tensor([[-10.0], [0.0], [10.0]])
    p = GaussianMixture(DiagonalGaussian(mean, torch.zeros(3, 1)), torch.tensor([0.2, 0.3, 0.5]).log())
    torch.manual_seed(1)
    once = p.sample((6000,))
    torch.manual_seed(1)
    narrow = tempering.sample(p, 6000, 0.1)
    nearest = (narrow - mean.T).abs().argmin(1)
    assert torch.equal(nearest, (once - mean.T).abs().argmin(1))  # the components are drawn as ever
    np.testing.assert_allclose(np.bincount(nearest) / 6000, [0.2, 0.3, 0.5], atol=0.03)
    assert (narrow - mean[nearest]).std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("name", "able"),
    [
        ("digits-vampprior-2d", True),
        ("digits-auto-encoder", True),
        ("digits-hvae-vampprior", True),
        ("digits-maf-prior", True),
        ("digits-vampprior-householder", True),
        ("digits-realnvp", True),
        ("digits-vmf", False),
        ("digits-vmf-vampprior", False),
        ("digits-stick-breaking", False),
        ("digits-vq-vae", False),
        ("digits-causal-convolution", False),
    ],
)
def test_which_priors_have_a_temperature(name, able):
    entry = library.find(name)
    assert (draws.why_not_tempered(entry) is None) == able
    if able:
        cold, warm = (draws.prior_codes(entry, 0, 200, t) for t in (0.3, 1.0))
        assert cold.shape == warm.shape == (200, entry.size)
        assert cold.std(0).sum() < warm.std(0).sum()
        np.testing.assert_array_equal(warm, draws.prior_codes(entry, 0, 200))
        np.testing.assert_allclose(draws.prior_codes(entry, 0, 200, 0.9999), warm, atol=0.05)


# -- the aggregated posterior --------------------------------------------------------------------------------


def test_posterior_codes_follow_the_posteriors_of_their_images():
    entry = library.find("digits-standard-8d")
    places, codes = draws.posterior_images(entry, 4), draws.posterior_codes(entry, 4)
    known = library.encoding(entry)
    standard = (codes - known.points[places]) / known.stddev[places]
    assert np.abs(standard.mean(0)).max() < 5 / draws.MOST**0.5
    np.testing.assert_allclose(standard.std(0), 1, atol=0.2)
    assert len(np.unique(places)) > 200
    np.testing.assert_array_equal(places, draws.posterior_images(library.find("digits-vmf"), 4))


def test_draws_of_an_auto_encoder_are_reconstructions():
    entry = library.find("digits-auto-encoder")
    assert draws.certain(entry)
    assert not draws.certain(library.find("digits-standard-2d"))
    places = draws.posterior_images(entry, 0)[:6]
    shown = draws.from_posterior(entry, 0, 6).pictures
    expected = library.decode(entry, library.encoding(entry).points[places])
    assert np.abs(shown.astype(int) - expected).max() <= 1


# -- what is nearest -----------------------------------------------------------------------------------------


def test_nearest_images_are_those_of_a_search_one_by_one(monkeypatch):
    monkeypatch.setattr(memorised, "_CHUNK", 7)
    random = np.random.default_rng(0)
    shelf = memorised.Shelf(random.integers(0, 256, (40, 1, 5, 4), np.uint8), "training")
    pictures = random.integers(0, 256, (6, 1, 5, 4), np.uint8)
    pictures[2] = shelf.images[33]
    found = memorised.nearest(pictures, shelf)
    for i, picture in enumerate(pictures):
        far = [np.linalg.norm((picture / 255 - image / 255).ravel()) for image in shelf.images]
        assert found.places[i] == np.argmin(far)
        assert found.distances[i] == pytest.approx(min(far), abs=1e-5)
    assert found.distances[2] == 0
    np.testing.assert_array_equal(found.images, shelf.images[found.places])


def test_training_images_are_compared_where_they_are_on_disk(monkeypatch, tmp_path):
    digits = memorised.shelf(library.find("digits-standard-2d"))
    assert digits.split == "training"
    np.testing.assert_allclose(digits.images / 255, data.load("digits").train.images, atol=0.002)
    monkeypatch.setenv("LATENTS_DATA", str(tmp_path))
    memorised._shelf.clear()
    mnist = memorised.shelf(library.find("mnist-standard-2d"))
    memorised._shelf.clear()
    assert mnist.split == "test"
    assert len(mnist.images) == 10_000
    assert not list(tmp_path.iterdir())  # nothing was downloaded


def test_pairs_are_drawn_side_by_side():
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 1, 6, 4), np.uint8)
    drawn = np.asarray(Image.open(io.BytesIO(sheet.beside(images[0], images[1], 2, scale=2, gap=1))))
    assert drawn.shape == (2 * 12 + 3, 2 * 17 + 3, 2)
    for i in range(3):
        top, left = i // 2 * 15, i % 2 * 20
        for k in range(2):
            tile = drawn[top : top + 12, left + 9 * k : left + 9 * k + 8, 0]
            np.testing.assert_array_equal(tile, images[k, i, 0].repeat(2, 0).repeat(2, 1))
    assert not drawn[:, 17:20, 1].any()


# -- the page ------------------------------------------------------------------------------------------------


def test_the_link_restores_source_and_neighbours():
    at = app(model="digits-standard-2d", source="Aggregated posterior", nearest="true", seed="3", rows="4")
    said = texts(at)
    assert "These are 16 draws z from the aggregated posterior" in said
    entry = library.find("digits-standard-2d")
    near = memorised.nearest(draws.from_posterior(entry, 3, 16).pictures, memorised.shelf(entry))
    assert f"nearest training image**, {np.median(near.distances):.2f} away in the median" in said
    assert f"test images are {memorised.usual(entry):.2f} away from theirs. Means are smooth" in said
    drawn = texts(app(model="digits-standard-2d", nearest="true", shown="Drawn pixels", rows="4"))
    assert "Drawn pixels are noisy" in drawn
    assert "Means are smooth" not in drawn


def test_the_temperature_of_two_models_one_of_which_has_none():
    at = app(model="digits-standard-2d", beside="digits-vmf", temperature="0.5")
    said = texts(at)
    assert "At temperature 0.5, standard deviations are multiplied" in said
    assert "digits-vmf is drawn at temperature 1. The prior is no Gaussian" in said
    assert "temperature 0.5 ·" in said
    assert "No temperature: The prior is no Gaussian" in texts(app(model="digits-vmf"))


def test_the_prior_of_an_auto_encoder_is_a_fitted_gaussian():
    said = texts(app(model="digits-auto-encoder"))
    assert "The prior of digits-auto-encoder is a Gaussian fitted to the codes after training." in said


FAMILIES = ("digits-hvae", "digits-pca", "digits-vq-vae", "digits-realnvp", "digits-stick-breaking", "digits-pixelcnn")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_reconstructions_and_neighbours(name):
    at = app(model=name, source="Aggregated posterior", nearest="true", rows="4", few_rows="2")
    assert at.get("image")
    assert "aggregated posterior" in texts(at)
    assert "nearest training image" in texts(at)


def test_what_has_no_posterior_says_so_beside_what_has_one():
    at = app(
        model="digits-standard-2d", beside="digits-causal-convolution", source="Aggregated posterior", few_rows="2"
    )
    assert at.info[0].value == library.why_not(library.find("digits-causal-convolution"), "encode")
    assert len(at.get("image")) == 1
