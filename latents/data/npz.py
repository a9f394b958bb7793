"""Arrays in an .npz file: shapes without reading the values, never a pickle, and every failure explained."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from ..errors import DataError
from .files import dimensions, problem, unreadable

# What zipfile, zlib and numpy raise for a file that is cut short, altered, or something else altogether;
# RuntimeError is an encrypted file or an unknown compression, MemoryError a shape beyond all measure.
_BROKEN = (
    *(OSError, EOFError, ValueError, KeyError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


class Header(NamedTuple):
    """What an array is, without its values."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Npz:
    """An .npz file whose arrays are read one at a time.

    Args:
        path: the file.
        expected: what it should hold, for the errors.
        remedy: what a person should do when it does not.

    Attributes:
        headers: the `Header` of each array by its key.

    Raises:
        DataError: the file is missing, damaged, or holds pickled objects; `read` raises it too.
    """

    def __init__(self, path: Path, expected: str, remedy: str) -> None:
        self.path = path
        self.expected = expected
        self.remedy = remedy
        with self._explained(), zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            self.headers = {name.removesuffix(".npy"): _header(archive, name) for name in members}
        for key, header in self.headers.items():
            if header.dtype.hasobject:
                raise self.wrong(f"holds pickled objects in {key!r}, which are never read")

    def read(self, key: str, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> np.ndarray:
        """One array.

        Args:
            key: its name.
            shape: what it must have, if that is known.
            dtype: likewise, in numpy's short form ("u1" for bytes).
        """
        if key not in self.headers:
            raise self.wrong(f"has no {key!r} but {', '.join(map(repr, self.headers)) or 'nothing'}")
        header = self.headers[key]
        if header != (shape or header.shape, np.dtype(dtype or header.dtype)):
            raise self.wrong(f"holds {dimensions(header.shape)} values of type {header.dtype} in {key!r}")
        with self._explained(), np.load(self.path, allow_pickle=False) as arrays:
            return arrays[key]

    def wrong(self, found: str) -> DataError:
        """The error for something else that is wrong with this file."""
        return problem(self.path, found, self.expected, self.remedy)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            raise unreadable(self.path, error, self.expected, self.remedy) from error


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        version = npy.read_magic(member)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{name} is in version {version[0]}.{version[1]} of numpy's format")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(member)
        return Header(shape, dtype)
