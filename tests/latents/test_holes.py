"""Holes of the aggregated posterior, against closed forms and a mixture in SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from latents.holes import TAIL, aggregated_log_prob, holes


def test_the_density_is_that_of_the_mixture():
    random = np.random.default_rng(0)
    mean, stddev, z = random.normal(size=(7, 3)), random.uniform(0.2, 2, size=(7, 3)), random.normal(size=(11, 3))
    expected = np.log(np.mean([stats.norm(m, s).pdf(z).prod(-1) for m, s in zip(mean, stddev, strict=True)], axis=0))
    found = aggregated_log_prob(*(torch.tensor(array) for array in (mean, stddev, z)))
    assert found.numpy() == pytest.approx(expected)


def test_a_prior_that_agrees_has_the_tail_alone():
    mean, stddev = torch.zeros(1, 2), torch.ones(1, 2)
    found = holes(mean, stddev, torch.randn(4000, 2, generator=torch.Generator().manual_seed(1)))
    assert found.share == pytest.approx(TAIL, abs=4 * found.standard_error)
    assert 0.001 < found.standard_error < 0.006


def test_a_wider_prior_against_the_closed_form():
    """q is a standard normal, p has twice its deviation: outside q's 99 % disc, r² > −2 ln 0.01, lies exp(−r²/8)."""
    found = holes(
        torch.zeros(1, 2), torch.ones(1, 2), 2 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(2))
    )
    expected = np.exp(2 * np.log(TAIL) / 8)
    assert found.share == pytest.approx(expected, abs=4 * found.standard_error)
    assert found.threshold == pytest.approx(np.log(TAIL / (2 * np.pi)), abs=0.4)
    assert found.draws == 4000


def test_a_prior_far_away_lies_in_a_hole():
    found = holes(torch.zeros(5, 2), torch.ones(5, 2), torch.full((100, 2), 50.0))
    assert found.share == 1
    assert found.standard_error == 0
