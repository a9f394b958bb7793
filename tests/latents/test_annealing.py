"""The KL's weight over the epochs: values by hand, and what counts as settled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latents.objectives.annealing import kl_weight
from latents.parts import kinds, part


def elbo(**settings):
    chosen = part("objective", "elbo")
    return chosen(chosen.Settings(**settings))


class TestLinear:
    def test_by_hand(self):
        assert [kl_weight(epoch, 4) for epoch in range(1, 7)] == [0.25, 0.5, 0.75, 1, 1, 1]

    def test_no_warm_up(self):
        assert [kl_weight(epoch, 0, cycles) for epoch in (1, 9) for cycles in (1, 3)] == [1] * 4


class TestCyclic:
    def test_by_hand(self):
        expected = [0.5, 1, 1, 1, 0.5, 1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1, 1]
        assert [kl_weight(epoch, 2, cycles=3) for epoch in range(1, 17)] == expected

    def test_the_rise_is_a_share_of_the_cycle(self):
        expected = [0.5, 1, 0.5, 1, 1, 1]
        assert [kl_weight(epoch, 2, cycles=2, rise=1.0) for epoch in range(1, 7)] == expected
        expected = [1 / 3, 2 / 3, 1, 1, 1 / 3, 2 / 3, 1, 1, 1]
        assert [kl_weight(epoch, 3, cycles=2, rise=0.8) for epoch in range(1, 10)] == pytest.approx(expected)

    def test_the_papers_equation(self):
        """beta_t = min(1, tau / R), tau = mod(t - 1, T / M) / (T / M), counted from one step later than theirs."""
        steps, cycles, ratio = 40, 4, 0.5
        for t in range(1, steps + 1):
            tau = (t - 1) % (steps // cycles) / (steps // cycles)
            theirs = min(1.0, tau / ratio)
            ours = kl_weight(t, 5, cycles, ratio)
            assert ours == pytest.approx(min(1.0, theirs + 1 / 5))

    @given(st.integers(0, 30), st.integers(1, 6), st.floats(0.1, 1), st.floats(0.1, 10))
    def test_settled_is_when_nothing_changes_any_more(self, warm_up, cycles, rise, beta):
        objective = elbo(warm_up=warm_up, cycles=cycles, rise=rise, beta=beta)
        settled = max(1, objective.settled)
        assert all(objective.weight(settled + later) == pytest.approx(beta) for later in range(40))
        if warm_up > 1:
            assert objective.weight(settled - 1) < beta * 0.9999

    @given(st.integers(1, 30), st.integers(1, 6), st.floats(0.1, 1), st.integers(1, 300))
    def test_a_weight_is_above_nothing_and_at_most_one(self, warm_up, cycles, rise, epoch):
        assert 0 < kl_weight(epoch, warm_up, cycles, rise) <= 1


class TestSettings:
    def test_every_objective_anneals(self):
        for chosen in kinds("objective").values():
            if chosen.__module__.startswith("latents."):
                objective = chosen(chosen.Settings(warm_up=4, cycles=2))
                assert [objective.weight(epoch) for epoch in (1, 4, 8, 9, 12, 99)] == [0.25, 1, 1, 0.25, 1, 1]

    def test_to_beta(self):
        objective = elbo(beta=4.0, warm_up=2, cycles=2)
        assert [objective.weight(epoch) for epoch in range(1, 8)] == [2, 4, 4, 4, 2, 4, 4]
        assert objective.score(-80.0, 20.0) == -160
