"""Downloads of MNIST and its successors, through torchvision: its mirrors, checksums and progress bar."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPException
from pathlib import Path

from .files import problem, reason

_PATIENCE = 30.0
"""Seconds without a byte after which a server counts as dead; torchvision would wait for ever."""

_allowed: ContextVar[bool] = ContextVar("downloads are allowed", default=True)


@contextmanager
def no_downloads() -> Iterator[None]:
    """Within it, a file that is missing is a `DataError` at once: for those who only look."""
    before = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(before)


def fetch(dataset: str, path: Path, expected: str, remedy: str) -> None:
    """Download one file to its place: whole, its checksum right, or not at all.

    Args:
        dataset: the class of `torchvision.datasets` that knows the file's mirrors and checksum.
        path: where the file goes; its folder is made.
        expected: what the file is, for the error.
        remedy: what a person should do when the download fails.

    Raises:
        DataError: no mirror answered, the content was wrong, the folder is not writable or the disk is full; or
            there are to be `no_downloads`.
    """
    if not _allowed.get():
        raise problem(path, "is missing", expected, remedy)
    try:
        # Imported here because it takes seconds, and most of the time there is nothing to download.
        from torchvision import datasets
        from torchvision.datasets.utils import download_url
    except (ImportError, RuntimeError) as error:
        found = f"is missing, and torchvision, which would download it, cannot be used ({reason(error)})"
        remedy = f"run `pip install --upgrade torchvision`, or {remedy}"
        raise problem(path, found, expected, remedy) from error

    kind = getattr(datasets, dataset)
    md5 = dict(kind.resources)[path.name]
    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In a folder of its own and then moved, so that nobody, another process included, sees half a file.
        with tempfile.TemporaryDirectory(prefix="download-", dir=path.parent) as place, _patience():
            for mirror in kind.mirrors:
                print(f"Downloading {mirror}{path.name} to {path.parent}", file=sys.stderr)
                try:
                    download_url(mirror + path.name, place, path.name, md5)
                except (OSError, RuntimeError, HTTPException) as error:
                    failures.append(f"{mirror}: {reason(error)}")
                else:
                    os.replace(Path(place) / path.name, path)
                    return
    except OSError as error:
        failures.append(f"cannot write to {path.parent}: {reason(error)}")
    raise problem(path, f"is missing and could not be downloaded ({', '.join(failures)})", expected, remedy)


@contextmanager
def _patience() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
