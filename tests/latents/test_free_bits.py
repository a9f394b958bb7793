"""Free bits: below lambda a group costs nothing more and is not pushed; above it, it is the ELBO."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from latents.models.base import Elbo
from latents.objectives.free_bits import FreeBits, groups

LATENT = 3


def free_bits(**settings) -> FreeBits:
    return FreeBits(FreeBits.Settings(**settings))


@pytest.fixture
def uneven(fresh):
    """A model whose units carry very unlike amounts: about 0.02, 0.5 and 4 nats."""
    model = fresh(latent=LATENT).train()
    with torch.no_grad():
        model.posterior.mean.weight.mul_(torch.tensor([0.05, 0.3, 2.0]).unsqueeze(1))
        model.posterior.log_variance.weight.zero_()
        model.posterior.log_variance.bias.copy_(torch.tensor([-0.1, -1.5, -4.0]))
    return model


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 2, (20, 1, 4, 5)).float()


def seeded_elbo(model, x) -> Elbo:
    torch.manual_seed(7)
    return model.elbo(x, units=True)


class TestLoss:
    def test_is_the_sum_over_units_of_what_is_above_lambda(self, uneven, images):
        elbo = seeded_elbo(uneven, images)
        kl = elbo.kl_per_unit.mean(0)
        assert kl.min() < 0.2 < kl.max()
        torch.manual_seed(7)
        terms = free_bits(free=0.2)(uneven, images, 1)
        expected = sum(max(0.2, value) for value in kl.tolist()) - elbo.reconstruction.mean().item()
        assert terms["loss"].item() == pytest.approx(expected, rel=1e-5)
        assert_close(terms["elbo"], elbo.value.mean())
        assert_close(terms["kl"], elbo.kl.mean())

    def test_with_nothing_free_it_is_the_elbo(self, fresh, images):
        for prior in ("standard", "vampprior"):
            model = fresh(prior, latent=LATENT).train()
            elbo = seeded_elbo(model, images)
            torch.manual_seed(7)
            assert_close(free_bits(free=0.0)(model, images, 1)["loss"], -elbo.value.mean())

    def test_the_weight_is_of_all_of_it(self, uneven, images):
        losses = []
        for epoch in (1, 2, 4):
            torch.manual_seed(7)
            losses.append(free_bits(free=0.2, warm_up=4)(uneven, images, epoch)["loss"])
        assert_close(losses[1] - losses[0], (losses[2] - losses[0]) / 3, rtol=1e-4, atol=1e-4)


class TestGradient:
    def test_a_unit_below_lambda_gets_none_from_its_kl(self, uneven, images):
        """What is left is the reconstruction's own gradient, to the last units of float32."""
        free = 0.2
        kl = seeded_elbo(uneven, images).kl_per_unit.mean(0)
        weights = [uneven.posterior.mean.weight, uneven.posterior.log_variance.weight]
        torch.manual_seed(7)
        found = torch.autograd.grad(free_bits(free=free)(uneven, images, 1)["loss"], weights)
        without = torch.autograd.grad(-seeded_elbo(uneven, images).reconstruction.mean(), weights)
        plain = torch.autograd.grad(-seeded_elbo(uneven, images).value.mean(), weights)
        for ours, reconstruction, elbo in zip(found, without, plain, strict=True):
            for unit in range(LATENT):
                assert_close(ours[unit], (reconstruction if kl[unit] < free else elbo)[unit], rtol=1e-4, atol=1e-5)
                assert not torch.allclose(elbo[unit], reconstruction[unit], atol=1e-4)


class TestGroups:
    def test_units_then_layers_then_all_of_it(self):
        kl, units, layers = torch.rand(5), torch.rand(5, 4), torch.rand(5, 2)
        some = torch.zeros(5)
        assert groups(Elbo(some, kl, units, layers)) is units
        assert groups(Elbo(some, kl, None, layers)) is layers
        assert_close(groups(Elbo(some, kl)), kl.unsqueeze(-1))

    def test_a_hierarchy(self, tiny):
        from latents.models import build

        recipe = tiny(model__kind="hierarchical", model__layers="[3, 2]", model__hidden=8)
        model, x = build(recipe, (1, 4, 5)).train(), torch.ones(4, 1, 4, 5)
        kl = groups(seeded_elbo(model, x)).mean(0)
        torch.manual_seed(7)
        terms = free_bits(free=5.0)(model, x, 1)
        assert len(kl) == 5
        assert (terms["loss"] + terms["reconstruction"] - terms["kl"]).item() == pytest.approx(
            (5.0 - kl).relu().sum().item(), rel=1e-4
        )


def test_the_score_counts_what_is_free(uneven, images):
    uneven.eval()
    torch.manual_seed(7)
    found = free_bits(free=0.2)(uneven, images, 1)
    with torch.no_grad():
        score = free_bits(free=0.2).validate(uneven, images)["score"]
        plain = free_bits(free=0.0).validate(uneven, images)["score"]
    assert score == pytest.approx(-float(found["loss"].detach()), abs=3)  # another draw of z
    kl = seeded_elbo(uneven, images).kl_per_unit.mean(0)
    assert plain - score == pytest.approx(float((0.2 - kl.detach()).relu().sum()), abs=3)
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        free_bits(free=-1)
