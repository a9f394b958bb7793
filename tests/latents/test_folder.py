"""The model folder: what is written is read back, and what is wrong is one sentence that names the file."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import latents
from latents.errors import FolderError
from latents.folder import ModelFolder, find, write_whole
from latents.models import build


def sentence(caught: pytest.ExceptionInfo, *words: object) -> None:
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert str(word) in text, text


def outputs(model, x) -> list[torch.Tensor]:
    with torch.no_grad():
        q, p = model.encode_with_prior(x)
        return [q.mean, q.stddev, model.decode(q.mean).mean, p.log_prob(q.mean), model.sample(3, seed=1).images]


class TestWeights:
    @pytest.mark.parametrize("prior", ["standard", "mixture", "vampprior"])
    def test_saved_and_loaded_it_is_the_same_to_the_bit(self, fresh, tmp_path, prior):
        model = fresh(prior, latent=3)
        folder = ModelFolder.create(tmp_path / "model", model.recipe)
        folder.write_weights(model, model.state_dict(), "float32")
        again = latents.load(folder.path)
        assert not again.training
        assert again.recipe == model.recipe
        assert again.shape == model.shape
        x = torch.rand(5, *model.shape)
        for found, expected in zip(outputs(again, x), outputs(model, x), strict=True):
            assert torch.equal(found, expected)

    def test_float16_rounds_once(self, fresh, tmp_path):
        model = fresh("vampprior", components=5)
        folder = ModelFolder.create(tmp_path / "model", model.recipe)
        folder.write_weights(model, model.state_dict(), "float16")
        assert {value.dtype for value in load_file(folder.path / "model.safetensors").values()} == {torch.float16}
        again = folder.load()
        for name, value in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], value.half().float()), name
        assert any(not torch.equal(value, value.half().float()) for value in model.state_dict().values())
        assert {value.dtype for value in again.state_dict().values()} == {torch.float32}

    def test_half_the_size(self, fresh, tmp_path):
        model, sizes = fresh(shape=(1, 28, 28)), []
        folder = ModelFolder.create(tmp_path / "model", model.recipe)
        for precision in ("float32", "float16"):
            folder.write_weights(model, model.state_dict(), precision)
            sizes.append((folder.path / "model.safetensors").stat().st_size)
        assert sizes[1] < 0.6 * sizes[0]

    def test_no_pickle(self, trained):
        with safe_open(trained.path / "model.safetensors", "pt") as file:
            assert json.loads(file.metadata()["shape"]) == [1, 8, 8]
        assert not [path for path in trained.path.rglob("*") if path.suffix in (".pt", ".pth", ".pkl", ".ckpt")]

    def test_loading_disturbs_nobody_s_random_numbers(self, trained):
        before = torch.get_rng_state()
        trained.load()
        assert torch.equal(torch.get_rng_state(), before)


class TestBadWeights:
    def test_missing(self, folder):
        (folder.path / "model.safetensors").unlink()
        with pytest.raises(FolderError) as caught:
            folder.load()
        sentence(caught, folder.path, "has no model.safetensors", "finished", "train it, or copy the file again")

    @pytest.mark.parametrize("damage", ["empty", "cut", "noise", "header", "folder"])
    def test_damaged(self, folder, damage):
        path = folder.path / "model.safetensors"
        content = path.read_bytes()
        if damage == "folder":
            path.unlink()
            path.mkdir()
        else:
            spoilt = {
                "empty": b"",
                "cut": content[: len(content) // 2],
                "noise": os.urandom(1000),
                "header": b"\xff" * 8 + content[8:],
            }
            path.write_bytes(spoilt[damage])
        with pytest.raises(FolderError) as caught:
            folder.load()
        sentence(caught, path.name, "again")

    def test_not_the_recipe_s(self, folder, tiny):
        write_whole(folder.path / "config.json", tiny(model__latent=3, model__prior__kind="vampprior").json_text())
        with pytest.raises(FolderError) as caught:
            ModelFolder(folder.path).load()
        sentence(caught, "model.safetensors does not fit the recipe", "expected", "of different models")

    def test_of_another_prior(self, folder, tiny):
        write_whole(folder.path / "config.json", tiny(model__prior__kind="standard").json_text())
        with pytest.raises(FolderError) as caught:
            ModelFolder(folder.path).load()
        sentence(caught, "has unknown latent_prior.pixels")

    def test_of_a_recipe_that_asks_for_more_memory_than_there_is(self, folder, tiny):
        """Found before it is asked for: a folder from elsewhere cannot bring the process down."""
        huge = tiny(
            model__prior__kind="vampprior",
            model__prior__components=100_000,
            model__encoder__hidden=[60_000] * 60,
            model__decoder__hidden=[60_000] * 60,
        )
        write_whole(folder.path / "config.json", huge.json_text())
        with pytest.raises(FolderError) as caught:
            ModelFolder(folder.path).load()
        sentence(caught, "does not fit the recipe")

    @pytest.mark.parametrize("change", ["lacks", "unknown", "shape", "nan", "inf"])
    def test_tensor_by_tensor(self, folder, change):
        path = folder.path / "model.safetensors"
        weights = load_file(path)
        name = "posterior.mean.bias"
        if change == "lacks":
            del weights[name]
        elif change == "unknown":
            weights["extra"] = torch.zeros(1)
        elif change == "shape":
            weights[name] = torch.zeros(9)
        else:
            weights[name][0] = float(change)
        save_file(weights, path, {"shape": "[1, 8, 8]"})
        with pytest.raises(FolderError) as caught:
            folder.load()
        words = {
            "lacks": "lacks posterior.mean.bias",
            "unknown": "has unknown extra",
            "shape": "posterior.mean.bias is [9], but [2] was expected",
            "nan": "posterior.mean.bias holds values that are not finite",
            "inf": "posterior.mean.bias holds values that are not finite",
        }
        sentence(caught, path, words[change])

    @pytest.mark.parametrize(
        "shape",
        [None, "", "5", "[8, 8]", "[1, 8, -8]", "[1, 8, 8.5]", '["a", 1, 2]', "[1,", "null", "{}", "[1e9, 1e9, 1]"],
    )
    def test_without_its_image_shape(self, folder, shape):
        path = folder.path / "model.safetensors"
        save_file(load_file(path), path, None if shape is None else {"shape": shape})
        with pytest.raises(FolderError) as caught:
            folder.load()
        sentence(caught, path)

    def test_of_images_of_another_shape(self, folder):
        path = folder.path / "model.safetensors"
        save_file(load_file(path), path, {"shape": "[1, 28, 28]"})
        with pytest.raises(FolderError, match="does not fit the recipe"):
            folder.load()


class TestBadConfig:
    def test_no_folder(self, tmp_path):
        with pytest.raises(FolderError) as caught:
            ModelFolder(tmp_path / "nowhere")
        sentence(caught, tmp_path / "nowhere", "is not a model folder: it has no config.json", "latents list")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "cannot read"),
            (b"{", "cannot read"),
            (b"\xff\xfe\x00", "cannot read"),
            (b"[]", "holds a list, but a JSON object was expected"),
            pytest.param(b"[" * 100_000, "cannot read", id="deep"),
            (b'{"sead": 1}', "not a valid recipe: sead: there is no such field (did you mean 'seed'?)"),
            (b'{"model": {"kind": "gan"}}', "not a valid recipe: model: there is no model of kind 'gan'"),
            (
                b'{"model": {"kind": "vae", "prior": {"kind": "flow"}}}',
                "not a valid recipe: model.prior: there is no prior of kind 'flow'",
            ),
        ],
    )
    def test_not_a_recipe(self, folder, content, words):
        (folder.path / "config.json").write_bytes(content)
        spoilt = ModelFolder(folder.path)
        for use in (lambda: spoilt.recipe, spoilt.load):
            with pytest.raises(FolderError) as caught:
                use()
            sentence(caught, folder.path / "config.json", words)

    def test_the_rest_can_still_be_read(self, folder):
        (folder.path / "config.json").write_text("{")
        assert ModelFolder(folder.path).metrics["training"]["epochs"] == 3
        assert len(ModelFolder(folder.path).history()["epoch"]) == 3


class TestOtherFiles:
    READERS = pytest.mark.parametrize(
        ("name", "read"),
        [
            ("metrics.json", lambda folder: folder.metrics),
            ("status.json", lambda folder: folder.status),
            ("history.csv", lambda folder: folder.history()),
            ("snapshots.safetensors", lambda folder: folder.snapshots()),
            ("projections.safetensors", lambda folder: folder.projections()),
            ("evaluation.safetensors", lambda folder: folder.evaluation()),
        ],
    )

    @READERS
    def test_missing_is_empty(self, folder, name, read):
        (folder.path / name).unlink(missing_ok=True)
        assert read(folder) == {}

    @READERS
    def test_damaged_is_a_sentence(self, folder, name, read):
        (folder.path / name).write_bytes(b"\xff\xfe\x00\n" * 20)
        with pytest.raises(FolderError) as caught:
            read(folder)
        sentence(caught, folder.path / name)

    def test_the_model_loads_without_them(self, folder):
        for path in folder.path.iterdir():
            if path.name not in ("config.json", "model.safetensors"):
                path.unlink()
        assert ModelFolder(folder.path).load().parameter_count() > 0


class TestHistory:
    def make(self, tmp_path, tiny) -> ModelFolder:
        folder = ModelFolder.create(tmp_path / "model", tiny())
        for epoch in range(1, 5):
            folder.append_history({"epoch": epoch, "stage": "fit", "loss": f"{epoch / 3:.7g}", "extra": ""})
        return folder

    def test_columns(self, tmp_path, tiny):
        history = self.make(tmp_path, tiny).history()
        assert list(history) == ["epoch", "stage", "loss", "extra"]
        assert history["epoch"].tolist() == [1, 2, 3, 4]
        assert history["stage"].tolist() == ["fit"] * 4
        assert history["loss"] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3], abs=1e-6)
        assert np.isnan(history["extra"]).all()

    @pytest.mark.parametrize("end", ["5,fi", "5,fit,1.6", "5"])
    def test_a_last_line_without_its_end_is_not_there_yet(self, tmp_path, tiny, end):
        folder = self.make(tmp_path, tiny)
        with open(folder.path / "history.csv", "a") as file:
            file.write(end)
        assert folder.history()["epoch"].tolist() == [1, 2, 3, 4]

    @pytest.mark.parametrize("content", ["", "epoch,lo", "epoch,loss\n"])
    def test_only_begun(self, tmp_path, tiny, content):
        folder = ModelFolder.create(tmp_path / "model", tiny())
        (folder.path / "history.csv").write_text(content)
        assert all(len(column) == 0 for column in folder.history().values())

    def test_a_row_that_does_not_fit(self, tmp_path, tiny):
        folder = self.make(tmp_path, tiny)
        with open(folder.path / "history.csv", "a") as file:
            file.write("5,fit\n")
        with pytest.raises(FolderError) as caught:
            folder.history()
        sentence(caught, "history.csv has a row that does not fit its 4 columns")

    @pytest.mark.parametrize("rows", [0, 1, 3, 4, 9])
    def test_cut(self, tmp_path, tiny, rows):
        folder = self.make(tmp_path, tiny)
        with open(folder.path / "history.csv", "a") as file:
            file.write("5,fi")
        folder.cut_history(rows)
        assert folder.history().get("epoch", np.empty(0)).tolist() == list(range(1, min(rows, 4) + 1))
        folder.append_history({"epoch": 77, "stage": "fit", "loss": "0", "extra": ""})
        assert folder.history()["epoch"].tolist() == [*range(1, min(rows, 4) + 1), 77]

    def test_cutting_what_is_not_there(self, tmp_path, tiny):
        folder = ModelFolder.create(tmp_path / "model", tiny())
        folder.cut_history(3)
        assert folder.history() == {}


class TestWriteWhole:
    @pytest.mark.parametrize(("content", "stored"), [("ä\n", "ä\n".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")])
    def test_content(self, tmp_path, content, stored):
        write_whole(tmp_path / "new" / "file", content)
        assert (tmp_path / "new" / "file").read_bytes() == stored
        write_whole(tmp_path / "new" / "file", "again")
        assert (tmp_path / "new" / "file").read_text() == "again"
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]

    @pytest.mark.parametrize("call", ["replace", "fsync"])
    def test_when_it_fails_the_old_content_is_there_and_nothing_else(self, tmp_path, monkeypatch, call):
        path = tmp_path / "file"
        write_whole(path, "old")

        def fail(*arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, "new")
        assert path.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(self, tmp_path, monkeypatch):
        path = tmp_path / "file"
        write_whole(path, "old")
        seen = []
        replace = os.replace

        def watched(source, target):
            seen.append((path.read_text(), source.read_text()))
            replace(source, target)

        monkeypatch.setattr(os, "replace", watched)
        write_whole(path, "new")
        assert seen == [("old", "new")]


class TestCreate:
    def test_a_folder_that_holds_a_model(self, folder, tiny):
        before = (folder.path / "config.json").read_bytes()
        with pytest.raises(FolderError) as caught:
            ModelFolder.create(folder.path, tiny())
        sentence(caught, folder.path, "already holds a model", f"latents train --resume {folder.path}", "--out")
        assert (folder.path / "config.json").read_bytes() == before

    def test_an_empty_folder_will_do(self, tmp_path, tiny):
        assert ModelFolder.create(tmp_path, tiny()).recipe == tiny()

    def test_a_place_that_cannot_be_written(self, tmp_path, tiny):
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(FolderError) as caught:
                ModelFolder.create(place, tiny())
            sentence(caught, place)

    def test_metrics_are_added_to(self, folder):
        folder.update_metrics(one={"value": 1}, training={"epochs": 9})
        assert folder.metrics["one"] == {"value": 1}
        assert folder.metrics["training"] == {"epochs": 9}
        assert "units" in folder.metrics

    def test_no_number_that_json_does_not_have(self, folder):
        before = folder.metrics
        with pytest.raises(ValueError, match="JSON"):
            folder.update_metrics(value=float("nan"))
        assert folder.metrics == before


class TestFind:
    def test_by_name(self, trained, tmp_path):
        for name in ("b", "a"):
            shutil.copytree(trained.path, tmp_path / name)
        (tmp_path / "c").mkdir()
        (tmp_path / "file").write_text("")
        assert find(tmp_path) == [tmp_path / "a", tmp_path / "b"]

    def test_nowhere(self, tmp_path):
        assert find(tmp_path / "nowhere") == []


def test_the_api_takes_a_path_or_a_string(trained):
    x = torch.zeros(1, *build(trained.recipe, (1, 8, 8)).shape)
    assert torch.equal(latents.load(str(trained.path)).reconstruct(x), latents.load(trained.path).reconstruct(x))
