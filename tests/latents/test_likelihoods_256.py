"""Likelihoods of gray images against SciPy and torch: sums over 256 levels, extremes, samples and their places."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.testing import assert_close

from latents.errors import RecipeError
from latents.likelihoods.categorical import Categorical, CategoricalImage
from latents.likelihoods.gaussian import Gaussian
from latents.likelihoods.levels import LEVELS, bits_per_dimension, from_levels, to_levels
from latents.likelihoods.logistic import DiscretisedLogistic, Logistic

EVERY = from_levels(torch.arange(256.0, dtype=torch.float64)).reshape(256, 1, 1, 1)  # an image of each level
LEAST, MOST = 1 / 512, 511 / 512  # of the mean
LOCATIONS, LOG_SCALES = (LEAST, 0.1, 0.5, 0.77, MOST), (-10.0, -7.0, -4.5, -2.0, 0.0, 5.0)


def pixel(location: float, log_scale: float, dtype=torch.float64, **options) -> DiscretisedLogistic:
    shaped = (torch.full((1, 1, 1), value, dtype=dtype) for value in (location, log_scale))
    return DiscretisedLogistic(*shaped, **options)


def scipy_log_prob(levels: np.ndarray, location: float, log_scale: float) -> np.ndarray:
    """log(F(b) - F(a)) by SciPy's logistic distribution, from the side on which F is small."""
    found = np.empty(len(levels))
    scale = math.exp(log_scale)
    for place, level in enumerate(levels):
        low, high = level / 256, (level + 1) / 256
        if high > location:  # the survival function, mirrored
            low, high, centre = -high, -low, -location
        else:
            centre = location
        below, above = stats.logistic.logcdf([low, high], centre, scale)
        edge = (level == 255) if high <= 0 else (level == 0)
        outermost = (level == 0 and high > 0) or (level == 255 and high <= 0)
        if outermost and edge:
            found[place] = above
        elif level in (0, 255):  # the tail goes on beyond the edge on the other side
            found[place] = stats.logistic.logsf(low, centre, scale)
        else:
            found[place] = above + np.log(-np.expm1(below - above))
    return found


class TestLevels:
    def test_bytes_come_back(self):
        assert torch.equal(to_levels(EVERY.float()).flatten(), torch.arange(256.0))
        assert_close(EVERY.flatten().numpy(), np.arange(256) / 255)

    def test_digits_fall_into_the_nearest_level(self):
        """x = k / 16 is on no byte's place but for 0 and 1."""
        given = torch.arange(17) / 16
        nearest = (EVERY.flatten() - given.double().unsqueeze(1)).abs().argmin(1)
        nearest[8] = 128  # 127.5: as far from both
        assert torch.equal(to_levels(given), nearest.float())
        p = pixel(0.3, -2.0)
        for k in range(17):
            x = given[k].double().expand(1, 1, 1)
            assert torch.equal(p.log_prob(x), p.log_prob(EVERY[nearest[k]]))

    def test_bits_per_dimension(self):
        """Levels that are all as probable take eight bits each."""
        p = CategoricalImage(torch.zeros(256, 3, 4, 5))
        nats = p.log_prob(torch.rand(7, 3, 4, 5))
        assert_close(bits_per_dimension(nats, (3, 4, 5)), torch.full((7,), 8.0))


class TestDiscretisedLogistic:
    @pytest.mark.parametrize("location", LOCATIONS)
    @pytest.mark.parametrize("log_scale", LOG_SCALES)
    def test_sums_to_one(self, location, log_scale):
        assert pixel(location, log_scale).log_prob(EVERY).exp().sum().item() == pytest.approx(1, abs=1e-12)
        single = pixel(location, log_scale, torch.float32).log_prob(EVERY.float())
        assert single.double().exp().sum().item() == pytest.approx(1, abs=2e-5)

    @given(st.floats(-2, 3), st.floats(-12, 8))
    def test_sums_to_one_anywhere(self, location, log_scale):
        assert pixel(location, log_scale).log_prob(EVERY).exp().sum().item() == pytest.approx(1, abs=1e-9)

    def test_the_papers_form_does_not(self):
        for log_scale, expected in ((0.0, 0.2450), (-2.0, 0.9515)):
            p = pixel(0.5, log_scale, tails=False)
            rate = math.exp(-log_scale)
            telescoped = stats.logistic.cdf(0.5 * rate) - stats.logistic.cdf(-0.5 * rate) + 256e-7
            assert p.log_prob(EVERY).exp().sum().item() == pytest.approx(telescoped, rel=1e-9)
            assert telescoped == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("location", LOCATIONS)
    @pytest.mark.parametrize("log_scale", LOG_SCALES)
    def test_log_prob_against_scipy(self, location, log_scale):
        expected = torch.from_numpy(scipy_log_prob(np.arange(256), location, log_scale))
        assert expected.isfinite().all()
        assert_close(pixel(location, log_scale).log_prob(EVERY), expected, rtol=1e-8, atol=1e-8)
        single = pixel(location, log_scale, torch.float32).log_prob(EVERY.float())
        assert_close(single.double(), expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("tails", [True, False])
    def test_gradients_are_finite_at_the_extremes(self, tails):
        location, log_scale = torch.tensor(LOCATIONS), torch.tensor(LOG_SCALES)
        shape = (len(LOCATIONS), len(LOG_SCALES), 256, 1, 1, 1)
        location = location.reshape(-1, 1, 1, 1, 1, 1).expand(shape).clone().requires_grad_()
        log_scale = log_scale.reshape(1, -1, 1, 1, 1, 1).expand(shape).clone().requires_grad_()
        DiscretisedLogistic(location, log_scale, tails=tails).log_prob(EVERY.float()).sum().backward()
        assert location.grad.isfinite().all()
        assert log_scale.grad.isfinite().all()
        if tails:  # wherever x is, one way is uphill, but at the extreme that fits best
            assert (location.grad[..., 128, 0, 0, 0][1:-1, 2:5] != 0).all()

    def test_gradients_against_finite_differences(self):
        location = torch.tensor([[[0.002, 0.3, 0.9]]], dtype=torch.float64, requires_grad=True)
        log_scale = torch.tensor([[[-4.5, -3.0, -0.1]]], dtype=torch.float64, requires_grad=True)
        for x in (0.0, 100 / 255, 1.0):
            image = torch.full((1, 1, 3), x, dtype=torch.float64)
            assert torch.autograd.gradcheck(
                lambda mu, s, image=image: DiscretisedLogistic(mu, s).log_prob(image), (location, log_scale)
            )

    @pytest.mark.parametrize("location", LOCATIONS)
    @pytest.mark.parametrize(("log_scale", "error"), [(-7.0, 3e-4), (-4.5, 2e-5), (-2.0, 2e-5), (0.0, 2e-5)])
    def test_mean(self, location, log_scale, error):
        p = pixel(location, log_scale)
        exact = (p.log_prob(EVERY).exp() * EVERY.flatten()).sum().item()
        assert p.mean.item() == pytest.approx(exact, abs=error)

    @pytest.mark.parametrize(("location", "log_scale"), [(LEAST, -4.5), (0.4, -3.0), (0.9, 0.0)])
    def test_samples_are_levels_as_often_as_they_are_probable(self, location, log_scale):
        p = pixel(location, log_scale)
        drawn = p.sample((20_000,))
        assert drawn.shape == (20_000, 1, 1, 1)
        levels = (255 * drawn).round()
        assert_close(levels / 255, drawn)
        agrees(levels.long().flatten(), p.log_prob(EVERY).exp())

    def test_images_broadcast_against_samples(self):
        location, log_scale = torch.rand(3, 4, 2, 3, 3), -4 * torch.rand(3, 4, 2, 3, 3)
        x = from_levels(torch.randint(0, 256, (4, 2, 3, 3)).float())
        together = DiscretisedLogistic(location, log_scale).log_prob(x)
        assert together.shape == (3, 4)
        assert_close(together[1, 2], DiscretisedLogistic(location[1, 2], log_scale[1, 2]).log_prob(x[2]))


def agrees(levels: torch.Tensor, probabilities: torch.Tensor) -> None:
    """Chi-squared, levels that are expected less than ten times put together."""
    counts = torch.bincount(levels, minlength=LEVELS).double().numpy()
    expected = probabilities.double().numpy() * len(levels)
    often = expected >= 10
    counts, expected = (np.append(of[often], of[~often].sum()) for of in (counts, expected))
    kept = expected > 1e-6
    expected = expected[kept] * counts[kept].sum() / expected[kept].sum()
    assert stats.chisquare(counts[kept], expected).pvalue > 0.01


class TestLogistic:
    @pytest.mark.parametrize("at", [-100.0, 0.0, 100.0])
    def test_bounds(self, at):
        head = Logistic(Logistic.Settings(), 5, (3, 2, 2))
        p = head(torch.full((4, 5), at))
        assert p.location.min() >= LEAST
        assert p.location.max() <= MOST
        assert p.log_scale.min() >= -4.5
        assert p.log_scale.max() <= 0
        assert p.batch_shape == (4,)
        assert p.event_shape == (3, 2, 2)
        assert p.mean.min() >= -1e-6
        assert p.mean.max() <= 1 + 1e-6

    def test_starts_within_the_clip(self):
        head = Logistic(Logistic.Settings(), 5, (3, 2, 2))
        assert_close(head(torch.zeros(5)).log_scale, torch.full((3, 2, 2), -2.0))

    def test_maps_keep_their_places(self):
        """A decoder's maps meet a 1x1 convolution: a pixel's numbers come from its own features."""
        head = Logistic(Logistic.Settings(), 4, (3, 5, 6), spatial=True)
        maps = torch.randn(2, 7, 4, 5, 6)
        p = head(maps)
        assert p.batch_shape == (2, 7)
        alone = head(maps[1, 3, :, 2:3, 4:5])
        assert_close(p.location[1, 3, :, 2:3, 4:5], alone.location)
        assert_close(p.log_scale[1, 3, :, 2:3, 4:5], alone.log_scale)

    def test_channels_are_independent_given_z(self):
        p = Logistic(Logistic.Settings(), 5, (3, 2, 2))(torch.randn(5))
        x = torch.rand(3, 2, 2)
        single = [
            DiscretisedLogistic(p.location[c : c + 1], p.log_scale[c : c + 1]).log_prob(x[c : c + 1]) for c in range(3)
        ]
        assert_close(p.log_prob(x), torch.stack(single).sum())

    def test_the_papers_form_says_what_it_is(self):
        assert Logistic(Logistic.Settings(), 2, (1, 1, 1)).measure_kind == "discrete"
        paper = Logistic(Logistic.Settings(tails=False), 2, (1, 1, 1))
        assert paper.measure_kind == "unnormalised"
        assert not paper(torch.zeros(2)).tails
        assert "does not sum to one" in Logistic.Settings.model_fields["tails"].description


class TestCategorical:
    def test_log_prob_against_torch(self):
        logits = 3 * torch.randn(3, 4, 256, 2, 3, 5, dtype=torch.float64)
        level = torch.randint(0, 256, (4, 2, 3, 5))
        expected = torch.distributions.Categorical(logits=logits.movedim(2, -1)).log_prob(level).sum((-3, -2, -1))
        assert_close(CategoricalImage(logits).log_prob(from_levels(level.double())), expected)

    def test_images_against_one_distribution(self):
        p = CategoricalImage(torch.randn(256, 1, 2, 2))
        x = torch.rand(6, 1, 2, 2)
        assert_close(p.log_prob(x), torch.stack([p.log_prob(each) for each in x]))

    @given(st.integers(0, 1000), st.sampled_from([0.0, 1.0, 30.0, 1e4]))
    def test_sums_to_one(self, seed, spread):
        logits = spread * torch.randn(256, 1, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert CategoricalImage(logits).log_prob(EVERY).exp().sum().item() == pytest.approx(1, abs=1e-9)

    def test_mean_and_samples(self):
        torch.manual_seed(1)
        p = CategoricalImage(torch.randn(2, 256, 1, 1, 2))
        of_each = p.logits.softmax(1)
        assert_close(p.mean[1, 0, 0, 1], (of_each[1, :, 0, 0, 1] * EVERY.flatten().float()).sum())
        drawn = p.sample((10_000,))
        assert drawn.shape == (10_000, 2, 1, 1, 2)
        levels = to_levels(drawn)
        assert_close(from_levels(levels), drawn)
        for row, place in ((0, 0), (0, 1), (1, 0), (1, 1)):
            agrees(levels[:, row, 0, 0, place].long(), of_each[row, :, 0, 0, place])
        assert p.sample().shape == (2, 1, 1, 2)

    def test_gradient_is_the_error(self):
        logits = (1e3 * torch.randn(256, 1, 1, 1)).requires_grad_()
        CategoricalImage(logits).log_prob(EVERY[7].float()).backward()
        expected = torch.nn.functional.one_hot(torch.tensor(7), 256) - logits.detach().flatten().softmax(0)
        assert_close(logits.grad.flatten(), expected)

    @pytest.mark.parametrize(("spatial", "features"), [(False, (2, 3, 5)), (True, (2, 3, 5, 4, 2))])
    def test_head(self, spatial, features):
        p = Categorical(Categorical.Settings(), 5, (3, 4, 2), spatial)(torch.randn(*features))
        assert p.batch_shape == (2, 3)
        assert p.event_shape == (3, 4, 2)
        assert p.logits.shape == (2, 3, 256, 3, 4, 2)


class TestGaussian:
    @pytest.mark.parametrize("variance", ["shared", "pixel", "fixed"])
    @pytest.mark.parametrize("spatial", [False, True])
    def test_log_prob_against_scipy(self, variance, spatial):
        head = Gaussian(Gaussian.Settings(variance=variance, deviation=0.3), 5, (3, 2, 4), spatial).double()
        features = torch.randn(6, 7, 5, *((2, 4) if spatial else ()), dtype=torch.float64)
        x = torch.rand(7, 3, 2, 4, dtype=torch.float64)
        with torch.no_grad():
            p = head(features)
        found = p.log_prob(x)
        assert found.shape == (6, 7)
        expected = stats.norm(p.mean.numpy(), p.stddev.numpy()).logpdf(x.numpy()).sum((-3, -2, -1))
        assert_close(found.numpy(), expected)
        assert p.sample((2,)).shape == (2, 6, 7, 3, 2, 4)
        deviations = p.stddev.unique()
        if variance == "pixel":
            assert len(deviations) == p.stddev.numel()
        else:
            assert_close(deviations, torch.tensor([0.3], dtype=torch.float64))

    def test_mean_is_linear_in_the_features(self):
        head = Gaussian(Gaussian.Settings(), 5, (1, 2, 2))
        a, b, nothing = torch.randn(5), torch.randn(5), torch.zeros(5)
        assert_close(head(a + b).mean, head(a).mean + head(b).mean - head(nothing).mean)

    @pytest.mark.parametrize("variance", ["shared", "pixel"])
    def test_a_learnt_deviation_shrinks_to_the_least_and_no_further(self, variance):
        """Where nothing is left to explain; a pixel that never changes would else have an infinite density."""
        head = Gaussian(Gaussian.Settings(variance=variance, least=0.02), 1, (1, 2, 2))
        p = head(torch.zeros(1))
        spread = head.spread if variance == "shared" else head.head.bias
        slope = torch.autograd.grad(p.log_prob(p.mean.detach()), spread)[0].flatten()
        assert (slope[slope.nonzero()] < 0).all()
        assert len(slope.nonzero()) == (1 if variance == "shared" else 4)
        with torch.no_grad():
            spread.view(-1)[-4:].fill_(-1e3)
        assert_close(head(torch.zeros(1)).stddev, torch.full((1, 2, 2), 0.02))

    def test_a_fixed_deviation_is_no_parameter(self):
        count = {v: sum(p.numel() for p in Gaussian(Gaussian.Settings(variance=v), 5, (1, 2, 2)).parameters()) for v in
                 ("fixed", "shared", "pixel")}  # fmt: skip
        assert count == {"fixed": 24, "shared": 25, "pixel": 48}

    def test_gradients_are_finite_at_the_extremes(self):
        head = Gaussian(Gaussian.Settings(variance="pixel"), 1, (1, 2, 2))
        for at in (-1e4, 0.0, 1e4):
            features = torch.full((1,), at, requires_grad=True)
            head(features).log_prob(torch.rand(1, 2, 2)).backward()
            assert features.grad.isfinite().all()

    def test_learning_that_would_begin_below_the_least(self, tiny):
        changes = {"data__binarisation": "none", "model__likelihood__kind": "gaussian"}
        with pytest.raises(RecipeError, match=r"model\.likelihood: deviation is 0\.1, but .* least = 0\.2; raise it"):
            tiny(**changes, model__likelihood__least=0.2)
        tiny(**changes, model__likelihood__least=0.2, model__likelihood__variance="fixed")

    def test_is_a_density(self):
        assert Gaussian.measure_kind == "density"


class TestRecipes:
    @pytest.mark.parametrize("kind", ["discretised-logistic", "categorical", "gaussian"])
    def test_gray_images_only(self, tiny, digits, kind):
        tiny(model__likelihood__kind=kind, data__binarisation="none").check(digits)
        with pytest.raises(RecipeError, match=f"model.likelihood is '{kind}'.* data.binarisation 'none'"):
            tiny(model__likelihood__kind=kind).check(digits)
