"""What can go wrong by a user's doing. Each message is one sentence that says what was given, what was
expected and what to do; the command line prints it and exits with 2, the pages show it."""

from __future__ import annotations


class LatentsError(Exception):
    """Something that the user can mend."""


class DataError(LatentsError):
    """A data set is missing, damaged, or not what it should be."""


class RecipeError(LatentsError):
    """A recipe has an unknown field, a bad value, or parts that do not fit together."""


class FolderError(LatentsError):
    """A model folder is missing a file, or holds one that is damaged or does not fit."""


class TrainingError(LatentsError):
    """A training run cannot go on."""


class RunError(LatentsError):
    """A run cannot be launched, changed or found."""


class SweepError(LatentsError):
    """A sweep does not exist, or is not what was launched under its name."""
