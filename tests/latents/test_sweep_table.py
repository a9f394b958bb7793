import json
import shutil

import numpy as np
import pytest

from latents.sweep.measures import Value, measured
from latents.sweep.table import table

TITLES = {"model.prior.kind": "p(z)", "model.prior.components": "number of pseudo-inputs, K", "seed": "seed"}


def member(prior, components, seed, state="finished", provenance="test images", **numbers):
    factors = {"model.prior.kind": prior, "seed": seed}
    if components is not None:
        factors["model.prior.components"] = components
    values = {key: Value(number, provenance, 8 if key == "active_units" else None) for key, number in numbers.items()}
    return f"{prior}-{components}-{seed}", factors, state, values


def test_seeds_are_averaged_with_their_standard_error():
    elbos = [-20.5, -22.0, -24.1]
    found = table("k", TITLES, [member("standard", None, seed, valid_elbo=elbos[seed]) for seed in range(3)])
    (row,) = found.rows
    cell = row.cells["valid_elbo"]
    assert cell.mean == pytest.approx(np.mean(elbos))
    assert cell.standard_error == pytest.approx(np.std(elbos, ddof=1) / np.sqrt(3))
    assert cell.by_seed == dict(enumerate(elbos))
    assert found.columns()["validation ELBO, nats"] == ["−22.20 ± 1.04"]
    assert "mean ± its standard error over seeds" in found.notes[0]


def test_one_seed_has_no_error():
    found = table("k", TITLES, [member("standard", None, 0, active_units=5.0, valid_kl=2.5)])
    assert found.rows[0].cells["valid_kl"].standard_error is None
    assert found.columns()["active units"] == ["5 of 8"]
    assert found.columns()["validation KL, nats"] == ["2.50"]
    assert not found.notes


def test_rows_are_the_combinations_of_the_other_factors():
    members = [member("standard", None, seed, active_units=3.0) for seed in (0, 1)]
    members += [member("vampprior", k, seed, active_units=float(k)) for k in (10, 50) for seed in (0, 1)]
    found = table("k", TITLES, members)
    assert found.columns() == {
        "prior": ["standard", "vampprior", "vampprior"],
        "prior.components": ["–", "10", "50"],
        "runs": ["2 finished"] * 3,
        "active units": ["3.0 ± 0.0 of 8", "10.0 ± 0.0 of 8", "50.0 ± 0.0 of 8"],
    }
    assert found.axes() == ["model.prior.components"]
    assert [row["factors"].get("model.prior.components") for row in found.plain()] == [None, 10, 50]
    json.dumps(found.plain())


def test_without_a_factor_seed_every_run_is_a_row():
    members = [("a", {"training.batch": 50}, "finished", {}), ("b", {"training.batch": 100}, "queued", {})]
    found = table("k", {"training.batch": "images per step"}, members)
    assert found.columns() == {"training.batch": ["50", "100"], "runs": ["1 finished", "1 queued"]}


def test_runs_that_have_not_finished_are_counted_and_said():
    members = [member("standard", None, 0, active_units=2.0), member("standard", None, 1, "running")]
    found = table("k", TITLES, members)
    assert found.rows[0].state == "1 finished, 1 running"
    assert found.rows[0].cells["active_units"].by_seed == {0: 2.0}
    assert "Numbers are of the runs that have finished." in found.notes


def test_numbers_that_were_measured_differently_are_not_averaged():
    members = [
        member("standard", None, 0, log_likelihood=-20.0, provenance="500 samples"),
        member("standard", None, 1, log_likelihood=-21.0, provenance="5000 samples"),
    ]
    found = table("k", TITLES, members)
    assert "log_likelihood" not in found.rows[0].cells
    assert any(
        note.startswith("test log-likelihood: the runs of a row were measured in different") for note in found.notes
    )


def test_rows_that_were_measured_differently_do_not_compare():
    members = [
        member("standard", None, 0, log_likelihood=-20.0, provenance="500 samples"),
        member("vampprior", 10, 0, log_likelihood=-21.0, provenance="5000 samples"),
    ]
    found = table("k", TITLES, members)
    assert all("log_likelihood" in row.cells for row in found.rows)
    assert any("do not compare" in note for note in found.notes)
    assert found.provenance["log_likelihood"] == "500 samples; or 5000 samples"


def test_a_folder_gives_what_it_measured(trained):
    numbers = measured(trained.path)
    metrics, history = trained.metrics, trained.history()
    row = list(history["epoch"]).index(metrics["training"]["best_epoch"])
    assert numbers["valid_elbo"].number == history["valid_elbo"][row]
    assert numbers["valid_kl"].number == history["valid_kl"][row]
    assert numbers["active_units"].number == metrics["units"]["active"]
    assert numbers["active_units"].total == 2
    assert "variance of the mean of q(z|x) above 0.01, 300 digits test images" in numbers["active_units"].provenance
    assert "log_likelihood" not in numbers


def test_a_folder_gives_its_evaluation_once_there_is_one(folder):
    from latents.evaluation import evaluate

    assert "test_elbo" not in measured(folder.path)
    entries = evaluate(folder, samples=3, images=20)
    numbers = measured(folder.path)
    assert numbers["log_likelihood"].number == entries["log_likelihood"]["value"]
    assert numbers["test_elbo"].number == entries["elbo"]["value"]
    assert numbers["test_kl"].number == entries["elbo"]["kl"]
    assert numbers["log_likelihood"].provenance.startswith("importance sampling, 3 samples per image, discrete")
    assert "20 digits test images, one fixed draw, seed 777" in numbers["log_likelihood"].provenance


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"units": 3, "training": {"best_epoch": []}}', '{"units": {"active": NaN}}']
)
def test_damaged_numbers_are_none(trained, tmp_path, content):
    copy = shutil.copytree(trained.path, tmp_path / "copy")
    (copy / "metrics.json").write_text(content)
    assert measured(copy) == {}
