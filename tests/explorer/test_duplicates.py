"""Near-duplicate components against divergences that PyTorch computes, and the sheets of samples around them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Independent, Normal, kl_divergence

from explorer import around, draws, duplicates, library, usage
from explorer.charts import sheet, theme
from latents.distributions import DiagonalGaussian
from latents.von_mises_fisher import VonMisesFisher


def gaussians(mean, stddev):
    mean, stddev = torch.tensor(mean), torch.tensor(stddev)
    return DiagonalGaussian(mean, 2 * stddev.log())


def test_divergences_are_those_of_torch():
    torch.manual_seed(0)
    mean, stddev = torch.randn(70, 3), torch.rand(70, 3) + 0.2
    found = duplicates.compute(DiagonalGaussian(mean, 2 * stddev.log()))
    assert found.closed
    assert len(found.pairs) == duplicates.MOST
    q = [Independent(Normal(mean[k].double(), stddev[k].double()), 1) for k in range(70)]
    table = np.full((70, 70), np.inf)
    for i in range(70):
        for j in range(70):
            if i != j:
                table[i, j] = 0.5 * (kl_divergence(q[i], q[j]) + kl_divergence(q[j], q[i]))
    np.testing.assert_allclose(found.nearest, table.min(1), rtol=1e-4)
    np.testing.assert_allclose(found.divergence, [table[i, j] for i, j in found.pairs], rtol=1e-4)
    np.testing.assert_allclose(found.divergence, np.sort(table[np.triu_indices(70, 1)])[: duplicates.MOST], rtol=1e-4)
    assert found.below == (table[np.triu_indices(70, 1)] < duplicates.THRESHOLD).sum()


def test_one_standard_deviation_apart_is_the_threshold():
    found = duplicates.compute(gaussians([[0.0, 1.0], [0.6, 1.0], [30.0, 0.0]], [[0.6, 2.0]] * 3))
    assert found.pairs[0].tolist() == [0, 1]
    assert found.divergence[0] == pytest.approx(duplicates.THRESHOLD)
    assert found.apart[0] == pytest.approx(1)
    near = duplicates.compute(gaussians([[0.0], [0.3], [9.0]], [[1.0]] * 3))
    assert (near.doubled, near.below) == (2, 1)


def test_a_single_component_has_no_other():
    found = duplicates.compute(gaussians([[0.0]], [[1.0]]))
    assert len(found.pairs) == 0
    assert found.doubled == 0


def test_divergences_without_a_closed_form_are_estimated_by_draws():
    """Of von Mises-Fisher of one kappa: KL = kappa A(kappa) (1 - cos), with A = coth(kappa) - 1 / kappa on S2."""
    kappa, angle = 20.0, 0.3
    direction = torch.tensor([[1.0, 0, 0], [np.cos(angle), np.sin(angle), 0], [-1.0, 0, 0]])
    found = duplicates.compute(VonMisesFisher(direction, torch.full((3,), kappa)))
    assert not found.closed
    assert found.apart is None
    assert found.pairs[0].tolist() == [0, 1]
    expected = kappa * (1 / np.tanh(kappa) - 1 / kappa) * (1 - np.cos(angle))
    assert found.divergence[0] == pytest.approx(expected, abs=0.35)  # 3.5 standard errors of 128 draws


def test_draws_of_a_component_are_the_first_of_more_and_its_own():
    vamp = library.find("digits-vampprior-2d")
    many = around.of_component(vamp, 3, 5, 24)
    np.testing.assert_array_equal(around.of_component(vamp, 3, 5, 9), many[:9])
    np.testing.assert_array_equal(many, library.decode(vamp, draws.component_codes(vamp, 3, 5, 24)))
    assert not np.array_equal(around.of_component(vamp, 4, 5, 9), many[:9])


def test_which_components_are_chosen():
    found = usage.Usage(np.array([0.1, 0.6, 0.3]), np.array([1, 2, 0]), 10)
    assert around.chosen(found, around.MOST_USED, 2, 3).tolist() == [1, 2]
    assert around.chosen(found, around.LEAST_USED, 2, 1).tolist() == [3, 2]
    assert around.chosen(found, around.CHOSEN, 2, 3).tolist() == [3]
    assert around.chosen(found, around.LEAST_USED, 8, 1).tolist() == [3, 2, 1]


def test_the_picture_in_the_corner_is_framed():
    images = np.random.default_rng(0).integers(0, 255, (6, 1, 6, 4), np.uint8)
    drawn = np.asarray(Image.open(io.BytesIO(sheet.cornered(images[0], images[1:], 3, 2, theme.LIGHT))))
    frame, high, wide = sheet.FRAME, 12, 8
    assert drawn.shape == (2 * (high + frame) + frame, 3 * (wide + frame) + frame, 4)
    for i, image in enumerate(images):
        top, left = i // 3 * (high + frame) + frame, i % 3 * (wide + frame) + frame
        tile = drawn[top : top + high, left : left + wide]
        np.testing.assert_array_equal(tile[..., 0], image[0].repeat(2, 0).repeat(2, 1))
    ink = sheet.colour(theme.LIGHT.ink)
    assert tuple(drawn[0, 0]) == tuple(drawn[high + frame, wide + frame]) == ink
    assert not drawn[0, wide + 2 * frame :, 3].any()  # nothing around the others
