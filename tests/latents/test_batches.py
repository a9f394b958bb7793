"""The order and the draws of training images: every image once an epoch, the same again whenever asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest

from latents.batches import Batches
from latents.randomness import seeded, stream


def numbered(count: int) -> torch.Tensor:
    """Images that tell which they are: gray pixels of one value each."""
    return (torch.arange(count) / count).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


class TestOrder:
    @given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 5), st.integers(0, 2**31 - 1))
    def test_every_image_once_an_epoch(self, count, size, epoch, seed):
        images = numbered(count)
        batches = Batches(images, "none", size, seed)
        found = list(batches.epoch(epoch))
        assert len(found) == len(batches) == -(-count // size)
        assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
        assert sorted(torch.cat(found)[:, 0, 0, 0].tolist()) == sorted(images[:, 0, 0, 0].tolist())

    @pytest.mark.parametrize("binarisation", ["none", "static", "dynamic"])
    def test_an_epoch_is_the_same_whenever_it_is_asked_for(self, binarisation):
        images = torch.rand(50, 1, 3, 3)
        one, other = Batches(images, binarisation, 7, seed=3), Batches(images, binarisation, 7, seed=3)
        list(one.epoch(1))
        torch.manual_seed(99)
        for found, expected in zip(one.epoch(4), other.epoch(4), strict=True):
            assert torch.equal(found, expected)

    def test_from_the_middle(self):
        batches = Batches(torch.rand(50, 1, 3, 3), "dynamic", 7, seed=3)
        whole = list(batches.epoch(2))
        for start in (0, 1, 5, 7, 8):
            rest = list(batches.epoch(2, start))
            assert len(rest) == len(whole) - start
            assert all(torch.equal(a, b) for a, b in zip(rest, whole[start:], strict=True))

    def test_epochs_and_seeds_differ_in_order(self):
        orders = [
            tuple(torch.cat(list(Batches(numbered(50), "none", 50, seed).epoch(epoch)))[:, 0, 0, 0].tolist())
            for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2))
        ]
        assert len(set(orders)) == 4
        assert sorted(orders[0]) != list(orders[0])

    def test_nobody_s_random_numbers_are_used(self):
        before = torch.get_rng_state()
        list(Batches(torch.rand(20, 1, 3, 3, generator=stream(0)), "dynamic", 7, seed=3).epoch(1))
        assert torch.equal(torch.get_rng_state(), before)


class TestDraws:
    def draws(self, binarisation: str, epochs: int) -> list[torch.Tensor]:
        batches = Batches(torch.full((30, 1, 6, 6), 0.3), binarisation, 30, seed=2)
        return [next(iter(batches.epoch(epoch))) for epoch in range(1, epochs + 1)]

    def test_none_leaves_gray(self):
        assert self.draws("none", 1)[0].unique().tolist() == pytest.approx([0.3])

    @pytest.mark.parametrize("binarisation", ["static", "dynamic"])
    def test_binary_in_proportion(self, binarisation):
        drawn = torch.cat(self.draws(binarisation, 1))
        assert drawn.dtype == torch.float32
        assert drawn.unique().tolist() == [0, 1]
        assert binomtest(int(drawn.sum()), drawn.numel(), 0.3).pvalue > 0.01

    def test_static_is_one_draw_for_the_run_and_dynamic_one_for_each_epoch(self):
        gray = torch.rand(12, 1, 5, 5)
        for binarisation, same in (("static", True), ("dynamic", False)):
            batches = Batches(gray, binarisation, 12, seed=2)
            epochs = [next(iter(batches.epoch(epoch))) for epoch in (1, 2)]
            rows = [sorted(image.flatten().tolist() for image in images) for images in epochs]
            assert (rows[0] == rows[1]) == same

    def test_black_and_white_stay(self):
        images = torch.cat([torch.zeros(5, 1, 4, 4), torch.ones(5, 1, 4, 4)])
        for binarisation in ("static", "dynamic"):
            drawn = torch.cat(list(Batches(images, binarisation, 3, seed=2).epoch(1)))
            assert sorted(drawn.mean((1, 2, 3)).tolist()) == [0] * 5 + [1] * 5


class TestRandomness:
    def test_streams_are_their_own(self):
        keys = [(s, e, k) for s in (0, 1, 2**31 - 1) for e in (1, 2, 100) for k in (1, 2)] + [(0, 0), (1, 0)]
        first = [tuple(torch.rand(4, generator=stream(*key)).tolist()) for key in keys]
        assert len(set(first)) == len(keys)
        assert torch.equal(torch.rand(4, generator=stream(7, 3)), torch.rand(4, generator=stream(7, 3)))

    def test_a_stream_is_uniform_over_its_keys(self):
        """The first number of each of many neighbouring epochs: no pattern."""
        first = [torch.rand(1, generator=stream(5, epoch, 1)).item() for epoch in range(1000)]
        assert kstest(first, "uniform").pvalue > 0.01
        assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.1

    def test_seeded_gives_the_same_and_puts_back(self):
        before = torch.get_rng_state()
        with seeded(4):
            one = torch.rand(3)
        with seeded(4):
            assert torch.equal(torch.rand(3), one)
        with pytest.raises(RuntimeError, match="oh"), seeded(4):
            raise RuntimeError("oh")
        assert torch.equal(torch.get_rng_state(), before)

    def test_seeded_with_none_goes_on(self):
        torch.manual_seed(1)
        expected = torch.rand(2)
        torch.manual_seed(1)
        with seeded(None):
            assert torch.equal(torch.rand(2), expected)
