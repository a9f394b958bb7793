"""Draws from the prior and its components, and what the components explain."""

import numpy as np
import pytest

from explorer import draws, library, usage


@pytest.fixture(scope="module")
def vamp():
    return library.find("digits-vampprior-2d")


@pytest.fixture(scope="module")
def standard():
    return library.find("digits-standard-2d")


def test_draws_are_the_same_again_and_fewer_are_the_first_of_more(vamp):
    many = draws.prior_codes(vamp, 3, 100)
    np.testing.assert_array_equal(draws.prior_codes(vamp, 3, 7), many[:7])
    assert not np.array_equal(draws.prior_codes(vamp, 4, 100), many)


def test_draws_of_a_standard_prior_are_those_of_any_other_such_model(standard):
    import torch

    torch.manual_seed(11)
    expected = torch.randn(draws.MOST, 2)[:9]
    np.testing.assert_array_equal(draws.prior_codes(standard, 11, 9), expected)


def test_draws_leave_the_random_numbers_of_others_alone(vamp):
    import torch

    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    draws.pictures(vamp, draws.prior_codes(vamp, 0, 4), 0, pixels=True)
    assert torch.equal(torch.rand(3), expected)


def test_means_and_drawn_pixels(vamp):
    z = draws.prior_codes(vamp, 0, 6)
    means, kind = draws.pictures(vamp, z, 0)
    assert kind == "mean"
    np.testing.assert_array_equal(means, library.decode(vamp, z))
    drawn = [draws.pictures(vamp, z, seed, pixels=True) for seed in range(200)]
    assert drawn[0][1] == "sample"
    assert set(np.unique(drawn[0][0])) <= {0, 255}
    average = np.mean([images for images, _ in drawn], axis=0)
    assert np.abs(average - means).max() < 255 * 0.15  # over four standard errors of 200 draws


def test_draws_from_a_component_are_draws_from_the_posterior_of_its_pseudo_input(vamp):
    import torch

    net = library.model(vamp)
    with torch.no_grad():
        q = net.encode(net.pseudo_inputs[4:5])
    z = draws.component_codes(vamp, 4, 0, 4000)
    np.testing.assert_allclose(z.mean(0), q.mean[0], atol=5 * float(q.stddev.max()) / 4000**0.5)
    np.testing.assert_allclose(z.std(0), q.stddev[0], rtol=0.06)


def test_usage(vamp, standard):
    found = usage.of(vamp)
    assert found.shares.sum() == pytest.approx(1)
    assert (np.diff(found.shares[found.order]) <= 0).all()
    ordered = np.sort(found.shares)[::-1]
    assert ordered[: found.half].sum() >= 0.5 > ordered[: found.half - 1].sum()
    assert found.images == 300
    assert usage.of(standard) is None


def test_components_in_pictures_and_codes(vamp):
    np.testing.assert_allclose(usage.codes(vamp), library.pseudo_codes(vamp), atol=1e-6)
    pseudo = library.model(vamp).pseudo_inputs.numpy()
    assert np.abs(usage.pictures(vamp) - pseudo * 255).max() <= 0.51


def test_nearest_images_are_the_most_probable_ones(vamp):
    mean, test = usage.codes(vamp)[2], library.encoding(vamp)
    import torch

    with torch.no_grad():
        spread = library.model(vamp).prior().components.stddev[2].numpy()
    distance = (((test.points - mean) / spread) ** 2).sum(1)
    np.testing.assert_array_equal(usage.nearest_images(vamp, 2, 5), np.argsort(distance)[:5])


@pytest.fixture
def pixelwise(tiny, tmp_path, monkeypatch):
    """A model without latent variables, whose pictures are drawn pixel by pixel."""
    import latents

    latents.train(tiny(training__epochs=1, model__kind="finite-memory"), tmp_path / "pixels", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    return library.find("pixels")


def test_pictures_that_are_drawn_pixel_by_pixel_come_in_blocks(pixelwise):
    assert draws.slow(pixelwise)
    done = []
    many = draws.from_prior(pixelwise, 3, 40, watch=done.append)
    assert done == [0, draws.BLOCK]
    assert many.kind == "sample"
    assert many.pictures.shape == (40, 1, 8, 8)
    few = draws.from_prior(pixelwise, 3, 5)
    np.testing.assert_array_equal(few.pictures, many.pictures[:5])
    assert not np.array_equal(draws.from_prior(pixelwise, 4, 5).pictures, few.pictures)
    assert not np.array_equal(many.pictures[:8], many.pictures[32:])
