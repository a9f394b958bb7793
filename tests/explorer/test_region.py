"""The part of a plane that is in view."""

import numpy as np
import pytest

from explorer.charts import theme
from explorer.charts.region import limits, widened
from explorer.charts.waiting import waiting


def test_limits_are_square_and_hold_the_points():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(5000, 2)), rng.normal(size=(500, 2)) * [3, 1] + [1, 0]]
    (left, right), (low, high) = limits(clouds)
    assert right - left == high - low
    for cloud in clouds:
        inside = (cloud[:, 0] > left) & (cloud[:, 0] < right) & (cloud[:, 1] > low) & (cloud[:, 1] < high)
        assert inside.mean() > 0.99
    assert all(edge % 0.5 == 0 for edge in (left, right, low, high))


def test_limits_of_points_that_are_all_one():
    (left, right), (low, high) = limits([np.zeros((10, 2))])
    assert left < 0 < right
    assert low < 0 < high


def test_widened_keeps_the_centre():
    assert widened(((0.0, 2.0), (1.0, 3.0)), 2) == ((-1.0, 3.0), (0.0, 4.0))


def test_the_waiting_figure_says_what_it_waits_for():
    assert waiting("Placing", theme.DARK, 300).layout.annotations[0].text == "Placing"


def test_points_that_lie_close_together_fill_their_plane():
    rng = np.random.default_rng(0)
    (left, right), (low, high) = limits([rng.uniform(-0.2, 0.2, size=(500, 2))])
    assert 0.4 <= right - left <= 0.8
    assert right - left == pytest.approx(high - low)
