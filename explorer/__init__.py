"""The Streamlit app: a view on model folders.

`Home.py` routes; `view` says what a page shows and holds the parts every page has; `entry` is a model folder read
without torch; `library` finds, loads and caches models; `planes` says where a model's points lie on a plane; `charts`
turns arrays into figures. Pages ask a model what it can do (`library.why_not`), never what kind it is.

Importing this package imports neither torch nor plotly: the shell of a page is on the screen before they are loaded.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `explorer/`, `pages/`, `trained/` and `runs/`."""
