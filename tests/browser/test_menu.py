"""The menu of a page in a real browser: its lines are copied, its numbers are saved, and it stays on the screen."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from explorer import ROOT, courses, library

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST, SECOND = "digits-hvae", "digits-standard-8d"


def test_two_models_give_their_lines_and_numbers(visit, tmp_path):
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("interpolate", model=FIRST, beside=SECOND, image="12", towards="30", steps="5")
    page.get_by_role("button", name="Share").click()
    page.wait_for_selector("text=Data of " + SECOND)
    box = page.locator('[data-testid="stPopoverBody"]').bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    assert box["y"] + box["height"] <= 720
    page.get_by_role("tab", name=SECOND).click()
    page.locator("button:visible", has_text="Copy Python").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.lx-said')].some(one => one.textContent === 'The lines are copied.')"
    )
    text = page.evaluate("() => navigator.clipboard.readText()")
    assert f"trained/{SECOND}" in text
    (tmp_path / "trained").symlink_to(ROOT / "trained")
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "line.png").stat().st_size > 100
    with page.expect_download() as saved:
        page.get_by_role("button", name="Path (CSV)").first.click()
    assert saved.value.suggested_filename == f"{FIRST}-path.csv"
    with Path(saved.value.path()).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    entry = library.find(FIRST)
    points = library.encoding(entry).points
    shown = courses.line(entry, points[12], points[30], 5)
    np.testing.assert_allclose([float(row["z3"]) for row in rows], shown.z[:, 2], rtol=1e-4, atol=1e-5)
