"""Every page with every shipped model, and what the pages say, against numbers computed another way."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library

SHIPPED = sorted(path.parent.name for path in (ROOT / "trained").glob("*/model.safetensors"))
QUICK = ("digits-standard-2d", "digits-vampprior-2d", "mnist-mog-2d", "mnist-collapsed-40d")
"""Of the shipped models, those that every run opens on every page; `test_family_pages` has one of each family."""
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SHIPPED]
TITLES = {
    "home": None,  # its title is a sentence
    "latent_space": "Latent space",
    "samples": "Samples",
    "interpolate": "Interpolate",
    "pseudo_inputs": "Pseudo-inputs",
    "active_units": "Active units",
}
MINE = ("samples", "interpolate", "pseudo_inputs", "active_units")
PICTURES = {"samples": (1, 0), "interpolate": (2, 2), "pseudo_inputs": (3, 2), "active_units": (0, 0)}
"""How many pictures, and components with pictures, a page shows of one model that has all it asks for."""


def app(page: str, **parameters: str) -> AppTest:
    """A page of the app, opened by a link with these parameters."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    if page != "home":
        at.switch_page(f"../pages/{page}.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


# -- all pages, all models -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", TITLES)
@pytest.mark.parametrize("name", EVERY)
def test_every_page_with_every_model(name, page):
    at = app(page, model=name)
    assert not at.error
    assert at.selectbox(key="model").value == name
    assert TITLES[page] in (None, at.title[0].value)
    assert name in texts(at) or at.info
    assert any(expander.label == "Show the maths" for expander in at.expander) or page == "home"


@pytest.mark.parametrize("page", MINE)
@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("digits-standard-2d", "digits-vampprior-2d"),
        ("digits-vampprior-2d", "digits-standard-2d"),
        ("digits-vampprior-2d", "mnist-standard-40d"),
    ],
)
def test_two_models_side_by_side(name, beside, page):
    if beside not in SHIPPED:
        pytest.skip(f"{beside} is not trained yet")
    at = app(page, model=name, beside=beside)
    assert not at.error
    assert name in texts(at)
    assert beside in texts(at) + " ".join(note.value for note in at.info)


@pytest.mark.parametrize("page", MINE)
def test_a_model_that_has_everything_shows_its_pictures(page):
    at = app(page, model="digits-vampprior-2d")
    assert not at.info
    assert (len(at.get("image")), len(at.get("bidi_component"))) == PICTURES[page]


@pytest.mark.parametrize("page", TITLES)
def test_a_link_to_a_model_that_is_gone_opens_on_another(page):
    at = app(page, model="gone", beside="lost")
    assert at.selectbox(key="model").value in SHIPPED
    assert not at.error


# -- broken and unfinished folders ---------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A library of its own: a good model, a damaged one, one that does not fit its recipe, and one still to train."""
    good = ROOT / "trained" / "digits-vampprior-2d"
    for name in ("good", "damaged", "misfit"):
        shutil.copytree(good, tmp_path / name)
    weights = tmp_path / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    recipe = json.loads((good / "config.json").read_text())
    recipe["model"]["latent"] = 3
    (tmp_path / "misfit" / "config.json").write_text(json.dumps(recipe))
    (tmp_path / "begun").mkdir()
    shutil.copy(good / "config.json", tmp_path / "begun")
    (tmp_path / "begun" / "status.json").write_text('{"state": "running", "epoch": 1}')
    (tmp_path / "bare").mkdir()
    shutil.copy(good / "config.json", tmp_path / "bare")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", MINE)
def test_a_model_that_does_not_fit_its_recipe_is_a_sentence(shelf, page):
    at = app(page, model="misfit")
    assert any("does not fit" in note.value for note in at.info)
    assert not at.get("image")
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("page", MINE)
def test_the_others_still_work(shelf, page):
    at = app(page, model="good")
    assert not at.info
    assert (len(at.get("image")), len(at.get("bidi_component"))) == PICTURES[page]
    assert {"damaged", "begun", "bare"}.isdisjoint(at.selectbox(key="model").options)


def test_home_says_what_is_wrong_with_them(shelf):
    warnings = " ".join(note.value for note in app("home", model="good").warning)
    assert "damaged" in warnings
    assert "bare has no weights" in warnings
    assert "begun" not in warnings  # a run that has not got so far: the Runs page tells of it


@pytest.mark.parametrize("page", MINE)
def test_files_beside_the_weights_may_be_missing_or_damaged(shelf, page):
    for name in ("metrics.json", "README.md", "status.json"):
        (shelf / "good" / name).unlink()
    (shelf / "good" / "snapshots.safetensors").write_bytes(b"no snapshots")
    (shelf / "good" / "history.csv").write_text("epoch,variance_0\n1,what\n")
    at = app(page, model="good")
    assert not at.info
    if page == "active_units":
        assert "not measured yet" in texts(at)
        assert not at.subheader.values[:-1]  # nothing is told of a training that left no record


# -- Samples -------------------------------------------------------------------------------------------------


def test_samples_obey_the_link_and_the_button():
    at = app("samples", model="digits-standard-2d", seed="5", rows="4", shown="Drawn pixels")
    assert at.number_input(key="seed").value == 5
    assert "These are 32 draws z" in texts(at)
    assert "a sample of p(x|z)" in texts(at)
    at.button[0].click().run()
    assert at.number_input(key="seed").value == 6
    assert "seed 6" in texts(at)


def test_samples_say_when_two_models_share_their_draws(tiny, tmp_path, monkeypatch):
    import latents

    for name, hidden in {"one": 16, "other": 12}.items():
        recipe = tiny(training__epochs=1, model__decoder__hidden=[hidden])
        latents.train(recipe, tmp_path / name, accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    assert "each place shows the same z" in texts(app("samples", model="one", beside="other"))


def test_samples_of_other_priors_say_that_they_are_others():
    said = texts(app("samples", model="digits-standard-2d", beside="digits-vampprior-2d"))
    assert "the same place does not show the same z" in said


# -- Interpolate ---------------------------------------------------------------------------------------------


def test_interpolate_starts_from_two_classes():
    at = app("interpolate", model="digits-vampprior-2d")
    labels = library.images(library.find("digits-vampprior-2d")).labels
    first, last = at.number_input(key="image").value, at.number_input(key="towards").value
    assert (labels[first], labels[last]) == (1, 7)
    assert len(at.get("plotly_chart")) == 1  # the density
    assert at.get("bidi_component")  # the plane


def test_interpolate_swaps_draws_and_finds_classes():
    at = app("interpolate", model="digits-vampprior-2d", image="3", towards="8")
    labels = library.images(library.find("digits-vampprior-2d")).labels
    buttons = {button.label: button for button in at.button}

    def ends() -> tuple[int, int]:
        return at.number_input(key="image").value, at.number_input(key="towards").value

    buttons["Swap"].click().run()
    assert ends() == (8, 3)
    buttons["Another pair"].click().run()
    assert ends() != (8, 3)
    assert labels[ends()[0]] != labels[ends()[1]]
    next(pills for pills in at.get("button_group") if pills.key == "towards_class").set_value(6).run()
    assert not at.exception
    assert labels[ends()[1]] == 6


def test_interpolate_forgets_images_that_another_data_set_does_not_have():
    at = app("interpolate", model="digits-vampprior-2d")
    at.session_state["image"] = 9000
    at.run()
    assert not at.exception
    assert at.number_input(key="image").value < 300


# -- Pseudo-inputs -------------------------------------------------------------------------------------------


def test_a_model_without_pseudo_inputs_says_so_and_leads_to_one_that_has_them():
    name = "digits-standard-2d"
    at = app("pseudo_inputs", model=name)
    assert at.info[0].value == library.model(library.find(name)).why_not("pseudo_inputs")
    assert not at.get("image")
    at.button[0].click().run()
    assert not at.exception
    assert at.selectbox(key="model").value == "digits-vampprior-2d"
    assert at.get("image")


def test_shares_are_the_mean_responsibilities():
    import torch

    name = "digits-vampprior-2d"
    entry = library.find(name)
    mean, prior = torch.from_numpy(library.encoding(entry).points).double(), library.model(entry).prior()
    mixed = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=prior.log_weights.double()),
        torch.distributions.Independent(
            torch.distributions.Normal(prior.components.mean.double(), prior.components.stddev.double()), 1
        ),
    )
    joint = mixed.component_distribution.log_prob(mean[:, None]) + mixed.mixture_distribution.logits
    shares = torch.softmax(joint, dim=1).mean(0).detach()
    largest = shares.sort(descending=True)

    at = app("pseudo_inputs", model=name, rank="3")
    said = texts(at)
    k = int(largest.indices[2])
    assert f"Pseudo-input {k}**, rank 3 of {len(shares)}" in said
    assert f"**{float(largest.values[2]):.2%}".replace("%", "\N{NO-BREAK SPACE}%**") in said
    half = int((largest.values.cumsum(0) < 0.5).sum()) + 1
    assert f"**{half} pseudo-inputs explain half of the images" in said


def test_a_rank_that_is_too_large_is_forgotten():
    at = app("pseudo_inputs", model="digits-vampprior-2d")
    at.session_state["rank"] = 400
    at.run()
    assert not at.exception
    assert at.number_input(key="rank").value == 1


def test_a_mixture_shows_its_components_and_says_that_they_are_no_pseudo_inputs(tiny, tmp_path, monkeypatch):
    import latents

    recipe = tiny(training__epochs=1, model__prior__kind="mixture", model__prior__components=7)
    latents.train(recipe, tmp_path / "mog", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    said = texts(app("pseudo_inputs"))
    assert "no pseudo-inputs" in said
    assert "its components, each by its mean, decoded" in said
    assert re.search(r"\*\*Component \d\*\*, rank 1 of 7", said)


# -- Active units --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", ["0.01", "0.05", "1"])
@pytest.mark.parametrize("name", EVERY)
def test_the_count_of_active_units_is_that_of_the_encoding(name, threshold):
    entry = library.find(name)
    if library.why_not(entry, "units") is not None:
        assert app("active_units", model=name).info[0].value == library.why_not(entry, "units")
        return
    variances = np.var(library.encoding(entry).points.astype(np.float64), axis=0)
    active, total = int((variances > float(threshold)).sum()), len(variances)
    said = texts(app("active_units", model=name, threshold=threshold))
    assert f"**{active} of {total} units {'is' if active == 1 else 'are'} active.**" in said
    assert f"(threshold {threshold})" in said
    measured = entry.metrics.get("units")
    if threshold == "0.01" and measured is not None:
        assert measured["active"] == active
        assert "not available" in said if measured["kl"] is None else f"sum {sum(measured['kl']):.2f} nats" in said


def test_a_dead_unit_is_named_with_its_numbers(shelf):
    """The verdict in its fixed form, for a model whose second unit was cut off from the image."""
    import torch
    from safetensors.torch import load_file, save_file

    from latents.folder import ModelFolder

    path = shelf / "good" / "model.safetensors"
    weights = load_file(path)
    for name, value in weights.items():
        if name.startswith("posterior") and "mean" in name and value.shape[0] == 2:
            value[1] = 0
    with torch.no_grad():
        save_file(weights, path, metadata={"format": "pt", "shape": "[1, 8, 8]"})
    metrics = ModelFolder(shelf / "good").metrics
    kl = metrics["units"]["kl"][1]
    said = texts(app("active_units", model="good"))
    assert "**1 of 2 units is active.**" in said
    assert (
        f"Unit 2 is dead: its mean varies by 0 over the test set (threshold 0.01) and it carries {kl:.3f} nats" in said
    )


def test_the_deaths_of_units_are_told():
    name = "mnist-collapsed-40d"
    if name not in SHIPPED:
        pytest.skip(f"{name} is not trained yet")
    from latents.folder import ModelFolder

    history = ModelFolder(ROOT / "trained" / name).history()
    died = [unit for unit in range(40) if history[f"variance_{unit}"].max() > 0.01 >= history[f"variance_{unit}"][-1]]
    assert len(died) > 5
    said = texts(app("active_units", model=name))
    assert f"**{len(died)} units died**" in said
    assert all(re.search(rf"\b{unit + 1}\b", said) for unit in died)
