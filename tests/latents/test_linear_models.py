"""PCA, probabilistic PCA and factor analysis, against scikit-learn, SciPy and the formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn import decomposition
from torch.distributions import kl_divergence
from torch.testing import assert_close

import latents
from latents.errors import RecipeError
from latents.folder import ModelFolder
from latents.models import CALLS, Model, build
from latents.models.linear.spectrum import spectrum
from latents.recipe import preset

SHAPE = (1, 3, 4)
GAUSSIAN = ("ppca", "factor-analysis")


def made(tiny, kind: str, shape=SHAPE, **settings) -> Model:
    """A fresh model in float64, so that steps can be held against each other exactly."""
    changes = {f"model__{name}": value for name, value in settings.items()}
    recipe = tiny(data__binarisation="none", model__kind=kind, **changes)
    return build(recipe, shape).double().eval()


def images(count: int, latent: int = 3, shape=SHAPE, noise: float = 0.1) -> torch.Tensor:
    """Draws of a linear model with noise of its own for each pixel: float64, not confined to [0, 1]."""
    pixels = math.prod(shape)
    scale = noise * (0.5 + torch.rand(pixels, dtype=torch.float64))
    axes = 0.3 * torch.randn(latent, pixels, dtype=torch.float64)
    x = 0.4 + torch.randn(count, latent, dtype=torch.float64) @ axes
    return (x + scale * torch.randn(count, pixels, dtype=torch.float64)).unflatten(1, shape)


def fitted(model: Model, x: torch.Tensor, epochs: int = 1) -> list[float]:
    """The log-likelihood of the training images after each epoch."""
    (stage,) = model.stages(model.recipe)
    return [stage.fit(x, epoch)["log_likelihood"] for epoch in range(1, epochs + 1)]


def covariance(model: Model) -> np.ndarray:
    """W W^T + Psi."""
    loadings = model.loadings.detach().numpy()
    return loadings @ loadings.T + np.diag(model.noise.detach().numpy())


class TestSpectrum:
    @given(st.integers(3, 30), st.integers(1, 3))
    def test_it_is_the_eigendecomposition_of_the_covariance(self, count, components):
        """With more images than pixels, and with fewer, where the other Gram matrix is taken."""
        x = images(count)
        found = spectrum(x, min(components, count - 1))
        flat = x.flatten(1).numpy()
        values, vectors = np.linalg.eigh(np.cov(flat.T, bias=True))
        size = len(found.variances)
        np.testing.assert_allclose(found.variances, values[::-1][:size], atol=1e-10)
        np.testing.assert_allclose(found.total, values.sum(), rtol=1e-10)
        np.testing.assert_allclose(found.mean, flat.mean(0), atol=1e-12)
        assert_close(found.axes.T @ found.axes, torch.eye(size, dtype=torch.float64))
        np.testing.assert_allclose(np.abs((found.axes.numpy() * vectors[:, ::-1][:, :size]).sum(0)), 1, atol=1e-6)
        assert (found.axes.gather(0, found.axes.abs().argmax(0, keepdim=True)) > 0).all()


class TestPCA:
    @pytest.mark.parametrize("count", [200, 8])
    def test_it_is_that_of_scikit_learn(self, tiny, count):
        x = images(count)
        model = made(tiny, "pca", latent=3)
        model.fit(x)
        other = decomposition.PCA(3).fit(x.flatten(1).numpy())
        codes = other.transform(x.flatten(1).numpy())
        signs = np.sign((codes * model.encode(x).mean.detach().numpy()).sum(0))
        np.testing.assert_allclose(model.encode(x).mean.detach().numpy(), codes * signs, atol=1e-9)
        np.testing.assert_allclose(
            model.decode(model.encode(x).mean).mean.detach().flatten(1).numpy(),
            other.inverse_transform(codes),
            atol=1e-9,
        )
        variances = other.explained_variance_ * (count - 1) / count
        np.testing.assert_allclose(model.prior().variance.detach().numpy(), variances, rtol=1e-9)
        np.testing.assert_allclose(
            float(model.loss(x).mean().detach()),
            np.square(x.flatten(1).numpy() - other.inverse_transform(codes)).sum(1).mean(),
        )

    def test_variances_of_units_are_those_of_the_components(self, tiny, digits):
        model = build(tiny(data__binarisation="none", model__kind="pca"), digits.shape).eval()
        model.fit(digits.train.images)
        found = latents.diagnostics.active_units(model, digits.train.images)
        assert_close(found.variances, model.prior().variance.detach(), rtol=1e-4, atol=1e-6)
        assert latents.diagnostics.kl_per_unit(model, digits.train.images) is None

    def test_what_it_does_not_answer(self, tiny):
        model = made(tiny, "pca")
        assert {call for call in CALLS if model.why_not(call)} == {
            "draw", "elbo", "log_likelihood", "pseudo_inputs", "components",
        }  # fmt: skip
        assert "projection" in model.why_not("log_likelihood")
        assert model.measure is model.estimator is None

    def test_the_point_is_a_distribution_of_one_value(self, tiny):
        model = made(tiny, "pca")
        q = model.encode(images(5))
        assert torch.equal(q.rsample((3,)), q.mean.expand(3, -1, -1))
        assert torch.equal(q.log_prob(q.mean), torch.zeros(5, dtype=torch.float64))
        assert (q.log_prob(q.mean + 1) == -math.inf).all()
        assert torch.equal(q.stddev, torch.zeros_like(q.mean))
        assert torch.equal(q[1:3].mean, q.mean[1:3])
        p = model.decode(q.mean)
        assert torch.equal(p.sample((2,)), p.mean.expand(2, -1, -1, -1, -1))
        assert p.log_prob(p.mean).tolist() == [0] * 5


@pytest.mark.parametrize("kind", GAUSSIAN)
class TestDensity:
    @pytest.fixture
    def model(self, kind, tiny) -> Model:
        """With any loadings, so that nothing rests on the rotation that a fit leaves."""
        model = made(tiny, kind, latent=3)
        with torch.no_grad():
            model.loadings.normal_()
            model.centre.normal_()
            model.log_noise.uniform_(-3, 0)
        return model

    def test_likelihood_is_that_of_the_covariance(self, model):
        x = images(20)
        expected = multivariate_normal(model.centre.detach().numpy(), covariance(model)).logpdf(x.flatten(1).numpy())
        np.testing.assert_allclose(model.log_likelihood(x), expected, rtol=1e-10)
        assert model.log_likelihood(x.float()).dtype == torch.float32

    def test_the_posterior_is_that_of_gaussian_conditioning(self, kind, tiny):
        """After a fit: E = W^T S^-1 (x - mu), Var = I - W^T S^-1 W with S = W W^T + Psi, and no covariances left."""
        x, model = images(100), made(tiny, kind, latent=3)
        fitted(model, x)
        loadings, inverse = model.loadings.detach().numpy(), np.linalg.inv(covariance(model))
        centred = x.flatten(1).numpy() - model.centre.detach().numpy()
        q = model.encode(x)
        np.testing.assert_allclose(q.mean.detach(), centred @ inverse @ loadings, atol=1e-10)
        expected = np.eye(3) - loadings.T @ inverse @ loadings
        np.testing.assert_allclose(np.diag(q.variance[0].detach()), expected, atol=1e-10)
        assert (q.variance == q.variance[0]).all()

    def test_the_bound_is_the_likelihood(self, kind, tiny):
        x, model = images(100), made(tiny, kind, latent=3)
        fitted(model, x)
        elbo = model.elbo(x, units=True)
        assert_close(elbo.value, model.log_likelihood(x))
        assert_close(elbo.kl, kl_divergence(model.encode(x), model.prior()))
        assert_close(elbo.kl_per_unit.sum(-1), elbo.kl)

    def test_importance_sampling_comes_to_the_same(self, kind, tiny):
        """q is the posterior, so that every weight is p(x); from a q that is off, the mean of the weights is."""
        x, model = images(60), made(tiny, kind, latent=2)
        fitted(model, x)
        assert_close(Model.log_likelihood(model, x, 3), model.log_likelihood(x))
        exact, encode = model.log_likelihood(x), model.encode
        wider = lambda x: type(encode(x))(encode(x).mean + 0.2 * encode(x).stddev, encode(x).log_variance + 0.5)  # noqa: E731
        model.encode = wider
        with torch.no_grad():
            weights = (model.log_weights(x, 4000) - exact).exp()
        assert float((weights.mean(0) - 1).abs().div(weights.std(0) / math.sqrt(4000)).max()) < 5
        assert float(weights.std()) > 0.1

    def test_after_rounding_the_likelihood_is_exact_and_the_posterior_nearly(self, kind, tiny, digits):
        model = build(tiny(data__binarisation="none", model__kind=kind, model__latent=8), digits.shape).eval()
        x = digits.train.images
        fitted(model, x)
        model.half().float()
        covered = multivariate_normal(model.centre.detach().double().numpy(), covariance(model).astype(float))
        np.testing.assert_allclose(
            model.log_likelihood(x[:50]), covered.logpdf(x[:50].flatten(1).double().numpy()), rtol=1e-3
        )
        gap = model.log_likelihood(x) - model.elbo(x).value.detach()
        assert float(gap.abs().mean()) < 1e-3

    def test_what_it_answers(self, model):
        assert {call for call in CALLS if model.why_not(call)} == {"pseudo_inputs", "components"}
        assert model.estimator == "exact"
        assert str(model.measure) == "density, binarisation: none"
        assert model.sample(3, seed=1).images.shape == (3, *SHAPE)
        assert model.decode(torch.zeros(2, 3, dtype=torch.float64)).sample().shape == (2, *SHAPE)


class TestPPCA:
    def test_the_closed_form_is_that_of_scikit_learn(self, tiny):
        x = images(300)
        model = made(tiny, "ppca", latent=2)
        fitted(model, x)
        flat = x.flatten(1).numpy()
        other = decomposition.PCA(2).fit(flat)
        # Its eigenvalues are those of the unbiased covariance: the same model of N / (N - 1) times the covariance.
        np.testing.assert_allclose(covariance(model) * 300 / 299, other.get_covariance(), rtol=1e-8, atol=1e-12)
        scale = math.sqrt(300 / 299)
        stretched = (x - model.centre.detach().unflatten(0, SHAPE)) / scale + model.centre.detach().unflatten(0, SHAPE)
        expected = other.score_samples(flat) + len(flat[0]) * math.log(scale)
        np.testing.assert_allclose(model.log_likelihood(stretched), expected, rtol=1e-8)

    def test_em_rises_to_the_closed_form(self, tiny):
        x = images(300)
        closed, em = made(tiny, "ppca", latent=2), made(tiny, "ppca", latent=2, fit="em")
        best = fitted(closed, x)[-1]
        path = fitted(em, x, 300)
        assert path[0] < best - 0.5
        assert min(np.diff(path)) > -1e-9
        assert path[-1] == pytest.approx(best, abs=1e-6)
        assert float(em.noise[0].detach()) == pytest.approx(float(closed.noise[0].detach()), rel=1e-4)
        angles = subspace_angles(closed.loadings.detach().numpy(), em.loadings.detach().numpy())
        assert angles.max() < 1e-3
        np.testing.assert_allclose(em.encode(x).mean.detach(), closed.encode(x).mean.detach(), atol=1e-2)

    def test_it_tends_to_pca_as_the_noise_goes(self, tiny):
        """Of images in a plane: the posterior's means are the components over their standard deviations."""
        x = images(200, latent=2, noise=0.0)
        model, plane = made(tiny, "ppca", latent=2, floor=1e-9), made(tiny, "pca", latent=2)
        fitted(model, x)
        plane.fit(x)
        q = model.encode(x)
        assert_close(q.mean, plane.encode(x).mean / plane.prior().stddev, rtol=1e-4, atol=1e-4)
        assert float(q.stddev.detach().max()) < 1e-3


class TestFactorAnalysis:
    def test_em_rises_to_what_scikit_learn_finds(self, tiny):
        x = images(500, noise=0.3)
        model = made(tiny, "factor-analysis", latent=3)
        path = fitted(model, x, 400)
        other = decomposition.FactorAnalysis(3, tol=1e-10, max_iter=20_000, svd_method="lapack").fit(
            x.flatten(1).numpy()
        )
        assert min(np.diff(path)) > -1e-9
        assert path[-1] - path[0] > 0.05
        assert path[-1] == pytest.approx(other.score(x.flatten(1).numpy()), abs=1e-4)
        np.testing.assert_allclose(covariance(model), other.get_covariance(), atol=2e-3)
        np.testing.assert_allclose(model.noise.detach(), other.noise_variance_, rtol=0.05)

    def test_it_is_no_worse_than_ppca(self, tiny, digits):
        """It begins there and has more freedom."""
        x = digits.train.images
        values = {}
        for kind in GAUSSIAN:
            model = build(tiny(data__binarisation="none", model__kind=kind, model__latent=4), digits.shape)
            values[kind] = fitted(model, x)[-1]
        assert values["factor-analysis"] > values["ppca"] + 10

    @pytest.mark.parametrize("kind", GAUSSIAN)
    def test_pixels_that_never_vary_get_the_floor(self, tiny, kind):
        x = images(50)
        x[:, :, 0] = 0.25
        if kind == "ppca":
            x[:] = x[:1]  # where a pixel has no noise of its own, all of them
        model = made(tiny, kind, latent=2, floor=1e-3)
        path = fitted(model, x, 5 if kind == "factor-analysis" else 1)
        assert np.isfinite(path).all()
        assert_close(model.noise[:4], torch.full((4,), 1e-3, dtype=torch.float64))
        assert torch.isfinite(model.encode(x).mean).all()
        assert_close(model.centre[:4].detach(), x[0, 0, 0])


class TestRuns:
    @pytest.mark.parametrize("kind", ["pca", *GAUSSIAN])
    def test_a_run_and_back(self, tiny, digits, tmp_path, kind):
        recipe = tiny(data__binarisation="none", model__kind=kind, training__epochs=2)
        folder = latents.train(recipe, tmp_path / "run", accelerator="cpu")
        assert folder.status["state"] == "finished"
        history = folder.history()
        assert len(history["epoch"]) == (2 if kind == "factor-analysis" else 1)
        model, again = folder.load(), folder.load()
        x = digits.test.images[:20]
        assert torch.equal(model.points(x), again.points(x))
        assert torch.equal(model.reconstruct(x), again.reconstruct(x))
        mean = digits.train.images.mean(0)
        assert (model.reconstruct(x) - x).square().mean() < 0.8 * (mean - x).square().mean()
        if kind == "pca":
            assert history["valid_loss"][0] > 0
            return
        entries = latents.evaluation.evaluate(folder)
        assert entries["log_likelihood"]["estimator"] == "exact"
        assert entries["log_likelihood"]["measure"] == "density, binarisation: none"
        assert entries["log_likelihood"]["value"] == pytest.approx(entries["elbo"]["value"], abs=1e-2)

    def test_likelihood_floors_of_the_presets(self, digits):
        """Measured 13.7 and 51.9 nats on the test images."""
        for name, epochs, floor in (("digits-ppca", 1, 12.5), ("digits-factor-analysis", 20, 50.0)):
            model = build(preset(name), digits.shape).eval()
            fitted(model, digits.train.images, epochs)
            assert float(model.log_likelihood(digits.test.images).mean()) > floor

    def test_float16_weights_give_the_same_model_nearly(self, tiny, digits, tmp_path):
        model = build(tiny(data__binarisation="none", model__kind="factor-analysis"), digits.shape).eval()
        fitted(model, digits.train.images, 3)
        folder = ModelFolder.create(tmp_path / "small", model.recipe)
        folder.write_weights(model, model.state_dict(), "float16")
        x = digits.test.images
        exact, rounded = model.log_likelihood(x).mean(), folder.load().log_likelihood(x).mean()
        assert float(rounded) == pytest.approx(float(exact), abs=0.1)


class TestBadInput:
    @pytest.mark.parametrize(("kind", "most"), [("pca", 64), ("ppca", 63), ("factor-analysis", 63)])
    def test_more_units_than_pixels(self, tiny, digits, kind, most):
        tiny(data__binarisation="none", model__kind=kind, model__latent=most).check(digits)
        with pytest.raises(RecipeError, match=rf"model.latent is {most + 1}, .*64 pixels.* at most {most}"):
            tiny(data__binarisation="none", model__kind=kind, model__latent=most + 1).check(digits)

    @pytest.mark.parametrize("kind", ["pca", *GAUSSIAN])
    def test_too_few_images(self, tiny, digits, kind):
        few = _with_images(digits, 5)
        tiny(data__binarisation="none", model__kind=kind, model__latent=4).check(few)
        with pytest.raises(RecipeError, match=r"model.latent is 5, but 5 training images .* at most 4"):
            tiny(data__binarisation="none", model__kind=kind, model__latent=5).check(few)

    @pytest.mark.parametrize("kind", GAUSSIAN)
    def test_binary_images(self, tiny, digits, kind):
        with pytest.raises(RecipeError, match=f"model is '{kind}'.*data.binarisation is 'dynamic'"):
            tiny(model__kind=kind).check(digits)
        tiny(model__kind="pca").check(digits)

    @pytest.mark.parametrize("kind", ["pca", *GAUSSIAN])
    def test_an_objective_that_is_not_used(self, tiny, digits, kind):
        with pytest.raises(RecipeError, match=r"objective is 'iwae'.* leave objective at 'elbo'"):
            tiny(data__binarisation="none", model__kind=kind, objective__kind="iwae").check(digits)

    def test_fields(self, tiny):
        with pytest.raises(RecipeError, match=r"model.floor"):
            tiny(model__kind="ppca", model__floor=0)
        with pytest.raises(RecipeError, match=r"model.fit"):
            tiny(model__kind="ppca", model__fit="svd")


def _with_images(data, count: int):
    """The same data set with so few training images, as far as a recipe is checked."""

    class Few:
        name, kind, shape, sizes = data.name, data.kind, data.shape, {**data.sizes, "train": count}

    return Few()
