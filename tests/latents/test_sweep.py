"""Sweeps as they are kept, launched, continued and found; no process is started."""

import json
import shutil

import pytest
from filelock import FileLock

from latents import runs, sweep
from latents.errors import DataError, RecipeError, SweepError
from latents.runs import records

GRID = ["model.prior.kind=standard,vampprior", "model.prior.components=5,9", "seed=0,1"]
NAMES = [
    "k-standard-seed0",
    "k-standard-seed1",
    "k-vampprior-components5-seed0",
    "k-vampprior-components5-seed1",
    "k-vampprior-components9-seed0",
    "k-vampprior-components9-seed1",
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of runs whose queue nobody looks after: what is launched stays queued."""
    monkeypatch.setattr("latents.runs.queue.ensure_tended", lambda *_: None)
    return tmp_path / "runs"


@pytest.fixture
def planned(tiny):
    def make(grid=tuple(GRID), name="k", base=None, **changes):
        return sweep.plan(name, base or tiny(), sweep.parse(grid), changes)

    return make


def mark(run, state, **status):
    before, _ = records.read(run.path / "status.json")
    records.write(run.path / "status.json", {**before, "state": state, **status})


def test_all_runs_are_queued_as_ordinary_runs(root, planned):
    plan = planned()
    did = sweep.launch(root, plan)
    assert did.started == NAMES
    assert sorted(run.name for run in runs.find(root)) == NAMES
    found = sweep.get(root, "k")
    assert found.states == {"queued": 6}
    for member, point in zip(found.members, plan.points, strict=True):
        assert json.loads((member.run.path / "config.json").read_text()) == point.recipe.model_dump(mode="json")
        assert member.factors == point.factors
    assert [one.name for one in sweep.find(root)] == ["k"]
    assert found.notes == plan.notes


def test_launching_again_continues_what_is_missing(root, planned):
    found = sweep.launch(root, planned()).sweep
    standard0, standard1, vamp0, vamp1, *_ = (member.run for member in found.members)
    mark(standard0, "finished")
    mark(standard1, "stopped")
    mark(vamp0, "failed", error="the loss is not finite")
    shutil.rmtree(vamp1.path)
    assert sweep.get(root, "k").states == {"finished": 1, "stopped": 1, "failed": 1, "not started": 1, "queued": 2}
    did = sweep.launch(root, planned(), options=runs.Options(accelerator="cpu"))
    assert runs.get(root, NAMES[2]).options == runs.get(root, NAMES[3]).options == runs.Options(accelerator="cpu")
    assert did.started == [NAMES[3]]
    assert did.resumed == [NAMES[1], NAMES[2]]
    assert did.left == [NAMES[0], *NAMES[4:]]
    assert did.sweep.states == {"finished": 1, "queued": 5}
    assert sorted(run.name for run in runs.find(root)) == NAMES


def test_the_same_grid_in_another_order_is_the_same_sweep(root, planned):
    sweep.launch(root, planned(["seed=0,1", "model.latent=2,3"]))
    with pytest.raises(SweepError):  # other names: factors are named in their order
        sweep.launch(root, planned(["model.latent=2,3", "seed=0,1"]))
    assert sweep.launch(root, planned(["seed=1,0", "model.latent=3,2"])).started == []


@pytest.mark.parametrize(
    ("grid", "changes", "said"),
    [
        ([*GRID[:1], "model.prior.components=5,9,12", GRID[2]], {}, "components was 5, 9 and is now 5, 9, 12"),
        ([*GRID[:2]], {}, "--grid seed was 0, 1 and is now not given"),
        (GRID, {"training.epochs": "9"}, "--training.epochs was not given and is now 9"),
    ],
)
def test_another_grid_under_the_same_name_is_refused_with_the_difference(root, planned, grid, changes, said):
    sweep.launch(root, planned())
    kept = (root / "k.sweep.json").read_text()
    with pytest.raises(SweepError, match=said):
        sweep.launch(root, planned(grid, **changes))
    assert (root / "k.sweep.json").read_text() == kept
    assert len(runs.find(root)) == 6


def test_another_preset_under_the_same_name_is_refused_with_the_difference(root, planned, tiny):
    sweep.launch(root, planned())
    with pytest.raises(SweepError, match=r"the preset's training\.batch was 100 and is now 50"):
        sweep.launch(root, planned(base=tiny(training__batch=50)))


def test_a_folder_of_somebody_else_is_not_taken(root, planned, tiny):
    runs.launch(tiny(), root, NAMES[3])
    with pytest.raises(SweepError, match=f"{NAMES[3]} is there already and holds something else"):
        sweep.launch(root, planned())
    assert [run.name for run in runs.find(root)] == [NAMES[3]]
    assert sweep.find(root) == []


def test_a_launch_that_broke_off_finds_its_runs_again(root, planned, monkeypatch):
    launch, seen = runs.launch, []

    def breaks(*arguments, **more):
        seen.append(arguments)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return launch(*arguments, **more)

    monkeypatch.setattr(runs, "launch", breaks)
    with pytest.raises(KeyboardInterrupt):
        sweep.launch(root, planned())
    assert sweep.get(root, "k").states == {"queued": 2, "not started": 4}
    did = sweep.launch(root, planned())
    assert (did.left, did.started) == (NAMES[:2], NAMES[2:])


def test_a_renamed_run_is_still_of_the_sweep(root, planned):
    found = sweep.launch(root, planned()).sweep
    runs.stop(found.members[2].run)
    runs.rename(found.members[2].run, "best")
    found = sweep.get(root, "k")
    assert found.members[2].run.name == "best"
    assert found.members[2].name == NAMES[2]
    assert sweep.launch(root, planned()).resumed == ["best"]


def test_a_prolonged_run_is_still_of_the_sweep_and_its_numbers_say_so(root, planned, trained):
    run = sweep.launch(root, planned()).sweep.members[0].run
    shutil.copy(trained.path / "metrics.json", run.path)
    mark(run, "finished")
    assert not any("more epochs" in note for note in sweep.get(root, "k").table().notes)
    recipe = json.loads((run.path / "config.json").read_text())
    recipe["training"]["epochs"] += 5
    (run.path / "config.json").write_text(json.dumps(recipe))
    found = sweep.get(root, "k")
    assert found.members[0].run.name == NAMES[0]
    assert f"{NAMES[0]}: trained for more epochs than the sweep asks for." in found.table().notes


def test_stop_asks_all_that_run_or_wait(root, planned):
    found = sweep.launch(root, planned()).sweep
    mark(found.members[0].run, "finished")
    assert sweep.stop(sweep.get(root, "k")) == NAMES[1:]
    assert sweep.get(root, "k").states == {"finished": 1, "stopped": 5}


def test_one_that_ends_meanwhile_keeps_no_other_from_being_stopped(root, planned):
    sweep.launch(root, planned())
    found = sweep.get(root, "k")  # as it was when it was looked at
    mark(found.members[3].run, "finished")
    assert sweep.stop(found) == [name for name in NAMES if name != NAMES[3]]
    assert sweep.get(root, "k").states == {"finished": 1, "stopped": 5}


def test_the_table_has_the_states_and_the_numbers_of_what_has_finished(root, planned, trained):
    found = sweep.launch(root, planned()).sweep
    for name in ("metrics.json", "history.csv"):
        shutil.copy(trained.path / name, found.members[0].run.path)
        shutil.copy(trained.path / name, found.members[1].run.path)
    mark(found.members[0].run, "finished")
    table = sweep.get(root, "k").table()
    assert [row.state for row in table.rows] == ["1 finished, 1 queued", "2 queued", "2 queued"]
    active = trained.metrics["units"]["active"]
    assert table.columns()["active units"] == [f"{active} of 2", "", ""]
    assert table.rows[0].cells["active_units"].by_seed == {0: float(active)}


def test_two_launches_at_once_are_one(root, planned):
    root.mkdir()
    with FileLock(root / ".k.sweep.json.lock"), pytest.raises(SweepError, match="being launched by another process"):
        sweep.launch(root, planned())


@pytest.mark.parametrize("name", ["", "..", "../k", "a/b", ".hidden", "a b", "x" * 41])
def test_a_name_is_never_a_path(root, planned, name):
    with pytest.raises(SweepError, match="cannot be the name"):
        planned(name=name)
    with pytest.raises(SweepError, match="cannot be the name"):
        sweep.get(root, name)
    assert not root.exists()


def test_a_sweep_that_is_not_there_is_said_with_those_that_are(root, planned):
    with pytest.raises(SweepError, match="there is none yet"):
        sweep.get(root, "k")
    sweep.launch(root, planned())
    with pytest.raises(SweepError, match=r"there is no sweep 'j' in .*; there are k"):
        sweep.get(root, "j")


@pytest.mark.parametrize("content", ["", "[]", '{"name": "k"}', "\x00", '{"a": ' * 2000])
def test_a_damaged_file_is_said_and_hides_nothing(root, planned, content):
    sweep.launch(root, planned())
    sweep.launch(root, planned(["seed=3"], name="whole"))
    (root / "k.sweep.json").write_text(content)
    broken = []
    assert [one.name for one in sweep.find(root, broken)] == ["whole"]
    assert len(broken) == 1
    assert "k.sweep.json" in broken[0]
    with pytest.raises(SweepError, match=r"k\.sweep\.json"):
        sweep.get(root, "k")


def test_a_noted_run_is_never_a_path(root, planned, trained):
    sweep.launch(root, planned())
    path = root / "k.sweep.json"
    document = json.loads(path.read_text())
    document["members"][0]["run"] = str(trained.path)
    document["members"][0]["recipe"] = json.loads((trained.path / "config.json").read_text())
    path.write_text(json.dumps(document))
    assert sweep.get(root, "k").members[0].run is None


def test_what_does_not_fit_its_data_is_said_before_anything_starts(root, planned):
    grid = ["model.prior.kind=vampprior", "model.prior.initialisation=data", "model.prior.components=5,99999"]
    with pytest.raises(RecipeError, match=r"k-vampprior-initialisationdata-components99999: .*99999"):
        sweep.launch(root, planned(grid))
    with pytest.raises(DataError):
        sweep.launch(root, planned(["data.name=digits,no-such-data"]))
    assert runs.find(root) == []


def test_nothing_heavy_is_imported_to_look_at_sweeps(root, planned, tmp_path):
    import subprocess
    import sys

    sweep.launch(root, planned())
    code = (
        "import sys; from latents import sweep; found = sweep.get(sys.argv[1], 'k'); found.table().columns();"
        "print([name for name in ('torch', 'plotly', 'ray', 'streamlit', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the command -----------------------------------------------------------------------------------------------


@pytest.fixture
def latents(root):
    from typer.testing import CliRunner

    from latents.cli.app import app

    def run(*arguments, ok=True):
        result = CliRunner().invoke(app, ["sweep", *arguments, "--root", str(root)])
        if ok and result.exception:
            raise result.exception
        return result.output

    return run


def test_the_command_launches_lists_shows_and_stops(latents, root):
    grid = ("--grid", "model.prior.kind=standard,vampprior", "--grid", "model.prior.components=5,9")
    said = latents("digits-vampprior-2d", *grid, "--name", "k", "--training.epochs", "3")
    assert "model.prior.components does not apply with model.prior.kind=standard: left out there" in said
    assert "3 started, 0 resumed, 0 left as they are" in said
    assert {run.recipe_json["training"]["epochs"] for run in runs.find(root)} == {3}
    assert "0 started, 0 resumed, 3 left as they are" in latents(
        "start", "digits-vampprior-2d", *grid, "--name", "k", "--training.epochs", "3"
    )
    (listed,) = json.loads(latents("list", "--json"))
    assert listed["states"] == {"queued": 3}
    assert "model.prior.components = 5, 9" in latents("list")
    shown = json.loads(latents("show", "k", "--json"))
    assert [row["factors"].get("model.prior.components") for row in shown] == [None, 5, 9]
    assert "k-vampprior-components9" in latents("show", "k")
    assert latents("stop", "k").count("asked to stop") == 3
    assert "none of its runs" in latents("stop", "k")
    rows = json.loads(latents("table", "k", "--json"))["rows"]
    assert [row["states"] for row in rows] == [{"stopped": 1}] * 3
    assert "1 stopped" in latents("table", "k")


def test_the_command_evaluates_what_has_finished(latents, root, trained):
    latents("digits-vampprior-2d", "--grid", "seed=0,1", "--name", "k")
    first = runs.get(root, "k-seed0")
    recipe = json.loads((first.path / "config.json").read_text())
    own = json.loads((trained.path / "config.json").read_text())
    for name in ("metrics.json", "history.csv", "model.safetensors"):
        shutil.copy(trained.path / name, first.path)
    (first.path / "config.json").write_text(json.dumps({**own, "name": recipe["name"]}))
    document = json.loads((root / "k.sweep.json").read_text())
    document["members"][0]["recipe"] = {**own, "name": recipe["name"]}
    (root / "k.sweep.json").write_text(json.dumps(document))
    mark(first, "finished")
    said = latents("evaluate", "k", "--samples", "2", "--images", "10")
    assert "k-seed0: test log-likelihood" in said
    assert "k-seed1: test log-likelihood" not in said
    value = json.loads((first.path / "metrics.json").read_text())["log_likelihood"]["value"]
    row = json.loads(latents("table", "k", "--json"))["rows"][0]
    assert row["log_likelihood"]["by_seed"] == {"0": value}
    assert row["log_likelihood"]["standard_error"] is None
