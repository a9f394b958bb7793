"""Packages whose every module defines parts: a new file needs no line elsewhere."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def import_all(package: str, path: list[str]) -> None:
    """Import the modules of a package, in the order of their names."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")
