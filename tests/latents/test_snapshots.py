"""What the time scrubber plays: fixed images, chosen epochs, and numbers that are those of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latents import snapshots as snapshots_module
from latents.data import TEST_SEED, binarise
from latents.data.images import Split
from latents.folder import ModelFolder
from latents.models.units import kl_of_units
from latents.snapshots import Snapshots, chosen_epochs


class TestChosenEpochs:
    @given(st.integers(1, 3000), st.integers(2, 200))
    def test_as_many_as_asked_for_first_and_last_among_them(self, epochs, count):
        chosen = sorted(chosen_epochs(epochs, count))
        assert len(chosen) == min(count, epochs + 1)
        assert chosen[0] == 0
        assert chosen[-1] == epochs

    def test_denser_at_the_start(self):
        chosen = np.array(sorted(chosen_epochs(100, 20)))
        assert (chosen <= 50).sum() > 12
        assert {0, 1, 2} <= set(chosen.tolist())


@pytest.fixture
def held_out(digits) -> Split:
    return digits.test


def make(tmp_path, model, split, *, epochs=4, count=10, latent=2, binary=True) -> Snapshots:
    path = tmp_path / "model"
    folder = ModelFolder(path) if path.exists() else ModelFolder.create(path, model.recipe)
    return Snapshots(folder, split, binary, latent, epochs, count)


class TestFile:
    def test_shapes_and_types(self, fresh, held_out, tmp_path):
        model = fresh("vampprior", components=60, shape=(1, 8, 8))
        snapshots = make(tmp_path, model, held_out)
        for epoch in (0, 1, 2):
            snapshots.take(model, epoch)
        stored = snapshots.folder.snapshots()
        assert {name: (array.shape, str(array.dtype)) for name, array in stored.items()} == {
            "epochs": ((3,), "int64"),
            "index": ((300,), "int64"),
            "labels": ((300,), "int64"),
            "mean": ((3, 300, 2), "float16"),
            "variances": ((3, 2), "float32"),
            "kl": ((3, 2), "float32"),
            "pseudo_means": ((3, 60, 2), "float16"),
            "pseudo_pictures": ((3, 50, 1, 8, 8), "uint8"),
            "originals": ((32, 1, 8, 8), "uint8"),
            "reconstructions": ((3, 32, 1, 8, 8), "uint8"),
            "samples": ((3, 32, 1, 8, 8), "uint8"),
        }
        assert stored["epochs"].tolist() == [0, 1, 2]

    def test_content(self, fresh, held_out, tmp_path):
        model = fresh("vampprior", components=5, shape=(1, 8, 8))
        snapshots = make(tmp_path, model, held_out)
        snapshots.take(model, 0)
        stored = snapshots.folder.snapshots()
        x = binarise(held_out.images, TEST_SEED)
        shown = np.linspace(0, 299, 32).astype(int)
        with torch.no_grad():
            q, p = model.encode(x), model.prior()
            assert np.array_equal(stored["mean"][0], q.mean.half().numpy())
            assert stored["variances"][0] == pytest.approx(q.mean.numpy().var(0), rel=1e-4)
            assert stored["kl"][0] == pytest.approx(kl_of_units(q[:200], p).mean(0).numpy(), rel=1e-4)
            assert np.array_equal(stored["pseudo_means"][0], model.encode(model.pseudo_inputs).mean.half().numpy())
            reconstructed = (255 * model.reconstruct(x[shown])).round().numpy()
            sampled = (255 * model.sample(32, seed=0).images).round().numpy()
        assert np.abs(stored["reconstructions"][0] - reconstructed).max() <= 1
        assert np.abs(stored["samples"][0] - sampled).max() <= 1
        assert np.array_equal(stored["labels"], held_out.labels.numpy())
        assert np.array_equal(stored["index"], np.arange(300))
        assert np.array_equal(stored["originals"], (255 * held_out.images[shown]).round().byte().numpy())

    def test_fewer_images_above_two_dimensions(self, fresh, tmp_path):
        images = torch.rand(3000, 1, 4, 5)
        flat = make(tmp_path / "2", fresh(), Split(images), epochs=100, count=30)
        deep = make(tmp_path / "3", fresh(latent=3), Split(images), epochs=100, count=30, latent=3)
        assert len(flat.images) == 2000
        assert len(deep.images) == 500
        assert len(flat.at) == 30
        assert len(deep.at) == 15
        assert int(deep.fixed["index"][0]) == 0
        assert int(deep.fixed["index"][-1]) == 2999
        whole = binarise(images, TEST_SEED)
        assert torch.equal(deep.images, whole[deep.fixed["index"]])

    def test_without_labels_and_with_few_images(self, fresh, tmp_path):
        snapshots = make(tmp_path, fresh(), Split(torch.rand(3, 1, 4, 5)))
        snapshots.take(fresh(), 0)
        stored = snapshots.folder.snapshots()
        assert stored["labels"].tolist() == [-1, -1, -1]
        assert stored["originals"].shape[0] == 3
        assert "pseudo_means" not in stored

    def test_gray_models_see_gray(self, fresh, tmp_path):
        images = torch.rand(3, 1, 4, 5)
        assert torch.equal(make(tmp_path, fresh(), Split(images), binary=False).images, images)

    def test_only_the_chosen_epochs_and_each_once(self, fresh, held_out, tmp_path):
        model = fresh(shape=(1, 8, 8))
        snapshots = make(tmp_path, model, held_out, epochs=100, count=3)
        for epoch in [*range(101), 100]:
            snapshots.take(model, epoch)
        assert snapshots.folder.snapshots()["epochs"].tolist() == sorted(snapshots.at)

    def test_taking_one_changes_no_random_number(self, fresh, held_out, tmp_path):
        model = fresh(shape=(1, 8, 8))
        snapshots = make(tmp_path, model, held_out)
        before = torch.get_rng_state()
        snapshots.take(model, 0)
        assert torch.equal(torch.get_rng_state(), before)


class TestLive:
    """Between the chosen epochs, a state for the time being shows whoever watches that something moves."""

    def test_it_makes_way_and_leaves_no_trace(self, fresh, held_out, tmp_path, monkeypatch):
        now = [100.0]
        monkeypatch.setattr(snapshots_module.time, "monotonic", lambda: now[0])
        model = fresh("vampprior", components=5, shape=(1, 8, 8))
        watched = make(tmp_path, model, held_out)
        watched.at = {0, 9}
        for epoch, later, kept, epochs in (
            (0, 0, True, [0]),
            (1, 4.9, False, [0]),  # the last one is not old enough
            (2, 0.2, False, [0, 2]),
            (3, 4.9, False, [0, 2]),
            (4, 0.2, False, [0, 4]),
        ):
            now[0] += later
            assert (watched.take(model, epoch) is not None) == kept
            assert watched.folder.snapshots()["epochs"].tolist() == epochs
        again = make(tmp_path, model, held_out)
        again.resume(4)
        assert [int(state["epochs"]) for state in again.states] == [0]
        written = []
        (tmp_path / "alone").mkdir()
        for snapshots in (watched, again, make(tmp_path / "alone", model, held_out)):
            for epoch in (0, 9):
                snapshots.take(model, epoch, always=True)
            written.append((snapshots.folder.path / "snapshots.safetensors").read_bytes())
        assert written[0] == written[1] == written[2]

    def test_never_more_than_a_twentieth_of_the_time(self, fresh, held_out, tmp_path, monkeypatch):
        now, taken = [0.0], []
        monkeypatch.setattr(snapshots_module.time, "monotonic", lambda: now[0])
        model = fresh(shape=(1, 8, 8))
        snapshots = make(tmp_path, model, held_out)
        snapshots.at = {0}
        state = snapshots._state

        def slow(model, epoch):
            now[0] += 3
            return state(model, epoch)

        monkeypatch.setattr(snapshots, "_state", slow)
        for epoch in range(1, 401):
            before = now[0]
            snapshots.take(model, epoch)
            taken.append(now[0] - before)
            now[0] += 1
        assert 0 < sum(taken) <= 0.05 * now[0] + 3


class TestResume:
    def test_what_came_after_is_forgotten(self, fresh, held_out, tmp_path):
        model = fresh("vampprior", components=5, shape=(1, 8, 8))
        first = make(tmp_path, model, held_out)
        for epoch in (0, 1, 2):
            first.take(model, epoch)
        whole = (first.folder.path / "snapshots.safetensors").read_bytes()
        again = make(tmp_path, model, held_out)
        again.resume(1)
        again.take(model, 2)
        assert again.folder.snapshots()["epochs"].tolist() == [0, 1, 2]
        assert (again.folder.path / "snapshots.safetensors").read_bytes() == whole

    def test_there_is_nothing_yet(self, fresh, held_out, tmp_path):
        snapshots = make(tmp_path, fresh(), held_out)
        snapshots.resume(3)
        assert snapshots.states == []
