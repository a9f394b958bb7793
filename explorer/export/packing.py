"""Bytes as text in an HTML file: deflated where that helps, in base 85.

The two bytes of a float16 are packed apart: the second of them repeats itself, the first is noise. Base 85 is a
sixteenth shorter than base 64, which is what two models with their thumbnails need to stay under `build.MOST`. An HTML
element holds each blob, so that a browser keeps it as text until it is unpacked (unpack.js goes the other way).
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass, field

_ELEMENT = re.compile(r'<script type="application/octet-stream" id="(\w+)" data-packed="(\w+)">([^<]*)</script>')
STORED, DEFLATED = "stored", "deflated"


@dataclass
class Store:
    """Gives bytes an address, the same for the same bytes, and writes them as HTML elements."""

    blobs: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def address(self, content: bytes, mimetype: str) -> str:
        """`packed:b3`; pictures are compressed already and are stored as they are."""
        digest = hashlib.sha256(content).hexdigest()
        name = self._names.setdefault(digest, f"b{len(self._names)}")
        self.blobs[name] = content, STORED if mimetype.startswith("image/") else DEFLATED
        return f"packed:{name}"

    _names: dict[str, str] = field(default_factory=dict, repr=False)

    def html(self) -> str:
        """One element for each blob, a line each."""
        return "\n".join(
            f'<script type="application/octet-stream" id="{name}" data-packed="{how}">{_pack(content, how)}</script>'
            for name, (content, how) in self.blobs.items()
        )


def unpacked(html: str) -> dict[str, bytes]:
    """The blobs of a file made with `Store.html`, by name."""
    return {name: _unpack(text, how) for name, how, text in _ELEMENT.findall(html)}


def _pack(content: bytes, how: str) -> str:
    if how == DEFLATED:
        content = zlib.compress(content[0::2] + content[1::2], 9)
    return base64.b85encode(content).decode("ascii").replace("<", ",")  # "<" might end the element


def _unpack(text: str, how: str) -> bytes:
    content = base64.b85decode(text.replace(",", "<"))
    if how != DEFLATED:
        return content
    apart = zlib.decompress(content)
    half = (len(apart) + 1) // 2
    together = bytearray(len(apart))
    together[0::2], together[1::2] = apart[:half], apart[half:]
    return bytes(together)
