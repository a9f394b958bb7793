"""Image data sets: content against independent checks, splits, and one clear sentence for each wrong file."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.testing import assert_close

from latents.data import TEST_SEED, Split, binarise, data_root, load, names
from latents.data.draws import partition
from latents.data.files import EMBEDDED
from latents.errors import DataError

SPLITS = ("train", "valid", "test")
RAW = EMBEDDED / "MNIST" / "raw"
DIGITS_TEST_LABELS = [4, 0, 2, 9, 8, 7, 5, 1, 3, 6, 4, 0, 9, 2, 8, 7, 5, 1, 3, 6]
# md5 of the packed bits of numpy.random.Generator(PCG64(777)).random() < intensity
MNIST_TEST_DRAW = "3dff523fac3a0d486785556fc5427f44"
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def real(*files: str) -> Path:
    """The folder of the real data, for a test that needs these files of it."""
    if not os.environ.get("LATENTS_DATA"):
        pytest.skip("LATENTS_DATA is not set")
    root = Path(os.environ["LATENTS_DATA"])
    for file in files:
        if not any((root / name).exists() for name in (file, file.removesuffix(".gz"))):
            pytest.skip(f"LATENTS_DATA has no {file}")
    return root


def sentence(error: pytest.ExceptionInfo[DataError], *parts: object) -> None:
    """Check that an error is one sentence with these parts in it."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    for part in parts:
        assert str(part) in text, text


def pixels(split: Split, scale: float = 255) -> np.ndarray:
    """The stored bytes of a split's images."""
    return (split.images * scale).round_().to(torch.uint8).numpy()


def rows(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def mean_and_deviation(images: np.ndarray) -> tuple[float, float]:
    """Of bytes, scaled to [0, 1]."""
    share = np.bincount(images.ravel(), minlength=256) / images.size
    level = np.arange(256) / 255
    mean = share @ level
    return mean, np.sqrt(share @ (level - mean) ** 2)


def raw_idx(path: Path, dimensions: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=4 + 4 * dimensions)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No test reaches beyond this machine: downloads go to a local server or to nobody."""
    import urllib.request

    def guarded(request, *args, **kwargs):
        url = request if isinstance(request, str) else request.full_url
        if not url.startswith("http://127.0.0.1:"):
            raise OSError("no network in tests")
        return urlopen(request, *args, **kwargs)

    urlopen = urllib.request.urlopen
    monkeypatch.setattr(urllib.request, "urlopen", guarded)


class TestFacts:
    def test_names(self):
        assert names() == (
            *("digits", "mnist", "fashion-mnist", "kmnist", "mnist-static"),
            *("omniglot", "caltech-silhouettes", "frey-faces"),
        )

    @pytest.mark.parametrize("name", names())
    def test_facts_need_no_files(self, name, tmp_path):
        data = load(name, tmp_path / "absent")
        assert data.name == name
        assert data.title
        assert data.kind == ("binary" if name in ("mnist-static", "caltech-silhouettes") else "gray")
        assert "\n" not in data.source
        assert any(word in data.source for word in ("CC BY", "MIT", "licence"))
        assert tuple(data.sizes) == SPLITS
        assert name in repr(data)
        assert (data.class_names is None) == (name == "frey-faces")
        assert not (tmp_path / "absent").exists()

    @pytest.mark.parametrize(
        ("name", "sizes"),
        [
            ("digits", (1297, 200, 300)),
            ("mnist", (50_000, 10_000, 10_000)),
            ("fashion-mnist", (50_000, 10_000, 10_000)),
            ("kmnist", (50_000, 10_000, 10_000)),
            ("mnist-static", (50_000, 10_000, 10_000)),
            ("omniglot", (23_000, 1_345, 8_115)),
            ("caltech-silhouettes", (4_100, 2_264, 2_307)),
            ("frey-faces", (1_565, 200, 200)),
        ],
    )
    def test_sizes(self, name, sizes):
        assert tuple(load(name).sizes.values()) == sizes

    def test_import_brings_neither_torchvision_nor_sklearn_nor_pillow(self):
        code = (
            "import sys, latents.data as d; d.load('mnist', '/nowhere').test; d.load('digits').test;"
            "print([m for m in ('torchvision', 'sklearn', 'PIL', 'scipy') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestEmbedded:
    def test_mnist_files_are_the_original_ones(self):
        assert md5((RAW / f"{TEST_FILES[0]}.gz").read_bytes()) == "9fb629c4189551a2d022fa330f9573f3"
        assert md5((RAW / f"{TEST_FILES[1]}.gz").read_bytes()) == "ec29112dd5afa0611ce80d1b7f02629c"

    def test_mnist_test_needs_nothing_else(self, tmp_path):
        data = load("mnist", tmp_path)
        assert data.test.images.shape == (10_000, 1, 28, 28)
        assert data.test.images.dtype == torch.float32
        assert data.test.labels.dtype == torch.int64
        counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        assert torch.bincount(data.test.labels).tolist() == counts
        assert md5(pixels(data.test).tobytes()) == md5(raw_idx(RAW / f"{TEST_FILES[0]}.gz", 3).tobytes())
        assert not any(tmp_path.iterdir())

    def test_splits_are_kept(self):
        data = load("digits")
        assert data.test is data.test
        assert data.split("test") is data.test
        assert len(data.test) == 300

    def test_a_split_is_read_once_by_many_threads(self, monkeypatch):
        data = load("digits")
        reads, read = [], data._read
        monkeypatch.setattr(data, "_read", lambda split: reads.append(split) or read(split))
        threads = [threading.Thread(target=lambda: data.train) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reads == ["train"]

    def test_digits_are_those_of_scikit_learn(self):
        # The file that its load_digits reads; importing it would take longer than all that is tested here.
        folder = Path(find_spec("sklearn").origin).parent
        table = np.loadtxt(folder / "datasets" / "data" / "digits.csv.gz", delimiter=",", dtype=np.uint8)
        data = load("digits")
        labelled = [
            image.tobytes() + bytes([label])
            for split in map(data.split, SPLITS)
            for image, label in zip(pixels(split, 16), split.labels.tolist(), strict=True)
        ]
        assert sorted(labelled) == rows(table)
        assert_close(data.train.images.max(), torch.tensor(1.0))

    def test_digits_are_stratified(self):
        data = load("digits")
        every = torch.cat([data.split(split).labels for split in SPLITS])
        for split, size in data.sizes.items():
            share = torch.bincount(every) * size / len(every)
            assert (torch.bincount(data.split(split).labels) - share).abs().max() < 2

    def test_digits_split_is_the_same_everywhere(self):
        assert load("digits").test.labels[:20].tolist() == DIGITS_TEST_LABELS

    def test_damaged_embedded_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr("latents.data.digits.EMBEDDED", tmp_path)
        with pytest.raises(DataError) as error:
            _ = load("digits").test
        sentence(error, tmp_path / "digits.npz", "is missing", "git checkout")


class TestMnistFormat:
    """Files in MNIST's format; MNIST's own test files stand in for those of the other sets."""

    @pytest.fixture
    def root(self, tmp_path) -> Path:
        raw = tmp_path / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for file in TEST_FILES:
            shutil.copy(RAW / f"{file}.gz", raw)
        return tmp_path

    @pytest.mark.parametrize("unpacked", [False, True])
    def test_reads_packed_and_unpacked_and_writes_nothing(self, root, unpacked):
        raw = root / "FashionMNIST" / "raw"
        if unpacked:
            for path in list(raw.iterdir()):
                path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
                path.unlink()
        before = sorted(root.rglob("*"))
        split = load("fashion-mnist", root).test
        assert torch.equal(split.images, load("mnist").test.images)
        assert torch.equal(split.labels, load("mnist").test.labels)
        assert sorted(root.rglob("*")) == before

    def test_root_from_the_environment(self, root, monkeypatch):
        monkeypatch.setenv("LATENTS_DATA", str(root))
        assert len(load("fashion-mnist").test) == 10_000

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (lambda packed, plain: packed[: len(packed) // 2], "damaged or cut short"),
            (lambda packed, plain: packed[:-4], "damaged or cut short"),
            (lambda packed, plain: packed[:-8] + b"\0\0\0\0" + packed[-4:], "damaged or cut short"),
            (lambda packed, plain: b"", "(none)"),
            (lambda packed, plain: plain, "damaged or cut short"),
            (lambda packed, plain: b"<html>Not found</html>", "damaged or cut short"),
            (
                lambda packed, plain: gzip.compress(b"\0\0\x0d\x03" + plain[4:], 1),
                "starts with the bytes 00 00 0d",
            ),
            (
                lambda packed, plain: gzip.compress(plain[:-1], 1),
                "cut short after 7,840,015 of 7,840,016 bytes",
            ),
            (lambda packed, plain: gzip.compress(plain[:9], 1), "says that it holds"),
            (lambda packed, plain: gzip.compress(plain + b"\0", 1), "too long"),
            (
                lambda packed, plain: gzip.compress(plain[:7] + b"\x05" + plain[8:], 1),
                "says that it holds 9,989 x 28 x 28",
            ),
        ],
    )
    def test_damaged_images(self, root, change, found):
        path = root / "FashionMNIST" / "raw" / f"{TEST_FILES[0]}.gz"
        packed = path.read_bytes()
        path.write_bytes(change(packed, gzip.decompress(packed)))
        with pytest.raises(DataError) as error:
            _ = load("fashion-mnist", root).test
        sentence(error, path, found, "10,000 x 28 x 28", "remove it", "curl", "http://fashion-mnist")

    def test_labels_of_another_set(self, root):
        path = root / "FashionMNIST" / "raw" / f"{TEST_FILES[1]}.gz"
        plain = bytearray(gzip.decompress(path.read_bytes()))
        plain[-1] = 12
        path.write_bytes(gzip.compress(bytes(plain)))
        with pytest.raises(DataError) as error:
            _ = load("fashion-mnist", root).test
        sentence(error, path, "label 12", "0 to 9", "remove it")

    def test_a_failed_read_is_tried_again(self, root):
        path = root / "FashionMNIST" / "raw" / f"{TEST_FILES[0]}.gz"
        data, content = load("fashion-mnist", root), path.read_bytes()
        path.write_bytes(b"")
        with pytest.raises(DataError):
            _ = data.test
        path.write_bytes(content)
        assert len(data.test) == 10_000

    def test_kmnist_test_npz(self, tmp_path):
        images = np.zeros((10_000, 28, 28), np.uint8)
        images[3] = 255
        labels = np.arange(10_000, dtype=np.uint8) % 10
        np.savez_compressed(tmp_path / "kmnist_test.npz", test_images=images, test_labels=labels)
        split = load("kmnist", tmp_path).test
        assert split.images.mean((1, 2, 3))[:5].tolist() == [0, 0, 0, 1, 0]
        assert split.labels[:3].tolist() == [0, 1, 2]

    def test_kmnist_test_npz_with_other_labels(self, tmp_path):
        images, labels = np.zeros((10_000, 28, 28), np.uint8), np.full(10_000, 10, np.uint8)
        np.savez_compressed(tmp_path / "kmnist_test.npz", test_images=images, test_labels=labels)
        with pytest.raises(DataError) as error:
            _ = load("kmnist", tmp_path).test
        sentence(error, "kmnist_test.npz", "larger labels", "codh.rois.ac.jp")


class TestDownload:
    @pytest.fixture
    def server(self, tmp_path, monkeypatch):
        """A mirror on this machine, with MNIST's test files as those of Fashion-MNIST."""
        from torchvision.datasets import MNIST, FashionMNIST

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                pass

        folder = tmp_path / "mirror"
        shutil.copytree(RAW, folder)
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            mirrors = ["http://127.0.0.1:9/", f"http://127.0.0.1:{server.server_address[1]}/"]
            monkeypatch.setattr(FashionMNIST, "mirrors", mirrors)
            monkeypatch.setattr(FashionMNIST, "resources", MNIST.resources)
            yield folder
            server.shutdown()

    def test_downloads_what_is_missing_from_the_second_mirror(self, server, tmp_path, capfd):
        root = tmp_path / "root"
        split = load("fashion-mnist", root).test
        assert torch.equal(split.images, load("mnist").test.images)
        raw = root / "FashionMNIST" / "raw"
        assert sorted(path.name for path in raw.iterdir()) == sorted(f"{file}.gz" for file in TEST_FILES)
        assert "100%" in capfd.readouterr().err
        shutil.rmtree(server)
        assert len(load("fashion-mnist", root).test) == 10_000

    def test_wrong_content_is_not_kept(self, server, tmp_path):
        (server / f"{TEST_FILES[0]}.gz").write_bytes(b"something else")
        with pytest.raises(DataError) as error:
            _ = load("fashion-mnist", tmp_path).test
        path = tmp_path / "FashionMNIST" / "raw" / f"{TEST_FILES[0]}.gz"
        sentence(error, path, "could not be downloaded", "corrupted")
        assert not any(path.parent.iterdir())

    @pytest.mark.parametrize(
        ("name", "link"),
        [
            ("mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
            ("fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            ("kmnist", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        ],
    )
    def test_without_network(self, name, link, tmp_path):
        with pytest.raises(DataError) as error:
            _ = load(name, tmp_path).train
        file = "train-images-idx3-ubyte.gz"
        sentence(error, tmp_path, "is missing and could not be downloaded", "60,000 x 28 x 28")
        sentence(error, f"curl --create-dirs -Lo {tmp_path}", f"{link}{file}`", "LATENTS_DATA", f"raw/{file}")

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DataError) as error:
            _ = load("mnist", tmp_path / "file").train
        sentence(error, "cannot write to", tmp_path / "file", "Not a directory")

    def test_without_torchvision(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "torchvision", None)
        with pytest.raises(DataError) as error:
            _ = load("mnist", tmp_path).valid
        sentence(error, "train-images-idx3-ubyte.gz", "pip install --upgrade torchvision", "curl")


class TestRealSets:
    def test_mnist(self):
        data = load("mnist", real("MNIST/raw/train-images-idx3-ubyte.gz", "MNIST/raw/train-labels-idx1-ubyte.gz"))
        images, labels = pixels(data.train), data.train.labels
        assert labels[:5].tolist() == [5, 0, 4, 1, 9]
        images = np.concatenate([images, pixels(data.valid)])
        labels = torch.cat([labels, data.valid.labels])
        header = bytes([0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28])
        assert md5(header + images.tobytes()) == "6bbc9ace898e44ae57da46a324031adb"
        labels = labels.to(torch.uint8).numpy().tobytes()
        assert md5(header[:3] + b"\1" + header[4:8] + labels) == "a25bea736e30d166cdddb491f175f624"
        assert mean_and_deviation(images) == pytest.approx((0.1307, 0.3081), abs=5e-5)

    def test_fashion_mnist(self):
        files = [f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
        data = load("fashion-mnist", real(*(f"FashionMNIST/raw/{file}" for file in files)))
        images = np.concatenate([pixels(data.train), pixels(data.valid)])
        assert mean_and_deviation(images) == pytest.approx((0.2860, 0.3530), abs=5e-5)
        assert torch.bincount(torch.cat([data.train.labels, data.valid.labels])).tolist() == [6000] * 10
        assert torch.bincount(data.test.labels).tolist() == [1000] * 10

    def test_kmnist_test(self):
        data = load("kmnist", real("kmnist_test.npz"))
        assert data.test.images.shape == (10_000, 1, 28, 28)
        assert torch.bincount(data.test.labels).tolist() == [1000] * 10

    def test_mnist_static(self):
        data = load("mnist-static", real("mnist_static_binarized.npz"))
        for split, size in data.sizes.items():
            images = data.split(split).images
            assert images.shape == (size, 1, 28, 28)
            assert ((images == 0) | (images == 1)).all()
        assert data.train.labels is None
        assert data.valid.labels is None
        gray = load("mnist").test
        order = torch.sort(gray.labels, stable=True).indices
        assert torch.equal(data.test.labels, gray.labels[order])
        drawn, intensity = data.test.images, gray.images[order]
        assert not drawn[intensity == 0].any()
        assert drawn[intensity == 1].all()

    def test_omniglot(self):
        root = real("omniglot_28x28.npz")
        data = load("omniglot", root)
        with np.load(root / "omniglot_28x28.npz") as file:
            images, drawer = file["images"], file["drawer"]
        training = np.concatenate([pixels(data.train), pixels(data.valid)])
        assert rows(training) == rows(images[drawer < 15])
        assert np.array_equal(pixels(data.test)[:, 0], images[drawer >= 15])
        assert torch.bincount(data.test.labels).tolist() == [5] * 1623
        assert torch.bincount(torch.cat([data.train.labels, data.valid.labels])).tolist() == [15] * 1623
        assert torch.bincount(data.valid.labels).max() == 1
        assert data.class_names[data.test.labels[-1]] == "character 1623"

    def test_caltech_silhouettes(self):
        root = real("caltech101_silhouettes_28.npz")
        data = load("caltech-silhouettes", root)
        with np.load(root / "caltech101_silhouettes_28.npz") as file:
            for split in SPLITS:
                images, labels = file[f"{split}_images"], file[f"{split}_labels"]
                assert np.array_equal(data.split(split).images[:, 0].numpy(), 1 - images.astype(np.float32))
                assert np.array_equal(data.split(split).labels.numpy() + 1, labels)
            assert data.class_names == tuple(file["class_names"].tolist())
        corners = data.train.images[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.mean() < 0.5  # the background is 0

    def test_frey_faces(self):
        root = real("frey_faces.npz")
        data = load("frey-faces", root)
        with np.load(root / "frey_faces.npz") as file:
            images = file["images"]
        splits = [data.split(split) for split in SPLITS]
        stored = [(split.images * 256 - 0.5).numpy().astype(np.uint8) for split in splits]
        assert rows(np.concatenate(stored)) == rows(images)
        assert [split.images.shape for split in splits] == [(n, 1, 28, 20) for n in (1565, 200, 200)]
        assert all(split.labels is None for split in splits)
        assert min(split.images.min() for split in splits) > 0
        assert torch.equal(load("frey-faces", root).test.images, data.test.images)


ARCHIVES = {
    "mnist-static": ("mnist_static_binarized.npz", "cs.toronto.edu"),
    "omniglot": ("omniglot_28x28.npz", "github.com/brendenlake/omniglot"),
    "caltech-silhouettes": ("caltech101_silhouettes_28.npz", "people.cs.umass.edu"),
    "frey-faces": ("frey_faces.npz", "cs.nyu.edu"),
}


class TestArchivesThatAreWrong:
    @pytest.mark.parametrize("name", ARCHIVES)
    def test_missing(self, name, tmp_path):
        file, link = ARCHIVES[name]
        with pytest.raises(DataError) as error:
            _ = load(name, tmp_path).test
        sentence(error, tmp_path / file, "is missing", "28 x", link, "LATENTS_DATA", "pydoc latents.data.archives")

    @pytest.mark.parametrize("name", ARCHIVES)
    def test_the_named_help_tells_how_to_make_it(self, name):
        import latents.data.archives

        file, link = ARCHIVES[name]
        assert f'"{file}"' in latents.data.archives.__doc__
        assert link in latents.data.archives.__doc__

    @pytest.mark.parametrize("keep", [0, 100, -30])
    def test_cut_short(self, keep, tmp_path):
        path = tmp_path / "frey_faces.npz"
        np.savez_compressed(path, images=np.zeros((1965, 28, 20), np.uint8))
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DataError) as error:
            _ = load("frey-faces", tmp_path).test
        sentence(error, path, "damaged or cut short", "1,965 x 28 x 20")

    def test_one_bit_changed(self, tmp_path):
        path = tmp_path / "frey_faces.npz"
        np.savez(path, images=np.zeros((1965, 28, 20), np.uint8))
        content = bytearray(path.read_bytes())
        content[500_000] ^= 1
        path.write_bytes(content)
        with pytest.raises(DataError) as error:
            _ = load("frey-faces", tmp_path).test
        sentence(error, path, "damaged", "CRC")

    @pytest.mark.parametrize(
        ("arrays", "found"),
        [
            ({"images": np.zeros((1965, 560), np.uint8)}, "1,965 x 560"),
            ({"images": np.zeros((1965, 28, 20), np.float32)}, "float32"),
            ({"faces": np.zeros((1965, 28, 20), np.uint8)}, "has no 'images' but 'faces'"),
            ({}, "has no 'images' but nothing"),
            ({"images": np.array([{"a": 1}], object)}, "pickled objects"),
        ],
    )
    def test_other_content(self, arrays, found, tmp_path):
        np.savez(tmp_path / "frey_faces.npz", **arrays)
        with pytest.raises(DataError) as error:
            _ = load("frey-faces", tmp_path).train
        sentence(error, tmp_path / "frey_faces.npz", found, "expected images, 1,965 x 28 x 20", "cs.nyu.edu")

    def test_gray_values_where_binary_ones_belong(self, tmp_path):
        np.savez_compressed(tmp_path / "mnist_static_binarized.npz", test_images=np.full((10_000, 28, 28), 7, "u1"))
        with pytest.raises(DataError) as error:
            _ = load("mnist-static", tmp_path).test
        sentence(error, "the value 7 in 'test_images'")

    def test_caltech_labels_from_zero(self, tmp_path):
        arrays = {"test_images": np.ones((2307, 28, 28), "u1"), "test_labels": np.zeros(2307, "u1")}
        np.savez_compressed(tmp_path / "caltech101_silhouettes_28.npz", **arrays)
        with pytest.raises(DataError) as error:
            _ = load("caltech-silhouettes", tmp_path).test
        sentence(error, "other labels", "from 1 to 101")

    def test_omniglot_in_another_order(self, tmp_path):
        arrays = {
            "images": np.zeros((32_460, 28, 28), "u1"),
            "character": np.tile(np.arange(1623, dtype="i2"), 20),
            "drawer": np.repeat(np.arange(20, dtype="u1"), 1623),
        }
        np.savez_compressed(tmp_path / "omniglot_28x28.npz", **arrays)
        with pytest.raises(DataError) as error:
            _ = load("omniglot", tmp_path).train
        sentence(error, "in another order")


class TestNpz:
    def save(self, path: Path, **arrays) -> Path:
        np.savez_compressed(path / "mine.npz", **arrays)
        return path / "mine.npz"

    def test_images_and_labels_are_cut_by_class(self, tmp_path):
        images = np.arange(200, dtype=np.uint8).repeat(12).reshape(200, 3, 4)
        labels = np.repeat([0, 1], [150, 50])
        path = self.save(tmp_path, images=images, labels=labels, class_names=np.array(["cat", "dog"]))
        data = load(str(path))
        assert (data.shape, data.kind, data.title) == ((1, 3, 4), "gray", "mine")
        assert data.class_names == ("cat", "dog")
        assert data.sizes == {"train": 160, "valid": 20, "test": 20}
        seen = torch.cat([data.split(split).images[:, 0, 0, 0] for split in SPLITS])
        assert_close(seen.sort().values, torch.arange(200) / 255)
        for split in SPLITS:
            got = data.split(split)
            assert_close(got.labels, (got.images[:, 0, 0, 0] * 255 > 149.5).long())
        assert 4 <= data.test.labels.sum() <= 6
        again = load(path)
        assert torch.equal(again.train.images, data.train.images)

    def test_own_splits(self, tmp_path):
        arrays = {f"{split}_images": np.full((n, 2, 2), n / 10) for n, split in enumerate(SPLITS, 1)}
        data = load(self.save(tmp_path, **arrays))
        assert data.sizes == {"train": 1, "valid": 2, "test": 3}
        assert data.class_names is None
        assert_close(data.valid.images, torch.full((2, 1, 2, 2), 0.2))
        assert data.valid.labels is None

    def test_validation_is_a_tenth_of_train_when_there_is_none(self, tmp_path):
        train = np.arange(100).reshape(100, 1, 1) / 100
        data = load(self.save(tmp_path, train_images=train, test_images=np.ones((7, 1, 1))))
        assert data.sizes == {"train": 90, "valid": 10, "test": 7}
        together = torch.cat([data.train.images, data.valid.images]).flatten().sort().values
        assert_close(together, torch.from_numpy(train.ravel()).float())

    def test_test_images_alone(self, tmp_path):
        path = self.save(tmp_path, test_images=np.zeros((5, 2, 2), np.uint8), test_labels=np.arange(5))
        data = load(path)
        assert data.sizes == {"train": 0, "valid": 0, "test": 5}
        assert data.test.labels.tolist() == [0, 1, 2, 3, 4]
        assert data.class_names == ("0", "1", "2", "3", "4")
        with pytest.raises(DataError) as error:
            _ = data.train
        sentence(error, path, "no train images", "ask for test")

    @pytest.mark.parametrize(
        ("shape", "image", "kind"),
        [
            ((10, 4, 5), (1, 4, 5), "gray"),
            ((10, 1, 4, 5), (1, 4, 5), "gray"),
            ((10, 4, 5, 1), (1, 4, 5), "gray"),
            ((10, 3, 4, 5), (3, 4, 5), "colour"),
            ((10, 4, 5, 3), (3, 4, 5), "colour"),
        ],
    )
    def test_layouts(self, shape, image, kind, tmp_path):
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        data = load(self.save(tmp_path, test_images=images))
        assert (data.shape, data.kind) == (image, kind)
        if shape[1:] != image and shape[-1] == 3:
            images = np.moveaxis(images, -1, 1)
        assert np.array_equal(pixels(data.test), images.reshape(10, *image))

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64])
    def test_zeros_and_ones_are_binary(self, dtype, tmp_path):
        images = np.random.default_rng(0).integers(0, 2, (10, 3, 3)).astype(dtype)
        data = load(self.save(tmp_path, images=images))
        assert data.kind == "binary"
        assert set(torch.cat([data.split(split).images for split in SPLITS]).unique().tolist()) == {0.0, 1.0}

    def test_relative_paths_are_looked_for_under_the_root_too(self, tmp_path):
        self.save(tmp_path, images=np.zeros((10, 2, 2)))
        assert load("mine.npz", tmp_path).name == "mine.npz"

    @pytest.mark.parametrize(
        ("arrays", "found"),
        [
            ({"x": np.zeros((9, 2, 2))}, "has only the keys 'x'"),
            ({}, "has only the keys (none)"),
            ({"images": np.zeros((9, 2, 2)), "test_images": np.zeros((9, 2, 2))}, "has both"),
            ({"train_images": np.zeros((9, 2, 2))}, "has no test images"),
            ({"images": np.zeros((9, 4))}, "9 x 4 values"),
            ({"images": np.zeros((9, 2, 2, 4))}, "9 x 2 x 2 x 4 values"),
            ({"images": np.zeros((0, 2, 2))}, "0 x 2 x 2 values"),
            ({"images": np.zeros((9, 2, 2), complex)}, "complex128"),
            ({"images": np.zeros((2, 2, 2))}, "too few images (2)"),
            ({"images": np.full((9, 2, 2), 256)}, "values from 256 to 256"),
            ({"images": np.full((9, 2, 2), -1)}, "values from -1 to -1"),
            ({"images": np.full((9, 2, 2), 1.5)}, "values from 1.5 to 1.5"),
            ({"images": np.full((9, 2, 2), np.nan)}, "values from nan to nan"),
            ({"images": np.array([[None]])}, "pickled objects in 'images'"),
            ({"images": np.zeros((9, 2, 2)), "labels": np.arange(8)}, "8 values of type int64 in 'labels'"),
            ({"images": np.zeros((9, 2, 2)), "labels": np.zeros(9)}, "float64 in 'labels'"),
            ({"images": np.zeros((9, 2, 2)), "labels": np.arange(9) - 1}, "labels from -1 to 7"),
            ({"images": np.zeros((9, 2, 2)), "labels": np.full(9, 10**12)}, "labels from 1000000000000"),
            (
                {"images": np.zeros((9, 2, 2)), "labels": np.arange(9), "class_names": np.array(["a"])},
                "labels from 0 to 8 for 1 classes",
            ),
            (
                {"images": np.zeros((9, 2, 2)), "labels": np.arange(9), "class_names": np.arange(9)},
                "no list of strings in 'class_names'",
            ),
            (
                {"train_images": np.zeros((9, 2, 2)), "test_images": np.zeros((9, 2, 3))},
                "images of two sizes",
            ),
            (
                {"train_images": np.zeros((9, 2, 2)), "test_images": np.full((9, 2, 2), 0.5)},
                "other values than 0 and 1 in 'test_images'",
            ),
        ],
    )
    def test_wrong_content(self, arrays, found, tmp_path):
        path = self.save(tmp_path, **arrays)
        with pytest.raises(DataError) as error:
            _ = load(path).test
        sentence(error, path, found, "expected the key images", "pydoc latents.data.arrays")

    def test_not_an_npz_file(self, tmp_path):
        path = tmp_path / "mine.npz"
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.with_suffix(".npy").rename(path)
        with pytest.raises(DataError) as error:
            load(path)
        sentence(error, path, "damaged or cut short")

    def test_a_shape_beyond_all_measure(self, tmp_path):
        header = io.BytesIO()
        shape = (2**40, 28, 28)
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        path = tmp_path / "mine.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("test_images.npy", header.getvalue())
        with pytest.raises(DataError) as error:
            load(path)
        sentence(error, path, "damaged")


class TestPictures:
    def draw(self, path: Path, value=0, size=(5, 4), mode="L") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, value).save(path)
        return path

    def test_classes(self, tmp_path):
        for number in range(30):
            self.draw(tmp_path / "pictures" / ("cat" if number < 20 else "dog/deeper") / f"{number}.png", number)
        self.draw(tmp_path / "pictures" / ".thumbnails" / "0.png", size=(1, 1))
        (tmp_path / "pictures" / "notes.txt").write_text("not a picture")
        data = load(tmp_path / "pictures")
        assert (data.title, data.shape, data.kind) == ("pictures", (1, 4, 5), "gray")
        assert data.class_names == ("cat", "dog")
        assert data.sizes == {"train": 24, "valid": 3, "test": 3}
        values = torch.cat([data.split(split).images.mean((1, 2, 3)) for split in SPLITS])
        labels = torch.cat([data.split(split).labels for split in SPLITS])
        assert_close(values.sort().values, torch.arange(30) / 255)
        assert torch.equal(labels, (values * 255 > 19.5).long())
        assert torch.equal(load(tmp_path / "pictures").test.images, data.test.images)

    def test_numbers_are_classes_in_their_order(self, tmp_path):
        for number in (2, 10, 1):
            self.draw(tmp_path / str(number) / "a.png")
        assert load(tmp_path).class_names == ("1", "2", "10")

    def test_no_classes(self, tmp_path):
        for number in range(10):
            self.draw(tmp_path / f"{number}.png")
        data = load(tmp_path)
        assert data.class_names is None
        assert data.train.labels is None

    def test_own_splits(self, tmp_path):
        for split, count in (("train", 20), ("test", 4)):
            for number in range(count):
                self.draw(tmp_path / split / "ab"[number % 2] / f"{number}.png", 255 if split == "test" else 0)
        data = load(tmp_path)
        assert data.sizes == {"train": 18, "valid": 2, "test": 4}
        assert data.class_names == ("a", "b")
        assert (data.test.images == 1).all()
        assert not data.valid.images.any()
        assert data.valid.labels.tolist() in ([0, 1], [1, 0])

    def test_colour(self, tmp_path):
        for number in range(3):
            self.draw(tmp_path / f"{number}.png", (255, 0, 51), mode="RGB")
        self.draw(tmp_path / "gray.png", 255)
        data = load(tmp_path)
        assert (data.shape, data.kind) == ((3, 4, 5), "colour")
        images = torch.cat([data.split(split).images for split in SPLITS])
        means = sorted(images.mean((2, 3)).tolist())
        assert_close(means, [[1.0, 0.0, 0.2]] * 3 + [[1.0, 1.0, 1.0]])
        assert images.stride()[-1] == 1

    def test_orientation(self, tmp_path):
        drawn = np.arange(3 * 7, dtype=np.uint8).reshape(3, 7)
        for number in range(3):
            Image.fromarray(drawn).save(tmp_path / f"{number}.png")
        assert np.array_equal(pixels(load(tmp_path).test)[0, 0], drawn)

    @pytest.mark.parametrize(
        ("mode", "value", "kind", "intensity"),
        [
            ("1", 1, "binary", 1.0),
            ("L", 51, "gray", 0.2),
            ("LA", (0, 0), "gray", 1.0),
            ("I;16", 13107, "gray", 0.2),
            ("RGBA", (0, 0, 0, 0), "colour", 1.0),
            ("RGBA", (0, 0, 0, 255), "colour", 0.0),
        ],
    )
    def test_modes(self, mode, value, kind, intensity, tmp_path):
        for number in range(3):
            self.draw(tmp_path / f"{number}.png", value, mode=mode)
        data = load(tmp_path)
        assert data.kind == kind
        assert_close(data.test.images, torch.full((1, *data.shape), intensity))

    @pytest.mark.parametrize(("colours", "kind"), [([0, 0, 0, 51, 51, 51], "gray"), ([0, 0, 0, 255, 0, 0], "colour")])
    def test_palettes(self, colours, kind, tmp_path):
        for number in range(3):
            image = Image.new("P", (5, 4), 1)
            image.putpalette(colours)
            image.save(tmp_path / f"{number}.png")
        data = load(tmp_path)
        assert data.kind == kind
        assert_close(data.test.images[0, 0].mean().item(), 0.2 if kind == "gray" else 1.0)

    def test_jpeg(self, tmp_path):
        for number in range(3):
            self.draw(tmp_path / f"{number}.JPG", 102)
        assert_close(load(tmp_path).test.images, torch.full((1, 1, 4, 5), 0.4), atol=0.01, rtol=0)

    def test_odd_size(self, tmp_path):
        for number in range(5):
            self.draw(tmp_path / "a" / f"{number}.png")
        odd = self.draw(tmp_path / "b" / "odd.png", size=(6, 4))
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, odd, "is 6 x 4 pixels", "expected 5 x 4 like 5 of the 6 pictures", "resize it")

    def test_no_pictures(self, tmp_path):
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, tmp_path, "has no pictures", "PNG or JPEG", "pydoc latents.data.pictures")

    def test_too_few(self, tmp_path):
        self.draw(tmp_path / "a.png")
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, tmp_path, "too few images (1)")

    def test_some_without_a_class(self, tmp_path):
        self.draw(tmp_path / "a" / "a.png")
        stray = self.draw(tmp_path / "stray.png")
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, stray, "is in no subfolder", "move it")

    def test_not_a_picture(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"<html>")
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, tmp_path / "a.png", "cannot be read", "replace it")

    def test_cut_short(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
        for number in range(3):
            Image.fromarray(noise).save(tmp_path / f"{number}.png")
            content = (tmp_path / f"{number}.png").read_bytes()
            (tmp_path / f"{number}.png").write_bytes(content[: len(content) // 2])
        data = load(tmp_path)
        with pytest.raises(DataError) as error:
            _ = data.test
        sentence(error, tmp_path, ".png", "cannot be read", "truncated")

    def test_without_pillow(self, tmp_path, monkeypatch):
        self.draw(tmp_path / "a.png")
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(DataError) as error:
            load(tmp_path)
        sentence(error, "pip install pillow")


class TestNoSuchData:
    def test_a_slip_of_the_pen(self):
        with pytest.raises(DataError) as error:
            load("fasion-mnist")
        sentence(error, "'fasion-mnist'", "did you mean 'fashion-mnist'?", "omniglot", ".npz")

    @pytest.mark.parametrize("name", ["", "nothing like it", "x" * 10_000, "~nobody", "a\0b"])
    def test_unknown(self, name):
        with pytest.raises(DataError) as error:
            load(name)
        sentence(error, "mnist")

    @pytest.mark.parametrize("name", ["missing.npz", "some/folder"])
    def test_missing_path(self, name):
        with pytest.raises(DataError) as error:
            load(name)
        sentence(error, name, "does not exist")

    def test_another_kind_of_file(self, tmp_path):
        (tmp_path / "a.csv").touch()
        with pytest.raises(DataError) as error:
            load(tmp_path / "a.csv")
        sentence(error, "a.csv", "neither a folder of pictures nor an .npz file")

    def test_unknown_split(self):
        with pytest.raises(DataError) as error:
            load("digits").split("dev")
        sentence(error, "digits has no dev images", "train or valid or test")


class TestDataRoot:
    def test_the_environment_decides(self, monkeypatch):
        monkeypatch.setenv("LATENTS_DATA", "~/sets")
        assert data_root() == Path.home() / "sets"

    @pytest.mark.parametrize(
        ("platform", "variable", "value", "expected"),
        [
            ("linux", "XDG_CACHE_HOME", "/var/cache", "/var/cache/latents"),
            ("linux", "XDG_CACHE_HOME", "relative", "~/.cache/latents"),
            ("linux", "XDG_CACHE_HOME", None, "~/.cache/latents"),
            ("darwin", "XDG_CACHE_HOME", "/var/cache", "~/Library/Caches/latents"),
            ("win32", "LOCALAPPDATA", "/local", "/local/latents"),
            ("win32", "LOCALAPPDATA", None, "~/AppData/Local/latents"),
        ],
    )
    def test_the_users_cache(self, monkeypatch, platform, variable, value, expected):
        monkeypatch.setenv("LATENTS_DATA", "")
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.delenv(variable, raising=False)
        if value:
            monkeypatch.setenv(variable, value)
        assert data_root() == Path(expected).expanduser()


class TestBinarise:
    def test_against_numpys_own_uniform_numbers(self):
        intensity = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        uniform = np.random.Generator(np.random.PCG64(TEST_SEED)).random(intensity.shape)
        assert np.array_equal(binarise(intensity, TEST_SEED).numpy(), (uniform < intensity.numpy()).astype("f4"))

    def test_the_test_images_of_mnist_are_the_same_everywhere(self):
        drawn = binarise(load("mnist").test.images, TEST_SEED)
        assert md5(np.packbits(drawn.numpy().astype(bool)).tobytes()) == MNIST_TEST_DRAW
        assert torch.equal(drawn, binarise(load("mnist").test.images, TEST_SEED))

    def test_mean_is_the_intensity(self):
        images = load("mnist").test.images
        drawn = binarise(images, 1)
        assert drawn.dtype == torch.float32
        assert drawn.shape == images.shape
        assert set(drawn.unique().tolist()) == {0.0, 1.0}
        assert not drawn[images == 0].any()
        assert drawn[images == 1].all()
        between = (images > 0) & (images < 1)
        error = (images * (1 - images)).sum().sqrt() / between.sum()
        assert (drawn[between].mean() - images[between].mean()).abs() < 5 * error

    def test_each_pixel_is_drawn_with_its_own_probability(self):
        levels = torch.linspace(0, 1, 11).expand(20_000, 11)
        assert_close(binarise(levels, 3).mean(0), levels[0], atol=0.015, rtol=0)

    def test_an_image_is_drawn_by_its_position_alone(self):
        half = torch.full((3000, 1, 40, 40), 0.5)  # more pixels than are drawn at once
        drawn = binarise(half, 5)
        assert torch.equal(binarise(half[:700], 5), drawn[:700])
        assert_close(drawn[-500:].mean().item(), 0.5, atol=0.01, rtol=0)

    def test_seeds_differ(self):
        half = torch.full((1000,), 0.5)
        assert 400 < (binarise(half, 1) != binarise(half, 2)).sum() < 600

    def test_leaves_its_input_alone_and_takes_any_layout(self):
        images = torch.rand(4, 3, 2).transpose(0, 2)
        kept = images.clone()
        assert torch.equal(binarise(images, 0), binarise(images.contiguous(), 0))
        assert torch.equal(images, kept)
        assert binarise(torch.zeros(0, 1, 2, 2), 0).shape == (0, 1, 2, 2)

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
    def test_other_values(self, value):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            binarise(torch.tensor([value]), 0)


class TestPartition:
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.data(), st.integers(0, 2**32))
    def test_exact_complete_and_disjoint(self, labels, data, seed):
        first = data.draw(st.integers(0, len(labels)))
        second = data.draw(st.integers(0, len(labels) - first))
        sizes = (first, second, len(labels) - first - second)
        parts = partition(np.array(labels), sizes, seed)
        assert tuple(map(len, parts)) == sizes
        assert sorted(np.concatenate(parts)) == list(range(len(labels)))

    def test_rare_classes_are_favoured_nowhere(self):
        labels = np.append(np.zeros(90, int), np.arange(1, 11))
        seen = np.mean([(partition(labels, (80, 20), seed)[1] >= 90).mean() for seed in range(400)])
        assert seen == pytest.approx(0.1, abs=0.02)

    def test_order_is_random(self):
        first = partition(np.zeros(1000), (800, 200), 0)[0]
        assert abs(np.corrcoef(first, np.arange(800))[0, 1]) < 0.1
        assert not np.array_equal(first, partition(np.zeros(1000), (800, 200), 1)[0])
