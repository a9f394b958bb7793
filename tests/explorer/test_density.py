import numpy as np
import pytest

from explorer.charts import density


def normal(x, y, sd=1.0):
    """log N(z; 0, sd^2 I) on a grid [Y, X]."""
    return -(x[None] ** 2 + y[:, None] ** 2) / (2 * sd**2) - np.log(2 * np.pi * sd**2)


@pytest.mark.parametrize("sd", [0.5, 1.0])
def test_contours_of_a_normal_enclose_their_shares(sd):
    x, y = density.grid(((-5, 5), (-5, 5)), 201)
    found = density.density(x, y, normal(x, y, sd), masses=(0.25, 0.5, 0.75, 0.95))
    for threshold, mass in zip(found.thresholds, (0.95, 0.75, 0.5, 0.25), strict=True):
        radius = sd * np.sqrt(-2 * np.log(1 - mass))  # of the disc that holds this share
        there = sd * np.sqrt(-2 * (threshold + np.log(2 * np.pi * sd**2)))  # where the density is at the threshold
        assert there == pytest.approx(radius, abs=0.03)


def test_the_grid_keeps_the_log_density_itself():
    x, y = density.grid(((-3, 3), (-3, 3)), 60)
    log_p = normal(x, y)
    found = density.density(x, y, log_p)
    assert found.log_p.shape == (60, 60)
    assert np.allclose(found.log_p, log_p, atol=1e-6)
    assert (np.diff(found.thresholds) > 0).all()


def test_a_share_outside_the_grid_has_no_contour():
    x, y = density.grid(((-1, 1), (-1, 1)), 80)  # holds 47 % of a standard normal
    assert len(density.density(x, y, normal(x, y)).thresholds) == 1


def test_a_flat_density_does_not_fail():
    x, y = density.grid(((0, 1), (0, 1)), 10)
    assert np.isfinite(density.density(x, y, np.zeros((10, 10))).thresholds).all()


def test_the_grid_has_square_cells():
    x, y = density.grid(((0, 4), (0, 2)), 40)
    assert (len(x), len(y)) == (40, 20)
    assert x[1] - x[0] == pytest.approx(y[1] - y[0])


def test_the_caption_says_the_shares_that_are_drawn():
    *most, last = (f"{mass * 100:.0f}" for mass in density.MASSES)
    assert f"{', '.join(most)} and {last} %" == density.SHARES
