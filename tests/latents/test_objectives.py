"""The ELBO with warm-up and beta: weights by hand, and a loss that is what it says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from latents.objectives import ELBO


def elbo(**settings) -> ELBO:
    return ELBO(ELBO.Settings(**settings))


class TestWarmUp:
    def test_linear(self):
        objective = elbo(warm_up=4)
        assert [objective.weight(epoch) for epoch in range(1, 7)] == [0.25, 0.5, 0.75, 1, 1, 1]

    def test_to_beta(self):
        assert [elbo(warm_up=2, beta=6.0).weight(epoch) for epoch in (1, 2, 3)] == [3, 6, 6]

    def test_none(self):
        assert elbo(warm_up=0).weight(1) == 1
        assert elbo(warm_up=0).settled == 0

    @given(st.integers(0, 50), st.floats(0, 10))
    def test_settled_is_when_nothing_changes_any_more(self, warm_up, beta):
        objective = elbo(warm_up=warm_up, beta=beta)
        assert objective.settled == warm_up
        settled = max(1, objective.settled)
        assert objective.weight(settled) == objective.weight(settled + 1) == pytest.approx(beta)
        if beta > 0 and warm_up > 1:
            assert objective.weight(settled - 1) < objective.weight(settled)

    def test_the_score_is_the_settled_objective(self):
        assert elbo(warm_up=10).score(-80.0, 20.0) == -100
        assert elbo(warm_up=10, beta=3.0).score(-80.0, 20.0) == -140
        assert elbo(warm_up=0, beta=0.5).score(-80.0, 20.0) == -90


class TestLoss:
    @pytest.mark.parametrize("prior", ["standard", "vampprior"])
    @pytest.mark.parametrize("epoch", [1, 2, 9])
    def test_terms(self, fresh, prior, epoch):
        model = fresh(prior).train()
        x = torch.randint(0, 2, (6, 1, 4, 5)).float()
        torch.manual_seed(3)
        terms = elbo(warm_up=4, beta=2.0)(model, x, epoch)
        torch.manual_seed(3)
        bound = model.elbo(x)
        assert_close(terms["reconstruction"], bound.reconstruction.mean())
        assert_close(terms["kl"], bound.kl.mean())
        assert_close(terms["elbo"], bound.value.mean())
        weight = 2.0 * min(1, epoch / 4)
        assert_close(terms["loss"], weight * bound.kl.mean() - bound.reconstruction.mean())
        assert terms["loss"].requires_grad
        assert not any(terms[name].requires_grad for name in ("elbo", "reconstruction", "kl"))

    def test_without_weight_it_is_the_reconstruction_alone(self, fresh):
        model, x = fresh("vampprior").train(), torch.ones(6, 1, 4, 5)
        parameters = [*model.encoder.parameters(), *model.decoder.parameters(), *model.posterior.parameters()]
        torch.manual_seed(3)
        found = torch.autograd.grad(elbo(beta=0.0, warm_up=0)(model, x, 1)["loss"], parameters)
        torch.manual_seed(3)
        expected = torch.autograd.grad(-model.elbo(x).reconstruction.mean(), parameters)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
