"""Starts runs of one name at a given moment: `starter.py ROOT RECIPE NAME COUNT MOMENT [--idle]`."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent))

from latents import runs

root, recipe, name, count, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
if "--idle" in sys.argv:
    import idle_worker

    idle_worker.use()
text = recipe.read_text()
given = SimpleNamespace(name=name, json_text=lambda: text)  # what `launch` asks of a recipe, without torch
time.sleep(max(0.0, float(moment) - time.time()))
for _ in range(count):
    print(runs.launch(given, root).name, flush=True)
