"""A model folder from elsewhere, zipped or on this machine, taken into the library as data and never as code.

Only the files that a model folder has are read, each no further than a limit; they are copied into a hidden folder of
the runs' root and moved into place when `latents` reads all of them. Nothing else is written.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from explorer import access, running
from explorer.checking import NotAModelError, check
from explorer.words import count, size

MB = 10**6
LIMITS = {
    "config.json": 1 * MB,
    "model.safetensors": 1000 * MB,
    "metrics.json": 4 * MB,
    "evaluation.safetensors": 50 * MB,
    "history.csv": 16 * MB,
    "snapshots.safetensors": 500 * MB,
    "projections.safetensors": 100 * MB,
    "log.txt": 16 * MB,
    "README.md": 1 * MB,
}
"""The files that are taken, and how many bytes each may have. (What a run is asked to do and which process it is are
not: they would be believed here. A checkpoint is a pickle.)"""
NEEDED = ("config.json", "model.safetensors")
ZIPPED, TIMES = 300 * MB, 200
"""How much a zip may hold unpacked, and how many times its own size."""
MEMBERS = 2000
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Opened:
    """A model that was taken: its folder, and the names of files that were left out."""

    path: Path
    left_out: tuple[str, ...]


Source = Callable[[], IO[bytes]]


def from_zip(content: bytes, name: str = "") -> Opened:
    """Take the model folder in a zip file. name: what it is to be called; by default as its recipe.

    Raises:
        ReadOnlyError: the app is read-only.
        NotAModelError: one sentence on why it is refused.
    """
    access.refuse_if_read_only("open models")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found, left_out = _members(archive, len(content))
            return _take({one: _opener(archive, member) for one, member in found.items()}, name, left_out, ZIPPED)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, NotAModelError | access.ReadOnlyError):
            raise
        raise NotAModelError(
            f"This file of {count(len(content), 'byte')} cannot be unpacked ({_said(error)}). Zip the folder again."
        ) from error


def from_folder(typed: str, name: str = "") -> Opened:
    """Take a copy of a model folder on this machine. Raises as `from_zip`."""
    access.refuse_if_read_only("open models")
    try:
        path = Path(typed.strip()).expanduser()
        if not typed.strip() or not path.is_absolute():
            raise NotAModelError(
                f"“{typed}” was given, but the whole path of a folder is needed, such as /home/me/run."
            )
        if not path.is_dir():
            raise NotAModelError(f"There is no folder {path}. Give the path of a folder with {' and '.join(NEEDED)}.")
        listed = sorted(path.iterdir())[:MEMBERS]
        for one in listed:
            if one.name in LIMITS and not stat.S_ISREG(one.lstat().st_mode):
                raise NotAModelError(
                    f"{one.name} is a link or no plain file; give the folder that holds the file itself."
                )
        taken = {one.name: _reader(one) for one in listed if one.name in LIMITS}
        left_out = tuple(one.name for one in listed if one.name not in LIMITS)
        return _take(taken, name, left_out, sum(LIMITS.values()))
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, NotAModelError | access.ReadOnlyError):
            raise
        raise NotAModelError(f"The folder cannot be copied ({_said(error)}).") from error


# -- what is in a zip ----------------------------------------------------------------------------------------


def _members(archive: zipfile.ZipFile, packed: int) -> tuple[dict[str, zipfile.ZipInfo], tuple[str, ...]]:
    """The members that are taken, by the name of their file, and the names of the others. Nothing is unpacked yet."""
    listed = archive.infolist()
    if len(listed) > MEMBERS:
        raise NotAModelError(f"The zip holds {len(listed):,} files; a model folder has at most {MEMBERS:,}.")
    for member in listed:
        _refuse_bad(member)
    homes = sorted({_place(member).parent for member in listed if _place(member).name == NEEDED[0]}, key=_depth)
    if not homes:
        raise NotAModelError(f"The zip holds no model folder: there is no {NEEDED[0]} in it.")
    if len(homes) > 1 and _depth(homes[0]) == _depth(homes[1]):
        raise NotAModelError(
            f"The zip holds several model folders ({', '.join(str(home) for home in homes[:3])}). Zip one of them."
        )
    found: dict[str, zipfile.ZipInfo] = {}
    left_out = []
    for member in listed:
        place = _place(member)
        if place.parent != homes[0] or place.name not in LIMITS or member.is_dir():
            left_out += [] if member.is_dir() else [str(place)]
        elif place.name in found:
            raise NotAModelError(f"The zip holds {place} twice. Zip the folder again.")
        else:
            found[place.name] = member
    declared = sum(member.file_size for member in found.values())
    if declared > min(ZIPPED, TIMES * packed):
        raise NotAModelError(
            f"The zip says that it unpacks to {size(declared)}, from {size(packed)}; at most {size(ZIPPED)} and "
            f"{TIMES} times its size are unpacked. Copy a larger model to this machine and give its folder."
        )
    return found, tuple(left_out)


def _place(member: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename)


def _depth(place: PurePosixPath) -> int:
    return len(place.parts)


def _refuse_bad(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if "\\" in name or "\0" in name or ":" in name or name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise NotAModelError(f"The zip names a file outside its own folder, {name!r}. Zip the folder again.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise NotAModelError(
            f"{name!r} in the zip is a link or no plain file. Zip the folder with the files themselves."
        )
    if member.flag_bits & 0x1:
        raise NotAModelError("The zip is encrypted. Zip the folder without a password.")


def _opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    return lambda: archive.open(member)


def _reader(path: Path) -> Source:
    return lambda: os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")


# -- taking it -----------------------------------------------------------------------------------------------


def _take(sources: dict[str, Source], name: str, left_out: tuple[str, ...], most: int) -> Opened:
    from latents.errors import RunError
    from latents.runs import names

    for needed in NEEDED:
        if needed not in sources:
            raise NotAModelError(f"This is no model folder: it has no {needed}.")
    try:
        wanted = names.check(name.strip()) if name.strip() else ""
    except RunError as error:
        raise NotAModelError(f"{error}.") from error
    with _hidden(running.root()) as folder:
        for one, source in sources.items():
            most -= _copy(source, folder / one, min(LIMITS[one], most))
        recipe = check(folder)
        path = names.take(running.root(), running.free_name(wanted or names.check(recipe.name)))
        os.rename(folder, path)  # onto the empty folder that has just been made: the name is ours
    return Opened(path, left_out)


@contextmanager
def _hidden(root: Path) -> Iterator[Path]:
    """A new folder under the runs' root that neither the library nor the runs list; gone in the end."""
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".opening-", dir=root))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Source, target: Path, most: int) -> int:
    """Copy one file, counting what really comes: a zip may declare what it likes. Returns the bytes."""
    copied = 0
    with source() as stream, open(target, "xb") as file:
        while chunk := stream.read(_CHUNK):
            copied += len(chunk)
            if copied > most:
                raise NotAModelError(f"{target.name} is larger than the {size(most)} that are taken.")
            file.write(chunk)
    return copied


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
