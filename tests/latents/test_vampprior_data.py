"""The VampPrior on training images: real images, never learnt, and a mixture of the encoder's posteriors at them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from latents.errors import RecipeError
from latents.folder import ModelFolder
from latents.models import build
from latents.recipe import preset


@pytest.fixture
def model(tiny, digits):
    """An untrained model in eval mode, whose prior sits on 7 training images."""
    recipe = tiny(model__latent=3, model__prior__kind="vampprior-data", model__prior__components=7)
    model = build(recipe, digits.shape)
    with torch.no_grad():  # components far enough apart to tell them
        model.posterior.mean.weight.mul_(4)
    model.initialise(digits.train.images, torch.Generator().manual_seed(1))
    return model.eval()


def test_it_is_different_training_images_by_the_seed(model, digits):
    images = digits.train.images
    places = [int(torch.where((images == picture).flatten(1).all(1))[0][0]) for picture in model.pseudo_inputs]
    assert len(set(places)) == 7
    assert places != sorted(places)
    first = model.pseudo_inputs.clone()
    model.initialise(images, torch.Generator().manual_seed(1))
    assert torch.equal(model.pseudo_inputs, first)
    model.initialise(images, torch.Generator().manual_seed(2))
    assert not torch.equal(model.pseudo_inputs, first)


def test_density_is_the_mean_of_the_posteriors_there(model):
    """An explicit loop over the images, with torch's own Gaussians."""
    z = 2 * torch.randn(5, 3)
    with torch.no_grad():
        terms = []
        for picture in model.pseudo_inputs:
            q = model.encode(picture.unsqueeze(0))
            terms.append(Normal(q.mean, q.stddev).log_prob(z).sum(-1))
        expected = torch.logsumexp(torch.stack(terms), 0) - math.log(7)
        assert_close(model.prior().log_prob(z), expected)


def test_the_images_stay_and_the_encoder_learns(model, digits):
    before = model.pseudo_inputs.clone()
    (stage,) = model.train().stages(model.recipe)
    optimizer = torch.optim.Adam(stage.trainable(), lr=0.01)
    x = (torch.rand_like(digits.train.images[:50]) < digits.train.images[:50]).float()
    (-model.prior().log_prob(torch.randn(8, 3)).sum()).backward()
    for parameter in (*model.encoder.parameters(), *model.posterior.parameters()):
        assert parameter.grad.abs().sum() > 0
    for _ in range(3):
        optimizer.zero_grad()
        stage(x, 1)["loss"].backward()
        optimizer.step()
    assert torch.equal(model.pseudo_inputs, before)
    assert "latent_prior.images" not in dict(model.named_parameters())


def test_the_encoder_runs_once_over_batch_and_images(model):
    rows = []
    model.encoder.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
    model.elbo(torch.rand(6, *model.shape).round())
    assert rows == [13]


def test_the_images_are_part_of_the_weights_file(model, tmp_path):
    folder = ModelFolder.create(tmp_path / "model", model.recipe)
    folder.write_weights(model, model.state_dict(), "float32")
    again = folder.load()
    assert torch.equal(again.pseudo_inputs, model.pseudo_inputs)
    z = torch.randn(4, 3)
    assert torch.equal(again.prior().log_prob(z), model.prior().log_prob(z))


def test_it_answers_as_every_vampprior(model):
    assert model.why_not("pseudo_inputs") is None
    assert model.why_not("components") is None
    assert model.prior().components.mean.shape == (7, 3)


def test_more_images_than_there_are(tiny, digits):
    recipe = tiny(model__prior__kind="vampprior-data", model__prior__components=1298)
    with pytest.raises(RecipeError, match=r"model\.prior\.components is 1298.* only 1297 training .*at most 1297"):
        recipe.check(digits)
    tiny(model__prior__kind="vampprior-data", model__prior__components=1297).check(digits)


def test_the_presets_fit_the_digits(digits):
    for name in ("digits-vampprior-data", "digits-vampprior-8d"):
        preset(name).check(digits)
