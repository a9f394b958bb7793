"""What became of units during training: read, told and drawn."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import fates
from explorer.charts import lives, theme

EPOCHS = np.array([1, 2, 3, 4, 5])
# Unit 1 lives, unit 2 dies at epoch 3, unit 3 is never alive, unit 4 dies, comes back, and dies for good at epoch 5.
VARIANCES = np.array(
    [
        [0.5, 0.4, 0.001, 0.2],
        [0.5, 0.3, 0.001, 0.001],
        [0.5, 0.009, 0.001, 0.2],
        [0.5, 0.002, 0.001, 0.2],
        [0.5, 0.001, 0.001, 0.01],
    ]
)
HISTORY = fates.UnitHistory(EPOCHS, VARIANCES, "made up")


def test_fates():
    found = fates.fates(HISTORY, 0.01)
    assert found.died == {2: 3, 4: 5}
    assert found.never == (3,)
    assert found.alive == (1,)


def test_the_sentence_groups_units_by_epoch():
    found = fates.Fates({7: 12, 1: 14, 9: 14}, (2, 4), (3,))
    assert fates.sentence(found) == (
        "**3 units died**: unit 7 at epoch 12; units 1 and 9 at epoch 14. Units 2 and 4 never came alive."
    )
    assert fates.sentence(fates.Fates({}, (), (1,))).startswith("**No unit died**")


def test_the_sentence_names_the_units_of_a_hierarchy_by_their_layer():
    found = fates.Fates({1: 12, 3: 14}, (2,), ())
    assert fates.sentence(found, ["2.1", "2.2", "1.1"]) == (
        "**2 units died**: unit z₂,₁ at epoch 12; unit z₁,₁ at epoch 14. Unit z₂,₂ never came alive."
    )


@pytest.fixture
def entry(tmp_path):
    return SimpleNamespace(path=tmp_path, stamp=(0,))


def test_history_leaves_out_a_line_that_is_still_being_written(entry):
    (entry.path / "history.csv").write_text("epoch,variance_0,variance_1\n1,0.5,0.1\n2,0.4,0.2\n3,0.3")
    found = fates.history(entry)
    np.testing.assert_array_equal(found.epochs, [1, 2])
    np.testing.assert_array_equal(found.variances, [[0.5, 0.1], [0.4, 0.2]])


def test_history_is_read_again_when_it_grows(entry):
    import os

    path = entry.path / "history.csv"
    path.write_text("epoch,variance_0\n1,0.5\n2,0.4\n")
    assert len(fates.history(entry).epochs) == 2
    path.write_text("epoch,variance_0\n1,0.5\n2,0.4\n3,0.3\n")
    os.utime(path, ns=(1, 1))
    assert len(fates.history(entry).epochs) == 3


def test_snapshots_stand_in_for_a_missing_history(entry):
    from safetensors.numpy import save_file

    arrays = {"epochs": EPOCHS, "variances": VARIANCES.astype(np.float32), "index": np.arange(300)}
    save_file(arrays, entry.path / "snapshots.safetensors")
    found = fates.history(entry)
    np.testing.assert_allclose(found.variances, VARIANCES, rtol=1e-6)
    assert "300 test images" in found.source


@pytest.mark.parametrize(
    "content", [None, "", "epoch,variance_0\n", "epoch,loss\n1,2\n2,3\n", "epoch,variance_0\nx,y\n"]
)
def test_without_a_usable_record_there_is_no_history(entry, content):
    if content is not None:
        (entry.path / "history.csv").write_text(content)
    (entry.path / "snapshots.safetensors").write_bytes(b"damaged")
    assert fates.history(entry) is None


def test_history_of_a_shipped_model_is_what_the_folder_reads():
    from explorer import library
    from latents.folder import ModelFolder

    entry = library.find("digits-vampprior-2d")
    found, read = fates.history(entry), ModelFolder(entry.path).history()
    np.testing.assert_array_equal(found.epochs, read["epoch"])
    np.testing.assert_array_equal(found.variances, np.stack([read["variance_0"], read["variance_1"]], axis=1))


def drawn():
    one = lives.Lives("one", EPOCHS, VARIANCES, {2: 3, 4: 5}, {2: "KL weight reaches 6"})
    return lives.lives([one], 0.01, theme.LIGHT, 300)


def test_lines_are_dark_where_active_and_dotted_where_not():
    dead, active, died = drawn().data
    unit_2 = np.asarray(active.customdata) == 2
    np.testing.assert_allclose(np.asarray(active.y)[unit_2][:5], [0.4, 0.3, np.nan, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(dead.y)[unit_2][:5], [np.nan, 0.3, 0.009, 0.002, 0.001], rtol=1e-6)
    unit_3 = np.asarray(active.customdata) == 3
    assert np.isnan(np.asarray(active.y)[unit_3]).all()
    assert list(died.x) == [3, 5]
    assert list(died.customdata) == ["2", "4"]
    np.testing.assert_allclose(died.y, [0.009, 0.01])


def test_curves_of_two_units_do_not_touch():
    _, active, _ = drawn().data
    assert np.isnan(np.asarray(active.y)[5::6]).all()


def test_moments_and_threshold_are_drawn():
    figure = drawn()
    assert {shape.x0 for shape in figure.layout.shapes} == {0, 2}
    assert {note.text for note in figure.layout.annotations} == {"threshold 0.01", "KL weight reaches 6"}
    assert figure.layout.xaxis.title.text == "epoch"


def test_two_trainings_share_their_axes():
    short = lives.Lives("short", EPOCHS[:2], VARIANCES[:2] * 10, {}, {})
    long = lives.Lives("long", EPOCHS, VARIANCES, {2: 3, 4: 5}, {})
    layout = lives.lives([short, long], 0.01, theme.DARK, 300).layout
    assert layout.xaxis.range == layout.xaxis2.range
    assert layout.yaxis.range == layout.yaxis2.range


def test_history_of_several_stages_is_that_of_the_stage_with_units(entry):
    (entry.path / "history.csv").write_text("epoch,beta,variance_0,other\n1,1,0.5,\n2,1,0.4,\n3,,,7\n")
    found = fates.history(entry)
    np.testing.assert_array_equal(found.epochs, [1, 2])
    assert found.weighted


def test_a_history_without_a_weight_of_the_kl_has_none(entry):
    (entry.path / "history.csv").write_text("epoch,variance_0\n1,0.5\n2,0.4\n")
    assert not fates.history(entry).weighted
