"""Latent space in a browser: colours and holes change in place, and a lasso's images come as a file."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from explorer.canvas import picked

pytestmark = pytest.mark.browser
MODEL = "digits-standard-2d"


def test_colour_holes_and_the_file_of_a_selection(visit):
    chosen = tuple(range(0, 90, 3))
    visit.open("latent_space", model=MODEL, holes="true", picked=picked.encode(chosen))
    page = visit.page
    page.get_by_text("of its mass where q(z)").wait_for(timeout=60_000)
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="ELBO", exact=True).click()
    page.get_by_text("nats (ELBO)").wait_for(timeout=30_000)
    page.get_by_text("coloured by its ELBO in nats").wait_for()
    assert "colour=ELBO" in page.url
    visit.screenshot(f"latent_space_colour-{visit.theme}")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV and images").click()
    with zipfile.ZipFile(download.value.path()) as file:
        table = list(csv.DictReader(io.StringIO(file.read("selection.csv").decode())))
        assert sum(name.endswith(".png") for name in file.namelist()) == len(chosen)
    assert [int(row["image"]) for row in table] == list(chosen)
