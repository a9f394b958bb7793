"""The data sets that are .npz files under the data root, and how each file is made from its origin.

Each script is run in the folder of the downloaded files and makes the .npz file there, to be copied to the
data root (``LATENTS_DATA``).

mnist_static_binarized.npz, from binarized_mnist_{train,valid,test}.amat of
http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/ ::

    import numpy as np
    read = lambda split: np.loadtxt(f"binarized_mnist_{split}.amat", dtype=np.uint8).reshape(-1, 28, 28)
    arrays = {f"{split}_images": read(split) for split in ("train", "valid", "test")}
    np.savez_compressed("mnist_static_binarized.npz", **arrays)

omniglot_28x28.npz, from images_background.zip and images_evaluation.zip, unpacked, of
https://github.com/brendenlake/omniglot/tree/master/python (an output pixel is the mean of 3.75 x 3.75)::

    import numpy as np
    from pathlib import Path
    from PIL import Image
    start, pixel = 3.75 * np.arange(28)[:, None], np.arange(105)
    area = np.clip(np.minimum(start + 3.75, pixel + 1) - np.maximum(start, pixel), 0, None) / 3.75
    paths = sorted(Path().glob("images_*/*/*/*.png"), key=lambda path: path.name)
    ink = lambda path: 1.0 - np.asarray(Image.open(path).convert("1"))
    images = np.stack([np.rint(255 * area @ ink(path) @ area.T) for path in paths]).astype(np.uint8)
    character = np.array([int(path.stem[:4]) - 1 for path in paths], np.int16)
    drawer = np.array([int(path.stem[5:]) - 1 for path in paths], np.uint8)
    np.savez_compressed("omniglot_28x28.npz", images=images, character=character, drawer=drawer)

caltech101_silhouettes_28.npz, from
https://people.cs.umass.edu/~marlin/data/caltech101_silhouettes_28_split1.mat (images are stored by columns)::

    import numpy as np
    from scipy.io import loadmat
    mat = loadmat("caltech101_silhouettes_28_split1.mat")
    arrays = {}
    for split, key in (("train", "train"), ("valid", "val"), ("test", "test")):
        arrays[f"{split}_images"] = mat[f"{key}_data"].reshape(-1, 28, 28).transpose(0, 2, 1).astype(np.uint8)
        arrays[f"{split}_labels"] = mat[f"{key}_labels"].ravel().astype(np.uint8)
    np.savez_compressed("caltech101_silhouettes_28.npz", **arrays)

frey_faces.npz, from https://cs.nyu.edu/~roweis/data/frey_rawface.mat ::

    import numpy as np
    from scipy.io import loadmat
    np.savez_compressed("frey_faces.npz", images=loadmat("frey_rawface.mat")["ff"].T.reshape(-1, 28, 20))
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .draws import partition
from .images import SPLITS, ImageData, Split, to_images, to_labels
from .mnist import mnist_test_labels
from .npz import Npz

_CALTECH_CLASSES = (
    "Airplanes Side 2, Faces 2, Faces 3, Leopards, Motorbikes 16, accordion, anchor, ant, barrel, bass, "
    "beaver, binocular, bonsai, brain, brontosaurus, buddha, butterfly, camera, cannon, car side, ceiling "
    "fan, cellphone, chair, chandelier, cougar body, cougar face, crab, crayfish, crocodile, crocodile "
    "head, cup, dalmatian, dollar bill, dolphin, dragonfly, electric guitar, elephant, emu, euphonium, "
    "ewer, ferry, flamingo, flamingo head, garfield, gerenuk, gramophone, grand piano, hawksbill, "
    "headphone, hedgehog, helicopter, ibis, inline skate, joshua tree, kangaroo, ketch, lamp, laptop, "
    "llama, lobster, lotus, mandolin, mayfly, menorah, metronome, minaret, nautilus, octopus, okapi, "
    "pagoda, panda, pigeon, pizza, platypus, pyramid, revolver, rhino, rooster, saxophone, schooner, "
    "scissors, scorpion, sea horse, snoopy, soccer ball, stapler, starfish, stegosaurus, stop sign, "
    "strawberry, sunflower, tick, trilobite, umbrella, watch, water lilly, wheelchair, wild cat, windsor "
    "chair, wrench, yin yang"
)

_BINARY = np.array([0.0, 1.0])
_INVERTED = np.array([1.0, 0.0])


def mnist_static(root: Path) -> ImageData:
    """MNIST, each pixel drawn once: the draw and the split that papers compare on.

    The file has no labels. Its test images are MNIST's, stably sorted by class, so their labels are known;
    those of the training and validation images are not.
    """
    sizes = {"train": 50_000, "valid": 10_000, "test": 10_000}

    def read(split: str) -> Split:
        file = _open(
            root / "mnist_static_binarized.npz",
            "train_, valid_ and test_images, 50,000, 10,000 and 10,000 x 28 x 28 bytes that are 0 or 1",
            "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
        )
        pixels = _binary_pixels(file, split, sizes[split])
        labels = to_labels(np.sort(mnist_test_labels())) if split == "test" else None
        return Split(to_images(pixels, _BINARY), labels)

    return ImageData(
        name="mnist-static",
        title="MNIST, static binarisation",
        shape=(1, 28, 28),
        kind="binary",
        source="R. Salakhutdinov, I. Murray (ICML 2008), split of H. Larochelle, I. Murray (AISTATS 2011); "
        "no licence of its own known, made from MNIST (CC BY-SA 3.0)",
        sizes=sizes,
        read=read,
        class_names=tuple("0123456789"),
    )


def omniglot(root: Path) -> ImageData:
    """Handwritten characters of 50 alphabets, 28 x 28, labelled by character (1,623 of them).

    Drawers 1 to 15 of each character are for training, the others for testing. 1,345 training images are for
    validation, as in the VampPrior paper; here the choice is seeded and spread over the characters.
    """
    sizes = {"train": 23_000, "valid": 1_345, "test": 8_115}
    count, characters = 32_460, 1_623

    def read(split: str) -> Split:
        file = _open(
            root / "omniglot_28x28.npz",
            "images, 32,460 x 28 x 28 bytes, with the character (0 to 1,622) and drawer (0 to 19) of each",
            "https://github.com/brendenlake/omniglot/tree/master/python",
        )
        character = file.read("character", (count,), "i2")
        drawer = file.read("drawer", (count,), "u1")
        ordered = 20 * character.astype(int) + drawer
        if drawer.max() > 19 or (ordered != np.arange(count)).any():
            raise file.wrong("has its images in another order than by character, then drawer")
        chosen = np.flatnonzero(drawer >= 15)
        if split != "test":
            training = np.flatnonzero(drawer < 15)
            parts = partition(character[training], (sizes["train"], sizes["valid"]))
            chosen = training[parts[SPLITS.index(split)]]
        pixels = file.read("images", (count, 28, 28), "u1")[chosen]
        return Split(to_images(pixels), to_labels(character[chosen]))

    return ImageData(
        name="omniglot",
        title="Omniglot",
        shape=(1, 28, 28),
        kind="gray",
        source="B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, Omniglot (Science 350, 2015), "
        "averaged to 28 x 28; MIT, copyright 2015 Brenden Lake",
        sizes=sizes,
        read=read,
        class_names=tuple(f"character {number:04}" for number in range(1, characters + 1)),
    )


def caltech_silhouettes(root: Path) -> ImageData:
    """Filled outlines of the objects of Caltech-101, 28 x 28; 1 is the object, 0 the background."""
    sizes = {"train": 4_100, "valid": 2_264, "test": 2_307}
    class_names = tuple(_CALTECH_CLASSES.split(", "))

    def read(split: str) -> Split:
        file = _open(
            root / "caltech101_silhouettes_28.npz",
            "train_, valid_ and test_images, 4,100, 2,264 and 2,307 x 28 x 28 bytes that are 0 or 1, "
            "and train_, valid_ and test_labels from 1 to 101",
            "https://people.cs.umass.edu/~marlin/data/caltech101_silhouettes_28_split1.mat",
        )
        pixels = _binary_pixels(file, split, sizes[split])
        labels = file.read(f"{split}_labels", (sizes[split],), "u1")
        if labels.min() < 1 or labels.max() > len(class_names):
            raise file.wrong(f"holds other labels in '{split}_labels'")
        return Split(to_images(pixels, _INVERTED), to_labels(labels) - 1)

    return ImageData(
        name="caltech-silhouettes",
        title="Caltech-101 Silhouettes",
        shape=(1, 28, 28),
        kind="binary",
        source="B. M. Marlin, K. Swersky, B. Chen, N. de Freitas (AISTATS 2010), from Caltech-101 "
        "(doi:10.22002/D1.20086), split 1; no licence known",
        sizes=sizes,
        read=read,
        class_names=class_names,
    )


def frey_faces(root: Path) -> ImageData:
    """1,965 video frames of one face, 28 rows x 20 columns, as (x + 0.5) / 256.

    Neighbouring frames are alike, so the split is random (and seeded), as in the VampPrior paper.
    """
    sizes = {"train": 1_565, "valid": 200, "test": 200}

    def read(split: str) -> Split:
        file = _open(
            root / "frey_faces.npz",
            "images, 1,965 x 28 x 20 bytes",
            "https://cs.nyu.edu/~roweis/data/frey_rawface.mat",
        )
        pixels = file.read("images", (1_965, 28, 20), "u1")
        chosen = partition(np.zeros(len(pixels)), tuple(sizes.values()))[SPLITS.index(split)]
        return Split(to_images(pixels[chosen], (np.arange(256) + 0.5) / 256))

    return ImageData(
        name="frey-faces",
        title="Frey faces",
        shape=(1, 28, 20),
        kind="gray",
        source="B. Frey, through S. Roweis (frey_rawface.mat, New York University); no licence known",
        sizes=sizes,
        read=read,
    )


def _open(path: Path, expected: str, link: str) -> Npz:
    remedy = (
        f"set LATENTS_DATA to the folder that has {path.name}, or make it from {link} "
        f"as `python -m pydoc {__name__}` shows"
    )
    return Npz(path, expected, remedy)


def _binary_pixels(file: Npz, split: str, count: int) -> np.ndarray:
    pixels = file.read(f"{split}_images", (count, 28, 28), "u1")
    if pixels.max() > 1:
        raise file.wrong(f"holds the value {pixels.max()} in '{split}_images'")
    return pixels
