"""The one HTML file: a template, one script, one style sheet, data as text. Nothing in it reaches a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from explorer.canvas import bundle
from explorer.export.packing import Store

FOLDER = Path(__file__).parent
_CONTENT = re.compile(r'<script type="application/json" id="content">(.*?)</script>', re.DOTALL)


def write(title: str, description: str, content: dict[str, Any], store: Store) -> str:
    """The file.

    title, description: of the page, plain text; content: what page.js shows, as JSON, with the addresses that `store`
    has given; store: all bytes.
    """
    script = _in_element(f"{bundle.script()}\n{_read('unpack.js')}\n{_read('page.js')}")
    fields = {
        "policy": html.escape(_policy(script)),
        "title": html.escape(title),
        "description": html.escape(description),
        "style": _read("page.css"),
        "content": _in_json(content),
        "blobs": store.html(),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fields[found[1]], _read("page.html"))


def content_of(page: str) -> dict[str, Any]:
    """The JSON of a file made by `write`."""
    found = _CONTENT.search(page)
    if found is None:
        raise ValueError("this is no file of the explorer: it has no content")
    return json.loads(found[1])


def _policy(script: str) -> str:
    """Only this very script runs; nothing is fetched, sent or framed."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _in_json(content: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in, whatever names it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _in_element(script: str) -> str:
    """The script, as it may stand in its element; browsers change carriage returns, and so its hash."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", script.replace("\r", ""), flags=re.IGNORECASE)


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
