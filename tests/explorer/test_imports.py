import subprocess
import sys

HEAVY = ("torch", "torchvision", "umap", "numba", "sklearn")
SHELL = """
import sys
import explorer, explorer.library, explorer.view, explorer.warm, explorer.words, explorer.planes, explorer.projecting
explorer.library.entries()
print(*[name for name in {heavy!r} if name in sys.modules])
"""
LIST = """
import sys
from explorer import run_actions, run_list, run_view, running, sweeps
run_list.rows(running.find())
print(*[name for name in {heavy!r} if name in sys.modules])
"""
WARM = """
import sys
import explorer.warm
explorer.warm._load()
print(*[name for name in {heavy!r} if name in sys.modules])
"""


def loaded(script: str, heavy: tuple[str, ...]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script.format(heavy=heavy)], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.split()


def test_the_shell_of_a_page_imports_nothing_heavy():
    assert loaded(SHELL, HEAVY) == []


def test_the_web_process_never_imports_what_trains_or_projects():
    assert loaded(WARM, HEAVY[1:]) == []


def test_the_list_of_runs_imports_nothing_heavy():
    assert loaded(LIST, (*HEAVY, "ray", "latents.training")) == []
