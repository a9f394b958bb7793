"""Maps of the sphere against closed forms, their own inverses and each other; caps against draws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from latents.caps import cap
from latents.maps import GAP, MAPS, angles, great_circle, spread, turn, vectors
from latents.power_spherical import PowerSpherical
from latents.von_mises_fisher import VonMisesFisher

EVERY = pytest.mark.parametrize("name", MAPS)
EQUAL = [name for name, one in MAPS.items() if one.equal_area]
ROOT = np.sqrt(2)


def directions(n: int = 4000) -> np.ndarray:
    g = np.random.default_rng(3).normal(size=(n, 3))
    return g / np.linalg.norm(g, axis=1, keepdims=True)


@EVERY
def test_there_and_back(name):
    g = directions()
    np.testing.assert_allclose(MAPS[name].inverse(MAPS[name].forward(g)), g, atol=2e-8)


@EVERY
def test_there_and_back_close_to_the_poles_and_the_edge(name):
    small = 10.0 ** -np.arange(1, 9)
    near = [vectors(0.7, np.pi / 2 - small), vectors(-2.0, small - np.pi / 2), vectors(np.pi - small, 0.3 + 0 * small)]
    for g in near:
        back = MAPS[name].inverse(MAPS[name].forward(g) * (1 - 1e-12))
        np.testing.assert_allclose(back, g, atol=3e-6)


@EVERY
def test_outside_of_the_map_there_is_nothing(name):
    one = MAPS[name]
    corners = np.array([[one.width, one.height], [-one.width, one.height], [one.width, -one.height]])
    assert np.isnan(one.inverse(corners * 1.001)).all()
    if name != "equirectangular":
        assert np.isnan(one.inverse(corners)).all()
    assert np.isfinite(one.inverse(np.array([[-1.0, 0.1]]))).all()


def test_the_gap_between_the_hemispheres_is_no_place():
    assert np.isnan(MAPS["orthographic"].inverse(np.array([[0.0, 0.0], [GAP / 2, 0.0]]))).all()


@pytest.mark.parametrize("name", MAPS)
def test_areas(name):
    """The determinant of the map's derivative against the sphere's own cos(latitude), by central differences."""
    longitude, latitude = np.random.default_rng(0).uniform(-0.45, 0.45, (2, 500)) * [[2 * np.pi], [np.pi]]
    h = 1e-5

    def at(a, b):
        return MAPS[name].forward(vectors(longitude + a, latitude + b))

    east, north = (at(h, 0) - at(-h, 0)) / (2 * h), (at(0, h) - at(0, -h)) / (2 * h)
    area = np.abs(east[:, 0] * north[:, 1] - east[:, 1] * north[:, 0]) / np.cos(latitude)
    if name in EQUAL:
        np.testing.assert_allclose(area, 1, rtol=1e-5)
    else:
        assert area.max() / area.min() > 1.5


@pytest.mark.parametrize("name", EQUAL)
def test_a_random_place_of_an_equal_area_map_is_a_uniform_direction(name):
    """By the converse: uniform places, kept inside; z of a uniform direction is uniform (Archimedes)."""
    one = MAPS[name]
    places = np.random.default_rng(1).uniform(-1, 1, (40_000, 2)) * [one.width, one.height]
    g = one.inverse(places)
    g = g[np.isfinite(g[:, 0])]
    assert 4 * one.width * one.height * len(g) / len(places) == pytest.approx(4 * np.pi, rel=0.02)
    for axis in range(3):
        assert scipy.stats.kstest(g[:, axis], scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_hammer_is_half_of_lamberts_map_stretched():
    """Hammer's own construction: Lambert's azimuthal map of half the longitude, twice as wide."""
    longitude, latitude = angles(directions())
    half = MAPS["lambert"].forward(vectors(longitude / 2, latitude))
    np.testing.assert_allclose(MAPS["hammer"].forward(vectors(longitude, latitude)), half * [2, 1], atol=1e-12)


def test_known_places():
    at = vectors(np.array([0, np.pi - 1e-12, np.pi / 2, 0]), np.array([0, 0, 0, np.pi / 2]))
    expected = [[0, 0], [2 * ROOT, 0], [2 * ROOT * np.sin(np.pi / 4) / np.sqrt(1 + np.cos(np.pi / 4)), 0], [0, ROOT]]
    np.testing.assert_allclose(MAPS["hammer"].forward(at), expected, atol=1e-9)
    np.testing.assert_allclose(MAPS["mollweide"].forward(at)[2:], [[ROOT, 0], [0, ROOT]], atol=1e-9)
    np.testing.assert_allclose(MAPS["equirectangular"].forward(at)[2:], [[np.pi / 2, 0], [0, np.pi / 2]], atol=1e-9)
    np.testing.assert_allclose(MAPS["lambert"].forward(at)[2:], [[ROOT, 0], [0, ROOT]], atol=1e-9)
    np.testing.assert_allclose(MAPS["orthographic"].forward(-at)[0], [1 + GAP, 0], atol=1e-9)


def test_mollweides_parallels_cut_off_the_right_area():
    """The strip between equator and latitude has the area 2 pi sin(latitude) = 4 (theta + sin theta cos theta)."""
    latitude = np.linspace(0.01, 1.55, 60)
    theta = np.arcsin(MAPS["mollweide"].forward(vectors(0.0, latitude))[:, 1] / ROOT)
    np.testing.assert_allclose(4 * (theta + np.sin(theta) * np.cos(theta)), 2 * np.pi * np.sin(latitude), atol=1e-10)


@pytest.mark.parametrize(("longitude", "latitude"), [(0.0, 0.0), (1.2, -0.4), (-3.0, 1.5), (0.3, np.pi / 2)])
def test_a_turn_brings_its_point_to_the_middle_and_leaves_north_up(longitude, latitude):
    rotation = turn(longitude, latitude)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ vectors(np.array(longitude), np.array(latitude)), [1, 0, 0], atol=1e-14)
    north = rotation @ [0, 0, 1]
    assert north[1] == pytest.approx(0, abs=1e-14)
    assert north[2] >= -1e-14


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_spread_directions_have_equal_room(n):
    g = spread(n)
    np.testing.assert_allclose(np.linalg.norm(g, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(g.mean(axis=0), 0, atol=3 / n)
    np.testing.assert_allclose(g.T @ g / n, np.eye(3) / 3, atol=0.02)
    cosines = g @ g.T
    np.fill_diagonal(cosines, -1)
    nearest = np.arccos(cosines.max(axis=1))
    assert nearest.min() > 0.75 * np.sqrt(4 * np.pi / n)
    assert nearest.max() < 1.15 * np.sqrt(4 * np.pi / n)


def test_a_great_circle_goes_the_shorter_way_at_an_even_pace():
    a, b = directions(2)
    path = great_circle(a, b, np.linspace(0, 1, 11))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-12)
    steps = np.arccos(np.sum(path[1:] * path[:-1], axis=1))
    np.testing.assert_allclose(steps, np.arccos(a @ b) / 10, atol=1e-9)
    np.testing.assert_allclose(path @ np.cross(a, b), 0, atol=1e-12)


# -- caps ----------------------------------------------------------------------------------------------------

KAPPAS = (0.01, 1.0, 8.0, 60.0, 5000.0)


@pytest.mark.parametrize("kind", ["vmf", "power-spherical"])
@pytest.mark.parametrize("coordinates", [2, 3, 6])
def test_a_cap_holds_its_share_of_draws(kind, coordinates):
    distribution = {"vmf": VonMisesFisher, "power-spherical": PowerSpherical}[kind]
    mean = torch.nn.functional.one_hot(torch.tensor(0), coordinates).double().expand(len(KAPPAS), -1)
    n = 40_000
    draws = distribution(mean, torch.tensor(KAPPAS, dtype=torch.float64)).rsample((n,)).numpy()
    angle = 2 * np.arcsin(np.clip(np.linalg.norm(draws - mean.numpy(), axis=-1) / 2, 0, 1))
    for share in (0.5, 0.95):
        held = (angle <= cap(kind, np.array(KAPPAS), share, coordinates)).mean(axis=0)
        np.testing.assert_allclose(held, share, atol=4.5 * np.sqrt(share * (1 - share) / n))


@pytest.mark.parametrize("kind", ["vmf", "power-spherical"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_sum_agrees_with_the_closed_form_on_the_usual_sphere(kind, share):
    from latents.caps import _SCORES, _summed

    kappa = np.array(KAPPAS)
    summed = _summed(_SCORES[kind], kappa, share, 3)
    np.testing.assert_allclose(summed, cap(kind, kappa, share), rtol=3e-4)


def test_a_cap_in_closed_form_against_scipys_density():
    """Twice around the pole: the integral of SciPy's density over the cap."""
    kappa, share = 20.0, 0.95
    theta = np.linspace(0, float(cap("vmf", np.array(kappa), share)), 4001)
    at = np.stack([np.sin(theta), 0 * theta, np.cos(theta)], axis=1)
    density = scipy.stats.vonmises_fisher([0, 0, 1], kappa).pdf(at)
    assert np.trapezoid(2 * np.pi * np.sin(theta) * density, theta) == pytest.approx(share, abs=1e-6)


def test_without_concentration_a_cap_is_its_share_of_the_sphere():
    assert float(cap("vmf", np.array(1e-7), 0.5)) == pytest.approx(np.pi / 2, abs=1e-6)


def test_what_is_no_cap_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        cap("vmf", np.ones(1), 95)
    with pytest.raises(ValueError, match="'gaussian' was given"):
        cap("gaussian", np.ones(1), 0.5)
