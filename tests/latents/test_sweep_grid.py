import itertools

import pytest

from latents.errors import RecipeError
from latents.recipe import fields
from latents.sweep import parse, plan
from latents.sweep.grid import MOST

PRIORS = "model.prior.kind=standard,vampprior"


def test_values_are_separated_by_commas_outside_brackets():
    given = parse(["seed=0, 1", "model.encoder.hidden=[300, 300],[100]", '--model.prior.initialisation="a,b",data'])
    assert given == {
        "seed": ("0", "1"),
        "model.encoder.hidden": ("[300, 300]", "[100]"),
        "model.prior.initialisation": ('"a,b"', "data"),
    }


@pytest.mark.parametrize("given", ["seed", "seed=", "=1,2", "seed=1,,2", "seed=1,"])
def test_a_factor_without_values_is_refused(given):
    with pytest.raises(RecipeError, match="a field and its values were expected"):
        parse([given])


def test_every_combination_is_a_run(tiny):
    grid = parse(["model.latent=2,3", "training.batch=50,100,200", "seed=0,1"])
    found = plan("all", tiny(), grid, {"training.epochs": "7"})
    said = {(p.recipe.model.latent, p.recipe.training.batch, p.recipe.seed) for p in found.points}
    assert said == set(itertools.product((2, 3), (50, 100, 200), (0, 1)))
    assert all(point.recipe.training.epochs == 7 for point in found.points)
    assert not found.notes
    assert len({point.name for point in found.points}) == 12
    assert all(point.recipe.name == point.name and point.name.startswith("all-") for point in found.points)
    assert found.points[0].factors == {"model.latent": 2, "training.batch": 50, "seed": 0}


def test_a_field_that_does_not_apply_is_left_out_and_equal_runs_are_one(tiny):
    grid = parse([PRIORS, "model.prior.components=5,9,12", "seed=0,1"])
    found = plan("k", tiny(), grid, {"model.prior.initialisation": "data"})
    standard = [point for point in found.points if point.recipe.model.prior.kind == "standard"]
    vamp = [point for point in found.points if point.recipe.model.prior.kind == "vampprior"]
    assert [point.factors for point in standard] == [
        {"model.prior.kind": "standard", "seed": 0},
        {"model.prior.kind": "standard", "seed": 1},
    ]
    assert sorted((p.recipe.model.prior.components, p.recipe.seed) for p in vamp) == sorted(
        itertools.product((5, 9, 12), (0, 1))
    )
    assert all(point.recipe.model.prior.initialisation == "data" for point in vamp)
    assert found.notes == (
        "model.prior.initialisation does not apply with model.prior.kind=standard: left out there.",
        "model.prior.components does not apply with model.prior.kind=standard: left out there.",
        "12 combinations are 8 different runs: equal ones are one run.",
    )


def test_the_order_of_the_factors_does_not_matter_for_what_applies(tiny):
    before = plan("k", tiny(), parse([PRIORS, "model.prior.components=5,9"]))
    after = plan("k", tiny(), parse(["model.prior.components=5,9", PRIORS]))
    assert len(before.points) == len(after.points) == 3


def test_a_kind_inside_a_part_that_another_family_has_not(tiny):
    found = plan("f", tiny(), parse(["model.kind=vae,pca", PRIORS, "model.encoder.hidden=[8],[9, 9]"]))
    assert [point.factors for point in found.points if point.recipe.model.kind == "pca"] == [{"model.kind": "pca"}]
    assert len(found.points) == 5


def test_the_same_value_twice_is_one_run(tiny):
    assert len(plan("k", tiny(), parse(["training.learning_rate=0.10,0.1"])).points) == 1


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (["model.prior.komponents=1,2"], "did you mean 'components'"),
        (["model.prior.kind=standard,vamp"], "did you mean 'vampprior'"),
        (["seed=0,a"], "with seed=a: seed: input should be a valid integer"),
        (["model.latent=2,0"], "with model.latent=0: model.latent"),
        (["seed.x=1,2"], "seed is a value, not a section"),
        (["model.prior.components=1,2"], "there is no such field"),  # of the standard prior, and no other is asked for
    ],
)
def test_a_bad_factor_is_said(tiny, grid, said):
    base = tiny(model__prior__kind="vampprior") if "komponents" in grid[0] else tiny()
    with pytest.raises(RecipeError, match=said):
        plan("k", base, parse(grid))


def test_a_factor_is_given_once():
    with pytest.raises(RecipeError, match="twice"):
        parse(["seed=0", "seed=1"])


def test_a_factor_is_not_a_fixed_field_too(tiny):
    with pytest.raises(RecipeError, match="seed is both a factor of the grid and given as --seed"):
        plan("k", tiny(), parse(["seed=0,1"]), {"seed": "3"})


@pytest.mark.parametrize(("grid", "changes"), [(["name=a,b"], {}), ([], {"name": "a"})])
def test_names_are_made_by_the_sweep(tiny, grid, changes):
    with pytest.raises(RecipeError, match="name"):
        plan("k", tiny(), parse(grid), changes)


def test_a_grid_that_would_fill_a_disk_is_refused_before_it_is_made(tiny):
    values = ",".join(map(str, range(MOST)))
    with pytest.raises(RecipeError, match=r"1,000,000,000 combinations, .* at most 1,000 runs"):
        plan("k", tiny(), parse([f"seed={values}", f"model.latent={values}", f"training.batch={values}"]))


def test_long_names_stay_names_and_differ(tiny):
    found = plan(
        "x" * 40, tiny(), parse(["model.encoder.hidden=[100, 100, 100, 101],[100, 100, 100, 102]", "seed=0,1"])
    )
    names = [point.name for point in found.points]
    assert len(set(names)) == 4
    assert all(len(name) <= 64 for name in names)
    again = plan(
        "x" * 40, tiny(), parse(["model.encoder.hidden=[100, 100, 100, 101],[100, 100, 100, 102]", "seed=0,1"])
    )
    assert [point.name for point in again.points] == names


def test_titles_are_the_descriptions_of_the_fields(tiny):
    found = plan("k", tiny(), parse([PRIORS, "model.prior.components=5,9"]))
    described = {row.path: row.description for row in fields(tiny(model__prior__kind="vampprior"))}
    assert found.titles == {path: described[path] for path in ("model.prior.kind", "model.prior.components")}
