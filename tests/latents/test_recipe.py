"""Recipes: presets, overrides, the list of fields, and a sentence for everything that is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from latents.data import names as data_names
from latents.errors import RecipeError
from latents.models import build
from latents.parts import kinds
from latents.recipe import Recipe, fields, other_fields, override, preset, presets, read_recipe

SHIPPED = {
    "digits-standard-2d",
    "digits-vampprior-2d",
    "mnist-collapsed-40d",
    "mnist-mog-2d",
    "mnist-standard-2d",
    "mnist-standard-40d",
    "mnist-vampprior-2d",
    "mnist-vampprior-40d",
}


class TestPresets:
    def test_there_is_one_for_each_shipped_model(self):
        assert set(presets()) >= SHIPPED
        assert presets() == sorted(presets())

    @pytest.mark.parametrize("name", sorted(SHIPPED))
    def test_each_is_a_model(self, name):
        recipe = preset(name)
        assert recipe.name == name
        assert recipe.description
        assert recipe.data.name in data_names()
        shape = (1, 8, 8) if recipe.data.name == "digits" else (1, 28, 28)
        model = build(recipe, shape)
        assert model.space.size == int(name.split("-")[-1].removesuffix("d"))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("digits-standard-2d", "digits-vampprior-2d"),
            ("mnist-standard-2d", "mnist-vampprior-2d"),
            ("mnist-standard-2d", "mnist-mog-2d"),
            ("mnist-standard-40d", "mnist-vampprior-40d"),
        ],
    )
    def test_twins_differ_in_their_prior_alone(self, one, other):
        def without_prior(name):
            document = preset(name).model_dump(mode="json")
            del document["name"], document["description"], document["model"]["prior"]
            return document

        assert without_prior(one) == without_prior(other)
        assert preset(one).model.prior.kind != preset(other).model.prior.kind

    def test_an_unknown_one(self):
        with pytest.raises(RecipeError, match=r"no preset 'mnist-standard-2e' \(did you mean 'mnist-standard-2d'\?\)"):
            preset("mnist-standard-2e")


class TestJSON:
    @pytest.mark.parametrize("name", sorted(SHIPPED))
    def test_round_trip(self, name):
        recipe = preset(name)
        document = json.loads(recipe.json_text())
        assert Recipe.parse(document) == recipe
        assert Recipe.parse(document).json_text() == recipe.json_text()

    def test_it_is_complete(self, tiny):
        """What is written holds every field, defaults too: it means the same when the defaults change."""
        document = json.loads(tiny().json_text())
        for row in fields(tiny()):
            value = document
            for name in row.path.split("."):
                value = value[name]
            assert value == (list(row.value) if isinstance(row.value, tuple) else row.value)

    def test_nothing_given_is_a_recipe(self):
        recipe = Recipe.parse({})
        assert recipe.model.kind == "vae"
        assert recipe.objective.kind == "elbo"

    def test_it_cannot_be_changed(self, tiny):
        with pytest.raises(ValueError, match="frozen"):
            tiny().seed = 3


class TestFields:
    @pytest.mark.parametrize("name", sorted(SHIPPED))
    def test_every_leaf_is_listed_once_with_a_description(self, name):
        recipe = preset(name)
        rows = fields(recipe)
        assert [row.path for row in rows] == list(dict.fromkeys(row.path for row in rows))
        assert {row.path for row in rows} == set(leaves(recipe))
        for row in rows:
            assert row.description, row.path
            assert row.description == row.description.strip()
            assert isinstance(row.advanced, bool)

    def test_units_bounds_and_choices(self):
        rows = {row.path: row for row in fields(preset("mnist-vampprior-2d"))}
        assert rows["training.epochs"].unit == "epochs"
        assert rows["training.epochs"].bounds == ">= 1, <= 100000"
        assert rows["training.learning_rate"].bounds == "> 0, <= 1"
        assert rows["data.binarisation"].choices == ("none", "static", "dynamic")
        assert rows["model.prior.kind"].choices == tuple(kinds("prior"))
        assert rows["model.prior.kind"].value == "vampprior"
        assert rows["model.prior.components"].value == 500
        assert rows["training.snapshots"].advanced
        assert not rows["training.epochs"].advanced

    def test_every_listed_field_can_be_overridden_with_its_own_value(self):
        recipe = preset("mnist-vampprior-2d")
        for row in fields(recipe):
            value = row.value if isinstance(row.value, str) else json.dumps(row.value)
            assert override(recipe, {row.path: value}) == recipe, row.path

    def test_every_choice_that_is_listed_is_accepted_or_refused_with_what_to_choose(self, tiny):
        """Some posteriors and priors live in other spaces than those beside them."""
        refused, given, said = set(), tiny(model__latent=8), []
        for row in fields(given):
            for value in row.choices:
                try:
                    assert value in str(asdict_of(override(given, {row.path: value}), row.path))
                except RecipeError as error:
                    refused.add((row.path, value))
                    said.append(str(error))
        assert all("choose one of the priors" in sentence for sentence in said)
        apart = {"model.posterior.kind": ("vmf", "power-spherical", "stick-breaking")}
        apart["model.prior.kind"] = ("uniform-sphere", "stick-breaking")
        assert refused == {(path, value) for path, values in apart.items() for value in values}

    def test_a_section_without_its_kind_keeps_that_of_the_default(self, tiny):
        recipe = override(tiny(), {"model.kind": "auto-encoder", "model.encoder.hidden": "[7]"})
        assert recipe.model.encoder.kind == "mlp"
        assert recipe.model.encoder.hidden == (7,)
        given = {"model": {"kind": "vae", "decoder": {"hidden": [5, 6]}}, "objective": {"beta": 2}}
        assert Recipe.parse(given).model.decoder.hidden == (5, 6)
        assert Recipe.parse(given).objective.kind == "elbo"

    def test_the_fields_of_other_parts(self, tiny):
        others = other_fields(tiny())
        assert {row.path for row in others["model.prior.kind vampprior"]} == {
            "model.prior.components",
            "model.prior.initialisation",
            "model.prior.level",
            "model.prior.noise",
        }
        assert "model.prior.kind standard" not in others
        for rows in others.values():
            assert all(row.description for row in rows)


def asdict_of(recipe: Recipe, path: str):
    value = recipe.model_dump(mode="json")
    for name in path.split("."):
        value = value[name]
    return value


def leaves(section: BaseModel, prefix: str = "") -> list[str]:
    found = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        found += leaves(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else [f"{prefix}{name}"]
    return found


class TestOverride:
    def test_values_are_json_or_text(self, tiny):
        recipe = override(
            tiny(),
            {
                "training.epochs": "7",
                "training.learning_rate": "1e-3",
                "model.encoder.hidden": "[12, 13]",
                "description": "two words",
                "data.binarisation": "static",
                "data.name": "digits",
            },
        )
        assert recipe.training.epochs == 7
        assert recipe.training.learning_rate == 1e-3
        assert recipe.model.encoder.hidden == (12, 13)
        assert recipe.description == "two words"
        assert recipe.data.binarisation == "static"
        assert recipe.data.name == "digits"

    @pytest.mark.parametrize("text", ["2024", "007", "1e5", "true", "null", "[1]"])
    def test_text_that_looks_like_json_stays_text_where_text_is_wanted(self, tiny, text):
        assert override(tiny(), {"description": text}).description == text

    def test_changing_a_kind_resets_the_part(self, tiny):
        recipe = tiny(model__prior__kind="vampprior", model__prior__components=7, model__prior__initialisation="data")
        changed = override(recipe, {"model.prior.kind": "mixture"})
        assert changed.model.prior.components == 500  # its own default, not the 7 of the part that is gone
        assert not hasattr(changed.model.prior, "initialisation")
        same = override(recipe, {"model.prior.kind": "vampprior"})
        assert same == recipe

    def test_the_order_of_the_changes_does_not_matter(self, tiny):
        changes = {"model.prior.components": "9", "model.prior.kind": "mixture"}
        assert override(tiny(), changes) == override(tiny(), dict(reversed(changes.items())))
        assert override(tiny(), changes).model.prior.components == 9

    def test_an_outer_kind_comes_before_an_inner_one(self, tiny, outside_parts):
        from latents.models import VAE

        class Other(VAE):
            kind = "other"

        changes = {"model.prior.kind": "mixture", "model.kind": "other"}
        recipe = override(tiny(), changes)
        assert recipe.model.kind == "other"
        assert recipe.model.prior.kind == "mixture"

    def test_it_leaves_what_was_given_alone(self, tiny):
        document = tiny().model_dump(mode="json")
        before = json.dumps(document)
        override(document, {"model.prior.kind": "mixture", "training.epochs": "2"})
        assert json.dumps(document) == before

    @given(st.integers(1, 4096), st.integers(1, 100_000), st.floats(1e-6, 1), st.integers(0, 2**31 - 1))
    def test_any_legal_value_comes_back(self, latent, epochs, rate, seed):
        changes = {
            "model.latent": str(latent),
            "training.epochs": str(epochs),
            "training.learning_rate": str(rate),
            "seed": str(seed),
        }
        recipe = override(Recipe(), changes)
        values = (recipe.model.latent, recipe.training.epochs, recipe.training.learning_rate, recipe.seed)
        assert values == (latent, epochs, rate, seed)
        assert Recipe.parse(json.loads(recipe.json_text())) == recipe

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"training.epoch": "5"}, ["training.epoch: there is no such field (did you mean 'epochs'?)", "'batch'"]),
            ({"modle.latent": "5"}, ["modle: there is no such field (did you mean 'model'?)", "a recipe has 'name'"]),
            ({"model.laten": "5"}, ["model.laten: there is no such field (did you mean 'latent'?)", "model has"]),
            ({"model.prior.components": "5"}, ["model.prior.components: there is no such field", "model.prior has"]),
            ({"training.epochs": "0"}, ["training.epochs: ", "greater than or equal to 1", "0 was given"]),
            ({"training.epochs": "many"}, ["training.epochs: ", "valid integer", "'many' was given"]),
            ({"training.learning_rate": "-1"}, ["training.learning_rate: ", "greater than 0", "-1 was given"]),
            ({"training.learning_rate": "NaN"}, ["training.learning_rate: ", "nan was given"]),
            ({"training.learning_rate": "Infinity"}, ["training.learning_rate: ", "inf was given"]),
            ({"data.binarisation": "both"}, ["data.binarisation: ", "'none', 'static' or 'dynamic'", "'both'"]),
            ({"model.prior.kind": "vampire"}, ["model.prior: there is no prior of kind 'vampire'", "'vampprior'"]),
            ({"model.prior.kind": "vamprior"}, ["(did you mean 'vampprior'?)"]),
            ({"model.kind": "vea"}, ["model: there is no model of kind 'vea' (did you mean 'vae'?)"]),
            ({"objective.kind": "x"}, ["objective: there is no objective of kind 'x'"]),
            ({"objective.beta": "-2"}, ["objective.beta: ", "greater than or equal to 0", "-2 was given"]),
            ({"model.prior": "5"}, ["model.prior", 'an object with a "kind"', "got 5"]),
            ({"training": "5"}, ["training: ", "5 was given"]),
            ({"name": "a/b"}, ["name: ", "'a/b' was given"]),
            ({"name": "../up"}, ["name: "]),
            ({"seed": "-1"}, ["seed: ", "-1 was given"]),
            ({"training.epochs.more": "5"}, ["training.epochs is a value, not a section", "'more'"]),
            ({"model.encoder.hidden": "[]"}, ["model.encoder.hidden: ", "at least 1"]),
            ({"model.encoder.hidden": "[-5]"}, ["model.encoder.hidden.0: ", "-5 was given"]),
            ({"model.encoder.hidden": "[0]"}, ["model.encoder.hidden.0: ", "0 was given"]),
            ({"model.encoder.hidden": "[1000000000]"}, ["model.encoder.hidden.0: ", "1000000000 was given"]),
        ],
    )
    def test_what_is_wrong_is_one_sentence_that_names_the_field(self, tiny, changes, words):
        with pytest.raises(RecipeError) as caught:
            override(tiny(), changes)
        text = str(caught.value)
        assert "\n" not in text
        assert "pydantic" not in text
        for word in words:
            assert word in text, text

    def test_two_levels_down(self, tiny):
        with pytest.raises(RecipeError, match=r"^model\.prior\.components: .*than or equal to 1, but 0 was given$"):
            override(tiny(), {"model.prior.kind": "vampprior", "model.prior.components": "0"})

    def test_everything_that_is_wrong_is_said(self, tiny):
        changes = {"training.epochs": "0", "model.latent": "0", "seed": "x", "model.prior.width": "1"}
        with pytest.raises(RecipeError) as caught:
            override(tiny(), changes)
        for path in changes:
            assert f"{path}: " in str(caught.value)


class TestRead:
    def test_a_preset(self):
        assert read_recipe("digits-standard-2d") == preset("digits-standard-2d")

    def test_a_file(self, tiny, tmp_path):
        path = tmp_path / "mine.json"
        path.write_text(tiny().json_text())
        assert read_recipe(path) == tiny()
        assert read_recipe(str(path)) == tiny()

    def test_the_config_of_a_model(self, trained):
        assert read_recipe(trained.path / "config.json") == trained.recipe

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot read the recipe"),
            (b"{", "is not JSON"),
            (b"\xff\xfe", "is not JSON"),
            (b"[1]", "holds a list, but a recipe is a JSON object"),
            (b'{"sead": 1}', "sead: there is no such field (did you mean 'seed'?)"),
        ],
    )
    def test_a_file_that_is_wrong(self, tmp_path, content, words):
        path = tmp_path / "mine.json"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RecipeError) as caught:
            read_recipe(path)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


class TestCheck:
    def test_colour_images(self, tiny, digits):
        """There is no way to make them binary: the sentence does not send one from setting to setting."""

        class Colour:
            name, kind, shape, sizes = "photos", "colour", (3, 8, 8), {"train": 100, "valid": 10, "test": 10}

        for binarisation in ("none", "dynamic"):
            with pytest.raises(RecipeError, match=r"photos.*colour") as caught:
                tiny(data__binarisation=binarisation).check(Colour)
            assert "set data.binarisation" not in str(caught.value)
            assert "set it to 'none'" not in str(caught.value)

    def test_colour_images_under_a_likelihood_that_takes_them(self, linear_gaussian):
        class Colour:
            name, kind, shape, sizes = "photos", "colour", (3, 8, 8), {"train": 100, "valid": 10, "test": 10}

        recipe = linear_gaussian().recipe
        recipe.check(Colour)
        with pytest.raises(RecipeError, match="colour images; set it to 'none'"):
            override(recipe, {"data.binarisation": "dynamic"}).check(Colour)
