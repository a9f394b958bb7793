"""The colours that mean something, the same on every page.

The ten class colours are Petroff's accessible cycle (arXiv 2107.02270): told apart by readers with any of the common
colour-vision deficiencies, and, with `SHAPES`, by those who see no colour.
"""

from __future__ import annotations

CLASSES = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
SHAPES = (
    "circle",
    "square",
    "diamond",
    "cross",
    "x",
    "triangle-up",
    "triangle-down",
    "pentagon",
    "star",
    "hexagram",
)
UNLABELLED = CLASSES[0]
DEAD = "#9a9a9a"
"""A unit that carries nothing; drawn hatched."""


def class_colour(label: int) -> str:
    """The colour of a class; the cycle starts again after ten."""
    return CLASSES[label % len(CLASSES)]


def class_shape(label: int) -> str:
    """The marker of a class, for those who ask for shapes."""
    return SHAPES[label % len(SHAPES)]
