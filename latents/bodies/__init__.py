"""The bodies of encoders and decoders: what lies between the input and the head that makes a distribution."""

from ..modules import import_all
from .base import Decoder, Encoder

__all__ = ["Decoder", "Encoder"]

import_all(__name__, __path__)
