"""The form of a recipe: its fields follow the chosen parts, and what is wrong is said field by field."""

import pytest

from explorer import forms
from latents.recipe import preset, presets


def paths(found):
    return {field.path for field in found.fields}


@pytest.mark.parametrize("name", presets())
def test_every_preset_goes_through_the_form_unchanged(name):
    assert forms.draft(preset(name), {}).recipe == preset(name)


def test_the_fields_are_those_of_the_chosen_parts():
    base = preset("digits-standard-2d")
    assert not any(path.startswith("model.prior.") for path in paths(forms.draft(base, {})) - {"model.prior.kind"})
    found = forms.draft(base, {"model.prior.kind": "vampprior"})
    assert {"model.prior.components", "model.prior.initialisation"} <= paths(found)
    assert found.recipe.model.prior.components == found.begun["model.prior.components"]


def test_a_family_without_an_objective_shows_none():
    base = preset("digits-beta")
    assert "objective.beta" in paths(forms.draft(base, {}))
    found = forms.draft(base, {"model.kind": "pca", "objective.beta": 3.0})
    assert not any(path.startswith("objective.") for path in paths(found))
    assert found.recipe.model.kind == "pca"


def test_parts_that_do_not_fit_leave_a_form_in_which_they_can_be_changed():
    base = preset("digits-standard-2d")
    found = forms.draft(base, {"model.posterior.kind": "vmf"})
    assert found.recipe is None
    assert any("vmf" in problem and "standard" in problem for problem in found.problems)
    assert {"model.posterior.kind", "model.prior.kind"} <= paths(found)
    mended = forms.draft(base, {"model.posterior.kind": "vmf", "model.prior.kind": "uniform-sphere"})
    assert mended.recipe.model.prior.kind == "uniform-sphere"


def test_what_is_wrong_is_a_sentence_for_its_field_and_nothing_typed_is_lost():
    typed = {"training.epochs": 0, "model.encoder.hidden": forms.parsed("300; x", (1,)), "name": "a/b"}
    found = forms.draft(preset("digits-standard-2d"), typed)
    assert found.recipe is None
    assert set(found.by_field) == set(typed)
    assert "greater than or equal to 1" in found.by_field["training.epochs"]
    values = {field.path: field.value for field in found.fields}
    assert values["training.epochs"] == 0
    assert values["model.encoder.hidden"] == "300; x"


def test_a_recipe_that_does_not_fit_its_data_is_refused():
    found = forms.draft(preset("digits-standard-2d"), {"model.latent": 100})
    assert found.recipe is None
    assert "64 pixels" in found.problems[0]
    assert "no-such-set" in forms.draft(preset("digits-standard-2d"), {"data.name": "no-such-set"}).problems[0]


@pytest.mark.parametrize(
    ("text", "example", "value"),
    [
        ("300, 300", (1,), [300, 300]),
        ("[300]", (1,), [300]),
        ("300", (1, 2), [300]),
        ("", (1,), []),
        ("a, b", (1,), "a, b"),
        (" words ", "x", "words"),
        ("12", "x", "12"),
        ("0.5", 1.0, 0.5),
    ],
)
def test_what_is_typed_is_read_as_its_field_is(text, example, value):
    assert forms.parsed(text, example) == value


def test_spelling_and_parsing_are_inverse():
    for value in ((300, 200), "text", 0.25, 7):
        assert forms.parsed(forms.spelled(value), value) in (value, list(value) if isinstance(value, tuple) else value)


def test_presets_are_grouped_by_family():
    known = forms.presets()
    assert next(iter(known)) == "Variational auto-encoders"
    assert sorted(name for names in known.values() for name in names) == presets()
    assert "digits-realnvp" in known["Flows on images"]
