"""A lecture in a file: one or two models on their planes, with decoder, encoder and pad, as one HTML file.

>>> from explorer import export, library
>>> page = export.html([library.find("mnist-standard-2d"), library.find("mnist-vampprior-2d")])

The file opens from a disk in any recent browser; its policy forbids it every network. `python -m explorer export` and
the Latent space page write it.
"""

from __future__ import annotations

from explorer.export.build import MOST, NotExportable, html, why_not
from explorer.export.packing import unpacked
from explorer.export.page import content_of

__all__ = ["MOST", "NotExportable", "content_of", "html", "unpacked", "why_not"]
