"""The Streamlit app: a view on model folders.

`Home.py` routes; `view` says what a page shows and holds the parts every page has; `library` finds, loads and
caches models; `planes` says where a model's codes lie on a plane; `charts` turns arrays into figures.

Importing this package imports neither torch nor plotly: the shell of a page is on the screen before they are loaded.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `explorer/`, `pages/`, `trained/` and `runs/`."""
