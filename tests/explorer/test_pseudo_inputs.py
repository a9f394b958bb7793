"""The figures of the Pseudo-inputs page: samples around each, and the pairs that are alike."""

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, duplicates, insets, library, usage


def app(page: str, **parameters: str) -> AppTest:
    """The page, opened by a link with these parameters."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page(f"../pages/{page}.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in at.markdown)


def test_samples_around_the_most_and_the_least_used():
    name = "digits-vampprior-2d"
    order = usage.of(library.find(name)).order
    at = app("pseudo_inputs", model=name, figure="Samples")
    assert len(at.get("image")) == 3
    said = texts(at)
    for rank in (1, 2, 3):
        assert f"pseudo-input {order[rank - 1]} · rank {rank} ·" in said
    assert "around it 24 draws from q(z|u), decoded" in said
    at = app("pseudo_inputs", model=name, figure="Samples", which="Least used", sheets="8")
    assert len(at.get("image")) == 8
    assert f"pseudo-input {order[-1]} · rank {len(order)} ·" in texts(at)
    at = app("pseudo_inputs", model=name, figure="Samples", which="Rank", sheets="1", rank="7")
    assert len(at.get("image")) == 1
    assert f"pseudo-input {order[6]} · rank 7 ·" in texts(at)
    assert "around it 49 draws" in texts(at)


def test_the_sheet_frames_the_chosen_one_and_the_small_plane_rings_it():
    name = "digits-vampprior-2d"
    order = usage.of(library.find(name)).order
    at = app("pseudo_inputs", model=name, rank="101")
    sheet, plane = (json.loads(one.proto.json) for one in at.get("bidi_component"))
    assert (plane["settings"]["pseudoChosen"], plane["settings"]["pseudoClicks"]) == (order[100], True)
    assert len(sheet["names"]) == 96  # the second block of 200: ranks 97 to 192
    assert sheet["names"][sheet["chosen"]].startswith(f"pseudo-input {order[100]}, rank 101: ")
    assert sheet["columns"] * sheet["rows"] >= 96 > sheet["columns"] * (sheet["rows"] - 1)


def test_components_of_a_mixture_lie_at_their_means():
    entry = library.find("mnist-mog-2d")
    means = library.model(entry).mixture().components.mean.detach().numpy()
    np.testing.assert_allclose(insets.with_components(entry).pseudo, means, atol=1e-5)


def test_near_duplicates_are_named_with_their_distance():
    name = "digits-vampprior-2d"
    alike = duplicates.of(library.find(name))
    at = app("pseudo_inputs", model=name, figure="Duplicates")
    said = texts(at)
    first, second = alike.pairs[0]
    share = usage.of(library.find(name)).shares[[first, second]].sum()
    assert f"**{first} and {second}** · {share:.2%}".replace("%", "\N{NO-BREAK SPACE}%") in said
    assert f"{alike.divergence[0]:.2f} nats, {alike.apart[0]:.1f} σ" in said
    assert f"{alike.doubled} of the 200 pseudo-inputs have a near-duplicate" in said
    assert len(at.get("image")) == 24


@pytest.mark.parametrize(
    "changes",
    [
        {"model__prior__kind": "mixture", "model__prior__components": 7},
        {"model__prior__kind": "mixture", "model__prior__components": 1},
    ],
)
def test_a_mixtures_components_are_shown_likewise(tiny, tmp_path, monkeypatch, changes):
    import latents

    latents.train(tiny(training__epochs=1, **changes), tmp_path / "mog", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    said = texts(app("pseudo_inputs", figure="Samples"))
    assert re.search(r"component \d · rank 1 ·", said)
    assert "24 draws from it, decoded" in said
    assert re.search(
        "has a near-dup|have a near-dup|one component alone", texts(app("pseudo_inputs", figure="Duplicates"))
    )


@pytest.mark.parametrize("figure", ["Samples", "Duplicates"])
@pytest.mark.parametrize("name", ["digits-vmf-vampprior", "digits-vampprior-householder", "digits-hvae-vampprior"])
def test_every_kind_of_component_has_its_samples_and_distances(name, figure):
    at = app("pseudo_inputs", model=name, figure=figure, beside="digits-vampprior-2d")
    assert not at.error
    assert not at.info
    assert len(at.get("image")) == {"Samples": 6, "Duplicates": 24}[figure]
    if figure == "Duplicates":
        assert ("estimated from 64 draws" in texts(at)) == (name != "digits-hvae-vampprior")


def test_of_each_of_two_models_fewer_are_shown():
    beside = {"model": "digits-vampprior-2d", "beside": "digits-vampprior-8d"}
    at = app("pseudo_inputs", **beside, figure="Samples", sheets="18", sheets_each="8")
    assert len(at.get("image")) == 2 * 8
    assert len(app("pseudo_inputs", model="digits-vampprior-2d", figure="Samples", sheets="18").get("image")) == 18


def test_one_without_pseudo_inputs_leaves_the_other_its_samples():
    at = app("pseudo_inputs", model="digits-vampprior-2d", beside="digits-standard-2d", figure="Samples")
    assert len(at.get("image")) == 3
    assert "no pseudo-inputs" in at.info[0].value
