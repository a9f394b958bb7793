"""Image data sets by name, as float32 tensors in [0, 1] with the papers' splits.

>>> mnist = load("mnist")
>>> mnist.test.images.shape, mnist.kind, mnist.sizes["train"]
(torch.Size([10000, 1, 28, 28]), 'gray', 50000)

=====================  ======================  =======  ===========================================
name                   train/valid/test        kind     found
=====================  ======================  =======  ===========================================
digits                 1,297/200/300           gray     ships with the package
mnist                  50,000/10,000/10,000    gray     test ships; train from the data root, or downloaded
fashion-mnist, kmnist  50,000/10,000/10,000    gray     data root, or downloaded
mnist-static           50,000/10,000/10,000    binary   data root: mnist_static_binarized.npz
omniglot               23,000/1,345/8,115      gray     data root: omniglot_28x28.npz
caltech-silhouettes    4,100/2,264/2,307       binary   data root: caltech101_silhouettes_28.npz
frey-faces             1,565/200/200           gray     data root: frey_faces.npz
a folder               its own, or 80/10/10 %  any      PNG and JPEG pictures: see `latents.data.pictures`
an .npz file           its own, or 80/10/10 %  any      arrays: see `latents.data.arrays`
=====================  ======================  =======  ===========================================

Nothing is read before a split is asked for. A file that is missing, cut short or wrong raises `DataError`:
one sentence that names it, says what was expected and how to mend it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from ..errors import DataError
from . import archives, digits, mnist
from .arrays import array_file
from .draws import TEST_SEED, binarise
from .files import data_root
from .images import ImageData, Split
from .pictures import picture_folder

__all__ = ["TEST_SEED", "ImageData", "Split", "binarise", "data_root", "load", "names"]

_SETS: dict[str, Callable[[Path], ImageData]] = {
    "digits": digits.digits,
    "mnist": mnist.mnist,
    "fashion-mnist": mnist.fashion_mnist,
    "kmnist": mnist.kmnist,
    "mnist-static": archives.mnist_static,
    "omniglot": archives.omniglot,
    "caltech-silhouettes": archives.caltech_silhouettes,
    "frey-faces": archives.frey_faces,
}


def names() -> tuple[str, ...]:
    """The names of the data sets that `load` knows, besides folders and .npz files."""
    return tuple(_SETS)


def load(name: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> ImageData:
    """A data set by its name, or from a folder of pictures or an .npz file by its path.

    Args:
        name: one of `names()`, or a path; a relative path is looked for from the current folder, then from
            the data root. A known name wins: write ``./mnist`` for a folder that is called so.
        root: the folder of the data files, `data_root()` when None.

    Raises:
        DataError: nothing has this name, or the folder or file cannot be used. The files of a named set are
            looked at when a split is asked for, not here.
    """
    name = os.fspath(name)
    root = data_root() if root is None else Path(os.path.expanduser(root))
    if name in _SETS:
        return _SETS[name](root)
    # The functions of os.path say no where those of Path may raise: for a name too long, say.
    given = Path(os.path.expanduser(name))
    for path in (given, root / given):
        if name and os.path.isdir(path):
            return picture_folder(name, path)
        if path.suffix == ".npz" and os.path.isfile(path):
            return array_file(name, path)
    raise DataError(_unknown(name, given))


def _unknown(name: str, path: Path) -> str:
    if os.path.isfile(path):
        return f"{name} is neither a folder of pictures nor an .npz file: give one of these, or {_known()}."
    if path.suffix == ".npz" or len(path.parts) > 1:
        return f"{name} does not exist: expected a folder of pictures, an .npz file, or one of {_known()}."
    close = difflib.get_close_matches(name.lower(), names(), n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return (
        f"There is no data set {name!r}: expected one of {_known()}, or the path of a folder of pictures or "
        f"an .npz file{meant or '.'}"
    )


def _known() -> str:
    return ", ".join(names())
