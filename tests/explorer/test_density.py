import numpy as np
import pytest

from explorer.charts import density


def normal(x, y, sd=1.0):
    """log N(z; 0, sd^2 I) on a grid [Y, X]."""
    return -(x[None] ** 2 + y[:, None] ** 2) / (2 * sd**2) - np.log(2 * np.pi * sd**2)


def crossing(found, level):
    """Where the map falls through a level on the positive x axis."""
    row = np.argmin(np.abs(found.y))
    right = found.x >= 0
    profile = found.levels[row, right].astype(float)
    return float(np.interp(-level, -profile, found.x[right]))


@pytest.mark.parametrize("sd", [0.5, 1.0])
def test_contours_of_a_normal_enclose_their_shares(sd):
    x, y = density.grid(((-5, 5), (-5, 5)), 201)
    found = density.density(x, y, normal(x, y, sd), masses=(0.25, 0.5, 0.75, 0.95))
    for place, mass in enumerate((0.95, 0.75, 0.5, 0.25), start=1):
        radius = sd * np.sqrt(-2 * np.log(1 - mass))  # of the disc that holds this share
        assert crossing(found, density.STEP * place) == pytest.approx(radius, abs=0.03)


def test_levels_rise_with_the_density():
    x, y = density.grid(((-3, 3), (-3, 3)), 60)
    log_p = normal(x, y)
    found = density.density(x, y, log_p)
    order = np.argsort(log_p.ravel())
    assert (np.diff(found.levels.ravel()[order].astype(int)) >= 0).all()


def test_a_share_outside_the_grid_has_no_contour():
    x, y = density.grid(((-1, 1), (-1, 1)), 80)  # holds 47 % of a standard normal
    found = density.density(x, y, normal(x, y))
    outermost, second = density.STEP, 2 * density.STEP
    assert found.levels.min() > second > outermost


def test_a_flat_density_does_not_fail():
    x, y = density.grid(((0, 1), (0, 1)), 10)
    assert np.isfinite(density.density(x, y, np.zeros((10, 10))).levels).all()


def test_the_grid_has_square_cells():
    x, y = density.grid(((0, 4), (0, 2)), 40)
    assert (len(x), len(y)) == (40, 20)
    assert x[1] - x[0] == pytest.approx(y[1] - y[0])


def test_the_caption_says_the_shares_that_are_drawn():
    *most, last = (f"{mass * 100:.0f}" for mass in density.MASSES)
    assert f"{', '.join(most)} and {last} %" == density.SHARES
