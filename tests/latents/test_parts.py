"""Parts: a class is a choice by being defined, in this package or outside of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import latents
from latents import parts
from latents.errors import RecipeError
from latents.evaluation import evaluate
from latents.parts import PartSettings, kinds, listed, part, setting, suggest
from latents.priors import Prior, Standard
from latents.recipe import Recipe, fields, other_fields, override


class TestRegistry:
    def test_what_comes_with_the_package(self):
        assert {"standard", "mixture", "vampprior"} <= set(kinds("prior"))
        assert {"gaussian"} <= set(kinds("posterior"))
        assert {"bernoulli"} <= set(kinds("likelihood"))
        assert {"mlp"} <= set(kinds("encoder"))
        assert {"vae"} <= set(kinds("model"))
        assert {"elbo"} <= set(kinds("objective"))

    def test_an_unknown_kind(self):
        with pytest.raises(ValueError, match=r"no prior of kind 'standart' \(did you mean 'standard'\?\); there are '"):
            part("prior", "standart")

    def test_every_part_says_what_it_is(self):
        for socket in ("prior", "posterior", "likelihood", "encoder", "decoder", "model", "objective"):
            for kind, chosen in kinds(socket).items():
                assert chosen.__doc__, (socket, kind)
                assert chosen.kind == chosen.Settings().kind == kind
                for name, field in chosen.Settings.model_fields.items():
                    assert name == "kind" or field.description, (socket, kind, name)


class TestFromOutside:
    def test_a_new_prior_is_in_every_face_of_the_recipe(self, outside_parts, tiny):
        class Cauchy(Prior):
            """Heavy tails."""

            kind = "cauchy"

            class Settings(PartSettings):
                scale: float = setting(1.0, "half width at half height", unit="latent units", gt=0)

        recipe = override(tiny(), {"model.prior.kind": "cauchy", "model.prior.scale": "2.5"})
        assert recipe.model.prior.scale == 2.5
        assert Recipe.parse(recipe.model_dump(mode="json")) == recipe
        rows = {row.path: row for row in fields(recipe)}
        assert "cauchy" in rows["model.prior.kind"].choices
        assert rows["model.prior.scale"].description == "half width at half height"
        assert rows["model.prior.scale"].unit == "latent units"
        assert rows["model.prior.scale"].bounds == "> 0"
        assert "model.prior.kind cauchy" in other_fields(tiny())
        with pytest.raises(RecipeError, match=r"model\.prior\.scale: .*greater than 0, but -1 was given"):
            override(recipe, {"model.prior.scale": "-1"})

    def test_a_base_class_is_no_choice(self, outside_parts):
        before = set(kinds("prior"))

        class Abstract(Prior):
            """Names no kind."""

        assert set(kinds("prior")) == before

    def test_by_an_entry_point(self, outside_parts, monkeypatch):
        class Point:
            def load(self):
                type("Late", (Standard,), {"kind": "late", "__doc__": "Comes late."})

        groups = []
        monkeypatch.setattr(parts, "entry_points", lambda group: groups.append(group) or [Point()])
        define = next(value for value in vars(parts).values() if hasattr(value, "cache_clear"))
        define.cache_clear()
        assert "late" in kinds("prior")
        assert groups == ["latents.parts"]

    def test_settings_of_another_socket_do_not_fit(self, outside_parts, tiny):
        """Two sockets may use one word for different parts."""

        class Twin(Standard):
            kind = "gaussian"

            class Settings(PartSettings):
                width: float = setting(1.0, "half its width")

        assert Recipe.parse({"model": {"kind": "vae", "prior": Twin.Settings(width=2)}}).model.prior.width == 2
        with pytest.raises(RecipeError, match="prior"):
            Recipe.parse({"model": {"kind": "vae", "prior": part("posterior", "gaussian").Settings()}})

    def test_a_whole_model_of_outside_parts_trains_saves_and_evaluates(self, linear_gaussian, tiny, tmp_path):
        """A linear decoder with Gaussian noise, defined in the tests: factor analysis with one noise level."""
        recipe = linear_gaussian("mixture", components=4, scale=0.3).recipe
        recipe = override(recipe, {"training.epochs": "12", "training.learning_rate": "0.02", "objective.warm_up": "2"})
        folder = latents.train(recipe, tmp_path / "linear", accelerator="cpu")
        history = folder.history()
        assert history["train_elbo"][-1] > history["train_elbo"][0] + 5
        model = folder.load()
        assert str(model.measure) == "density, binarisation: none"
        assert model.recipe.model.likelihood.scale == 0.3
        evaluate(folder, samples=20, images=50)
        entry = folder.metrics["log_likelihood"]
        assert entry["measure"] == "density, binarisation: none"
        assert entry["binarisation"] == "as given"
        # no better than the best Gaussian: the images under their own mean and covariance
        test = latents.data.load("digits").test.images.flatten(1).double()
        shared = np.cov(test.T.numpy()) + 0.09 * np.eye(64)
        best = torch.distributions.MultivariateNormal(test.mean(0), torch.from_numpy(shared)).log_prob(test).mean()
        assert math.isfinite(entry["value"])
        assert entry["value"] < float(best) + 1


class TestWords:
    def test_suggest(self):
        assert suggest("vampirior", ["standard", "vampprior"]) == " (did you mean 'vampprior'?)"
        assert suggest("zzz", ["standard"]) == ""

    def test_listed(self):
        assert listed(["a"]) == "'a'"
        assert listed(["a", "b"]) == "'a' and 'b'"
        assert listed(["a", "b", "c"]) == "'a', 'b' and 'c'"
