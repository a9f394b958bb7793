"""Side by side: differences image by image, only where they mean something; one selection; speed that was measured."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from streamlit.testing.v1 import AppTest

from explorer import ROOT, comparison, library, pairs, speed
from explorer.charts import compared, theme

VAMP, STANDARD, CAUSAL, FLOW = (
    "digits-vampprior-8d",
    "digits-standard-8d",
    "digits-causal-convolution",
    "digits-realnvp",
)
AUTO, GRAY, CODES, PCA = "digits-auto-encoder", "digits-logistic", "digits-vq-vae", "digits-pca"
LECTURE = [CAUSAL, FLOW, AUTO, VAMP]


def app(**parameters) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=180)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/side_by_side.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info])


def per_image(name: str, number: str) -> np.ndarray:
    return load_file(ROOT / "trained" / name / "evaluation.safetensors")[number].astype(np.float64)


# -- differences ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["log_likelihood", "elbo"])
def test_a_difference_is_that_of_the_pairs(number):
    found = pairs.difference(library.find(VAMP), library.find(STANDARD), number)
    by = per_image(VAMP, number) - per_image(STANDARD, number)
    assert found.images == len(by) == 300
    assert found.value == pytest.approx(by.mean(), abs=1e-3)
    assert found.error == pytest.approx(by.std(ddof=1) / np.sqrt(len(by)), abs=1e-3)
    back = pairs.difference(library.find(STANDARD), library.find(VAMP), number)
    assert back.value == pytest.approx(-found.value)


def test_a_paired_error_is_smaller_than_that_of_two_numbers():
    found = pairs.difference(library.find(VAMP), library.find(STANDARD), "log_likelihood")
    alone = [library.find(name).metrics["log_likelihood"]["standard_error"] for name in (VAMP, STANDARD)]
    assert found.error < np.hypot(*alone) / 2


def test_a_part_of_the_images_is_paired_with_the_same_ones_of_the_whole():
    found = pairs.difference(library.find("mnist-hvae"), library.find("mnist-standard-40d"), "log_likelihood")
    part, whole = per_image("mnist-hvae", "log_likelihood"), per_image("mnist-standard-40d", "log_likelihood")
    by = part - whole[np.linspace(0, len(whole) - 1, len(part)).astype(int)]
    assert found.images == len(part) == 2000
    assert found.value == pytest.approx(by.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "first", "number", "why"),
    [
        (GRAY, VAMP, "log_likelihood", "do not compare: their measure differs"),
        ("digits-ppca", VAMP, "log_likelihood", "do not compare: their measure differs"),
        ("mnist-standard-2d", VAMP, "log_likelihood", "do not compare"),
        (AUTO, VAMP, "log_likelihood", "trained without a prior, so it has no likelihood"),
        (VAMP, AUTO, "log_likelihood", "trained without a prior, so it has no likelihood"),
        (CAUSAL, VAMP, "elbo", "there is no bound: its log-likelihood is exact"),
    ],
)
def test_what_does_not_compare_says_why(name, first, number, why):
    found = pairs.difference(library.find(name), library.find(first), number)
    assert isinstance(found, str)
    assert why in found
    assert found.endswith(".")
    assert found[0] == found[0].upper() or found.startswith((name, first))


def test_numbers_that_were_not_measured_or_are_damaged_are_sentences(tmp_path, monkeypatch):
    for name in ("whole", "bare", "odd"):
        shutil.copytree(ROOT / "trained" / VAMP, tmp_path / name)
    (tmp_path / "bare" / "metrics.json").unlink()
    (tmp_path / "bare" / "evaluation.safetensors").unlink()
    metrics = json.loads((tmp_path / "odd" / "metrics.json").read_text())
    del metrics["log_likelihood"]["measure"]
    (tmp_path / "odd" / "metrics.json").write_text(json.dumps(metrics))
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    whole = library.find("whole")
    assert "`latents evaluate`" in pairs.difference(library.find("bare"), whole, "log_likelihood")
    assert "evaluate both again" in pairs.difference(library.find("odd"), whole, "log_likelihood")
    assert not app(models=["whole", "bare", "odd"], compare="Numbers").exception


# -- charts --------------------------------------------------------------------------------------------------


def test_the_chart_of_differences():
    gaps = [compared.Gap("a", "log p(x)", -3.0, 0.5), compared.Gap("b", "log p(x)", 1.0, 0.25)]
    figure = compared.differences(gaps, "first", theme.LIGHT, 200)
    (trace,) = (one for one in figure.data if one.name == "log p(x)")
    assert list(trace.x) == [-3, 1]
    assert list(trace.error_x.array) == [1.0, 0.5]  # two standard errors
    low, high = figure.layout.xaxis.range
    assert low < -4
    assert high > 1.5


def test_profiles_lie_over_each_other_and_differ_without_colour():
    drawn = [compared.Profile(name, np.array([2.0, 1.0]), ["z₂", "z₁"]) for name in "abcd"]
    figure = compared.profiles(drawn, "nats", None, theme.LIGHT, 300)
    looks = {(trace.line.dash, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 4
    assert figure.layout.yaxis.type != "log"
    assert compared.profiles(drawn, "latent units²", 0.01, theme.LIGHT, 300).layout.yaxis.type == "log"


# -- speed ---------------------------------------------------------------------------------------------------


def test_the_speed_is_the_median_of_what_was_timed(monkeypatch):
    now, costs = [0.0], iter([100.0, 0.1, 0.3, 0.2, 0.4, 0.5, 9.0])
    entry = library.find(VAMP)
    net = library.model(entry)
    real = type(net).sample

    def sample(self, n, seed=None):
        now[0] += next(costs) if now[0] else 0.05  # the first batch, not counted
        return real(self, n, seed)

    monkeypatch.setattr(type(net), "sample", sample)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    next(costs)
    found = speed.measure(entry)
    assert found.repeats == speed.REPEATS
    assert found.seconds == pytest.approx(0.3)
    assert found.per_second == pytest.approx(speed.PICTURES / 0.3)


# -- the page ------------------------------------------------------------------------------------------------


def test_it_starts_from_the_pickers():
    at = app(model=VAMP, beside=PCA)
    assert at.multiselect(key="models").value == [VAMP, PCA]
    assert app(model="digits-standard-2d").multiselect(key="models").value[1] == "digits-vampprior-2d"  # its twin


def test_the_list_follows_a_change_of_the_pickers_and_keeps_the_others():
    at = app(model=VAMP, beside=STANDARD, models=[VAMP, STANDARD, PCA])
    assert at.multiselect(key="models").value == [VAMP, STANDARD, PCA]
    at.selectbox(key="model").set_value(CAUSAL).run()
    assert at.multiselect(key="models").value == [CAUSAL, STANDARD, PCA]
    assert not at.exception


def test_models_of_a_link_that_are_gone_are_left_out():
    at = app(model=VAMP, models=[VAMP, "gone"])
    assert "gone" not in at.multiselect(key="models").value


def test_nothing_chosen_is_a_sentence():
    at = app(model=VAMP, beside=PCA)
    at.multiselect(key="models").set_value([]).run()
    assert "No model is chosen" in said(at)
    assert not at.exception


@pytest.mark.parametrize("part", ["Planes", "Numbers", "Pictures", "Units"])
def test_the_four_families_of_the_lecture(part):
    at = app(models=LECTURE, compare=part)
    assert at.get("bidi_component" if part == "Planes" else "plotly_chart")
    if part == "Planes":
        assert f"{CAUSAL}: An autoregressive model has no latent variables" in said(at)
    if part == "Units":
        assert f"{FLOW}: A flow's z has as many numbers" in said(at)
        assert f"{VAMP} 8 of 8" in said(at)


def test_the_table_of_the_lecture():
    at = app(models=LECTURE, compare="Numbers")
    table = at.table[0].value.set_index("")
    kinds = dict(zip(table.columns, table.loc["**Likelihood**"], strict=True))
    assert kinds[CAUSAL].startswith("exact; discrete")
    assert kinds[VAMP].startswith("importance sampling, 500 samples; discrete")
    assert kinds[AUTO] == "none"
    training = dict(zip(table.columns, table.loc["**Training**"], strict=True))
    seconds = library.find(CAUSAL).metrics["training"]["seconds"]
    assert training[CAUSAL].startswith(f"{seconds:.1f} s, 300 epochs")
    found = pairs.difference(library.find(FLOW), library.find(CAUSAL), "log_likelihood")
    told = dict(zip(table.columns, table.loc["**Difference**"], strict=True))
    assert told[FLOW].startswith(f"{found.value:.2f}".replace("-", "−"))
    assert told[AUTO] == "does not compare"
    assert told[CAUSAL] == "the first"
    assert set(table.loc["**Sampling**"]) == {"not measured yet"}


def test_sampling_is_measured_when_asked_and_said_so():
    at = app(models=[AUTO, STANDARD], compare="Numbers")
    assert "measured on this machine" not in said(at)
    next(button for button in at.button if button.label == "Measure sampling speed").click().run()
    assert not at.exception
    row = at.table[0].value.set_index("").loc["**Sampling**"]
    assert all("pictures/s" in cell for cell in row)
    assert "sampling measured on this machine" in said(at)


def test_what_is_selected_is_told_and_shown_and_can_be_cleared():
    at = app(models=[VAMP, CODES], picked="3.8.12")
    assert "**3 test images selected**" in said(at)
    assert at.get("plotly_chart")  # their pictures
    next(button for button in at.button if button.label == "Clear selection").click().run()
    assert "selected**" not in said(at)
    assert not at.get("plotly_chart")


def test_planes_of_other_spaces_have_their_own_scale():
    assert "Each plane has its own scale" in said(app(models=[VAMP, CODES]))
    assert "Each plane has its own scale" not in said(app(models=[VAMP, STANDARD]))


def test_pictures_are_of_the_same_images_and_seeds():
    at = app(models=[VAMP, STANDARD], compare="Pictures", image="8", seed="3")
    assert "Test images from 8 on" in said(at)
    assert "seed 3" in said(at)


def test_a_model_of_other_data_is_not_compared_but_samples():
    at = app(models=[VAMP, "mnist-vampprior-2d"], compare="Pictures")
    assert "is not shown: it knows MNIST" in said(at)
    assert at.get("plotly_chart")


def test_units_without_a_kl_are_compared_by_variance():
    assert "The KL of its units is not known" in said(app(models=[VAMP, "digits-planar"], compare="Units"))
    at = app(models=[VAMP, "digits-planar"], compare="Units", by="Variance")
    assert not at.info
    assert "digits-planar 8 of 8" in said(at)


def test_words_in_cells_are_not_taken_for_markup():
    assert comparison.escaped("q(z|x) * 2") == "q(z\\|x) \\* 2"


@pytest.mark.slow
@pytest.mark.parametrize("part", ["Planes", "Numbers", "Pictures", "Units"])
def test_every_shipped_model_beside_another(part):
    for entry in library.whole():
        at = app(model=entry.name, compare=part)
        assert at.get("bidi_component") or at.get("plotly_chart") or at.info


@pytest.mark.parametrize(("models", "row"), [([VAMP, STANDARD], "controls-header"), (LECTURE, "controls-part")])
def test_the_parts_stand_in_the_first_row_where_the_names_leave_room(models, row):
    at = app(models=models)
    (holder,) = [block for block in at.get("flex_container") if block.proto.id.endswith(row)]
    assert "compare" in [getattr(child, "key", None) for child in holder.children.values()]
