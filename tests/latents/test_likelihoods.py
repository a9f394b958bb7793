"""The Bernoulli likelihood against torch's, and against the rule that probabilities sum to one."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch.testing import assert_close

from latents.likelihoods import Bernoulli, BernoulliImage, Measure


class TestBernoulliImage:
    @given(
        st.lists(st.integers(1, 3), max_size=2),
        st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
        st.integers(0, 1000),
    )
    def test_log_prob_against_torch(self, batch, shape, seed):
        generator = torch.Generator().manual_seed(seed)
        logits = 5 * torch.randn(*batch, *shape, generator=generator)
        x = torch.randint(0, 2, (*batch, *shape), generator=generator).float()
        expected = torch.distributions.Bernoulli(logits=logits.double()).log_prob(x.double()).sum((-3, -2, -1))
        p = BernoulliImage(logits)
        assert p.batch_shape == torch.Size(batch)
        assert p.event_shape == torch.Size(shape)
        assert_close(p.log_prob(x).double(), expected, rtol=1e-5, atol=1e-5)

    def test_sums_to_one_over_all_images(self):
        p = BernoulliImage(torch.randn(1, 2, 5, generator=torch.Generator().manual_seed(0)))
        every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=10))).reshape(-1, 1, 2, 5)
        assert len(every) == 1024
        assert_close(p.log_prob(every).double().exp().sum(), torch.tensor(1.0, dtype=torch.float64), rtol=1e-6, atol=0)

    @pytest.mark.parametrize("logit", [-200.0, -90.0, 90.0, 200.0])
    def test_sure_pixels_stay_finite(self, logit):
        p = BernoulliImage(torch.full((1, 1, 1), logit))
        right, wrong = torch.full((1, 1, 1), float(logit > 0)), torch.full((1, 1, 1), float(logit < 0))
        assert_close(p.log_prob(right), torch.tensor(0.0))
        assert_close(p.log_prob(wrong), torch.tensor(-abs(logit)))

    def test_images_broadcast_against_samples(self):
        logits, x = torch.randn(3, 4, 1, 2, 2), torch.randint(0, 2, (4, 1, 2, 2)).float()
        together = BernoulliImage(logits).log_prob(x)
        assert together.shape == (3, 4)
        assert_close(together[1, 2], BernoulliImage(logits[1, 2]).log_prob(x[2]))

    def test_moments_and_samples(self):
        p = BernoulliImage(torch.tensor([[[-1.0, 0.0, 2.0]]]))
        assert_close(p.variance, p.mean * (1 - p.mean))
        torch.manual_seed(0)
        drawn = p.sample((5000,))
        assert drawn.shape == (5000, 1, 1, 3)
        assert set(drawn.unique().tolist()) == {0.0, 1.0}
        for place in range(3):
            count = int(drawn[..., place].sum())
            assert binomtest(count, 5000, p.mean[0, 0, place].item()).pvalue > 0.01

    def test_gradient_is_the_error(self):
        """d log p / d logit = x - p, the classic."""
        logits = torch.randn(4, 1, 3, 3, requires_grad=True)
        x = torch.randint(0, 2, (4, 1, 3, 3)).float()
        BernoulliImage(logits).log_prob(x).sum().backward()
        assert_close(logits.grad, x - torch.sigmoid(logits.detach()))


class TestBernoulli:
    @pytest.mark.parametrize("batch", [(5,), (2, 5)])
    def test_head(self, batch):
        head = Bernoulli(Bernoulli.Settings(), 7, (2, 3, 4))
        p = head(torch.randn(*batch, 7))
        assert p.batch_shape == batch
        assert p.event_shape == (2, 3, 4)

    def test_pixels_keep_their_places(self):
        head = Bernoulli(Bernoulli.Settings(), 1, (1, 2, 3))
        with torch.no_grad():
            head.logits.weight.zero_()
            head.logits.bias.copy_(torch.arange(6.0))
        assert_close(head(torch.zeros(1)).logits, torch.arange(6.0).reshape(1, 2, 3))


def test_measure_says_what_it_is():
    assert str(Measure("discrete", "dynamic")) == "discrete, binarisation: dynamic"
    assert Measure("discrete", "dynamic") != Measure("discrete", "static")
