"""The Gaussian posterior: linear heads, bounded variances, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from latents.bodies.mlp import MLPEncoder
from latents.networks import GatedLinear, concatenate, he_linear
from latents.posteriors import Gaussian


class TestGaussian:
    def test_mean_and_variance_are_linear_in_the_features(self):
        head = Gaussian(Gaussian.Settings(), 5, 3)
        features = torch.randn(7, 5)
        q = head(features)
        assert_close(q.mean, features @ head.mean.weight.T + head.mean.bias)
        log_variance = features @ head.log_variance.weight.T + head.log_variance.bias
        # the standard deviation is exp(logvar / 2): not exp(logvar), the mistake of PAPERS
        assert_close(q.stddev, torch.exp(log_variance.clamp(-6, 2) / 2))
        assert head.space.size == 3

    @pytest.mark.parametrize(("bias", "variance"), [(-50.0, math.exp(-6)), (50.0, math.exp(2)), (0.5, math.exp(0.5))])
    def test_variance_is_bounded(self, bias, variance):
        head = Gaussian(Gaussian.Settings(), 5, 3)
        with torch.no_grad():
            head.log_variance.weight.zero_()
            head.log_variance.bias.fill_(bias)
        assert_close(head(torch.randn(2, 5)).variance, torch.full((2, 3), variance))


class TestNetworks:
    def test_gated_layer_is_the_paper_s(self):
        layer = GatedLinear(4, 3)
        x = torch.randn(6, 4)
        hidden, gate = layer.both.weight.split(3), layer.both.bias.split(3)
        expected = (x @ hidden[0].T + gate[0]) * torch.sigmoid(x @ hidden[1].T + gate[1])
        assert_close(layer(x), expected)

    def test_first_weights(self):
        weight = he_linear(50, 4000).weight.detach()
        assert float(weight.std()) == pytest.approx(math.sqrt(2 / 50), rel=0.02)
        assert abs(float(weight.mean())) < 0.002

    @pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
    def test_mlp_takes_any_batch(self, batch):
        body = MLPEncoder(MLPEncoder.Settings(hidden=(6, 5)), (1, 2, 4))
        x = torch.randn(*batch, 1, 2, 4)
        assert body(x).shape == (*batch, 5)
        assert body.features == 5
        assert_close(body(x), body.layers[1](body.layers[0](x.reshape(*batch, 8))))

    def test_concatenate(self):
        x = torch.randn(2, 3)
        assert concatenate(x, None) is x
        assert_close(concatenate(x, x[:1]), torch.cat([x, x[:1]]))

    def test_no_other_non_linearity(self):
        """Doubling the gate's pre-activation to infinity leaves a linear layer."""
        layer = GatedLinear(4, 3)
        with torch.no_grad():
            layer.both.weight[3:].zero_()
            layer.both.bias[3:].fill_(100.0)
            linear = functional.linear(torch.eye(4), layer.both.weight[:3], layer.both.bias[:3])
            assert_close(layer(torch.eye(4)), linear)
