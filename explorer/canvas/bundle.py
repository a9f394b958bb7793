"""A folder's ES modules as one self-contained script: the canvas's, for Streamlit and for the exported file alike.

No tool and no download: the modules use a small part of the language's module syntax on purpose, named imports from
beside them (`import { a, b } from "./other.js";`) and named exports (`export function`, `export class`,
`export const`). Each becomes a function's scope, so equal private names do not meet. `python -m explorer.canvas.bundle`
prints the script.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
ENTRY = "index.js"
_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w-]+\.js)";[ \t]*$', re.MULTILINE)
_REEXPORT = re.compile(r'^export\s*\{([^}]*)\}\s*from\s*"\./([\w-]+\.js)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export\s+((?:async\s+)?(?:function\*?|class|const)\s+(\w+))", re.MULTILINE)
_OTHER = re.compile(r"^\s*(import|export)\b.*$", re.MULTILINE)


def script(folder: Path | None = None) -> str:
    """The bundle: an ES module that exports what `index.js` exports, with the style sheets inside.

    Made once, in some milliseconds, and again when a file has changed: a page that is reloaded shows what was edited.
    folder: of the modules, the canvas's by default.
    """
    folder = folder or FOLDER
    files = (path for path in folder.iterdir() if path.suffix in (".js", ".css"))
    return _made(folder, tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files)))


@lru_cache(maxsize=2)
def _made(folder: Path, files: tuple[tuple[str, int], ...]) -> str:
    order: list[str] = []
    _visit(folder, ENTRY, order, ())
    sheets = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.css")))
    parts = [f"const $sheets = {json.dumps(sheets)};"]
    parts += [_wrapped(folder, name) for name in order]
    exported = ", ".join(_exports((folder / ENTRY).read_text("utf-8")))
    return "\n".join([*parts, f"export const {{ {exported} }} = {_variable(ENTRY)};", ""])


def _visit(folder: Path, name: str, order: list[str], above: tuple[str, ...]) -> None:
    """Depth first: a module stands behind all that it imports."""
    if name in above:
        raise ValueError(f"the modules {' -> '.join([*above, name])} import each other in a circle")
    if name in order:
        return
    source = (folder / name).read_text("utf-8")
    for pattern in (_IMPORT, _REEXPORT):
        for _, other in pattern.findall(source):
            _visit(folder, other, order, (*above, name))
    order.append(name)


def _wrapped(folder: Path, name: str) -> str:
    source = (folder / name).read_text("utf-8")
    exported = ", ".join(_exports(source))
    body = _IMPORT.sub(lambda found: f"const {{{_renamed(found[1])}}} = {_variable(found[2])};", source)
    body = _REEXPORT.sub(lambda found: f"const {{{found[1]}}} = {_variable(found[2])};", body)
    body = _EXPORT.sub(r"\1", body)
    rest = _OTHER.search(body)
    if rest:
        raise ValueError(f"{name}: the bundler does not know this kind of import or export: {rest[0].strip()}")
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"


def _renamed(names: str) -> str:
    """`a, b as c` as a destructuring pattern: `a, b: c`."""
    return re.sub(r"(\w+)\s+as\s+(\w+)", r"\1: \2", names)


def _exports(source: str) -> list[str]:
    again = [name.strip() for names, _ in _REEXPORT.findall(source) for name in names.split(",") if name.strip()]
    return [name for _, name in _EXPORT.findall(source)] + again


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))


if __name__ == "__main__":
    print(script())
