"""p(x) = prod_i p(x_i | x_1, ..., x_{i-1}): images as products of conditionals, and the networks that give them.

The order is fixed: rows from the top, pixels from the left, and the colours of a pixel as they come (red, green, blue).
"""

from .distribution import AutoregressiveImage, CausalNetwork, Walk, from_sequence, to_sequence
from .outputs import OUTPUTS, Output
from .pixelcnn import PixelCNN

__all__ = [
    "OUTPUTS",
    "AutoregressiveImage",
    "CausalNetwork",
    "Output",
    "PixelCNN",
    "Walk",
    "from_sequence",
    "to_sequence",
]
