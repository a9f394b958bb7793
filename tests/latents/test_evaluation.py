"""The one importance-sampling estimator, against closed forms; what is written into metrics.json."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from latents import evaluation
from latents.data import TEST_SEED, binarise, load
from latents.errors import FolderError
from latents.evaluation import compare, evaluate, evaluation_images, mean_with_error, measure_units
from latents.models import Model, base

ROOT = Path(__file__).resolve().parents[2]
PROVENANCE = ("data", "split", "images", "binarisation", "device", "versions", "date")


def closed_form(model: Model, x: torch.Tensor) -> torch.Tensor:
    """log p(x) of a linear decoder with Gaussian noise: sum_k w_k N(x; W mu_k + b, W S_k W^T + s^2 I), float64."""
    weight, bias = model.likelihood.mean.weight.detach().double(), model.likelihood.mean.bias.detach().double()
    with torch.no_grad():
        p = model.prior()
    means, variances, log_w = p.mean[None], p.variance[None], torch.zeros(1)
    if hasattr(p, "components"):
        means, variances, log_w = p.components.mean, p.components.variance, p.log_weights
    noise = model.likelihood.scale**2 * torch.eye(len(bias), dtype=torch.float64)
    flat = x.flatten(1).double()
    terms = [
        w.double() + MultivariateNormal(weight @ mean + bias, weight * variance @ weight.T + noise).log_prob(flat)
        for mean, variance, w in zip(means.double(), variances.double(), log_w, strict=True)
    ]
    return torch.logsumexp(torch.stack(terms), 0)


@torch.no_grad()
def make_posterior_exact(model: Model) -> None:
    """Let the columns of W be orthogonal: p(z|x) is then a diagonal Gaussian, and linear in x, as the encoder is."""
    weight, scale = model.likelihood.mean.weight, model.likelihood.scale
    weight.copy_(torch.linalg.qr(weight)[0] * torch.linspace(0.5, 1.5, weight.shape[1]))
    variance = 1 / (1 + weight.square().sum(0) / scale**2)
    model.posterior.mean.weight.copy_(variance.unsqueeze(1) * weight.T / scale**2)
    model.posterior.mean.bias.copy_(-model.posterior.mean.weight @ model.likelihood.mean.bias)
    model.posterior.log_variance.weight.zero_()
    model.posterior.log_variance.bias.copy_(variance.log())


@torch.no_grad()
def make_posterior_wide(model: Model) -> None:
    """An encoder that is right about the place and too wide: well for importance sampling, not exact."""
    make_posterior_exact(model)
    model.posterior.log_variance.bias.add_(0.5)


class TestAgainstTheClosedForm:
    def test_with_the_exact_posterior_every_weight_is_the_likelihood(self, linear_gaussian):
        """log p(x|z) + log p(z) - log q(z|x) = log p(x) for every z: any sign or factor that is wrong shows."""
        model = linear_gaussian(latent=3, shape=(1, 2, 4))
        make_posterior_exact(model)
        x = torch.randn(5, 1, 2, 4)
        with torch.no_grad():
            weights = model.log_weights(x, 6)
        assert_close(weights.double(), closed_form(model, x).expand(6, 5), rtol=1e-5, atol=1e-5)
        assert_close(model.log_likelihood(x, 1).double(), closed_form(model, x), rtol=1e-5, atol=1e-5)
        draws = torch.stack([model.elbo(x).value for _ in range(4000)]).detach()
        error = draws.std(0) / math.sqrt(4000)  # the KL is analytic and the reconstruction drawn: equal on average
        assert ((draws.mean(0) - closed_form(model, x)).abs() < 5 * error).all()

    @pytest.mark.parametrize("prior", ["standard", "mixture", "vampprior"])
    def test_importance_sampling(self, linear_gaussian, prior):
        model = linear_gaussian(prior, latent=2, **({} if prior == "standard" else {"components": 5}))
        make_posterior_wide(model)
        if prior == "vampprior":
            with torch.no_grad():
                model.latent_prior.pixels.uniform_()
        x = torch.rand(6, 1, 2, 3)
        expected = closed_form(model, x)
        samples = 20_000
        with torch.no_grad():
            ratios = (model.log_weights(x, samples) - expected).exp()
        assert ((ratios.mean(0) - 1).abs() < 5 * ratios.std(0) / math.sqrt(samples)).all()
        assert_close(model.log_likelihood(x, samples).double(), expected, rtol=0, atol=0.05)

    def test_the_bound_is_below_and_rises_with_the_samples(self, linear_gaussian):
        model = linear_gaussian("mixture", components=5)
        make_posterior_wide(model)
        with torch.no_grad():
            model.posterior.mean.bias.add_(0.7)  # a bad posterior: a wide gap
        x = torch.rand(400, 1, 2, 3)
        truth = closed_form(model, x).mean().item()
        with torch.no_grad():
            elbo = float(torch.stack([model.elbo(x).value for _ in range(50)]).mean())
        bounds = [elbo] + [float(model.log_likelihood(x, samples).mean()) for samples in (2, 10, 100, 3000)]
        assert bounds == sorted(bounds)
        assert bounds[-1] == pytest.approx(truth, abs=0.02)
        assert elbo < truth - 0.5

    def test_elbo_below_log_likelihood_on_a_trained_model(self, trained, digits):
        model = trained.load()
        x = binarise(digits.test.images, TEST_SEED)
        elbo, likelihood = model.elbo(x).value.detach(), model.log_likelihood(x, 200)
        assert float((likelihood - elbo).mean()) > 3 * float((likelihood - elbo).std()) / math.sqrt(len(x))


class TestChunks:
    @pytest.mark.parametrize("samples", [1, 2, 3, 5, 7, 16, 33])
    @pytest.mark.parametrize("rows", [1, 4, 7, 1000])
    def test_every_number_of_samples_is_used(self, linear_gaussian, monkeypatch, samples, rows):
        """With the exact posterior any dropped or doubled sample changes the mean of the weights."""
        model = linear_gaussian(latent=2)
        make_posterior_exact(model)
        monkeypatch.setattr(base, "_PIXELS", rows * 6)
        x = torch.randn(3, 1, 2, 3)
        assert model.log_weights(x, samples).shape == (samples, 3)
        assert_close(model.log_likelihood(x, samples).double(), closed_form(model, x), rtol=1e-5, atol=1e-5)

    def test_the_distribution_of_the_weights_does_not_depend_on_the_chunks(self, fresh, monkeypatch):
        from scipy.stats import ks_2samp

        model = fresh("vampprior", components=5)
        x = torch.randint(0, 2, (2, 1, 4, 5)).float()
        with torch.no_grad():
            whole = model.log_weights(x, 3000)
            monkeypatch.setattr(base, "_PIXELS", 20 * 2 * 7)  # seven samples of two images: 3000 is no multiple
            parts = model.log_weights(x, 3000)
        for image in range(2):
            assert ks_2samp(whole[:, image].numpy(), parts[:, image].numpy()).pvalue > 0.01
        assert len(parts[:, 0].unique()) > 2900  # fresh draws in every chunk

    @pytest.mark.parametrize(("images", "samples"), [(1, 5000), (40, 300), (3, 1), (1000, 2)])
    def test_decoding_stays_within_its_bound(self, fresh, monkeypatch, images, samples):
        """However many samples and images there are, few pictures exist at a time."""
        model = fresh("standard")
        rows = 64
        monkeypatch.setattr(base, "_PIXELS", rows * 20)
        decoded = []
        model.decoder.register_forward_hook(lambda module, inputs, output: decoded.append(output[..., 0].numel()))
        model.log_likelihood(torch.zeros(images, 1, 4, 5), samples)
        assert max(decoded) <= rows
        assert sum(decoded) == images * samples
        assert len(decoded) <= 2 * math.ceil(images * samples / rows) + images  # and not one by one

    def test_images_and_components_are_encoded_once(self, fresh, monkeypatch):
        model = fresh("vampprior", components=5)
        monkeypatch.setattr(base, "_PIXELS", 20 * 10)
        rows = []
        model.encoder.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
        model.log_likelihood(torch.zeros(9, 1, 4, 5), 50)
        assert sum(rows) == 9 + 5

    @pytest.mark.slow
    def test_memory_is_bounded(self):
        """5,000 samples for each of 200 images, 784-300-300-40 with 500 pseudo-inputs: far below 1 GB."""
        code = """
import torch, latents
from benchmarks.memory import peak_of_this_process
from latents.models import build
from latents.recipe import preset
torch.set_num_threads(1)
model = build(preset("mnist-vampprior-40d"), (1, 28, 28)).eval()
model.log_likelihood(torch.zeros(2, 1, 28, 28), 3)
before = peak_of_this_process()
model.log_likelihood(torch.zeros(200, 1, 28, 28), 5000)
after = peak_of_this_process()
print(after - before, after)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        grown, peak = map(float, done.stdout.split())  # MB
        assert grown < 200
        assert peak < 1000


class TestMeanWithError:
    def test_against_numpy(self):
        values = torch.randn(50)
        found = mean_with_error(values)
        assert found["value"] == pytest.approx(float(values.double().mean()), abs=5e-5)
        expected = np.std(values.numpy(), ddof=1) / math.sqrt(50)
        assert found["standard_error"] == pytest.approx(expected, abs=5e-5)

    def test_one_image_has_no_error(self):
        assert mean_with_error(torch.tensor([-3.0])) == {"value": -3.0, "standard_error": 0.0}


class TestImages:
    def test_one_fixed_draw(self, trained, digits):
        x, said = evaluation_images(trained.load(), digits)
        assert torch.equal(x, binarise(digits.test.images, TEST_SEED))
        assert said == {"data": "digits", "split": "test", "images": 300, "binarisation": "one fixed draw, seed 777"}

    @pytest.mark.parametrize("count", [1, 2, 7, 299])
    def test_a_part_is_spread_and_is_part_of_the_whole_draw(self, trained, digits, count):
        x, said = evaluation_images(trained.load(), digits, count)
        whole = binarise(digits.test.images, TEST_SEED)
        places = [int(torch.where((whole == image).flatten(1).all(1))[0][0]) for image in x]
        assert said["images"] == len(x) == count == len(set(places))
        assert places == sorted(places)
        assert places[0] == 0
        if count > 1:
            assert places[-1] == 299

    def test_more_than_there_are(self, trained, digits):
        assert evaluation_images(trained.load(), digits, 5000)[1]["images"] == 300

    def test_a_model_of_gray_images_sees_them_gray(self, linear_gaussian, digits):
        x, said = evaluation_images(linear_gaussian(shape=digits.shape), digits)
        assert torch.equal(x, digits.test.images)
        assert said["binarisation"] == "as given"


class TestEvaluate:
    @pytest.fixture(scope="class")
    def evaluated(self, trained, tmp_path_factory):
        import shutil

        from latents.folder import ModelFolder

        folder = ModelFolder(shutil.copytree(trained.path, tmp_path_factory.mktemp("evaluated") / "tiny"))
        reports = []
        evaluate(folder, samples=13, images=150, seed=4, watch=lambda done, of: reports.append((done, of)))
        assert reports == [(100, 150), (150, 150)]
        return folder

    def test_provenance(self, evaluated):
        metrics = evaluated.metrics
        for name in ("log_likelihood", "elbo", "units"):
            assert all(metrics[name].get(field) is not None for field in PROVENANCE), name
        expected = {
            "samples": 13,
            "images": 150,
            "seed": 4,
            "estimator": "importance",
            "unit": "nats",
            "measure": "discrete, binarisation: dynamic",
            "split": "test",
        }
        assert {name: metrics["log_likelihood"][name] for name in expected} == expected
        assert metrics["elbo"]["samples"] == 1
        assert metrics["units"]["images"] == 300  # the whole split, whatever part the likelihood was taken on
        assert "torch" in metrics["elbo"]["versions"]
        assert metrics["training"]["epochs"] == 3  # what was there stays

    def test_values(self, evaluated):
        """The mean and the error of the numbers per image, which are those of the model."""
        metrics, per_image = evaluated.metrics, evaluated.evaluation()
        for name in ("log_likelihood", "elbo"):
            values = per_image[name].astype(np.float64)
            assert len(values) == 150
            assert metrics[name]["value"] == pytest.approx(values.mean(), abs=1e-3)
            assert metrics[name]["standard_error"] == pytest.approx(values.std(ddof=1) / math.sqrt(150), abs=1e-3)
        assert metrics["elbo"]["value"] == pytest.approx(
            metrics["elbo"]["reconstruction"] - metrics["elbo"]["kl"], abs=1e-3
        )
        model = evaluated.load()
        x, _ = evaluation_images(model, load("digits"), 150)
        torch.manual_seed(0)
        again = model.log_likelihood(x, 13).numpy() - per_image["log_likelihood"]
        assert abs(again.mean()) < 5 * again.std() / math.sqrt(150)
        assert metrics["elbo"]["value"] < metrics["log_likelihood"]["value"]

    def test_the_same_seed_gives_the_same_numbers(self, evaluated, folder):
        evaluate(folder, samples=13, images=150, seed=4)
        assert np.array_equal(folder.evaluation()["log_likelihood"], evaluated.evaluation()["log_likelihood"])
        before = torch.get_rng_state()
        evaluate(folder, samples=13, images=150, seed=5)
        assert not np.array_equal(folder.evaluation()["log_likelihood"], evaluated.evaluation()["log_likelihood"])
        assert torch.equal(torch.get_rng_state(), before)

    def test_units(self, evaluated, digits):
        model = evaluated.load()
        units = evaluated.metrics["units"]
        x = binarise(digits.test.images, TEST_SEED)
        mean = model.encode(x).mean.detach().double().numpy()
        assert units["variances"] == pytest.approx(mean.var(0), abs=1e-5)
        assert units["active"] == int((mean.var(0) > 0.01).sum())
        assert units["total"] == 2
        assert units["kl"] == pytest.approx(model.elbo(x, units=True).kl_per_unit.mean(0).tolist(), abs=1e-4)
        strict = measure_units(model, digits, threshold=1e6)
        assert strict["active"] == 0
        assert strict["threshold"] == 1e6

    def test_a_model_without_a_likelihood(self, folder, monkeypatch):
        from latents.models import VAE

        monkeypatch.setattr(VAE, "reasons", lambda self: {"log_likelihood": "It has none.", "units": "None."})
        with pytest.raises(FolderError, match=r"cannot be evaluated: It has none\."):
            evaluate(folder)
        assert measure_units(folder.load(), load("digits")) == {"reason": "None."}

    def test_data_of_another_shape(self, tiny, tmp_path):
        """The file that a model was trained on may have changed since."""
        import latents

        path = tmp_path / "own.npz"
        pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 5), np.uint8)
        np.savez(path, images=pixels)
        folder = latents.train(tiny(data__name=str(path), training__epochs=1), tmp_path / "model", accelerator="cpu")
        np.savez(path, images=pixels[:, :5])
        with pytest.raises(FolderError, match=r"1 x 5 x 5.*1 x 6 x 5"):
            evaluate(folder, samples=2)


class TestCompare:
    @pytest.fixture
    def pair(self, folder, tiny, tmp_path, monkeypatch):
        import latents

        other = latents.train(tiny(training__epochs=1), tmp_path / "other", accelerator="cpu")
        for one in (folder, other):
            evaluate(one, samples=5, images=60)
        return folder, other

    def test_the_paired_difference(self, pair):
        one, other = pair
        entry = compare(one, other)
        difference = one.evaluation()["log_likelihood"].astype(float) - other.evaluation()["log_likelihood"]
        assert entry["difference"] == pytest.approx(difference.mean(), abs=1e-3)
        assert entry["standard_error"] == pytest.approx(difference.std(ddof=1) / math.sqrt(60), abs=1e-3)
        assert entry["with"] == "other"
        assert entry["paired"] is True
        assert one.metrics["comparisons"] == [entry]
        assert compare(other, one)["difference"] == -entry["difference"]
        compare(one, other)
        assert len(one.metrics["comparisons"]) == 1  # written anew, not twice
        compare(one, one)
        assert [entry["with"] for entry in one.metrics["comparisons"]] == ["other", one.name]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("measure", "density"), ("data", "mnist"), ("images", 61), ("samples", 6), ("binarisation", "as given")],
    )
    def test_numbers_that_do_not_compare(self, pair, field, value):
        one, other = pair
        other.update_metrics(log_likelihood={**other.metrics["log_likelihood"], field: value})
        with pytest.raises(FolderError, match=f"do not compare: their {field} differs"):
            compare(one, other)
        assert "comparisons" not in one.metrics

    def test_a_part_of_the_images_against_the_whole_split(self, pair):
        one, other = pair
        evaluate(other, samples=5)
        entry = compare(one, other)
        whole = other.evaluation()["log_likelihood"].astype(float)
        assert len(whole) == 300
        chosen = np.linspace(0, 299, 60).astype(int)
        difference = one.evaluation()["log_likelihood"] - whole[chosen]
        assert entry["images"] == 60
        assert entry["difference"] == pytest.approx(difference.mean(), abs=1e-3)
        assert compare(other, one)["difference"] == -entry["difference"]

    def test_two_parts_of_other_sizes_do_not_compare(self, pair):
        """They are other images."""
        one, other = pair
        evaluate(other, samples=5, images=50)
        with pytest.raises(FolderError, match="their images differs"):
            compare(one, other)

    def test_not_evaluated_yet(self, folder, trained):
        with pytest.raises(FolderError, match="run `latents evaluate"):
            compare(folder, trained)

    def test_the_numbers_per_image_are_gone(self, pair):
        one, other = pair
        (other.path / "evaluation.safetensors").unlink()
        with pytest.raises(FolderError, match="run `latents evaluate"):
            compare(one, other)


def test_progress_is_of_images(monkeypatch, folder):
    monkeypatch.setattr(evaluation, "_PASS", 7)
    reports = []
    evaluate(folder, samples=2, images=20, watch=lambda *report: reports.append(report))
    assert reports == [(7, 20), (14, 20), (20, 20)]
