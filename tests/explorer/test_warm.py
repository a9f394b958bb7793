"""What libraries bring along is set aside from the collection of garbage, once for each time that more of them came."""

from __future__ import annotations

import sys
from types import ModuleType

from explorer import warm


def test_objects_are_set_aside_when_more_modules_have_come(monkeypatch):
    frozen = []
    monkeypatch.setattr(warm.gc, "collect", lambda: None)
    monkeypatch.setattr(warm.gc, "freeze", lambda: frozen.append(len(sys.modules)))
    monkeypatch.setattr(warm, "_seen", 0)
    warm.settle()
    warm.settle()
    assert len(frozen) == 1
    for i in range(warm._FEW + 1):
        monkeypatch.setitem(sys.modules, f"brought_along_{i}", ModuleType("brought_along"))
    warm.settle()
    assert len(frozen) == 2
