"""What the menu of a page gives away: lines that run and give what the page shows, and files with its numbers."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import ROOT, draws, library
from explorer.sharing import arrays, lines, tours

PAGES = sorted("" if path.stem == "home" else path.stem for path in (ROOT / "pages").glob("*.py"))


def run(page: str, name: str, tmp_path, monkeypatch, **state) -> dict:
    """What the lines of a page leave behind, run in a folder with the project's trained models."""
    (tmp_path / "trained").symlink_to(ROOT / "trained")
    monkeypatch.chdir(tmp_path)
    text = lines.of(page, [library.find(name)], state)
    assert text
    found: dict = {}
    exec(compile(text, "lines", "exec"), found)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_tour(page):
    assert 3 <= len(tours.of(page)) <= 4


@pytest.mark.parametrize("name", ["digits-vampprior-2d", "digits-standard-8d", "digits-vmf", "digits-pca"])
def test_the_lines_of_a_plane(name, tmp_path, monkeypatch):
    from explorer import planes

    found = run("latent_space", name, tmp_path, monkeypatch)
    entry = library.find(name)
    shown = planes.of(entry, planes.kinds(entry)[0])
    np.testing.assert_allclose(np.asarray(found["points"]), shown.points, atol=5e-3)  # the app keeps bytes of pixels
    assert (tmp_path / "plane.html").stat().st_size > 1000


def test_the_lines_of_samples(tmp_path, monkeypatch):
    found = run("samples", "digits-vampprior-2d", tmp_path, monkeypatch, seed=3)
    shown = draws.from_prior(library.find("digits-vampprior-2d"), 3, 64).pictures
    assert np.abs(found["pictures"].detach().numpy() * 255 - shown).max() <= 0.51
    assert Image.open(tmp_path / "samples.png").width >= 16 * 16
    assert lines.of("samples", [library.find("digits-vampprior-2d")], {"temperature": 0.5}) == ""


def test_the_lines_of_pseudo_inputs_and_units(tmp_path, monkeypatch, capsys):
    run("pseudo_inputs", "digits-vampprior-2d", tmp_path, monkeypatch)
    assert (tmp_path / "pseudo-inputs.png").exists()
    (tmp_path / "trained").unlink()
    run("active_units", "digits-standard-8d", tmp_path, monkeypatch)
    from explorer import unit_numbers

    active = int((~unit_numbers.dead(library.find("digits-standard-8d"))).sum())
    assert capsys.readouterr().out == f"{active} of 8 units are active\n"


def test_the_files_hold_what_the_page_shows():
    entry = library.find("digits-vampprior-2d")
    found = library.encoding(entry)
    packed, table = (file.make() for file in arrays.of("latent_space", [entry], {}))
    with np.load(io.BytesIO(packed)) as file:
        np.testing.assert_array_equal(file["points"], found.points)
        np.testing.assert_array_equal(file["labels"], found.images.labels)
    read = np.genfromtxt(io.BytesIO(table), delimiter=",", names=True)
    np.testing.assert_allclose(np.stack([read["z1"], read["z2"]], axis=1), found.points, rtol=1e-6)
    shown = draws.from_prior(entry, 5, 64).pictures
    [samples] = arrays.of("samples", [entry], {"seed": 5})
    with np.load(io.BytesIO(samples.make())) as file:
        np.testing.assert_array_equal(file["pictures"][:64], shown)
    [pseudo] = arrays.of("pseudo_inputs", [entry], {})
    with np.load(io.BytesIO(pseudo.make())) as file:
        assert len(file["pseudo_inputs"]) == len(file["points"]) == entry.components
    [units] = arrays.of("active_units", [entry], {})
    read = np.genfromtxt(io.BytesIO(units.make()), delimiter=",", skip_header=1)
    np.testing.assert_allclose(read[:, 1], found.points.astype(float).var(axis=0))


def test_the_menu_is_on_a_page():
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params["model"] = "digits-vampprior-2d"
    at.run()
    at.switch_page("../pages/active_units.py").run()
    assert not at.exception
    assert "encode_all" in at.code[0].value
    assert any("CSV" in button.label for button in at.get("download_button"))


def test_without_controls_figures_and_letters_are_larger():
    sizes = []
    for hide in ("", "controls"):
        at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
        at.query_params.update({"model": "digits-standard-8d", "hide": hide})
        at.run()
        at.switch_page("../pages/active_units.py")
        at.query_params["hide"] = hide
        at.run()
        assert not at.exception
        layout = json.loads(at.get("plotly_chart")[0].proto.spec)["layout"]
        sizes.append((layout["height"], layout["xaxis"]["tickfont"]["size"]))
    assert sizes[1][0] > sizes[0][0]
    assert sizes[1][1] > 1.2 * sizes[0][1]
