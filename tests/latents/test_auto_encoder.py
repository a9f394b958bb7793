"""Auto-encoders: what they answer and what not, the plane of the linear one, corruption, and the fitted Gaussian."""

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
from torch.testing import assert_close

import latents
from latents.data import binarise
from latents.errors import RecipeError
from latents.folder import ModelFolder
from latents.models import CALLS, Model, build
from latents.models.auto_encoder import cholesky

KINDS = ("auto-encoder", "linear-auto-encoder", "denoising-auto-encoder")
SHAPE = (1, 4, 5)
MLP = {"kind": "mlp", "hidden": [16]}


def bodies(kind: str) -> dict:
    """Small ones, where there are any."""
    if kind.startswith("linear"):
        return {}
    return {f"{body}__{name}": value for body in ("encoder", "decoder") for name, value in MLP.items()}


def made(tiny, kind: str = "auto-encoder", shape=SHAPE, seed: int = 0, **settings) -> Model:
    changes = {f"model__{name}": value for name, value in {**bodies(kind), **settings}.items()}
    torch.manual_seed(seed)
    return build(tiny(model__kind=kind, **changes), shape).eval()


def train(model: Model, x: torch.Tensor, steps: int, rate: float = 5e-3) -> None:
    """Steps of the first stage on all images at once."""
    stage = model.stages(model.recipe)[0].train()
    optimizer = torch.optim.Adam(stage.trainable(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        stage(x, 1)["loss"].backward()
        optimizer.step()
    model.eval()


def binary(count: int, shape=SHAPE) -> torch.Tensor:
    return torch.randint(0, 2, (count, *shape)).float()


class TestCalls:
    @given(
        kind=st.sampled_from(KINDS),
        shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 5)),
        latent=st.integers(1, 4),
        n=st.integers(1, 4),
        dtype=st.sampled_from([torch.float32, torch.float64]),
    )
    def test_shapes(self, tiny, kind, shape, latent, n, dtype):
        model = made(tiny, kind, shape, latent=latent).to(dtype)
        x = binary(n, shape).to(dtype)
        q = model.encode(x)
        assert q.mean.shape == q.stddev.shape == q.rsample().shape == (n, latent)
        assert q.rsample((3,)).shape == (3, n, latent)
        assert model.decode(q.rsample((2,))).mean.shape == (2, n, *shape)
        assert model.prior().log_prob(q.mean).shape == (n,)
        assert model.prior().log_prob(q.mean).dtype == dtype
        assert model.loss(x, x).shape == (n,)
        for images in (model.sample(n).images, model.reconstruct(x), model.picture(q.mean).images):
            assert images.shape == (n, *shape)
        assert model.space.size == latent
        assert latents.diagnostics.active_units(model, x).total == latent
        assert latents.diagnostics.kl_per_unit(model, x) is None

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_not_answered_and_why(self, tiny, kind):
        model = made(tiny, kind)
        missing = {call for call in CALLS if model.why_not(call)}
        expected = {"elbo", "log_likelihood", "pseudo_inputs", "components"}
        assert missing == expected | ({"draw"} if kind.startswith("linear") else set())
        assert "no likelihood of images" in model.why_not("log_likelihood")
        assert model.measure is model.estimator is model.mixture() is None
        assert all(model.why_not(call).endswith(".") for call in missing)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_sampler_is_said_to_be_no_prior(self, tiny, kind):
        model = made(tiny, kind)
        (remark,) = model.remarks()
        assert "without a prior" in remark
        assert "afterwards" in remark
        assert "fitted to the codes after training" in model.why_not("components")

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_a_sampler(self, tiny, kind):
        model = made(tiny, kind, sampler="none")
        for call in ("sample", "prior_density"):
            assert "model.sampler is 'none'" in model.why_not(call)
        with pytest.raises(NotImplementedError, match="no Gaussian was fitted"):
            model.prior()
        assert model.mixture() is None
        assert [stage.name for stage in model.stages(model.recipe)] == ["fit"]
        assert not [name for name in model.state_dict() if name in ("centre", "factor")]
        assert latents.diagnostics.kl_per_unit(model, binary(3)) is None

    def test_the_loss_is_the_likelihoods(self, tiny):
        x = binary(6)
        model = made(tiny)
        logits = model.decode(model.encode(x).mean).logits
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(-1)
        assert_close(model.loss(x, x), expected)
        gaussian = {"likelihood__kind": "gaussian", "likelihood__variance": "fixed", "likelihood__deviation": 1.0}
        model = made(tiny, **gaussian)
        rest = (model.decode(model.encode(x).mean).mean - x).square().flatten(1).sum(-1)
        assert_close(model.loss(x, x), 0.5 * rest + 10 * math.log(2 * math.pi))


class TestLinear:
    def test_its_plane_is_that_of_the_principal_components(self, tiny):
        x = 0.5 + 0.2 * torch.randn(200, 12) * torch.linspace(1.5, 0.3, 12)
        x = (x @ torch.linalg.qr(torch.randn(12, 12))[0]).unflatten(1, (1, 3, 4))
        model = made(tiny, "linear-auto-encoder", (1, 3, 4), latent=3)
        model.initialise(x, torch.Generator())
        before = float(model.loss(x, x).mean().detach())
        train(model, x, 1500, 1e-2)
        other = decomposition.PCA(3).fit(x.flatten(1).double().numpy())
        angles = subspace_angles(model.decoder.weight.detach().double().numpy(), other.components_.T)
        assert angles.max() < 0.01
        best = np.square(x.flatten(1).numpy() - other.inverse_transform(other.transform(x.flatten(1)))).sum(1).mean()
        loss = float(model.loss(x, x).mean().detach())
        assert best - 1e-5 < loss < best * 1.001 < before
        np.testing.assert_allclose(
            model.reconstruct(x).flatten(1).numpy(),
            other.inverse_transform(other.transform(x.flatten(1))).clip(0, 1),
            atol=0.01,
        )

    def test_a_rectangular_matrix_alone_would_not_do(self, tiny):
        """Before training the plane is another one: the angles can fail."""
        model = made(tiny, "linear-auto-encoder", (1, 3, 4), latent=3)
        other = decomposition.PCA(3).fit(np.random.default_rng(0).normal(size=(50, 12)))
        assert subspace_angles(model.decoder.weight.detach().numpy(), other.components_.T).max() > 0.5

    def test_it_begins_at_the_mean_image(self, tiny):
        x = torch.rand(30, *SHAPE)
        model = made(tiny, "linear-auto-encoder")
        model.initialise(x, torch.Generator())
        assert_close(model.encode(x.mean(0, keepdim=True)).mean, torch.zeros(1, 2), atol=1e-6, rtol=0)
        assert_close(model.decode(torch.zeros(2)).mean, x.mean(0))


class TestDenoising:
    def corrupted(self, tiny, x, corruption, strength, **more):
        return made(tiny, "denoising-auto-encoder", corruption=corruption, strength=strength).corrupted(x, **more)

    def test_masking(self, tiny):
        x = 0.25 + 0.5 * torch.rand(500, *SHAPE)
        found = self.corrupted(tiny, x, "masking", 0.3)
        changed = found != x
        assert (found[changed] == 0).all()
        assert float(changed.float().mean()) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / x.numel()))

    def test_salt_and_pepper(self, tiny):
        x = torch.full((500, *SHAPE), 0.5)
        found = self.corrupted(tiny, x, "salt-and-pepper", 0.4)
        for value, share in ((0.0, 0.2), (1.0, 0.2), (0.5, 0.6)):
            error = 4 * math.sqrt(share * (1 - share) / x.numel())
            assert float((found == value).float().mean()) == pytest.approx(share, abs=error)

    def test_gaussian(self, tiny):
        x = torch.rand(500, *SHAPE)
        noise = self.corrupted(tiny, x, "gaussian", 0.2) - x
        assert float(noise.mean()) == pytest.approx(0, abs=4 * 0.2 / math.sqrt(x.numel()))
        assert float(noise.std()) == pytest.approx(0.2, rel=0.05)

    @pytest.mark.parametrize("corruption", ["masking", "salt-and-pepper", "gaussian"])
    def test_the_encoder_sees_the_corrupted_image_and_the_loss_the_clean_one(self, tiny, corruption):
        model = made(tiny, "denoising-auto-encoder", corruption=corruption, strength=0.5)
        (stage, _), x = model.stages(model.recipe), binary(40)
        seen, targets = [], []
        model.encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        decode = model.decode

        def watched(z):
            p = decode(z)
            log_prob = p.log_prob
            p.log_prob = lambda value: (targets.append(value), log_prob(value))[1]
            return p

        model.decode = watched
        torch.manual_seed(4)
        loss = stage(x, 1)["loss"]
        torch.manual_seed(4)
        assert torch.equal(seen[0], model.corrupted(x))
        assert not torch.equal(seen[0], x)
        assert torch.equal(targets[0], x)
        assert_close(loss, model.loss(x, seen[0]).mean())

    def test_what_is_shown_is_not_corrupted(self, tiny):
        model, x = made(tiny, "denoising-auto-encoder", strength=1.0), binary(4)
        assert torch.equal(model.reconstruct(x), model.decode(model.code(x)).mean)
        assert not torch.allclose(model.reconstruct(x)[0], model.reconstruct(x)[1])

    def test_validation_is_corrupted_in_the_same_way_each_time(self, tiny):
        model, x = made(tiny, "denoising-auto-encoder"), binary(50)
        (stage, sampler) = model.stages(model.recipe)
        with torch.no_grad():
            found = stage.validate(x)
            torch.randn(3)
            assert stage.validate(x) == found
            assert found["valid_loss"] != pytest.approx(float(model.loss(x, x).mean()), abs=1e-4)
            assert sampler.validate(x)["valid_loss"] == found["valid_loss"]

    def test_it_mends(self, tiny, digits):
        """Trained to, it makes better images of corrupted ones than an equal auto-encoder that was not."""
        x, test = binarise(digits.train.images, 1), binarise(digits.test.images, 2)
        models = {}
        for kind in ("auto-encoder", "denoising-auto-encoder"):
            models[kind] = made(tiny, kind, digits.shape, latent=16, encoder__hidden=[64], decoder__hidden=[64])
            train(models[kind], x, 150)
        mends = models["denoising-auto-encoder"]
        with torch.no_grad():
            seen = mends.corrupted(test)
            losses = {kind: float(model.loss(test, seen).mean()) for kind, model in models.items()}
        assert losses["denoising-auto-encoder"] < losses["auto-encoder"] - 1


class TestSampler:
    def test_it_is_the_mean_and_covariance_of_the_codes(self, tiny):
        model, x = made(tiny, latent=3).double(), binary(200).double()
        model.fit_sampler(x)
        codes = model.encode(x).mean.detach().numpy()
        p = model.prior()
        np.testing.assert_allclose(p.mean, codes.mean(0), atol=1e-12)
        np.testing.assert_allclose(p.covariance_matrix, np.cov(codes.T, bias=True), atol=1e-12)
        expected = multivariate_normal(codes.mean(0), np.cov(codes.T, bias=True)).logpdf(codes)
        np.testing.assert_allclose(p.log_prob(torch.from_numpy(codes)), expected, rtol=1e-9)
        drawn = p.sample((50_000,)).numpy()
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), rtol=0.1, atol=0.02 * np.cov(codes.T).max())

    def test_before_the_fit_it_is_the_standard_normal(self, tiny):
        p = made(tiny, latent=3).prior()
        assert torch.equal(p.mean, torch.zeros(3))
        assert torch.equal(p.covariance_matrix, torch.eye(3))

    def test_codes_in_a_plane(self):
        """A covariance without full rank still has a factor, of nearly the same matrix."""
        axes = torch.randn(5, 2, dtype=torch.float64)
        for matrix in (axes @ axes.T, torch.zeros(5, 5, dtype=torch.float64)):
            factor = cholesky(matrix)
            assert torch.equal(factor, factor.tril())
            assert (factor.diagonal() > 0).all()
            assert_close(factor @ factor.T, matrix, rtol=0, atol=1e-5 * max(1.0, float(matrix.norm())))

    def test_samples_are_those_of_the_gaussian_and_not_of_the_codes(self, tiny, digits):
        """It looks as bad as it is: of its draws, many lie where there are no codes."""
        x = binarise(digits.train.images, 1)
        model = made(tiny, shape=digits.shape, encoder__hidden=[32, 32], decoder__hidden=[32, 32])
        train(model, x, 300)
        model.fit_sampler(x)
        codes = model.points(x)
        drawn = model.prior().sample((1000,))
        near = torch.cdist(codes, codes).fill_diagonal_(math.inf).amin(1)
        far = torch.cdist(drawn, codes).amin(1)
        assert float(far.quantile(0.9)) > 1.3 * float(near.quantile(0.9))
        assert torch.equal(model.sample(5, seed=3).images, model.sample(5, seed=3).images)


class TestRuns:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_run_and_back(self, tiny, digits, tmp_path, kind):
        changes = {f"model__{name}": value for name, value in bodies(kind).items()}
        recipe = tiny(model__kind=kind, training__epochs=3, **changes)
        folder = latents.train(recipe, tmp_path / "run", accelerator="cpu")
        history = folder.history()
        assert history["stage"].tolist() == ["fit"] * 3 + ["gaussian sampler"]
        assert history["valid_loss"][2] < history["valid_loss"][0]
        assert history["valid_loss"][3] == pytest.approx(history["valid_loss"][:3].min(), rel=1e-5)
        assert np.isfinite(history["valid_code_log_density"][-1])
        model = folder.load()
        x = binarise(digits.test.images, 777)
        assert not torch.equal(model.factor, torch.eye(2))
        assert torch.equal(model.reconstruct(x), folder.load().reconstruct(x))
        assert torch.equal(model.sample(4, seed=0).images, folder.load().sample(4, seed=0).images)
        assert "active units" in (folder.path / "README.md").read_text()
        assert "fitted" in (folder.path / "README.md").read_text() or kind.startswith("linear")
        with pytest.raises(latents.errors.FolderError, match="no likelihood of images"):
            latents.evaluation.evaluate(folder)

    def test_rounded_to_float16_the_sampler_still_has_a_density(self, tiny, tmp_path):
        model = made(tiny, latent=4)
        with torch.no_grad():
            model.head.weight[3] = model.head.weight[2] * 1.0001
        model.fit_sampler(binary(100))
        folder = ModelFolder.create(tmp_path / "small", model.recipe)
        folder.write_weights(model, model.state_dict(), "float16")
        other = folder.load()
        assert torch.isfinite(other.prior().log_prob(other.points(binary(10)))).all()


class TestBadInput:
    @pytest.mark.parametrize("kind", KINDS)
    def test_more_units_than_pixels(self, tiny, digits, kind):
        with pytest.raises(RecipeError, match=r"model.latent is 65, but an image of digits has only 64 pixels; .* 64"):
            tiny(model__kind=kind, model__latent=65).check(digits)

    def test_likelihoods_that_do_not_fit(self, tiny, digits):
        with pytest.raises(RecipeError, match=r"model.likelihood is 'bernoulli', which needs binary images"):
            tiny(model__kind="auto-encoder", data__binarisation="none").check(digits)
        tiny(model__kind="linear-auto-encoder", data__binarisation="none").check(digits)

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_objective_that_is_not_used(self, tiny, digits, kind):
        with pytest.raises(RecipeError, match=r"objective is 'iwae'.* leave objective at 'elbo'"):
            tiny(model__kind=kind, objective__kind="iwae").check(digits)

    @pytest.mark.parametrize(("field", "value"), [("strength", 0), ("strength", 1.5), ("corruption", "blur")])
    def test_fields(self, tiny, field, value):
        with pytest.raises(RecipeError, match=f"model.{field}"):
            tiny(model__kind="denoising-auto-encoder", **{f"model__{field}": value})
