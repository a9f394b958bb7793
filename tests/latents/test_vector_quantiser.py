"""The codebook: nearest codes by brute force, gradients, moving averages, and codes that begin anew."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from latents.vector_quantiser import VectorQuantiser, perplexity


class TestNearest:
    @given(st.integers(2, 40), st.integers(1, 6), st.integers(1, 60), st.integers(0, 1000))
    def test_brute_force(self, codes, dimension, count, seed):
        torch.manual_seed(seed)
        quantiser, h = VectorQuantiser(codes, dimension), torch.randn(count, 2, dimension)
        distances = torch.tensor([[float((v - e).norm()) for e in quantiser.codebook] for v in h.flatten(0, 1)])
        found = quantiser.nearest(h).flatten()
        chosen = distances.gather(1, found.unsqueeze(1)).squeeze(1)
        assert_close(chosen, distances.amin(1), rtol=1e-4, atol=1e-5)

    def test_in_blocks(self, monkeypatch):
        quantiser, h = VectorQuantiser(7, 3), torch.randn(50, 3)
        expected = quantiser.nearest(h)
        monkeypatch.setattr("latents.vector_quantiser._TABLE", 30)
        assert quantiser.nearest(h).equal(expected)

    def test_at_least_two_codes(self):
        with pytest.raises(ValueError, match="at least 2 codes; got 1"):
            VectorQuantiser(1, 3)


class TestStraightThrough:
    @pytest.mark.parametrize("codebook", ["ema", "loss"])
    def test_the_gradient_is_the_identity(self, codebook):
        quantiser = VectorQuantiser(6, 3, codebook=codebook)
        h = torch.randn(4, 5, 3, requires_grad=True)
        found, weights = quantiser(h), torch.randn(4, 5, 3)
        assert_close(found.vectors, quantiser.codebook[found.codes])
        (gradient,) = torch.autograd.grad((found.vectors * weights).sum(), h)
        assert gradient.equal(weights)

    def test_commitment_moves_the_vectors_alone(self):
        quantiser = VectorQuantiser(6, 3, codebook="loss")
        h = torch.randn(4, 5, 3, requires_grad=True)
        found = quantiser(h)
        code = quantiser.codebook.detach()[found.codes]
        assert_close(found.commitment, (h - code).square().sum(-1))
        commitment = torch.autograd.grad(found.commitment.sum(), [h, quantiser.codebook], allow_unused=True)
        assert_close(commitment[0], 2 * (h - code).detach())
        assert commitment[1] is None
        loss = torch.autograd.grad(
            quantiser.codebook_loss(h, found.codes).sum(), [h, quantiser.codebook], allow_unused=True
        )
        assert loss[0] is None
        expected = torch.zeros_like(code[0, 0].expand(6, 3)).index_add(
            0, found.codes.flatten(), 2 * (code - h).detach().flatten(0, 1)
        )
        assert_close(loss[1], expected)


class TestMovingAverages:
    def test_the_papers_formula(self):
        """N <- g N + (1 - g) n, m <- g m + (1 - g) sum h, e = m / N, n and the sum in shares of the batch."""
        quantiser = VectorQuantiser(4, 2, decay=0.9, revive=0)
        number, total = [0.25] * 4, [0.25 * e for e in quantiser.codebook.clone()]
        for _ in range(3):
            h = torch.randn(10, 3, 2)
            codes = quantiser.nearest(h)
            for k in range(4):
                mine = h.flatten(0, 1)[codes.flatten() == k]
                number[k] = 0.9 * number[k] + 0.1 * len(mine) / 30
                total[k] = 0.9 * total[k] + 0.1 * mine.sum(0) / 30
            assert quantiser.update(h, codes) == 0
            for k in range(4):
                assert float(quantiser.usage[k]) == pytest.approx(number[k], rel=1e-5)
                assert_close(quantiser.codebook[k], total[k] / number[k], rtol=1e-4, atol=1e-5)

    def test_converges_to_the_means_of_clusters(self):
        centres = torch.tensor([[0.0, 5.0], [5.0, 0.0], [-5.0, -5.0]])
        points = lambda: centres.repeat(50, 1) + 0.1 * torch.randn(150, 2)  # noqa: E731
        quantiser = VectorQuantiser(3, 2, decay=0.9)
        quantiser.initialise(points(), torch.Generator().manual_seed(4))
        for _ in range(100):
            h = points()
            quantiser.update(h, quantiser.nearest(h))
        assert float((quantiser.codebook.unsqueeze(1) - centres).norm(dim=-1).amin(0).max()) < 0.1

    def test_a_code_without_vectors_stays_where_it_is(self):
        quantiser = VectorQuantiser(3, 2, decay=0.01, revive=0)
        far = quantiser.codebook[2].clone()
        for _ in range(50):
            quantiser.update(torch.randn(6, 2), torch.tensor([0, 0, 0, 1, 1, 1]))
        assert_close(quantiser.codebook[2], far, rtol=1e-3, atol=1e-3)
        assert quantiser.codebook.isfinite().all()

    def test_only_update_changes_anything(self):
        quantiser, h = VectorQuantiser(4, 2).train(), torch.randn(10, 2)
        before = {name: value.clone() for name, value in quantiser.state_dict().items()}
        quantiser(h), quantiser.nearest(h)
        assert all(value.equal(before[name]) for name, value in quantiser.state_dict().items())


class TestDeadCodes:
    @pytest.mark.parametrize("codebook", ["ema", "loss"])
    def test_begin_anew_at_a_vector_of_the_batch(self, codebook):
        quantiser = VectorQuantiser(4, 2, codebook=codebook, decay=0.5, revive=0.5)
        quantiser._begin(torch.arange(4), torch.tensor([[0.0, 0], [1, 1], [90, 90], [-90, 90]]))
        revived = 0
        for _ in range(3):
            h = torch.rand(20, 2)
            revived += quantiser.update(h, quantiser.nearest(h))
            if revived:
                break
        assert revived == 2
        for code in quantiser.codebook[2:]:
            assert (h == code).all(-1).any()
        assert_close(quantiser.usage[2:], torch.full((2,), 0.25))
        assert_close(quantiser.sums[2:] / 0.25, quantiser.codebook[2:].detach())

    def test_is_seeded(self):
        found = []
        for _ in range(2):
            torch.manual_seed(3)
            quantiser = VectorQuantiser(8, 2, decay=0.1, revive=0.9)
            h = torch.rand(20, 2)
            assert quantiser.update(h, torch.zeros(20, dtype=torch.long)) == 7
            found.append(quantiser.codebook.clone())
        assert found[0].equal(found[1])

    def test_more_dead_codes_than_vectors(self):
        quantiser = VectorQuantiser(8, 2, decay=0.1, revive=0.9)
        assert quantiser.update(torch.rand(3, 2), torch.zeros(3, dtype=torch.long)) == 3

    def test_never(self):
        quantiser = VectorQuantiser(8, 2, decay=0.1, revive=0)
        assert quantiser.update(torch.rand(20, 2), torch.zeros(20, dtype=torch.long)) == 0


class TestPerplexity:
    def test_of_equal_use_is_the_number_of_codes(self):
        assert float(perplexity(torch.arange(12).repeat(5), 12)) == pytest.approx(12)
        assert float(perplexity(torch.arange(4).repeat(5), 12)) == pytest.approx(4)
        assert float(perplexity(torch.zeros(9, dtype=torch.long), 12)) == 1

    def test_by_hand(self):
        assert float(perplexity(torch.tensor([0, 0, 0, 1]), 3)) == pytest.approx(4 / 3**0.75)


class TestFirstCodebook:
    def test_is_made_of_the_vectors(self):
        quantiser = VectorQuantiser(5, 2)
        h = torch.randn(200, 2) + 50
        quantiser.initialise(h, torch.Generator().manual_seed(0))
        taken = quantiser.nearest(h)
        for code in range(5):  # after k-means, each is the mean of its own, or nearly
            assert_close(quantiser.codebook[code], h[taken == code].mean(0), rtol=0, atol=0.3)

    def test_too_few_vectors(self):
        with pytest.raises(ValueError, match="5 codes begins at as many vectors; got 4"):
            VectorQuantiser(5, 2).initialise(torch.randn(4, 2), torch.Generator())
