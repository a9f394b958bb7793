"""Latent space: colours, selections, projections and holes, against numbers computed another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import latents
from explorer import ROOT, colours, image_numbers, library
from latents.data import TEST_SEED, binarise

VAMP, STANDARD, PCA = "digits-vampprior-2d", "digits-standard-2d", "digits-pca"
DEEP, HIERARCHY = "digits-standard-8d", "digits-hvae"


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/latent_space.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info, *at.caption])


def settings(at: AppTest) -> dict:
    import json

    return json.loads(at.get("bidi_component")[0].proto.json)


def entry_of(name: str) -> library.Entry:
    found = library.find(name)
    assert found is not None
    return found


def seen(name: str) -> tuple[latents.Model, torch.Tensor]:
    net = latents.load(ROOT / "trained" / name)
    return net, binarise(latents.data.load("digits").test.images, TEST_SEED)


# -- colours -------------------------------------------------------------------------------------------------


def test_numbers_add_up_and_agree_with_many_draws():
    found = image_numbers.of(entry_of(STANDARD))
    assert found.elbo == pytest.approx(-found.error - found.kl, abs=1e-4)
    net, x = seen(STANDARD)
    with torch.no_grad():
        q = net.encode(x)
        z = q.mean + q.stddev * torch.randn(200, *q.mean.shape, generator=torch.Generator().manual_seed(1))
        means = net.picture(z.flatten(0, 1)).images.view(200, *x.shape).clamp(1e-6, 1 - 1e-6)
    likelihood = (x * means.log() + (1 - x) * (1 - means).log()).flatten(2).sum(-1).mean(0)
    kl = 0.5 * (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(-1)
    assert -found.error.mean() == pytest.approx(float(likelihood.mean()), abs=0.3)
    assert np.corrcoef(-found.error, likelihood)[0, 1] > 0.85  # (one draw of it, or the mean of many)
    assert np.corrcoef(found.kl, kl)[0, 1] > 0.7  # (one draw of it, or its closed form)
    assert found.kl.mean() == pytest.approx(float(kl.mean()), abs=0.2)


def test_a_model_without_a_likelihood_has_squared_errors():
    found = image_numbers.of(entry_of(PCA))
    assert found.elbo is None
    assert found.kl is None
    x = library.images(entry_of(PCA)).seen.reshape(300, -1) / 255.0
    mean = latents.load(ROOT / "trained" / PCA).picture(torch.tensor(library.encoding(entry_of(PCA)).points)).images
    assert found.error == pytest.approx(((x - mean.detach().numpy().reshape(300, -1)) ** 2).sum(1), rel=1e-4)


def test_the_component_that_explains_an_image_is_the_most_probable_one():
    net, x = seen(VAMP)
    with torch.no_grad():
        z, q = net.encode(x).mean, net.encode(net.pseudo_inputs)
        log_q = torch.distributions.Normal(q.mean, q.stddev).log_prob(z[:, None]).sum(-1)
    weights = getattr(net.mixture(), "weights", None)
    if weights is None:
        assert (image_numbers.component(entry_of(VAMP)) == log_q.argmax(1).numpy()).mean() > 0.99


def test_what_a_model_can_be_coloured_by():
    assert colours.options([entry_of(VAMP)]) == ["Class", "ELBO", "Reconstruction error", "KL", "Pseudo-input", "Unit"]
    assert colours.options([entry_of(PCA)]) == ["Class", "Reconstruction error", "Unit"]
    assert "Unit" not in colours.options([entry_of("digits-vmf")])


@pytest.mark.parametrize(
    ("by", "key", "said"),
    [
        ("ELBO", "elbo", "its ELBO in nats"),
        ("Reconstruction error", "error", "reconstruction error in nats"),
        ("KL", "kl", "in nats"),
        ("Pseudo-input", "pseudo-inputs", "that explains it most"),
    ],
)
def test_colours_by_link(by, key, said):
    at = page(model=VAMP, colour=by)
    sent = settings(at)
    assert sent["settings"]["colour"] == key
    assert key in sent["planes"][0]["values"]
    assert said in texts(at)


def test_a_unit_by_link_and_one_that_is_gone():
    at = page(model=DEEP, colour="Unit", **{"by-unit": "7"})
    assert settings(at)["settings"]["colour"] == "unit-6"
    assert "coloured by z₇" in texts(at)
    at = page(model=DEEP, colour="Unit", **{"by-unit": "99"})
    assert settings(at)["settings"]["colour"].startswith("unit-")


def test_a_model_that_has_no_such_number_says_so():
    at = page(model=STANDARD, beside=PCA, colour="KL")
    assert f"{PCA}: no such number" in texts(at)
