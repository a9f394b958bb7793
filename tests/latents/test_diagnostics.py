"""Active units, KL per unit and the usage of components, against a plain computation of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from latents import diagnostics
from latents.diagnostics import active_units, encode_all, kl_per_unit, responsibilities, usage


@pytest.fixture(params=["standard", "mixture", "vampprior"])
def model(request, fresh):
    return fresh(request.param, latent=3, **({} if request.param == "standard" else {"components": 6}))


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randint(0, 2, (50, 1, 4, 5)).float()


class TestActiveUnits:
    def test_variance_of_the_mean_over_the_images(self, model, x):
        found = active_units(model, x)
        mean = model.encode(x).mean.detach().double().numpy()
        assert found.variances.numpy() == pytest.approx(mean.var(0), rel=1e-4)
        assert found.threshold == 0.01
        assert found.images == 50
        assert found.total == 3
        assert found.count == int((mean.var(0) > 0.01).sum())

    def test_units_that_do_nothing_are_not_active(self, fresh, x):
        model = fresh(latent=3)
        with torch.no_grad():
            model.posterior.mean.weight[1] = 0
            model.posterior.mean.bias[1] = 100  # a mean far from zero is not information
        found = active_units(model, x)
        assert found.active.tolist() == [True, False, True]
        assert found.count == 2

    def test_the_threshold_can_be_moved(self, model, x):
        middle = float(active_units(model, x).variances.median())
        assert active_units(model, x, middle).count == 1  # of three; the middle one is not above itself
        assert active_units(model, x, 0.0).count == 3


def test_large_sets_are_encoded_in_parts(model, x, monkeypatch):
    whole = [*encode_all(model, x), kl_per_unit(model, x), active_units(model, x).variances]
    shares = usage(model, x)
    monkeypatch.setattr(diagnostics, "_IMAGES", 7)  # 50 is no multiple
    parts = [*encode_all(model, x), kl_per_unit(model, x), active_units(model, x).variances]
    for found, expected in zip(parts, whole, strict=True):
        assert_close(found, expected)
        assert not found.requires_grad
    if shares is not None:
        assert_close(usage(model, x), shares)


def test_kl_per_unit_is_the_mean_over_the_images(model, x):
    assert_close(kl_per_unit(model, x), model.elbo(x, units=True).kl_per_unit.mean(0))
    assert kl_per_unit(model, x).shape == (3,)


def test_kl_per_unit_weighs_a_short_last_part_by_its_images(model, x, monkeypatch):
    """A mean of the parts' means would be wrong: 49 images and then one that is far out."""
    images = torch.cat([x[:1].expand(49, -1, -1, -1), x[1:2]])
    monkeypatch.setattr(diagnostics, "_IMAGES", 49)
    one, other = kl_per_unit(model, x[:1]), kl_per_unit(model, x[1:2])
    assert_close(kl_per_unit(model, images), (49 * one + other) / 50)


class TestUsage:
    def test_responsibilities_by_hand(self, fresh, x):
        model = fresh("mixture", components=6, weights="learnt")
        with torch.no_grad():
            model.latent_prior.logits.copy_(torch.randn(6))
            p, z = model.prior(), model.encode(x).mean
            joint = torch.stack([p.log_weights[k].exp() * p.components[k].log_prob(z).exp() for k in range(6)], -1)
        table = responsibilities(model, x)
        assert table.shape == (50, 6)
        assert_close(table, joint / joint.sum(-1, keepdim=True), rtol=1e-4, atol=1e-5)
        assert_close(usage(model, x), table.mean(0))
        assert float(usage(model, x).sum()) == pytest.approx(1, abs=1e-5)

    def test_each_image_to_its_own_component(self, fresh):
        """Pseudo-inputs that are the images: each explains itself best."""
        model = fresh("vampprior", components=20, shape=(1, 4, 5))
        with torch.no_grad():
            model.latent_prior.pixels.copy_(torch.eye(20).reshape(20, 1, 4, 5))
            model.posterior.mean.weight.mul_(60)
            model.posterior.log_variance.bias.fill_(-6)
            model.posterior.log_variance.weight.zero_()
        table = responsibilities(model, model.pseudo_inputs)
        assert np.array_equal(table.argmax(-1).numpy(), np.arange(20))

    def test_none_without_components(self, fresh, x):
        assert responsibilities(fresh(), x) is None
        assert usage(fresh(), x) is None
