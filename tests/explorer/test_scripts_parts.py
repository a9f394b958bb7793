"""The same of pages that look at units, spheres, layers, codes, and models side by side; and of all lines together."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import (
    codebook,
    draws,
    fates,
    globe,
    layer_planes,
    layered,
    library,
    pairs,
    planes,
    results,
    traversal,
    unit_numbers,
    usage,
    walking,
)
from explorer.charts.region import limits
from explorer.sharing import scripts

from .sharing_helpers import first_quick, ran, runner, same_pictures, warmed, written

slow = pytest.mark.slow


@pytest.fixture
def lines(tmp_path, monkeypatch):
    return runner(tmp_path, monkeypatch)


# -- units -----------------------------------------------------------------------------------------------------


@first_quick(
    ("name", "state"),
    [
        ("digits-standard-8d", {"image": 12}),
        ("digits-planar", {"image": 12, "steps": "5", "dead": True}),
        ("digits-vampprior-8d", {"around": "Prior's mean"}),
        ("digits-maf-prior", {"around": "Prior's mean"}),
        ("digits-hvae-3-layers", {"image": 3, "layer": 2, "follow": True}),
        ("digits-hvae-vampprior", {"around": "Prior's mean", "layer": 1}),
        ("digits-pixelcnn", {"image": 12, "part": 2}),
    ],
)
def test_traversals_of_units(lines, name, state):
    entry, found = lines("traversals", name, **state)
    layers = usage.layers(entry)
    ranked = unit_numbers.ranked(entry, len(layers) - state.get("layer", len(layers)))
    if not state.get("dead"):
        ranked = ranked[~unit_numbers.dead(entry)[ranked]]
    if draws.slow(entry):
        ranked = ranked[walking.SLOW_ROWS :][: walking.SLOW_ROWS]
    assert found["units"] == ranked.tolist()
    own = walking.own_steps(state.get("steps"))
    rows = min(len(ranked), walking.at_once(own, walking.WIDTH))
    steps, count = (walking.FEW, 1) if draws.slow(entry) else walking.filled(rows, own, walking.WIDTH)
    starts = library.encoding(entry).points[state.get("image", 0) :][:count]
    if "around" in state:
        starts = np.concatenate([layered.prior_mean(entry)[0][None], draws.prior_codes(entry, 0, count - 1)])
    follow = state.get("follow", False)
    walks = [walk for z in starts for walk in traversal.by_unit(entry, z, ranked, steps, follow=follow)]
    np.testing.assert_allclose(torch.cat(found["z"]), np.concatenate([walk.z for walk in walks]), atol=1e-4)
    same_pictures(found["pictures"], traversal.pictures(entry, walks))


@first_quick("name", ["digits-vmf", "digits-vmf-5d", "digits-vq-vae", "digits-stick-breaking", "digits-realnvp"])
def test_traversals_of_directions(lines, name):
    entry, found = lines("traversals", name, image=12, steps="5")
    _, count = walking.filled(walking.directions(entry), 5, walking.WIDTH)
    starts = library.encoding(entry).points[12 : 12 + count]
    walks = [walk for z in starts for walk in traversal.by_direction(entry, z, 5)]
    np.testing.assert_allclose(found["z"], np.stack([walk.z for walk in walks]), atol=1e-4)
    same_pictures(found["pictures"], traversal.pictures(entry, walks))


@first_quick("name", ["digits-standard-8d", "digits-hvae", "digits-factor-analysis", "digits-planar"])
def test_active_units(lines, tmp_path, capsys, name):
    entry, found = lines("active_units", name, threshold=0.05)
    shown = unit_numbers.variances(entry)
    np.testing.assert_allclose(found["variances"], shown, rtol=5e-3)
    assert capsys.readouterr().out == f"{int((shown > 0.05).sum())} of {len(shown)} units are active\n"
    kl = unit_numbers.kl(entry)
    bars = found["folder"].metrics["units"]["kl"]
    assert bars is None if kl is None else bars == pytest.approx(kl)
    history = fates.history(entry)
    np.testing.assert_array_equal(found["epochs"], history.epochs)
    np.testing.assert_allclose(found["lives"], history.variances, rtol=1e-6)
    assert (tmp_path / "lives.html").exists()


# -- the sphere ------------------------------------------------------------------------------------------------


@first_quick("projection", ["hammer", "mollweide", "orthographic"])
@first_quick("name", ["digits-vmf-vampprior", "digits-vmf-5d", "digits-power-spherical"])
def test_a_map_of_the_sphere(lines, name, projection):
    from latents import maps

    state = {"map": projection, "longitude": 30, "latitude": -20, "picked": "3.17", "colour": "κ"}
    entry, found = lines("sphere", name, **state)
    shown, narrow = globe.of(entry), globe.concentration(entry)
    turned = shown.points @ maps.turn(np.radians(30), np.radians(-20)).T
    np.testing.assert_allclose(found["g"], shown.points, atol=1e-6)
    np.testing.assert_allclose(found["plane"], maps.MAPS[projection].forward(turned), atol=1e-5)
    np.testing.assert_allclose(found["kappa"], narrow.kappa.reshape(-1), rtol=1e-5)
    pseudo = 0 if shown.pseudo is None else 1
    assert len(found["figure"].data) == 1 + pseudo + 4 + 1  # dots, pseudo-inputs, two caps of each, the great circle


@slow
def test_caps_have_the_angle_of_the_page(lines, monkeypatch):
    from latents import caps

    seen = []
    rim = caps.rim
    monkeypatch.setattr(caps, "rim", lambda centre, angle: seen.append(float(np.ravel(angle)[0])) or rim(centre, angle))
    for name in ("digits-vmf", "digits-vmf-5d"):
        entry, _ = lines("sphere", name, picked="3")
        shown, reach = globe.concentration(entry).caps[3], globe.of(entry).reach[3]
        cosine = 1 - (1 - np.cos(shown)) / reach**2
        assert seen[-2:] == pytest.approx(np.arccos(np.clip(cosine, -1, 1)), abs=1e-4)


@first_quick("name", ["digits-vmf", "digits-vmf-5d"])
@slow
def test_decoded_directions(lines, tmp_path, name):
    from latents import maps

    entry, found = lines("sphere", name, view="Lattice")
    z = globe.of(entry).back(maps.spread(len(found["g"]))).astype(np.float32)
    same_pictures(found["pictures"], library.decode(entry, z))
    wide, high = Image.open(tmp_path / "sphere.png").size
    assert wide / high == pytest.approx(2, abs=0.1)


# -- layers and codes ------------------------------------------------------------------------------------------


@first_quick(("name", "keep"), [("digits-hvae-vampprior", 1), ("digits-hvae-3-layers", 2), ("digits-pixel-hvae", 1)])
def test_layers_drawn_again(lines, name, keep):
    entry, found = lines("layers_and_codes", name, keep=keep, image=7, below_seed=4)
    z, n = library.encoding(entry).points[7:12], 3 if draws.slow(entry) else 8
    drawn = layered.kept(entry, np.repeat(z, n, axis=0), keep, 4).reshape(5, n, -1)
    whole = np.concatenate([z[:, None], layered.kept(entry, z, keep)[:, None], drawn], 1)
    np.testing.assert_allclose(found["z"], whole, atol=1e-5)
    same_pictures(found["pictures"], library.decode(entry, whole.reshape(5 * (n + 2), -1)))


@first_quick("name", ["digits-hvae", "digits-hvae-vampprior", "digits-hvae-3-layers"])
def test_layers_one_by_one(lines, name):
    entry, found = lines("layers_and_codes", name, layers="Layer by layer", image=7)
    z = library.encoding(entry).points[7:12]
    for k, step in enumerate(found["steps"]):
        np.testing.assert_allclose(step, layered.kept(entry, z, k), atol=1e-5)
        same_pictures(found["pictures"][:, k], library.decode(entry, layered.kept(entry, z, k)))


@slow
def test_planes_of_layers(lines, tmp_path):
    entry, found = lines("layers_and_codes", "digits-hvae-3-layers", layers="Planes")
    for layer, plane in enumerate(found["planes"]):
        np.testing.assert_allclose(plane, layer_planes.layout(entry, layer).points, atol=1e-5)
    assert (tmp_path / "layer-3.html").exists()


@slow
def test_decoded_planes_of_layers(lines):
    entry, found = lines("layers_and_codes", "digits-hvae-3-layers", layers="Planes", planes="Decoded")
    for layer, pictures in enumerate(found["sheets"]):
        layout = layer_planes.layout(entry, layer)
        z = layout.from_plane(planes.lattice(limits([layout.points]), 20)).astype(np.float32)
        z = layered.below_at_mean(entry, z[:, : sum(usage.layers(entry)[: layer + 1])])
        same_pictures(pictures, library.decode(entry, z))


def test_codes(lines, capsys):
    entry, found = lines("layers_and_codes", "digits-vq-vae", image=12, place=5, code=2)
    book, codes = codebook.of(entry), codebook.codes(entry)[12]
    shown = library.decode(entry, np.stack([codes, codebook.swapped(codes, 5, 2)]).astype(np.float32))
    same_pictures(torch.stack([found["before"], found["after"]]), shown)
    np.testing.assert_allclose(found["share"], book.shares, atol=1e-6)
    assert f"perplexity {book.perplexity:.1f} of {book.size} codes" in capsys.readouterr().out


# -- side by side ----------------------------------------------------------------------------------------------

THREE = ("digits-standard-8d", "digits-hvae", "digits-causal-convolution")


def compared(part: str, folder, monkeypatch, **state):
    entries = warmed("side_by_side", *THREE)
    made = written("side_by_side", THREE[0], models=list(THREE), compare=part, **state)
    return entries, ran(made[""], folder, monkeypatch)


@slow
def test_planes_side_by_side(tmp_path, monkeypatch):
    entries, found = compared("Planes", tmp_path, monkeypatch)
    assert list(found["found"]) == list(THREE[:2])
    for entry in entries[:2]:
        np.testing.assert_allclose(found["found"][entry.name], planes.of(entry, "PCA").points, atol=1e-4)


def test_numbers_side_by_side(tmp_path, monkeypatch):
    entries, found = compared("Numbers", tmp_path, monkeypatch)
    shown = [
        difference
        for entry in entries[1:]
        for number in ("log_likelihood", "elbo")
        if not isinstance(difference := pairs.difference(entry, entries[0], number), str)
    ]
    assert shown
    assert [gap["difference"] for gap in found["gaps"]] == [one.value for one in shown]
    assert [gap["standard_error"] for gap in found["gaps"]] == [one.error for one in shown]


@slow
def test_pictures_side_by_side(tmp_path, monkeypatch):
    entries, found = compared("Pictures", tmp_path, monkeypatch, image=5, seed=3)
    first, second, third = entries
    who = np.arange(5, 21)
    assert len(found["rows"]) == 6
    for entry in (first, second):
        same_pictures(
            found["rows"][f"{entry.name}, reconstructed"], library.decode(entry, library.encoding(entry).points[who])
        )
    for entry in (first, second, third):
        same_pictures(found["rows"][f"{entry.name}, sampled"], draws.from_prior(entry, 3, 16).pictures)


@first_quick("by", ["KL", "Variance"])
@slow
def test_units_side_by_side(tmp_path, monkeypatch, by):
    entries, found = compared("Units", tmp_path, monkeypatch, by=by)
    for entry in entries[:2]:
        shown = unit_numbers.kl(entry) if by == "KL" else unit_numbers.variances(entry)
        np.testing.assert_allclose(found["profiles"][entry.name], np.sort(shown)[::-1], rtol=1e-3)


# -- all of them -----------------------------------------------------------------------------------------------

USUAL = [
    ("latent_space", "digits-vampprior-2d", {"colour": "ELBO"}),
    ("latent_space", "digits-hvae-vampprior", {"view": "Training", "layer": "z₂"}),
    ("interpolate", "digits-stick-breaking", {"mode": "Walk"}),
    ("interpolate", "digits-hvae", {"mode": "Corners"}),
    ("samples", "digits-pixelcnn", {"source": "Aggregated posterior", "few_rows": 6, "nearest": True}),
    ("pseudo_inputs", "digits-vampprior-2d", {"figure": "Samples"}),
    ("traversals", "digits-hvae-vampprior", {"around": "Prior's mean", "follow": True}),
    ("sphere", "digits-vmf-5d", {"picked": "3.17", "longitude": 10}),
    ("sphere", "digits-vmf", {"view": "Lattice"}),
    ("layers_and_codes", "digits-hvae-3-layers", {"layers": "Layer by layer"}),
    ("layers_and_codes", "digits-vq-vae", {}),
    ("active_units", "digits-planar", {}),
    ("side_by_side", "digits-standard-8d", {"models": list(THREE), "compare": "Pictures"}),
]


@pytest.mark.parametrize(("page", "name", "state"), USUAL[:3] + [pytest.param(*one, marks=slow) for one in USUAL[3:]])
def test_lines_are_few_and_tidy(page, name, state):
    for text in written(page, name, **state).values():
        lines = [line for line in text.splitlines() if line.strip()]
        assert len(lines) <= 30
        assert all(len(line) <= 120 for line in lines)


@slow
def test_lines_pass_the_linter(tmp_path):
    for i, (page, name, state) in enumerate(USUAL):
        for j, text in enumerate(written(page, name, **state).values()):
            (tmp_path / f"lines_{i}_{j}.py").write_text(text, "utf-8")
    rules = [
        "--isolated",
        "--select",
        "E,F,I,W",
        "--line-length",
        "120",
        "--config",
        'lint.isort.known-first-party=["latents", "explorer"]',
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *rules, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_nothing_rather_than_wrong_lines():
    entries = warmed("interpolate", "digits-standard-8d")
    large = {"_own-whole": (np.zeros((1, 8, 8), np.uint8), 0)}  # a picture that no link holds
    assert scripts.of("interpolate", entries, large) == []
    assert scripts.of("sphere", entries, {}) == []
    assert scripts.of("layers_and_codes", entries, {}) == []
    assert scripts.of("pseudo_inputs", entries, {}) == []
    assert scripts.of("new_run", entries, {}) == []
    assert scripts.of("latent_space", warmed("latent_space", "digits-causal-convolution"), {}) == []


def test_results(tmp_path, monkeypatch):
    [entry] = warmed("results", "digits-standard-8d")
    found = ran(written("results", entry.name)[""], tmp_path, monkeypatch)
    shown = results.tables(library.whole())[results.kind(entry)]
    assert {name for _, _, name in found["rows"]} == {row.entry.name for row in shown}
    best = max(shown, key=lambda row: row.value)
    assert found["rows"][0] == (best.value, best.error, best.entry.name)
    assert written("results", "digits-auto-encoder") == {}
