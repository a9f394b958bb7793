"""The sphere and the simplex as spaces of a model, and the parts that live there."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import kl_divergence
from torch.nn import functional
from torch.testing import assert_close

from latents.distributions import has_closed_kl
from latents.errors import RecipeError
from latents.models import build
from latents.parts import part
from latents.power_spherical import PowerSpherical
from latents.recipe import override, preset
from latents.spaces.simplex import Simplex
from latents.spaces.sphere import Sphere
from latents.stick_breaking import GEM, StickBreaking
from latents.von_mises_fisher import UniformSphere, VonMisesFisher

PRESETS = ("digits-vmf", "digits-vmf-5d", "digits-vmf-vampprior", "digits-power-spherical", "digits-stick-breaking")


class TestSphere:
    def test_what_it_is(self):
        space = Sphere(2)
        assert (space.size, space.title, space.layers) == (3, "the sphere S²", (space,))
        assert Sphere(1).title == "the circle S¹"
        assert Sphere(40).title == "the sphere S⁴⁰"
        assert space.why_no_units.endswith(".")
        assert Sphere(2) == space

    @given(d=st.integers(1, 12), n=st.integers(1, 4), dtype=st.sampled_from([torch.float32, torch.float64]))
    def test_path_is_a_great_circle(self, d, n, dtype):
        """Unit vectors in the plane of both ends, at equal angles: t of the whole angle from the first."""
        a, b = functional.normalize(torch.randn(2, n, d + 1, dtype=dtype), dim=-1)
        t = torch.linspace(0, 1, 5)
        path = Sphere(d).path(a, b, t)
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        assert path.shape == (5, n, d + 1)
        assert path.dtype == dtype
        assert_close(path[0], a, rtol=0, atol=tolerance)
        assert_close(path[-1], b, rtol=0, atol=tolerance)
        assert_close(path.norm(dim=-1), torch.ones(5, n, dtype=dtype))
        whole = _angle(a, b)
        assert_close(_angle(path, a), t.to(dtype).unsqueeze(-1) * whole, rtol=1e-3, atol=tolerance)
        assert_close(path[2], functional.normalize(a + b, dim=-1), rtol=0, atol=100 * tolerance)

    @pytest.mark.parametrize("d", [1, 2, 5])
    def test_path_between_opposite_points(self, d):
        a = functional.normalize(torch.randn(6, d + 1), dim=-1)
        a[0] = functional.one_hot(torch.tensor(0), d + 1).float()
        path = Sphere(d).path(a, -a, torch.linspace(0, 1, 5))
        assert_close(path[0], a)
        assert_close(path[-1], -a, rtol=0, atol=1e-6)
        assert_close(path.norm(dim=-1), torch.ones(5, 6))
        assert_close(_angle(path[1:], path[:-1]), torch.full((4, 6), math.pi / 4), rtol=1e-4, atol=0)

    @pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-7, 1e-6, 1e-4])
    def test_path_between_equal_and_nearly_equal_points(self, distance):
        a = functional.normalize(torch.randn(6, 3), dim=-1)
        b = functional.normalize(a + distance * torch.randn(6, 3), dim=-1)
        path = Sphere(2).path(a, b, torch.linspace(0, 1, 5))
        assert path.isfinite().all()
        assert_close(path, a.expand(5, -1, -1), rtol=0, atol=5 * distance + 5e-7)
        assert_close(path[-1], b, rtol=0, atol=1e-6)

    def test_nearest_point(self):
        space, y = Sphere(2), torch.randn(7, 3) * 10
        z = space.from_coordinates(y)
        assert_close(z, y / y.norm(dim=-1, keepdim=True))
        assert_close(space.from_coordinates(space.coordinates(z)), z)
        others = functional.normalize(torch.randn(500, 1, 3), dim=-1)
        assert ((others - y).norm(dim=-1) >= (z - y).norm(dim=-1) - 1e-5).all()
        for far in (torch.zeros(2, 3), torch.full((2, 3), 1e-30), torch.full((2, 3), 1e30)):
            assert_close(space.from_coordinates(far).norm(dim=-1), torch.ones(2))

    def test_point_is_the_mean_direction(self):
        q = VonMisesFisher(functional.normalize(torch.randn(4, 3), dim=-1), torch.full((4,), 2.0))
        assert torch.equal(Sphere(2).point(q), q.mean_direction)
        assert Sphere(2).point_words(q) == "mean direction"
        (top,) = Sphere(2).split(q.mean_direction)
        assert torch.equal(top, q.mean_direction)


def _angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


class TestSimplex:
    def test_what_it_is(self):
        space = Simplex(4)
        assert (space.size, space.title, space.layers) == (4, "the simplex of 4 weights", (space,))
        assert space.why_no_units.endswith(".")

    @given(k=st.integers(2, 20), n=st.integers(1, 4))
    def test_paths_and_nearest_points_stay_inside(self, k, n):
        space = Simplex(k)
        a, b = torch.distributions.Dirichlet(torch.ones(k)).sample((2, n))
        path = space.path(a, b, torch.linspace(0, 1, 5))
        assert_close(path[0], a)
        assert_close(path[2], (a + b) / 2)
        assert_close(path.sum(-1), torch.ones(5, n))
        assert_close(space.from_coordinates(space.coordinates(a)), a)
        outside = space.from_coordinates(torch.randn(n, k) * 3)
        assert (outside >= 0).all()
        assert_close(outside.sum(-1), torch.ones(n))
        assert_close(space.from_coordinates(-torch.ones(n, k)), torch.full((n, k), 1 / k))

    def test_point_is_the_mean(self):
        q = StickBreaking(torch.rand(4, 2) + 1, torch.rand(4, 2) + 1)
        assert torch.equal(Simplex(3).point(q), q.mean)
        assert Simplex(3).point_words(q) == "mean"


class TestParts:
    @pytest.mark.parametrize(("kind", "expected"), [("vmf", VonMisesFisher), ("power-spherical", PowerSpherical)])
    def test_posteriors_on_the_sphere(self, kind, expected):
        chosen = part("posterior", kind)
        head = chosen(chosen.Settings(most=50), 5, 3)
        q = head(torch.randn(7, 5) * 1000)
        assert type(q) is expected
        assert head.space == Sphere(3)
        assert q.mean_direction.shape == (7, 4)
        assert_close(q.mean_direction.norm(dim=-1), torch.ones(7))
        assert (q.concentration >= 1).all()
        assert (q.concentration <= 50).all()
        assert (q.concentration == 50).any()
        assert has_closed_kl(expected, UniformSphere)

    def test_concentration_is_one_plus_softplus(self):
        chosen = part("posterior", "vmf")
        head, features = chosen(chosen.Settings(), 5, 2), torch.randn(4, 5)
        expected = functional.softplus(head.concentration(features)).squeeze(-1) + 1
        assert_close(head(features).concentration, expected)

    def test_sticks(self):
        chosen = part("posterior", "stick-breaking")
        q = chosen(chosen.Settings(), 5, 6)(torch.randn(7, 5) * 100)
        assert q.rsample().shape == (7, 6)
        assert (q.a >= 0.1).all()
        assert (q.b <= 1000).all()
        assert has_closed_kl(StickBreaking, GEM)

    def test_priors(self):
        uniform = part("prior", "uniform-sphere")
        p = uniform(uniform.Settings(), 2, (1, 3, 3))()
        assert_close(p.log_prob(p.sample((4,))), torch.full((4,), -math.log(4 * math.pi)))
        sticks = part("prior", "stick-breaking")
        p = sticks(sticks.Settings(alpha=2), 6, (1, 3, 3))()
        assert_close(p.mean[0].item(), 1 / 3)
        assert kl_divergence(StickBreaking(torch.ones(2, 5), torch.ones(2, 5)), p).shape == (2,)

    @pytest.mark.parametrize("name", PRESETS)
    def test_models_answer(self, name):
        model = build(preset(name), (1, 8, 8)).eval()
        x = torch.rand(5, 1, 8, 8).round()
        elbo = model.elbo(x)
        assert elbo.value.isfinite().all()
        assert elbo.kl_per_unit is None
        assert model.log_likelihood(x, 20).isfinite().all()
        assert model.sample(3, seed=0).images.shape == (3, 1, 8, 8)
        assert model.reconstruct(x).shape == x.shape
        assert model.why_not("units") == model.space.why_no_units
        model.train().elbo(x).value.sum().backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)

    @pytest.mark.parametrize("kind", ["power-spherical", "stick-breaking"])
    def test_vampprior(self, kind):
        """A mixture of whatever the encoder gives."""
        changes = {"model.posterior.kind": kind, "model.latent": "3"}
        recipe = override(preset("digits-vmf-vampprior"), {**changes, "model.prior.components": "4"})
        model = build(recipe, (1, 8, 8)).train()
        (-model.elbo(torch.rand(5, 1, 8, 8).round()).value.sum()).backward()
        assert model.latent_prior.pixels.grad.abs().sum() > 0
        assert model.eval().prior().joint(model.prior().sample((6,))).shape == (6, 4)

    @pytest.mark.parametrize(
        ("name", "changes", "said"),
        [
            ("digits-vmf", {"model.prior.kind": "standard"}, "a sphere"),
            ("digits-stick-breaking", {"model.prior.kind": "uniform-sphere"}, "a simplex"),
            ("digits-stick-breaking", {"model.latent": "1"}, "model.latent is 1, .* at least 2"),
            ("digits-vmf", {"model.posterior.most": "1e9"}, r"model\.posterior\.most.*100000"),
            ("digits-stick-breaking", {"model.prior.alpha": "0"}, r"model\.prior\.alpha"),
        ],
    )
    def test_what_cannot_work_is_refused(self, name, changes, said):
        with pytest.raises(RecipeError, match=said):
            override(preset(name), changes)
