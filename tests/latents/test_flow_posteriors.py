"""Posteriors with flows: their densities against independent oracles, what they refuse, and what is saved of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal, kl_divergence
from torch.testing import assert_close

import latents
from latents.distributions import DiagonalGaussian, draw_and_kl
from latents.errors import RecipeError
from latents.models import build
from latents.parts import part
from latents.posteriors.householder import HouseholderFlow

KINDS = {
    "householder": {"steps": 3},
    "planar": {"steps": 3},
    "sylvester-orthogonal": {"steps": 2, "bottleneck": 2},
    "sylvester-householder": {"steps": 2, "reflections": 2},
    "sylvester-triangular": {"steps": 3},
    "nice": {"steps": 3, "hidden": [12]},
    "iaf": {"steps": 2, "hidden": [12]},
}
DENSE = ["householder", "nice", "iaf"]
every = pytest.mark.parametrize("kind", KINDS)
dense = pytest.mark.parametrize("kind", DENSE)


def head(kind, latent=3, features=6, dtype=torch.float64, **settings):
    """A posterior whose maps are far from the identity."""
    cls = part("posterior", kind)
    found = cls(cls.Settings.model_validate({**KINDS[kind], **settings}), features, latent).to(dtype)
    with torch.no_grad():
        for weight in found.parameters():
            weight.add_(0.5 * torch.randn_like(weight) / weight.shape[-1] ** 0.5)
    return found


@every
class TestEveryFlow:
    @settings(max_examples=6)
    @given(n=st.integers(1, 3), d=st.integers(2, 4), steps=st.integers(1, 4))
    def test_log_density_of_draws_is_the_change_of_variables(self, kind, n, d, steps):
        """log q = log N(e; 0, I) - log |det dz/de| of each draw: every log-determinant is counted once."""
        posterior = head(kind, d, steps=steps)
        features = torch.randn(n, 6, dtype=torch.float64)
        q = posterior(features)
        state = torch.get_rng_state()
        z, log_q = q.rsample_and_log_prob((2,))
        torch.set_rng_state(state)
        noise = torch.randn(2, n, d, dtype=torch.float64)
        assert log_q.shape == (2, n)
        for sample in range(2):
            for image in range(n):
                one = posterior(features[image : image + 1])

                def push(e, one=one):
                    point = one.base.mean[0] + one.base.stddev[0] * e
                    for f in one.transforms:
                        point = f.forward(point[None])[0][0]
                    return point

                e = noise[sample, image]
                assert_close(push(e), z[sample, image])
                log_normal = MultivariateNormal(torch.zeros_like(e), torch.eye(d, dtype=e.dtype)).log_prob(e)
                expected = log_normal - torch.linalg.slogdet(jacobian(push, e)).logabsdet
                assert_close(log_q[sample, image], expected, rtol=1e-7, atol=1e-7)

    @given(n=st.integers(1, 5), d=st.integers(2, 6), dtype=st.sampled_from([torch.float32, torch.float64]))
    def test_shapes(self, kind, n, d, dtype):
        q = head(kind, d, dtype=dtype)(torch.randn(n, 6, dtype=dtype))
        assert (q.batch_shape, q.event_shape) == ((n,), (d,))
        for shape in ((), (3,), (2, 3)):
            z, log_q = q.rsample_and_log_prob(shape)
            assert (z.shape, log_q.shape) == ((*shape, n, d), (*shape, n))
            assert z.dtype == log_q.dtype == dtype
            assert q.sample(shape).shape == q.rsample(shape).shape == z.shape
        assert not q.sample().requires_grad
        assert q[1:].batch_shape == (n - 1,)
        assert q[torch.tensor([0, 0, n - 1])].rsample().shape == (3, d)

    def test_gradients_reach_the_features(self, kind):
        posterior = head(kind)
        features = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
        z, log_q = posterior(features).rsample_and_log_prob((2,))
        (log_q.sum() + z.square().sum()).backward()
        assert (features.grad != 0).all()
        assert all(weight.grad is not None and (weight.grad != 0).any() for weight in posterior.parameters())

    def test_each_image_has_its_own_maps(self, kind):
        """Amortised: the same noise goes different ways for different features, beyond mean and variance."""
        posterior = head(kind)
        with torch.no_grad():
            for layer in (posterior.mean, posterior.log_variance):
                layer.weight.zero_()
        base = posterior(torch.randn(2, 6, dtype=torch.float64))
        z = torch.randn(3, dtype=torch.float64).expand(2, 3)
        for f in base.transforms:
            z = f.forward(z)[0]
        assert (z[0] - z[1]).abs().max() > 1e-2

    def test_detached_its_parameters_get_no_gradient(self, kind):
        posterior = head(kind)
        q = posterior(torch.randn(4, 6, dtype=torch.float64))
        z, log_q = q.detach().rsample_and_log_prob()
        assert not z.requires_grad
        assert not log_q.requires_grad

    def test_without_effect_it_is_the_gaussian(self, kind):
        posterior, features = head(kind, 4, steps=2), torch.randn(3, 6, dtype=torch.float64)
        with torch.no_grad():
            if kind == "householder":  # the same reflection twice
                posterior.chain[0].weight.copy_(torch.eye(4))
                posterior.chain[0].bias.zero_()
            elif kind in ("nice", "iaf"):
                for layer in posterior.maps:
                    layer.transform.hyper[-1].weight.zero_()
                    layer.transform.hyper[-1].bias.fill_(60 if kind == "iaf" else 0)
            else:
                posterior.parameters_of_maps.weight.zero_()
                posterior.parameters_of_maps.bias.zero_()
            gaussian = posterior.base(features)
            z, log_q = posterior(features).rsample_and_log_prob((5,))
            assert_close(log_q, gaussian.log_prob(z))

    def test_density_elsewhere_or_why_not(self, kind):
        posterior = head(kind)
        q = posterior(torch.randn(4, 6, dtype=torch.float64))
        assert posterior.has_density == (kind in DENSE)
        z, log_q = q.rsample_and_log_prob((5,))
        if posterior.has_density:
            assert_close(q.log_prob(z), log_q, rtol=1e-8, atol=1e-8)
        else:
            with pytest.raises(NotImplementedError, match="can score only its own samples"):
                q.log_prob(z)

    def test_a_mean_only_in_closed_form(self, kind):
        posterior = head(kind)
        q = posterior(torch.randn(4, 6, dtype=torch.float64))
        assert hasattr(q, "marginals") == (kind == "householder")
        if kind != "householder":
            with pytest.raises(NotImplementedError):
                _ = q.mean
        draws = q.rsample((20_000,))
        assert_close(posterior.space.point(q, 20_000), draws.mean(0), rtol=0, atol=0.2)

    def test_average(self, kind):
        """Near the mean; a posterior without a flow's effect has it exactly, whatever the draws."""
        posterior = head(kind)
        q = posterior(torch.randn(4, 6, dtype=torch.float64))
        assert_close(q.average(20_000), q.rsample((20_000,)).mean(0), rtol=0, atol=0.2)
        with torch.no_grad():
            straight = type(q)(q.base, [f for f in q.transforms if kind == "householder"])
            expected = straight.mean if kind == "householder" else q.base.mean
            assert_close(straight.average(2), expected)

    def test_saved_in_half_precision_it_is_the_same_posterior(self, kind, tiny):
        """Masks and orders are no weights: rounding the state leaves them as they were."""
        recipe = tiny(model__posterior__kind=kind, model__latent=4)
        first, second = build(recipe, (1, 4, 5)).eval(), build(recipe, (1, 4, 5)).eval()
        rounded = {name: weight.half() for name, weight in first.state_dict().items()}
        assert all(value.is_floating_point() for value in first.state_dict().values())
        assert set(rounded) == {name for name, _ in first.named_parameters()}
        first.load_state_dict({name: weight.float() for name, weight in rounded.items()})
        second.load_state_dict(rounded)
        x = torch.rand(3, 1, 4, 5)
        torch.manual_seed(1)
        expected = first.encode(x).rsample_and_log_prob((2,))
        torch.manual_seed(1)
        for found, wanted in zip(second.encode(x).rsample_and_log_prob((2,)), expected, strict=True):
            assert (found == wanted).all()


@pytest.mark.parametrize("part", [{"posterior__kind": kind} for kind in KINDS] + [{"prior__kind": "autoregressive"}])
def test_it_can_be_built_for_its_shapes_alone(part, tiny):
    """What the reader of a folder does first, when the settings name more than its weights hold."""
    recipe = tiny(model__latent=4, **{f"model__{name}": kind for name, kind in part.items()})
    with torch.device("meta"):
        shapes = build(recipe, (1, 4, 5))
    assert {weight.device.type for weight in shapes.parameters()} == {"meta"}
    assert {name: value.shape for name, value in shapes.state_dict().items()} == {
        name: value.shape for name, value in build(recipe, (1, 4, 5)).state_dict().items()
    }


class TestHouseholder:
    def oracle(self, posterior, features):
        """MultivariateNormal(U mu, U diag(s^2) U^T), with U built from the vectors v as matrices."""
        gaussian, v = posterior.base(features), posterior.first(features)
        size = v.shape[-1]
        rotation = torch.eye(size, dtype=v.dtype)
        for layer in [None, *posterior.chain]:
            v = v if layer is None else layer(v)
            outer = torch.einsum("ni,nj->nij", v, v)
            rotation = (torch.eye(size, dtype=v.dtype) - 2 * outer / v.square().sum(-1)[:, None, None]) @ rotation
        mean = (rotation @ gaussian.mean.unsqueeze(-1)).squeeze(-1)
        return MultivariateNormal(mean, rotation @ torch.diag_embed(gaussian.variance) @ rotation.mT)

    @given(n=st.integers(1, 4), d=st.integers(1, 6), steps=st.integers(1, 7))
    def test_it_is_a_gaussian_of_full_covariance(self, n, d, steps):
        posterior = head("householder", d, steps=steps)
        features = torch.randn(n, 6, dtype=torch.float64)
        q, oracle = posterior(features), self.oracle(posterior, features)
        z = 2 * torch.randn(5, n, d, dtype=torch.float64)
        assert_close(q.log_prob(z), oracle.log_prob(z))
        assert_close(q.mean, oracle.mean)
        assert_close(q.variance, oracle.variance)
        assert_close(q.stddev, oracle.stddev)
        assert_close(q.entropy(), oracle.entropy())
        assert_close(q.marginals().loc, oracle.mean)
        assert_close(q.marginals().variance, oracle.variance)
        assert_close(q.table(z[:, 0]), oracle.log_prob(z[:, :1]))

    def test_draws_are_of_that_gaussian(self):
        posterior, features = head("householder"), torch.randn(2, 6, dtype=torch.float64)
        q, oracle = posterior(features), self.oracle(posterior, features)
        z = q.sample((200_000,))
        for image in range(2):
            assert_close(z[:, image].T.cov(), oracle.covariance_matrix[image], rtol=0.03, atol=0.02)

    @pytest.mark.parametrize("prior", ["standard", "shifted", "scaled", "one for each"])
    @pytest.mark.parametrize("learnt", [False, True])
    def test_kl_in_closed_form(self, prior, learnt):
        posterior, features = head("householder"), torch.randn(4, 6, dtype=torch.float64)
        mean, log_variance = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        if prior == "shifted":
            mean, log_variance = torch.randn(3, dtype=torch.float64), log_variance + 0.7
        elif prior == "scaled":
            log_variance = torch.randn(3, dtype=torch.float64)
        elif prior == "one for each":
            mean, log_variance = torch.randn(2, 4, 3, dtype=torch.float64)
        log_variance.requires_grad_(learnt)
        p = DiagonalGaussian(mean, log_variance)
        oracle_p = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
        _, kl = draw_and_kl(posterior(features), p)
        oracle = kl_divergence(self.oracle(posterior, features), oracle_p)
        assert_close(kl, oracle)
        wanted = [*posterior.parameters(), *([log_variance] if learnt else [])]
        gradients = torch.autograd.grad(kl.sum(), wanted, allow_unused=True)
        oracles = torch.autograd.grad(oracle.sum(), wanted, allow_unused=True)
        for found, expected in zip(gradients, oracles, strict=True):
            zero = torch.zeros(())
            assert_close(zero if found is None else found, zero.expand_as(found) if expected is None else expected)

    def test_redundant_reflections_are_allowed_and_said(self, tiny):
        settings = HouseholderFlow.Settings(steps=9)
        assert HouseholderFlow.redundant(settings, 9) is None
        said = HouseholderFlow.redundant(settings, 8)
        assert said.startswith("posterior.steps is 9, but 8 reflections already make every rotation")
        cls = part("posterior", "sylvester-householder")
        assert cls.redundant(cls.Settings(reflections=3), 3) is None
        assert "posterior.reflections is 4" in cls.redundant(cls.Settings(reflections=4), 3)
        build(tiny(model__posterior__kind="householder", model__posterior__steps="9"), (1, 4, 5))


@pytest.mark.parametrize("kind", ["nice", "iaf"])
def test_density_integrates_to_one(kind):
    q = head(kind, 2, dtype=torch.float32)(torch.randn(3, 6))
    with torch.no_grad():
        z = q.sample((2000,)).flatten(0, 1)
        low, high = z.amin(0) - 6, z.amax(0) + 6
        lines = [torch.linspace(float(a), float(b), 201) for a, b in zip(low, high, strict=True)]
        cell = float((lines[0][1] - lines[0][0]) * (lines[1][1] - lines[1][0]))
        mass = q.table(torch.cartesian_prod(*lines)).double().exp().sum(0) * cell
    assert_close(mass, torch.ones(3, dtype=torch.float64), rtol=0, atol=5e-3)


class TestEverySecondStep:
    """Each unit is moved, and each sees the others: steps take turns."""

    def jacobians(self, kind):
        q = head(kind, 4, steps=2)(torch.randn(1, 6, dtype=torch.float64))
        z = torch.randn(4, dtype=torch.float64)
        return [jacobian(lambda point, f=f: f.forward(point[None])[0][0], z) for f in q.transforms]

    def test_iaf_turns_the_order_round(self):
        first, second = self.jacobians("iaf")
        for matrix in (first, second.T):
            assert (matrix.triu(1) == 0).all()
            assert (matrix.tril(-1) != 0).any()

    def test_nice_moves_the_other_half(self):
        for step, matrix in enumerate(self.jacobians("nice")):
            kept = torch.arange(4) % 2 == step
            assert_close(matrix[kept], torch.eye(4, dtype=torch.float64)[kept])
            assert (matrix[~kept][:, kept] != 0).any()

    def test_triangular_sylvester_turns_the_order_round(self):
        first, second = self.jacobians("sylvester-triangular")
        for matrix in (first.T, second):
            assert_close(matrix.triu(1), torch.zeros_like(matrix))
            assert (matrix.tril(-1) != 0).any()


def test_nice_keeps_the_base_s_density():
    posterior, features = head("nice", 5), torch.randn(3, 6, dtype=torch.float64)
    state = torch.get_rng_state()
    _, log_q = posterior(features).rsample_and_log_prob((4,))
    torch.set_rng_state(state)
    assert_close(log_q, posterior.base(features).rsample_and_log_prob((4,))[1])


class TestVampPrior:
    @dense
    def test_it_is_the_mixture_of_the_flows(self, kind, tiny):
        recipe = tiny(
            model__posterior__kind=kind,
            model__latent=3,
            model__prior__kind="vampprior",
            model__prior__components=5,
            model__prior__level=0.5,
            model__prior__noise=0.5,
        )
        model = build(recipe, (1, 4, 5))
        p = model.prior()
        z = torch.randn(7, 3)
        q = model.encode(model.pseudo_inputs)
        each = torch.stack([q[k : k + 1].log_prob(z[:, None])[:, 0] for k in range(5)], -1)
        assert_close(p.log_prob(z), (each.double().exp().mean(-1)).log().float(), rtol=1e-4, atol=1e-4)
        assert p.sample((6,)).shape == (6, 3)
        p.log_prob(z).sum().backward()
        for weight in (model.latent_prior.pixels, *model.posterior.parameters()):
            assert (weight.grad != 0).any()

    @pytest.mark.parametrize(("kind", "most"), [("nice", 50), ("iaf", 20)])
    def test_too_many_components_are_refused_with_the_sum(self, kind, most, tiny):
        def make(components):
            return tiny(
                model__posterior__kind=kind, model__prior__kind="vampprior", model__prior__components=str(components)
            )

        make(most)
        with pytest.raises(RecipeError) as error:
            make(most + 1)
        assert f"prior.components is {most + 1}" in str(error.value)
        assert f"at most {most}" in str(error.value)

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in DENSE])
    def test_what_scores_only_its_samples_is_refused(self, kind, tiny):
        with pytest.raises(RecipeError, match=f"'vampprior'.*posterior '{kind}' can score only its own samples"):
            tiny(model__posterior__kind=kind, model__prior__kind="vampprior", model__latent=4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"kind": "sylvester-orthogonal", "bottleneck": "5"},
            "posterior.bottleneck is 5, but Q has that many orthonormal columns of model.latent = 4 dimensions; set "
            "it to at most 4",
        ),
        ({"kind": "iaf", "hidden": "[8, 3]"}, "posterior.hidden has a layer of 3 features.*set each to at least 4"),
        ({"kind": "planar", "steps": "0"}, "model.posterior.steps: input should be greater than or equal to 1"),
    ],
)
def test_sizes_that_cannot_work(changes, said, tiny):
    with pytest.raises(RecipeError, match=said):
        tiny(model__latent="4", **{f"model__posterior__{name}": value for name, value in changes.items()})


def test_nice_needs_two_halves(tiny):
    with pytest.raises(RecipeError, match=r"model.latent is 1, but a 'nice' posterior"):
        tiny(model__latent="1", model__posterior__kind="nice")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("nice", "sylvester-orthogonal")])
def test_one_dimension(kind):
    z, log_q = head(kind, 1)(torch.randn(2, 6, dtype=torch.float64)).rsample_and_log_prob((3,))
    assert (z.shape, log_q.shape) == ((3, 2, 1), (3, 2))


def test_zuko_is_imported_only_where_it_is_used():
    """It costs a start, so it is imported when a part that needs it is built: never at the head of a module."""
    for path in Path(latents.__file__).parent.rglob("*.py"):
        for statement in ast.parse(path.read_text("utf-8")).body:
            names = [name.name for name in getattr(statement, "names", [])] + [getattr(statement, "module", None) or ""]
            assert not any(name.split(".")[0] == "zuko" for name in names), path
