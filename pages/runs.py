"""Runs."""

from explorer import view

view.writable()
with view.header("Runs"):
    pass
