"""The form on the New run page: fields follow the choices, nothing typed is lost, and Start starts what is shown."""

import shlex
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer import ROOT, access, measuring, projecting, running
from latents.recipe import override, preset

NEW, RUNS = "../pages/new_run.py", "../pages/runs.py"
PRESET = "digits-standard-2d"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """A library of one model, and no runs."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "digits-vampprior-2d").symlink_to(ROOT / "trained" / "digits-vampprior-2d")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("EXPLORER_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def started(monkeypatch):
    """What would have been started: (recipe, where, options)."""
    from latents import runs

    found = []

    def launch(recipe, root, name, *, where, options):
        found.append((recipe, where, options))
        raise runs.RunError("no more room")

    monkeypatch.setattr(runs, "launch", launch)
    return found


def form(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update({"preset": PRESET} | parameters)
    at.run()
    return at.switch_page(NEW).run()


def field(at: AppTest, path: str):
    """The widget of a field, whatever kind of widget it is."""
    found = [
        widget
        for kind in ("text_input", "number_input", "selectbox", "toggle")
        for widget in at.get(kind)
        if str(widget.key).startswith("form|") and widget.key.endswith(f"|{path}")
    ]
    assert len(found) == 1, (path, [widget.key for widget in found])
    return found[0]


def has(at: AppTest, path: str) -> bool:
    keys = [
        str(widget.key) for kind in ("text_input", "number_input", "selectbox", "toggle") for widget in at.get(kind)
    ]
    return any(key.startswith("form|") and key.endswith(f"|{path}") for key in keys)


def start(at: AppTest):
    return next(button for button in at.button if button.label == "Start")


def texts(at: AppTest) -> str:
    return " ".join(str(part.value) for part in [*at.markdown, *at.error, *at.info, *at.warning])


def test_the_form_begins_with_the_preset():
    at = form()
    assert not at.exception
    recipe = preset(PRESET)
    assert field(at, "training.epochs").value == recipe.training.epochs
    assert field(at, "model.prior.kind").value == "standard"
    assert field(at, "model.encoder.hidden").value == ", ".join(map(str, recipe.model.encoder.hidden))
    assert recipe.description in texts(at)
    assert not start(at).disabled


def test_a_kind_brings_its_fields_and_takes_others_away():
    at = form()
    assert not has(at, "model.prior.components")
    field(at, "model.prior.kind").set_value("vampprior").run()
    assert not at.exception
    field(at, "model.prior.components").set_value(33).run()
    field(at, "model.prior.kind").set_value("standard").run()
    assert not has(at, "model.prior.components")
    field(at, "model.prior.kind").set_value("vampprior").run()
    assert field(at, "model.prior.components").value == 33


def test_what_is_wrong_is_said_and_stays_typed():
    at = form()
    field(at, "model.encoder.hidden").set_value("300; many").run()
    field(at, "training.epochs").set_value(0).run()
    assert not at.exception
    assert start(at).disabled
    assert "greater than or equal to 1, but 0 was given" in texts(at)
    assert "'300; many' was given" in texts(at)
    assert field(at, "model.encoder.hidden").value == "300; many"
    field(at, "model.encoder.hidden").set_value("300, 20").run()
    field(at, "training.epochs").set_value(7).run()
    assert not start(at).disabled
    assert not at.error


def test_parts_that_do_not_fit_can_be_mended():
    at = form()
    field(at, "model.posterior.kind").set_value("vmf").run()
    assert start(at).disabled
    assert "'standard'" in texts(at)
    field(at, "model.prior.kind").set_value("uniform-sphere").run()
    assert not start(at).disabled


def test_what_was_typed_is_there_after_a_visit_to_another_page():
    at = form()
    field(at, "training.epochs").set_value(17).run()
    at.switch_page("../pages/samples.py").run()
    at.switch_page(NEW).run()
    assert field(at, "training.epochs").value == 17


def test_start_starts_what_the_form_shows(started):
    at = form()
    field(at, "name").set_value("mine").run()
    field(at, "training.epochs").set_value(17).run()
    field(at, "model.prior.kind").set_value("vampprior").run()
    start(at).click().run()
    assert not at.exception
    ((recipe, where, options),) = started
    assert (recipe.name, recipe.training.epochs, recipe.model.prior.kind) == ("mine", 17, "vampprior")
    assert (where, options.accelerator, options.log) == ("here", "auto", ())
    assert "No more room" in texts(at)  # what kept it from starting is said beside the form
    assert field(at, "name").value == "mine"


def test_an_accelerator_that_is_not_there_is_said_before_anything_starts(started):
    missing = "mps" if torch.cuda.is_available() else "cuda"
    at = form()
    at.selectbox(key="accelerator").set_value(missing).run()
    start(at).click().run()
    assert not at.exception
    assert f"There is no accelerator '{missing}' on this machine" in texts(at)
    assert started == []


def test_start_goes_to_the_run(tmp_path, monkeypatch):
    from latents.runs import queue

    monkeypatch.setattr(queue, "ensure_tended", lambda *given: None)  # queued, and nobody starts it
    at = form()
    field(at, "name").set_value("mine").run()
    start(at).click().run()
    assert not at.exception
    assert at.title[0].value == "Runs"
    assert at.selectbox(key="run").value == "mine"
    assert (tmp_path / "runs" / "mine" / "config.json").exists()
    assert "It waits for its turn" in texts(at)


def test_a_run_does_not_take_the_name_of_a_model_or_of_a_run(tmp_path):
    assert field(form(preset="digits-vampprior-2d"), "name").value == "digits-vampprior-2d-2"
    (tmp_path / "runs" / "digits-vampprior-2d-2").mkdir(parents=True)
    assert running.free_name("digits-vampprior-2d") == "digits-vampprior-2d-3"


def test_the_command_line_makes_the_same_recipe(started):
    at = form()
    field(at, "name").set_value("mine").run()
    field(at, "model.posterior.kind").set_value("vmf").run()
    field(at, "model.prior.kind").set_value("uniform-sphere").run()
    field(at, "model.decoder.hidden").set_value("64, 32").run()
    words = shlex.split(at.code[0].value)
    assert words[:4] == ["latents", "runs", "start", PRESET]
    changes = dict(zip([word.removeprefix("--") for word in words[4::2]], words[5::2], strict=True))
    start(at).click().run()
    assert override(preset(PRESET), changes) == started[0][0]


def test_a_cluster_is_asked_for_its_address_and_named_in_the_command(started):
    at = form()
    at.session_state["where"] = "A Ray cluster"
    at.run()
    assert start(at).disabled
    at.text_input(key="address").set_value("http://cluster:8265").run()
    assert "--on http://cluster:8265" in at.code[0].value
    start(at).click().run()
    assert started[0][1] == "http://cluster:8265"


def test_from_a_models_own_recipe():
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120).run()
    at.button(key="train-from").click().run()
    assert not at.exception
    assert at.title[0].value == "New run"
    assert field(at, "model.prior.kind").value == "vampprior"
    assert field(at, "name").value == "digits-vampprior-2d-2"


def test_a_measurement_says_what_an_epoch_costs(monkeypatch):
    found = {
        "seconds_per_epoch": 0.5,
        "device": "cpu",
        "stages": [{"seconds_per_epoch": 0.5, "epochs": 3, "steps": 9}, {"seconds_per_epoch": 2.0, "epochs": 5}],
        "memory": {"bytes": 2.5e9, "available": 9e9},
    }

    class Measured:
        running, problem = False, ""

    Measured.found = found
    monkeypatch.setattr(measuring, "find", lambda document: Measured())
    at = form()
    field(at, "training.epochs").set_value(200).run()
    assert "**0.5 s** per epoch on cpu" in texts(at)
    assert "**2 min** for 200 epochs" in texts(at)  # 200 x 0.5 s, and 5 x 2 s of the second stage
    assert "**2.5 GB** of memory, 9.0 GB free" in texts(at)


@pytest.mark.slow
def test_an_epoch_is_really_measured(tiny):
    document = tiny().model_dump(mode="json")
    measurement = measuring.start(document)
    assert measuring.start(document | {"name": "other"}) is measurement  # the name costs nothing
    for _ in range(600):
        if not measurement.running:
            break
        time.sleep(0.2)
    assert measurement.found is not None, measurement.problem
    assert measurement.found["seconds_per_epoch"] > 0


# -- read-only ---------------------------------------------------------------------------------------------------


def test_a_read_only_app_has_no_pages_that_train(monkeypatch):
    monkeypatch.setenv("EXPLORER_READ_ONLY", "1")
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120).run()
    assert not any(button.key == "train-from" for button in at.button)
    for page in ("new_run", "runs"):
        alone = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=120).run()
        assert "read-only" in alone.info[0].value
        assert len(alone.get("button")) == 0


def test_what_changes_something_refuses_in_a_read_only_app(monkeypatch, tiny):
    monkeypatch.setenv("EXPLORER_READ_ONLY", "1")
    for call in (
        lambda: running.launch(tiny(), "here", None),
        lambda: running.do("stop", None),
        lambda: running.restore(ROOT),
        lambda: running.set_limit(3),
        lambda: measuring.start(tiny().model_dump(mode="json")),
        lambda: projecting.start(None),
    ):
        with pytest.raises(access.ReadOnlyError, match="EXPLORER_READ_ONLY"):
            call()


@pytest.mark.parametrize(("value", "said"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
def test_the_switch(monkeypatch, value, said):
    monkeypatch.delenv("EXPLORER_READ_ONLY", raising=False)
    if value is not None:
        monkeypatch.setenv("EXPLORER_READ_ONLY", value)
    assert access.read_only() is said
